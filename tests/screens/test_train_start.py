from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.dialogs import ConfirmScreen
from screens.frame import Notice, PhaseScreen
from screens.train_changes import settings, typed
from screens.train_start import StartScreen
from screens.widgets.chooser import ChooseScreen
from screens.widgets.text_pane import TextPane
from stratos_tui.app import StratosApp
from stratos_tui.dataset.build import build
from stratos_tui.store import datasets, jobs, runs
from stratos_tui.store.db import Store
from stratos_tui.training import launch

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
DISK = {"name": "disk", "ok": False, "value": "0.1 GB [b]free[/b]", "threshold": "9 GB", "why": "v17: a full disk"}
PREFLIGHT = """
import json, sys
from stratos_tui.store import jobs
from stratos_tui.store.db import open_store

store = open_store(sys.argv[1])
job = jobs.add(store, "preflight", {"dataset": 1, "base": "nano", "settings": {"epochs": 3}})
jobs.start(store, job)
jobs.finish(store, job, "done", result={"checks": json.loads(sys.argv[2])})
sys.exit(1)
"""
"""A preflight's process without the training stack."""
ROWS = {"name": "rows", "ok": True, "value": "203", "threshold": "one", "why": "a run on nothing"}


def text(app: StratosApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def dialog(app: StratosApp) -> str:
    return "\n".join(str(each.content) for each in app.screen.query(Static))


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def reload(app: StratosApp) -> None:
    cast("PhaseScreen[Any]", app.screen_stack[0]).reload()


async def open_train(pilot: Pilot[None], settle: Settle, *keys: str) -> None:
    await pilot.press("7")
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def measured(store: Store, replaced: dict[str, object], *checks: dict[str, object]) -> None:
    """A preflight of dataset 1 on nano that is done."""
    job = jobs.add(store, "preflight", {"dataset": 1, "base": "nano", "settings": replaced})
    jobs.start(store, job)
    jobs.finish(store, job, "done", result={"checks": list(checks)})


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.fixture
def nano_run(prepared: Store) -> int:
    """A second run, by nano's own recipe on the only build, that is done."""
    run = launch.create(prepared, 1)
    runs.finish(prepared, run, "done")
    with prepared.write() as connection:
        connection.execute("UPDATE runs SET ended_at = '2026-11-12T13:50:00.000+00:00' WHERE id = ?", (run,))
    return run


async def test_before_a_run_the_form_says_what_changed_since_the_last(
    prepared: Store, app: StratosApp, settle: Settle, nano_run: int
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "r")
        assert f"Nothing changed since run {nano_run}" in text(app, "#changes")
        # what only decides how a step is taken makes no other run
        await pilot.press("tab", "tab", *"micro_batch=8")
        await settle(pilot)
        assert f"Nothing changed since run {nano_run}" in text(app, "#changes")
        await pilot.press(*["backspace"] * len("micro_batch=8"), *"epochs=3 shape.layers=2")
        await settle(pilot)
        lines = text(app, "#changes").splitlines()
        assert lines == [f"Changed since run {nano_run}", "epochs  4 → 3", "shape.layers  4 → 2"]
        # what does not exist cannot be started, nor can a check be let fail by the way
        for wrong, why in ((" nonsense=1", "no setting 'nonsense'"), (" overridden=disk", "o lets a failing check")):
            await pilot.press(*wrong, "enter")
            await settle(pilot)
            assert why in text(app, "#changes")
            await pilot.press(*["backspace"] * len(wrong))
        await pilot.press("escape")
        await settle(pilot)
        assert "run" in text(app, "#now")
    assert [run.id for run in runs.load(prepared)] == [nano_run, 1]


async def test_the_last_runs_own_settings_are_kept_until_they_are_changed(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    last = launch.create(prepared, 1, "nano", {"epochs": 3, "shape.layers": 2, "overridden": ["disk"]})
    runs.finish(prepared, last, "done")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "n")
        assert app.screen.query_one("#settings", Input).value == "epochs=3 shape.layers=2"
        assert "may fail  disk" in text(app, "#checks")
        assert f"Nothing changed since run {last}" in text(app, "#changes")
        # what a pilot was cut to is no setting of what comes after it
        await pilot.press("escape")
        pilot_run = launch.create(prepared, 1, "nano", {"epochs": 3, "examples": 1000})
        runs.finish(prepared, pilot_run, "done")
        reload(app)
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        assert app.screen.query_one("#settings", Input).value == "epochs=3"
        assert text(app, "#changes").splitlines() == [f"Changed since run {pilot_run}", "examples  1000 → 0"]


@pytest.mark.parametrize(
    "replaced",
    [{"epochs": 3, "learning_rate": 0.001}, {"later_epochs": "sorted", "target_modules": ["q_proj", "v proj"]}],
)
def test_settings_are_typed_as_they_are_read(replaced: dict[str, object]) -> None:
    assert settings(typed(replaced)) == replaced


async def test_another_build_is_a_change(prepared: Store, app: StratosApp, settle: Settle, nano_run: int) -> None:
    newer = build(prepared, "rehearsal")
    found = datasets.get(prepared, newer)
    assert found is not None
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle, "n")
        assert f"dataset  1 (5f3a9c0be1d2) → {newer} ({found.digest[:12]})" in text(app, "#changes")
        await pilot.press("escape")


async def test_much_that_changes_can_be_read_to_its_end(app: StratosApp, settle: Settle, nano_run: int) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle, "n", "tab")
        await pilot.press("ctrl+u", *"/x", "pagedown", "pagedown", "pagedown", "pagedown", "pagedown")
        await settle(pilot)
        changes = app.screen.query_one(VerticalScroll)
        assert changes.max_scroll_y > 0
        assert changes.scroll_offset.y == changes.max_scroll_y
        await pilot.press("pageup")
        await settle(pilot)
        assert changes.scroll_offset.y < changes.max_scroll_y


async def test_what_is_done_already_is_not_trained_again(
    prepared: Store, app: StratosApp, settle: Settle, nano_run: int
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "r", "enter")
        assert f"run {nano_run} is just that, and done" in notice(app)
    assert len(runs.load(prepared)) == 2


async def test_a_run_is_begun_with_the_settings_that_were_typed(
    prepared: Store, app: StratosApp, settle: Settle, nano_run: int
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "n")
        await pilot.press("tab", "tab", *"epochs=1 probe_pairs=0", "enter")
        await settle(pilot)
        begun = runs.load(prepared)[0]
        assert begun.pid is not None
        end(begun.pid)
        assert begun.id != nano_run
        assert (begun.params["epochs"], begun.params["probe_pairs"], begun.params["examples"]) == (1, 0, 0)
        assert f"run {begun.id} is being trained" in notice(app)


async def test_a_run_that_goes_on_goes_back_to_what_the_form_no_longer_names(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    run = launch.create(prepared, 1, "nano", {"epochs": 1, "micro_batch": 4, "probe_pairs": 0})
    runs.finish(prepared, run, "stopped")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "n")
        assert app.screen.query_one("#settings", Input).value == "epochs=1 micro_batch=4 probe_pairs=0"
        await pilot.press("tab", "tab", "ctrl+u", *"epochs=1 probe_pairs=0")
        await settle(pilot)
        assert "which goes on, micro_batch 4 → 16." in " ".join(text(app, "#changes").split())
        await pilot.press("enter")
        await settle(pilot)
        begun = runs.get(prepared, run)
        assert begun is not None
        assert begun.pid is not None
        end(begun.pid)
        assert begun.params["micro_batch"] == 16
        assert [(each["name"], each["before"], each["after"]) for each in begun.changes] == [("micro_batch", 4, 16)]


async def test_space_makes_it_a_pilot(prepared: Store, app: StratosApp, settle: Settle, nano_run: int) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle, "n", "space")
        assert "examples  0 → 1000" in text(app, "#changes")
        await pilot.press("enter")
        await settle(pilot)
        begun = runs.load(prepared)[0]
        assert begun.pid is not None
        end(begun.pid)
        assert begun.params["examples"] == 1000


async def test_a_base_that_is_no_model_is_said(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "n")
        await pilot.press("tab", "ctrl+u", "/", "enter")
        await settle(pilot)
        assert "has no config.json" in notice(app)
    assert len(runs.load(prepared)) == 1


async def test_a_failing_check_is_let_fail_by_name_and_the_run_records_it(
    prepared: Store, app: StratosApp, settle: Settle, nano_run: int
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "n", "o")
        assert "only one that fails can be let fail" in text(app, "#checks")
        measured(prepared, {}, DISK, ROWS)
        reload(app)
        await settle(pilot)
        assert "✗ disk: v17: a full disk" in text(app, "#checks")
        await pilot.press("o")
        await settle(pilot)
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        for words in ("Let the check disk fail?", "0.1 GB [b]free[/b]", "why       v17: a full disk", "records that"):
            assert words in dialog(app)
        await pilot.press("y")
        await settle(pilot)
        assert "may fail  disk" in text(app, "#checks")
        assert 'overridden  [] → ["disk"]' in text(app, "#changes")
        # it is held to again by the same key, and let fail once more
        await pilot.press("o", "enter")
        await settle(pilot)
        assert "may fail" not in text(app, "#checks")
        await pilot.press("o", "enter", "y")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        begun = runs.load(prepared)[0]
        assert begun.pid is not None
        end(begun.pid)
        assert begun.params["overridden"] == ["disk"]


async def test_what_was_measured_of_other_settings_says_nothing_of_these(
    prepared: Store, app: StratosApp, settle: Settle, nano_run: int
) -> None:
    measured(prepared, {"epochs": 3}, DISK)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle, "n")
        reload(app)
        await settle(pilot)
        assert "not measured for just this" in text(app, "#checks")
        await pilot.press("tab", "tab", *"epochs=3")
        await settle(pilot)
        assert "✗ disk" in text(app, "#checks")
        # a newer one of just these that is under way, and then could not be done
        job = jobs.add(prepared, "preflight", {"dataset": 1, "base": "nano", "settings": {"epochs": 3}})
        jobs.start(prepared, job)
        reload(app)
        await settle(pilot)
        assert "being measured…" in text(app, "#checks")
        jobs.finish(prepared, job, "failed", error="[b]no[/b] base")
        reload(app)
        await settle(pilot)
        assert "✗ could not be measured: [b]no[/b] base" in text(app, "#checks")


async def test_a_run_that_a_check_ended_is_begun_anew_from_the_form(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    blocked = launch.create(prepared, 1, "nano", {"epochs": 3})
    error = "preflight pilot: no pilot passed, wanted a passed pilot before more than 1,000 rows; a perfect format"
    error += "; `--override pilot` lets it fail"
    runs.finish(prepared, blocked, "failed", error=error)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle, "r")
        assert isinstance(app.screen, StartScreen)
        assert text(app, "#checks").endswith("✗ pilot: a perfect format")
        assert app.screen.query_one("#settings", Input).value == "epochs=3"
        # the pilot that it lacks is offered first
        assert "examples  0 → 1000" in text(app, "#changes")


async def test_p_in_the_form_measures_just_that_and_failing_checks_are_no_success(
    prepared: Store, app: StratosApp, settle: Settle, until: Until, nano_run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def spawn(store: Store, arguments: list[str]) -> subprocess.Popen[bytes]:
        asked.append(arguments)
        return subprocess.Popen([sys.executable, "-c", PREFLIGHT, str(store.path), json.dumps([DISK, ROWS])])

    monkeypatch.setattr("screens.launch.spawn", spawn)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle, "n")
        await pilot.press("tab", "tab", *"epochs=3", "shift+tab", "shift+tab", "p")
        await until(pilot, lambda: "the answer is no" in str(app.screen_stack[0].query_one(Notice).content))
        assert asked == [["train", "preflight", "--dataset", "1", "--base", "nano", "--set", "epochs=3"]]
        reload(app)
        await settle(pilot)
        assert "✗ disk: v17" in text(app, "#checks")
        await pilot.press("escape")
        await settle(pilot)
        assert "block a run" in str(app.screen.query_one("#preflight", TextPane).query_one(Static).content)


@SNAPSHOTS
def test_the_form_looks_right(
    snap_compare: Any, prepared: Store, nano_run: int, app: StratosApp, settle: Settle, size: tuple[int, int]
) -> None:
    measured(prepared, {"epochs": 3, "learning_rate": 1e-3}, DISK, {**DISK, "name": "memory"}, ROWS)

    async def there(pilot: Pilot[None]) -> None:
        await open_train(pilot, settle, "r")
        reload(app)
        await settle(pilot)
        await pilot.press("tab", "tab", *"epochs=3 learning_rate=1e-3", "shift+tab", "shift+tab")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
