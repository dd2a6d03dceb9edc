"""Counts the tokens of a build's rows once for each tokenizer, each turn that rows share only once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from stratos_tui.dataset.parts import END_OF_TURN, split_prompt
from stratos_tui.dataset.pool import Count
from stratos_tui.errors import StratosError
from stratos_tui.progress import Report, silent
from stratos_tui.records import Split
from stratos_tui.store import datasets, lengths
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.store.lengths import Length, Lengths

SPLITS: tuple[Split, ...] = ("train", "eval")
_CHUNK = 2_000


def measure(store: Store, dataset_id: int, tokenizer: str, count: Count, report: Report = silent) -> Lengths:
    """Return how long a build's rows are, counted by ``count`` where that was not done before.

    Control tokens end a text for every tokenizer that has them, so a row has as many tokens as its turns together. The
    end of the turn that training appends counts too.

    Raises:
        StratosError: there is no such build, or it has no rows.
        Canceled: the job was asked to stop; counting starts again next time.
    """
    known = lengths.lengths(store, dataset_id, tokenizer)
    if known is None:
        if datasets.get(store, dataset_id) is None:
            raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
        lengths.keep_lengths(store, dataset_id, tokenizer, _counted(store, dataset_id, count, report))
        known = lengths.lengths(store, dataset_id, tokenizer)
    if known is None:
        raise StratosError(f"dataset {dataset_id} has no rows to count")
    return known


def _counted(store: Store, dataset_id: int, count: Count, report: Report) -> Iterator[Length]:
    total = sum(datasets.count(store, dataset_id, split) for split in SPLITS)
    # by hash, not by text: an article's turn is long, and what is kept grows with articles only
    turns: dict[int, int] = {}
    done = 0
    for split in SPLITS:
        rows = datasets.rows(store, dataset_id, split)
        while chunk := list(islice(rows, _CHUNK)):
            report(done, total, "dataset: counting tokens")
            yield from _chunk(chunk, turns, count)
            done += len(chunk)
    report(total, total, "dataset: counted tokens")


def _chunk(chunk: Sequence[DatasetRow], turns: dict[int, int], count: Count) -> Iterator[Length]:
    split = [split_prompt(row.prompt) for row in chunk]
    new = {hash(turn): turn for turns_of_row in split for turn in turns_of_row if hash(turn) not in turns}
    turns.update(zip(new, count(list(new.values())), strict=True))
    said = count([row.completion + END_OF_TURN for row in chunk])
    for row, (system, turn), completion in zip(chunk, split, said, strict=True):
        yield Length(row.split, row.position, turns[hash(system)] + turns[hash(turn)], completion)
