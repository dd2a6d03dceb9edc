"""kill -9 of the server at three points: the rows are the same in the end."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store.db import Store, open_store
from stratos_tui.teachers.rehearsal.process import PORT_FILE, folder_of
from stratos_tui.teachers.wire import own_id_of

if TYPE_CHECKING:
    from tests.distill.conftest import Rows

Read = Callable[[Store], "Rows"]
PAIRS = 260
BATCH = 130


@pytest.fixture
def paced(quick: DistillSettings) -> DistillSettings:
    from dataclasses import replace

    return replace(quick, batch_size=BATCH)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Rows]:
    """What an undisturbed run comes to; made by the first test that asks."""
    return {}


@pytest.fixture
def expected(
    undisturbed: dict[str, Rows],
    seeded_file: Path,
    paced: DistillSettings,
    what_came_of: Read,
    tmp_path: Path,
) -> Rows:
    if not undisturbed:
        path = tmp_path / "undisturbed.db"
        path.write_bytes(seeded_file.read_bytes())
        store = open_store(path)
        distill(store, "rehearsal", limit=PAIRS, settings=paced)
        undisturbed["rows"] = what_came_of(store)
        store.close()
    return undisturbed["rows"]


def created(store: Store) -> Iterator[str]:
    """The questions of every batch that the server has, one by one."""
    folder = folder_of(store.path)
    for head in folder.glob("*.head.json"):
        questions = head.with_name(head.name.replace(".head.json", ".questions.jsonl"))
        for line in questions.read_text("utf-8").split("\n"):
            yield own_id_of(json.loads(line)["custom_id"])


def assert_paid_once(store: Store) -> None:
    asked = Counter(created(store))
    assert set(asked.values()) == {1}
    assert set(asked) == {row["custom_id"] for row in store.rows("SELECT custom_id FROM requests")}


@pytest.mark.parametrize(
    "due",
    [
        pytest.param("state = 'planned' AND batch_id IS NOT NULL OR state = 'submitted'", id="while sending"),
        pytest.param("id IN (SELECT request_id FROM answers)", id="between two batches' answers"),
        pytest.param("attempt = 2", id="in the second round"),
    ],
)
def test_the_server_is_killed(
    seeded: Store, paced: DistillSettings, expected: Rows, what_came_of: Read, due: str
) -> None:
    killed: list[int] = []

    def report(done: int, total: int, note: str) -> None:
        if not killed and seeded.value(f"SELECT count(*) FROM requests WHERE {due}"):
            killed.append(json.loads((folder_of(seeded.path) / PORT_FILE).read_text())["pid"])
            os.kill(killed[0], signal.SIGKILL)

    distill(seeded, "rehearsal", limit=PAIRS, settings=paced, report=report)
    assert killed
    assert what_came_of(seeded) == expected
    assert_paid_once(seeded)
