from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.training.curriculum import chain, digest_after, epoch_order, steps

Lengths = list[int]
lengths = st.lists(st.integers(1, 2_000), min_size=1, max_size=90)


def order(
    epoch: int,
    of: Lengths,
    later: Literal["sorted", "shuffled"] = "shuffled",
    seed: int = 0,
    batch: int = 8,
    window: int = 4,
) -> list[int]:
    return epoch_order(epoch, of, range(len(of), 0, -1), later=later, seed=seed, batch=batch, window=window)


@given(lengths, st.integers(0, 3), st.integers(1, 9), st.integers(0, 5))
def test_every_epoch_sees_every_row_once(of: Lengths, epoch: int, batch: int, window: int) -> None:
    for later in ("sorted", "shuffled"):
        found = epoch_order(epoch, of, [5] * len(of), later=later, seed=1, batch=batch, window=window)
        assert sorted(found) == list(range(len(of)))
        if epoch == 0 or later == "sorted":
            assert found == list(range(len(of)))


def test_later_epochs_are_shuffled_each_in_its_own_way_and_the_same_way_every_time() -> None:
    of = [500] * 64
    first, second, third = (order(epoch, of) for epoch in range(3))
    assert first == list(range(64))
    assert len({tuple(first), tuple(second), tuple(third)}) == 3
    assert order(1, of) == second
    assert order(1, of, seed=1) != second
    assert order(1, of, window=0) != first


@given(lengths, st.integers(1, 9), st.integers(2, 5))
def test_a_shuffled_epoch_puts_rows_of_like_length_together(of: Lengths, batch: int, window: int) -> None:
    def padded(window: int) -> int:
        found = epoch_order(1, whole, [5] * len(whole), later="shuffled", seed=0, batch=batch, window=window)
        return sum(max(whole[row] for row in rows) * len(rows) for rows in steps([found], batch))

    # a last batch that is not full may come out longer than it would by chance
    whole = of * batch
    assert padded(window) <= padded(0)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 900)), min_size=1, max_size=60), st.integers(1, 5))
def test_in_a_sorted_epoch_rows_of_equal_difficulty_alone_change_places(
    rows: list[tuple[int, int]], batch: int
) -> None:
    rows = sorted(rows, key=lambda row: -row[0])
    distances, of = [row[0] for row in rows], [row[1] for row in rows]

    def found(epoch: int, sorted_window: int) -> list[int]:
        return epoch_order(
            epoch, of, distances, later="sorted", seed=0, batch=batch, window=4, sorted_window=sorted_window
        )

    seen = found(0, 60)
    assert found(1, 60) == seen
    assert sorted(seen) == found(0, 0) == list(range(len(rows)))
    assert [distances[at] for at in seen] == distances
    # as wide as the build, a window orders every group of equals by length
    assert [(-distances[at], of[at]) for at in seen] == sorted((-each, length) for each, length in rows)
    # the digest tells rows that changed places
    assert (digest_after(60, [seen], batch) == digest_after(60, [found(0, 0)], batch)) == (seen == found(0, 0))
    # a narrow one moves no row further than it is wide
    assert all(abs(at - position) < batch for position, at in enumerate(found(0, 1)))


def test_the_digest_is_over_what_was_seen_in_which_step() -> None:
    orders = [list(range(10)), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]
    assert list(steps(orders, 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]
    digest = ""
    for count, rows in enumerate(steps(orders, 4), 1):
        digest = chain(digest, rows)
        # a resumed run goes on from the digest of its checkpoint
        assert digest_after(count, orders, 4) == digest
    assert digest_after(6, orders, 4) != digest_after(6, [orders[1], orders[0]], 4)
    assert digest_after(6, orders, 5) != digest_after(6, orders, 4)
    assert digest_after(0, orders, 4) == ""


@pytest.mark.parametrize("other", [[[1, 0], [2, 3]], [[0, 1, 2], [3]], [[0, 1], [3, 2]]])
def test_rows_that_change_places_change_the_digest(other: list[list[int]]) -> None:
    def digest_of(found: list[list[int]]) -> str:
        digest = ""
        for rows in found:
            digest = chain(digest, rows)
        return digest

    assert digest_of([[0, 1], [2, 3]]) != digest_of(other)
