"""``stratos dataset``: build, show, compare and export training examples."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from stratos_tui.commands.datasets_text import build_lines, cost_lines, difference_lines, length_lines
from stratos_tui.commands.door import Door, door_options, group, progress
from stratos_tui.commands.tokens import counter, limit_of, tokenizer_name
from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets as stored
from stratos_tui.store.datasets import Dataset
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    from stratos_tui.dataset.older import Older
    from stratos_tui.dataset.pool import Labels
    from stratos_tui.dataset.rebalance import Strategy
    from stratos_tui.progress import Report


@group()
def dataset() -> None:
    """Build, show, compare and export training examples."""


@dataset.command("build")
@click.option("--teacher", default="rehearsal", show_default=True, help="Whose accepted traces.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--strategy",
    type=click.Choice(["mixed", "down_sample", "repeat", "weights"]),
    default="mixed",
    show_default=True,
    help="How bands come to their target: capped repeats and dropping, only one of them, or a weight for each row.",
)
@click.option("--max-repeats", type=click.IntRange(1), help="How often a pair stands at most.  [default: 2]")
@click.option("--keep", type=click.FloatRange(0, 1), help="The least share of a group that mixed leaves.  [default: 1]")
@click.option(
    "--older",
    type=click.Choice(["without", "merge", "only"]),
    default="without",
    show_default=True,
    help="Imported rows: merge those of 5.5 and more in good format; or only the others, as answers without traces.",
)
@click.option(
    "--labels",
    type=click.Choice(["teacher", "operator"]),
    default="teacher",
    show_default=True,
    help="Whose scores train.",
)
@click.option("--max-tokens", type=click.IntRange(1), help="Set longer rows aside, by the tokenizer of --base.")
@click.option("--base", help="The base whose tokenizer counts: a folder or a name.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost, and build nothing.")
@door_options
def build(
    door: Door,
    teacher: str,
    seed: int,
    strategy: Strategy,
    max_repeats: int | None,
    keep: float | None,
    older: Older,
    labels: Labels,
    max_tokens: int | None,
    base: str | None,
    dry_run: bool,
) -> None:
    """Build a dataset from a teacher's accepted traces. The same traces give the same build, which is found."""
    from stratos_tui.dataset.build import KEEP, MAX_REPEATS, plan_build
    from stratos_tui.dataset.build import build as make
    from stratos_tui.jobs import run_here

    wanted: dict[str, Any] = {
        "strategy": strategy,
        "max_repeats": MAX_REPEATS if max_repeats is None else max_repeats,
        "keep": KEEP if keep is None else keep,
        "older": older,
        "labels": labels,
    }

    def work(report: Report) -> dict[str, Any]:
        made = make(store, teacher, seed=seed, **wanted, limit=limit, report=report)
        return _document(_known(store, made))

    with door.store() as store, progress("dataset") as report:
        limit = limit_of(store, max_tokens, base)
        if dry_run:
            cost = plan_build(store, teacher, **wanted, limit=limit, report=report)
            door.answer(
                {
                    "strategy": strategy,
                    "bands": {band: asdict(each) for band, each in cost.bands.items()},
                    "shares": {name: asdict(each) for name, each in cost.shares.items()},
                    **{name: getattr(cost, name) for name in ("rows", "dropped", "repeated", "effective")},
                },
                cost_lines(cost),
            )
            return
        params = {"teacher": teacher, "seed": seed, **wanted, "max_tokens": max_tokens, "base": base}
        document = run_here(store, "dataset", params, work, report)
    door.answer(document, build_lines(document))


@dataset.command("show")
@click.argument("dataset_id", type=int, required=False)
@click.option("--base", help="Count tokens with this base's tokenizer, once: nano, a folder or a name.")
@door_options
def show(door: Door, dataset_id: int | None, base: str | None) -> None:
    """Show a build, or the newest."""
    from stratos_tui.store import lengths

    with door.store() as store:
        found = _known(store, chosen_dataset(store, dataset_id))
        if base is not None:
            _count(store, found, base)
        names = lengths.tokenizers(store, found.id)
        known = [each for name in names if (each := lengths.lengths(store, found.id, name)) is not None]
        document = _document(found) | {"lengths": [asdict(each) for each in known]}
    door.answer(document, [*build_lines(document), *length_lines(known)])


@dataset.command("compare")
@click.argument("first", type=int)
@click.argument("second", type=int)
@door_options
def compare(door: Door, first: int, second: int) -> None:
    """Compare two builds: pairs that came, went or changed, band shares, parameters, order."""
    from stratos_tui.dataset.compare import compare as difference

    with door.store() as store:
        found = difference(store, _known(store, first), _known(store, second))
    door.answer(asdict(found), difference_lines(found))


@dataset.command("export")
@click.argument("dataset_id", type=int, required=False)
@click.option("--format", "form", type=click.Choice(["messages", "prompt-completion", "hf"]), default="messages")
@click.option("--split", type=click.Choice(["train", "eval"]), default="train", show_default=True, help="hf has both.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The JSONL file, or the new folder for hf, to write."
)
@door_options
def export(
    door: Door, dataset_id: int | None, form: Literal["messages", "prompt-completion", "hf"], split: Split, out: Path
) -> None:
    """Write a build's examples as JSONL or as a Hugging Face dataset directory, whole or not at all."""
    from stratos_tui.dataset.export_hf import export_hf
    from stratos_tui.dataset.export_training import export as write

    with door.store() as store:
        which = chosen_dataset(store, dataset_id)
        count = sum(export_hf(store, which, out).values()) if form == "hf" else write(store, which, out, form, split)
    door.answer({"dataset": which, "file": str(out), "rows": count}, f"{count:,} rows written to {out}")


def chosen_dataset(store: Store, dataset_id: int | None) -> int:
    """Return the id of the build that was named, or of the newest.

    Raises:
        StratosError: there is none.
    """
    if dataset_id is not None:
        return _known(store, dataset_id).id
    newest = stored.latest(store)
    if newest is None:
        raise StratosError("there is no dataset yet; `stratos dataset build` makes one")
    return newest.id


def _count(store: Store, found: Dataset, base: str) -> None:
    """Count a build's tokens with a base's tokenizer, unless that was done before."""
    from stratos_tui.dataset.lengths import measure
    from stratos_tui.jobs import run_here
    from stratos_tui.store import lengths

    name = tokenizer_name(base)
    if lengths.lengths(store, found.id, name) is not None:
        return

    def work(report: Report) -> dict[str, Any]:
        return asdict(measure(store, found.id, name, counter(store, found.id, base), report))

    with progress("tokens") as report:
        run_here(store, "lengths", {"dataset": found.id, "base": base}, work, report)


def _known(store: Store, dataset_id: int) -> Dataset:
    found = stored.get(store, dataset_id)
    if found is None:
        known = ", ".join(str(each.id) for each in stored.load(store)) or "none yet"
        raise StratosError(f"there is no dataset {dataset_id}; there are {known}")
    return found


def _document(found: Dataset) -> dict[str, Any]:
    counts = found.summary["counts"]
    return {**asdict(found), **found.summary, "splits": {"train": counts["train"], "eval": counts["eval"]}}
