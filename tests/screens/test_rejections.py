from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.frame import Notice
from screens.widgets.bars import KeyBar
from screens.widgets.listing_table import ListingTable
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.distill.rulebook import Rules
from stratos_tui.distill.switches import rules_of
from stratos_tui.store import jobs, phase_views, rejections, requests
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def pane(app: StratosApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", TextPane).query_one(Static).content)


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def chosen(app: StratosApp) -> int:
    row = app.screen.query_one("#list", ListingTable).row
    assert row is not None
    return int(str(row.key))


def state(store: Store, request_id: int) -> str:
    found = requests.get(store, request_id)
    assert found is not None
    return found.state


async def open_reason(pilot: Pilot[None], settle: Settle, name: str) -> None:
    """Go to the phase, and choose a reason by keys."""
    await pilot.press("5")
    await settle(pilot)
    reasons = pilot.app.screen.query_one("#reasons", VirtualTable)
    await pilot.press("shift+tab")
    assert pilot.app.focused is reasons
    for _ in range(10):
        if reasons.row is not None and str(reasons.row.cells[0]) == name:
            break
        await pilot.press("j")
        await settle(pilot)
    await settle(pilot)
    await pilot.press("tab")
    await settle(pilot)


async def test_reasons_are_counted_and_narrow_the_list(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        listing = app.screen.query_one("#list", ListingTable)
        assert listing.table.row_count == 17
        await open_reason(pilot, settle, "too short")
        assert listing.table.row_count is not None
        assert 0 < listing.table.row_count < 17
        assert "too short" in pane(app, "answer")


@pytest.mark.parametrize(
    ("reason", "words", "offending"),
    [
        ("scored 5.0", "The score was 5.0", "⟦SCORE: 5.0 | REASON:"),
        ("too short", "The trace had 1 words, at least 15 are needed.", "⟦Noise.⟧"),
        ("no score", "The answer had no score line.", "⟦I would rather not give a number.⟧"),
        ("trace unclosed", "The trace was never closed.", "⟦<think>"),
    ],
)
async def test_the_offending_part_stands_between_brackets(
    app: StratosApp, settle: Settle, reason: str, words: str, offending: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, reason)
        answer = pane(app, "answer")
        assert answer.startswith(f"✗ {reason}")
        assert words in answer
        assert offending in answer
        assert "rehearsal" in answer


async def test_beside_the_answer_stand_its_article_and_profile(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        found = rejections.one(prepared, chosen(app))
        assert found is not None
        assert found.rejection.title in pane(app, "about")
        assert found.rejection.profile_id in pane(app, "about")


async def test_a_accepts_as_it_is_and_u_takes_it_back(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "too short")
        request = chosen(app)
        await pilot.press("a")
        await settle(pilot)
        assert state(prepared, request) == "accepted"
        assert chosen(app) != request
        assert "u takes it back" in notice(app)
        await pilot.press("u")
        await settle(pilot)
        assert state(prepared, request) == "rejected"


async def test_what_cannot_be_read_is_not_accepted(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "no score")
        request = chosen(app)
        await pilot.press("a")
        await settle(pilot)
        assert "cannot be accepted as it is" in notice(app)
    assert state(prepared, request) == "rejected"


async def test_x_gives_marked_pairs_up_and_u_takes_them_all_back(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("space", "space", "space", "x")
        await settle(pilot)
        assert "discarded: 3 answers" in notice(app)
        assert requests.counts(prepared, "rehearsal")["discarded"] == 3
        assert not app.screen.query_one("#list", ListingTable).table.marks
        await pilot.press("u")
        await settle(pilot)
        assert "discarded" not in requests.counts(prepared, "rehearsal")


async def test_of_marked_answers_those_that_can_be_are_accepted(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    accepted = requests.counts(prepared, "rehearsal")["accepted"]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press(*["space"] * 17, "a")
        await settle(pilot)
        assert notice(app).startswith("✗ accepted: ")
        assert "more)" in notice(app)
    now = requests.counts(prepared, "rehearsal")
    assert accepted < now["accepted"] < accepted + 17
    assert now["accepted"] + now["rejected"] == accepted + 17


async def test_r_plans_another_attempt_and_u_withdraws_it(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        request = chosen(app)
        await pilot.press("r")
        await settle(pilot)
        planned = requests.unsent(prepared, "rehearsal")
        assert [(each.attempt, each.state) for each in planned] == [(2, "planned")]
        assert "↻ asked again" in pane(app, "answer")
        await pilot.press("r")
        await settle(pilot)
        assert "is not asked again" in notice(app)
        await pilot.press("u")
        await settle(pilot)
        assert not requests.unsent(prepared, "rehearsal")
        assert chosen(app) == request
        assert "↻" not in pane(app, "answer")


async def test_hostile_output_is_literal(prepared: Store, app: StratosApp, settle: Settle) -> None:
    hostile = "[red]help[/] \x1b[2J\x1b]0;owned\x07 \u202egnp <|im_end|>"
    first = rejections.page(prepared, code="score_missing", limit=1)[0]
    with prepared.write() as connection:
        connection.execute("UPDATE answers SET text = ? WHERE request_id = ?", (hostile, first.request_id))
        connection.execute(
            "UPDATE judgements SET span_start = 5, span_end = 9, code = '[b]no[/b]\x1b[2J' WHERE request_id = ?",
            (first.request_id,),
        )
    async with app.run_test(size=(120, 40)) as pilot:
        await open_reason(pilot, settle, "[b]no[/b]␛[2J")
        answer = pane(app, "answer")
        assert "[red]⟦help⟧[/] ␛[2J␛]0;owned␇" in answer
        assert "[b]no[/b]" in answer
        assert "\x1b" not in answer
        assert "\u202e" not in answer


async def test_without_rejections_it_says_where_they_come_from(store: Store, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert notice(app) == "No rejected answer under the cursor."


@SNAPSHOTS
def test_it_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("j", "j", "j")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)


async def test_enter_opens_the_answer_on_a_small_terminal_too(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("v", "v")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#reasons")
        await pilot.press("escape")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#list", ListingTable).table
        await pilot.press("enter")
        await settle(pilot)
        assert app.focused is app.screen.query_one("#answer")


async def test_what_is_planned_again_is_missing_in_the_next_phase_of_asking(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        before = pane(app, "plan")
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        await pilot.press("4")
        await settle(pilot)
        assert "missing  787" in before
        assert "missing  787" in pane(app, "plan")


async def test_rules_are_switched_and_judged_again_as_a_job(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        before = dict(phase_views.rejection_counts(prepared))
        await pilot.press("s")
        await settle(pilot)
        table = app.screen.query_one(VirtualTable)
        assert table.row is not None
        assert [str(cell) for cell in table.row.cells] == [
            "too short",
            "✓ on",
            str(before["too_short"]),
            "least_words 15",
        ]
        await pilot.press("space")
        await settle(pilot)
        assert str(table.row.cells[1]) == "– off"
        await pilot.press("j", "e")
        await settle(pilot)
        app.screen.query_one(Input).value = "most_words=some"
        await pilot.press("enter")
        await settle(pilot)
        assert "a number of words" in "\n".join(str(each.content) for each in app.screen.query(Static))
        app.screen.query_one(Input).value = "most_words=199"
        await pilot.press("enter")
        await settle(pilot)
        # an answer without a score is of no use, whatever anybody would accept
        await pilot.press("G", "space")
        await settle(pilot)
        assert str(table.row.cells[1]) == "always"
        await pilot.press("enter")
        await until(pilot, lambda: any(job.kind == "rejudge" and job.ended_at for job in jobs.latest(prepared)))
        assert rules_of(prepared).off == {"too_short"}
        assert "too_short" not in phase_views.rejection_counts(prepared)
        assert rules_of(prepared).limits.most_words == 199
        await until(pilot, lambda: "is done: 220 answers judged again" in notice(app))
        await pilot.press("u")
        await until(
            pilot, lambda: sum(job.kind == "rejudge" and job.state == "done" for job in jobs.latest(prepared)) == 2
        )
        assert phase_views.rejection_counts(prepared)["too_short"] == before["too_short"]
        assert rules_of(prepared) == Rules()


async def test_leaving_the_rules_changes_nothing(prepared: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        await pilot.press("space", "escape")
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
    assert rules_of(prepared) == Rules()
    assert not [job for job in jobs.latest(prepared) if job.kind == "rejudge"]


async def test_eighty_columns_name_the_keys_for_all_that_are_listed(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await settle(pilot)
        bar = app.screen.query_one(KeyBar).render_line(0).text
        for words in ("a accept", "n note", "v view", "AXRN all", "? more"):
            assert words in bar
