"""Quotes from articles and profiles that are safe inside a trace, cut to a number of words."""

from __future__ import annotations

import re

from stratos_tui.prism.prompts import neutralise

_DROPPED = re.compile(r"[<>|`\"\u201c\u201d\u2190-\u21ff]")
_FIELD = re.compile(r"(?i)\b(score|reason)\s*[:\uff1a]")
_WORD_CHARS = 24
"""A word longer than this (a run of Chinese, a URL) is cut: it would fill the line."""


def clean(text: str) -> str:
    """Return text in one line that can be neither a control token, a tag nor a score line."""
    return " ".join(_FIELD.sub(r"\1 -", _DROPPED.sub(" ", neutralise(text))).split())


def clip(text: str, count: int) -> str:
    """Return the first ``count`` words of the cleaned text; what was cut is marked."""
    found = clean(text).split()
    kept = [word if len(word) <= _WORD_CHARS else word[:_WORD_CHARS] + "…" for word in found[:count]]
    if len(found) > count:
        kept[-1] = kept[-1].rstrip(".,;:…") + "…"
    return " ".join(kept).strip(" ,;:")


def listed(texts: list[str], count: int, size: int) -> str:
    """Return the first ``count`` distinct texts, each cut to ``size`` words, joined by commas."""
    kept = [clip(text, size) for text in dict.fromkeys(texts)]
    return ", ".join([text for text in kept if text][:count])
