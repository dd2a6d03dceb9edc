from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.evaluation import breakdown
from stratos_tui.evaluation.metrics import measure
from stratos_tui.evaluation.pairs import Pairs, make_pairs

Row = tuple[str, str, int, int | None]


def pairs_of(rows: list[Row], **kinds: Any) -> Pairs:
    return make_pairs([r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows], kinds)


def slow_psr(rows: list[Row]) -> tuple[int, int]:
    """The definition, read aloud: contrast pairs and sensitive ones."""
    contrast = sensitive = 0
    for i, (article, _, teacher, score) in enumerate(rows):
        for other, _, teacher2, score2 in rows[:i]:
            if article == other and abs(teacher - teacher2) >= 20:
                contrast += 1
                if score is not None and score2 is not None:
                    sensitive += (score - score2) * (1 if teacher > teacher2 else -1) >= 10
    return contrast, sensitive


rows_strategy = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 100), st.none() | st.integers(0, 100)),
    min_size=1,
    max_size=30,
    unique_by=lambda r: (r[0], r[1]),
).map(lambda rows: [(f"a{a}", f"p{p}", t, s) for a, p, t, s in rows])


def test_a_small_case_by_hand() -> None:
    rows: list[Row] = [
        ("a", "p", 95, 85),  # critical, off by 1.0
        ("a", "q", 5, 20),  # noise, off by 1.5
        ("a", "r", 25, None),  # low, not readable
        ("b", "p", 60, 40),  # moderate, off by 2.0, the other side of 5.0
        ("b", "q", 45, 49),  # low, off by 0.4; 1.5 below p: no contrast pair
    ]
    found = measure(pairs_of(rows))
    assert (found.n, found.parse_failures) == (5, 1)
    assert found.mae == pytest.approx((1.0 + 1.5 + 2.0 + 0.4) / 4)
    assert found.per_band == {"noise": 1.5, "low": 0.4, "moderate": 2.0, "high": None, "critical": 1.0}
    assert found.macro_mae == pytest.approx((1.5 + 0.4 + 2.0 + 1.0) / 4)
    assert found.band_counts == {"noise": 1, "low": 2, "moderate": 1, "high": 0, "critical": 1}
    # a: p-q (sensitive), p-r and q-r (r failed); b: none
    assert (found.contrast_pairs, found.psr) == (3, 1 / 3)
    assert found.profile_gap == pytest.approx(6.5)
    # a spreads by 6.5 among what was readable, b by 0.9; the teacher by 9.0 and 1.5
    assert (found.rival_psr, found.rival_psr_teacher) == (0.5, 0.5)
    assert found.direction == pytest.approx(3 / 5)
    assert found.within_1 == pytest.approx(2 / 5)
    assert found.within_2 == pytest.approx(4 / 5)
    # ranks of the teacher 4 1 3 2, of the scorer 4 1 2 3
    assert found.spearman == pytest.approx(0.8)


def test_thresholds_are_exact_in_tenths() -> None:
    assert measure(pairs_of([("a", "p", 21, 10), ("a", "q", 1, 0)])).psr == 1.0
    assert measure(pairs_of([("a", "p", 20, 10), ("a", "q", 1, 0)])).contrast_pairs == 0
    assert measure(pairs_of([("a", "p", 21, 9), ("a", "q", 1, 0)])).psr == 0.0
    assert measure(pairs_of([("a", "p", 21, 0), ("a", "q", 1, 10)])).psr == 0.0
    assert measure(pairs_of([("a", "p", 21, 20), ("a", "q", 1, 0)])).rival_psr == 0.0
    assert measure(pairs_of([("a", "p", 21, 21), ("a", "q", 1, 0)])).rival_psr == 1.0
    # 5.0 from outside is up, and in band low
    five = measure(pairs_of([("a", "p", 50, 50), ("b", "p", 50, 49)]))
    assert (five.direction, five.band_counts["low"]) == (0.5, 2)
    assert measure(pairs_of([("a", "p", 3, 13), ("b", "p", 3, 14)])).within_1 == 0.5


def test_macro_mae_is_the_mean_of_the_bands_whatever_their_size() -> None:
    rows: list[Row] = [(f"n{i}", "p", 5, 5) for i in range(90)]
    rows += [("l", "p", 30, 5), ("m", "p", 60, 5), ("h", "p", 80, 5), ("c", "p", 95, 5)]
    found = measure(pairs_of(rows))
    assert found.macro_mae == pytest.approx((0 + 2.5 + 5.5 + 7.5 + 9.0) / 5)
    assert found.mae == pytest.approx(24.5 / 94)


def test_nothing_measurable_is_none() -> None:
    nothing = measure(pairs_of([]))
    assert nothing.n == 0
    measures = asdict(nothing)
    assert all(measures[name] is None for name in ("mae", "macro_mae", "psr", "direction", "spearman", "rival_psr"))
    failed = measure(pairs_of([("a", "p", 95, None), ("a", "q", 5, None)]))
    assert (failed.n, failed.parse_failures, failed.mae, failed.psr, failed.direction) == (2, 2, None, 0.0, 0.0)
    assert (failed.within_2, failed.rival_psr, failed.profile_gap) == (0.0, 0.0, None)
    assert measure(pairs_of([("a", "p", 95, 50), ("a", "q", 5, 50)])).spearman is None


@given(rows_strategy)
def test_a_perfect_scorer_is_perfect(rows: list[Row]) -> None:
    found = measure(pairs_of([(a, p, t, t) for a, p, t, _ in rows]))
    assert found.mae == 0
    assert found.macro_mae == 0
    assert found.psr in (None, 1.0)
    assert (found.direction, found.within_1, found.within_2) == (1.0, 1.0, 1.0)
    assert found.spearman is None or found.spearman == pytest.approx(1)
    assert found.rival_psr == found.rival_psr_teacher


@given(rows_strategy, st.integers(0, 100))
def test_a_constant_is_never_sensitive(rows: list[Row], constant: int) -> None:
    found = measure(pairs_of([(a, p, t, constant) for a, p, t, _ in rows]))
    assert found.psr in (None, 0.0)
    assert found.profile_gap in (None, 0.0)
    assert found.rival_psr in (None, 0.0)
    assert found.spearman is None


@given(rows_strategy)
def test_psr_is_its_definition_and_everything_is_in_bounds(rows: list[Row]) -> None:
    found = measure(pairs_of(rows))
    contrast, sensitive = slow_psr(rows)
    assert found.contrast_pairs == contrast
    assert found.psr == (sensitive / contrast if contrast else None)
    for share in (found.psr, found.rival_psr, found.direction, found.within_1, found.within_2):
        assert share is None or 0 <= share <= 1
    assert found.within_1 is not None
    assert found.within_2 is not None
    assert found.within_1 <= found.within_2
    for error in (found.mae, found.macro_mae, *found.per_band.values()):
        assert error is None or 0 <= error <= 10
    assert found.spearman is None or -1.000001 <= found.spearman <= 1.000001
    assert found.parse_failures == sum(score is None for *_, score in rows)


@given(rows_strategy, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[Row], shuffler: random.Random) -> None:
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    before, after = asdict(measure(pairs_of(rows))), asdict(measure(pairs_of(shuffled)))
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert after[name] == (pytest.approx(value) if isinstance(value, float) else value), name


def test_breakdowns_by_hand() -> None:
    rows: list[Row] = [("a", "p", 95, 85), ("a", "q", 5, 95), ("a", "r", 25, None)]
    rows += [("b", "p", 60, 60), ("b", "r", 5, 5)]
    pairs = pairs_of(rows, p="career", q="career", r="interest")
    kinds = breakdown.per_kind(pairs)
    assert (kinds["career"]["n"], kinds["career"]["contrast_pairs"], kinds["career"]["psr"]) == (3, 1, 0.0)
    assert (kinds["interest"]["n"], kinds["interest"]["parse_failures"], kinds["interest"]["mae"]) == (2, 1, 0.0)
    profiles = breakdown.per_profile(pairs)
    assert list(profiles) == ["p", "q", "r"]
    assert (profiles["p"].n, profiles["p"].mae, profiles["p"].within_1) == (2, 0.5, 1.0)
    assert (profiles["r"].parse_failures, profiles["r"].mae, profiles["r"].direction) == (1, 0.0, 0.5)
    table = breakdown.confusion(pairs)
    assert table["noise"] == {"noise": 1, "low": 0, "moderate": 0, "high": 0, "critical": 1, "failed": 0}
    assert table["low"]["failed"] == 1
    assert table["critical"]["high"] == 1
    assert sum(sum(row.values()) for row in table.values()) == len(rows)
    balanced = breakdown.balanced(pairs)
    # noise 1 of 2, low 0 of 1, moderate 1 of 1, critical 1 of 1
    assert balanced["within_1"] == pytest.approx((0.5 + 0 + 1 + 1) / 4)
    assert balanced["mae"] == measure(pairs).macro_mae


def test_unknown_kinds_are_left_out_of_the_split_by_kind() -> None:
    assert breakdown.per_kind(pairs_of([("a", "p", 95, 85)])) == {}
    assert breakdown.per_profile(pairs_of([("a", "p", 95, 85)]))["p"].kind is None


def test_a_million_pairs_are_measured_whole() -> None:
    random_numbers = np.random.default_rng(0)
    n, profiles = 1_000_000, 10
    teacher = random_numbers.integers(0, 101, n)
    score = np.clip(teacher + random_numbers.integers(-10, 11, n), 0, 100)
    names = tuple(f"p{i}" for i in range(profiles))
    article = np.repeat(np.arange(n // profiles), profiles)
    pairs = Pairs(
        article,
        np.tile(np.arange(profiles), n // profiles),
        teacher,
        score,
        tuple(map(str, range(n // profiles))),
        names,
        (None,) * profiles,
    )
    found = measure(pairs)
    assert found.n == n
    assert found.within_1 == 1.0
    assert found.mae == pytest.approx(np.abs(score - teacher).mean() / 10)
    assert found.contrast_pairs > 2_500_000
