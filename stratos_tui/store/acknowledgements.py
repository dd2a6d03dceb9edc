"""What an operator has read and agreed to, and when."""

from __future__ import annotations

from stratos_tui.store.db import Store, code_version, now


def given(store: Store, subject: str, wording: str) -> bool:
    """Tell whether the operator has agreed to this wording."""
    return bool(store.value("SELECT wording = ? FROM acknowledgements WHERE subject = ?", (wording, subject)))


def give(store: Store, subject: str, wording: str) -> None:
    """Record that the operator has agreed to this wording, unless that is recorded already."""
    with store.write() as connection:
        connection.execute(
            "INSERT INTO acknowledgements (subject, wording, at, code_version) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (subject) DO UPDATE SET wording = excluded.wording, at = excluded.at,"
            " code_version = excluded.code_version WHERE wording != excluded.wording",
            (subject, wording, now(), code_version()),
        )
