"""A pane of text to read: scrolls by the same keys as a table."""

from __future__ import annotations

from typing import ClassVar

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static


class ReadingPane(VerticalScroll, can_focus=True):
    """Text that may be longer than its pane."""

    HELP = "Text. j k or the arrows scroll, g and G go to the ends, page up and page down move by a screenful."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False),
        Binding("k", "scroll_up", "up", show=False),
        Binding("g", "scroll_home", "top", show=False),
        Binding("G", "scroll_end", "end", show=False),
    ]
    DEFAULT_CSS = """
    ReadingPane { height: 1fr; scrollbar-size-vertical: 1; }
    ReadingPane > Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static(markup=False)

    def put(self, content: RenderableType, *, top: bool = False) -> None:
        """Show a renderable made of literal Text; ``top`` scrolls back to its beginning."""
        self.query_one(Static).update(content)
        if top:
            self.scroll_home(animate=False)
