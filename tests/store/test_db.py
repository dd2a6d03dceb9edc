from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stratos_tui.dataset.lengths import SPLITS
from stratos_tui.errors import StratosError
from stratos_tui.store import datasets, jobs, migrations
from stratos_tui.store import db as db_module
from stratos_tui.store.db import Store, open_store

if TYPE_CHECKING:
    from sqlite_utils import Database


def test_migrations_are_recorded_by_name(store: Store) -> None:
    names = [row["name"] for row in store.rows("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert names[0] == "001_phases"
    assert len(names) == len(migrations.MIGRATIONS)
    assert store.value("PRAGMA journal_mode") == "wal"


def test_a_write_that_raises_leaves_nothing(store: Store) -> None:
    def write_then_fail() -> None:
        with store.write() as connection:
            connection.execute("INSERT INTO jobs (kind, params, state, created_at) VALUES ('a', '{}', 'queued', '')")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        write_then_fail()
    assert store.value("SELECT count(*) FROM jobs") == 0


def test_a_nested_write_joins_the_outer_one(store: Store) -> None:
    def write_then_fail() -> None:
        with store.write():
            jobs.add(store, "inner", {})
            raise KeyError("stop")

    with pytest.raises(KeyError):
        write_then_fail()
    assert jobs.latest(store) == []


def test_reading_connections_refuse_to_write(store: Store) -> None:
    with pytest.raises(StratosError, match="cannot be written"):
        store.rows("DELETE FROM jobs")


def test_writers_of_several_threads_wait_for_each_other(store: Store) -> None:
    def add_many() -> None:
        for _ in range(20):
            jobs.add(store, "many", {})

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.value("SELECT count(*) FROM jobs") == 80


def test_two_processes_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    code = "import sys; from stratos_tui.store.db import open_store; open_store(sys.argv[1]).value('SELECT 1')"
    makers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s.db")]) for _ in range(3)]
    assert [maker.wait(timeout=60) for maker in makers] == [0, 0, 0]
    assert open_store(tmp_path / "s.db").value("SELECT count(*) FROM _sqlite_migrations") == len(migrations.MIGRATIONS)


def test_a_store_from_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations.MIGRATIONS) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StratosError, match="newer stratos"):
        open_store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"not a database at all, but long enough to be read as one" * 40,
        lambda content: content[:4096] + b"\xff" * (len(content) - 4096),
        lambda content: content[: len(content) // 3],
    ],
)
def test_a_damaged_store_is_refused_and_left_alone(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "s.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(StratosError, match="damaged or not a stratos store"):
        open_store(path)
    assert path.read_bytes() == before


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(StratosError, match="another program"):
        open_store(path)


def test_a_missing_store_or_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StratosError, match="stratos init"):
        open_store(tmp_path / "s.db", create=False)
    with pytest.raises(StratosError, match="does not exist"):
        open_store(tmp_path / "nowhere" / "s.db")
    with pytest.raises(StratosError, match="not a file"):
        open_store(tmp_path)


def test_a_backup_is_kept_before_a_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    first = open_store(path)
    jobs.add(first, "kept", {})
    first.close()

    def m002_more(db: Database) -> None:
        db.execute("CREATE TABLE more (a INTEGER) STRICT")

    monkeypatch.setattr(db_module, "MIGRATIONS", [*migrations.MIGRATIONS, m002_more])
    second = open_store(path)
    assert second.value("SELECT count(*) FROM more") == 0
    assert [job.kind for job in jobs.latest(second)] == ["kept"]
    backups = list(tmp_path.glob("s.db.before-*.bak"))
    assert len(backups) == 1
    monkeypatch.undo()
    assert [job.kind for job in jobs.latest(open_store(backups[0]))] == ["kept"]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    open_store(path).close()

    def m002_broken(db: Database) -> None:
        db.execute("CREATE TABLE half (a INTEGER) STRICT")
        raise RuntimeError("broken")

    monkeypatch.setattr(db_module, "MIGRATIONS", [*migrations.MIGRATIONS, m002_broken])
    with pytest.raises(RuntimeError):
        open_store(path)
    monkeypatch.undo()
    assert open_store(path).value("SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0


def test_builds_from_before_texts_were_shared_read_as_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    monkeypatch.setattr(db_module, "MIGRATIONS", migrations.MIGRATIONS[:4])
    old = open_store(path)
    chat = "<|im_start|>system\n{}<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    prompts = [chat.format("one", "a"), chat.format("one", "b"), chat.format("two", "a\0b"), "no \0 turns"]
    rows = [("train", at, prompt, f"said {at % 2}", 1.0 + at) for at, prompt in enumerate(prompts)]
    rows += [("eval", 0, prompts[0], "said 0", 1.0)]
    with old.write() as connection:
        for dataset in (1, 2):
            connection.execute(
                "INSERT INTO datasets VALUES (?, ?, 'o', 't', '{}', '{}', 'p', '', '')", (dataset, f"digest {dataset}")
            )
            connection.executemany(
                "INSERT INTO dataset_examples VALUES (?, ?, ?, 'a', 'p', 1, 0, 0, 10, ?, ?, ?)",
                [(dataset, *row) for row in rows],
            )
    old.close()
    monkeypatch.undo()
    new = open_store(path)
    for dataset in (1, 2):
        found = [row for split in SPLITS for row in datasets.rows(new, dataset, split)]
        assert [(row.split, row.position, row.prompt, row.completion, row.weight) for row in found] == rows
    # two systems and none, three turns and one without a system, two completions; in each build
    assert new.value("SELECT count(*) FROM dataset_texts") == 2 * (3 + 4 + 2)
    assert datasets.row(new, 2, "train", 3) == found[3]
    new.close()


def test_a_full_disk_is_one_clear_error_and_keeps_what_was_stored(store: Store) -> None:
    jobs.add(store, "kept", {})

    def fill() -> None:
        with store.write() as connection:
            # SQLite's own limit gives the same error as a full disk
            pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
            connection.execute(f"PRAGMA max_page_count = {pages}")
            for _ in range(1000):
                jobs.add(store, "x" * 4000, {})

    with pytest.raises(StratosError, match="disk is full"):
        fill()
    assert [job.kind for job in jobs.latest(store)] == ["kept"]


def test_a_read_only_file_is_one_clear_error(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    jobs.add(store, "kept", {})
    store.close()
    shutil.copy(store.path, copy)
    copy.chmod(0o444)
    opened = open_store(copy)

    def write_as_reader() -> None:
        with opened.write() as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("DELETE FROM jobs")

    with pytest.raises(StratosError, match="cannot be written"):
        write_as_reader()
    assert [job.kind for job in jobs.latest(opened)] == ["kept"]
