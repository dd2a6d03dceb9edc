"""Completes a path while it is typed: the right arrow takes what is suggested."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textual.suggester import Suggester


class PathSuggester(Suggester):
    """Suggests the first entry of the folder that begins as the last part of the path does; folders end in a slash."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the completed path, None where nothing fits."""
        return await asyncio.to_thread(completed, value)


def completed(typed: str) -> str | None:
    """Return ``typed`` with its last part completed, None where no entry begins so or the folder cannot be read."""
    folder, slash, start = typed.rpartition("/")
    if not start:
        return None
    try:
        # a name that is not text cannot be typed either, and a control character must not reach the terminal
        names = sorted(
            entry.name + ("/" if entry.is_dir() else "")
            for entry in os.scandir(Path(f"{folder}{slash}" or ".").expanduser())
            if entry.name.startswith(start) and entry.name.isprintable()
        )
    except (OSError, ValueError):
        return None
    return f"{folder}{slash}{names[0]}" if names else None
