"""Draws small figures as text: shares with a target, stacked states, a table of numbers, a labelled list of facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

from rich.style import Style
from rich.text import Text

from screens.render import DIM, ago, one_line

_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_LEAST = 6
"""A column that would have fewer cells than this says nothing."""

Cell = str | Text


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a whole: how much, the character that draws it (so that it reads without colour), its colour."""

    amount: float
    sign: str
    style: str | Style = ""


def share_bar(fraction: float, cells: int, *, target: float | None = None, style: str | Style = "") -> Text:
    """Return a share from 0 to 1 as a bar of ``cells`` cells, with a ``┃`` where the target is."""
    eighths = round(min(max(fraction, 0.0), 1.0) * cells * 8)
    full, rest = divmod(eighths, 8)
    drawn = ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(cells)
    bar = Text(drawn, style=style, no_wrap=True)
    if target is not None:
        at = min(round(min(max(target, 0.0), 1.0) * cells), cells - 1)
        bar = Text.assemble(bar[:at], ("┃", "bold"), bar[at + 1 :], no_wrap=True)
    return bar


def sparkline(values: Sequence[float], cells: int) -> str:
    """Return the course of values in ``cells`` cells, ``▁`` the least to ``█`` the most; each cell is a mean."""
    if not values:
        return ""
    wide = min(cells, len(values))
    edges = [len(values) * at // wide for at in range(wide + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    return "".join(_HEIGHTS[round((mean - low) / (high - low) * 7) if high > low else 3] for mean in means)


def stacked_bar(parts: Sequence[Part], cells: int) -> Text:
    """Return parts of a whole as one bar of ``cells`` cells; a part that is not nothing has at least one cell."""
    whole = sum(part.amount for part in parts)
    if whole <= 0:
        return Text("─" * cells, style=DIM, no_wrap=True)
    sizes = [max(int(part.amount * cells / whole), 1) if part.amount > 0 else 0 for part in parts]
    while sum(sizes) != cells:
        # what rounding left over goes where it is missed most; what it took too much comes from the largest
        if sum(sizes) < cells:
            at = max(range(len(parts)), key=lambda i: parts[i].amount * cells / whole - sizes[i])
            sizes[at] += 1
        else:
            at = max(range(len(parts)), key=lambda i: sizes[i])
            if sizes[at] <= 1:
                break
            sizes[at] -= 1
    bar = Text(no_wrap=True)
    for part, size in zip(parts, sizes, strict=True):
        bar.append(part.sign * size, style=part.style)
    bar.truncate(cells)
    return bar


def legend(parts: Sequence[tuple[str, Part]], width: int) -> Text:
    """Return what the signs of a stacked bar mean, with their amounts; parts of nothing are left out."""
    lines: list[Text] = []
    for name, part in parts:
        if not part.amount:
            continue
        entry = Text.assemble((part.sign, part.style), f" {name} ", (f"{part.amount:,.0f}", "bold"))
        if lines and lines[-1].cell_len + 2 + entry.cell_len <= width:
            lines[-1].append("  ").append_text(entry)
        else:
            lines.append(entry)
    return Text("\n").join(lines)


def table(
    rows: Sequence[Sequence[Cell]],
    aligns: str,
    *,
    head: Sequence[str] = (),
    gap: int = 2,
    width: int = 0,
    flex: int = -1,
) -> Text:
    """Return rows as lines of aligned columns, cut to ``width`` cells (0: as wide as they are).

    A ``str`` cell is shown literally, on one line; ``aligns`` has ``l`` or ``r`` for each column. What does not fit is
    taken from the column ``flex``, which goes altogether where less than a few cells would be left of it.
    """
    texts = [[_cell(cell) for cell in row] for row in rows]
    lines = [[Text(title, style="bold") for title in head], *texts] if head else texts
    columns = list(range(len(aligns)))
    widths = [max((line[at].cell_len for line in lines), default=0) for at in columns]
    over = sum(widths) + gap * (len(columns) - 1) - width
    if width and over > 0:
        flexible = columns[flex]
        widths[flexible] -= over
        if widths[flexible] < _LEAST:
            del columns[flex]
    drawn = []
    for line in lines:
        text = Text(" " * gap).join(_aligned(line[at], widths[at], aligns[at]) for at in columns)
        text.rstrip()
        if width:
            text.truncate(width)
        drawn.append(text)
    return Text("\n").join(drawn)


def facts(items: Sequence[tuple[str, Cell]], *, width: int = 0) -> Text:
    """Return ``name  value`` lines, the names quiet and as wide as the longest (or ``width``)."""
    wide = max([width, *(len(name) for name, _ in items)])
    return Text("\n").join(Text.assemble((name.ljust(wide), DIM), "  ", _cell(value)) for name, value in items)


def heading(title: str) -> Text:
    """Return the title of a part of a pane."""
    return Text.assemble((title, "bold underline"))


def ok_sign(ok: bool | None) -> Text:
    """Return ✓ for met, ✗ for not met, ? for not measured."""
    if ok is None:
        return Text("?", style=DIM)
    return Text("✓", style="bold #2f9e5b") if ok else Text("✗", style="bold #d65d5d")


def plural(number: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 batch``, ``3 batches``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def age(stamp: str | None, now: datetime) -> str:
    """Return how long ago a stored time was, for a narrow column: its largest unit, ``3 m``."""
    return " ".join(ago(stamp, now).split()[:2])


def decimals(value: float | None, places: int = 2) -> str:
    """Return a number with fixed places, a dash where there is none."""
    return "—" if value is None else f"{value:,.{places}f}"


def percent(value: float | None, places: int = 1) -> str:
    """Return a share from 0 to 1 as per cent, a dash where there is none."""
    return "—" if value is None else f"{value * 100:.{places}f} %"


def _cell(cell: Cell) -> Text:
    return Text(one_line(cell)) if isinstance(cell, str) else cell


def _aligned(cell: Text, width: int, align: Literal["l", "r"] | str) -> Text:
    cut = cell.copy()
    cut.truncate(width, overflow="ellipsis")
    pad = Text(" " * (width - cut.cell_len))
    return pad + cut if align == "r" else cut + pad
