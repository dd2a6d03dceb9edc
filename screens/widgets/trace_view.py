"""A pane that text streams into: wraps only the line being written, and draws at most twenty times a second."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from screens.render import DIM, clean
from stratos_tui.prism.trace import THINK_CLOSE, THINK_OPEN

FLUSH_SECONDS = 0.05
"""Pieces that come closer together than this are drawn together."""

_LOUD = ("STRONG", "HIGH", "OFFICIAL")
_QUIET = ("NONE", "UNKNOWN")
_SECTIONS = ("PROFILE:", "CONTENT:", "ANALYSIS:", "CALIBRATION:", "SCORE:")


class TraceView(ScrollView, can_focus=True, inherit_bindings=False):
    """A trace, section by section. It follows its end while text comes, unless it was scrolled away."""

    HELP = "A trace as it is written. j k or the arrows scroll, g and G go to the ends."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "down", show=False),
        Binding("k,up", "scroll_up", "up", show=False),
        Binding("g,home", "scroll_home", "top", show=False),
        Binding("G,end", "scroll_end", "end", show=False),
        Binding("pagedown", "page_down", "page down", show=False),
        Binding("pageup", "page_up", "page up", show=False),
    ]
    DEFAULT_CSS = """
    TraceView { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[str] = [""]
        self._starts: list[int] = [0]
        self._strips: list[Strip] = []
        self._pending: list[str] = []
        self._due: Timer | None = None

    @property
    def text(self) -> str:
        """What it holds, drawn or not yet."""
        return "\n".join(self._lines) + "".join(self._pending)

    def put(self, text: str) -> None:
        """Show a whole text from its beginning."""
        self._pending.clear()
        self._lines = clean(text).split("\n")
        self._wrap_all()
        self.scroll_to(y=0, animate=False)

    def write(self, piece: str) -> None:
        """Append a piece of text from outside."""
        self._pending.append(piece)
        if self._due is None:
            self._due = self.set_timer(FLUSH_SECONDS, self._flush)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap to the new width."""
        self._wrap_all()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the viewport."""
        at, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        strip = self._strips[at] if at < len(self._strips) else Strip.blank(0)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _flush(self) -> None:
        self._due = None
        if not self._pending:
            return
        at_end = self.scroll_offset.y >= self.max_scroll_y
        first = len(self._lines) - 1
        piece = clean("".join(self._pending))
        self._pending.clear()
        self._lines[first:] = (self._lines[first] + piece).split("\n")
        self._wrap_from(first)
        if at_end:
            self.scroll_end(animate=False)

    def _wrap_all(self) -> None:
        self._strips.clear()
        self._starts = [0]
        self._wrap_from(0)

    def _wrap_from(self, first: int) -> None:
        """Wrap the lines from number ``first`` on; those before it stay as they are."""
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        del self._strips[self._starts[first] :]
        del self._starts[first:]
        for line in self._lines[first:]:
            self._starts.append(len(self._strips))
            self._strips.extend(self._wrapped(line, width))
        self.virtual_size = Size(width, len(self._strips))
        self.refresh()

    def _wrapped(self, line: str, width: int) -> list[Strip]:
        if line.strip() in (THINK_OPEN, THINK_CLOSE):
            return []
        indent = "  " if line.startswith("- ") else ""
        console = self.app.console
        parts = trace_line(line).wrap(console, max(width - len(indent), 1))
        strips = []
        for number, part in enumerate(parts):
            lead = [Segment(indent)] if indent and number else []
            strips.append(Strip([*lead, *part.render(console)]))
        return strips


def trace_line(line: str) -> Text:
    """Return one line of a trace with its section's name and its signal standing out; colours belong to bands."""
    text = Text(line, end="")
    section = next((name for name in _SECTIONS if line.startswith(name)), "")
    if section:
        text.stylize("bold", 0, len(section))
    elif line.startswith("- ") and ":" in line:
        dimension, _, rest = line.partition(":")
        word = rest.split(maxsplit=1)[0] if rest.split() else ""
        start = len(dimension) + 1 + len(rest) - len(rest.lstrip())
        text.stylize(DIM, 0, len(dimension) + 1)
        text.stylize("bold" if word in _LOUD else DIM if word in _QUIET else "", start, start + len(word))
    return text
