"""Judges one answer by named rules: what was measured, against which limit, and where in the text (plan, section 6).

Pure functions. The first rule that is broken names the verdict; the order goes from "no answer at all" over "cannot be
read" to "reads well, but is not what was asked for".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from stratos_tui.prism.bands import FORBIDDEN_TENTHS, points, tier_of
from stratos_tui.prism.trace import (
    DIMENSIONS,
    SIGNAL_WORDS,
    THINK_CLOSE,
    THINK_OPEN,
    Answer,
    Fault,
    parse_answer,
    parse_trace,
    split_think,
)
from stratos_tui.records import Tier
from stratos_tui.store.answers import Judgement, Unjudged
from stratos_tui.store.requests import RequestState

LOST = "lost"
"""The result type of a request whose batch ended without a line for it."""

CODES: tuple[str, ...] = (
    *("errored", "expired", "canceled", LOST, "unknown_result"),
    *("refusal", "truncated", "empty"),
    *("think_missing", "think_unclosed"),
    *("score_missing", "score_not_a_number", "score_decimals", "score_out_of_range", "reason_missing"),
    *("score_forbidden", "too_short", "too_long", "section_missing", "signal_vocabulary", "tier_length"),
)
"""Every reason for which an answer is not accepted, in the order in which the rules are tried."""

_TRUNCATED = ("max_tokens", "model_context_window_exceeded")
_SECTIONS: dict[Tier, tuple[str, ...]] = {
    1: ("PROFILE", "CONTENT", "ANALYSIS"),
    2: ("PROFILE", "CONTENT", "ANALYSIS", "CALIBRATION"),
    3: ("PROFILE", "CONTENT", "ANALYSIS", "CALIBRATION"),
}
_WORD = re.compile(r"\S+")
_SCORE = re.compile("SCORE:", re.IGNORECASE)
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Limits:
    """Words that a trace may have: at all (plan, section 6), and in its tier with a tolerance (decisions.md, 8)."""

    least_words: int = 15
    most_words: int = 200
    tier_1: tuple[int, int] = (0, 50)
    tier_2: tuple[int, int] = (80, 150)
    tier_3: tuple[int, int] = (120, 180)
    tolerance: float = 0.2

    def of_tier(self, tier: Tier) -> tuple[int, int]:
        """Return the fewest and the most words that a trace of this tier may have, tolerance included."""
        least, most = {1: self.tier_1, 2: self.tier_2, 3: self.tier_3}[tier]
        return round(least * (1 - self.tolerance)), round(most * (1 + self.tolerance))


@dataclass(frozen=True, slots=True)
class _Reading:
    """An answer's text, read: ``words`` are the spans in ``text`` of the trace's words."""

    text: str
    trace: str
    start: int
    words: list[tuple[int, int]]
    answer: Answer | Fault

    @property
    def whole(self) -> tuple[int, int]:
        return self.start, self.start + len(self.trace)


@dataclass(frozen=True, slots=True)
class _Finding:
    code: str
    measured: str
    limit: str = ""
    span: tuple[int, int] = (0, 0)


@cache
def fingerprint(limits: Limits) -> str:
    """Return 12 hex digits over the rules and their limits: what a verdict was reached by."""
    return hashlib.sha256(f"{CODES}{limits}{DIMENSIONS}{SIGNAL_WORDS}{_SECTIONS}".encode()).hexdigest()[:12]


def judge(answer: Unjudged, limits: Limits) -> Judgement:
    """Judge one answer. Never raises: whatever came back has a verdict."""
    reading = _read(answer.text)
    finding = _no_answer(answer) or next(
        (found for rule in _RULES if (found := rule(reading, limits)) is not None), None
    )
    scored = reading.answer if isinstance(reading.answer, Answer) else None
    return Judgement(
        request_id=answer.request_id,
        accepted=finding is None,
        code=finding.code if finding else "",
        measured=finding.measured[:_SHOWN] if finding else "",
        limits=finding.limit if finding else "",
        span=finding.span if finding else (0, 0),
        tenths=scored.tenths if scored else None,
        reason=scored.reason if scored else "",
        trace=reading.trace,
        tier=tier_of(scored.tenths) if scored else None,
        words=len(reading.words),
        rules=fingerprint(limits),
    )


def state_of(judgement: Judgement) -> RequestState:
    """Return the state that a judged request takes."""
    match judgement.code:
        case "":
            return "accepted"
        case "expired" | "canceled" as same:
            return "expired" if same == "expired" else "canceled"
        case "errored" | "lost" | "unknown_result":
            return "errored"
    return "rejected"


def _no_answer(answer: Unjudged) -> _Finding | None:
    if answer.result_type in ("errored", "expired", "canceled", LOST):
        why = ": ".join(part for part in (answer.stop_reason, answer.detail) if part)
        return _Finding(answer.result_type, why or answer.result_type)
    if answer.result_type != "succeeded":
        return _Finding("unknown_result", answer.result_type, "succeeded, errored, canceled or expired")
    if answer.stop_reason == "refusal":
        return _Finding("refusal", answer.detail or "no category", span=(0, len(answer.text)))
    if answer.stop_reason in _TRUNCATED:
        return _Finding("truncated", answer.stop_reason, "ends by itself", (len(answer.text), len(answer.text)))
    return None if answer.text.strip() else _Finding("empty", "no text", "a trace and a score")


def _think(reading: _Reading, _limits: Limits) -> _Finding | None:
    whole = (0, len(reading.text))
    if THINK_OPEN in reading.text and THINK_CLOSE not in reading.text:
        return _Finding("think_unclosed", f"{len(reading.words)} words", THINK_CLOSE, whole)
    return None if reading.trace else _Finding("think_missing", "no trace", f"{THINK_OPEN} … {THINK_CLOSE}", whole)


def _score(reading: _Reading, _limits: Limits) -> _Finding | None:
    found = reading.answer
    if isinstance(found, Fault):
        return _Finding(found.code, found.measured, "SCORE: 0.0 to 10.0 | REASON: …", found.span)
    if found.tenths == FORBIDDEN_TENTHS:
        at = _SCORE.search(reading.text, reading.whole[1])
        span = (at.start() if at else 0, len(reading.text))
        return _Finding("score_forbidden", points(found.tenths), "not 5.0", span)
    return None


def _length(reading: _Reading, limits: Limits) -> _Finding | None:
    words = len(reading.words)
    if words < limits.least_words:
        return _Finding("too_short", f"{words} words", f"at least {limits.least_words}", reading.whole)
    if words > limits.most_words:
        beyond = (reading.words[limits.most_words][0], reading.whole[1])
        return _Finding("too_long", f"{words} words", f"at most {limits.most_words}", beyond)
    return None


def _sections(reading: _Reading, _limits: Limits) -> _Finding | None:
    tier = _tier(reading)
    trace = parse_trace(reading.trace)
    absent = [name for name in _SECTIONS[tier] if name in trace.missing]
    if tier != 1 and not absent:
        given = {signal.dimension for signal in trace.signals}
        absent = [name for name in DIMENSIONS if name not in given]
    if absent:
        needed = ", ".join(_SECTIONS[tier])
        return _Finding("section_missing", f"no {', '.join(absent)}", f"tier {tier}: {needed}", reading.whole)
    for signal in trace.signals:
        allowed = SIGNAL_WORDS.get(signal.dimension)
        if allowed and signal.signal not in allowed:
            span = (reading.start + signal.span[0], reading.start + signal.span[1])
            measured = f"{signal.dimension}: {signal.signal}"
            return _Finding("signal_vocabulary", measured, ", ".join(allowed), span)
    return None


def _tier_length(reading: _Reading, limits: Limits) -> _Finding | None:
    tier, words = _tier(reading), len(reading.words)
    least, most = limits.of_tier(tier)
    if least <= words <= most:
        return None
    span = (reading.words[most][0], reading.whole[1]) if words > most else reading.whole
    return _Finding("tier_length", f"{words} words", f"tier {tier}: {least} to {most}", span)


_RULES: tuple[Callable[[_Reading, Limits], _Finding | None], ...] = (_think, _score, _length, _sections, _tier_length)


def _tier(reading: _Reading) -> Tier:
    # the rules that ask for a tier come after the one that needs a score
    assert isinstance(reading.answer, Answer)
    return tier_of(reading.answer.tenths)


def _read(text: str) -> _Reading:
    trace = split_think(text)[0] or ""
    head = text.partition(THINK_CLOSE)[0]
    _, opened, inside = head.partition(THINK_OPEN)
    within = inside if opened else head
    start = len(head) - len(within.lstrip())
    spans = (found.span() for found in _WORD.finditer(trace))
    words = [(start + a, start + b) for a, b in spans if any(map(str.isalnum, trace[a:b]))]
    return _Reading(text, trace, start, words, parse_answer(text))
