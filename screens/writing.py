"""A window in which an operator writes a text of several lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from screens.render import WARN, clean, literal

Check = Callable[[str], tuple[bool, str]]


class WriteScreen(ModalScreen[str | None]):
    """Ask for a text; ``ctrl+s`` takes it, escape gives None.

    ``check`` says whether a text may be taken, and a line about it that stands under it while it is written.
    """

    CSS = """
    WriteScreen { align: center middle; background: $background 60%; }
    WriteScreen .dialog { width: 96%; max-width: 110; height: auto; max-height: 96%; }
    WriteScreen TextArea { height: 1fr; min-height: 4; max-height: 24; border: none; padding: 0; }
    WriteScreen .detail { height: auto; max-height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "take", "take", priority=True),
        Binding("escape", "cancel", "cancel", priority=True),
    ]

    def __init__(
        self, question: str, text: str, *, hint: str = "", check: Check = lambda _text: (True, ""), take: str = "take"
    ) -> None:
        """``hint`` stands under the text where ``check`` has nothing to say; ``take`` says what ctrl+s does."""
        super().__init__()
        self._question = question
        self._text = text
        self._hint = hint
        self._check = check
        self._keys = Text.assemble(("ctrl+s", "bold"), f" {take}    ", ("esc", "bold"), " cancel")

    def compose(self) -> ComposeResult:
        """Question, text, a line about the text, keys."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._question, "bold"), classes="question")
            # what came from outside may hold escapes: they are seen as pictures, and saved as such
            area = TextArea(clean(self._text), show_line_numbers=True, tab_behavior="focus")
            area.styles.height = len(self._text.splitlines()) + 10
            yield area
            yield Static(classes="detail", markup=False)
            yield Static(self._keys, classes="keys")

    def on_mount(self) -> None:
        """Say what the text is like as it is."""
        self._say()

    @on(TextArea.Changed)
    def _say(self) -> None:
        fine, words = self._check(self.query_one(TextArea).text)
        self.query_one(".detail", Static).update(literal(words or self._hint, "" if fine else WARN))

    def action_take(self) -> None:
        """Close with the text, unless it may not be taken."""
        text = self.query_one(TextArea).text
        if self._check(text)[0]:
            self.dismiss(text)

    def action_cancel(self) -> None:
        """Close without a text."""
        self.dismiss(None)
