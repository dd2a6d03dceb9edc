"""Tells which older rows may be trained on, and as what (decisions.md, 19).

A row with a trace in our own grammar may be merged where its score is 5.5 or more and its format is good. One with a
trace in the ancestor's grammar, or with none, gives an answer without reasons, in a build of its own.
"""

from __future__ import annotations

from typing import Literal, get_args

from stratos_tui.prism.bands import DASHBOARD_TENTHS, FORBIDDEN_TENTHS
from stratos_tui.prism.prompts import neutralise
from stratos_tui.prism.trace import DIMENSIONS, SIGNAL_WORDS, parse_trace, word_count
from stratos_tui.store.dataset_sources import Source

Older = Literal["without", "merge", "only"]
OLDER: tuple[Older, ...] = get_args(Older)

WORDS = (15, 200)
"""Words that a trace may have (plan, section 6)."""


def refusal(source: Source, how: Older) -> str:
    """Return why an older row cannot be in a build that takes older rows ``how``, or an empty string."""
    if source.tenths == FORBIDDEN_TENTHS:
        return "5.0"
    if not source.reason.strip():
        return "no reason"
    if any(neutralise(text) != " ".join(text.split()) for text in (source.trace, source.reason)):
        return "control tokens"
    if how == "only":
        return "trace in our grammar" if source.grammar == "prism" else ""
    if source.grammar != "prism":
        return "old grammar" if source.grammar == "old" else "no trace"
    if source.tenths < DASHBOARD_TENTHS:
        return "below 5.5"
    return "" if _well_formed(source.trace) else "format"


def _well_formed(text: str) -> bool:
    least, most = WORDS
    trace = parse_trace(text)
    given = {signal.dimension: signal.signal for signal in trace.signals}
    return (
        least <= word_count(text) <= most
        and not trace.missing
        and set(DIMENSIONS) <= given.keys()
        and all(given[name] in words for name, words in SIGNAL_WORDS.items())
    )
