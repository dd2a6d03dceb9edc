"""``stratos dataset``: build, show and export training examples."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from stratos_tui.commands.door import Door, door_options, group, progress, table
from stratos_tui.dataset.export_training import Format
from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets as stored
from stratos_tui.store.datasets import Dataset
from stratos_tui.store.db import Store


@group()
def dataset() -> None:
    """Build, show and export training examples."""


@dataset.command("build")
@click.option("--teacher", default="rehearsal", show_default=True, help="Whose accepted traces.")
@click.option("--seed", type=int, default=0, show_default=True)
@door_options
def build(door: Door, teacher: str, seed: int) -> None:
    """Build a dataset from a teacher's accepted traces. The same traces give the same build, which is found."""
    from stratos_tui.dataset.build import build as make
    from stratos_tui.jobs import run_here
    from stratos_tui.progress import Report

    def work(report: Report) -> dict[str, Any]:
        return _document(_known(store, make(store, teacher, seed=seed, report=report)))

    with door.store() as store, progress("dataset") as report:
        document = run_here(store, "dataset", {"teacher": teacher, "seed": seed}, work, report)
    door.answer(document, _lines(document))


@dataset.command("show")
@click.argument("dataset_id", type=int, required=False)
@door_options
def show(door: Door, dataset_id: int | None) -> None:
    """Show a build, or the newest."""
    with door.store() as store:
        document = _document(_known(store, chosen_dataset(store, dataset_id)))
    door.answer(document, _lines(document))


@dataset.command("export")
@click.argument("dataset_id", type=int, required=False)
@click.option("--format", "form", type=click.Choice(["messages", "prompt-completion"]), default="messages")
@click.option("--split", type=click.Choice(["train", "eval"]), default="train", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The JSONL file to write.")
@door_options
def export(door: Door, dataset_id: int | None, form: Format, split: Split, out: Path) -> None:
    """Write a build's examples as JSONL, whole or not at all."""
    from stratos_tui.dataset.export_training import export as write

    with door.store() as store:
        which = chosen_dataset(store, dataset_id)
        count = write(store, which, out, form, split)
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


def _known(store: Store, dataset_id: int) -> Dataset:
    found = stored.get(store, dataset_id)
    if found is None:
        known = ", ".join(str(each.id) for each in stored.load(store)) or "none yet"
        raise StratosError(f"there is no dataset {dataset_id}; there are {known}")
    return found


def _document(found: Dataset) -> dict[str, Any]:
    counts = found.summary["counts"]
    return {**asdict(found), **found.summary, "splits": {"train": counts["train"], "eval": counts["eval"]}}


def _lines(document: dict[str, Any]) -> list[str]:
    bands = document["bands"]
    splits = list(bands)
    names = list(next(iter(bands.values())))
    rows = [(name, *(f"{bands[split][name]:,}" for split in splits)) for name in names]
    return [
        f"dataset {document['id']} by {document['teacher']}, digest {document['digest']}",
        f"order digest {document['order_digest']}",
        *table(("band", *splits), rows),
        f"{document['dropped']:,} pairs left out, {document['repeated']:,} repeats; "
        f"{document['leaks']:,} articles in both splits",
    ]
