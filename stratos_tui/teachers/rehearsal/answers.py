"""Makes the rehearsal's answers: the rubric's, or one of the bad kinds, chosen by a hash of the question's own id."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from stratos_tui.prism import rubric
from stratos_tui.prism.drafting import Draft
from stratos_tui.prism.trace import THINK_CLOSE, Answer, render_completion
from stratos_tui.teachers.catalog import REHEARSAL
from stratos_tui.teachers.rehearsal.drafting import draft_of, is_draft_question, read_question, spoilt
from stratos_tui.teachers.rehearsal.reading import NotAPair, read_pair
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.tokens import estimate

CACHE_HITS = 0.9
"""Share of requests whose cached system block is read and not written; the vendor names 30 to 98 % in batches."""

_SHORT = "PROFILE: One reader.\nCONTENT: One article.\nANALYSIS: Nothing to compare."
_PADDING = (
    " Looking at the same comparison once more, nothing that was found above changes, and every one of the dimensions"
    " that were compared keeps the signal which was already given to it."
)
_PADDINGS = 9
_ERROR = "the rehearsal was asked to fail here"
_REFUSAL = {"type": "refusal", "category": "reasoning_extraction", "explanation": "A rehearsed refusal."}


@dataclass(frozen=True, slots=True)
class Question:
    """One request as the server keeps it. ``key`` seeds the answer; ``fault`` is why its parameters are refused."""

    custom_id: str
    key: str
    user: str
    system_tokens: int
    cached: bool
    max_tokens: int
    fault: str = ""


def kind_of(key: str, settings: RehearsalSettings) -> str:
    """Return how the question with this key is answered: ``good`` or one of the bad kinds, the same every time."""
    kinds = settings.bad_kinds
    return kinds[_number(key, "kind") % len(kinds)] if _share(key, "bad") < settings.bad_share else "good"


def result_type_of(question: Question, settings: RehearsalSettings) -> str:
    """Return the ``type`` of a question's result without making the answer."""
    if question.fault:
        return "errored"
    kind = kind_of(question.key, settings)
    return kind if kind in ("errored", "expired") else "succeeded"


def result_of(question: Question, settings: RehearsalSettings) -> dict[str, Any]:
    """Return the ``result`` of one line of results."""
    if question.fault:
        return _errored("invalid_request_error", question.fault)
    match kind_of(question.key, settings):
        case "expired":
            return {"type": "expired"}
        case "errored":
            return _errored("api_error", _ERROR)
        case kind:
            try:
                return {"type": "succeeded", "message": message_of(question, kind)}
            except NotAPair as error:
                return _errored("invalid_request_error", f"no rendered pair: {error}")


def message_of(question: Question, kind: str) -> dict[str, Any]:
    """Return an answer as a message, ``kind`` being ``good`` or a bad kind that still is a message.

    Raises:
        NotAPair: the question is neither a rendered pair nor one for a draft.
    """
    if is_draft_question(question.user):
        stop, details, text = _drafted(kind, draft_of(read_question(question.user), question.key))
    else:
        asked = read_pair(question.user)
        stop, details, text = _said(kind, rubric.answer(asked.profile, asked.article, asked.reference_date))
    tokens_out = question.max_tokens if kind == "max_tokens" else min(estimate(text), question.max_tokens)
    written = question.cached and _share(question.key, "cache") >= CACHE_HITS
    plain = 0 if question.cached else question.system_tokens
    return {
        "id": f"msg_rehearsal_{question.key}",
        "type": "message",
        "role": "assistant",
        "model": REHEARSAL,
        "content": [{"type": "text", "text": text}] if text else [],
        "stop_reason": stop,
        "stop_sequence": None,
        "stop_details": details,
        "usage": {
            "input_tokens": plain + estimate(question.user),
            "cache_creation_input_tokens": question.system_tokens if written else 0,
            "cache_read_input_tokens": question.system_tokens if question.cached and not written else 0,
            "output_tokens": tokens_out,
            "service_tier": "batch",
        },
    }


def _said(kind: str, answer: Answer) -> tuple[str, dict[str, str] | None, str]:
    """Return stop reason, stop details and text."""
    good = render_completion(answer.trace, answer.tenths, answer.reason)
    match kind:
        case "too_short":
            return "end_turn", None, render_completion(_SHORT, answer.tenths, answer.reason)
        case "too_long":
            return (
                "end_turn",
                None,
                render_completion(answer.trace + _PADDING * _PADDINGS, answer.tenths, answer.reason),
            )
        case "no_score":
            return "end_turn", None, good[: good.index(THINK_CLOSE) + len(THINK_CLOSE)]
        case "five":
            return "end_turn", None, render_completion(answer.trace, 50, answer.reason)
        case "refusal":
            return "refusal", _REFUSAL, ""
        case "max_tokens":
            return "max_tokens", None, good[: good.index(THINK_CLOSE) * 2 // 3]
    return "end_turn", None, good


def _drafted(kind: str, draft: Draft) -> tuple[str, dict[str, str] | None, str]:
    """Return stop reason, stop details and text."""
    if kind == "refusal":
        return "refusal", _REFUSAL, ""
    return "max_tokens" if kind == "max_tokens" else "end_turn", None, spoilt(draft, kind)


def _errored(kind: str, message: str) -> dict[str, Any]:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}
    return {"type": "errored", "error": error}


def _number(key: str, use: str) -> int:
    return int.from_bytes(hashlib.sha256(f"rehearsal\0{use}\0{key}".encode()).digest()[:8], "big")


def _share(key: str, use: str) -> float:
    return _number(key, use) / 2**64
