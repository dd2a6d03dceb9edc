"""The smoke test's thresholds, each at its edge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stratos_tui.evaluation.smoke import judge
from stratos_tui.prism.trace import render_completion
from stratos_tui.serving.ollama_server import Reply
from stratos_tui.serving.probes import ProbeName, probes

GOOD: dict[ProbeName, int] = {"noise": 1, "hit": 85, "borderline": 56, "kuwait": 95, "texas": 5}
TRACE = (
    "PROFILE: somebody\nCONTENT: something\nANALYSIS: every tracked name was held against the text,"
    " one after the other, before this was weighed."
)


def reply(tenths: int, trace: str = TRACE) -> Reply:
    return Reply(render_completion(trace, tenths, "because"), "", True, 0.1, 300, 90)


def judged(**others: Reply) -> dict[str, Any]:
    return judge([(probe, others.get(probe.name) or reply(GOOD[probe.name])) for probe in probes()])


def failing(document: dict[str, Any]) -> list[str]:
    return [each["probe"] for each in document["checks"] if not each["ok"]]


def test_a_good_model_passes() -> None:
    document = judged()
    assert document["ok"]
    assert document["failed"] == ""
    assert document["gap"] == 9.0
    assert [each["score"] for each in document["checks"]] == [0.1, 8.5, 5.6, 9.5, 0.5]


def test_a_trace_in_a_field_of_its_own_counts() -> None:
    split = Reply("SCORE: 0.1 | REASON: because", TRACE, True, 0.1, 300, 90)
    assert judged(noise=split)["ok"]


@pytest.mark.parametrize(
    ("probe", "tenths", "ok"),
    [
        ("noise", 19, True),
        ("noise", 20, False),
        ("hit", 70, True),
        ("hit", 69, False),
        ("borderline", 50, False),
        ("borderline", 51, True),
        ("borderline", 1, False),
        ("borderline", 19, False),
        ("borderline", 20, True),
        ("borderline", 89, True),
        ("borderline", 90, False),
        ("texas", 64, True),
        ("texas", 65, False),
    ],
)
def test_the_ranges(probe: str, tenths: int, ok: bool) -> None:
    document = judged(**{probe: reply(tenths)})
    assert document["ok"] is ok
    assert failing(document) == ([] if ok else ["kuwait", "texas"] if probe == "texas" else [probe])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Reply("I think 8.", "", True, 0.1, 300, 5), "score_missing"),
        (Reply("<think>on and on", "", True, 0.1, 300, 5), "think_unclosed"),
        (Reply("SCORE: 8.5 | REASON: because", "", True, 0.1, 300, 5), "a trace of 0 words"),
        (replace(reply(85), finished=False), "did not end by itself"),
        (reply(85, "tracked names match and " * 20), "loops"),
        (reply(85, f"ANALYSIS: {probes()[1].article.body}"), "copies the article"),
    ],
)
def test_an_answer_that_is_not_thought_or_cannot_be_read_fails(said: Reply, why: str) -> None:
    document = judged(hit=said)
    assert failing(document) == ["hit"]
    assert why in document["failed"]


def test_a_reader_who_cannot_be_read_fails_the_pair_once() -> None:
    document = judged(texas=Reply("", "", True, 0.1, 300, 0))
    assert document["gap"] is None
    assert failing(document) == ["texas"]
