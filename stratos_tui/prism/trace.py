"""The trace grammar: what is inside ``<think>…</think>``, and the score line behind it (plan, section 5).

A completion is ``<think>\\n`` trace ``\\n</think>\\n\\nSCORE: X.X | REASON: …`` (decisions.md, definitions). Reading is
lenient about white space, case and a lone ``</think>``; writing is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from stratos_tui.prism.bands import MAX_TENTHS, points

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"

DIMENSIONS: tuple[str, ...] = (
    "Role/interest relevance",
    "Location relevance",
    "Entity relevance",
    "Topic relevance",
    "Actionability",
    "Source quality",
)
SIGNAL_WORDS: dict[str, tuple[str, ...]] = {
    "Role/interest relevance": ("STRONG", "WEAK", "NONE"),
    "Location relevance": ("STRONG", "WEAK", "NONE"),
    "Entity relevance": ("STRONG", "WEAK", "NONE"),
    "Topic relevance": ("STRONG", "WEAK", "NONE"),
    "Actionability": ("HIGH", "MEDIUM", "LOW", "NONE"),
    "Source quality": ("OFFICIAL", "NEWS", "BLOG", "UNKNOWN"),
}
Grammar = Literal["prism", "old", "none"]

_SCORE_LINE = re.compile(r"SCORE:[ \t]*(?P<score>[^\s|]+)[ \t]*(?:\|[ \t]*)?(?:REASON:[ \t]*(?P<reason>[^\n]*))?", re.I)
_NUMBER = re.compile(r"-?\d{1,3}(?:\.(?P<decimals>\d+))?\Z")
_SECTION = re.compile(r"^[ \t]*(PROFILE|CONTENT|ANALYSIS|CALIBRATION)[ \t]*:[ \t]*", re.M | re.I)
_DIMENSION = re.compile(
    r"^[ \t]*[-*][ \t]*(?P<name>[A-Za-z/ ]+?):[ \t]*\[?(?P<signal>[A-Za-z]+)\]?[ \t]*(?:[—–-]+[ \t]*(?P<why>.*))?$",
    re.M,
)
_OLD_SECTION = re.compile(r"^(?:PROFILE_MATCH|VERDICT|REASONING):", re.M)


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed completion. ``tenths`` is the score in tenths, 0 to 100; ``trace`` is empty where there was none."""

    trace: str
    tenths: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a completion could not be read: a rejection code, what was measured, and where in the text (start, end)."""

    code: str
    measured: str
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Signal:
    """One line of ANALYSIS: a dimension, its signal word in capitals, and the explanation."""

    dimension: str
    signal: str
    why: str
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace by section. ``analysis`` is free text in tier 1, ``signals`` its six lines in tiers 2 and 3."""

    profile: str
    content: str
    analysis: str = ""
    signals: tuple[Signal, ...] = ()
    calibration: str = ""
    missing: tuple[str, ...] = field(default=())


def split_think(text: str) -> tuple[str | None, str]:
    """Split a completion into its trace (None without any) and what follows it.

    A lone ``</think>`` closes a block opened by the prompt; an unclosed ``<think>`` leaves the rest empty.
    """
    head, closed, tail = text.partition(THINK_CLOSE)
    if closed:
        return head.split(THINK_OPEN, 1)[-1].strip(), tail
    before, opened, after = text.partition(THINK_OPEN)
    return (after.strip(), "") if opened else (None, before)


def parse_score(text: str) -> tuple[int, str] | Fault:
    """Read the first ``SCORE: X.X | REASON: …`` of ``text`` as (tenths, reason), or say what is wrong with it."""
    found = _SCORE_LINE.search(text)
    if found is None:
        return Fault("score_missing", "no SCORE:", (0, len(text)))
    written, span = found["score"], found.span("score")
    number = _NUMBER.match(written)
    if number is None:
        return Fault("score_not_a_number", written[:40], span)
    if len((number["decimals"] or "").rstrip("0")) > 1:
        return Fault("score_decimals", written, span)
    tenths = round(float(written) * 10)
    if not 0 <= tenths <= MAX_TENTHS:
        return Fault("score_out_of_range", written, span)
    reason = (found["reason"] or "").strip()
    if not reason:
        return Fault("reason_missing", "no REASON:", found.span())
    return tenths, reason


def parse_answer(text: str, thinking: str = "") -> Answer | Fault:
    """Read a completion; ``thinking`` is the trace where a server delivers it in a field of its own."""
    trace, rest = split_think(text)
    if trace is not None and not rest and THINK_CLOSE not in text:
        return Fault("think_unclosed", f"{len(trace.split())} words", (0, len(text)))
    scored = parse_score(rest)
    if isinstance(scored, Fault):
        offset = len(text) - len(rest)
        return Fault(scored.code, scored.measured, (scored.span[0] + offset, scored.span[1] + offset))
    return Answer(trace if trace is not None else thinking.strip(), *scored)


def parse_trace(trace: str) -> Trace:
    """Read the sections of a trace; what is absent is named in ``missing`` and left empty."""
    marks = list(_SECTION.finditer(trace))
    sections: dict[str, tuple[int, int]] = {}
    ends = [*(mark.start() for mark in marks[1:]), len(trace)]
    for mark, end in zip(marks, ends, strict=False):  # without any mark there is one end too many
        sections.setdefault(mark[1].upper(), (mark.end(), end))
    texts = {name: trace[start:end].strip() for name, (start, end) in sections.items()}
    signals = tuple(
        Signal(line["name"].strip(), line["signal"].upper(), (line["why"] or "").strip(), line.span())
        for line in _DIMENSION.finditer(trace, *sections.get("ANALYSIS", (0, 0)))
    )
    return Trace(
        profile=texts.get("PROFILE", ""),
        content=texts.get("CONTENT", ""),
        analysis="" if signals else texts.get("ANALYSIS", ""),
        signals=signals,
        calibration=texts.get("CALIBRATION", ""),
        missing=tuple(name for name in ("PROFILE", "CONTENT", "ANALYSIS", "CALIBRATION") if name not in sections),
    )


def render_trace(trace: Trace) -> str:
    """Write a trace in the plan's format; the inverse of :func:`parse_trace` for well-formed traces."""
    lines = [f"PROFILE: {trace.profile}", f"CONTENT: {trace.content}"]
    if trace.signals:
        lines += ["ANALYSIS:", *(f"- {s.dimension}: {s.signal} — {s.why}" for s in trace.signals)]
    else:
        lines.append(f"ANALYSIS: {trace.analysis}")
    if trace.calibration:
        lines.append(f"CALIBRATION: {trace.calibration}")
    return "\n".join(lines)


def render_completion(trace: str, tenths: int, reason: str) -> str:
    """Write a completion exactly as it is trained and served: one blank line between trace and score."""
    return f"{THINK_OPEN}\n{trace.strip()}\n{THINK_CLOSE}\n\n{render_score(tenths, reason)}"


def render_score(tenths: int, reason: str) -> str:
    """Write the score line."""
    return f"SCORE: {points(tenths)} | REASON: {' '.join(reason.split())}"


def grammar_of(trace: str) -> Grammar:
    """Tell which grammar a trace is written in: ``prism``, the ancestor's ``old`` one, or ``none``."""
    if _OLD_SECTION.search(trace):
        return "old"
    parsed = parse_trace(trace)
    return "none" if {"PROFILE", "CONTENT", "ANALYSIS"} & set(parsed.missing) else "prism"


def word_count(trace: str) -> int:
    """Return the number of white-space separated words that hold a letter or digit."""
    return sum(any(c.isalnum() for c in word) for word in trace.split())
