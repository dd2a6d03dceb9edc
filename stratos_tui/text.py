"""Cleans text from outside, so that no escape codes or invisible characters get past it; sets rows as a table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

HIDDEN = (
    r"\x7f-\x9f"  # DEL and C1 controls
    r"\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f"  # invisible, or turns the line around
    r"\ud800-\udfff"  # a lone surrogate can be neither stored nor hashed
)
"""What JSON leaves as it is and a terminal may obey or choke on: what goes between a regular expression's brackets."""
_UNPRINTABLE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # terminal escape sequences, whole
    rf"|[\x00-\x08\x0b-\x1f{HIDDEN}]"  # C0 controls too; a tab and a newline are white space
)


def plain(text: str) -> str:
    """Return ``text`` in NFC without escape codes, control, invisible and direction characters; lines are kept."""
    # what is printable but for its newlines holds nothing to take out, and most text is
    if not text.replace("\n", "").isprintable():
        text = _UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Return :func:`plain` text with every run of white space as one space, and none at the ends."""
    return " ".join(plain(text).split())


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return rows as aligned text lines; numbers stand on the right."""
    cells = [[one_line(str(value)) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]
    numeric = [all(_is_number(line[i]) for line in cells) for i in range(len(header))]

    def line(values: Sequence[str]) -> str:
        parts = (v.rjust(w) if right else v.ljust(w) for v, w, right in zip(values, widths, numeric, strict=True))
        return "  ".join(parts).rstrip()

    return [line(header), *(line(row) for row in cells)]


def _is_number(text: str) -> bool:
    return not text.strip("0123456789.,-+%$ –")
