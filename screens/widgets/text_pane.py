"""A bordered pane of text that scrolls by the same keys as the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.render import one_line


class TextPane(VerticalScroll, can_focus=True):
    """Text in a frame. ``j`` ``k`` or the arrows scroll, ``g`` and ``G`` go to the ends."""

    HELP = "A pane of text. j k or the arrows scroll, g and G go to the ends, page up and page down go by a screenful."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "end", show=False),
        Binding("ctrl+d,ctrl+f", "page_down", "page down", show=False),
        Binding("ctrl+b", "page_up", "page up", show=False),
    ]
    DEFAULT_CSS = """
    TextPane { height: 1fr; scrollbar-size-vertical: 1; & > Static { height: auto; } }
    """

    def __init__(self, title: str, *, id: str | None = None, classes: str = "") -> None:
        super().__init__(id=id, classes=f"pane {classes}".strip())
        self.border_title = title
        self._draw: Text | Callable[[int], Text] = Text()
        self._drawn_for = 0

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static(markup=False)

    def put(self, draw: Text | Callable[[int], Text], *, title: str | None = None, top: bool = False) -> None:
        """Show a text, or what ``draw`` makes of the cells there are in a line, now and whenever that changes.

        ``top`` scrolls to the start: another thing is shown, not the same one again.
        """
        self._draw = draw
        self._drawn_for = self.room
        self.query_one(Static).update(draw if isinstance(draw, Text) else draw(self._drawn_for))
        if title is not None:
            self.border_title = Content(one_line(title)).markup
        if top:
            self.scroll_home(animate=False)

    def reveal(self, line: int) -> None:
        """Scroll so that this line is the first to be seen."""
        self.scroll_to(y=line, animate=False)

    @property
    def room(self) -> int:
        """How many cells a line has, with the scroll bar's kept free; 0 while the pane is not laid out."""
        kept_free = 0 if self.show_vertical_scrollbar else int(self.styles.scrollbar_size_vertical)
        return max(self.scrollable_content_region.width - kept_free, 0)

    def on_resize(self) -> None:
        """Draw again where the lines are longer or shorter now."""
        if callable(self._draw) and self.room != self._drawn_for:
            self.put(self._draw)
