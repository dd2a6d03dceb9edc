"""The rubric: a deterministic scorer and writer of traces, always labelled ``rubric``.

It is the offline teacher, the baseline that a student must beat, and the scorer that needs no model. It reads a profile
and an article and nothing else: no profile or tracked name is known to it.
"""

from __future__ import annotations

from datetime import date

from stratos_tui.prism.rubric.article import Read, read_article
from stratos_tui.prism.rubric.judge import Judgement, score, score_tokens
from stratos_tui.prism.rubric.profile import CompiledProfile, compile_profile
from stratos_tui.prism.rubric.signals import Signals
from stratos_tui.prism.trace import Answer
from stratos_tui.records import Article, Profile

RUBRIC_VERSION = "1"
"""Raised whenever a score or a trace could change: rows that the rubric wrote carry it."""


def explain(compiled: CompiledProfile, article: Article, judgement: Judgement) -> str:
    """Write the trace of a judgement."""
    from stratos_tui.prism.rubric.explaining import trace_of

    return trace_of(compiled, read_article(article), judgement)


def answer(profile: Profile, article: Article, reference_date: date) -> Answer:
    """Score a pair and write its trace."""
    compiled = compile_profile(profile)
    judgement = score(compiled, article, reference_date)
    return Answer(explain(compiled, article, judgement), judgement.tenths, judgement.reason)


__all__ = [
    "RUBRIC_VERSION",
    "CompiledProfile",
    "Judgement",
    "Read",
    "Signals",
    "answer",
    "compile_profile",
    "explain",
    "read_article",
    "score",
    "score_tokens",
]
