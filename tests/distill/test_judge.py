from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.distill.judge import CODES, RULES, Limits, Rules, fingerprint, judge, state_of
from stratos_tui.prism import rubric
from stratos_tui.prism.prompts import reference_date_of
from stratos_tui.prism.trace import DIMENSIONS, SIGNAL_WORDS, render_completion
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.records import Article
from stratos_tui.store.answers import Judgement, Unjudged

LIMITS = Limits()
RULEBOOK = Rules()
DAY = date(2026, 11, 20)
SENTENCE = "the tracked company opens a post for this degree in this city and the date is still ahead "


def trace(
    words: int,
    *,
    without: str = "",
    signal: str = "",
    sections: bool = True,
    calibration: str = "Strongest signal is the entity.",
    source: str = "OFFICIAL",
    action: str = "named here",
) -> str:
    """A trace of exactly so many words in which everything that tiers 2 and 3 need is there."""
    head = ["PROFILE: A graduate in Kuwait.", "CONTENT: A company hires."]
    if sections:
        given_words = {name: SIGNAL_WORDS[name][0] for name in DIMENSIONS} | {"Source quality": source}
        if signal:
            given_words["Entity relevance"] = signal
        whys = {"Actionability": action}
        lines = [f"- {name}: {word} — {whys.get(name, 'named here')}" for name, word in given_words.items()]
        head += ["ANALYSIS:", *lines, f"CALIBRATION: {calibration}"]
    else:
        head.append("ANALYSIS: nothing meets.")
    text = "\n".join(line for line in head if not (without and without in line))
    count = sum(any(map(str.isalnum, word)) for word in text.split())
    return text + "".join(f" word{at}" for at in range(words - count))


def answer(text: str, **more: Any) -> Unjudged:
    return replace(Unjudged(1, "succeeded", "end_turn", "", text), **more)


def judged(text: str, **more: Any) -> Judgement:
    return judge(answer(text, **more), RULEBOOK)


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
    (render_completion(trace(201), 95, "r"), "too_long", "201 words"),
    (render_completion(trace(61, sections=False), 5, "r"), "tier_1_length", "61 words"),
    (render_completion(trace(63), 60, "r"), "tier_2_length", "63 words"),
    (render_completion(trace(181), 75, "r"), "tier_2_length", "181 words"),
    (render_completion(trace(95), 95, "r"), "tier_3_length", "95 words"),
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


def about(**more: Any) -> dict[str, Any]:
    return {"article": replace(Article("a", "A title", "A company hires."), **more), "reference_date": DAY}


SPANISH = (
    "PROFILE: Una graduada de la universidad que busca su primer trabajo en el sector de la energia.\n"
    "CONTENT: Las noticias de la semana en que se habla de una boda y de los famosos.\n"
    "ANALYSIS: No hay nada que se parezca a los intereses de la lectora ni a las empresas que sigue."
)
ARABIC = (
    "PROFILE: خريجة هندسة حاسوب في الكويت تتابع شركات النفط والغاز\n"
    "CONTENT: أخبار المشاهير وحفلات الزفاف لهذا الأسبوع في المدينة\n"
    "ANALYSIS: لا يوجد أي تطابق مع اهتمامات القارئة ولا مع الشركات التي تتابعها"
)
COPIED = (
    "the ministry said on Tuesday that its new terminal would open to freight from March once inspectors had signed off"
    " every crane and pilot boat while unions warned that night shifts without relief could slow unloading by half"
    " during summer heat when few volunteers come forward despite double pay offered by private operators across"
)
PHRASE = " and the signal is strong"

# for each rule on what is said: a case that breaks only it, and one that just does not
SAID: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "trace_contradicts",
        *(render_completion(trace(100, calibration="The entity maps to High (7.0-8.9)."), 30, "r"), {}),
        *(render_completion(trace(100, calibration="The entity maps to High (7.0-8.9)."), 70, "r"), {}),
    ),
    (
        "trace_contradicts",
        *(render_completion(trace(100, calibration="Start 7.5, same place +0.3 = 7.8."), 72, "r"), {}),
        *(render_completion(trace(100, calibration="Start 7.5, same place +0.3 = 7.8."), 73, "r"), {}),
    ),
    (
        "score_above_source",
        *(render_completion(trace(100, source="BLOG"), 81, "r"), {}),
        *(render_completion(trace(100, source="BLOG"), 80, "r"), {}),
    ),
    (
        "score_above_source",
        *(render_completion(trace(150, source="UNKNOWN"), 90, "r"), {}),
        *(render_completion(trace(150, source="UNKNOWN"), 89, "r"), {}),
    ),
    (
        "score_above_source",
        *(render_completion(trace(100), 81, "r"), about(source_type="blog")),
        *(render_completion(trace(150), 95, "r"), about(source_type="unknown")),
    ),
    (
        "score_above_expiry",
        *(render_completion(trace(100), 55, "r"), about(deadline=DAY - timedelta(days=1))),
        *(render_completion(trace(100), 55, "r"), about(deadline=DAY)),
    ),
    (
        "score_above_expiry",
        *(render_completion(trace(100, action="applications closed last week"), 55, "r"), {}),
        *(render_completion(trace(100, action="applications closed last week"), 54, "r"), {}),
    ),
    (
        "echo",
        *(render_completion(trace(100) + f" {COPIED}", 75, "r"), about(body=f"So {COPIED}.")),
        *(render_completion(trace(100) + f" {COPIED}", 75, "r"), about(body=f"So {COPIED[:200]}.")),
    ),
    (
        "loop",
        *(render_completion(trace(100) + PHRASE * 9, 75, "r"), {}),
        *(render_completion(trace(100) + PHRASE * 4, 75, "r"), {}),
    ),
    (
        "language",
        *(render_completion(SPANISH, 5, "r"), {}),
        *(render_completion(NOISE + " in De Telegraaf, Le Monde and El Pais de Madrid", 5, "r"), {}),
    ),
    (
        "language",
        *(render_completion(ARABIC, 5, "r"), {}),
        *(render_completion(f"{NOISE} {ARABIC.split(':')[1][:60]}", 5, "r"), {}),
    ),
]


@pytest.mark.parametrize(("code", "broken", "more", "near", "near_more"), SAID)
def test_what_is_said_is_judged_too(
    code: str, broken: str, more: dict[str, Any], near: str, near_more: dict[str, Any]
) -> None:
    verdict = judged(broken, **more)
    assert (verdict.accepted, verdict.code) == (False, code)
    assert verdict.measured
    assert verdict.limits
    start, end = verdict.span
    assert 0 <= start < end <= len(broken)
    assert state_of(verdict) == "rejected"
    assert judged(near, **near_more).code == ""


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
    found = {code for _, code, _ in BROKEN} | {code for _, code, _ in NO_ANSWER} | {code for code, *_ in SAID}
    assert found == set(CODES)


EVERY_CASE = (
    [(answer(text), code) for text, code, _ in BROKEN]
    + [(answer(render_completion(GOOD, 75, "r"), **more), code) for more, code, _ in NO_ANSWER]
    + [(answer(text, **more), code) for code, text, more, _, _ in SAID]
)


@pytest.mark.parametrize("rule", [rule for rule in RULES if not rule.hard], ids=lambda rule: rule.code)
def test_a_rule_that_is_off_lets_pass_what_only_it_rejects(rule: Any) -> None:
    off = Rules(off=frozenset({rule.code}))
    assert fingerprint(off) != fingerprint(RULEBOOK)
    for case, code in EVERY_CASE:
        verdict = judge(case, off)
        assert verdict.code == ("" if code == rule.code else code)


def test_the_order_in_which_rules_are_switched_off_means_nothing() -> None:
    codes = [rule.code for rule in RULES if not rule.hard]
    assert fingerprint(Rules(off=frozenset(codes))) == fingerprint(Rules(off=frozenset(reversed(codes))))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"<think>\n{GOOD}\n</think>\n\nSCORE: 7.55 | REASON: r", "7.55"),
        (render_completion(GOOD, 50, "r"), "SCORE: 5.0 | REASON: r"),
        (render_completion(trace(100, signal="MASSIVE"), 75, "r"), "- Entity relevance: MASSIVE — named here"),
        (render_completion(trace(203), 75, "r"), " ".join(trace(203).split()[-3:])),
        (render_completion(trace(62, sections=False), 5, "r"), " ".join(trace(62, sections=False).split()[-2:])),
        (render_completion(trace(100, calibration="This maps to Noise here."), 75, "r"), "maps to Noise"),
        (render_completion(trace(100, source="BLOG"), 85, "r"), "- Source quality: BLOG — named here"),
        (render_completion(trace(100, action="deadline has passed"), 85, "r"), "deadline has passed"),
        (render_completion(trace(63), 60, "r"), trace(63)),
    ],
)
def test_the_span_is_the_offending_part(text: str, part: str) -> None:
    assert offending(text) == part


def test_a_block_that_the_prompt_opened_is_read() -> None:
    assert judged(f"  {NOISE}\n</think>\n\nSCORE: 0.5 | REASON: r").accepted


def test_limits_are_settings_and_change_the_fingerprint() -> None:
    strict = Rules(replace(LIMITS, tolerance=0.0))
    text = answer(render_completion(trace(60, sections=False), 5, "r"))
    assert judge(text, RULEBOOK).accepted
    assert judge(text, strict).code == "tier_1_length"
    assert judge(text, strict).rules == fingerprint(strict) != fingerprint(RULEBOOK)


def test_the_rubric_writes_what_the_rules_accept() -> None:
    rejected = [
        (article.id, profile.id, verdict.code, verdict.measured)
        for article, _ in shipped_articles()
        for day in [reference_date_of(article, DAY)]
        for profile in shipped_profiles()
        for said in [rubric.answer(profile, article, day)]
        for text in [render_completion(said.trace, said.tenths, said.reason)]
        for verdict in [judged(text, article=article, reference_date=day)]
        if not verdict.accepted
    ]
    assert rejected == []


def test_a_rubric_trace_under_another_band_contradicts_it() -> None:
    found = []
    for article, _ in shipped_articles():
        for profile in shipped_profiles():
            said = rubric.answer(profile, article, reference_date_of(article, DAY))
            if 30 <= said.tenths < 90:
                other = said.tenths + (12 if said.tenths < 70 else -12)
                found.append(judged(render_completion(said.trace, other if other != 50 else 51, said.reason)).code)
    assert len(found) > 50
    assert set(found) == {"trace_contradicts"}


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
    st.sampled_from(["succeeded"] * 5 + ["errored", "expired", "canceled", "lost", "", "new"]),
    st.sampled_from(["end_turn"] * 5 + ["refusal", "max_tokens", "", "tool_use"]),
    st.text(max_size=10),
    st.none() | st.builds(Article, st.just("a"), st.text(), pieces, st.text(), st.sampled_from(["blog", "news"])),
    st.sets(st.sampled_from([rule.code for rule in RULES if not rule.hard])),
)
def test_nothing_that_comes_back_raises(
    text: str, result_type: str, stop_reason: str, detail: str, article: Article | None, off: set[str]
) -> None:
    verdict = judge(
        Unjudged(1, result_type, stop_reason, detail, text, article, DAY if article else None),
        Rules(off=frozenset(off)),
    )
    assert verdict.accepted == (verdict.code == "")
    assert verdict.accepted or verdict.code in CODES
    assert verdict.code not in off
    start, end = verdict.span
    assert 0 <= start <= end <= len(text)
    if verdict.accepted:
        assert verdict.tenths is not None
        assert verdict.tenths != 50
        assert verdict.trace in text
