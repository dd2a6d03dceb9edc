from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from screens.frame import Notice
from screens.labelling import Labelling
from screens.widgets.label_sheet import LabelSheet
from screens.widgets.score_entry import ScoreEntry
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.records import Profile
from stratos_tui.store import articles, labels, profiles
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def given(store: Store) -> dict[tuple[str, str], int]:
    return {(each.article_id, each.profile_id): each.tenths for each in labels.load(store, "operator")}


def newest(store: Store) -> list[str]:
    return [each.id for each in reversed(articles.load(store))]


def sheet(pilot: Pilot[None]) -> LabelSheet:
    return pilot.app.screen.query_one(LabelSheet)


def notice(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Notice).render())


@pytest.fixture
def labelling(app: StratosApp, settle: Settle) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Open the newest article."""

    async def open_it(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)

    return open_it


@pytest.mark.parametrize(
    ("typed", "score", "complete"),
    [
        ("9", "9", False),
        ("95", "9.5", True),
        ("9.5", "9.5", True),
        ("9.", "9", False),
        ("05", "0.5", True),
        (".5", "0.5", True),
        ("10", "10", False),
        ("10.0", "10.0", True),
        ("10.", "10", False),
        ("", "", False),
    ],
)
def test_a_score_is_read_while_it_is_typed(typed: str, score: str, complete: bool) -> None:
    entry = ScoreEntry(0)
    for each in typed:
        entry = entry.point() if each == "." else entry.digit(each)
    assert (entry.score, entry.complete) == (score, complete)


async def test_digits_choose_profiles_and_give_scores_not_phases(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    first = newest(prepared)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        await pilot.press("1", "9", "full_stop", "5")
        # enter from habit after a score that was complete already does nothing
        await pilot.press("enter")
        await pilot.press("2", "7", "enter")
        await pilot.press("0", "h")
        await pilot.press("3", "0", "4")
        await settle(pilot)
        assert app.current_mode == "articles"
        assert given(prepared) == {
            (first, "kuwait_cpeg"): 95,
            (first, "texas_nurse"): 70,
            (first, "london_finance"): 4,
            (first, "lagos_student_entrepreneur"): 80,
        }
        assert sheet(pilot).state.given["kuwait_cpeg"] == 95


async def test_the_rest_gets_noise_and_the_next_unlabelled_article_comes_by_itself(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    first, second, third = newest(prepared)[:3]
    for profile in profiles.load(prepared):
        labels.set_operator_label(prepared, second, profile.id, 20)
    async with app.run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        # typed ahead: what follows the full stop is meant for the article that comes
        await pilot.press("1", "9", "5", "full_stop", "4", "6", "6")
        await settle(pilot)
        found = given(prepared)
        assert found[first, "kuwait_cpeg"] == 95
        assert [found[first, each.id] for each in profiles.load(prepared)[1:]] == [5] * 9
        assert {key: value for key, value in found.items() if key[0] == third} == {(third, "munich_mecheng"): 66}
        assert str(app.screen.query_one("#labelling-article").border_title) == third


async def test_undo_takes_back_a_step_whole_also_after_a_restart(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    first = newest(prepared)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        await pilot.press("1", "9", "5", "full_stop")
        await settle(pilot)
        assert len(given(prepared)) == 10
    async with StratosApp(prepared, live=False).run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        await pilot.press("right", "right")
        await settle(pilot)
        await pilot.press("u")
        await settle(pilot)
        assert given(prepared) == {(first, "kuwait_cpeg"): 95}
        # it is shown where it was taken back
        assert sheet(pilot).state.given == {"kuwait_cpeg": 95}
        await pilot.press("u", "u")
        await settle(pilot)
        assert given(prepared) == {}
        assert "nothing to take back" in notice(pilot)


async def test_a_score_that_is_none_is_refused_and_can_be_mended(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    first = newest(prepared)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        await pilot.press("1", "5", "enter")
        await settle(pilot)
        assert "5.0 is no score" in notice(pilot)
        assert given(prepared) == {}
        await pilot.press("full_stop", "1")
        await settle(pilot)
        assert given(prepared) == {(first, "kuwait_cpeg"): 51}
        await pilot.press("2", "9", "backspace", "8", "enter")
        await settle(pilot)
        assert given(prepared)[first, "texas_nurse"] == 80
        await pilot.press("3", "7", "escape")
        await settle(pilot)
        assert sheet(pilot).state.entry is None
        assert (first, "london_finance") not in given(prepared)


async def test_bands_go_to_the_row_under_the_cursor_and_the_cursor_goes_on(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    first = newest(prepared)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        await pilot.press("c", "h", "j", "m", "l", "n")
        await settle(pilot)
        ids = [each.id for each in profiles.load(prepared)]
        assert given(prepared) == {
            (first, ids[0]): 95,
            (first, ids[1]): 80,
            (first, ids[3]): 62,
            (first, ids[4]): 35,
            (first, ids[5]): 5,
        }
        await pilot.press("k", "k", "k", "k", "k", "x")
        await settle(pilot)
        assert (first, ids[1]) not in given(prepared)


async def test_others_scores_stand_beside_and_blind_hides_them_until_one_is_given(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    oldest = articles.load(prepared)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("o", "enter")
        await settle(pilot)
        assert [each.source for each in sheet(pilot).state.theirs["kuwait_cpeg"]] == ["expected", "rehearsal"]
        expected = {each.profile_id: each.tenths for each in labels.for_article(prepared, oldest.id)}
        lines = sheet(pilot).render().plain.splitlines()
        assert lines[0].split() == ["profile", "kind", "yours", "expected", "rehearsal"]
        assert lines[1].count(f" {expected['kuwait_cpeg'] / 10} ") == 2
        await pilot.press("b", "1", "c" if expected["kuwait_cpeg"] < 50 else "n")
        await settle(pilot)
        lines = sheet(pilot).render().plain.splitlines()
        assert "≠" in lines[1]
        assert "hidden" not in lines[1]
        assert lines[2].split()[-2:] == ["hidden", "hidden"]


async def test_the_next_article_follows_the_filter(
    app: StratosApp, prepared: Store, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("slash", *"kuwait", "enter")
        table = app.screen.query_one(VirtualTable)
        await until(pilot, lambda: (table.row_count or 999) < 30)
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        matching = {
            each.id
            for each in articles.load(prepared)
            if "kuwait" in f"{each.title} {each.source} {each.id}".casefold()
        }
        for _ in range(3):
            await pilot.press("full_stop")
            await settle(pilot)
        seen = {article for article, _ in given(prepared)}
        assert len(seen) == 3
        assert seen <= matching
        await pilot.press("escape")
        await settle(pilot)
        assert not app.screen.query_one(Labelling).display
        await until(pilot, lambda: table.row and str(table.row.key) in matching - seen)


async def test_more_than_ten_profiles_come_ten_at_a_time(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    for number in range(3):
        profiles.save(
            prepared, Profile(f"more_{number}", "interest", f"Reader {number}", "Oslo", "none", "Reads."), "operator"
        )
    first = newest(prepared)[0]
    async with app.run_test(size=(80, 24)) as pilot:
        await labelling(pilot)
        await pilot.press("tab", "2", "c", "4", "5", "5")
        await settle(pilot)
        # there is no fourth profile on this sheet, so the digits chose nothing
        assert given(prepared) == {(first, "more_1"): 95}
        await pilot.press("full_stop")
        await settle(pilot)
        assert {profile for article, profile in given(prepared) if article == first} == {"more_0", "more_1", "more_2"}


async def test_scores_that_cannot_be_stored_are_not_shown_as_stored(
    app: StratosApp, prepared: Store, settle: Settle, labelling: Settle
) -> None:
    first = newest(prepared)[0]
    async with app.run_test(size=(120, 40)) as pilot:
        await labelling(pilot)
        await pilot.press("1", "9", "5")
        await settle(pilot)
        with prepared.write() as connection:
            connection.execute(
                "CREATE TRIGGER broken BEFORE INSERT ON label_history BEGIN SELECT RAISE(ABORT, 'the disk broke'); END"
            )
        await pilot.press("2", "9", "5")
        await settle(pilot)
        assert "the disk broke" in notice(pilot)
        assert sheet(pilot).state.given == {"kuwait_cpeg": 95}
        # nor is the article left as if it were done
        await pilot.press("full_stop")
        await settle(pilot)
        assert "the disk broke" in notice(pilot)
        assert sheet(pilot).state.given == {"kuwait_cpeg": 95}
        with prepared.write() as connection:
            connection.execute("DROP TRIGGER broken")
        await pilot.press("2", "9", "5")
        await settle(pilot)
        assert given(prepared) == {(first, "kuwait_cpeg"): 95, (first, "texas_nurse"): 95}


async def test_a_kill_right_after_a_key_loses_nothing_that_was_shown_as_stored(store: Store) -> None:
    # the app dies without a word while the operator types; every label that was committed is there, none is halved
    script = """
import asyncio, os, sys
from pathlib import Path
from stratos_tui.app import StratosApp
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.store.db import open_store

async def main():
    store = open_store(Path(sys.argv[1]))
    load_shipped(store)
    app = StratosApp(store, live=False)
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("3", "enter", "1", "9", "5", "full_stop"):
            await pilot.press(key)
            for _ in range(4):
                await pilot.pause()
                await app.workers.wait_for_complete()
        os._exit(9)

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", script, str(store.path)], check=False, capture_output=True)
    assert ended.returncode == 9, ended.stderr[-500:]
    assert sorted(given(store).values()) == [5] * 9 + [95]


async def test_an_empty_sheet_says_where_profiles_come_from(store: Store, settle: Settle) -> None:
    from stratos_tui.records import Article

    articles.add_many(store, [Article("a", "A title", "A body.")], "imported", "test")
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("1", "n", "full_stop", "enter", "x", "u")
        await settle(pilot)
        assert "press 2, then n" in sheet(pilot).render().plain


@SIZES
def test_it_looks_right(
    snap_compare: Any, app: StratosApp, settle: Settle, labelling: Settle, size: tuple[int, int]
) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("o", "enter")
        await settle(pilot)
        await pilot.press("1", "9", "5", "2", "h", "3", "4", "0", "4", "7")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
