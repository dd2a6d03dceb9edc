from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratos_tui.dataset.build import build
from stratos_tui.dataset.rebalance import STRATEGIES, Strategy
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, band_of
from stratos_tui.prism.prompts import CANONICAL_WORDING, WORDINGS, fingerprint, student_prompt
from stratos_tui.prism.trace import Fault, parse_answer
from stratos_tui.progress import Canceled
from stratos_tui.records import BANDS
from stratos_tui.store import articles, datasets, profiles
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.db import Store, open_store
from tests import builds

if TYPE_CHECKING:
    from tests.dataset.conftest import Accept, Said

HoldOut = Callable[[Store, int, int], tuple[list[str], list[str]]]

TEACHER = "rubric"
READERS = ("kuwait_cpeg", "texas_nurse", "portland_retired_space", "lagos_student_entrepreneur")
TRAINED, HELD_OUT = 6, 3

scores = st.sampled_from([0, 3, 10, 19, 20, 48, 49, 50, 51, 54, 55, 69, 70, 89, 90, 95, 100])
chosen_pairs = st.dictionaries(
    st.tuples(st.integers(0, TRAINED + HELD_OUT - 1), st.integers(0, len(READERS) - 1)), scores, min_size=4
).filter(
    lambda found: (
        any(place[0] >= TRAINED for place in found)
        and any(place[0] < TRAINED and tenths != FORBIDDEN_TENTHS for place, tenths in found.items())
    )
)


@contextmanager
def store_with(
    seeded_file: Path, hold_out: HoldOut, accept: Accept, found: dict[tuple[int, int], int]
) -> Iterator[Store]:
    with TemporaryDirectory() as folder:
        store = open_store(shutil.copy(seeded_file, Path(folder) / "stratos.db"))
        train, held_out = hold_out(store, TRAINED, HELD_OUT)
        ids = [*train, *held_out]
        accept(store, [(ids[article], READERS[reader], tenths) for (article, reader), tenths in found.items()])
        yield store
        store.close()


def built(store: Store, **settings: Any) -> tuple[Dataset, list[DatasetRow], list[DatasetRow]]:
    dataset_id = build(store, TEACHER, **settings)
    dataset = datasets.get(store, dataset_id)
    assert dataset is not None
    return dataset, list(datasets.rows(store, dataset_id, "train")), list(datasets.rows(store, dataset_id, "eval"))


def pair_of(row: DatasetRow) -> tuple[str, str]:
    return row.article_id, row.profile_id


def contrasts(said: Sequence[tuple[str, int]]) -> int:
    return sum(a[0] == b[0] and abs(a[1] - b[1]) >= 20 for a, b in combinations(said, 2))


@settings(max_examples=25)
@given(
    found=chosen_pairs,
    strategy=st.sampled_from(STRATEGIES),
    max_repeats=st.integers(1, 7),
    keep=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 3),
)
def test_a_build_keeps_what_it_promises(
    seeded_file: Path,
    hold_out: HoldOut,
    accept: Accept,
    found: dict[tuple[int, int], int],
    strategy: Strategy,
    max_repeats: int,
    keep: float,
    seed: int,
) -> None:
    with store_with(seeded_file, hold_out, accept, found) as store:
        dataset, train, held_out = built(store, seed=seed, strategy=strategy, max_repeats=max_repeats, keep=keep)
        ids = [article.id for article in articles.load(store)]
        said = {(ids[article], READERS[reader]): tenths for (article, reader), tenths in found.items()}

        # held-out articles stand as they are: every pair once, whatever is done to train
        order = {profile.id: place for place, profile in enumerate(profiles.load(store))}
        expected = sorted(
            (pair for pair in said if ids.index(pair[0]) >= TRAINED),
            key=lambda pair: (ids.index(pair[0]), order[pair[1]]),
        )
        assert [pair_of(row) for row in held_out] == expected
        assert [row.position for row in held_out] == list(range(len(expected)))
        assert {(row.repeat, row.wording) for row in held_out} == {(0, CANONICAL_WORDING)}
        assert not {row.article_id for row in train} & {row.article_id for row in held_out}

        # train: easy to hard, no 5.0, capped repeats in different wordings
        distances = [abs(row.tenths - FORBIDDEN_TENTHS) for row in train]
        assert distances == sorted(distances, reverse=True)
        assert 0 not in distances
        assert [row.position for row in train] == list(range(len(train)))
        by_pair: dict[tuple[str, str], list[DatasetRow]] = {}
        for row in train:
            by_pair.setdefault(pair_of(row), []).append(row)
        for rows in by_pair.values():
            assert sorted(row.repeat for row in rows) == list(range(len(rows)))
            assert len(rows) <= max_repeats
            assert len({row.wording for row in rows}) == min(len(rows), WORDINGS)

        # every row says what the teacher said, in the bytes that a scorer sends
        people = {profile.id: profile for profile in profiles.load(store)}
        texts = {article.id: article for article in articles.load(store)}
        days = datasets.reference_dates(store, dataset.id)
        for row in (*train, *held_out):
            assert row.tenths == said[pair_of(row)]
            answer = parse_answer(row.completion)
            assert not isinstance(answer, Fault)
            assert (answer.tenths, answer.reason) == (row.tenths, f"A reason for {row.profile_id}.")
            assert answer.trace.startswith(f"PROFILE: {row.profile_id}\n")
            assert row.prompt == student_prompt(
                people[row.profile_id], texts[row.article_id], days[row.request_id], row.wording
            )

        # the summary is right
        usable = {
            pair: tenths for pair, tenths in said.items() if ids.index(pair[0]) < TRAINED and tenths != FORBIDDEN_TENTHS
        }
        summary = dataset.summary
        assert summary["examples"] == len(said)
        assert summary["counts"] == {"train": len(train), "train_pairs": len(by_pair), "eval": len(held_out)}
        for name, tenths in (
            ("train", [row.tenths for row in train]),
            ("train_before", list(usable.values())),
            ("eval", [row.tenths for row in held_out]),
        ):
            assert summary["bands"][name] == {band: [*map(band_of, tenths)].count(band) for band in BANDS}
        assert summary["dropped"] == len(usable) - len(by_pair)
        assert summary["repeated"] == len(train) - len(by_pair)
        assert summary["left_out_5_0"] == sum(
            tenths == FORBIDDEN_TENTHS and ids.index(pair[0]) < TRAINED for pair, tenths in said.items()
        )
        assert summary["articles"] == {
            "train": len({row.article_id for row in train}),
            "eval": len({row.article_id for row in held_out}),
        }
        assert summary["profiles"]["train"] == Counter(row.profile_id for row in train)
        assert summary["profiles"]["eval"] == Counter(row.profile_id for row in held_out)
        assert summary["leaks"] == 0
        assert summary["contrast_pairs"] == {
            "train": contrasts([(pair[0], tenths) for pair, tenths in usable.items()]),
            "eval": contrasts([(row.article_id, row.tenths) for row in held_out]),
        }
        assert dataset.prompt_fingerprint == fingerprint("student")
        assert dataset.digest == builds.content_digest([*train, *held_out])
        assert dataset.order_digest == datasets.order_digest(train)


@settings(max_examples=10)
@given(found=chosen_pairs, mixed=st.randoms(use_true_random=False))
def test_the_same_examples_are_the_same_build_in_any_store(
    seeded_file: Path, hold_out: HoldOut, accept: Accept, found: dict[tuple[int, int], int], mixed: Random
) -> None:
    with store_with(seeded_file, hold_out, accept, found) as store:
        first, train, held_out = built(store)
        assert built(store)[0].id == first.id
        assert len(datasets.load(store)) == 1
        # eval is untouched by how train is rebalanced
        assert [replace(row) for row in built(store, max_repeats=1, keep=1.0)[2]] == held_out
    shuffled = list(found.items())
    mixed.shuffle(shuffled)
    with store_with(seeded_file, hold_out, accept, dict(shuffled)) as other:
        again, same, _ = built(other)
        assert (again.digest, again.order_digest) == (first.digest, first.order_digest)
        assert [(pair_of(row), row.repeat, row.wording) for row in same] == [
            (pair_of(row), row.repeat, row.wording) for row in train
        ]


@pytest.fixture
def said(seeded: Store, hold_out: HoldOut) -> list[Said]:
    """Twenty-four pairs of training articles and eight held-out ones; most are noise."""
    train, held_out = hold_out(seeded, 6, 2)
    return [
        (article, reader, (95, 78, 62, 30)[at] if at == place % 4 else 4 + place)
        for place, article in enumerate([*train, *held_out])
        for at, reader in enumerate(READERS)
    ]


def test_the_order_digest_is_over_the_order(seeded: Store, accept: Accept, said: list[Said]) -> None:
    accept(seeded, said)
    dataset, train, _ = built(seeded)
    assert datasets.order_digest(train) == dataset.order_digest
    assert datasets.order_digest([train[1], train[0], *train[2:]]) != dataset.order_digest
    other = built(seeded, seed=1)[0]
    assert other.id != dataset.id
    assert other.order_digest != dataset.order_digest
    assert other.summary["bands"] == dataset.summary["bands"]


def test_one_score_that_changes_is_another_build(seeded: Store, accept: Accept, said: list[Said]) -> None:
    accept(seeded, said[:-1])
    before = built(seeded)[0]
    accept(seeded, said[-1:])
    after = built(seeded)[0]
    assert before.digest != after.digest
    assert [each.id for each in datasets.load(seeded)] == [after.id, before.id]


def test_a_near_duplicate_of_a_held_out_article_is_a_leak(seeded: Store, accept: Accept, said: list[Said]) -> None:
    accept(seeded, said)
    assert built(seeded)[0].summary["leaks"] == 0
    articles.set_near_duplicates(seeded, {said[0][0]: said[-1][0]})
    assert built(seeded, seed=1)[0].summary["leaks"] == 1


def test_a_build_without_examples_of_both_sides_is_refused(seeded: Store, accept: Accept, said: list[Said]) -> None:
    with pytest.raises(StratosError, match="has no accepted examples"):
        build(seeded, TEACHER)
    accept(seeded, said[:24])
    with pytest.raises(StratosError, match="24 accepted pairs to train on and 0 of held-out articles"):
        build(seeded, TEACHER)
    assert datasets.load(seeded) == []


def test_an_article_without_a_split_is_refused(seeded: Store, accept: Accept, said: list[Said]) -> None:
    loose = articles.load(seeded)[50].id
    accept(seeded, [*said, (loose, READERS[0], 10)])
    with pytest.raises(StratosError, match=f"article {loose} was scored before its split was fixed"):
        build(seeded, TEACHER)


def test_an_answer_about_an_earlier_state_of_its_profile_is_left_out(
    seeded: Store, accept: Accept, said: list[Said]
) -> None:
    accept(seeded, said)
    before = built(seeded)[0]
    nurse = profiles.get(seeded, "texas_nurse")
    assert nurse is not None
    profiles.save(seeded, replace(nurse, context="Works nights."), "operator")
    after, train, held_out = built(seeded)
    assert before.summary["examples"] - after.summary["examples"] == 8
    assert "texas_nurse" not in {row.profile_id for row in (*train, *held_out)}


def test_a_build_that_is_stopped_stores_nothing(seeded: Store, accept: Accept, said: list[Said]) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done == total:
            raise Canceled

    accept(seeded, said)
    with pytest.raises(Canceled):
        build(seeded, TEACHER, report=stop)
    assert datasets.load(seeded) == []


@pytest.mark.parametrize("settings", [{"max_repeats": 0}, {"keep": 1.5}, {"keep": -0.1}])
def test_settings_without_sense_are_refused(seeded: Store, settings: dict[str, Any]) -> None:
    with pytest.raises(StratosError, match="at least once"):
        build(seeded, TEACHER, **settings)


def test_pairs_that_show_what_a_profile_changes_are_dropped_last(
    seeded: Store, accept: Accept, hold_out: HoldOut
) -> None:
    (relevant, *dull), held_out = hold_out(seeded, 12, 1)
    accept(
        seeded,
        [
            (relevant, READERS[0], 90),
            *((relevant, reader, 5) for reader in READERS[1:]),
            *((article, reader, 5) for article in dull for reader in READERS),
            *((held_out[0], reader, 5) for reader in READERS),
        ],
    )
    dataset, train, _ = built(seeded, keep=0.0, max_repeats=2)
    assert dataset.summary["bands"]["train"] == {"noise": 3, "low": 0, "moderate": 0, "high": 0, "critical": 2}
    assert {row.article_id for row in train} == {relevant}
