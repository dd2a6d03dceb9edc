"""Reads one answer for the rules: its trace, where that stands in the text, its words, and its score.

What only some rules need is read when one first asks for it: nine answers in ten are judged in microseconds.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import filterfalse

from stratos_tui.prism.bands import tier_of
from stratos_tui.prism.trace import THINK_CLOSE, THINK_OPEN, Answer, Fault, Trace, parse_answer, parse_trace
from stratos_tui.records import Tier

ECHO_WORDS = 8
LOOP_WORDS = 4

_SPACED = re.compile(r"\S+")
_RUN_OF_KNOWN = b"\1" * ECHO_WORDS


class Reading:
    """An answer's text, read.

    ``trace`` stands at ``start`` in ``text``; ``tokens`` are its white-space separated parts in small letters, and
    ``words`` is how many of them hold a letter or digit. A ``bare`` trace has neither a list nor a CALIBRATION.
    """

    __slots__ = ("_parsed", "answer", "bare", "start", "text", "tokens", "trace", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        head, closed, _ = text.partition(THINK_CLOSE)
        _, opened, inside = head.partition(THINK_OPEN)
        within = inside if opened else head
        has_trace = bool(opened or closed)
        self.trace = within.strip() if has_trace else ""
        self.start = len(head) - len(within.lstrip())
        small = self.trace.lower()
        self.tokens = small.split()
        odd = [token for token in filterfalse(str.isalnum, self.tokens) if not token[0].isalnum()]
        self.words = len(self.tokens) - sum(not any(map(str.isalnum, token)) for token in odd)
        self.bare = not any(mark in small for mark in ("\n-", "\n*", "\n ", "\n\t", "calibration"))
        self.answer: Answer | Fault = parse_answer(text)
        self._parsed: Trace | None = None

    @property
    def whole(self) -> tuple[int, int]:
        """Where the trace stands in the text."""
        return self.start, self.start + len(self.trace)

    @property
    def tenths(self) -> int:
        """The score in tenths; only rules behind the one that needs a score may ask."""
        assert isinstance(self.answer, Answer)
        return self.answer.tenths

    @property
    def tier(self) -> Tier:
        """The tier of the score."""
        return tier_of(self.tenths)

    @property
    def parsed(self) -> Trace:
        """The trace by section."""
        if self._parsed is None:
            self._parsed = parse_trace(self.trace)
        return self._parsed

    def within(self, span: tuple[int, int]) -> tuple[int, int]:
        """Turn a span of the trace into one of the text."""
        return self.start + span[0], self.start + span[1]

    def of_section(self, section: str, span: tuple[int, int]) -> tuple[int, int]:
        """Turn a span of one section's text into one of the answer's text."""
        at = max(self.trace.find(section), 0)
        return self.within((at + span[0], at + span[1]))

    def beyond(self, words: int) -> tuple[int, int]:
        """Return where the trace stands from the word after the first ``words`` on."""
        spans = [found.span() for found in _SPACED.finditer(self.trace)]
        counted = [start for start, end in spans if any(map(str.isalnum, self.trace[start:end]))]
        return self.start + counted[words], self.whole[1]

    def of_tokens(self, first: int, last: int) -> tuple[int, int]:
        """Return where the tokens from ``first`` to ``last``, both included, stand in the text."""
        spans = [found.span() for found in _SPACED.finditer(self.trace)]
        return self.within((spans[first][0], spans[last][1]))


@lru_cache(maxsize=512)
def runs_of(body: str) -> tuple[frozenset[str], frozenset[tuple[str, ...]]]:
    """Return an article's words, and its runs of eight of them; kept for the articles judged last."""
    tokens = body.lower().split()
    return frozenset(tokens), frozenset(_runs(tokens, ECHO_WORDS))


def copied(tokens: list[str], body: str) -> list[int]:
    """Return where in ``tokens`` a run of eight starts that stands in ``body`` word for word."""
    known, runs = runs_of(body)
    # a word that the article does not have rules out every run that holds it
    flags = bytes(map(known.__contains__, tokens))
    found = []
    at = flags.find(_RUN_OF_KNOWN)
    while at >= 0:
        if tuple(tokens[at : at + ECHO_WORDS]) in runs:
            found.append(at)
        at = flags.find(_RUN_OF_KNOWN, at + 1)
    return found


def repeated(tokens: list[str]) -> int:
    """Return how many runs of four in ``tokens`` have stood there before."""
    runs = _runs(tokens, LOOP_WORDS)
    return len(runs) - len(set(runs))


def where_repeated(tokens: list[str]) -> list[int]:
    """Return where in ``tokens`` a run of four starts that has stood there before."""
    seen: set[tuple[str, ...]] = set()
    found = []
    for at, run in enumerate(_runs(tokens, LOOP_WORDS)):
        if run in seen:
            found.append(at)
        seen.add(run)
    return found


def _runs(tokens: list[str], words: int) -> list[tuple[str, ...]]:
    return list(zip(*(tokens[at:] for at in range(words)), strict=False))
