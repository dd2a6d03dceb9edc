from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.frame import Notice
from screens.widgets.phase_flow import PhaseFlow
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.store import jobs
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def said(pilot: Pilot[None], where: str) -> str:
    return str(pilot.app.screen.query_one(where, Static).render())


def flow(pilot: Pilot[None]) -> str:
    return pilot.app.screen.query_one(PhaseFlow).render().plain


async def test_every_phase_its_verdict_and_the_next_step_are_on_one_screen(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for words in (
            "10 profiles",
            "101 articles",
            "203 traces",
            "17 rejected",
            "203 examples",
            "1 run",
            "1 evaluation",
        ):
            assert words in flow(pilot)
        assert "Batches are out" in said(pilot, "#next")
        assert "PARTIAL" in said(pilot, "#verdict-text")
        assert "$0.92 simulated" in said(pilot, "#verdict-text")
        table = app.screen.query_one(VirtualTable)
        assert table.row_count == 2
        await pilot.press("j")
        await settle(pilot)
        assert "the teacher's server went away" in said(pilot, "#job")


async def test_an_empty_store_says_which_key_fills_it(store: Store, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "Nothing is loaded yet" in said(pilot, "#next")
        assert said(pilot, "#next").endswith("press r")
        assert "0 profiles" in flow(pilot)


async def test_a_click_on_a_phase_goes_there(app: StratosApp, settle: Settle) -> None:
    for size, offset in (((120, 40), (6, 1)), ((80, 24), (6, 0))):
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.click(PhaseFlow, offset=offset)
            await settle(pilot)
            assert app.current_mode == "profiles"
            app = StratosApp(app.store, live=False)


async def test_x_stops_the_job_that_runs_and_is_hidden_when_none_does(
    app: StratosApp, prepared: Store, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "stop" not in {active.binding.action for active in app.screen.active_bindings.values()}
        job = jobs.add(prepared, "pipeline", {})
        jobs.start(prepared, job)
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert "running already" in said(pilot, "Notice")
        await pilot.press("x")
        await settle(pilot)
        assert jobs.beat(prepared, job, 1, 2, "")
        assert "asked pipeline to stop" in str(app.screen.query_one(Notice).render())


async def test_r_starts_the_pipeline_as_a_process_whose_job_shows(
    app: StratosApp, prepared: Store, settle: Settle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # the real door, but a module that ends at once: the pipeline itself has tests of its own
    (tmp_path / "stratos_tui").mkdir()
    (tmp_path / "stratos_tui" / "__init__.py").write_text("")
    (tmp_path / "stratos_tui" / "__main__.py").write_text("import sys; sys.exit(sys.argv[1:2] == ['pipeline'] and 3)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert "exit code 3" in said(pilot, "Notice")
        assert "r tries again" in said(pilot, "Notice")


@SNAPSHOTS
def test_overview_looks_as_it_did(
    app: StratosApp, settle: Settle, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(app, terminal_size=size, run_before=settle)


@SNAPSHOTS
def test_help_looks_as_it_did(
    app: StratosApp, settle: Settle, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    async def help_over(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=help_over)
