"""Searches text columns for words: every word must be somewhere in them, in any order, whatever the case (of ASCII)."""

from __future__ import annotations


def like(*columns: str) -> str:
    """Return the condition that ``:filter``, a LIKE pattern escaped by a backslash, is in one of the columns."""
    return "(" + " OR ".join(rf"{column} LIKE :filter ESCAPE '\'" for column in columns) + ")"


def every_word(condition: str, text: str) -> tuple[list[str], dict[str, str]]:
    """Return a :func:`like` condition for each word of a text, and the values to bind; none for a blank text."""
    words = text.split()
    conditions = [condition.replace(":filter", f":filter{at}") for at in range(len(words))]
    return conditions, {f"filter{at}": f"%{_escaped(word)}%" for at, word in enumerate(words)}


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
