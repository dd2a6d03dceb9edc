"""The one table used everywhere: draws the visible lines only, and pages its rows from a source in worker threads.

A key costs the same at ten rows and at a million. Nothing here waits: a line whose page has not come yet shows as
``···`` and fills in when it does.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.render import one_line
from screens.widgets.columns import GUTTER, fit_columns, fit_text, styled
from screens.widgets.row_feed import Place, RowFeed
from screens.widgets.rows import Column, Row, RowSource


class VirtualTable(ScrollView, can_focus=True):
    """A list of rows under a header. ``columns`` say what is shown, :meth:`set_source` says where rows come from.

    Messages: :class:`Highlighted` when the cursor comes to rest on another row (or the row's content came),
    :class:`Selected` on enter or a double click, :class:`Marked` when the set of marked rows changed,
    :class:`Failed` when the source raised.
    """

    HELP = (
        "A table. j k or the arrows move, g and G go to the ends, page up and page down move by a screenful. "
        "Where rows can be marked, space marks for the actions below; where they open, enter opens."
    )
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "down", show=False),
        Binding("k,up", "move(-1)", "up", show=False),
        Binding("g,home", "ends(False)", "top", show=False),
        Binding("G,end", "ends(True)", "end", show=False),
        Binding("pagedown,ctrl+d,ctrl+f", "page(1)", "page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False),
        Binding("enter", "select", "open"),
        Binding("space", "mark", "mark"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--cursor",
        "virtual-table--marked",
        "virtual-table--quiet",
    }
    DEFAULT_CSS = """
    VirtualTable {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .virtual-table--header { color: $quiet; text-style: bold; }
        & > .virtual-table--cursor { background: $cursor-away; }
        & > .virtual-table--marked { color: $accent; }
        & > .virtual-table--quiet { color: $quiet; }
        &:focus > .virtual-table--cursor { background: $cursor-here; text-style: bold; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """The position of the cursor row."""

    class _FromTable(Message):
        def __init__(self, table: VirtualTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> VirtualTable:
            """The table that sent it (so that ``@on(..., "#id")`` works)."""
            return self.table

    class Highlighted(_FromTable):
        """The cursor is on another row; ``row`` is None while the table is empty or its page is on the way."""

        def __init__(self, table: VirtualTable, index: int, row: Row | None) -> None:
            super().__init__(table)
            self.index = index
            self.row = row

        def can_replace(self, message: Message) -> bool:
            """While a key repeats, only the last row matters."""
            return isinstance(message, VirtualTable.Highlighted) and message.table is self.table

    class Selected(_FromTable):
        """A row was opened."""

        def __init__(self, table: VirtualTable, index: int, row: Row) -> None:
            super().__init__(table)
            self.index = index
            self.row = row

    class Marked(_FromTable):
        """The set of marked rows changed."""

    class Failed(_FromTable):
        """The source could not be read; ``text`` is what it said."""

        def __init__(self, table: VirtualTable, text: str) -> None:
            super().__init__(table)
            self.text = text

    class Counted(_FromTable):
        """How many rows there are is known (again)."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        empty: str = "nothing here",
        markable: bool = True,
        openable: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """``empty`` is the line shown over no rows: what belongs here and which key puts it there.

        Without ``markable`` the space bar marks nothing; without ``openable`` enter opens nothing.
        """
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.empty = empty
        self._offers = {"mark": markable, "select": openable}
        self._problem = ""
        self.marks: set[Hashable] = set()
        self._count: int | None = None
        self._feed = RowFeed(self, self)
        self._told: Hashable = None
        self._layout_for: tuple[int, list[tuple[int, Column, int]]] = (-1, [])
        self._styles_now: dict[str, Style] = {}

    # what a screen asks and says

    @property
    def row_count(self) -> int | None:
        """How many rows there are; None until it is known."""
        return self._count

    @property
    def row(self) -> Row | None:
        """The row under the cursor; None over an empty table or while its page is on the way."""
        return self._feed.row(self.cursor)

    def targets(self) -> list[Hashable]:
        """Return the keys that an action is about: the marked rows, else the row under the cursor.

        Call :meth:`clear_marks` once the action is done: the table does not know which rows it changed.
        """
        if self.marks:
            return list(self.marks)
        return [self.row.key] if self.row else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer marking and opening where they mean something."""
        return self._offers.get(action, True)

    def clear_marks(self) -> None:
        """Unmark every row."""
        if self.marks:
            self.marks.clear()
            self.refresh()
            self.post_message(self.Marked(self))

    def set_source(self, source: RowSource, *, keep: bool = False, at: Hashable = None) -> None:
        """Show another source. With ``keep`` the cursor stays on the row with the same key (a refresh).

        ``at`` puts the cursor on the row with that key instead, where there is one. What was shown stays until the
        first rows have come. The replaced source is closed.
        """
        key = at if at is not None else self.row.key if keep and self.row else None
        # asked here, not in the thread: asking for a size may lay the screen out
        visible = self._visible
        place = Place(key, self.cursor, self.scroll_offset.y, visible) if keep else Place(key, 0, 0, visible)
        if not keep:
            self.marks.clear()
        self._feed.open(source, place, keep=keep)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        self.cursor = index

    # keys and mouse

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self.cursor += by

    def action_ends(self, last: bool) -> None:
        """Move the cursor to the first or the last row."""
        self.cursor = (self._count or 1) - 1 if last else 0

    def action_page(self, by: int) -> None:
        """Move the cursor by screenfuls."""
        self.cursor += by * max(self._visible - 1, 1)

    def action_select(self) -> None:
        """Open the row under the cursor."""
        if row := self.row:
            self.post_message(self.Selected(self, self.cursor, row))

    def action_mark(self) -> None:
        """Mark or unmark the row under the cursor, and go on to the next."""
        if row := self.row:
            self.marks.symmetric_difference_update({row.key})
            self.refresh_line(self.cursor + 1)
            self.post_message(self.Marked(self))
            self.action_move(1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a double click opens."""
        index = event.y - 1 + self.scroll_offset.y
        if event.y >= 1 and index < (self._count or 0):
            self.cursor = index
            if event.chain == 2:
                self.action_select()

    # drawing

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, (self._count or 1) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw the two lines, scroll if needed, and say where the cursor is."""
        self.refresh_line(old + 1)
        self.refresh_line(new + 1)
        self._scroll_to_cursor()
        self._want_visible()
        self._tell()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch what came into view."""
        super().watch_scroll_y(old_value, new_value)
        self._want_visible()

    def on_resize(self) -> None:
        """Lay the columns out anew and keep the cursor in view."""
        self.virtual_size = Size(self.scrollable_content_region.width, (self._count or 0) + 1)
        self._scroll_to_cursor()
        self._want_visible()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the viewport: the header, a row, or what stands in for one."""
        width = self.scrollable_content_region.width
        base = self._style("")
        if y == 0:
            return self._header(width, base + self._style("header"))
        index = y - 1 + self.scroll_offset.y
        if self._count == 0 or self._count is None:
            waiting = f"✗ {one_line(self._problem)}" if self._problem else "reading…"
            text = (waiting if self._count is None else self.empty) if y == 2 else ""
            return Strip([Segment(set_cell_size(" " * GUTTER + text, width), base + self._style("quiet"))], width)
        if index >= self._count:
            return Strip.blank(width, base)
        return self._line(index, width, base)

    def _header(self, width: int, style: Style) -> Strip:
        segments = [Segment(" " * GUTTER, style)]
        for _, column, cells in self._columns(width):
            segments.append(Segment(fit_text(column.title, cells, column.align), style))
        return Strip(segments).adjust_cell_length(width, style)

    def _line(self, index: int, width: int, style: Style) -> Strip:
        row = self._feed.row(index)
        here = index == self.cursor
        if here:
            style += self._style("cursor")
        if row is None:
            return Strip([Segment(set_cell_size(" " * GUTTER + "···", width), style + self._style("quiet"))], width)
        marked = row.key in self.marks
        if marked:
            style += self._style("marked")
        segments = [Segment(("▌" if here else " ") + ("✓" if marked else " "), style)]
        for at, column, cells in self._columns(width):
            cell = row.cells[at]
            if isinstance(cell, str):
                segments.append(Segment(fit_text(one_line(cell), cells, column.align), style))
            else:
                segments.extend(styled(cell, cells, column.align, style))
        return Strip(segments).adjust_cell_length(width, style)

    def notify_style_update(self) -> None:
        """Forget resolved styles: focus, theme or a class changed."""
        super().notify_style_update()
        self._styles_now.clear()

    def _style(self, part: str) -> Style:
        """Return the widget's own style (``""``) or a part's, resolved once: that costs as much as drawing a line."""
        style = self._styles_now.get(part)
        if style is None:
            style = self.get_component_rich_style(f"virtual-table--{part}", partial=True) if part else self.rich_style
            self._styles_now[part] = style
        return style

    def _columns(self, width: int) -> list[tuple[int, Column, int]]:
        """Return (cell index, column, cells) of the columns that fit."""
        if self._layout_for[0] != width:
            self._layout_for = (width, fit_columns(self.columns, width - GUTTER))
        return self._layout_for[1]

    # rows

    @property
    def _visible(self) -> int:
        return max(self.scrollable_content_region.height - 1, 1)

    def _scroll_to_cursor(self) -> None:
        top, visible = self.scroll_offset.y, self._visible
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + visible:
            self.scroll_to(y=self.cursor - visible + 1, animate=False)

    def _tell(self) -> None:
        row = self.row
        key = row.key if row else None
        if key != self._told or row is None:
            self._told = key
            self.post_message(self.Highlighted(self, self.cursor, row))

    def _want_visible(self) -> None:
        if not self._count:
            return
        top, visible, end = self.scroll_offset.y, self._visible, self._count - 1
        # a screenful either way comes along, so that going through the list shows no gaps; what is visible goes first,
        # and the cursor's page counts as visible: the scroll that follows a jump has not happened yet
        lines = (top + 2 * visible, top - visible, top + visible, top, self.cursor)
        self._feed.want(max(0, min(line, end)) for line in lines)

    # what the feed says

    def delivered(self) -> None:
        """Draw a page that came."""
        self.refresh()
        self._tell()

    def began(self, rows: int) -> None:
        """Show the first rows of a new source, before it is known how many there are."""
        self.cursor = 0
        self._hold(rows)
        self._tell()

    def counted(self, rows: int, moved: int) -> None:
        """Show a source that is counted; rows before the cursor came or went by ``moved``."""
        top = self.scroll_offset.y
        self._hold(rows)
        # the cursor may have moved on since the source was asked: it moves with its rows, wherever it is now. A table
        # that shows its top goes on showing it, so that new rows are seen
        self.cursor += moved
        if moved and top:
            self.scroll_to(y=top + moved, animate=False)
        self._scroll_to_cursor()
        self._want_visible()
        self._tell()
        self.post_message(self.Counted(self))

    def failed(self, text: str) -> None:
        """Say why the source could not be read."""
        self._problem = text
        self.refresh()
        self.post_message(self.Failed(self, text))

    def _hold(self, count: int) -> None:
        self._count = count
        self._problem = ""
        self.virtual_size = Size(self.scrollable_content_region.width, count + 1)
        self.cursor = self.validate_cursor(self.cursor)
        self.refresh()

    def on_unmount(self) -> None:
        """Close the source."""
        self._feed.close()
