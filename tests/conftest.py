"""What tests share: stores in temporary folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stratos_tui.store.db import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty, migrated store."""
    opened = open_store(tmp_path / "stratos.db")
    yield opened
    opened.close()
