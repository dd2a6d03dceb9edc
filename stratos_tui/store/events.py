"""What happened while a teacher was asked, as it happened: an operator's log, never read by the code."""

from __future__ import annotations

from dataclasses import dataclass

from stratos_tui.store.db import Store, now
from stratos_tui.text import one_line

MOST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Event:
    """``what`` is one or two words; ``detail`` is text from outside, made safe; ``at`` is ISO 8601 UTC."""

    id: int
    at: str
    teacher: str
    batch_id: int | None
    what: str
    detail: str


def add(store: Store, teacher: str, what: str, detail: str = "", batch_id: int | None = None) -> None:
    """Write down that something happened; inside a write transaction it is part of it."""
    with store.write() as connection:
        connection.execute(
            "INSERT INTO events (at, teacher, batch_id, what, detail) VALUES (?, ?, ?, ?, ?)",
            (now(), teacher, batch_id, what, one_line(detail)[:MOST_DETAIL]),
        )


def latest(store: Store, limit: int = 100, teacher: str | None = None) -> list[Event]:
    """Return the last events, newest first."""
    rows = store.rows(
        "SELECT id, at, teacher, batch_id, what, detail FROM events WHERE ?1 IS NULL OR teacher = ?1"
        " ORDER BY id DESC LIMIT ?2",
        (teacher, limit),
    )
    return [Event(**dict(row)) for row in rows]
