"""Rejections by key presses: editing, notes to the teacher, searching, all of a reason at once, and taking back."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from screens.dialogs import ConfirmScreen
from screens.frame import Notice
from screens.widgets.listing_table import ListingTable
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from screens.writing import WriteScreen
from stratos_tui.app import StratosApp
from stratos_tui.distill import decide
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.prism.trace import render_completion
from stratos_tui.store import rejections, requests
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
GOOD = render_completion(
    "PROFILE: A nurse in Houston who follows hospitals.\nCONTENT: A grid operator warns of a storm.\n"
    "ANALYSIS: Nothing that is tracked is named, and nothing can be done about it.",
    12,
    "No tracked entity is in it",
)


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def words(app: StratosApp) -> str:
    return "\n".join(str(each.content) for each in app.screen.query(Static))


def listing(app: StratosApp) -> ListingTable:
    return app.screen.query_one("#list", ListingTable)


def ids_of(store: Store, code: str) -> list[int]:
    return rejections.ids(store, code=code)


def state(store: Store, request_id: int) -> str:
    found = requests.get(store, request_id)
    assert found is not None
    return found.state


async def open_reason(pilot: Pilot[None], settle: Settle, name: str) -> None:
    """Go to the phase, choose a reason by keys, and go on to its list."""
    await pilot.press("5")
    await settle(pilot)
    await pilot.press("shift+tab")
    reasons = pilot.app.screen.query_one("#reasons", VirtualTable)
    for _ in range(10):
        if reasons.row is not None and str(reasons.row.cells[0]) == name:
            break
        await pilot.press("j")
        await settle(pilot)
    await pilot.press("tab")
    await settle(pilot)


async def test_e_accepts_what_was_written_and_keeps_the_answer(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    first = ids_of(prepared, "score_missing")[0]
    before = rejections.one(prepared, first)
    assert before is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "no score")
        await pilot.press("e")
        await settle(pilot)
        assert isinstance(app.screen, WriteScreen)
        assert "I would rather not give a number." in app.screen.query_one(TextArea).text
        assert "no score line" in words(app)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert isinstance(app.screen, WriteScreen), "what cannot be read is not taken"
        app.screen.query_one(TextArea).text = GOOD
        await settle(pilot)
        assert "1.2 · · 30 words" in words(app)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert f"accepted as edited: answer {first}" in notice(app)
        assert state(prepared, first) == "accepted"
        after = rejections.one(prepared, first)
        assert after is not None
        assert (after.text, after.edited, after.rejection.editor) == (before.text, GOOD, getpass.getuser())
        assert after.rejection.tenths == 12
        await open_reason(pilot, settle, "decided by you")
        row = listing(app).row
        assert row is not None
        assert str(row.cells[0]).startswith("✎ ")
        shown = str(app.screen.query_one("#answer", TextPane).query_one(Static).content)
        assert f"✎ edited by {getpass.getuser()}" in shown
        assert "I would rather not give a number." in shown
        await pilot.press("u")
        await settle(pilot)
    assert state(prepared, first) == "rejected"


async def test_an_edit_that_breaks_a_rule_is_the_operators_word(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        row = listing(app).row
        assert row is not None
        first = int(str(row.key))
        await pilot.press("e")
        await settle(pilot)
        app.screen.query_one(TextArea).text = render_completion("Noise.", 5, "Nothing in it")
        await settle(pilot)
        assert "at least 15 are needed" in words(app)
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert "it still breaks a rule" in notice(app)
    assert state(prepared, first) == "accepted"


async def test_n_shows_the_note_and_sends_what_was_made_of_it(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "too short")
        await pilot.press("n")
        await settle(pilot)
        assert isinstance(app.screen, WriteScreen)
        note = app.screen.query_one(TextArea).text
        assert "at least 15 are needed" in note
        app.screen.query_one(TextArea).text = f"{note} Name the city."
        await pilot.press("ctrl+s")
        await settle(pilot)
        [planned] = requests.unsent(prepared, "rehearsal")
        assert planned.repair == f"{note} Name the city."
        assert planned.attempt == 2
        await pilot.press("u")
        await settle(pilot)
    assert requests.unsent(prepared, "rehearsal") == []


async def test_the_cap_per_pair_is_said(prepared: Store, app: StratosApp, settle: Settle) -> None:
    first = ids_of(prepared, "too_short")[0]
    with prepared.write() as connection:
        connection.execute(
            "INSERT INTO requests (article_id, profile_id, teacher, attempt, custom_id, state, reference_date,"
            " profile_digest, prompt_fingerprint, settings, planned_at, code_version)"
            " SELECT article_id, profile_id, teacher, n, 'more' || n, 'errored', reference_date, profile_digest, '',"
            " '{}', planned_at, '' FROM requests, (SELECT 2 AS n UNION SELECT 3 UNION SELECT 4 UNION SELECT 5)"
            " WHERE requests.id = ?",
            (first,),
        )
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "too short")
        assert "attempt 1 of 5" in str(app.screen.query_one("#answer", TextPane).border_title)
        await pilot.press("r")
        await settle(pilot)
        assert "was asked 5 times, and 5 are the most: 3 by itself and 2 more on your word" in notice(app)
    assert requests.unsent(prepared, "rehearsal") == []


@pytest.mark.parametrize(
    ("key", "after"), [("X", "discarded"), ("A", "accepted"), ("R", "rejected"), ("N", "rejected")]
)
async def test_capitals_act_on_all_of_a_reason_after_asking_and_as_one(
    prepared: Store, app: StratosApp, settle: Settle, key: str, after: str
) -> None:
    targets = ids_of(prepared, "too_long")
    assert len(targets) > 1
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "too long")
        await pilot.press(key)
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert f"{len(targets)} answers with the reason “too long”" in words(app)
        await pilot.press("n")
        await settle(pilot)
        assert [state(prepared, each) for each in targets] == ["rejected"] * len(targets)
        assert requests.unsent(prepared, "rehearsal") == []
        await pilot.press(key)
        await settle(pilot)
        await pilot.press("y")
        await settle(pilot)
        assert [state(prepared, each) for each in targets] == [after] * len(targets)
        planned = requests.unsent(prepared, "rehearsal")
        assert len(planned) == (len(targets) if key in "RN" else 0)
        assert all(bool(each.repair) == (key == "N") for each in planned)
        await pilot.press("u")
        await settle(pilot)
        assert [state(prepared, each) for each in targets] == ["rejected"] * len(targets)
        assert requests.unsent(prepared, "rehearsal") == []


async def test_a_search_looks_into_answers_and_bounds_what_capitals_act_on(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    every = rejections.ids(prepared)
    target = every[-1]
    with prepared.write() as connection:
        connection.execute("UPDATE answers SET text = text || ' quokka [red]' WHERE request_id = ?", (target,))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("slash", *"red] QUOKKA", "enter")
        await settle(pilot)
        assert listing(app).table.row_count == 1
        await pilot.press("X")
        await settle(pilot)
        assert "1 answer of every reason and the words “red] QUOKKA”" in words(app)
        await pilot.press("y")
        await settle(pilot)
    assert state(prepared, target) == "discarded"
    assert len(rejections.ids(prepared)) == len(every) - 1


async def test_u_goes_on_to_what_was_decided_before_the_app_was_opened(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    targets = ids_of(prepared, "too_long")
    decide.discard_all(prepared, targets, DistillSettings())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("u")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert f"Take back {len(targets)} decisions" in words(app)
        await pilot.press("y")
        await settle(pilot)
        assert notice(app) == "taken back"
    assert [state(prepared, each) for each in targets] == ["rejected"] * len(targets)
