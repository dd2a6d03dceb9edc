"""What tests share: stores in temporary folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.store.db import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty, migrated store."""
    opened = open_store(tmp_path / "stratos.db")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store's file that holds what ships in data/; to copy, never to open."""
    path = tmp_path_factory.mktemp("seeded") / "stratos.db"
    opened = open_store(path)
    load_shipped(opened)
    opened.close()
    return path


@pytest.fixture
def seeded(seeded_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own that holds the ten profiles, the hundred articles and their expected scores."""
    opened = open_store(shutil.copy(seeded_file, tmp_path / "stratos.db"))
    yield opened
    opened.close()
