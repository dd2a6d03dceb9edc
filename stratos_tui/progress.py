"""How long work says where it is, and how it is told to stop."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[int, int, str], None]
"""``report(done, total, note)``; raises :class:`Canceled` when the work was asked to stop."""


class Canceled(Exception):
    """Somebody asked the work to stop. What was done is kept."""


def silent(done: int, total: int, note: str) -> None:
    """Report to nobody."""
