"""Jobs: long work as rows, so that any door can watch, cancel or pick up what another started."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratos_tui.store.db import Store, now

DIED = "its process ended without a word; start it again, nothing stored is lost"
ASKING = ("distill", "submit", "noise")
"""The kinds of the jobs that ask a teacher of one's choice about pairs (:mod:`stratos_tui.commands.distilling`)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work. ``state`` is queued, running, done, failed or canceled; times are ISO 8601 UTC."""

    id: int
    kind: str
    params: dict[str, Any]
    state: str
    done: int
    total: int
    note: str
    pid: int | None
    heartbeat: str | None
    error: str
    result: dict[str, Any]
    created_at: str
    started_at: str | None
    ended_at: str | None


def add(store: Store, kind: str, params: dict[str, Any]) -> int:
    """Queue a job and return its id."""
    with store.write() as connection:
        cursor = connection.execute(
            "INSERT INTO jobs (kind, params, state, created_at) VALUES (?, ?, 'queued', ?)",
            (kind, json.dumps(params, sort_keys=True), now()),
        )
        return int(cursor.lastrowid or 0)


def get(store: Store, job_id: int) -> Job | None:
    """Return one job."""
    row = store.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
    return None if row is None else _job(row)


def latest(store: Store, limit: int = 20) -> list[Job]:
    """Return the newest jobs, newest first."""
    return [_job(row) for row in store.rows("SELECT * FROM jobs ORDER BY id DESC LIMIT ?", (limit,))]


def active(store: Store) -> list[Job]:
    """Return jobs that are queued or running, oldest first; one whose process is gone is closed as failed first."""
    found = [_job(row) for row in store.rows("SELECT * FROM jobs WHERE state IN ('queued', 'running') ORDER BY id")]
    gone = {job.id for job in found if job.state == "running" and job.pid and not process_alive(job.pid)}
    if gone:
        with store.write() as connection:
            # one that finished between the two looks has closed itself, and keeps how it ended; the others ended when
            # they were last heard of, however much later that is noticed
            connection.executemany(
                "UPDATE jobs SET state = 'failed', error = ?, ended_at = coalesce(heartbeat, ?)"
                " WHERE id = ? AND state = 'running'",
                [(DIED, now(), job_id) for job_id in sorted(gone)],
            )
    return [job for job in found if job.id not in gone]


def start(store: Store, job_id: int) -> bool:
    """Take a queued job for this process; False when it was taken or canceled already."""
    with store.write() as connection:
        cursor = connection.execute(
            "UPDATE jobs SET state = 'running', pid = ?, started_at = ?, heartbeat = ?"
            " WHERE id = ? AND state = 'queued'",
            (os.getpid(), now(), now(), job_id),
        )
        return cursor.rowcount == 1


def beat(store: Store, job_id: int, done: int, total: int, note: str) -> bool:
    """Store progress and a heartbeat; return whether somebody asked the job to stop."""
    with store.write() as connection:
        connection.execute(
            "UPDATE jobs SET done = ?, total = ?, note = ?, heartbeat = ? WHERE id = ?",
            (done, total, note, now(), job_id),
        )
        row = connection.execute("SELECT cancel_requested FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return bool(row and row[0])


def finish(store: Store, job_id: int, state: str, *, error: str = "", result: dict[str, Any] | None = None) -> None:
    """Close a job as done, failed or canceled."""
    with store.write() as connection:
        connection.execute(
            "UPDATE jobs SET state = ?, error = ?, result = ?, ended_at = ? WHERE id = ?",
            (state, error, json.dumps(result or {}), now(), job_id),
        )


def request_cancel(store: Store, job_id: int) -> None:
    """Ask a job to stop; a queued one is canceled at once."""
    with store.write() as connection:
        connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", (job_id,))
        connection.execute(
            "UPDATE jobs SET state = 'canceled', ended_at = ? WHERE id = ? AND state = 'queued'",
            (now(), job_id),
        )


def process_alive(pid: int) -> bool:
    """Tell whether a process of this machine is alive (a zombie is not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        params=json.loads(row["params"]),
        state=row["state"],
        done=row["done"],
        total=row["total"],
        note=row["note"],
        pid=row["pid"],
        heartbeat=row["heartbeat"],
        error=row["error"],
        result=json.loads(row["result"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
