"""Which columns fit a width, and cells cut or padded to theirs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from screens.widgets.rows import Column

GUTTER = 2
"""Cells on the left for the cursor and the mark."""
GAP = 2
"""Cells between columns."""


def fit_columns(columns: Sequence[Column], width: int) -> list[tuple[int, Column, int]]:
    """Return (index, column, cells) of the columns that fit ``width`` cells: the highest ``drop`` goes first.

    What is left over is shared among the ``flex`` columns; the last of them takes the rounding.
    """
    kept = list(enumerate(columns))

    def need() -> int:
        return sum(column.width + GAP for _, column in kept)

    while need() > width and any(column.drop for _, column in kept):
        kept.remove(max(kept, key=lambda item: (item[1].drop, item[0])))
    spare = max(width - need(), 0)
    shares = sum(column.flex for _, column in kept)
    fitted = []
    for index, column in kept:
        extra = spare * column.flex // shares if column.flex else 0
        spare, shares = spare - extra, shares - column.flex
        fitted.append((index, column, column.width + extra))
    return fitted


def fit_text(text: str, cells: int, align: str) -> str:
    """Cut or pad text to ``cells``, with the gap to the next column."""
    if not text.isascii():
        fitted = Text(text)
        fitted.truncate(cells, overflow="ellipsis")
        text, wide = fitted.plain, fitted.cell_len - len(fitted.plain)
        cells -= wide
    elif len(text) > cells:
        text = text[: cells - 1] + "…"
    return (text.rjust(cells) if align == "right" else text.ljust(cells)) + " " * GAP


def styled(text: Text, cells: int, align: str, style: Style) -> list[Segment]:
    """Cut or pad a Text to ``cells``, with the gap to the next column, and lay its colours over ``style``."""
    cut = text.copy()
    cut.truncate(cells, overflow="ellipsis")
    pad = cells - cut.cell_len
    before, after = (pad, GAP) if align == "right" else (0, pad + GAP)
    segments = [Segment(" " * before, style)] if before else []
    segments += [Segment(part.text, style + part.style if part.style else style) for part in _parts(cut)]
    segments.append(Segment(" " * after, style))
    return segments


def _parts(text: Text) -> list[Segment]:
    if not text.spans:
        style = text.style
        return [Segment(text.plain, Style.parse(style) if isinstance(style, str) else style)]
    marks = sorted({0, len(text), *(span.start for span in text.spans), *(span.end for span in text.spans)})
    base = Style.parse(text.style) if isinstance(text.style, str) else text.style
    parts = []
    for start, end in pairwise(marks):
        style = base
        for span in text.spans:
            if span.start <= start and end <= span.end:
                style += Style.parse(span.style) if isinstance(span.style, str) else span.style
        parts.append(Segment(text.plain[start:end], style))
    return parts
