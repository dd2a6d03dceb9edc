from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.dialogs import ConfirmScreen
from screens.frame import Notice
from stratos_tui.app import StratosApp
from stratos_tui.store import evaluations, jobs
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def pane(app: StratosApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name} Static", Static).content)


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


async def test_the_verdict_and_every_criterion_beside_the_best_trivial_scorer(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    found = evaluations.get(prepared, 1)
    assert found is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        verdict = pane(app, "verdict")
        assert verdict.startswith("◐ PARTIAL")
        assert "rehearsal" in verdict
        assert "run 1" in verdict
        lines = pane(app, "criteria").splitlines()
        criteria = found.result["verdict"]["criteria"]
        assert len(lines) == 1 + len(criteria)
        for line, each in zip(lines[1:], criteria, strict=True):
            assert line[0] == {True: "✓", False: "✗", None: "?"}[each["ok"]]
            assert each["name"] in line
            assert ("not measured" in line) == (each["ok"] is None)
        psr = found.result["psr"]
        low, high = found.result["intervals"]["psr"]
        assert f"{psr:.1%}".replace("%", " %") in lines[1]
        assert f"{low * 100:.1f} – {high * 100:.1f}" in lines[1]


async def test_trivial_scorers_bands_profiles_and_what_it_cannot_do(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    found = evaluations.get(prepared, 1)
    assert found is not None
    with prepared.write() as connection:
        taught = {**found.result["baselines"]["constant 0.5"], "marks": ["is the teacher"]}
        baselines = {**found.result["baselines"], "rubric": taught}
        result = json.dumps({**found.result, "baselines": baselines})
        connection.execute("UPDATE evaluations SET result = ?", (result,))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        table = pane(app, "baselines")
        for name in ("this scorer", "constant 0.5", "training median", "profile median", "rubric†"):
            assert name in table
        assert "† is the teacher: not compared" in table
        bands = pane(app, "bands").splitlines()
        noise = found.result["confusion"]["noise"]
        assert bands[1].split()[-1] == f"{sum(noise.values())}"
        assert str(noise["noise"]) in bands[1]
        assert "kuwait_cpeg" in pane(app, "bands")
        for point in found.result["verdict"]["cannot"]:
            assert point in pane(app, "cannot")


async def test_another_evaluation_can_be_chosen(prepared: Store, app: StratosApp, settle: Settle) -> None:
    found = evaluations.get(prepared, 1)
    assert found is not None
    result = {**found.result, "verdict": {**found.result["verdict"], "class": "failure", "marks": []}}
    second = evaluations.add(
        prepared,
        fingerprint="second",
        scorer="rubric",
        dataset_id=1,
        run_id=None,
        verdict="failure",
        result=result,
        evaluated=[],
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        assert pane(app, "verdict").startswith("✗ FAILURE")
        assert str(app.screen.query_one("#verdict").border_title) == f"verdict of evaluation {second}"
        await pilot.press("j")
        await settle(pilot)
        assert pane(app, "verdict").startswith("◐ PARTIAL")


async def test_a_run_that_was_measured_is_measured_again_only_when_asked(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        await settle(pilot)
    assert not [job for job in jobs.latest(prepared) if job.kind == "evaluate"]


async def test_a_measurement_that_cannot_be_made_says_why(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        await pilot.press("r", "y")
        await settle(pilot)
        for _ in range(300):
            ended = [job for job in jobs.latest(prepared) if job.kind == "evaluate" and job.ended_at]
            if ended or "ended at once" in notice(app):
                break
            await asyncio.sleep(0.1)
        # the prepared run has no weights on disk
        assert "ended at once" in notice(app) or (ended[0].state == "failed" and ended[0].error)


async def test_without_a_student_it_says_where_one_comes_from(store: Store, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        assert "No verdict yet" in pane(app, "verdict")
        await pilot.press("r")
        await settle(pilot)
        assert "press 7, then r" in notice(app)


async def test_every_pane_gets_its_turn_on_a_small_terminal(app: StratosApp, settle: Settle) -> None:
    names = ["criteria", "baselines", "bands", "cannot", "evaluations"]
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("8")
        await settle(pilot)
        for name in names:
            shown = [each for each in names if app.screen.query_one(f"#{each}").size.area]
            assert shown == [name]
            assert app.screen.query_one(f"#{name}").has_focus_within
            await pilot.press("v")
            await settle(pilot)


@SNAPSHOTS
def test_it_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("8")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
