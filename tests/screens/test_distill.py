from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.dialogs import ConfirmScreen, PromptScreen
from screens.distill_plan import PlanScreen
from screens.frame import Notice
from screens.orphans import OrphansScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.distill.budget import set_workspace_cap, workspace_cap
from stratos_tui.distill.pausing import is_paused
from stratos_tui.distill.settings import set_all
from stratos_tui.store import acknowledgements, jobs, requests
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import open_client
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, find_teacher, price_teacher
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
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


async def test_a_yes_starts_a_process_that_asks_and_judges(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
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
        await until(pilot, lambda: any(job.kind == "distill" and job.ended_at for job in jobs.latest(prepared)))
        ended = [job for job in jobs.latest(prepared) if job.kind == "distill"]
        assert [(job.state, job.error) for job in ended] == [("done", "")]
        assert requests.counts(prepared, "rubric") == {"accepted": 20}


async def test_a_paid_teacher_needs_a_budget_and_the_terms(prepared: Store, app: StratosApp, settle: Settle) -> None:
    set_all(prepared, {"attempts": "2"})
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "t", "claude:claude-haiku-5-5", settle)
        await pilot.press("r")
        await settle(pilot)
        assert "press b" in notice(app)
        await type_in(pilot, "b", "0.05", settle)
        assert "$0.05" in pane(app, "plan")
        await pilot.press("r")
        await settle(pilot)
        asked = dialog(app)
        assert "holds work back" in asked
        assert "asked 2 times in all" in asked
        # however long the question, what the keys do stays in view
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert app.screen.query_one(".keys").region.bottom < 24
        assert app.screen.query_one(VerticalScroll).max_scroll_y == 0
        await pilot.resize_terminal(80, 16)
        await settle(pilot)
        assert app.screen.query_one(".keys").region.bottom < 16
        await pilot.press("j")
        await settle(pilot)
        assert app.screen.query_one(VerticalScroll).scroll_y == 1
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
        assert "forgotten" not in dialog(app)
        await pilot.press("n")
        await settle(pilot)
    assert requests.counts(prepared, "rehearsal")["submitted"] == 20


async def test_what_another_process_does_shows_by_itself(prepared: Store, settle: Settle, until: Until) -> None:
    app = StratosApp(prepared)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        job = jobs.add(prepared, "distill", {"by": os.getpid()})
        await until(pilot, lambda: f"job {job}" in pane(app, "plan"))
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
        whole = str(table.border_subtitle)
        assert "all: 220 answers · 50 % cached · 11,000 thinking · 22 a minute" in whole
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


async def test_i_looks_at_the_server_in_a_process_of_its_own(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await type_in(pilot, "t", "rubric", settle)
        await pilot.press("i")
        await settle(pilot)
        await until(pilot, lambda: any(job.kind == "ingest" and job.ended_at for job in jobs.latest(prepared)))
        ended = [job for job in jobs.latest(prepared) if job.kind == "ingest"]
        assert [(job.state, job.error) for job in ended] == [("done", "")]


async def test_orphans_are_listed_and_canceled_after_asking(store: Store, settle: Settle) -> None:
    rehearsal = find_teacher(store, "rehearsal")
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


async def fill_in(app: Pilot[None], settle: Settle, **lines: str) -> None:
    """Open the form, write into its lines, and take it."""
    await app.press("e")
    await settle(app)
    for name, text in lines.items():
        app.app.screen.query_one(f"#plan-{name}", Input).value = text
    await app.press("enter")
    await settle(app)


async def test_the_form_chooses_what_the_command_is_told(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await fill_in(pilot, settle, teacher="rubric", profiles="nobody")
        assert isinstance(app.screen, PlanScreen)
        assert "there is no profile 'nobody'" in dialog(app)
        app.screen.query_one("#plan-profiles", Input).value = "texas_nurse, kuwait_cpeg"
        for name, text in {"bands": "noise", "label": "expected", "pairs": "12", "as-of": "2026-03-04"}.items():
            app.screen.query_one(f"#plan-{name}", Input).value = text
        await pilot.press("down")
        assert app.screen.focused is app.screen.query_one("#plan-price")
        await pilot.press("enter")
        await settle(pilot)
        plan = pane(app, "plan")
        assert "texas_nurse, kuwait_cpeg · labelled expected · noise by rubric · as of 2026-03-04" in plan
        assert "missing  12" in plan
        await pilot.press("r")
        await settle(pilot)
        assert "Ask rubric 12 times?" in dialog(app)
        await pilot.press("y")
        await until(pilot, lambda: any(job.kind == "distill" and job.ended_at for job in jobs.latest(prepared)))
    asked = prepared.rows("SELECT DISTINCT profile_id, reference_date FROM requests WHERE teacher = 'rubric'")
    assert {tuple(row) for row in asked} == {("texas_nurse", "2026-03-04"), ("kuwait_cpeg", "2026-03-04")}
    [job] = [job for job in jobs.latest(prepared) if job.kind == "distill"]
    assert job.params["pairs"] == 12
    assert (job.params["label"], job.params["bands"]) == ("expected", ["noise"])


async def test_a_wrong_line_keeps_the_form_open_and_says_why(app: StratosApp, settle: Settle) -> None:
    wrong = {
        "teacher": ("gpt", "there is no teacher"),
        "price": ("cheap", "takes no price"),
        "pairs": ("-3", "pairs: a whole number"),
        "bands": ("huge", "bands: there is no huge"),
        "label": ("mine", "label: there are expected"),
        "as-of": ("yesterday", "as of: a day"),
        "pilot": ("some", "pilot: a whole number"),
        "job-cap": ("much", "job cap: an amount"),
        "articles": ("nothing", "there is no article"),
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        for line, (text, word) in wrong.items():
            await fill_in(pilot, settle, **{line: text})
            assert isinstance(app.screen, PlanScreen)
            assert word in str(app.screen.query_one("#said", Static).content)
            await pilot.press("escape")
            await settle(pilot)
        assert "all of 1,010" in pane(app, "plan")


async def test_a_price_that_was_given_holds_on_the_screen(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await fill_in(pilot, settle, teacher="claude:my-model")
        assert "no price is known" in dialog(app)
        await pilot.press("escape")
        await settle(pilot)
        await fill_in(pilot, settle, teacher="claude:my-model", price="2/10", pairs="100")
        assert "my-model" in pane(app, "plan")
        assert "paid" in pane(app, "plan")
        await pilot.press("r")
        await settle(pilot)
        assert "press b" in notice(app)
        await type_in(pilot, "t", "openai:own@http://127.0.0.1:9/v1", settle)
        assert "nothing" in pane(app, "plan")
        price_teacher(prepared, "openai:own@http://127.0.0.1:9/v1", "1/4")
        await fill_in(pilot, settle)
        assert "paid" in pane(app, "plan")
        await pilot.press("r")
        await settle(pilot)
        assert "press b" in notice(app)


async def test_a_job_cap_bounds_a_paid_teacher_and_a_pilot_can_be_left_out(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        assert "50 of them first" in pane(app, "plan")
        await fill_in(pilot, settle, teacher="claude:claude-haiku-5-5", pilot="0", **{"job-cap": "0.01"})
        plan = pane(app, "plan")
        assert "none, $0.01 a job" in plan
        assert "of them first" not in plan
        assert "e raises it" in plan
        await pilot.press("r")
        await settle(pilot)
        assert "$0.01 for this job" in dialog(app)
        assert "pairs first" not in dialog(app)


async def test_d_shows_the_price_in_full(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        await pilot.press("d")
        await settle(pilot)
        said = dialog(app)
        for words in ("shared and cacheable", "not cached", "claude-haiku-5-5", "at effort low", "noise by the rubric"):
            assert words in said
        assert "the plan says" in said
        await pilot.press("escape")
        await settle(pilot)
        assert "missing" in pane(app, "plan")


async def test_what_waits_is_not_out_and_a_job_hides_what_it_changes(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    with prepared.write() as connection:
        connection.execute("UPDATE requests SET state = 'planned', batch_id = NULL WHERE state = 'submitted'")
        connection.execute("UPDATE batches SET state = 'ingested'")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        assert "waits 20" in pane(app, "plan")
        assert "out " not in pane(app, "plan")
        assert "all: 220 answers · 0 % cached" in str(app.screen.query_one("#batches").border_subtitle)
        await pilot.press("x")
        await settle(pilot)
        assert "Forget the 20 requests that wait to be sent?" in dialog(app)
        await pilot.press("n")
        await settle(pilot)
        jobs.start(prepared, jobs.add(prepared, "distill", {}))
        await pilot.press("3", "4")
        await settle(pilot)
        assert "missing" not in pane(app, "plan")
        assert "distill starts" in pane(app, "plan")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
async def test_nothing_of_the_plan_is_cut_off(
    prepared: Store, app: StratosApp, settle: Settle, size: tuple[int, int]
) -> None:
    with prepared.write() as connection:
        for state, number in (("errored", 3), ("discarded", 5)):
            connection.execute(
                "UPDATE requests SET state = ? WHERE id IN (SELECT id FROM requests WHERE state = 'accepted' LIMIT ?)",
                (state, number),
            )
        connection.execute(
            "UPDATE requests SET state = 'planned', batch_id = NULL WHERE id IN"
            " (SELECT id FROM requests WHERE state = 'submitted' LIMIT 4)"
        )
    set_workspace_cap(prepared, 1.5, simulated=True)
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await settle(pilot)
        plan = app.screen.query_one("#plan", TextPane)
        for words in ("holds work back", "failed 3", "given up 5", "waits 4", "out 16"):
            assert words in pane(app, "plan")
        assert plan.query_one(Static).size.height <= plan.scrollable_content_region.height
        # the table of batches shows its rows whatever the plan says
        assert app.screen.query_one("#batches", VirtualTable).size.height >= 5
