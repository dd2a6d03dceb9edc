from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.jobs import run_here, run_job
from stratos_tui.progress import Canceled, Report
from stratos_tui.store import jobs
from stratos_tui.store.db import Store


def test_a_job_says_how_far_it_is_and_what_came_of_it(store: Store) -> None:
    seen: list[tuple[int, int, str]] = []

    def work(report: Report) -> dict[str, Any]:
        report(1, 2, "half")
        report(2, 2, "all")
        return {"rows": 2}

    assert run_here(store, "count", {"n": 2}, work, lambda *args: seen.append(args)) == {"rows": 2}
    [job] = jobs.latest(store)
    assert (job.kind, job.params, job.state, job.done, job.total, job.note) == (
        "count",
        {"n": 2},
        "done",
        2,
        2,
        "all",
    )
    assert job.result == {"rows": 2}
    assert job.pid == os.getpid()
    assert seen == [(1, 2, "half"), (2, 2, "all")]


def test_a_failed_job_keeps_its_error(store: Store) -> None:
    def work(report: Report) -> dict[str, Any]:
        raise StratosError("the file is empty")

    with pytest.raises(StratosError):
        run_here(store, "fail", {}, work)
    assert (jobs.latest(store)[0].state, jobs.latest(store)[0].error) == ("failed", "the file is empty")


def test_a_running_job_stops_when_asked(store: Store) -> None:
    job_id = jobs.add(store, "long", {})

    def work(report: Report) -> dict[str, Any]:
        jobs.request_cancel(store, job_id)
        report(5, 5, "")
        raise AssertionError("went on")

    with pytest.raises(Canceled):
        run_job(store, job_id, work)
    found = jobs.get(store, job_id)
    assert found is not None
    assert found.state == "canceled"


def test_a_job_runs_once(store: Store) -> None:
    job_id = jobs.add(store, "once", {})
    run_job(store, job_id, lambda report: {})
    with pytest.raises(StratosError, match="not waiting"):
        run_job(store, job_id, lambda report: {})


def test_a_queued_job_is_canceled_at_once(store: Store) -> None:
    job_id = jobs.add(store, "never", {})
    jobs.request_cancel(store, job_id)
    assert [job.state for job in jobs.latest(store)] == ["canceled"]


def test_a_job_whose_process_is_gone_is_closed(store: Store) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    job_id = jobs.add(store, "orphan", {})
    with store.write() as connection:
        connection.execute("UPDATE jobs SET state = 'running', pid = ? WHERE id = ?", (gone.pid, job_id))
    assert jobs.active(store) == []
    assert jobs.latest(store)[0].state == "failed"
    assert "ended without a word" in jobs.latest(store)[0].error
