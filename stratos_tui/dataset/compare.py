"""Compares two builds: which pairs came, went or changed, how the bands moved, which parameters differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stratos_tui.records import BANDS, Split
from stratos_tui.store import dataset_sources
from stratos_tui.store.dataset_sources import PairRows
from stratos_tui.store.datasets import Dataset
from stratos_tui.store.db import Store

LISTED = 1_000
"""Pairs are named up to here for each kind of difference; all are counted."""


@dataclass(slots=True)
class Pairs:
    """How many pairs differ in one way, and the first of them as (article, profile, split)."""

    count: int = 0
    named: list[tuple[str, str, Split]] = field(default_factory=list)

    def add(self, pair: PairRows) -> None:
        """Count a pair, and name it while there is room."""
        self.count += 1
        if len(self.named) < LISTED:
            self.named.append((pair.article_id, pair.profile_id, pair.split))


@dataclass(frozen=True, slots=True)
class Difference:
    """What the second of two builds has that the first has not.

    ``changed`` pairs are in both, in the same split; ``by`` counts in what they differ: ``score``, ``text``, ``rows``
    (how often it stands) or ``weight``. ``shares`` gives, by split and band, the share of the rows in both; ``params``
    the parameters that differ, as both have them.
    """

    first: int
    second: int
    same_content: bool
    same_order: bool
    same_pairs: int
    added: Pairs
    removed: Pairs
    changed: Pairs
    by: dict[str, int]
    shares: dict[Split, dict[str, tuple[float, float]]]
    params: dict[str, tuple[Any, Any]]


def compare(store: Store, first: Dataset, second: Dataset) -> Difference:
    """Compare two builds, the first usually the older one. Memory does not grow with their rows."""
    added, removed, changed = Pairs(), Pairs(), Pairs()
    by = dict.fromkeys(("score", "text", "rows", "weight"), 0)
    same = 0
    rows = dataset_sources.pair_rows(store, first.id), dataset_sources.pair_rows(store, second.id)
    for ours, theirs in _beside(*rows):
        if ours is None:
            assert theirs is not None
            added.add(theirs)
        elif theirs is None:
            removed.add(ours)
        elif ours == theirs:
            same += 1
        else:
            changed.add(theirs)
            by["score"] += ours.tenths != theirs.tenths
            by["text"] += ours.text != theirs.text
            by["rows"] += ours.rows != theirs.rows
            by["weight"] += ours.weight != theirs.weight
    known = {"teacher": first.teacher} | first.params, {"teacher": second.teacher} | second.params
    return Difference(
        first=first.id,
        second=second.id,
        same_content=first.digest == second.digest,
        same_order=first.order_digest == second.order_digest,
        same_pairs=same,
        added=added,
        removed=removed,
        changed=changed,
        by=by,
        shares={"train": _shares(first, second, "train"), "eval": _shares(first, second, "eval")},
        params={
            name: (known[0].get(name), known[1].get(name))
            for name in sorted(known[0].keys() | known[1].keys())
            if known[0].get(name) != known[1].get(name)
        },
    )


def _beside(first: Iterator[PairRows], second: Iterator[PairRows]) -> Iterator[tuple[PairRows | None, PairRows | None]]:
    """Yield the pairs of two sorted streams beside each other, None where a stream lacks one."""
    ours, theirs = next(first, None), next(second, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and ours[:3] < theirs[:3]):
            yield ours, None
            ours = next(first, None)
        elif ours is None or theirs[:3] < ours[:3]:
            yield None, theirs
            theirs = next(second, None)
        else:
            yield ours, theirs
            ours, theirs = next(first, None), next(second, None)


def _shares(first: Dataset, second: Dataset, split: Split) -> dict[str, tuple[float, float]]:
    sides = [each.summary.get("bands", {}).get(split, {}) for each in (first, second)]
    ours, theirs = ({band: side.get(band, 0) / max(1, sum(side.values())) for band in BANDS} for side in sides)
    return {band: (round(ours[band], 4), round(theirs[band], 4)) for band in BANDS}
