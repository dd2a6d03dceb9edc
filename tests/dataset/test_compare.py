from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratos_tui.dataset.build import build
from stratos_tui.dataset.compare import Difference, compare
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store, open_store
from tests import builds

if TYPE_CHECKING:
    from tests.dataset.conftest import Accept, Said

READERS = ("kuwait_cpeg", "texas_nurse", "portland_retired_space", "lagos_student_entrepreneur")

Pair = tuple[int, bool]
built_pairs = st.dictionaries(
    st.tuples(st.integers(0, 6), st.booleans()),
    st.tuples(
        st.integers(1, 3), st.sampled_from([10, 80]), st.sampled_from(["said", "told"]), st.sampled_from([1.0, 2.0])
    ),
    max_size=10,
)


def difference(store: Store, first: int, second: int) -> Difference:
    builds = datasets.get(store, first), datasets.get(store, second)
    assert builds[0] is not None
    assert builds[1] is not None
    return compare(store, builds[0], builds[1])


@pytest.fixture
def said(seeded: Store, hold_out: Callable[[Store, int, int], tuple[list[str], list[str]]]) -> list[Said]:
    train, held_out = hold_out(seeded, 6, 2)
    return [
        (article, reader, (95, 78, 62, 30)[at] if at == place % 4 else 4 + place)
        for place, article in enumerate([*train, *held_out])
        for at, reader in enumerate(READERS)
    ]


def test_a_build_does_not_differ_from_itself(seeded: Store, accept: Accept, said: list[Said]) -> None:
    accept(seeded, said)
    own = build(seeded, "rubric")
    found = difference(seeded, own, own)
    assert (found.added.count, found.removed.count, found.changed.count) == (0, 0, 0)
    assert found.same_pairs == 32
    assert found.same_order
    assert found.same_content
    assert not found.params
    assert all(before == after for bands in found.shares.values() for before, after in bands.values())


def test_what_another_strategy_changes_is_told(seeded: Store, accept: Accept, said: list[Said]) -> None:
    accept(seeded, said[:-1])
    first = build(seeded, "rubric", strategy="repeat", max_repeats=2)
    accept(seeded, said[-1:])
    second = build(seeded, "rubric", strategy="weights")
    found = difference(seeded, first, second)
    assert found.added.named == [(said[-1][0], said[-1][1], "eval")]
    assert (found.removed.count, found.by["score"], found.by["text"]) == (0, 0, 0)
    assert found.by["weight"] == 24
    assert 0 < found.by["rows"] <= found.changed.count == 24
    assert not found.same_order
    assert found.params == {"strategy": ("repeat", "weights"), "max_repeats": (2, None)}
    before, after = found.shares["train"]["noise"]
    assert after > before


@settings(max_examples=30)
@given(one=built_pairs, two=built_pairs)
def test_every_pair_is_counted_in_one_place(
    seeded_file: Path, one: dict[Pair, tuple[int, int, str, float]], two: dict[Pair, tuple[int, int, str, float]]
) -> None:
    def rows(pairs: dict[Pair, tuple[int, int, str, float]]) -> list[DatasetRow]:
        found: list[DatasetRow] = []
        for (article, held_out), (count, tenths, text, weight) in pairs.items():
            for repeat in range(count):
                at = len(found)
                split: Split = "eval" if held_out else "train"
                found.append(DatasetRow(split, at, f"a{article}", "p", 1, repeat, 0, tenths, "", text, weight))
        return found

    with TemporaryDirectory() as folder:
        store = open_store(shutil.copy(seeded_file, Path(folder) / "stratos.db"))
        ids = [
            builds.add(
                store,
                rows(each),
                digest=name,
                order_digest=name,
                teacher="t",
                params={},
                summary={},
                prompt_fingerprint="",
            )
            for name, each in (("one", one), ("two", two))
        ]
        found = difference(store, ids[0], ids[1])
        store.close()
    both = one.keys() & two.keys()

    def names(pairs: set[Pair]) -> set[tuple[str, str, str]]:
        return {(f"a{article}", "p", "eval" if held_out else "train") for article, held_out in pairs}

    assert set(found.added.named) == names(two.keys() - both)
    assert set(found.removed.named) == names(one.keys() - both)
    assert set(found.changed.named) == names({pair for pair in both if one[pair] != two[pair]})
    assert found.same_pairs == sum(one[pair] == two[pair] for pair in both)
    for at, what in enumerate(("rows", "score", "text", "weight")):
        assert found.by[what] == sum(one[pair][at] != two[pair][at] for pair in both)
