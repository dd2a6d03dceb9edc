"""A listing of the store as a table that filters, orders and refreshes itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input, Static

from screens.host import host
from screens.render import count, one_line
from screens.widgets.rows import Column, ListingSource, Row
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store.pages import Listing, Record, orders

TYPING_SECONDS = 0.15
"""How long after the last typed letter a filter is applied."""


class _Filter(Input):
    """The filter's field: rows are narrowed as you type; enter keeps the filter, escape clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep the filter"),
        Binding("escape", "clear", "clear it"),
    ]

    def action_clear(self) -> None:
        """Clear the filter and go back to the rows."""
        table = self.parent
        if isinstance(table, ListingTable):
            table.action_clear()


class ListingTable(Vertical):
    """A named listing (``stratos_tui.store.pages``): ``/`` filters as you type, ``o`` changes the order.

    ``make`` turns a record into one cell a column, in a worker thread: it may read nothing and touch no widget. Text
    from outside may be given as ``str``. Messages are the inner :class:`VirtualTable`'s.
    """

    HELP = "A listing. / filters as you type, escape clears the filter, o changes the order."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("o", "order", "order"),
        Binding("escape", "clear", "clear", show=False, tooltip="Clear the filter, then the marks"),
    ]
    DEFAULT_CSS = """
    ListingTable {
        height: 1fr;
        & > _Filter, & > _Filter:focus {
            display: none; height: 1; border: none; padding: 0 1; background: $surface;
        }
        & > _Filter.-on { display: block; }
        & > .listing--status { height: 1; color: $text-muted; padding: 0 1; }
    }
    """

    def __init__(
        self,
        listing: str,
        columns: Sequence[Column],
        make: Callable[[Record], Sequence[str | Text]],
        *,
        empty: str,
        scope: Mapping[str, str | int | None] | None = None,
        markable: bool = True,
        openable: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``empty`` is the line over no rows; ``markable`` and ``openable`` are the inner table's."""
        super().__init__(id=id, classes=classes)
        self._listing = listing
        self._make = make
        self._empty = empty
        self._scope = dict(scope or {})
        self._orders = orders(listing)
        self._order = self._orders[0]
        self._filter = ""
        self._typing: Timer | None = None
        self._due: Timer | None = None
        self._began = 0.0
        self._took = 0.0
        self._busy = False
        self._again = False
        self.table = VirtualTable(columns, empty=empty, markable=markable, openable=openable)

    def compose(self) -> ComposeResult:
        """The filter's input, the rows, a line of status."""
        yield _Filter(placeholder="filter", disabled=True)
        yield self.table
        yield Static(classes="listing--status", markup=False)

    def on_mount(self) -> None:
        """Read the first rows."""
        self._read(keep=False)

    # what a screen asks

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.table.row

    @property
    def filter(self) -> str:
        """What the rows are filtered by, empty for all."""
        return self._filter

    @property
    def order(self) -> str:
        """The name of the order in which they are."""
        return self._order

    def targets(self) -> list[Hashable]:
        """Return the keys an action is about: the marked rows, else the one under the cursor."""
        return self.table.targets()

    def set_scope(self, **scope: str | int | None) -> None:
        """Narrow the listing to rows with these values (None: any)."""
        if scope != self._scope:
            self._scope = scope
            self._read(keep=False)

    def show_listing(self, listing: str, **scope: str | int | None) -> None:
        """Show another listing of the store, narrowed to rows with these values, in its own first order."""
        if listing == self._listing:
            self.set_scope(**scope)
            return
        self._listing, self._scope = listing, scope
        self._orders = orders(listing)
        self._order = self._orders[0]
        self._read(keep=False)

    def reload(self) -> None:
        """Read again, keeping the cursor on its row; put off while a read is under way or was slow."""
        if self._busy:
            self._again = True
        elif self._due is None:
            # a listing that takes long to order is read again at most a tenth of the time
            wait = self._began + 10 * self._took - time.monotonic()
            if wait <= 0:
                self._read(keep=True)
            else:
                self._due = self.set_timer(wait, self._reload_due)

    def go_to(self, key: Hashable) -> None:
        """Read again and put the cursor on the row with this key, where the listing holds it."""
        self._read(keep=True, at=key)

    # keys

    def action_filter(self) -> None:
        """Type a filter."""
        box = self.query_one(_Filter)
        self._open_filter(True)
        box.focus()

    def action_order(self) -> None:
        """Take the next order."""
        self._order = self._orders[(self._orders.index(self._order) + 1) % len(self._orders)]
        self._read(keep=False)

    def action_clear(self) -> None:
        """Clear the filter; without one, the marks; without any, go back as the screen does."""
        box = self.query_one(_Filter)
        if box.has_class("-on") or self._filter:
            box.value = ""
            self.table.focus()
            self._open_filter(False)
            self._apply("")
        elif self.table.marks:
            self.table.clear_marks()
        else:
            self.call_later(self.screen.run_action, "back")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._typing:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_SECONDS, lambda: self._apply(event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._apply(event.value)
        self.table.focus()
        self._open_filter(bool(event.value))

    # reading

    def _apply(self, text: str) -> None:
        if self._typing:
            self._typing.stop()
            self._typing = None
        if text != self._filter:
            self._filter = text
            self._read(keep=False)

    def _open_filter(self, on: bool) -> None:
        # a closed one is disabled too, so that neither tab nor auto-focus finds it
        box = self.query_one(_Filter)
        box.set_class(on, "-on")
        box.disabled = not on

    def _reload_due(self) -> None:
        self._due = None
        self.reload()

    def _read(self, *, keep: bool, at: Hashable = None) -> None:
        self._busy, self._again, self._began = True, False, time.monotonic()
        self.table.empty = (
            f"no match for “{one_line(self._filter)}”: escape clears the filter" if self._filter else self._empty
        )
        listing = Listing(host(self).store, self._listing, filter=self._filter, order=self._order, scope=self._scope)
        self.table.set_source(ListingSource(listing, self._make), keep=keep, at=at)

    @on(VirtualTable.Counted)
    def _counted(self, event: VirtualTable.Counted) -> None:
        event.stop()
        self._took, self._busy = time.monotonic() - self._began, False
        self._say()
        if self._again:
            self.reload()

    @on(VirtualTable.Failed)
    def _failed(self, event: VirtualTable.Failed) -> None:
        self._busy = False
        self.query_one(".listing--status", Static).update(Text(f"✗ {one_line(event.text)}"), layout=False)
        if self._again:
            self.reload()

    @on(VirtualTable.Highlighted)
    @on(VirtualTable.Marked)
    def _moved(self) -> None:
        self._say()

    def _say(self) -> None:
        total = self.table.row_count
        if total is None:
            return
        parts = [f"{count(self.table.cursor + 1 if total else 0)} of {count(total)}"]
        if self._filter:
            parts.append(f"with “{one_line(self._filter)}”")
        if len(self._orders) > 1:
            parts.append(f"by {self._order}")
        if self.table.marks:
            parts.append(f"{count(len(self.table.marks))} marked")
        self.query_one(".listing--status", Static).update(Text(" · ".join(parts)), layout=False)
