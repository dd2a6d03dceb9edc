from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stratos_tui.evaluation.baselines import IS_TEACHER, Baseline
from stratos_tui.evaluation.loops import Repetition
from stratos_tui.evaluation.metrics import Metrics
from stratos_tui.evaluation.sanity import (
    APART_ARTICLE,
    JWST_ARTICLE,
    Check,
    kinds_alike,
    profiles_apart,
    space_article,
)
from stratos_tui.evaluation.verdict import Evidence, decide

METRICS = Metrics(
    n=100,
    parse_failures=0,
    mae=2.0,
    macro_mae=2.0,
    per_band={"noise": 1.0, "low": 1.0, "moderate": 1.0, "high": 1.0, "critical": 1.0},
    band_counts={"noise": 60, "low": 10, "moderate": 10, "high": 10, "critical": 10},
    spearman=0.7,
    psr=0.7,
    contrast_pairs=100,
    rival_psr=0.5,
    rival_psr_teacher=0.9,
    profile_gap=3.0,
    direction=0.9,
    within_1=0.5,
    within_2=0.8,
)
HOLDS = Check(3.5, True, "here")
TRIVIAL = Baseline("constant 0.5", replace(METRICS, mae=1.0, macro_mae=4.8, psr=0.0, spearman=None))
EVIDENCE = Evidence(METRICS, {}, [TRIVIAL], HOLDS, HOLDS, HOLDS, Repetition(100, 0, 0))


def class_of(**changes: Any) -> str:
    metrics = {name: changes.pop(name) for name in list(changes) if name in Metrics.__dataclass_fields__}
    return decide(replace(EVIDENCE, metrics=replace(METRICS, **metrics), **changes)).name


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "success"),
        # success: PSR > 60 %, MAE < 2.5
        ({"psr": 0.601}, "success"),
        ({"psr": 0.6}, "partial"),
        ({"mae": 2.499}, "success"),
        ({"mae": 2.5}, "partial"),
        # failure: PSR < 40 %, MAE > 4.0
        ({"psr": 0.4}, "partial"),
        ({"psr": 0.399}, "failure"),
        ({"mae": 4.0}, "partial"),
        ({"mae": 4.001}, "failure"),
        # stretch: PSR > 80 %, MAE < 1.5, rho > 0.80, and everything that success needs
        ({"psr": 0.81, "mae": 1.49, "spearman": 0.81}, "stretch"),
        ({"psr": 0.8, "mae": 1.49, "spearman": 0.81}, "success"),
        ({"psr": 0.81, "mae": 1.5, "spearman": 0.81}, "success"),
        ({"psr": 0.81, "mae": 1.49, "spearman": 0.8}, "success"),
        ({"psr": 0.81, "mae": 1.49, "spearman": None}, "success"),
        ({"psr": 0.81, "mae": 1.49, "spearman": 0.81, "apart": Check(2.0, False, "x")}, "partial"),
        # the sanity checks
        ({"apart": Check(3.0, False, "x")}, "partial"),
        ({"space": Check(7.0, False, "x")}, "partial"),
        ({"kinds": Check(1.1, False, "x")}, "partial"),
        # not measured is never met
        ({"apart": Check(None, None, "x")}, "partial"),
        ({"space": Check(None, None, "x")}, "partial"),
        ({"kinds": Check(None, None, "x")}, "partial"),
        ({"psr": None}, "partial"),
        ({"mae": None, "macro_mae": None}, "partial"),
        ({"repetition": Repetition(0, 0, None)}, "partial"),
        ({"psr": None, "mae": 4.5}, "failure"),
        ({"mae": None, "psr": 0.0}, "failure"),
        # traces that loop or copy
        ({"repetition": Repetition(100, 3, 2)}, "success"),
        ({"repetition": Repetition(100, 3, 3)}, "failure"),
        # every trivial scorer must be beaten on macro-MAE and on PSR
        ({"macro_mae": 4.8}, "partial"),
        ({"macro_mae": 4.79}, "success"),
        ({"baselines": [replace(TRIVIAL, metrics=replace(METRICS, psr=0.7, macro_mae=3.0))]}, "partial"),
        ({"baselines": [replace(TRIVIAL, metrics=replace(METRICS, psr=0.69, macro_mae=3.0))]}, "success"),
        ({"baselines": [TRIVIAL, Baseline("rubric", replace(METRICS, psr=0.9, macro_mae=0.1))]}, "partial"),
        (
            {"baselines": [TRIVIAL, Baseline("rubric", replace(METRICS, psr=1.0, macro_mae=0.0), (IS_TEACHER,))]},
            "success",
        ),
        ({"baselines": []}, "partial"),
    ],
    ids=str,
)
def test_the_boundaries(changes: dict[str, Any], expected: str) -> None:
    assert class_of(**changes) == expected


def test_a_criterion_says_what_it_needs_and_what_the_best_trivial_scorer_has() -> None:
    rival = Baseline("profile median", replace(METRICS, psr=0.3, macro_mae=3.0, mae=0.9, spearman=0.2))
    verdict = decide(replace(EVIDENCE, baselines=[TRIVIAL, rival], intervals={"psr": (0.6, 0.8)}))
    criteria = {criterion.name: criterion for criterion in verdict.criteria}
    psr = criteria["psr"]
    assert (psr.value, psr.interval, psr.threshold, psr.ok, psr.best_trivial) == (0.7, (0.6, 0.8), "> 0.6", True, 0.3)
    assert criteria["mae"].best_trivial == 0.9
    assert criteria["macro-MAE beats trivial scorers"].threshold == "< 3"
    assert {criterion.level for criterion in verdict.criteria} == {"success", "stretch"}


def test_what_was_not_measured_is_said() -> None:
    verdict = decide(replace(EVIDENCE, space=Check(None, None, "nobody scored it"), repetition=Repetition(0, 0, None)))
    notes = {criterion.name: criterion.note for criterion in verdict.criteria}
    assert notes["JWST article"] == "not measured: nobody scored it"
    assert notes["traces do not loop or copy"] == "not measured: no traces"
    assert "not measured: JWST article, traces do not loop or copy" in verdict.statement


def test_the_statement_is_one_sentence_with_its_marks() -> None:
    verdict = decide(replace(EVIDENCE, marks=("rehearsal",)))
    assert verdict.statement == (
        "success (rehearsal): PSR 70.0% of 100 contrast pairs (success needs over 60 %),"
        " MAE 2.00 over 100 pairs (needs under 2.5)."
    )
    assert verdict.cannot == ()


def test_what_the_scorer_cannot_do_is_said_plainly() -> None:
    metrics = replace(
        METRICS,
        parse_failures=7,
        psr=0.25,
        macro_mae=5.0,
        per_band={**METRICS.per_band, "critical": 6.5, "high": None},
        band_counts={**METRICS.band_counts, "critical": 1},
    )
    verdict = decide(
        replace(
            EVIDENCE,
            metrics=metrics,
            apart=Check(0.2, False, "equate"),
            space=Check(None, False, "jwst: no readable score"),
            kinds=Check(1.5, False, "interest 3.00, career 1.50"),
            repetition=Repetition(100, 10, 0),
            formatted=0.9,
        )
    )
    assert verdict.name == "failure"
    assert verdict.cannot == (
        "It gives no readable score for 7 of 100 pairs.",
        "10.0% of its completions break the format.",
        "It does not tell profiles apart in 75.0% of contrast pairs.",
        "It misses critical scores by 6.5 points on average (1 pair).",
        "It does not beat constant 0.5 (macro-MAE 5.00 against 4.80).",
        "It does not set kuwait_cpeg and texas_nurse apart (equate).",
        "It does not give portland_retired_space its JWST article (jwst: no readable score).",
        "It serves one kind of profile worse: MAE interest 3.00, career 1.50.",
        "10.0% of its traces repeat themselves or copy the article.",
    )


KUWAIT, NURSE, RETIRED = "kuwait_cpeg", "texas_nurse", "portland_retired_space"


@pytest.mark.parametrize(("up", "down", "ok"), [(41, 10, True), (40, 10, False), (10, 95, False), (None, 5, False)])
def test_the_two_profiles_must_be_more_than_three_points_apart(up: int | None, down: int, ok: bool) -> None:
    scores = {(APART_ARTICLE, KUWAIT): up, (APART_ARTICLE, NURSE): down}
    found = profiles_apart(scores, {})
    assert found.ok is ok
    assert found.value == (None if up is None else (up - down) / 10)


def test_another_article_stands_in_where_the_teacher_sets_the_two_apart() -> None:
    teacher: dict[tuple[str, str], int | None] = {
        ("near", KUWAIT): 30, ("near", NURSE): 5, ("far", KUWAIT): 5, ("far", NURSE): 90, ("half", KUWAIT): 95,
    }  # fmt: skip
    scores = dict(teacher)
    found = profiles_apart(scores, teacher)
    assert (found.ok, found.value, found.note) == (True, 8.5, "far")
    # against the teacher's direction is not apart, however far
    assert profiles_apart({**scores, ("far", KUWAIT): 90, ("far", NURSE): 5}, teacher).ok is False
    assert profiles_apart(scores, {("near", KUWAIT): 30, ("near", NURSE): 5}).ok is None
    assert profiles_apart({}, {}).ok is None


def test_the_space_article() -> None:
    assert space_article({(JWST_ARTICLE, RETIRED): 71}).ok is True
    assert space_article({(JWST_ARTICLE, RETIRED): 70}).ok is False
    assert space_article({(JWST_ARTICLE, RETIRED): None}).ok is False
    assert space_article({(JWST_ARTICLE, NURSE): 90}).ok is None
    assert space_article({("their-JWST-piece", RETIRED): 85}).ok is True
    assert space_article({("jwst-1", RETIRED): 85, ("jwst-2", RETIRED): 85}).ok is None


def test_kinds_may_differ_by_exactly_one_point() -> None:
    for tenths in range(100):
        assert kinds_alike(tenths / 10, (tenths + 10) / 10).ok is True
    assert kinds_alike(1.0, 2.01).ok is False
    assert kinds_alike(2.01, 1.0).ok is False
    assert kinds_alike(None, 1.0).ok is None
