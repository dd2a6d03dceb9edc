"""Runs long work as a job: a row that says what is done, how far it is, and how it ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled, Report
from stratos_tui.store import jobs
from stratos_tui.store.db import Store

BEAT_SECONDS = 0.25
"""Progress is written at most this often: a job's row is for people, not for arithmetic."""

Work = Callable[[Report], dict[str, Any]]


def run_here(
    store: Store, kind: str, params: dict[str, Any], work: Work, watch: Report | None = None
) -> dict[str, Any]:
    """Run ``work`` in this process as a new job; ``watch`` also sees every report. Returns what ``work`` returns."""
    job_id = jobs.add(store, kind, params)
    return run_job(store, job_id, work, watch)


def run_job(store: Store, job_id: int, work: Work, watch: Report | None = None) -> dict[str, Any]:
    """Run ``work`` as the queued job ``job_id``.

    Raises:
        Canceled: somebody asked the job to stop; what was done is kept.
        StratosError: the job was taken by another process, or the work could not be done.
    """
    if not jobs.start(store, job_id):
        raise StratosError(f"job {job_id} is not waiting to be started; `stratos status` shows the jobs")
    last = 0.0

    def report(done: int, total: int, note: str) -> None:
        nonlocal last
        if watch:
            watch(done, total, note)
        moment = time.monotonic()
        if moment - last >= BEAT_SECONDS or done == total:
            last = moment
            if jobs.beat(store, job_id, done, total, note):
                raise Canceled

    try:
        result = work(report)
    except (Canceled, KeyboardInterrupt):
        jobs.finish(store, job_id, "canceled")
        raise
    except BaseException as error:
        jobs.finish(store, job_id, "failed", error=f"{error}" or type(error).__name__)
        raise
    jobs.finish(store, job_id, "done", result=result)
    return result


def spawn(store: Store, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start ``stratos ARGUMENTS`` on this store as a process of its own that outlives this one.

    What it does shows in its job's row; its output goes nowhere.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "stratos_tui", *arguments, "--db", str(store.path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
