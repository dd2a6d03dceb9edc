"""A window with the batches at a teacher's server that this store does not know: adopt one, or cancel it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.render import count, literal
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store.db import Store
from stratos_tui.teachers.catalog import find_teacher

if TYPE_CHECKING:
    from stratos_tui.distill.orphans import Orphan

Wish = tuple[Literal["adopt", "cancel"], str]
"""What is to be done with which of the server's batches."""


class OrphansScreen(ModalScreen[Wish | None]):
    """The server's batches that are unknown here: ``a`` adopts the one under the cursor, ``x`` cancels it."""

    CSS = """
    OrphansScreen { align: center middle; background: $background 60%; }
    OrphansScreen .dialog { width: 100; }
    OrphansScreen VirtualTable { height: 12; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "choose('adopt')", "adopt"),
        Binding("x", "choose('cancel')", "cancel it"),
        Binding("escape", "close", "close"),
    ]

    def __init__(self, teacher: str, found: Sequence[Orphan]) -> None:
        super().__init__()
        self._teacher = teacher
        self._found = found

    def compose(self) -> ComposeResult:
        """What they are, the batches, keys."""
        with Vertical(classes="dialog"):
            yield Static(literal(f"Batches of {self._teacher} that this store does not know", "bold"))
            yield VirtualTable(
                [
                    Column("batch", 20, flex=1),
                    Column("created", 20, drop=2),
                    Column("requests", 8, align="right"),
                    Column("state", 11, drop=1),
                    Column("could be", 9),
                ],
                empty="None: every batch at the server is known here.",
                markable=False,
                openable=False,
            )
            words = "One could be ours where its size fits, and is where its results say so. Others may share the key."
            yield Static(literal(words), classes="detail")
            keys = Text.assemble(
                ("a", "bold"), " adopt    ", ("x", "bold"), " cancel it    ", ("esc", "bold"), " close"
            )
            yield Static(keys, classes="keys")

    def on_mount(self) -> None:
        """Show them."""
        rows = [Row(each.remote_id, _cells(each)) for each in self._found]
        table = self.query_one(VirtualTable)
        table.set_source(ListSource(rows))
        table.focus()

    def action_choose(self, what: Literal["adopt", "cancel"]) -> None:
        """Close with what is to be done with the batch under the cursor."""
        row = self.query_one(VirtualTable).row
        if row is not None:
            self.dismiss((what, str(row.key)))

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)


def list_orphans(store: Store, teacher: str) -> list[Orphan]:
    """Ask a teacher's server for the batches that this store does not know.

    Raises:
        StratosError: the server cannot be asked.
    """
    from stratos_tui.distill.orphans import orphans
    from stratos_tui.distill.settings import settings_of
    from stratos_tui.teachers.batches import open_client

    with open_client(find_teacher(store, teacher), store.path, settings_of(store).rehearsal) as client:
        return orphans(store, client)


def carry_out(store: Store, teacher: str, wish: Wish) -> str:
    """Adopt or cancel one of the server's batches; return what was done, in words.

    Raises:
        StratosError: it cannot be done; says why.
    """
    from stratos_tui.distill.orphans import adopt, cancel_orphan
    from stratos_tui.distill.settings import settings_of
    from stratos_tui.teachers.batches import open_client

    what, remote_id = wish
    with open_client(find_teacher(store, teacher), store.path, settings_of(store).rehearsal) as client:
        if what == "adopt":
            return f"{remote_id} is batch {adopt(store, client, remote_id)} now; i takes it in once it has ended"
        cancel_orphan(store, client, remote_id)
        return f"{remote_id} is asked to stop; what it has answered is billed"


def _cells(orphan: Orphan) -> tuple[str | Text, ...]:
    could_be = "" if orphan.batch_id is None else f"batch {orphan.batch_id}"
    return (
        orphan.remote_id,
        orphan.created[:16].replace("T", " "),
        count(orphan.requests),
        orphan.state,
        Text(could_be, style="bold" if orphan.proven else ""),
    )
