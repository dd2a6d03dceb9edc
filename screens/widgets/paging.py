"""The pages of a source that a table holds: which are here, which are missing, which go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from screens.widgets.rows import Row, RowSource

PAGE_ROWS = 128
PAGES_KEPT = 64


def page_of(line: int) -> int:
    """Return the page that holds a row."""
    return line // PAGE_ROWS


def read_pages(source: RowSource, lines: Iterable[int]) -> dict[int, list[Row]]:
    """Read the pages that hold these rows."""
    return {page: source.page(page * PAGE_ROWS, PAGE_ROWS) for page in {page_of(line) for line in lines if line >= 0}}


class PageCache:
    """At most ``PAGES_KEPT`` pages; the one that was out of sight for longest goes first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[int, list[Row]] = OrderedDict()

    def row(self, index: int) -> Row | None:
        """Return a row, None where its page is not here."""
        page = self._pages.get(page_of(index))
        at = index % PAGE_ROWS
        return page[at] if page is not None and at < len(page) else None

    def put(self, page: int, rows: list[Row]) -> None:
        """Add a page."""
        self._pages[page] = rows
        self._pages.move_to_end(page)
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def replace(self, pages: dict[int, list[Row]]) -> None:
        """Hold these pages and no others."""
        self._pages = OrderedDict(pages)

    def missing(self, lines: Iterable[int]) -> list[int]:
        """Return the pages of these rows that are not here, in this order; those that are here stay for longest."""
        pages = dict.fromkeys(map(page_of, lines))
        for page in pages.keys() & self._pages.keys():
            self._pages.move_to_end(page)
        return [page for page in pages if page not in self._pages]
