"""kill -9 of the app, of the pipeline, of the training process and of the rehearsal server, three times each.

What is started again until it is done comes to the same rows as a pipeline that nobody disturbed, ids and times aside.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.store import articles, jobs, runs
from stratos_tui.store.db import Store, open_store

TRAINING = {
    "shape.hidden": 32,
    "shape.layers": 1,
    "shape.feed_forward": 64,
    "epochs": 2,
    "batch": 8,
    "micro_batch": 8,
    "evaluations": 4,
    "eval_examples": 8,
    "threads": 1,
    "probe_pairs": 2,
    "probe_tokens": 8,
}
PATIENCE = 240.0

DRIVER = """
import json, os, signal, sys
from stratos_tui.errors import StratosError
from stratos_tui.jobs import run_here
from stratos_tui.pipeline import Wanted, run
from stratos_tui.store.db import open_store
from stratos_tui.teachers.rehearsal.process import PORT_FILE, folder_of

store = open_store(sys.argv[1])
wanted, training, points = (json.loads(each) for each in sys.argv[2:])

def watch(done, total, note):
    if points and store.value(f"SELECT EXISTS ({points[0][1]})"):
        who, _ = points.pop(0)
        server = folder_of(store.path) / PORT_FILE
        os.kill(os.getpid() if who == "driver" else json.loads(server.read_text())["pid"], signal.SIGKILL)

def work(report):
    return run(store, Wanted(articles=tuple(wanted)), report, training=training)

try:
    run_here(store, "pipeline", {}, work, watch)
except StratosError as error:
    sys.exit(str(error))
sys.exit(f"it never came to {points}" if points else 0)
"""
"""Runs the pipeline as the command does, and kills somebody as soon as a row says that the moment has come."""

SENT = "SELECT 1 FROM requests WHERE state = 'submitted'"
ANSWERED = "SELECT 1 FROM answers"
SECOND_ROUND = "SELECT 1 FROM requests WHERE attempt = 2"
SECOND_SENT = "SELECT 1 FROM requests WHERE attempt = 2 AND state = 'submitted'"
TRAINS = "SELECT 1 FROM runs WHERE state = 'running'"
SCORED = "SELECT 1 FROM scores WHERE scorer = 'student:1'"

Point = tuple[str, str]


@pytest.fixture(scope="module")
def chosen(seeded_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three articles that are trained on and one that is held out."""
    store = open_store(shutil.copy(seeded_file, tmp_path_factory.mktemp("chosen") / "stratos.db"))
    fix_holdout(store)
    splits = articles.splits(store)
    store.close()
    return [
        article_id
        for split, count in (("train", 3), ("eval", 1))
        for article_id in [each for each, own in splits.items() if own == split][:count]
    ]


def drive(path: Path, chosen: list[str], points: list[Point]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(path), *map(json.dumps, (chosen, TRAINING, points))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(driver: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a driver; return how it ended and what it said."""
    try:
        _, said = driver.communicate(timeout=PATIENCE)
    finally:
        driver.kill()
    return driver.returncode, said


@contextmanager
def app_on(path: Path) -> Iterator[Callable[[], None]]:
    """Open the app on a store in a terminal of its own and wait until it shows something; yields what kills it."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    app = subprocess.Popen(
        [sys.executable, "-m", "stratos_tui", "--db", str(path)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(terminal)
    shown = bytearray()
    drawn = threading.Event()

    def read() -> None:
        with suppress(OSError):
            while part := os.read(screen, 65536):
                shown.extend(part)
                if b"Overview" in shown:
                    drawn.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def kill() -> None:
        assert app.poll() is None, shown[-2000:].decode(errors="replace")
        app.kill()
        assert app.wait() == -signal.SIGKILL

    try:
        assert drawn.wait(PATIENCE), shown[-2000:].decode(errors="replace")
        yield kill
    finally:
        app.kill()
        app.wait()
        reader.join()
        os.close(screen)


def until(store: Store, condition: str, driver: subprocess.Popen[str]) -> None:
    """Wait until a row says that the moment has come, or the driver has ended."""
    end = time.monotonic() + PATIENCE
    while not store.value(f"SELECT EXISTS ({condition})") and driver.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


OTHERWISE: dict[str, set[str]] = {
    # what names a batch at the server, and the call that sent it, differ; the first stands in every raw line
    "batches": {"run_token", "remote_id", "sitting"},
    "answers": {"raw"},
    "runs": {"folder"},
    "scores": {"latency_ms"},
    # what a process held is the machine's, as a time is
    "telemetry": {"memory"},
}
"""Columns, besides ids and times, in which two runs of one pipeline differ."""
LEFT_OUT = {"jobs", "events", "_sqlite_migrations"}


def rows_of(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, ids, times and memory aside; a request is called by its own name."""
    names = {row["id"]: row["custom_id"] for row in store.rows("SELECT id, custom_id FROM requests")}
    found: dict[str, list[dict[str, Any]]] = {}
    for table in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        name = table["name"]
        if name in LEFT_OUT or name.startswith("sqlite_"):
            continue
        rows = [dict(row) for row in store.rows(f'SELECT * FROM "{name}"')]
        for row in rows:
            if "request_id" in row:
                row["request_id"] = names.get(row["request_id"])
            for column in list(row):
                own_id = column in ("id", "batch_id") and not isinstance(row[column], str)
                is_time = column == "at" or column.endswith("_at") or column in ("heartbeat", "pid")
                if own_id or is_time or column in OTHERWISE.get(name, ()):
                    del row[column]
            if name == "runs":
                row["metrics"] = {**json.loads(row["metrics"]), "seconds": 0}
        found[name] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def weights(store: Store) -> bytes:
    run = runs.get(store, 1)
    assert run is not None
    return (Path(run.folder) / "model" / "model.safetensors").read_bytes()


def test_a_pipeline_that_is_killed_everywhere_comes_to_the_same_rows(
    chosen: list[str], tmp_path: Path, die_at: Callable[[str], None]
) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    quiet, disturbed = tmp_path / "quiet" / "stratos.db", tmp_path / "disturbed" / "stratos.db"
    quiet.parent.mkdir()
    disturbed.parent.mkdir()
    die_at("")
    beside = drive(quiet, chosen, [])
    store = open_store(disturbed)

    with app_on(disturbed) as kill_app:
        # the server twice, then the driver; the app while answers are on their way
        driver = drive(disturbed, chosen, [("server", SENT), ("server", ANSWERED), ("driver", SECOND_ROUND)])
        until(store, SENT, driver)
        kill_app()
        assert ended(driver)[0] == -signal.SIGKILL
    assert not store.value("SELECT count(*) FROM datasets")

    # the server once more; the training process before its first checkpoint
    die_at("train 1")
    code, said = ended(drive(disturbed, chosen, [("server", SECOND_SENT)]))
    assert (code, "its process died at step" in said) == (1, True), said
    assert [point.step for point in runs.points(store, 1, "train")] == [1]

    # the training process after a checkpoint; the app while it trains
    with app_on(disturbed) as kill_app:
        die_at("train 5")
        driver = drive(disturbed, chosen, [])
        until(store, TRAINS, driver)
        kill_app()
        code, said = ended(driver)
    assert (code, "its process died at step" in said) == (1, True), said
    assert [point.step for point in runs.points(store, 1, "train")] == [1, 2, 3, 4, 5]

    # the training process when its model is whole and its run is not closed
    die_at("done")
    code, said = ended(drive(disturbed, chosen, []))
    assert (code, "its process died at step" in said) == (1, True), said
    assert (disturbed.parent / "stratos.db.models" / "run-1" / "model").is_dir()

    # the driver while it waits for a training process, which lives on
    die_at("")
    assert ended(drive(disturbed, chosen, [("driver", TRAINS)]))[0] == -signal.SIGKILL

    # the driver in the middle of scoring; the app while the rest is scored
    with app_on(disturbed) as kill_app:
        assert ended(drive(disturbed, chosen, [("driver", SCORED)]))[0] == -signal.SIGKILL
        assert not store.value("SELECT count(*) FROM evaluations")
        driver = drive(disturbed, chosen, [])
        kill_app()
        code, said = ended(driver)
    assert code == 0, said
    code, said = ended(beside)
    assert code == 0, said
    other = open_store(quiet)
    expected, found = rows_of(other), rows_of(store)
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert found[name] == rows, name
    assert weights(store) == weights(other)
    assert all(
        expected[name]
        for name in ("judgements", "dataset_rows", "dataset_texts", "telemetry", "scores", "evaluation_pairs")
    )
    # nobody is taken for alive who is not
    assert jobs.active(store) == []
    assert runs.active(store) == []
    assert [job.state for job in jobs.latest(store)] == ["done", *["failed"] * 6]
    for each in (store, other):
        each.close()
