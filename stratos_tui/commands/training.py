"""``stratos train``: preflight, mask, pilot, start, watch, stop and resume a run."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from stratos_tui.commands.datasets import chosen_dataset
from stratos_tui.commands.door import Door, door_options, group, progress, table
from stratos_tui.errors import StratosError
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Run
from stratos_tui.training.recipes import KEEPS_LOSS, read_settings

_dataset = click.option("--dataset", "dataset_id", type=int, help="Which build; the newest unless named.")
_base = click.option("--base", default="nano", show_default=True, help="nano, or a model's folder or name.")
_set = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Replace one setting of the recipe.")
_override = click.option(
    "--override", "overridden", multiple=True, metavar="CHECK", help="Let a preflight check fail; recorded."
)
_accelerate = click.option(
    "--accelerate-config",
    "accelerate",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Train by accelerate launch with this configuration, on several devices; recorded for resume.",
)


@group()
def train() -> None:
    """Preflight, mask, pilot, start, watch, stop and resume a run."""


@train.command("preflight")
@_dataset
@_base
@_set
@door_options
def preflight(door: Door, dataset_id: int | None, base: str, settings: tuple[str, ...]) -> int:
    """Run the checks that stand before a run; exits 1 where one fails."""
    from stratos_tui.jobs import run_here
    from stratos_tui.training.preflight import preflight as run_checks

    replaced = read_settings(settings)
    with door.store() as store, progress("preflight") as report:
        which = chosen_dataset(store, dataset_id)
        document = run_here(
            store,
            "preflight",
            {"dataset": which, "base": base, "settings": replaced},
            lambda _: {
                "dataset": which,
                "base": base,
                "checks": [asdict(check) for check in run_checks(store, which, base, replaced)],
            },
            report,
        )
    rows = [
        ("ok" if check["ok"] else "FAILS", check["name"], check["value"], check["threshold"], check["why"])
        for check in document["checks"]
    ]
    door.answer(document, table(("", "check", "measured", "wanted", "why"), rows))
    return 0 if all(check["ok"] for check in document["checks"]) else 1


@train.command("mask")
@_dataset
@_base
@click.option("--split", type=click.Choice(["train", "eval"]), default="train", show_default=True)
@click.option("--position", type=click.IntRange(min=0), default=0, show_default=True)
@door_options
def mask(door: Door, dataset_id: int | None, base: str, split: str, position: int) -> None:
    """Show one example token by token, and which tokens are supervised."""
    from stratos_tui.training.mask import mask as tokens_of

    with door.store() as store:
        which = chosen_dataset(store, dataset_id)
        tokens = tokens_of(store, which, "train" if split == "train" else "eval", position, base)
    supervised = sum(token.supervised for token in tokens)
    rows = [("+" if token.supervised else "", token.id, repr(token.text)) for token in tokens]
    text = [*table(("loss", "id", "token"), rows), f"{supervised:,} of {len(tokens):,} tokens are supervised"]
    document = {"dataset": which, "supervised": supervised, "tokens": [asdict(token) for token in tokens]}
    door.answer(document, text)


@train.command("pilot")
@_dataset
@_base
@_set
@_override
@_accelerate
@door_options
def pilot(
    door: Door,
    dataset_id: int | None,
    base: str,
    settings: tuple[str, ...],
    overridden: tuple[str, ...],
    accelerate: Path | None,
) -> int:
    """Train on 1,000 rows at most, then judge paired profiles; exits 1 where a long run would be wasted."""
    from stratos_tui.training import pilot as pilots

    with door.store() as store:
        which = chosen_dataset(store, dataset_id)
        run_id = pilots.start(store, which, base, _overrides(settings, overridden), accelerate)
        run = _watched(store, run_id)
        check = pilots.verdict(store, run_id)
    said = "a long run is worth its hours" if check.ok else "do not start a long run: look at traces and contrast pairs"
    text = [*_lines(run), f"{'ok' if check.ok else 'FAILS'}: {check.value}; wanted {check.threshold}", said]
    door.answer(_document(run) | {"check": asdict(check)}, text)
    return 0 if check.ok else 1


@train.command("start")
@_dataset
@_base
@_set
@_override
@click.option("--epoch2", type=click.Choice(["sorted", "shuffled"]), help="The order after the first epoch.")
@_accelerate
@click.option("--launch/--no-launch", "launched", default=True, help="Without: say how accelerate trains it.")
@click.option("--wait/--no-wait", default=False, help="Watch it until it is done.")
@door_options
def start(
    door: Door,
    dataset_id: int | None,
    base: str,
    settings: tuple[str, ...],
    overridden: tuple[str, ...],
    epoch2: str | None,
    accelerate: Path | None,
    launched: bool,
    wait: bool,
) -> None:
    """Start a run as a process of its own. The same build, base and recipe are the same run."""
    from stratos_tui.training import launch

    replaced = _overrides(settings, overridden) | ({"later_epochs": epoch2} if epoch2 else {})
    with door.store() as store:
        which = chosen_dataset(store, dataset_id)
        if not launched:
            run_id = launch.create(store, which, base, replaced)
            file = launch.launch_by(store, _known(store, run_id), accelerate) or "FILE"
            words = shlex.join(["accelerate", "launch", "--config_file", file, *launch.command(store, run_id)])
            door.answer({"run": run_id, "command": words}, [f"run {run_id} waits for:", f"  {words}"])
            return
        run_id = launch.start(store, which, base, replaced, accelerate)
        run = _watched(store, run_id) if wait else _known(store, run_id)
    door.answer(_document(run), _lines(run))


@train.command("watch")
@click.argument("run_id", type=int, required=False)
@door_options
def watch(door: Door, run_id: int | None) -> None:
    """Watch a run, or the newest, until it is done."""
    with door.store() as store:
        run = _watched(store, _known(store, run_id).id)
    door.answer(_document(run), _lines(run))


@train.command("stop")
@click.argument("run_id", type=int, required=False)
@door_options
def stop(door: Door, run_id: int | None) -> None:
    """Ask a run to stop after its present step, with a checkpoint."""
    from stratos_tui.training import launch

    with door.store() as store:
        run = _known(store, run_id)
        launch.stop(store, run.id)
    door.answer({"run": run.id, "state": "stopping"}, f"run {run.id} stops after its present step")


@train.command("resume")
@click.argument("run_id", type=int, required=False)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help=f"Replace what keeps the loss: {', '.join(KEEPS_LOSS)}.",
)
@_accelerate
@click.option("--wait/--no-wait", default=False, help="Watch it until it is done.")
@door_options
def resume(door: Door, run_id: int | None, settings: tuple[str, ...], accelerate: Path | None, wait: bool) -> None:
    """Go on with a run that ended early, from its last checkpoint."""
    from stratos_tui.training import launch

    with door.store() as store:
        run = _known(store, run_id)
        launch.resume(store, run.id, read_settings(settings), accelerate)
        run = _watched(store, run.id) if wait else _known(store, run.id)
    door.answer(_document(run), _lines(run))


def _watched(store: Store, run_id: int) -> Run:
    from stratos_tui.training import launch

    with progress("train") as report:
        return launch.wait(store, run_id, report)


def _overrides(settings: tuple[str, ...], overridden: tuple[str, ...]) -> dict[str, object]:
    return ({"overridden": list(overridden)} if overridden else {}) | read_settings(settings)


def _known(store: Store, run_id: int | None) -> Run:
    every = runs.load(store)
    if not every:
        raise StratosError("there is no run yet; `stratos train start` makes one")
    if run_id is None:
        return every[0]
    found = next((run for run in every if run.id == run_id), None)
    if found is None:
        raise StratosError(f"there is no run {run_id}; there are {', '.join(str(run.id) for run in every)}")
    return found


def _document(run: Run) -> dict[str, Any]:
    return {"run": run.id, **asdict(run)}


def _lines(run: Run) -> list[str]:
    metrics = [f"  {name}: {value}" for name, value in run.metrics.items()]
    error = [f"  {run.error}"] if run.error else []
    return [f"run {run.id}: {run.base}, {run.state}, step {run.step:,} of {run.total_steps:,}", *metrics, *error]
