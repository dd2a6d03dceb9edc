"""Rows, columns and where rows come from: what a :class:`VirtualTable` needs to know."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from rich.text import Text

from stratos_tui.store.pages import Listing, Record

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a key that names it across refreshes, and one cell a column.

    A ``str`` cell is shown literally (it may come from outside); a ``Text`` cell brings its own colours.
    """

    key: Hashable
    cells: tuple[str | Text, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``width`` in cells is fixed, or the least width where ``flex`` > 0, which shares what is left over.

    ``drop`` orders what goes when the terminal is narrow: the highest goes first, 0 never goes.
    """

    title: str
    width: int
    flex: int = 0
    align: Align = "left"
    drop: int = 0


class RowSource(Protocol):
    """Rows by position. Every method is called in worker threads, one at a time; none may touch a widget."""

    def count(self) -> int:
        """Return how many rows there are."""
        ...

    def page(self, first: int, n: int) -> list[Row]:
        """Return rows ``first`` to ``first + n``, fewer at the end."""
        ...

    def position(self, key: Hashable) -> int | None:
        """Return where the row with this key is now, None where it is no more."""
        ...

    def close(self) -> None:
        """Let go of what the source holds."""
        ...


class ListSource:
    """A few rows that are already in memory."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = list(rows)

    def count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def page(self, first: int, n: int) -> list[Row]:
        """Return rows ``first`` to ``first + n``."""
        return self._rows[first : first + n]

    def position(self, key: Hashable) -> int | None:
        """Return where the row with this key is."""
        return next((at for at, row in enumerate(self._rows) if row.key == key), None)

    def close(self) -> None:
        """Nothing is held."""


class ListingSource:
    """Rows of a store listing, each record turned into cells by ``make``."""

    def __init__(self, listing: Listing, make: Callable[[Record], Sequence[str | Text]]) -> None:
        self._listing = listing
        self._make = make

    def count(self) -> int:
        """Return how many records the listing has under its filter."""
        return self._listing.count()

    def page(self, first: int, n: int) -> list[Row]:
        """Return records ``first`` to ``first + n`` as rows."""
        return [Row(record["key"], tuple(self._make(record))) for record in self._listing.page(first, n)]

    def position(self, key: Hashable) -> int | None:
        """Return where the record with this key is."""
        return self._listing.position(key)

    def close(self) -> None:
        """Close the listing."""
        self._listing.close()
