from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.dialogs import ConfirmScreen, PromptScreen
from screens.frame import Notice
from screens.orphans import OrphansScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.distill.budget import workspace_cap
from stratos_tui.distill.pausing import is_paused
from stratos_tui.store import acknowledgements, jobs, requests
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import open_client
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, teacher_of
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

Settle = Callable[[Pilot[None]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def pane(app: StratosApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", TextPane).query_one(Static).content)


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def dialog(app: StratosApp) -> str:
    return "\n".join(str(each.content) for each in app.screen.query(Static))


async def type_in(pilot: Pilot[None], key: str, text: str, settle: Settle) -> None:
    await pilot.press(key)
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = text
    await pilot.press("enter")
    await settle(pilot)


async def test_plan_batches_and_events_say_that_it_is_a_rehearsal(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        plan = pane(app, "plan")
        for words in ("rehearsal", "simulated", "of 1,010", "missing", "accepted 203", "rejected 17", "out 20"):
            assert words in plan
        table = app.screen.query_one("#batches", VirtualTable)
        assert table.row_count == 3
        assert table.row is not None
        cells = [str(cell) for cell in table.row.cells]
        assert cells[:4] == ["3", "→ out", "traces", "rehearsal"]
        assert cells[8] == "20"
        assert "batch 2 taken in  110 answers" in pane(app, "events")


async def test_the_requests_are_those_of_the_batch_under_the_cursor(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        listing = app.screen.query_one("#asked", ListingTable)
        assert listing.table.row_count == 20
        await pilot.press("j", "enter")
        await settle(pilot)
        assert listing.table.row_count == 110
        assert app.focused is listing.table


async def test_asking_shows_the_price_and_a_no_sends_nothing(prepared: Store, app: StratosApp, settle: Settle) -> None:
    before = requests.counts(prepared, "rehearsal")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        asked = dialog(app)
        assert "Ask rehearsal" in asked
        assert "simulated" in asked
        assert "nobody pays" in asked
        await pilot.press("n")
        await settle(pilot)
        assert notice(app) == "nothing was sent"
    assert requests.counts(prepared, "rehearsal") == before
    assert not [job for job in jobs.latest(prepared) if job.kind == "distill"]


async def test_a_yes_starts_a_process_that_asks_and_judges(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "t", "rubric", settle)
        await type_in(pilot, "c", "20", settle)
        assert "20" in pane(app, "plan")
        assert "nothing" in pane(app, "plan")
        await pilot.press("r")
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        for _ in range(300):
            ended = [job for job in jobs.latest(prepared) if job.kind == "distill" and job.ended_at]
            if ended:
                break
            await asyncio.sleep(0.1)
        assert [(job.state, job.error) for job in ended] == [("done", "")]
        assert requests.counts(prepared, "rubric") == {"accepted": 20}


async def test_a_paid_teacher_needs_a_budget_and_the_terms(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "t", "claude:claude-haiku-5-5", settle)
        await pilot.press("r")
        await settle(pilot)
        assert "press b" in notice(app)
        await type_in(pilot, "b", "7.50", settle)
        assert "$7.50" in pane(app, "plan")
        await pilot.press("r")
        await settle(pilot)
        asked = dialog(app)
        assert TERMS_NOTICE in asked
        assert "paid" in asked
        assert "simulated" not in asked
        await pilot.press("escape")
        await settle(pilot)
    assert not acknowledgements.given(prepared, TERMS_SUBJECT, TERMS_NOTICE)
    assert requests.counts(prepared, "claude:claude-haiku-5-5") == {}


@pytest.mark.parametrize(
    ("key", "text", "word"),
    [
        ("t", "gpt", "there is no teacher"),
        ("c", "-3", "whole number"),
        ("b", "much", "an amount"),
        ("b", "nan", "amount"),
    ],
)
async def test_a_wrong_answer_stays_open_and_says_why(
    app: StratosApp, settle: Settle, key: str, text: str, word: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, key, text, settle)
        assert isinstance(app.screen, PromptScreen)
        assert word in dialog(app)


async def test_x_asks_the_running_job_to_stop(prepared: Store, app: StratosApp, settle: Settle) -> None:
    job = jobs.add(prepared, "distill", {})
    jobs.start(prepared, job)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        assert f"job {job}" in pane(app, "plan")
        await pilot.press("r")
        await settle(pilot)
        assert "x stops it" in notice(app)
        await pilot.press("x")
        await settle(pilot)
        assert "stays with the teacher" in notice(app)
    assert jobs.beat(prepared, job, 1, 2, "")


async def test_x_without_a_job_asks_before_it_cancels_at_the_teacher(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await pilot.press("x")
        await settle(pilot)
        assert "1 batch, 20 requests" in dialog(app)
        await pilot.press("n")
        await settle(pilot)
    assert requests.counts(prepared, "rehearsal")["submitted"] == 20


async def test_what_another_process_does_shows_by_itself(prepared: Store, settle: Settle) -> None:
    app = StratosApp(prepared)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        job = jobs.add(prepared, "distill", {"by": os.getpid()})
        for _ in range(50):
            if f"job {job}" in pane(app, "plan"):
                break
            await asyncio.sleep(0.1)
        assert f"job {job}" in pane(app, "plan")
    app.close()


async def test_panes_take_turns_on_a_small_terminal(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        shown = []
        for _ in range(4):
            shown.append(
                [each for each in ("batches", "requests", "events") if app.screen.query_one(f"#{each}").display]
            )
            await pilot.press("v")
            await settle(pilot)
        assert shown == [["batches"], ["requests"], ["events"], ["batches"]]


@SNAPSHOTS
def test_it_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("4")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)


async def test_p_pauses_and_goes_on(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert "paused: nothing is sent" in pane(app, "plan")
        assert is_paused(prepared)
        await pilot.press("r")
        await settle(pilot)
        assert "Sending is paused" in dialog(app)
        await pilot.press("n", "p")
        await settle(pilot)
        assert "paused" not in pane(app, "plan")
    assert not is_paused(prepared)


async def test_the_cap_is_the_workspaces_and_what_it_holds_back_is_said(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "b", "0.50", settle)
        assert "cannot be kept" in notice(app)
        await type_in(pilot, "b", "1.50", settle)
        assert workspace_cap(prepared, simulated=True) == 1.5
        plan = pane(app, "plan")
        assert "cap      $1.50" in plan
        assert "the cap holds work back" in plan
        assert "simulated" in plan
        await pilot.press("u")
        await settle(pilot)
        assert "holds work back" not in pane(app, "plan")
    assert workspace_cap(prepared, simulated=True) is None


async def test_a_batch_under_the_cursor_is_told_in_full(prepared: Store, app: StratosApp, settle: Settle) -> None:
    with prepared.write() as connection:
        connection.execute("UPDATE batches SET expires_at = '2026-11-13T13:12:02.000+00:00' WHERE state = 'submitted'")
        connection.execute("UPDATE answers SET tokens_cache_read = 1100, tokens_thinking = 50")
        connection.execute("UPDATE batches SET error = '[red]no[/] \x1b[2J' WHERE id = 1")
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        table = app.screen.query_one("#batches", VirtualTable)
        assert table.row is not None
        assert "23 h" in [str(cell) for cell in table.row.cells]
        about = str(app.screen.query_one("#batch", Static).content)
        assert "expires in 23 h 10 m" in about
        assert "msgbatch_2" in about
        await pilot.press("j")
        await settle(pilot)
        cells = [str(cell) for cell in table.row.cells]
        assert cells[12:] == ["50 %", "5,500", "11"]
        about = str(app.screen.query_one("#batch", Static).content)
        assert "242,000 tokens in, 50 % cached · 22,000 out, 5,500 thinking" in about
        assert "$0.46 simulated" in about
        await pilot.press("j")
        await settle(pilot)
        about = str(app.screen.query_one("#batch", Static).content)
        assert "[red]no[/] ␛[2J" in about


async def test_i_looks_at_the_server_in_a_process_of_its_own(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "t", "rubric", settle)
        await pilot.press("i")
        await settle(pilot)
        for _ in range(300):
            ended = [job for job in jobs.latest(prepared) if job.kind == "ingest" and job.ended_at]
            if ended:
                break
            await asyncio.sleep(0.1)
        assert [(job.state, job.error) for job in ended] == [("done", "")]


async def test_orphans_are_listed_and_canceled_after_asking(store: Store, settle: Settle) -> None:
    rehearsal = teacher_of("rehearsal")
    body = [{"custom_id": "somebody-else", "params": {"model": "rehearsal", "max_tokens": 9, "messages": []}}]
    with open_client(rehearsal, store.path, RehearsalSettings(latency_seconds=60.0)) as client:
        remote = client.create(body)
        app = StratosApp(store, live=False)
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("4")
            await settle(pilot)
            await pilot.press("o")
            await settle(pilot)
            assert isinstance(app.screen, OrphansScreen)
            row = app.screen.query_one(VirtualTable).row
            assert row is not None
            assert str(row.cells[0]) == remote.id
            await pilot.press("a")
            await settle(pilot)
            assert "no open batch here has as many" in notice(app)
            await pilot.press("o")
            await settle(pilot)
            await pilot.press("x")
            await settle(pilot)
            assert f"Cancel {remote.id}?" in dialog(app)
            await pilot.press("y")
            await settle(pilot)
            assert "asked to stop" in notice(app)
        assert client.status(remote.id).state != "in_progress"


async def test_a_teacher_without_batches_has_no_orphans(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "t", "rubric", settle)
        await pilot.press("o")
        await settle(pilot)
        assert "takes no batches" in notice(app)
