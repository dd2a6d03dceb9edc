from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.widgets.curve import Curve
from stratos_tui.app import StratosApp
from stratos_tui.store import probes, runs
from stratos_tui.store.db import Store
from stratos_tui.store.probes import Probe
from stratos_tui.store.runs import Point

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def text(app: StratosApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


def curve(app: StratosApp, selector: str = "#loss") -> str:
    widget = app.screen.query_one(selector, Curve)
    return "\n".join(widget.render_line(y).text for y in range(widget.size.height))


@pytest.fixture
def running(prepared: Store) -> int:
    """A second run, trained by a process that is alive (this one), at step 2 of 40."""
    run = runs.add(prepared, 1, "nano", {"epochs": 4}, "running")
    runs.begin(prepared, run, os.getpid())
    runs.plan_steps(prepared, run, 0, 40)
    for step in (1, 2):
        put(prepared, run, step, 5.0 - step)
    return run


def put(store: Store, run: int, step: int, loss: float) -> None:
    runs.put_point(store, run, Point(step, "train", loss, 0.002, 0.7, 0.5, 100.0 * step, step / 10))
    runs.beat(store, run, step)


def probe(step: int, gap: float | None, psr: float | None) -> Probe:
    return Probe(step, 20, 0 if gap is None else 18, gap, psr, None if gap is None else 1.9, {})


async def test_c_lays_the_run_before_under_the_curve(running: int, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        assert "run 1" not in curve(app)
        await pilot.press("c")
        await settle(pilot)
        assert "a run 1" in curve(app)
        assert "A its eval" in curve(app)
        assert "train 3.000" in curve(app)
        assert str(app.screen.query_one("#loss").border_title) == "loss, over the run before"
        await pilot.press("c")
        await settle(pilot)
        assert "run 1" not in curve(app)


async def test_marked_runs_are_told_apart_by_letter_and_colour_on_loss_and_gap(
    prepared: Store, running: int, app: StratosApp, settle: Settle
) -> None:
    second = runs.add(prepared, 1, "nano", {}, "second")
    for step in (1, 2, 3):
        put(prepared, second, step, 4.0)
    runs.finish(prepared, second, "done")
    for run, gap in ((1, 0.5), (running, 2.0), (second, 3.0)):
        probes.add(prepared, run, probe(2, gap, 0.5))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        # the newest is shown; the two others are marked, and shown is the running one again
        await pilot.press("j", "space", "space", "k", "k")
        await settle(pilot)
        assert f"run {second} done" in text(app, "#now")
        drawn = curve(app)
        assert "train 4.000" in drawn
        assert str(app.screen.query_one("#loss").border_title) == "loss, over 2 of 2 marked runs"
        for words in ("a run 1 ", "A its eval", f"b run {running} 3.000"):
            assert words in drawn
        assert curve(app, "#gap").count("A") == curve(app, "#gap").count("B") == 1 + 1
        assert f"B run {running} 2.000" in curve(app, "#gap")
        widget = app.screen.query_one("#loss", Curve)
        colours = {
            part.text.strip(): part.style.color
            for y in range(3)
            for part in widget.render_line(y)
            if part.style is not None and part.text.strip() in ("a run 1", f"b run {running}")
        }
        assert len(set(colours.values())) == 2
        # c takes them away and brings them back, and a run without its mark is gone
        await pilot.press("c")
        await settle(pilot)
        assert "run 1" not in curve(app)
        await pilot.press("c", "G", "space")
        await settle(pilot)
        await pilot.press("g")
        await settle(pilot)
        assert f"a run {running}" in curve(app)
        assert "run 1 " not in curve(app)


@SNAPSHOTS
def test_overlaid_runs_look_right(
    snap_compare: Any, prepared: Store, app: StratosApp, settle: Settle, size: tuple[int, int]
) -> None:
    made = [runs.add(prepared, 1, "nano", {}, name) for name in ("second", "third")]
    for at, run in enumerate(made, 1):
        for step in range(1, 41):
            put(prepared, run, step, 3.0 + at - step / (12 + at))
            if step % 10 == 0:
                runs.put_point(prepared, run, Point(step, "eval", 3.2 + at - step / 14, *[None] * 5))
                probes.add(prepared, run, probe(step, step / (20 * at), step / 60))
        runs.finish(prepared, run, "done")
    with prepared.write() as connection:
        connection.execute("UPDATE runs SET ended_at = '2026-11-12T13:50:00.000+00:00' WHERE id > 1")
        connection.execute("UPDATE telemetry SET at = '2026-11-12T13:50:00.000+00:00' WHERE run_id > 1")

    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("7")
        await settle(pilot)
        if size == (80, 24):
            await pilot.press("v")
            await settle(pilot)
        await pilot.press("j", "space", "space", "g", "enter")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
