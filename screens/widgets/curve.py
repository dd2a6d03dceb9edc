"""Draws curves in braille dots, in plain Python: a refresh costs what the width costs, not the curve's length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

Point = tuple[float, float]

DOTS_ACROSS, DOTS_DOWN = 2, 4
"""Braille dots in one cell."""
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800
_LABEL = 7
"""Cells on the left for the values of the vertical axis."""
_SIGNS = 6
"""How often a joined curve shows its sign, from end to end."""
_LEGEND_LINES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: points by rising x. With a ``sign`` every point is that character; without one dots join them.

    One that is ``joined`` has both: dots, and its sign here and there. One without a name is not in the legend.
    """

    name: str
    points: Sequence[Point]
    style: Style
    sign: str = ""
    joined: bool = False


def decimate(points: Iterable[Point], buckets: int) -> list[Point]:
    """Return at most ``4 * buckets`` points with the same outline: each bucket's first, lowest, highest and last.

    Points whose y is not finite are left out.
    """
    finite = [point for point in points if math.isfinite(point[1])]
    if len(finite) <= 4 * buckets or buckets < 1:
        return finite
    left, right = finite[0][0], finite[-1][0]
    scale = buckets / ((right - left) or 1.0)
    kept: list[Point] = []
    held: list[Point] = []
    at = 0
    for point in finite:
        bucket = min(int((point[0] - left) * scale), buckets - 1)
        if held and bucket != at:
            kept += _outline(held)
            held = []
        at = bucket
        held.append(point)
    return kept + _outline(held)


class Curve(Widget, can_focus=True):
    """Curves over a common axis. ``l`` changes between a linear and a logarithmic scale, left and right read values."""

    HELP = "Curves. l changes between linear and logarithmic; left and right move a reading line, escape removes it."
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "scale", "log scale", tooltip="Change between a linear and a logarithmic scale"),
        Binding("left", "read(-1)", "read back", show=False),
        Binding("right", "read(1)", "read on", show=False),
        Binding("escape", "unread", "stop reading", show=False),
    ]
    DEFAULT_CSS = """
    Curve { height: 1fr; min-height: 5; color: $text-muted; }
    """

    def __init__(
        self, *, empty: str = "", x_name: str = "step", id: str | None = None, classes: str | None = None
    ) -> None:
        """``empty`` is the line shown over no points."""
        super().__init__(id=id, classes=classes)
        self._empty = empty
        self._x_name = x_name
        self._lines: tuple[Line, ...] = ()
        self._until: float | None = None
        self._log = False
        self._reading: float | None = None
        self._drawn: tuple[object, list[Strip]] = (None, [])
        self._version = 0

    def set_lines(self, lines: Sequence[Line], *, until: float | None = None) -> None:
        """Show these curves, the first on top; the axis goes on to ``until`` where that is known to come."""
        self._lines = tuple(lines)
        self._until = until
        self._version += 1
        self.refresh()

    def action_scale(self) -> None:
        """Change between a linear and a logarithmic scale."""
        self._log = not self._log
        self._version += 1
        self.refresh()

    def action_read(self, by: int) -> None:
        """Move the reading line by one cell, from the last point where there is none."""
        span = self._span()
        if span is None:
            return
        (left, end), _ = span
        right = max(point[0] for line in self._lines for point in line.points)
        step = (end - left) / max(self._cells - 1, 1)
        moved = right if self._reading is None else self._reading + by * step
        self._reading = min(max(moved, left), right)
        self._version += 1
        self.refresh()

    async def action_unread(self) -> None:
        """Remove the reading line; without one, go back as the screen does."""
        if self._reading is None:
            await self.screen.run_action("back")
        self._reading = None
        self._version += 1
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the widget."""
        key = (self._version, self.size, self.visual_style)
        if self._drawn[0] != key:
            self._drawn = (key, self._draw())
        strips = self._drawn[1]
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.rich_style)

    @property
    def _cells(self) -> int:
        return max(self.size.width - _LABEL - 1, 1)

    def _span(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Return the ranges of x and y over every curve; None without a point."""
        points = [point for line in self._lines for point in line.points if math.isfinite(point[1])]
        if self._log:
            points = [point for point in points if point[1] > 0]
        if not points:
            return None
        xs, ys = [x for x, _ in points], [y for _, y in points]
        low, high = min(ys), max(ys)
        if low == high:
            # what was never below nothing is not drawn as if it could be
            least = 1e-9 if self._log else 0.0 if low >= 0 else low - max(abs(low), 1.0)
            low, high = max(low - max(abs(low), 1.0) / 2, least), high + max(abs(high), 1.0) / 2
        return (min(xs), max(max(xs), self._until or -math.inf)), (low, high)

    def _draw(self) -> list[Strip]:
        width, height = self.size
        base = self.rich_style
        span = self._span()
        if span is None or height < 3 or width < _LABEL + 4:
            blank = Strip.blank(width, base)
            words = Strip([Segment(f"  {self._empty}", base)]).adjust_cell_length(width, base)
            return [words if y == min(1, height - 1) else blank for y in range(height)]
        xs, ys = span
        legend = self._legend(width, base, most=_LEGEND_LINES if height > 3 * _LEGEND_LINES else 1)
        rows = height - len(legend) - 1
        picture = _Picture(self._cells, rows, xs, ys, log=self._log)
        for line in reversed(self._lines):
            if not line.sign or line.joined:
                picture.join(decimate(line.points, 2 * self._cells), line.style)
        for line in reversed(self._lines):
            if line.sign:
                picture.mark(_sparse(line.points) if line.joined else line.points, line.sign, line.style)
        if self._reading is not None:
            picture.upright(self._reading, Style(dim=True))
        labels = {0: ys[1], rows - 1: ys[0], **({rows // 2: picture.value(rows // 2)} if rows >= 5 else {})}
        strips = legend
        for row in range(rows):
            label = _number(labels[row]).rjust(_LABEL) if row in labels else " " * _LABEL
            strips.append(
                Strip(
                    [Segment(label + ("┤" if row in labels else "│"), base), *picture.segments(row, base)]
                ).adjust_cell_length(width, base)
            )
        strips.append(Strip([Segment(self._foot(xs), base)]).adjust_cell_length(width, base))
        return strips

    def _legend(self, width: int, base: Style, *, most: int) -> list[Strip]:
        """Return the curves' names and values (the last, or at the reading line), in ``most`` lines at most."""
        found = [Text(" " * (_LABEL + 1), end="")]
        entries = [
            self._entry(line, line.points[-1] if self._reading is None else _nearest(line.points, self._reading))
            for line in self._lines
            if line.points and line.name
        ]
        for entry in [*entries, *([Text("log scale")] if self._log else [])]:
            if found[-1].cell_len + entry.cell_len > width and len(found) < most:
                found.append(Text(" " * (_LABEL + 1), end=""))
            found[-1].append_text(entry).append("   ")
        strips = []
        for legend in found:
            legend.truncate(width)
            parts = (part for part in legend.render(self.app.console) if part.text)
            segments = [Segment(part.text, base + part.style if part.style else base) for part in parts]
            strips.append(Strip(segments).adjust_cell_length(width, base))
        return strips

    def _entry(self, line: Line, at: Point) -> Text:
        entry = Text(f"{line.sign or '──'} {line.name} ", style=line.style, end="")
        entry.append(f"{_number(at[1])}", style=line.style + Style(bold=True))
        return entry.append(f" at {self._x_name} {at[0]:,.0f}" if self._reading is not None else "")

    def _foot(self, xs: tuple[float, float]) -> str:
        left, right = f"{xs[0]:,.0f}", f"{xs[1]:,.0f}"
        middle = f"{self._x_name} {(xs[0] + xs[1]) / 2:,.0f}"
        room = self._cells - len(left) - len(right)
        middle = middle if room > len(middle) + 1 else ""
        before = max((self._cells - len(middle)) // 2 - len(left), 0)
        return " " * (_LABEL + 1) + left + " " * before + middle + " " * (room - before - len(middle)) + right


class _Picture:
    """Dots and signs on ``cells`` × ``rows`` cells."""

    def __init__(self, cells: int, rows: int, xs: tuple[float, float], ys: tuple[float, float], *, log: bool) -> None:
        self._cells, self._rows = cells, rows
        self._log = log
        self._ys = (math.log(ys[0]), math.log(ys[1])) if log else ys
        (left, right), (low, high) = xs, self._ys
        across = (cells * DOTS_ACROSS - 1) / (right - left) if right > left else 0.0
        self._scale = (left, across, high, (rows * DOTS_DOWN - 1) / (high - low))
        self._dots = [[0] * cells for _ in range(rows)]
        self._styles: list[list[Style | None]] = [[None] * cells for _ in range(rows)]
        self._signs: dict[tuple[int, int], tuple[str, Style]] = {}
        self._upright: tuple[int, Style] | None = None

    def value(self, row: int) -> float:
        """Return the value that the middle of a row stands for."""
        low, high = self._ys
        at = high - (high - low) * (row + 0.5) / self._rows
        return math.exp(at) if self._log else at

    def join(self, points: Sequence[Point], style: Style) -> None:
        """Draw dots through points."""
        last: tuple[int, int] | None = None
        for point in points:
            at = self._dot(point)
            if at is None:
                continue
            x, y = at
            if last is None:
                self._fill(x, y, y, style)
            else:
                x0, y0 = last
                across = max(x - x0, 1)
                before = y0
                for column in range(x0, x + 1):
                    here = round(y0 + (y - y0) * (column - x0) / across) if x > x0 else y
                    self._fill(column, before, here, style)
                    before = here
            last = at

    def mark(self, points: Sequence[Point], sign: str, style: Style) -> None:
        """Put a sign at each point."""
        for point in points:
            at = self._dot(point)
            if at is not None:
                self._signs[(at[1] // DOTS_DOWN, at[0] // DOTS_ACROSS)] = (sign, style)

    def upright(self, x: float, style: Style) -> None:
        """Draw an upright line at x, behind everything."""
        at = self._dot((x, math.exp(self._ys[0]) if self._log else self._ys[0]))
        if at is not None:
            self._upright = (at[0] // DOTS_ACROSS, style)

    def segments(self, row: int, base: Style) -> list[Segment]:
        """Return one row of cells."""
        marks = [chr(_BLANK + dots) if dots else " " for dots in self._dots[row]]
        styles = self._styles[row]
        if self._upright is not None and marks[self._upright[0]] == " ":
            marks[self._upright[0]], styles[self._upright[0]] = "┊", self._upright[1]
        for (at, cell), (sign, style) in self._signs.items():
            if at == row:
                marks[cell], styles[cell] = sign, style
        found: list[Segment] = []
        start = 0
        for cell in range(1, self._cells + 1):
            if cell == self._cells or styles[cell] is not styles[start]:
                style_here = styles[start]
                text = "".join(marks[start:cell])
                found.append(Segment(text, base + style_here if style_here is not None else base))
                start = cell
        return found

    def _dot(self, point: Point) -> tuple[int, int] | None:
        x, y = point
        if self._log:
            if y <= 0:
                return None
            y = math.log(y)
        elif not math.isfinite(y):
            return None
        left, across, high, down = self._scale
        row = int((high - y) * down + 0.5)
        return int((x - left) * across + 0.5), min(max(row, 0), self._rows * DOTS_DOWN - 1)

    def _fill(self, x: int, y0: int, y1: int, style: Style) -> None:
        cell, column = divmod(x, DOTS_ACROSS)
        masks = _DOTS[column]
        if y0 > y1:
            y0, y1 = y1, y0
        for y in range(y0, y1 + 1):
            row = y // DOTS_DOWN
            self._dots[row][cell] |= masks[y % DOTS_DOWN]
            self._styles[row][cell] = style


def _outline(held: Sequence[Point]) -> list[Point]:
    low = min(range(len(held)), key=lambda at: held[at][1])
    high = max(range(len(held)), key=lambda at: held[at][1])
    return [held[at] for at in sorted({0, low, high, len(held) - 1})]


def _sparse(points: Sequence[Point]) -> list[Point]:
    """Return a few points of a curve, evenly from its first to its last."""
    few = min(_SIGNS, len(points))
    return [points[at * (len(points) - 1) // max(few - 1, 1)] for at in range(few)]


def _nearest(points: Sequence[Point], x: float) -> Point:
    return min(points, key=lambda point: abs(point[0] - x))


def _number(value: float) -> str:
    size = abs(value)
    if size and (size < 0.001 or size >= 100_000):
        return f"{value:.1e}"
    return f"{value:,.3f}" if size < 10 else f"{value:,.1f}" if size < 1000 else f"{value:,.0f}"
