"""A window to choose one of a few things from: type to narrow, enter takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.render import literal, one_line
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.virtual_table import VirtualTable


class ChooseScreen(ModalScreen[str | None]):
    """Choose one of ``rows`` (a key and its cells); escape gives None."""

    HELP = "Type to narrow the list, up and down move, enter takes the row, escape leaves things as they are."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("down,ctrl+n", "move(1)", "down", priority=True, show=False),
        Binding("up,ctrl+p", "move(-1)", "up", priority=True, show=False),
    ]
    CSS = """
    ChooseScreen { align: center middle; background: $background 60%; }
    ChooseScreen > .dialog { width: 90; max-width: 96%; height: auto; max-height: 90%; }
    ChooseScreen Input { height: 1; border: none; padding: 0; margin: 1 0; }
    ChooseScreen VirtualTable { max-height: 16; }
    """

    def __init__(self, question: str, columns: Sequence[Column], rows: Sequence[Row], at: str = "") -> None:
        """``at`` is the key of the row to begin on."""
        super().__init__()
        self._question = question
        self._columns = columns
        self._rows = list(rows)
        self._kept = self._rows
        self._at = at

    def compose(self) -> ComposeResult:
        """Question, filter, rows."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._question, "bold"))
            yield Input(placeholder="type to narrow", compact=True)
            yield VirtualTable(self._columns, empty="no match")

    def on_mount(self) -> None:
        """Show every row."""
        table = self.query_one(VirtualTable)
        table.can_focus = False
        # as high as it is before it is narrowed, so that nothing jumps while one types
        table.styles.height = len(self._rows) + 1
        self.query_one(Input).focus()
        table.set_source(ListSource(self._rows), at=self._at or None)

    def action_move(self, by: int) -> None:
        """Move the cursor while typing."""
        self.query_one(VirtualTable).action_move(by)

    def action_leave(self) -> None:
        """Close without a choice."""
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        """A click beside the window closes it."""
        if event.widget is self:
            self.dismiss(None)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        words = event.value.casefold().split()
        self._kept = [row for row in self._rows if all(word in _text(row) for word in words)]
        self.query_one(VirtualTable).set_source(ListSource(self._kept))

    @on(Input.Submitted)
    @on(VirtualTable.Selected)
    def _take(self) -> None:
        row = self.query_one(VirtualTable).row
        if self._kept:
            # enter right behind a letter: the table may still show what was there before it
            self.dismiss(str(row.key if row in self._kept and row is not None else self._kept[0].key))


def _text(row: Row) -> str:
    return " ".join(cell.plain if isinstance(cell, Text) else one_line(cell) for cell in row.cells).casefold()
