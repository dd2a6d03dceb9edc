"""``stratos publish``: merge, convert and serve a run, list what was published, and go back to the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from stratos_tui.commands.door import Door, door_options, group, progress, table
from stratos_tui.jobs import run_here
from stratos_tui.serving.publish import DEFAULT_NAME, alias_of, publish_gguf, publish_ollama, tag_of
from stratos_tui.serving.publish import rollback as go_back
from stratos_tui.store import models
from stratos_tui.store.db import Store
from stratos_tui.store.models import Model

_run = click.option("--run", "run_id", type=int, required=True, help="The run, which must be done.")
_name = click.option("--name", default=DEFAULT_NAME, show_default=True, help="The model's name, without a tag.")
_host = click.option("--host", help="The Ollama server.  [default: OLLAMA_HOST, else this machine]")
_converter = click.option("--converter", help="llama.cpp's converter.  [default: STRATOS_CONVERTER, else on PATH]")


@group()
def publish() -> None:
    """Merge, convert and serve a run; killed and repeated, each goes on from the last whole step."""


@publish.command("gguf")
@_run
@_name
@_converter
@door_options
def gguf(door: Door, run_id: int, name: str, converter: str | None) -> None:
    """Merge a run in fp32, cast it once to bf16, and convert it to GGUF Q8_0."""
    with door.store() as store, progress("publish") as report:
        done = run_here(
            store,
            "publish gguf",
            {"run": run_id, "name": name},
            lambda tell: {"model": publish_gguf(store, run_id, name, converter, tell).id},
            report,
        )
        model = _known(store, done)
        door.answer(_document(store, model), _lines(model, _current(store, model)))


@publish.command("ollama")
@_run
@_name
@_host
@_converter
@door_options
def ollama(door: Door, run_id: int, name: str, host: str | None, converter: str | None) -> int:
    """Create the model in Ollama, compare what it renders, try it, and make it current; exits 1 where it is refused."""
    from stratos_tui.evaluation.smoke import judge

    with door.store() as store, progress("publish") as report:
        done = run_here(
            store,
            "publish ollama",
            {"run": run_id, "name": name},
            lambda tell: {"model": publish_ollama(store, run_id, name, judge, tell, host=host, converter=converter).id},
            report,
        )
        model = _known(store, done)
        door.answer(_document(store, model), _lines(model, _current(store, model)))
    return 0 if model.state == "usable" else 1


@publish.command("list")
@click.option("--name", help="Only the models of this name.")
@door_options
def list_models(door: Door, name: str | None) -> None:
    """List what was published, newest first; a star marks the current model of a name, on each server."""
    with door.store() as store:
        found = [_document(store, model) for model in models.load(store, name)]
    rows = [
        ("*" if each["current"] else "", each["id"], each["tag"], each["state"], each["updated_at"][:19], each["error"])
        for each in found
    ]
    text = table(("", "id", "model", "state", "when", "error"), rows) if rows else "nothing was published yet"
    door.answer({"models": found}, text)


@publish.command("rollback")
@_name
@_host
@door_options
def rollback(door: Door, name: str, host: str | None) -> None:
    """Make the usable model before the current one current again."""
    with door.store() as store, progress("publish") as report:
        done = run_here(
            store, "publish rollback", {"name": name}, lambda _: {"model": go_back(store, name, host).id}, report
        )
        model = _known(store, done)
        door.answer(_document(store, model), f"{alias_of(name)} is {tag_of(model)} again (run {model.run_id})")


def _known(store: Store, done: Mapping[str, Any]) -> Model:
    model = models.get(store, done["model"])
    assert model is not None
    return model


def _current(store: Store, model: Model) -> Model | None:
    """Return what a model's name stands for on its own server."""
    return next(iter(models.usable(store, model.name, model.parity.get("host"))), None)


def _document(store: Store, model: Model) -> dict[str, Any]:
    current = _current(store, model)
    return {
        "id": model.id,
        "run": model.run_id,
        "name": model.name,
        "state": model.state,
        "current": current is not None and current.id == model.id,
        "tag": tag_of(model) if model.fingerprint else model.name,
        "fingerprint": model.fingerprint,
        "files": model.files,
        "tools": model.tools,
        "parity": model.parity,
        "smoke": model.smoke,
        "error": model.error,
        "updated_at": model.updated_at,
    }


def _lines(model: Model, current: Model | None) -> list[str]:
    merge, converted = model.files.get("merge", {}), model.files.get("converted", {})
    lines = [f"run {model.run_id}: {tag_of(model)}, {model.state}", f"  fingerprint {model.fingerprint}"]
    if merge.get("adapter"):
        lines.append(
            f"  merged: logits within {merge['merge_difference']:.2g} of the adapter's"
            f" (at most {merge['tolerance']:.2g}); the adapter moves them by {merge['adapter_effect']:.2g}"
        )
    lines.append(
        f"  cast to bf16: logits within {merge['cast_difference']:.2g},"
        f" the likeliest token the same at {merge['cast_agreement']:.1%} of {merge['probes']} probes' positions"
    )
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(converted["tensors"].items()))
    named = ", named by stratos: it splits as Qwen2" if converted["pre_named"] else ""
    lines.append(
        f"  {model.files['gguf']}: {converted['architecture']}, {counts}, {converted['size']:,} bytes,"
        f" pre-tokenizer {converted['pre_tokenizer']}{named}; by {converted['converter']}"
    )
    if model.parity:
        where = f"Ollama {model.parity['server']} at {model.parity.get('host', 'an address that was not kept')}"
        lines.append(f"  {where} renders training's bytes: {_yes(model.parity['equal'])}")
    for each in model.smoke.get("checks", []):
        score = "unreadable" if each["score"] is None else f"{each['score']:.1f}"
        lines.append(f"  {'ok   ' if each['ok'] else 'FAILS'} {each['probe']}: {score}, wanted {each['wanted']}")
    if model.error:
        lines.append(
            f"  {model.error}; {tag_of(current)} is current" if current else f"  {model.error}; none is current"
        )
    elif model.state == "usable":
        lines.append(f"  in use as {alias_of(model.name)}")
    return lines


def _yes(equal: bool) -> str:
    return "yes" if equal else "no"
