"""Training runs and their telemetry: what a training process writes and everybody else watches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store.db import Store, code_version, now
from stratos_tui.store.jobs import process_alive

LOG = "train.log"
"""What a training process prints, in its run's folder."""
COMPLETE = "complete"
"""The file that a checkpoint gets last: one without it was being written when its process was killed."""
RunState = Literal["queued", "running", "done", "failed", "stopped"]
MODEL = "model"
"""The folder of a finished run's model or adapter, inside the run's folder."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training run. ``params`` is its recipe, ``metrics`` what it ended with, times are ISO 8601 UTC.

    ``order_digest`` is over the positions that were trained on, as they were seen; ``error`` says why it failed.
    ``accelerate`` is the path of the configuration that its ``processes`` are launched with, empty for a plain process.
    ``changes`` are settings that were replaced on the way: ``name``, ``before``, ``after``, the ``step`` and when
    (``at``).
    """

    id: int
    dataset_id: int
    base: str
    params: dict[str, Any]
    fingerprint: str
    state: RunState
    step: int
    total_steps: int
    order_digest: str
    metrics: dict[str, Any]
    folder: str
    pid: int | None
    heartbeat: str | None
    stop_requested: bool
    error: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    code_version: str
    accelerate: str
    processes: int
    changes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Point:
    """One row of telemetry. ``tokens`` counts all tokens seen so far, ``token_accuracy`` is a share from 0 to 1.

    ``memory`` is what the first process holds, ``device_memory`` the most that it had on its GPU and ``device_total``
    what there is of it, in bytes; None where there is no GPU. They differ from run to run and are not compared.
    """

    step: int
    split: Split
    loss: float | None
    learning_rate: float | None
    grad_norm: float | None
    token_accuracy: float | None
    tokens: float | None
    epoch: float | None
    memory: int | None = field(default=None, compare=False)
    device_memory: int | None = field(default=None, compare=False)
    device_total: int | None = field(default=None, compare=False)


def add(store: Store, dataset_id: int, base: str, params: Mapping[str, Any], fingerprint: str) -> int:
    """Queue a run and return its id; a run with the same fingerprint is found, not queued again."""
    with store.write() as connection:
        known = connection.execute("SELECT id FROM runs WHERE fingerprint = ?", (fingerprint,)).fetchone()
        if known is not None:
            return int(known["id"])
        cursor = connection.execute(
            "INSERT INTO runs (dataset_id, base, params, fingerprint, state, created_at, code_version)"
            " VALUES (?, ?, ?, ?, 'queued', ?, ?)",
            (dataset_id, base, json.dumps(params, sort_keys=True), fingerprint, now(), code_version()),
        )
        return int(cursor.lastrowid or 0)


def get(store: Store, run_id: int) -> Run | None:
    """Return one run."""
    row = store.row("SELECT * FROM runs WHERE id = ?", (run_id,))
    return None if row is None else _run(row)


def finished(store: Store, run_id: int) -> Run:
    """Return a run that is done.

    Raises:
        StratosError: there is no such run, or it is not done.
    """
    run = get(store, run_id)
    if run is None:
        raise StratosError(f"there is no run {run_id}; `stratos train start` makes one")
    if run.state != "done":
        raise StratosError(f"run {run_id} is {run.state}, so it has no model yet; `stratos train watch {run_id}`")
    return run


def folder_of(store: Store, run_id: int) -> Path:
    """Return where a run keeps its log, checkpoints, model and what is served of it: beside the store."""
    return Path(f"{store.path}.models").resolve() / f"run-{run_id}"


def model_folder(store: Store, run_id: int) -> Path:
    """Return the folder of a finished run's model or adapter.

    Raises:
        StratosError: there is no such run, it is not done, or its model was moved or deleted.
    """
    run = finished(store, run_id)
    # a store may have been moved with its models since the run recorded its folder, or without them
    beside = folder_of(store, run_id)
    for folder in (beside, Path(run.folder)):
        if is_model(folder / MODEL):
            return folder / MODEL
    raise StratosError(f"run {run_id}: its model is not in {beside}; the folder was moved or deleted: restore it")


def is_model(folder: Path) -> bool:
    """Tell whether a folder looks like a model's, or like that of an adapter on one."""
    return any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))


def load(store: Store) -> list[Run]:
    """Return all runs, newest first."""
    return [_run(row) for row in store.rows("SELECT * FROM runs ORDER BY id DESC")]


def active(store: Store) -> list[Run]:
    """Return runs that are queued or running, oldest first; one whose process is gone is closed as failed first."""
    found = [_run(row) for row in store.rows("SELECT * FROM runs WHERE state IN ('queued', 'running') ORDER BY id")]
    gone = {run.id for run in found if run.pid and not process_alive(run.pid)}
    for run in found:
        if run.id in gone:
            error = f"its process ended without a word at step {run.step:,}; start it again to go on"
            close_dead(store, run, error)
    return [run for run in found if run.id not in gone]


def close_dead(store: Store, run: Run, error: str) -> None:
    """Close a run whose process is gone as failed, unless it ended or was started again since it was read."""
    with store.write() as connection:
        connection.execute(
            "UPDATE runs SET state = 'failed', error = ?, pid = NULL, ended_at = ?"
            " WHERE id = ? AND state = ? AND pid IS ?",
            (error, now(), run.id, run.state, run.pid),
        )


def queue(store: Store, run_id: int, folder: str) -> None:
    """Make a run ready for a process: nothing asks it to stop, and its last error is forgotten."""
    with store.write() as connection:
        connection.execute(
            "UPDATE runs SET state = 'queued', stop_requested = 0, error = '', folder = ?, pid = NULL, ended_at = NULL"
            " WHERE id = ? AND state != 'done'",
            (folder, run_id),
        )


def spawned(store: Store, run_id: int, pid: int) -> None:
    """Say which process was started for a queued run, so that one that dies early is noticed."""
    with store.write() as connection:
        connection.execute("UPDATE runs SET pid = ? WHERE id = ? AND state = 'queued'", (pid, run_id))


def launched_by(store: Store, run_id: int, accelerate: str) -> None:
    """Say by which of accelerate's configurations a run is launched, from now on."""
    with store.write() as connection:
        connection.execute("UPDATE runs SET accelerate = ? WHERE id = ?", (accelerate, run_id))


def change(store: Store, run_id: int, settings: Mapping[str, Any]) -> None:
    """Replace settings of a run, and remember what they were and after which step that was."""
    with store.write() as connection:
        row = connection.execute("SELECT params, step, changes FROM runs WHERE id = ?", (run_id,)).fetchone()
        # a run's own step is written now and then; its telemetry has every one
        last = connection.execute(
            "SELECT max(step) FROM telemetry WHERE run_id = ? AND split = 'train'", (run_id,)
        ).fetchone()[0]
        step = row["step"] if last is None else last
        params = json.loads(row["params"])
        changes = json.loads(row["changes"]) + [
            {"name": name, "before": params[name], "after": value, "step": step, "at": now()}
            for name, value in settings.items()
        ]
        connection.execute(
            "UPDATE runs SET params = ?, changes = ? WHERE id = ?",
            (json.dumps({**params, **settings}, sort_keys=True), json.dumps(changes), run_id),
        )


def begin(store: Store, run_id: int, pid: int, processes: int = 1) -> None:
    """Say that a process, the first of ``processes``, is training the run."""
    with store.write() as connection:
        connection.execute(
            "UPDATE runs SET state = 'running', pid = ?, processes = ?, heartbeat = ?,"
            " started_at = coalesce(started_at, ?) WHERE id = ?",
            (pid, processes, now(), now(), run_id),
        )


def plan_steps(store: Store, run_id: int, step: int, total_steps: int) -> None:
    """Say from which step on the run is trained, and how many steps it has."""
    with store.write() as connection:
        connection.execute("UPDATE runs SET step = ?, total_steps = ? WHERE id = ?", (step, total_steps, run_id))


def beat(store: Store, run_id: int, step: int) -> bool:
    """Store progress and a heartbeat; return whether somebody asked the run to stop."""
    with store.write() as connection:
        row = connection.execute(
            "UPDATE runs SET step = ?, heartbeat = ? WHERE id = ? RETURNING stop_requested", (step, now(), run_id)
        ).fetchone()
    return bool(row and row["stop_requested"])


def put_point(store: Store, run_id: int, point: Point) -> None:
    """Store one row of telemetry; a step that is trained again after a kill replaces its row."""
    with store.write() as connection:
        connection.execute(
            "INSERT INTO telemetry (run_id, step, split, loss, learning_rate, grad_norm, token_accuracy, tokens, epoch,"
            " memory, device_memory, device_total, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (run_id, step, split) DO UPDATE SET"
            " loss = excluded.loss, learning_rate = excluded.learning_rate, grad_norm = excluded.grad_norm,"
            " token_accuracy = excluded.token_accuracy, tokens = excluded.tokens, epoch = excluded.epoch,"
            " memory = excluded.memory, device_memory = excluded.device_memory, device_total = excluded.device_total,"
            " at = excluded.at",
            (
                *(run_id, point.step, point.split, point.loss, point.learning_rate, point.grad_norm),
                *(point.token_accuracy, point.tokens, point.epoch),
                *(point.memory, point.device_memory, point.device_total, now()),
            ),
        )


def points(store: Store, run_id: int, split: Split, after: int = -1) -> list[Point]:
    """Return a run's telemetry of one split by step, from the step behind ``after`` on."""
    found = store.rows(
        "SELECT step, split, loss, learning_rate, grad_norm, token_accuracy, tokens, epoch, memory, device_memory,"
        " device_total FROM telemetry WHERE run_id = ? AND split = ? AND step > ? ORDER BY step",
        (run_id, split, after),
    )
    return [Point(**dict(row)) for row in found]


def request_stop(store: Store, run_id: int) -> None:
    """Ask a run's process to stop after its present step."""
    with store.write() as connection:
        connection.execute("UPDATE runs SET stop_requested = 1 WHERE id = ?", (run_id,))


def finish(
    store: Store,
    run_id: int,
    state: Literal["done", "failed", "stopped"],
    *,
    error: str = "",
    order_digest: str = "",
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Close a run. What it ended with is kept where it is not given."""
    with store.write() as connection:
        connection.execute(
            "UPDATE runs SET state = ?, error = ?, order_digest = coalesce(nullif(?, ''), order_digest),"
            " metrics = coalesce(?, metrics), pid = NULL, ended_at = ? WHERE id = ?",
            (state, error, order_digest, None if metrics is None else json.dumps(metrics), now(), run_id),
        )


def _run(row: sqlite3.Row) -> Run:
    fields = dict(row)
    fields |= {name: json.loads(row[name]) for name in ("params", "metrics", "changes")}
    return Run(**(fields | {"stop_requested": bool(row["stop_requested"])}))
