"""Finds traces that repeat themselves or copy the article: a failure criterion of the plan's section 11."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stratos_tui.records import Article

REPEATS = 4
"""A phrase said this often in a row is a loop."""
LONG_PHRASE = 20
"""A phrase of this many words is a loop when it is said twice in a row: a whole trace that starts over is one."""
LONGEST_PHRASE = 240
"""Phrases of up to this many words are looked for; the longest accepted trace has 200."""
LOOP_WORDS = 12
"""… when it also covers this many words: ``no, no, no, no`` is emphasis."""
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
        if _loops(words):
            looping += 1
        elif article is not None and _copies(words, _WORD.findall(f"{article.title} {article.body}".casefold())):
            copying += 1
    return Repetition(total, looping, copying if compared else None)


def _loops(words: Sequence[str]) -> bool:
    import numpy as np

    numbers: dict[str, int] = {}
    column = np.fromiter((numbers.setdefault(word, len(numbers)) for word in words), np.int64, len(words))
    for length in range(1, min(LONGEST_PHRASE, len(words) // 2) + 1):
        differs = np.flatnonzero(column[length:] != column[:-length])
        same = np.diff(differs, prepend=-1, append=len(words) - length).max() - 1
        again = length if length >= LONG_PHRASE else max((REPEATS - 1) * length, LOOP_WORDS - length)
        if same >= again:
            return True
    return False


def _copies(words: Sequence[str], source: Sequence[str]) -> bool:
    runs = _runs(words)
    if not runs:
        return False
    known = set(_runs(source))
    return sum(run in known for run in runs) / len(runs) >= COPY_SHARE


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + COPY_WORDS]) for i in range(len(words) - COPY_WORDS + 1)]
