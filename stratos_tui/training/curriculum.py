"""In which order rows are trained on: sorted in the first epoch, as configured later; and the digest that proves it.

Pure functions over positions: a row's position in its dataset build is its place in the curriculum, easy rows first
(plan, section 6, phase 5; decisions.md, 5).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal

from stratos_tui.prism.bands import FORBIDDEN_TENTHS
from stratos_tui.store.datasets import DatasetRow

Later = Literal["sorted", "shuffled"]


def difficulty(rows: Iterable[DatasetRow]) -> list[int]:
    """Return each row's distance from 5.0 in tenths: the smaller, the harder."""
    return [abs(row.tenths - FORBIDDEN_TENTHS) for row in rows]


def epoch_order(
    epoch: int,
    lengths: Sequence[int],
    distances: Sequence[int],
    *,
    later: Later,
    seed: int,
    batch: int,
    window: int,
    sorted_window: int = 0,
) -> list[int]:
    """Return the positions of one epoch (counted from 0) in the order in which they are trained on.

    ``lengths`` are tokens and ``distances`` those from 5.0 by position. Where an epoch is shuffled, rows of
    like length are put into one batch inside windows of ``window`` batches, so that little is padded; the batches
    themselves stay in random order (0: off). Where it is sorted, rows of equal difficulty alone may change places,
    inside windows of ``sorted_window`` batches (0: off).
    """
    order = list(range(len(lengths)))
    if epoch == 0 or later == "sorted":
        return _by_length_among_equals(order, lengths, distances, batch * sorted_window) if sorted_window else order
    shuffler = random.Random(f"{seed}/{epoch}")
    shuffler.shuffle(order)
    if window < 2:
        return order
    mixed: list[int] = []
    for start in range(0, len(order), batch * window):
        rows = sorted(order[start : start + batch * window], key=lambda position: (lengths[position], position))
        batches = [rows[first : first + batch] for first in range(0, len(rows), batch)]
        # a batch that is not full stays last, so that batches begin at multiples of the batch size
        whole = [each for each in batches if len(each) == batch]
        shuffler.shuffle(whole)
        mixed += [position for each in [*whole, *(each for each in batches if len(each) < batch)] for position in each]
    return mixed


def _by_length_among_equals(
    order: Sequence[int], lengths: Sequence[int], distances: Sequence[int], window: int
) -> list[int]:
    found: list[int] = []
    for _, equal in groupby(order, key=lambda position: distances[position]):
        rows = list(equal)
        for start in range(0, len(rows), window):
            found += sorted(rows[start : start + window], key=lambda position: (lengths[position], position))
    return found


def chain(digest: str, positions: Iterable[int]) -> str:
    """Return the digest over one further optimizer step's positions; ``digest`` is that of the steps before."""
    return hashlib.sha256(f"{digest}|{','.join(map(str, positions))}".encode()).hexdigest()


def steps(orders: Iterable[Sequence[int]], batch: int) -> Iterator[list[int]]:
    """Yield each optimizer step's positions over epochs; an epoch's last step may be short."""
    for order in orders:
        for start in range(0, len(order), batch):
            yield list(order[start : start + batch])


def digest_after(count: int, orders: Iterable[Sequence[int]], batch: int) -> str:
    """Return the chained digest that a run must have after ``count`` optimizer steps."""
    digest = ""
    for _, positions in zip(range(count), steps(orders, batch), strict=False):
        digest = chain(digest, positions)
    return digest
