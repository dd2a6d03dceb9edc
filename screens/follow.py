"""Which row of a listing, newest first, a screen shows: the one that was chosen, or whichever is the newest."""

from __future__ import annotations

from screens.widgets.listing_table import ListingTable


class Followed:
    """The row that is shown. ``chosen`` is its key, None while the newest is followed, whichever that comes to be."""

    def __init__(self) -> None:
        self.chosen: int | None = None
        self._newest: int | None = None

    def moved_to(self, key: object, index: int) -> bool:
        """Note the row under the cursor; return whether another row is to be shown now."""
        number = int(str(key))
        newest = number if self._newest is None and index == 0 else self._newest
        before, self.chosen = self.chosen, None if number == newest else number
        return self.chosen != before

    def loaded(self, newest: int | None, listing: ListingTable) -> None:
        """Note the newest row's key; a new one that is followed gets the cursor."""
        arrived, self._newest = newest != self._newest, newest
        if arrived and self.chosen is None and newest is not None and listing.row and listing.row.key != newest:
            listing.go_to(newest)

    def newest(self, listing: ListingTable) -> None:
        """Follow the newest from now on: what was just begun will be it."""
        self.chosen = None
        if self._newest is not None:
            listing.go_to(self._newest)
