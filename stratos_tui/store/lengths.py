"""Token lengths of a build's rows under one tokenizer: counted once, read by every check and picture after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.db import Store

PAGE = 10_000
"""Rows written in one transaction."""


class Length(NamedTuple):
    """One row's tokens; the completion's include the end of the turn."""

    split: Split
    position: int
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a build's rows are, prompt and completion together, in tokens of ``tokenizer``.

    ``p50``, ``p95`` and ``p99`` are the least lengths that this share of the rows does not exceed. ``longest_at`` is
    the split and position of the longest row; ``tokens`` and ``supervised`` are the sums over all rows and their
    completions.
    """

    tokenizer: str
    rows: int
    p50: int
    p95: int
    p99: int
    longest: int
    longest_at: tuple[Split, int]
    tokens: int
    supervised: int


def lengths(store: Store, dataset_id: int, tokenizer: str) -> Lengths | None:
    """Return how long a build's rows are, None until every row is counted."""
    where = "FROM dataset_lengths WHERE dataset_id = ? AND tokenizer = ?"
    values = (dataset_id, tokenizer)
    totals = store.row(
        "SELECT count(*) AS n, total(prompt_tokens + completion_tokens) AS tokens,"
        f" total(completion_tokens) AS supervised {where}",
        values,
    )
    if totals is None or not totals["n"] or totals["n"] != sum(_counts(store, dataset_id)):
        return None
    found = store.rows(
        f"SELECT prompt_tokens + completion_tokens AS length, count(*) AS n {where} GROUP BY length ORDER BY length",
        values,
    )
    longest = found[-1]["length"]
    at = store.row(
        f"SELECT split, position {where} AND prompt_tokens + completion_tokens = ? ORDER BY split DESC, position",
        (*values, longest),
    )
    assert at is not None
    steps = [(row["length"], row["n"]) for row in found]
    p50, p95, p99 = (percentile(steps, share) for share in (0.50, 0.95, 0.99))
    return Lengths(
        tokenizer,
        totals["n"],
        p50,
        p95,
        p99,
        longest,
        (at["split"], at["position"]),
        int(totals["tokens"]),
        int(totals["supervised"]),
    )


def tokenizers(store: Store, dataset_id: int) -> list[str]:
    """Return the tokenizers under which a build's rows were counted."""
    found: list[str] = []
    while True:
        # one seek a tokenizer; DISTINCT would walk over every row
        name = store.value(
            "SELECT min(tokenizer) FROM dataset_lengths WHERE dataset_id = ? AND tokenizer > ?",
            (dataset_id, found[-1] if found else ""),
        )
        if name is None:
            return found
        found.append(str(name))


def keep_lengths(store: Store, dataset_id: int, tokenizer: str, counted: Iterable[Length]) -> None:
    """Keep rows' lengths, some thousands a transaction; one that was kept before is written again."""
    coming = iter(counted)
    while chunk := [(dataset_id, tokenizer, *each) for each in islice(coming, PAGE)]:
        with store.write() as connection:
            connection.executemany("INSERT OR REPLACE INTO dataset_lengths VALUES (?, ?, ?, ?, ?, ?)", chunk)


def _counts(store: Store, dataset_id: int) -> tuple[int, int]:
    return datasets.count(store, dataset_id, "train"), datasets.count(store, dataset_id, "eval")


def percentile(steps: list[tuple[int, int]], share: float) -> int:
    """Return the least length that ``share`` of the rows does not exceed; ``steps`` are rising lengths with counts."""
    rows = sum(count for _, count in steps)
    seen = 0
    for length, count in steps:
        seen += count
        if seen >= share * rows:
            return length
    return steps[-1][0]
