from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.frame import Notice, PhaseScreen
from screens.widgets.curve import Curve
from screens.widgets.listing_table import ListingTable
from screens.widgets.text_pane import TextPane
from stratos_tui.app import StratosApp
from stratos_tui.store import jobs, probes, runs
from stratos_tui.store.db import Store
from stratos_tui.store.probes import Probe
from stratos_tui.store.runs import Point
from stratos_tui.training.launch import create

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
CHECKS = [
    {"name": "rows", "ok": True, "value": "203", "threshold": "at least 1", "why": "a run on nothing"},
    {"name": "eos_and_pad", "ok": False, "value": "</s>", "threshold": "<|im_end|>", "why": "[b]never[/b] stops"},
    {"name": "disk", "ok": True, "value": "9.1 GB free", "threshold": "0.2 GB", "why": "disk full in training (v17)"},
]


def text(app: StratosApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def pane(app: StratosApp, name: str) -> str:
    return text(app, f"#{name} Static")


def reload(app: StratosApp) -> None:
    cast("PhaseScreen[Any]", app.screen).reload()


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def curve(app: StratosApp, selector: str = "#loss") -> str:
    widget = app.screen.query_one(selector, Curve)
    return "\n".join(widget.render_line(y).text for y in range(widget.size.height))


@pytest.fixture
def running(prepared: Store) -> int:
    """A second run, trained by a process that is alive (this one), at step 2 of 40."""
    run = runs.add(prepared, 1, "nano", {"epochs": 4}, "running")
    folder = runs.folder_of(prepared, run)
    (folder / "checkpoint-10").mkdir(parents=True)
    (folder / "checkpoint-10" / "complete").touch()
    (folder / "checkpoint-20").mkdir()
    (folder / "train.log").write_bytes(b"step 1 of 40\n\x1b[31m[red]warning[/]\x1b[0m \xff\n")
    runs.queue(prepared, run, str(folder))
    runs.begin(prepared, run, os.getpid())
    runs.plan_steps(prepared, run, 0, 40)
    for step in (1, 2):
        put(prepared, run, step, 5.0 - step)
    with prepared.write() as connection:
        # both may be written in one millisecond, and steps that take no time have no pace
        connection.execute(
            "UPDATE telemetry SET at = '2026-11-12T13:59:0' || step || '.000+00:00' WHERE run_id = ?", (run,)
        )
    return run


@pytest.fixture
def nano_run(prepared: Store) -> int:
    """A second run, by nano's own recipe on the only build, that is done."""
    run = create(prepared, 1)
    runs.finish(prepared, run, "done")
    with prepared.write() as connection:
        connection.execute("UPDATE runs SET ended_at = '2026-11-12T13:50:00.000+00:00' WHERE id = ?", (run,))
    return run


def put(store: Store, run: int, step: int, loss: float) -> None:
    runs.put_point(store, run, Point(step, "train", loss, 0.002, 0.7, 0.5, 100.0 * step, step / 10))
    runs.beat(store, run, step)


async def test_a_finished_run_shows_its_curve_and_its_meters(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert "run 1 done" in text(app, "#now")
        assert "step 60 of 60" in text(app, "#now")
        drawn = curve(app)
        assert drawn.count("◆") == 6 + 1
        assert any(0x2800 < ord(mark) < 0x2900 for mark in drawn)
        meters = pane(app, "meters")
        for words in ("loss", "eval loss", "lr", "grad norm", "accuracy", "epoch", "2.00 of 2", "240,000", "best eval"):
            assert words in meters


def probe(step: int, gap: float | None, psr: float | None) -> Probe:
    return Probe(step, 20, 0 if gap is None else 18, gap, psr, None if gap is None else 1.9, {})


async def test_low_loss_without_a_profile_gap_is_said_plainly(prepared: Store, app: StratosApp, settle: Settle) -> None:
    for step, gap, psr in ((20, 0.1, 0.05), (40, 0.3, 0.1)):
        probes.add(prepared, 1, probe(step, gap, psr))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert text(app, "#probe-said") == "✗ no profile sensitivity: gap 0.3 · PSR 10 %"
        assert "no profile sensitivity" in text(app, "#now")
        assert curve(app, "#gap").count("▲") == 2 + 1
        assert "1.000┤" in curve(app, "#gap")
        assert "PSR % 10.0" in curve(app, "#psr")
        # what comes later is found without the screen being opened again
        probes.add(prepared, 1, probe(60, 4.2, 0.65))
        reload(app)
        await settle(pilot)
        assert text(app, "#probe-said") == "✓ gap 4.2 · PSR 65 %"
        meters = [line.split() for line in pane(app, "meters").splitlines()]
        assert ["gap", "4.20"] in [line[:2] for line in meters]
        assert ["PSR", "65.0", "%"] in [line[:3] for line in meters]


async def test_answers_that_nobody_can_read_are_not_sensitivity(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    probes.add(prepared, 1, probe(20, None, 0.0))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert text(app, "#probe-said") == "✗ none of 20 pairs could be read"


async def test_the_difficulty_that_is_being_seen_falls_as_the_first_epoch_goes_on(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        early = difficulty(app)
        put(prepared, running, 9, 1.5)
        reload(app)
        await settle(pilot)
        assert difficulty(app) < early
        assert "easy→hard" in pane(app, "meters")
        put(prepared, running, 13, 1.5)
        reload(app)
        await settle(pilot)
        assert "all, shuffled, epoch 2" in pane(app, "meters")
        for words in ("process ", "GB of memory", "eta"):
            assert words in pane(app, "meters")


async def test_a_gpus_memory_stands_beside_the_processs(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert "device" not in pane(app, "meters")
        point = Point(3, "train", 1.5, 0.002, 0.7, 0.5, 300.0, 0.3, None, 61_400_000_000, 150_100_000_000)
        runs.put_point(prepared, running, point)
        reload(app)
        await settle(pilot)
        assert "61.4 of 150.1 GB at most" in pane(app, "meters")


def difficulty(app: StratosApp) -> float:
    found = re.search(r"scores (\d\.\d) from 5\.0, epoch 1", pane(app, "meters"))
    assert found is not None
    return float(found[1])


async def test_a_run_that_goes_on_is_found_again_and_followed(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert f"run {running} running" in text(app, "#now")
        assert "step 2 of 40" in text(app, "#now")
        assert "train 3.000" in curve(app)
        put(prepared, running, 3, 1.5)
        reload(app)
        await settle(pilot)
        assert "step 3 of 40" in text(app, "#now")
        assert "train 1.500" in curve(app)
        assert "10, 20 (unfinished)" in pane(app, "meters")


async def test_steps_that_are_trained_again_replace_the_old_ones(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        put(prepared, running, 3, 1.5)
        reload(app)
        await settle(pilot)
        put(prepared, running, 2, 9.0)
        reload(app)
        await settle(pilot)
        assert "9.000┤" in curve(app)


async def test_the_log_is_literal(running: int, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert "step 1 of 40\n␛[31m[red]warning[/]␛[0m" in pane(app, "log")


async def test_failed_checks_come_first_with_why_they_matter(prepared: Store, app: StratosApp, settle: Settle) -> None:
    job = jobs.add(prepared, "preflight", {"base": "nano", "dataset": 1, "settings": {"[b]x[/b]": 1}})
    jobs.start(prepared, job)
    jobs.finish(prepared, job, "done", result={"checks": CHECKS})
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        found = pane(app, "preflight")
        assert found.startswith("1 of 3 checks block a run\nnano on dataset 1 [b]x[/b]=1\n✗ eos_and_pad  </s>")
        assert "[b]never[/b] stops" in found
        assert "✓ disk" in found


async def test_before_the_first_run_the_checks_have_the_room(prepared: Store, app: StratosApp, settle: Settle) -> None:
    with prepared.write() as connection:
        connection.execute("DELETE FROM evaluations")
        connection.execute("DELETE FROM runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert "No run yet" in text(app, "#now")
        assert not app.screen.query_one(Curve).display
        assert "p measures" in pane(app, "preflight")
        assert app.screen.query_one("#preflight", TextPane).size.height > 25


async def test_a_run_that_somebody_starts_is_shown_unless_another_was_chosen(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        second = runs.add(prepared, 1, "nano", {}, "second")
        reload(app)
        await settle(pilot)
        assert f"run {second} queued" in text(app, "#now")
        row = app.screen.query_one("#runs", ListingTable).row
        assert row is not None
        assert row.key == second
        await pilot.press("j")
        await settle(pilot)
        assert "run 1 done" in text(app, "#now")
        runs.add(prepared, 1, "nano", {}, "third")
        reload(app)
        await settle(pilot)
        assert "run 1 done" in text(app, "#now")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_enter_goes_from_a_run_to_its_curves(
    running: int, app: StratosApp, settle: Settle, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await pilot.press("7")
        await settle(pilot)
        if size == (80, 24):
            await pilot.press("v")
            await settle(pilot)
        await pilot.press("j", "enter")
        await settle(pilot)
        assert "run 1 done" in text(app, "#now")
        assert app.focused is app.screen.query_one("#loss")


async def test_only_keys_that_do_something_are_offered(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert offered(app) == {"stop", "preflight", "mask", "overlay"}
        await pilot.press("j")
        await settle(pilot)
        assert "run 1 done" in text(app, "#now")
        # another run is being trained, so none can be begun
        assert offered(app) == {"preflight", "publish", "mask", "overlay"}
        runs.finish(prepared, running, "stopped")
        reload(app)
        await settle(pilot)
        assert offered(app) == {"run", "preflight", "new", "publish", "mask", "overlay"}


def offered(app: StratosApp) -> set[str]:
    named = {"run", "stop", "preflight", "new", "publish", "roll_back", "mask", "overlay"}
    return {each.binding.action for each in app.screen.active_bindings.values() if each.enabled} & named


async def test_the_main_numbers_stand_in_a_line_where_the_meters_do_not_show(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        brief = text(app, "#brief")
        for words in ("acc 50.0 %", "grad 0.70", "lr 2.0e-03", "tok/s", "saved at 20", "scores"):
            assert words in brief
        assert app.screen.query_one("#brief").display
        assert "step 2 of 40" in text(app, "#now")
        assert "eta" in text(app, "#now")
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        assert not app.screen.query_one("#brief").display


async def test_a_pilot_that_is_done_says_whether_a_long_run_is_worth_it(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    run = runs.add(prepared, 1, "nano", {"examples": 1000, "overridden": ["pilot", "disk"]}, "pilot")
    probes.add(prepared, run, probe(20, 0.1, 0.05))
    runs.finish(prepared, run, "done")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert "✗ gap 0.1, PSR 5%, 18 of 20 pairs read: start no long run" in pane(app, "meters")
        assert ["may", "fail", "pilot,", "disk"] in [line.split() for line in pane(app, "meters").splitlines()]
        probes.add(prepared, run, probe(40, 4.2, 0.65))
        reload(app)
        await settle(pilot)
        assert "✓ gap 4.2, PSR 65%, 18 of 20 pairs read: a long run is worth its hours" in pane(app, "meters")


@SNAPSHOTS
def test_a_probed_run_looks_right(
    snap_compare: Any, prepared: Store, app: StratosApp, settle: Settle, size: tuple[int, int]
) -> None:
    for at in range(1, 7):
        probes.add(prepared, 1, probe(at * 10, 0.2 + at * at / 6, min(at * 0.12, 1)))

    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("7")
        await settle(pilot)
        if size == (80, 24):
            await pilot.press("v")
            await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)


@SNAPSHOTS
def test_it_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("7")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
