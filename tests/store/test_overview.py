from __future__ import annotations

import os

from stratos_tui.store import jobs
from stratos_tui.store.db import Store
from stratos_tui.store.overview import activity, data_version, overview


def _states(store: Store) -> dict[str, str]:
    return {phase.name: phase.state for phase in overview(store).phases}


def test_an_empty_store_says_what_to_do_first(store: Store) -> None:
    found = overview(store)
    assert {phase.state for phase in found.phases} == {"empty"}
    assert (found.next.phase, found.next.key) == ("overview", "r")
    assert found.verdict is None
    assert activity(store).last is None


def test_shipped_data_makes_the_teacher_next(seeded: Store) -> None:
    states = _states(seeded)
    assert (states["profiles"], states["distill"], states["dataset"]) == ("done", "ready", "empty")
    assert overview(seeded).next.phase == "distill"


def test_a_running_job_comes_first_and_a_failed_one_is_tried_again(seeded: Store) -> None:
    job = jobs.add(seeded, "pipeline", {})
    jobs.start(seeded, job)
    jobs.beat(seeded, job, 3, 9, "batches")
    assert overview(seeded).next.key == "x"
    (running,) = activity(seeded).jobs
    assert (running.done, running.total, running.note, running.pid) == (3, 9, "batches", os.getpid())
    jobs.finish(seeded, job, "failed", error="no disk")
    step = overview(seeded).next
    assert step.key == "r"
    assert "no disk" in step.sentence
    last = activity(seeded).last
    assert last is not None
    assert last.state == "failed"


def test_money_that_nobody_paid_is_kept_apart(seeded: Store) -> None:
    with seeded.write() as connection:
        connection.executemany(
            "INSERT INTO ledger (kind, nanodollars, simulated, priced_as, price_date, at)"
            " VALUES (?, ?, ?, 'm', '', '')",
            [("settle", 5, 0), ("settle", 7, 1), ("reserve", 100, 0), ("settle", 1, 0)],
        )
    spent = activity(seeded).spend
    assert (spent.paid, spent.simulated) == (6, 7)


def test_data_version_moves_with_the_commits_of_others_only(seeded: Store) -> None:
    before = data_version(seeded)
    assert data_version(seeded) == before
    jobs.add(seeded, "score", {})
    assert data_version(seeded) != before
