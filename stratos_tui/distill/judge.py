"""Judges one answer by named rules: what was measured, against which limit, and where in the text (plan, section 6).

Pure functions. The first rule that is broken names the verdict; the order goes from "no answer at all" over "cannot be
read" to "reads well, but is not what was asked for".
"""

from __future__ import annotations

from stratos_tui.distill.reading import Reading
from stratos_tui.distill.rulebook import CODES, LOST, RULES, Limits, Rule, Rules, fingerprint
from stratos_tui.distill.rules import CHECKS, Finding, no_answer
from stratos_tui.prism.bands import tier_of
from stratos_tui.prism.trace import Answer
from stratos_tui.store.answers import Judgement, Unjudged
from stratos_tui.store.requests import RequestState

__all__ = ["CODES", "LOST", "RULES", "Limits", "Rule", "Rules", "fingerprint", "judge", "state_of"]

_SHOWN = 120


def judge(answer: Unjudged, rules: Rules) -> Judgement:
    """Judge one answer. Never raises: whatever came back has a verdict."""
    reading = Reading(answer.text)
    finding = no_answer(answer) or _first(reading, answer, rules)
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
        words=reading.words,
        rules=fingerprint(rules),
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


def _first(reading: Reading, answer: Unjudged, rules: Rules) -> Finding | None:
    off = rules.off
    for codes, check in CHECKS:
        if off and codes and codes <= off:
            continue
        found = check(reading, answer, rules.limits)
        if found is not None and found.code not in off:
            return found
    return None
