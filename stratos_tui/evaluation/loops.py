"""Finds traces that repeat themselves or copy the article: a failure criterion of the plan's section 11."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stratos_tui.prism.repetition import loops
from stratos_tui.records import Article

COPY_WORDS = 8
"""Runs of this many words are compared with the article: a shared name or headline phrase is shorter."""
COPY_SHARE = 0.5
"""A trace with this share of its runs taken from the article copies it."""
TOLERATED_SHARE = 0.05
"""More traces than this that loop or copy fail the criterion (ours: the plan gives no number)."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Repetition:
    """How many of ``traces`` loop and how many copy; ``copying`` is None where no article was at hand."""

    traces: int
    looping: int
    copying: int | None

    @property
    def share(self) -> float | None:
        """The share that loops or copies; None without traces."""
        return (self.looping + (self.copying or 0)) / self.traces if self.traces else None


def count_repetition(traces: Iterable[tuple[str, Article | None]]) -> Repetition:
    """Count over traces and the articles they were written about; a trace that does both counts as looping."""
    total = looping = copying = compared = 0
    for trace, article in traces:
        words = _WORD.findall(trace.casefold())
        if not words:
            continue
        total += 1
        compared += article is not None
        if loops(words):
            looping += 1
        elif article is not None and _copies(words, _WORD.findall(f"{article.title} {article.body}".casefold())):
            copying += 1
    return Repetition(total, looping, copying if compared else None)


def _copies(words: Sequence[str], source: Sequence[str]) -> bool:
    runs = _runs(words)
    if not runs:
        return False
    known = set(_runs(source))
    return sum(run in known for run in runs) / len(runs) >= COPY_SHARE


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + COPY_WORDS]) for i in range(len(words) - COPY_WORDS + 1)]
