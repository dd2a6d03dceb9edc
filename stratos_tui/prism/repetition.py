"""Tells whether a text repeats itself without end, as versions 14 and 15 did."""

from __future__ import annotations

from collections.abc import Sequence

REPEATS = 4
"""A phrase said this often in a row is a loop."""
LONG_PHRASE = 20
"""A phrase of this many words is a loop when it is said twice in a row: a whole trace that starts over is one."""
LONGEST_PHRASE = 240
"""Phrases of up to this many words are looked for; the longest accepted trace has 200."""
LOOP_WORDS = 12
"""… when it also covers this many words: ``no, no, no, no`` is emphasis."""


def loops(words: Sequence[str]) -> bool:
    """Tell whether the words hold a phrase that is said over and over in a row."""
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
