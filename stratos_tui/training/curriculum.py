"""In which order rows are trained on: sorted in the first epoch, as configured later; and the digest that proves it.

Pure functions over positions: a row's position in its dataset build is its place in the curriculum, easy rows first
(plan, section 6, phase 5; decisions.md, 5).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

Later = Literal["sorted", "shuffled"]


def epoch_order(epoch: int, lengths: Sequence[int], *, later: Later, seed: int, batch: int, window: int) -> list[int]:
    """Return the positions of one epoch (counted from 0) in the order in which they are trained on.

    ``lengths`` are tokens by position. Where an epoch is shuffled, rows of like length are put into one batch inside
    windows of ``window`` batches, so that little is padded; the batches themselves stay in random order (0: off).
    """
    order = list(range(len(lengths)))
    if epoch == 0 or later == "sorted":
        return order
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
