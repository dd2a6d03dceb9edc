"""Brings the rows of a table from a source in worker threads, page by page, the latest wish first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from textual.widget import Widget

from screens.widgets.paging import PAGE_ROWS, PageCache, read_pages
from screens.widgets.rows import Row, RowSource


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table was when it was refreshed: the cursor's row and position, the first line in view, and how many."""

    key: Hashable
    cursor: int
    top: int
    visible: int


class Shower(Protocol):
    """Who shows the rows. Everything is called on the interface's thread, and of the newest source alone."""

    def began(self, rows: int) -> None:
        """The first rows of a new source are here, before it is known how many there are."""

    def counted(self, rows: int, moved: int) -> None:
        """It is known how many rows there are; rows before the cursor came or went by ``moved``."""

    def delivered(self) -> None:
        """A page that was wanted is here."""

    def failed(self, text: str) -> None:
        """The source could not be read."""


class RowFeed:
    """The rows of one widget, which lives as long. A source that is replaced is closed."""

    def __init__(self, widget: Widget, shower: Shower) -> None:
        self._widget = widget
        self._shower = shower
        self._source: RowSource | None = None
        self._pages = PageCache()
        self._generation = 0
        self._wanted: list[int] = []
        self._fetching = False

    def row(self, index: int) -> Row | None:
        """Return a row; None while its page is on the way."""
        return self._pages.row(index)

    def open(self, source: RowSource, place: Place, *, keep: bool) -> None:
        """Bring another source's rows. With ``keep`` what is shown stays until they can take its place."""
        self._generation += 1
        generation, old, self._source = self._generation, self._source, source
        self._widget.run_worker(
            lambda: self._open(generation, source, old, place, keep), thread=True, exit_on_error=False, group="open"
        )

    def want(self, lines: Iterable[int]) -> None:
        """Bring the pages that hold these rows and are not here, the last one first."""
        if self._source is None:
            return
        if wanted := self._pages.missing(lines):
            self._wanted = wanted
            if not self._fetching:
                self._fetching = True
                self._widget.run_worker(self._fetch, thread=True, exit_on_error=False, group="fetch")

    def close(self) -> None:
        """Close the source; what is still on the way is dropped."""
        self._generation += 1
        if self._source is not None:
            self._source.close()

    # in worker threads

    def _open(self, generation: int, source: RowSource, old: RowSource | None, place: Place, keep: bool) -> None:
        """Bring the first rows as soon as they are there, then count, then settle."""
        tell = self._widget.app.call_from_thread
        try:
            if not keep:
                tell(self._begin, generation, source.page(0, PAGE_ROWS))
            count = source.count()
            found = None if place.key is None else source.position(place.key)
            moved = 0 if found is None else found - place.cursor
            top = place.top + moved
            pages = read_pages(source, (top, top + place.visible, place.cursor + moved))
            tell(self._adopt, generation, count, pages, moved)
        except Exception as error:
            tell(self._failed, generation, error)
        finally:
            if old is not None:
                old.close()

    def _fetch(self) -> None:
        """Bring wanted pages, the latest wish first, until none is left."""
        tell = self._widget.app.call_from_thread
        while (wish := tell(self._next_wish)) is not None:
            page, generation, source = wish
            try:
                rows = source.page(page * PAGE_ROWS, PAGE_ROWS)
            except Exception as error:
                tell(self._failed, generation, error)
                return
            tell(self._deliver, generation, page, rows)

    # on the interface's thread

    def _next_wish(self) -> tuple[int, int, RowSource] | None:
        if not self._wanted or self._source is None or not self._widget.is_attached:
            self._fetching = False
            return None
        return self._wanted.pop(), self._generation, self._source

    def _deliver(self, generation: int, page: int, rows: list[Row]) -> None:
        if generation == self._generation:
            self._pages.put(page, rows)
            self._shower.delivered()

    def _begin(self, generation: int, rows: list[Row]) -> None:
        if self._is_shown(generation):
            self._pages.replace({0: rows})
            self._shower.began(len(rows))

    def _adopt(self, generation: int, count: int, pages: dict[int, list[Row]], moved: int) -> None:
        if self._is_shown(generation):
            self._pages.replace(pages)
            self._shower.counted(count, moved)

    def _failed(self, generation: int, error: Exception) -> None:
        self._fetching = False
        if self._is_shown(generation):
            self._shower.failed(str(error) or type(error).__name__)

    def _is_shown(self, generation: int) -> bool:
        return generation == self._generation and self._widget.is_attached
