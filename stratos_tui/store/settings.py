"""What an operator has set for this workspace, by name; a value is JSON."""

from __future__ import annotations

import json
from typing import Any

from stratos_tui.store.db import Store, now


def get(store: Store, name: str) -> Any:
    """Return what is set under this name, or None."""
    found = store.value("SELECT value FROM settings WHERE name = ?", (name,))
    return None if found is None else json.loads(found)


def put(store: Store, name: str, value: Any) -> None:
    """Set a name to a value that JSON can hold; None takes the setting away."""
    with store.write() as connection:
        if value is None:
            connection.execute("DELETE FROM settings WHERE name = ?", (name,))
        else:
            connection.execute(
                "INSERT INTO settings (name, value, at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at",
                (name, json.dumps(value, sort_keys=True), now()),
            )
