from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.evaluation.baselines import (
    CONSTANT,
    FROM_OTHERS,
    FROM_TRAINING,
    PROFILE_MEDIAN,
    TRAINING_MEDIAN,
    Baseline,
    median_tenths,
    trivial,
)
from stratos_tui.evaluation.metrics import measure
from stratos_tui.evaluation.pairs import Pairs, make_pairs


def by_name(baselines: list[Baseline]) -> dict[str, Baseline]:
    return {baseline.name: baseline for baseline in baselines}


def some_pairs() -> Pairs:
    # teacher: a p 90, a q 5; b p 80, b q 5; c p 10, c q 70
    return make_pairs(list("aabbcc"), list("pqpqpq"), [90, 5, 80, 5, 10, 70], [0] * 6)


def test_medians_from_training_scores() -> None:
    found = by_name(trivial(some_pairs(), {"p": [60, 70, 95], "q": []}))
    assert [*found] == [CONSTANT, TRAINING_MEDIAN, PROFILE_MEDIAN]
    # 0.5 against 9.0 0.5 8.0 0.5 1.0 7.0
    assert found[CONSTANT].metrics.mae == pytest.approx((8.5 + 7.5 + 0.5 + 6.5) / 6)
    assert found[TRAINING_MEDIAN].metrics.mae == pytest.approx((2.0 + 6.5 + 1.0 + 6.5 + 6.0 + 0.0) / 6)
    # q has no training score of its own: the overall median
    assert found[PROFILE_MEDIAN].metrics.mae == found[TRAINING_MEDIAN].metrics.mae
    assert found[PROFILE_MEDIAN].note == FROM_TRAINING
    assert found[TRAINING_MEDIAN].metrics.psr == 0.0


def test_medians_of_the_other_articles_where_nothing_was_for_training() -> None:
    found = by_name(trivial(some_pairs(), {}))
    # without a: 5 10 70 80 → 4.0; without b: 5 10 70 90 → 4.0; without c: 5 5 80 90 → 4.3
    assert found[TRAINING_MEDIAN].metrics.mae == pytest.approx((5.0 + 3.5 + 4.0 + 3.5 + 3.3 + 2.7) / 6)
    # p without a: 10 80 → 4.5; without b: 10 90 → 5.0; without c: 8.5. q: 3.8, 3.8, 0.5
    assert found[PROFILE_MEDIAN].metrics.mae == pytest.approx((4.5 + 3.3 + 3.0 + 3.3 + 7.5 + 6.5) / 6)
    assert found[PROFILE_MEDIAN].note == FROM_OTHERS


def test_one_article_has_no_other_to_take_a_median_of() -> None:
    assert [b.name for b in trivial(make_pairs(["a", "a"], ["p", "q"], [90, 5], [0, 0]), {})] == [CONSTANT]


def test_a_profile_seen_once_takes_the_overall_median() -> None:
    pairs = make_pairs(list("abc"), list("pqq"), [90, 20, 30], [0] * 3)
    found = by_name(trivial(pairs, {}))
    # p: nobody else, so the median of 20 and 30
    assert found[PROFILE_MEDIAN].metrics.mae == pytest.approx((6.5 + 1.0 + 1.0) / 3)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20))
def test_median_is_the_median_in_whole_tenths(values: list[int]) -> None:
    assert 0 <= median_tenths(values) - statistics.median(values) <= 0.5


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 100)),
        min_size=2,
        max_size=20,
        unique_by=lambda r: (r[0], r[1]),
    )
)
def test_leave_one_out_medians_are_those_computed_one_by_one(rows: list[tuple[int, int, int]]) -> None:
    articles = {article for article, _, _ in rows}
    pairs = make_pairs([str(r[0]) for r in rows], [str(r[1]) for r in rows], [r[2] for r in rows], [0] * len(rows))
    found = by_name(trivial(pairs, {}))
    if len(articles) == 1:
        assert [*found] == [CONSTANT]
        return
    overall = [median_tenths([t for a, _, t in rows if a != article]) for article, _, _ in rows]
    own = [
        median_tenths(same) if (same := [t for a, p, t in rows if a != article and p == profile]) else fallback
        for (article, profile, _), fallback in zip(rows, overall, strict=True)
    ]

    def mae(said: list[int]) -> float:
        return sum(abs(s - t) for s, (_, _, t) in zip(said, rows, strict=True)) / len(rows) / 10

    assert found[TRAINING_MEDIAN].metrics.mae == pytest.approx(mae(overall))
    assert found[PROFILE_MEDIAN].metrics.mae == pytest.approx(mae(own))


def test_the_teacher_is_no_rival() -> None:
    metrics = measure(some_pairs())
    assert Baseline("rubric", metrics).compared
    assert not Baseline("rubric", metrics, ("is the teacher",)).compared
    assert Baseline("rubric", metrics, ("is the teacher",)).as_json()["marks"] == ["is the teacher"]
