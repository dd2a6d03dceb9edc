from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.candidates import TEACHER, more_of, wrong_wish
from screens.dialogs import ConfirmScreen, PromptScreen
from screens.frame import Notice
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.commands.drafting import draft as draft_command
from stratos_tui.distill.candidates import draft
from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.weak import wishes_of
from stratos_tui.errors import StratosError
from stratos_tui.store import articles, candidates
from stratos_tui.store.db import Store
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from tests import builds

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
DAY = date(2026, 11, 12)


@pytest.fixture
def drafted(prepared: Store) -> Store:
    """Four drafts that wait, and one that came to nothing."""
    good = RehearsalSettings(bad_share=0.0, latency_seconds=0.0)
    wishes = [
        *wishes_of(["texas_nurse"], "critical", 2),
        *wishes_of(["portland_retired_space"], "high", 1),
        *wishes_of(["kuwait_cpeg", "munich_mecheng"], "high", 1),
    ]
    draft(prepared, TEACHER, wishes, settings=DistillSettings(rehearsal=good), as_of=DAY)
    bad = replace(good, bad_share=1.0, bad_kinds=("no_score",))
    draft(
        prepared,
        TEACHER,
        wishes_of(["dc_cybersec"], "low", 1),
        settings=DistillSettings(rehearsal=bad),
        as_of=DAY,
    )
    return prepared


def text(pilot: Pilot[None]) -> str:
    content = pilot.app.screen.query_one("#candidate", TextPane).query_one(Static)
    return " ".join(" ".join(content.render_line(y).text for y in range(content.size.height)).split())


def queue(pilot: Pilot[None]) -> VirtualTable:
    return pilot.app.screen.query_one("#candidates-list", VirtualTable)


def chosen(pilot: Pilot[None]) -> int:
    row = queue(pilot).row
    assert row is not None
    return int(str(row.key))


def state(store: Store, candidate_id: int) -> str:
    found = candidates.get(store, candidate_id)
    assert found is not None
    return found.state


def notice(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Notice).content)


async def open_queue(pilot: Pilot[None], settle: Settle) -> None:
    await settle(pilot)
    await pilot.press("3")
    await settle(pilot)
    await pilot.press("d")
    await settle(pilot)


async def test_the_queue_shows_each_draft_with_the_rubrics_scores(
    drafted: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        assert queue(pilot).row_count == 5
        own = candidates.get(drafted, chosen(pilot))
        assert own is not None
        assert own.state == "waiting"
        shown = text(pilot)
        assert own.title in shown
        assert "wished: ▲ high for kuwait_cpeg, munich_mecheng · rehearsal" in shown
        assert "the rubric: " in shown
        for profile_id in ("texas_nurse", "lagos_student_entrepreneur"):
            assert profile_id in shown
        assert "◂" in shown
        await pilot.press("G")
        await settle(pilot)
        assert "errored: not_json" in text(pilot)
        assert "the answer as it came" in text(pilot)


async def test_a_accepts_into_the_data_and_u_takes_it_back(drafted: Store, app: StratosApp, settle: Settle) -> None:
    before = articles.count(drafted)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        own = chosen(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert state(drafted, own) == "accepted"
        assert articles.count(drafted) == before + 1
        assert chosen(pilot) != own
        assert "u takes it back" in notice(pilot)
        await pilot.press("u")
        await settle(pilot)
        assert state(drafted, own) == "waiting"
        assert articles.count(drafted) == before


async def test_an_article_that_was_asked_about_stays(drafted: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        own = chosen(pilot)
        await pilot.press("a")
        await settle(pilot)
        found = candidates.get(drafted, own)
        assert found is not None
        pairs = [each for each in choose_pairs(drafted) if each.article_id == found.article_id]
        keep(drafted, plan(drafted, TEACHER, pairs), DistillSettings())
        await pilot.press("u")
        await settle(pilot)
        assert "cannot be taken back" in notice(pilot)
        assert state(drafted, own) == "accepted"


async def test_x_discards_and_goes_on_to_the_next_that_waits(drafted: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        seen = []
        for _ in range(4):
            seen.append(chosen(pilot))
            await pilot.press("x")
            await settle(pilot)
        assert len(set(seen)) == 4
        assert {state(drafted, each) for each in seen} == {"discarded"}
        await pilot.press("x")
        await settle(pilot)
        assert "does not wait for a decision" in notice(pilot)


async def test_e_edits_title_and_body_and_u_restores_them(drafted: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        before = candidates.get(drafted, chosen(pilot))
        assert before is not None
        await pilot.press("e")
        await settle(pilot)
        assert isinstance(app.screen, PromptScreen)
        app.screen.query_one(Input).value = " "
        await pilot.press("enter")
        await settle(pilot)
        assert "may not be empty" in str(app.screen.query_one(".detail", Static).render())
        app.screen.query_one(Input).value = "A better title for it"
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        after = candidates.get(drafted, before.id)
        assert after is not None
        assert (after.title, after.body) == ("A better title for it", before.body)
        assert "A better title for it" in text(pilot)
        assert "edited" in text(pilot)
        await pilot.press("u")
        await settle(pilot)
        restored = candidates.get(drafted, before.id)
        assert restored is not None
        assert (restored.title, restored.body, restored.edited) == (before.title, before.body, False)


async def test_n_names_the_price_before_it_asks(drafted: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        await pilot.press("n")
        await settle(pilot)
        app.screen.query_one(Input).value = "texas_nurse critical"
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, PromptScreen)
        app.screen.query_one(Input).value = "texas_nurse critical 3"
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        said = " ".join(str(each.render()) for each in app.screen.query(Static))
        assert "Ask the rehearsal for 3 drafts?" in said
        assert "at most $" in said
        assert "nobody pays" in said
        await pilot.press("n")
        await settle(pilot)
        assert queue(pilot).row_count == 5


def test_what_is_typed_becomes_a_command_that_understands_it(prepared: Store) -> None:
    more = more_of(prepared, "texas_nurse kuwait_cpeg high 5")
    assert more.drafts == 5
    assert more.most > 0
    assert more.arguments[:2] == ("articles", "draft")
    parsed = draft_command.make_context("draft", list(more.arguments[2:]), resilient_parsing=True).params
    assert parsed["profile_ids"] == ("texas_nurse", "kuwait_cpeg")
    assert (parsed["band"], parsed["count"], parsed["teacher"]) == ("high", 5, TEACHER)
    with pytest.raises(StratosError, match="no profile 'nobody'"):
        more_of(prepared, "nobody high 5")
    with pytest.raises(StratosError, match="shows a weak band"):
        more_of(prepared, "weak 2")
    shares = {"moderate": {"target": 0.3, "share": 0.1, "limited": True}}
    builds.add(
        prepared,
        [],
        digest="d",
        order_digest="",
        teacher=TEACHER,
        params={},
        summary={"shares": shares},
        prompt_fingerprint="",
    )
    weak = more_of(prepared, "weak 2")
    assert "--weak" in weak.arguments
    assert weak.reasons


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("", "how many"),
        ("texas_nurse high", "how many"),
        ("texas_nurse high 0", "how many"),
        ("texas_nurse 3", "before the number comes a band"),
        ("high 3", "before the number comes a band"),
        ("a b c high 3", "one or two"),
        ("weak 3", ""),
        ("texas_nurse high 3", ""),
        ("texas_nurse kuwait_cpeg high 3", ""),
    ],
)
def test_a_wish_that_is_not_one_says_what_is_missing(typed: str, wrong: str) -> None:
    assert wrong_wish(typed).startswith(wrong)
    assert bool(wrong_wish(typed)) == bool(wrong)


async def test_escape_goes_back_to_the_articles(drafted: Store, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_queue(pilot, settle)
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen.query_one("#candidate").has_focus
        await pilot.press("escape")
        await settle(pilot)
        assert queue(pilot).has_focus
        await pilot.press("escape")
        await settle(pilot)
        assert not app.screen.has_class("-reviewing")
        assert app.focused is not None
        assert app.focused.region.height > 0


async def test_an_empty_queue_says_what_fills_it(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_queue(pilot, settle)
        assert "n asks for some" in text(pilot)
        for key in ("a", "x", "e"):
            await pilot.press(key)
            await settle(pilot)
        assert not isinstance(app.screen, PromptScreen)


@SIZES
def test_looks(drafted: Store, app: StratosApp, settle: Settle, snap_compare: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await open_queue(pilot, settle)
        await pilot.press("j")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)
