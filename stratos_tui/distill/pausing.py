"""A workspace that is paused sends nothing more; what is under way is watched and taken in all the same."""

from __future__ import annotations

from stratos_tui.errors import StratosError
from stratos_tui.store import settings
from stratos_tui.store.db import Store

PAUSED = "distill.paused"


class Paused(StratosError):
    """Nothing was sent, because the workspace is paused."""

    def __init__(self) -> None:
        super().__init__("sending is paused in this workspace: resume it to ask")


def pause(store: Store) -> None:
    """Send nothing more until :func:`resume`, in whatever process."""
    settings.put(store, PAUSED, True)


def resume(store: Store) -> None:
    """Let questions be sent again."""
    settings.put(store, PAUSED, None)


def is_paused(store: Store) -> bool:
    """Tell whether nothing is to be sent."""
    return bool(settings.get(store, PAUSED))
