"""Cleans text from outside: no escape codes, control characters or invisible characters get past it."""

from __future__ import annotations

import re
import unicodedata

_UNPRINTABLE = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]"  # terminal escape sequences, whole
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # C0 and C1 controls; a tab and a newline are white space
    r"|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"  # invisible, or turns the line around
    r"|[\ud800-\udfff]"  # a lone surrogate can be neither stored nor hashed
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
