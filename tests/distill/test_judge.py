from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.distill.judge import CODES, Limits, fingerprint, judge, state_of
from stratos_tui.prism import rubric
from stratos_tui.prism.prompts import reference_date_of
from stratos_tui.prism.trace import DIMENSIONS, SIGNAL_WORDS, render_completion
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.store.answers import Judgement, Unjudged

LIMITS = Limits()
SENTENCE = "the tracked company opens a post for this degree in this city and the date is still ahead "


def trace(words: int, *, without: str = "", signal: str = "", sections: bool = True) -> str:
    """A trace of exactly so many words in which everything that tiers 2 and 3 need is there."""
    head = ["PROFILE: A graduate in Kuwait.", "CONTENT: A company hires."]
    if sections:
        lines = [
            f"- {name}: {signal if signal and name == 'Entity relevance' else SIGNAL_WORDS[name][0]} — named here"
            for name in DIMENSIONS
        ]
        head += ["ANALYSIS:", *lines, "CALIBRATION: Strongest signal is the entity."]
    else:
        head.append("ANALYSIS: nothing meets.")
    text = "\n".join(line for line in head if not (without and without in line))
    count = sum(any(map(str.isalnum, word)) for word in text.split())
    return text + " word" * (words - count)


def answer(text: str, **more: Any) -> Unjudged:
    return replace(Unjudged(1, "succeeded", "end_turn", "", text), **more)


def judged(text: str, **more: Any) -> Judgement:
    return judge(answer(text, **more), LIMITS)


def offending(text: str) -> str:
    start, end = judged(text).span
    return text[start:end]


@pytest.mark.parametrize(
    ("words", "tenths", "sections", "tier"),
    [
        (40, 5, False, 1),
        (60, 19, False, 1),
        (64, 20, True, 2),
        (180, 89, True, 2),
        (96, 90, True, 3),
        (200, 98, True, 3),
    ],
)
def test_what_is_asked_for_is_accepted_up_to_the_tolerance(words: int, tenths: int, sections: bool, tier: int) -> None:
    text = trace(words, sections=sections)
    verdict = judged(render_completion(text, tenths, "the company is tracked"))
    assert (verdict.accepted, verdict.code, verdict.measured) == (True, "", "")
    assert (verdict.tier, verdict.words, verdict.tenths) == (tier, words, tenths)
    assert (verdict.reason, verdict.trace) == ("the company is tracked", text)
    assert state_of(verdict) == "accepted"


GOOD = trace(100)
NOISE = trace(40, sections=False)


BROKEN: list[tuple[str, str, str]] = [
    ("", "empty", "no text"),
    (f"{GOOD}\n\nSCORE: 7.5 | REASON: r", "think_missing", "no trace"),
    ("<think>\n\n</think>\n\nSCORE: 7.5 | REASON: r", "think_missing", "no trace"),
    (f"<think>\n{GOOD}\n\nSCORE: 7.5 | REASON: r", "think_unclosed", "words"),
    (f"<think>\n{GOOD}\n</think>\n\nIt matters.", "score_missing", "no SCORE"),
    (f"<think>\n{GOOD}\n</think>\n\nSCORE: high | REASON: r", "score_not_a_number", "high"),
    (f"<think>\n{GOOD}\n</think>\n\nSCORE: 7.55 | REASON: r", "score_decimals", "7.55"),
    (f"<think>\n{GOOD}\n</think>\n\nSCORE: 10.5 | REASON: r", "score_out_of_range", "10.5"),
    (f"<think>\n{GOOD}\n</think>\n\nSCORE: -1 | REASON: r", "score_out_of_range", "-1"),
    (f"<think>\n{GOOD}\n</think>\n\nSCORE: 7.5", "reason_missing", "no REASON"),
    (f"<think>\n{GOOD}\n</think>\n\nSCORE: 7.5 | REASON: ", "reason_missing", "no REASON"),
    (render_completion(GOOD, 50, "r"), "score_forbidden", "5.0"),
    (f"<think>\n{GOOD}\n</think>\n\nscore: 5 | reason: r", "score_forbidden", "5.0"),
    (render_completion("PROFILE: A reader.\nCONTENT: News.\nANALYSIS: None.", 5, "r"), "too_short", "7 words"),
    (render_completion(trace(201), 75, "r"), "too_long", "201 words"),
    (render_completion(trace(61, sections=False), 5, "r"), "tier_length", "61 words"),
    (render_completion(trace(63), 60, "r"), "tier_length", "63 words"),
    (render_completion(trace(181), 75, "r"), "tier_length", "181 words"),
    (render_completion(trace(95), 95, "r"), "tier_length", "95 words"),
    (render_completion(trace(100, without="CALIBRATION"), 75, "r"), "section_missing", "CALIBRATION"),
    (render_completion(trace(100, without="Location"), 75, "r"), "section_missing", "Location relevance"),
    (render_completion(trace(100, sections=False), 75, "r"), "section_missing", "CALIBRATION"),
    (render_completion(trace(40, sections=False, without="CONTENT"), 5, "r"), "section_missing", "CONTENT"),
    (render_completion(trace(100, signal="MASSIVE"), 75, "r"), "signal_vocabulary", "Entity relevance: MASSIVE"),
]


@pytest.mark.parametrize(("text", "code", "measured"), BROKEN)
def test_each_rule_has_its_code_and_what_it_measured(text: str, code: str, measured: str) -> None:
    verdict = judged(text)
    assert (verdict.accepted, verdict.code) == (False, code)
    assert measured in verdict.measured
    assert verdict.limits
    assert state_of(verdict) == "rejected"


NO_ANSWER: list[tuple[dict[str, Any], str, str]] = [
    ({"stop_reason": "refusal", "detail": "frontier_llm"}, "refusal", "rejected"),
    ({"stop_reason": "max_tokens"}, "truncated", "rejected"),
    ({"stop_reason": "model_context_window_exceeded"}, "truncated", "rejected"),
    ({"result_type": "errored", "stop_reason": "api_error", "detail": "broke"}, "errored", "errored"),
    ({"result_type": "expired", "stop_reason": ""}, "expired", "expired"),
    ({"result_type": "canceled", "stop_reason": ""}, "canceled", "canceled"),
    ({"result_type": "lost", "stop_reason": ""}, "lost", "errored"),
    ({"result_type": "postponed"}, "unknown_result", "errored"),
]


@pytest.mark.parametrize(("more", "code", "state"), NO_ANSWER)
def test_no_answer_at_all_is_told_apart(more: dict[str, Any], code: str, state: str) -> None:
    verdict = judged(render_completion(GOOD, 75, "r"), **more)
    assert (verdict.accepted, verdict.code, state_of(verdict)) == (False, code, state)


def test_a_refusal_shows_its_category_and_an_error_its_words() -> None:
    assert judged("", stop_reason="refusal", detail="reasoning_extraction").measured == "reasoning_extraction"
    assert judged("", result_type="errored", stop_reason="api_error", detail="broke").measured == "api_error: broke"


def test_every_reason_is_tested() -> None:
    assert {code for _, code, _ in BROKEN} | {code for _, code, _ in NO_ANSWER} == set(CODES)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"<think>\n{GOOD}\n</think>\n\nSCORE: 7.55 | REASON: r", "7.55"),
        (render_completion(GOOD, 50, "r"), "SCORE: 5.0 | REASON: r"),
        (render_completion(trace(100, signal="MASSIVE"), 75, "r"), "- Entity relevance: MASSIVE — named here"),
        (render_completion(trace(203), 75, "r"), "word word word"),
        (render_completion(trace(62, sections=False), 5, "r"), "word word"),
        (render_completion(trace(63), 60, "r"), trace(63)),
    ],
)
def test_the_span_is_the_offending_part(text: str, part: str) -> None:
    assert offending(text) == part


def test_a_block_that_the_prompt_opened_is_read() -> None:
    assert judged(f"  {NOISE}\n</think>\n\nSCORE: 0.5 | REASON: r").accepted


def test_limits_are_settings_and_change_the_fingerprint() -> None:
    strict = replace(LIMITS, tolerance=0.0)
    text = answer(render_completion(trace(60, sections=False), 5, "r"))
    assert judge(text, LIMITS).accepted
    assert judge(text, strict).code == "tier_length"
    assert judge(text, strict).rules == fingerprint(strict) != fingerprint(LIMITS)


def test_the_rubric_writes_what_the_rules_accept() -> None:
    rejected = [
        (article.id, profile.id, verdict.code, verdict.measured)
        for article, _ in shipped_articles()
        for profile in shipped_profiles()
        for said in [rubric.answer(profile, article, reference_date_of(article, date(2026, 11, 20)))]
        for verdict in [judged(render_completion(said.trace, said.tenths, said.reason))]
        if not verdict.accepted
    ]
    assert rejected == []


pieces = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "SCORE:", "REASON:", " | ", "\n", "\n\n", "5.0", "7.55", "-3", "٣.٣", "1e9", "nan"]
    )
    | st.sampled_from(
        ["PROFILE:", "CONTENT:", "ANALYSIS:", "CALIBRATION:", "- Entity relevance: STRONG — x", SENTENCE * 3]
    )
    | st.text(max_size=20),
    max_size=25,
).map("".join)


@given(
    pieces | st.text(),
    st.sampled_from(["succeeded", "errored", "expired", "canceled", "lost", "", "new"]),
    st.sampled_from(["end_turn", "refusal", "max_tokens", "", "tool_use"]),
    st.text(max_size=10),
)
def test_nothing_that_comes_back_raises(text: str, result_type: str, stop_reason: str, detail: str) -> None:
    verdict = judge(Unjudged(1, result_type, stop_reason, detail, text), LIMITS)
    assert verdict.accepted == (verdict.code == "")
    assert verdict.accepted or verdict.code in CODES
    start, end = verdict.span
    assert 0 <= start <= end <= len(text)
    if verdict.accepted:
        assert verdict.tenths is not None
        assert verdict.tenths != 50
        assert verdict.trace in text
