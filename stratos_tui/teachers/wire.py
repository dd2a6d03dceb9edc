"""What goes over the wire: a pair as the parameters of one message, and a line of results as an outcome.

Pure functions over the Messages and Message Batches formats (API version 2026-10-21). Nothing here raises on what a
server sends: a line that is no result is None.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from stratos_tui.prism.prompts import teacher_system, teacher_user
from stratos_tui.records import Article, Profile
from stratos_tui.teachers.prices import Usage
from stratos_tui.text import plain

_MOST_TOKENS = 2**53
_KEY_DIGITS = 24
_TOKEN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of results. ``result_type`` is what the server called it; ``text`` is there for a message only.

    ``reason`` is a message's stop reason or an error's type, ``detail`` a refusal's category or an error's words;
    ``raw`` is the whole line as it came.
    """

    wire_id: str
    result_type: str
    reason: str
    detail: str
    model: str
    text: str
    usage: Usage
    raw: str


def custom_id(teacher: str, article_id: str, profile_id: str, attempt: int) -> str:
    """Return the id of one question to a teacher: made from its content, so that it is the same in every run."""
    content = "\0".join((teacher, article_id, profile_id, str(attempt)))
    return f"{hashlib.sha256(content.encode()).hexdigest()[:_KEY_DIGITS]}-{attempt}"


def wire_id(run_token: str, own_id: str) -> str:
    """Return the ``custom_id`` that is sent: it tells of which creation it is, for there is no idempotency key."""
    return f"{run_token}-{own_id}"


def run_token_of(sent: str) -> str:
    """Return the run token of a ``custom_id`` that came back, or what stands in its place."""
    return sent.partition("-")[0]


def own_id_of(sent: str) -> str:
    """Return the id of the question that a ``custom_id`` stands for."""
    return sent.partition("-")[2]


def new_run_token(entropy: bytes) -> str:
    """Return the token of one creation."""
    return hashlib.sha256(entropy).hexdigest()[:_TOKEN_DIGITS]


def message_params(
    model: str,
    profile: Profile,
    article: Article,
    reference_date: date,
    *,
    max_tokens: int,
    effort: str,
    repair: str = "",
) -> dict[str, Any]:
    """Return a pair as message parameters: the cacheable teacher prompt, then profile, then article (decisions.md, 7).

    ``repair`` tells the teacher what was wrong with the answer before; it comes last, where no cache is lost by it. No
    sampling parameters and no prefill: current models refuse both.
    """
    user = teacher_user(profile, article, reference_date, repair)
    return question_params(model, teacher_system(), user, max_tokens=max_tokens, effort=effort)


def question_params(model: str, system: str, user: str, *, max_tokens: int, effort: str) -> dict[str, Any]:
    """Return any question as message parameters, its system prompt cacheable."""
    return {
        "model": model,
        "max_tokens": max_tokens,
        "output_config": {"effort": effort},
        "system": [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": user}],
    }


def message_outcome(wire_id: str, message: Any, raw: str) -> Outcome:
    """Read a message, as it stands in a line of results or came back live, as an outcome."""
    return Outcome(
        wire_id=wire_id,
        result_type="succeeded",
        reason=words(at(message, "stop_reason")),
        detail=words(at(at(message, "stop_details"), "category")),
        model=words(at(message, "model")),
        text=_text(at(message, "content")),
        usage=_usage(at(message, "usage")),
        raw=raw,
    )


def read_line(line: bytes) -> Outcome | None:
    """Read one line of a batch's results; None where it is not one."""
    try:
        raw = line.decode()
        row = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    sent, result = at(row, "custom_id"), at(row, "result")
    kind = at(result, "type")
    if not isinstance(sent, str) or not isinstance(kind, str):
        return None
    if kind == "succeeded":
        return message_outcome(sent, at(result, "message"), raw)
    error = at(at(result, "error"), "error")
    return Outcome(sent, plain(kind)[:40], words(at(error, "type")), words(at(error, "message")), "", "", Usage(), raw)


def _text(content: Any) -> str:
    # by type, never by position: thinking blocks come first, and one answer can have two text blocks
    blocks = content if isinstance(content, list) else []
    texts = [at(block, "text") for block in blocks if at(block, "type") == "text"]
    return plain("".join(text for text in texts if isinstance(text, str)))


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    get = usage.get
    return Usage(
        tokens_in=count(get("input_tokens")),
        cache_write=count(get("cache_creation_input_tokens")),
        cache_read=count(get("cache_read_input_tokens")),
        tokens_out=count(get("output_tokens")),
        thinking=count(at(get("output_tokens_details"), "thinking_tokens")),
    )


def count(number: Any) -> int:
    """Return a count of tokens as a server gave it; 0 where it is none."""
    return min(max(number, 0), _MOST_TOKENS) if type(number) is int else 0


def words(value: Any) -> str:
    """Return a server's short text, made safe; empty where it is none."""
    return plain(value)[:300] if isinstance(value, str) else ""


def at(value: Any, key: str) -> Any:
    """Return what a JSON object holds under a key; None where it is none or holds nothing."""
    return value.get(key) if isinstance(value, dict) else None
