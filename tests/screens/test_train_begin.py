from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.dialogs import ConfirmScreen
from screens.frame import Notice
from screens.mask import MaskScreen
from screens.train_start import StartScreen
from stratos_tui.app import StratosApp
from stratos_tui.store import jobs, runs
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job
from stratos_tui.training import launch

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]


def text(app: StratosApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def dialog(app: StratosApp) -> str:
    return "\n".join(str(each.content) for each in app.screen.query(Static))


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


async def open_train(pilot: Pilot[None], settle: Settle, *keys: str) -> None:
    await pilot.press("7")
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def job_of(store: Store, kind: str) -> Job | None:
    return next((job for job in jobs.latest(store) if job.kind == kind), None)


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.fixture
def running(prepared: Store) -> Iterator[int]:
    """A second run at step 2 of 40, trained by a process that is alive and holds its lock (this one)."""
    run = runs.add(prepared, 1, "nano", {"epochs": 4}, "running")
    folder = runs.folder_of(prepared, run)
    lock = launch.take_lock(folder)
    assert lock is not None
    (folder / "checkpoint-2").mkdir()
    (folder / "checkpoint-2" / "complete").touch()
    runs.queue(prepared, run, str(folder))
    runs.begin(prepared, run, os.getpid())
    runs.plan_steps(prepared, run, 2, 40)
    yield run
    os.close(lock)


async def test_x_asks_the_shown_run_to_stop_and_no_other_can_be_begun_meanwhile(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "r")
        assert not isinstance(app.screen, ConfirmScreen)
        await pilot.press("j")
        await settle(pilot)
        await pilot.press("r", "n")
        await settle(pilot)
        assert len(app.screen_stack) == 1
        # nothing trains run 1: x does nothing there
        await pilot.press("x", "k")
        await settle(pilot)
        assert not runs.beat(prepared, running, 2)
        await pilot.press("x")
        await settle(pilot)
        assert f"run {running} stops after its step and keeps a checkpoint" in notice(app)
    assert runs.beat(prepared, running, 3)


async def test_a_run_that_waits_for_a_process_is_started_or_closed(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    waiting = launch.create(prepared, 1, "nano", {"epochs": 1, "probe_pairs": 0})
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle)
        assert f"run {waiting} queued" in text(app, "#now")
        assert "no process trains it: r starts it" in text(app, "#now")
        # n does not take it for a run that is under way
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(app.screen, StartScreen)
        await pilot.press("escape", "x")
        await settle(pilot)
        assert f"run {waiting} is closed: no process trained it" in notice(app)
        closed = runs.get(prepared, waiting)
        assert closed is not None
        assert closed.state == "stopped"
        await pilot.press("r")
        await settle(pilot)
        assert f"Resume run {waiting}?" in dialog(app)
        await pilot.press("y")
        await settle(pilot)
        begun = runs.get(prepared, waiting)
        assert begun is not None
        assert begun.pid is not None
        end(begun.pid)
        assert f"run {waiting} is being trained" in notice(app)


async def test_r_starts_what_was_left_to_accelerate(prepared: Store, app: StratosApp, settle: Settle) -> None:
    waiting = launch.create(prepared, 1, "nano", {"epochs": 1})
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle)
        # nothing is known yet, so no line is taken for it
        assert not app.screen.query_one("#brief").display
        await pilot.press("r")
        await settle(pilot)
        assert f"Start run {waiting}?" in dialog(app)
        assert "accelerate launch" in dialog(app)
        await pilot.press("n")
    assert [run.state for run in runs.load(prepared)] == ["queued", "done"]


async def test_a_run_whose_process_is_gone_says_so_and_offers_to_resume(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    runs.begin(prepared, running, ended.pid)
    with prepared.write() as connection:
        # the store was moved since, with what lies beside it
        connection.execute("UPDATE runs SET folder = '/nowhere/run-2' WHERE id = ?", (running,))
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "r")
        assert isinstance(app.screen, ConfirmScreen)
        assert f"Resume run {running}?" in dialog(app)
        assert "goes on from step 2" in dialog(app)
        await pilot.press("n")
        await settle(pilot)
        assert "r resumes it" in text(app, "#now") or "failed" in text(app, "#now")


async def test_p_measures_what_the_shown_run_was_made_of(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    # a setting that no recipe takes, so that no training stack is loaded to say so
    run = runs.add(prepared, 1, "nano", {**launch.planned("nano", 203).params(), "epochs": "a b"}, "another")
    runs.finish(prepared, run, "done")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "p")
        await until(pilot, lambda: (job := job_of(prepared, "preflight")) and job.ended_at)
        job = job_of(prepared, "preflight")
        assert job is not None
        assert job.params == {"dataset": 1, "base": "nano", "settings": {"epochs": "a b"}}
        assert "the setting epochs is a int" in job.error


async def test_the_lens_opens_with_the_runs_own_base_and_settings(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    run = launch.create(prepared, 1, "nano", {"shape.vocabulary": 600})
    runs.finish(prepared, run, "done")
    with prepared.write() as connection:
        # as it was stored until it could be chosen
        connection.execute(
            "UPDATE runs SET params = json_set(params, '$.padding_free', json('false')) WHERE id = ?", (run,)
        )
    async with app.run_test(size=(120, 40)) as pilot:
        for phase in ("7", "6"):
            await pilot.press(phase)
            await settle(pilot)
            await pilot.press(*(["enter", "m"] if phase == "6" else ["m"]))
            await pilot.pause()
            assert isinstance(app.screen, MaskScreen)
            assert app.screen.made_of == (1, "nano", {"padding_free": "off", "shape.vocabulary": 600})
            await pilot.press("escape")
            await settle(pilot)


@pytest.mark.parametrize("key", ["r", "p"])
async def test_without_a_dataset_it_says_where_one_comes_from(store: Store, settle: Settle, key: str) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle, key)
        assert "press 6, then r" in notice(app)
