from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.dataset.build import build, plan_build
from stratos_tui.dataset.parts import split_prompt
from stratos_tui.dataset.pool import Limit
from stratos_tui.dataset.rebalance import STRATEGIES, Strategy
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import band_of
from stratos_tui.prism.prompts import student_prompt
from stratos_tui.prism.trace import DIMENSIONS, parse_answer, split_think
from stratos_tui.records import Label
from stratos_tui.store import articles, datasets, labels, lengths, profiles
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.db import Store
from tests import builds

if TYPE_CHECKING:
    from tests.dataset.conftest import Accept, Said

TEACHER = "rubric"
READERS = ("kuwait_cpeg", "texas_nurse", "portland_retired_space", "lagos_student_entrepreneur")
GOOD = "\n".join(
    [
        "PROFILE: A nurse in Texas who follows hospitals.",
        "CONTENT: A hospital hires nurses.",
        "ANALYSIS:",
        *(f"- {name}: {'MEDIUM' if name == 'Actionability' else 'STRONG'} — seen" for name in DIMENSIONS[:-1]),
        "- Source quality: NEWS — a paper",
        "CALIBRATION: The role matches.",
    ]
)


@pytest.fixture
def ids(
    seeded: Store, hold_out: Callable[[Store, int, int], tuple[list[str], list[str]]]
) -> tuple[list[str], list[str]]:
    return hold_out(seeded, 8, 3)


@pytest.fixture
def said(ids: tuple[list[str], list[str]]) -> list[Said]:
    """Forty-four pairs, most of them noise; every article is high for one reader."""
    return [
        (article, reader, (95, 78, 62, 30)[at] if at == place % 4 else 4 + place)
        for place, article in enumerate([*ids[0], *ids[1]])
        for at, reader in enumerate(READERS)
    ]


def built(store: Store, **settings: Any) -> tuple[Dataset, list[DatasetRow], list[DatasetRow]]:
    dataset_id = build(store, TEACHER, **settings)
    dataset = datasets.get(store, dataset_id)
    assert dataset is not None
    return dataset, list(datasets.rows(store, dataset_id, "train")), list(datasets.rows(store, dataset_id, "eval"))


def label(pair: tuple[str, str], tenths: int, **fields: Any) -> Label:
    return replace(Label(*pair, "imported", tenths, "A reason.", GOOD, "prism"), **fields)


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_costs_what_was_said_before(
    seeded: Store, accept: Accept, said: list[Said], strategy: Strategy
) -> None:
    accept(seeded, said)
    cost = plan_build(seeded, TEACHER, strategy=strategy, max_repeats=3, keep=0.5)
    assert datasets.load(seeded) == []
    dataset, train, held_out = built(seeded, strategy=strategy, max_repeats=3, keep=0.5)
    rows = Counter(band_of(row.tenths) for row in train)
    assert {band: each.rows for band, each in cost.bands.items()} == {band: rows[band] for band in cost.bands}
    assert (cost.dropped, cost.repeated) == (dataset.summary["dropped"], dataset.summary["repeated"])
    assert {row.weight for row in held_out} == {1.0}
    pairs = Counter((row.article_id, row.profile_id) for row in train)
    mass = dict.fromkeys(pairs, 0.0)
    for row in train:
        mass[row.article_id, row.profile_id] += row.weight
    effective = sum(mass.values()) ** 2 / sum(each**2 for each in mass.values())
    assert cost.effective == pytest.approx(effective, abs=0.06)
    assert dataset.summary["effective"] == cost.effective
    if strategy == "down_sample":
        assert set(pairs.values()) == {1}
        assert cost.dropped > 0
        assert all(abs(share.share - share.target) < 0.1 for share in cost.shares.values())
    if strategy == "repeat":
        assert len(pairs) == 32
        assert max(pairs.values()) <= 3
    if strategy == "weights":
        assert set(pairs.values()) == {1}
        assert len(pairs) == 32
        assert sum(row.weight for row in train) == pytest.approx(len(train), abs=0.001)
        for name, share in cost.shares.items():
            own = sum(row.weight for row in train if band_of(row.tenths) in name.split("+"))
            assert own / len(train) == pytest.approx(share.target, abs=0.001)
        assert "a trainer that does not read them" in dataset.summary["weights"]["note"]
    else:
        assert {row.weight for row in train} == {1.0}
        assert "weights" not in dataset.summary


def test_a_plan_without_examples_is_refused(seeded: Store, ids: object) -> None:
    with pytest.raises(StratosError, match="has no accepted examples to train on"):
        plan_build(seeded, TEACHER)


@pytest.mark.parametrize("settings", [{}, {"strategy": "weights"}, {"seed": 3, "max_repeats": 4}])
def test_the_digest_is_that_of_the_rows_as_they_are_stored(
    seeded: Store, accept: Accept, said: list[Said], settings: dict[str, Any]
) -> None:
    accept(seeded, said)
    dataset, train, held_out = built(seeded, **settings)
    assert builds.content_digest([*train, *held_out]) == dataset.digest
    assert builds.content_digest([*train[1:], train[0], *held_out]) != dataset.digest
    changed = replace(held_out[-1], completion=held_out[-1].completion + ".")
    assert builds.content_digest([*train, *held_out[:-1], changed]) != dataset.digest
    known = {article.id: article for article in articles.load(seeded)}
    readers = {profile.id: profile for profile in profiles.load(seeded)}
    days = datasets.reference_dates(seeded, dataset.id)
    for row in [*train, *held_out]:
        asked = readers[row.profile_id], known[row.article_id], days[row.request_id], row.wording
        assert row.prompt == student_prompt(*asked)


def test_how_far_the_hold_out_is_off_is_said_by_band_and_by_profile(
    seeded: Store, accept: Accept, said: list[Said]
) -> None:
    accept(seeded, said)
    dataset, _, held_out = built(seeded)
    found = dataset.summary["holdout"]
    pairs = {split: [each for each in said if (each[0] in {row.article_id for row in held_out}) == (split == "eval")]
             for split in ("train", "eval")}  # fmt: skip
    for band, shares in found["bands"].items():
        for split, own in pairs.items():
            expected = sum(band_of(tenths) == band for _, _, tenths in own) / len(own)
            assert shares[split] == pytest.approx(expected, abs=0.0001)
    assert {name: shares["train"] for name, shares in found["profiles"].items()} == dict.fromkeys(READERS, 0.25)
    off = {f"bands {band}": shares["eval"] - shares["train"] for band, shares in found["bands"].items()}
    assert abs(found["worst"]["off"]) == pytest.approx(max(map(abs, off.values())), abs=0.0002)
    assert abs(off[found["worst"]["name"]]) == pytest.approx(abs(found["worst"]["off"]), abs=0.0002)
    # a balanced view: every band that has pairs weighs the same
    counted = Counter(band_of(row.tenths) for row in held_out)
    weighed = [counted[band] * weight for band, weight in found["balanced"]["weights"].items()]
    assert weighed == pytest.approx([len(held_out) / len(counted)] * len(counted), abs=0.001)


def test_leaks_are_named_by_kind(
    seeded: Store, accept: Accept, said: list[Said], ids: tuple[list[str], list[str]]
) -> None:
    accept(seeded, said)
    assert built(seeded)[0].summary["leak_report"] == []
    (first, second, *_), (held_out, other, *_) = ids
    twin = articles.get(seeded, held_out)
    assert twin is not None
    with seeded.write() as connection:
        # escape codes are gone before a model reads a text, so that these two are one to it
        connection.execute(
            "UPDATE articles SET title = ?, body = ? WHERE id = ?", (f"\x1b[1m{twin.title}", twin.body, first)
        )
    articles.set_near_duplicates(seeded, {other: second})
    dataset = built(seeded)[0]
    assert dataset.summary["leaks"] == 2
    assert dataset.summary["leak_report"] == [
        {"kind": "exact", "held_out": held_out, "trained": first},
        {"kind": "near", "held_out": other, "trained": second},
    ]


def test_what_is_too_long_is_set_aside_and_named_and_its_lengths_are_kept(
    seeded: Store, accept: Accept, said: list[Said]
) -> None:
    accept(seeded, said)
    whole, train, held_out = built(seeded, max_repeats=1)
    longest = max(len(row.prompt) + len(row.completion) + len("<|im_end|>") for row in [*train, *held_out])
    limit = Limit(longest - 100, "characters", characters)
    dataset, kept, kept_eval = built(seeded, max_repeats=1, limit=limit)
    aside = dataset.summary["set_aside"]["over_long"]
    gone = {(pair["article"], pair["profile"], pair["split"]): pair["tokens"] for pair in aside["pairs"]}
    assert aside["count"] == len(gone) > 0
    assert all(tokens > limit.tokens for tokens in gone.values())

    def names(rows: list[DatasetRow]) -> set[tuple[str, str, str]]:
        return {(row.article_id, row.profile_id, row.split) for row in rows}

    assert names([*kept, *kept_eval]) | gone.keys() == names([*train, *held_out])
    assert not names([*kept, *kept_eval]) & gone.keys()
    assert (dataset.params["max_tokens"], dataset.params["tokenizer"]) == (limit.tokens, "characters")
    assert "max_tokens" not in whole.params
    found = lengths.lengths(seeded, dataset.id, "characters")
    assert found is not None
    counted = sorted(len(row.prompt + row.completion) + len("<|im_end|>") for row in [*kept, *kept_eval])
    assert (found.rows, found.longest, found.tokens) == (len(counted), counted[-1], sum(counted))
    assert found.longest <= limit.tokens
    with pytest.raises(StratosError, match="0 accepted pairs to train on and 0 of held-out articles; 44 set aside"):
        build(seeded, TEACHER, limit=replace(limit, tokens=10))


def test_older_rows_are_merged_only_where_they_are_good(
    seeded: Store, accept: Accept, said: list[Said], ids: tuple[list[str], list[str]]
) -> None:
    (first, second, third, *_), (held_out, *_) = ids
    accept(seeded, said)
    before = built(seeded, max_repeats=1)[1]
    reader = "munich_mecheng"
    labels.put_many(
        seeded,
        [
            label((first, reader), 55),
            label((second, reader), 54),
            label((held_out, reader), 90),
            label((third, reader), 80, grammar="old", trace="VERDICT: high"),
            label((third, "dc_cybersec"), 80, grammar="none", trace=""),
            label((second, "dc_cybersec"), 80, trace=GOOD.replace("CALIBRATION", "CLOSING")),
            label((first, "dc_cybersec"), 80, trace=GOOD.replace("seen", "<|im_end|>")),
            label((third, "london_finance"), 50),
            label((first, READERS[0]), 70),
        ],
        "test",
    )
    dataset, train, rest = built(seeded, max_repeats=1, older="merge")
    assert dataset.summary["older"] == {
        "5.0": 1,
        "below 5.5": 1,
        "control tokens": 1,
        "format": 1,
        "held out": 1,
        "no trace": 1,
        "old grammar": 1,
        "scored by the teacher": 1,
        "taken": 1,
    }
    [row] = [row for row in train if row.request_id < 0]
    assert (row.article_id, row.profile_id, row.tenths) == (first, reader, 55)
    assert len(train) == len(before) + 1
    assert all(split_think(row.completion)[0] for row in [*train, *rest])
    # the day and the profile of an older row are found as those of a request are
    article = articles.get(seeded, first)
    profile = profiles.get(seeded, reader)
    assert article is not None
    assert profile is not None
    day = datasets.reference_dates(seeded, dataset.id)[row.request_id]
    assert row.prompt == student_prompt(profile, article, day, row.wording)
    asked = datasets.asked(seeded, [each.request_id for each in train])
    assert set(asked) == {each.request_id for each in train}
    assert asked[row.request_id].reference_date == day
    assert profiles.by_digest(seeded, asked[row.request_id].profile_digest) == profile


def test_old_grammar_makes_a_build_of_answers_of_its_own(
    seeded: Store, accept: Accept, said: list[Said], ids: tuple[list[str], list[str]]
) -> None:
    accept(seeded, said)
    with pytest.raises(StratosError, match="there are no older rows"):
        build(seeded, TEACHER, older="only")
    old = {"grammar": "old", "trace": "VERDICT: an old trace"}
    labels.put_many(
        seeded,
        [
            *(label((article, "munich_mecheng"), 10 + at, **old) for at, article in enumerate([*ids[0], *ids[1]])),
            label((ids[0][0], "dc_cybersec"), 50, **old),
            label((ids[0][1], "dc_cybersec"), 90),
        ],
        "test",
    )
    dataset, train, held_out = built(seeded, older="only", max_repeats=1)
    assert dataset.summary["older"] == {"5.0": 1, "taken": 11, "trace in our grammar": 1}
    assert dataset.teacher == "imported"
    assert {row.article_id for row in train} == set(ids[0])
    assert {row.article_id for row in held_out} == set(ids[1])
    for row in [*train, *held_out]:
        answer = parse_answer(row.completion)
        assert row.completion.startswith("<think>\n\n</think>\n\nSCORE: ")
        assert "old trace" not in row.completion
        assert getattr(answer, "tenths", None) == row.tenths


def test_the_operators_scores_train_only_where_they_are_asked_for(
    seeded: Store, accept: Accept, said: list[Said], ids: tuple[list[str], list[str]]
) -> None:
    accept(seeded, said)
    teacher = {(article, reader): tenths for article, reader, tenths in said}
    agreed = [pair for pair in teacher if pair[0] in ids[0][:4]]
    for pair in agreed:
        labels.set_operator_label(seeded, *pair, min(100, teacher[pair] + 1))
    opposed = (ids[0][5], READERS[0])
    labels.set_operator_label(seeded, *opposed, 100 - teacher[opposed])
    labels.set_operator_label(seeded, ids[1][0], READERS[0], 100)
    _, plain, _ = built(seeded, max_repeats=1)
    assert {(row.article_id, row.profile_id): row.tenths for row in plain}.items() <= teacher.items()
    dataset, train, held_out = built(seeded, max_repeats=1, labels="operator")
    assert {(row.article_id, row.profile_id): row.tenths for row in train} == {
        pair: min(100, teacher[pair] + 1) for pair in agreed
    }
    assert {(row.article_id, row.profile_id): row.tenths for row in held_out}.items() <= teacher.items()
    assert len(held_out) == 12
    [contradicted] = dataset.summary["set_aside"]["contradicted"]["pairs"]
    assert (contradicted["article"], contradicted["profile"]) == opposed
    assert dataset.summary["set_aside"]["unlabelled"]["count"] == 32 - len(agreed) - 1
    assert dataset.params["labels"] == "operator"
    with pytest.raises(StratosError, match="choose --older or --labels"):
        build(seeded, TEACHER, labels="operator", older="merge")


def test_a_prompt_is_split_where_the_article_begins(seeded: Store, accept: Accept, said: list[Said]) -> None:
    accept(seeded, said)
    for row in built(seeded)[1]:
        system, turn = split_prompt(row.prompt)
        assert system + turn == row.prompt
        assert system.endswith("<|im_end|>\n")
        assert turn.startswith("<|im_start|>user\nScore this article.")
