from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.frame import Notice
from screens.render import clean
from screens.widgets.chooser import ChooseScreen
from screens.widgets.score_column import ScoreColumn
from screens.widgets.score_matrix import ScoreMatrix
from screens.widgets.trace_view import TraceView
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.prism import rubric
from stratos_tui.records import Scored
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
EQUATE = "equate-cpeg-graduate-programme"


def column(pilot: Pilot[None], side: str) -> ScoreColumn:
    return pilot.app.screen.query_one(f"#{side}", ScoreColumn)


def ids(pilot: Pilot[None]) -> tuple[str, str]:
    left, right = column(pilot, "left").profile, column(pilot, "right").profile
    assert left is not None
    assert right is not None
    return left.id, right.id


def title(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#article").border_title)


def text(pilot: Pilot[None], where: str) -> str:
    return str(pilot.app.screen.query_one(where, Static).render())


def notice(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Notice).render())


@pytest.fixture
def compare(settle: Settle) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def open_it(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)

    return open_it


async def test_it_opens_on_the_plans_example_scored_by_the_rubric_with_the_gap(
    app: StratosApp, prepared: Store, compare: Settle
) -> None:
    article = articles.get(prepared, EQUATE)
    assert article is not None
    assert article.fetched is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot)
        assert title(pilot) == article.title
        assert ids(pilot) == ("kuwait_cpeg", "texas_nurse")
        tenths = []
        for side, profile_id in zip(("left", "right"), ids(pilot), strict=True):
            profile = profiles.get(prepared, profile_id)
            assert profile is not None
            answer = rubric.answer(profile, article, article.fetched)
            scored = column(pilot, side).scored
            assert scored is not None
            assert (scored.tenths, scored.reason, scored.trace) == (answer.tenths, answer.reason, answer.trace)
            assert column(pilot, side).query_one(TraceView).text == answer.trace
            tenths.append(answer.tenths)
        assert text(pilot, "#gap") == f"gap {(tenths[0] - tenths[1]) / 10} points ▲ passes 3.0  rubric"
        assert "expected 9.5 ●" in text(pilot, "#left .references")
        assert "expected 0.5 ·" in text(pilot, "#right .references")


async def test_articles_profiles_and_sides_change_by_keys(
    app: StratosApp, prepared: Store, compare: Settle, settle: Settle
) -> None:
    stored = articles.load(prepared)
    at = next(number for number, each in enumerate(stored) if each.id == EQUATE)
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot)
        # leafing fast ends on the right article, scored
        await pilot.press("n", "n", "n", "p")
        await settle(pilot)
        assert title(pilot) == stored[at + 2].title
        scored = column(pilot, "left").scored
        assert scored is not None
        assert scored.article_id == stored[at + 2].id
        await pilot.press("t")
        await settle(pilot)
        assert ids(pilot) == ("texas_nurse", "kuwait_cpeg")
        await pilot.press("right")
        await settle(pilot)
        assert ids(pilot) == ("london_finance", "kuwait_cpeg")
        # a profile that is on the other side is passed over
        await pilot.press("left", "left")
        await settle(pilot)
        assert ids(pilot) == ("lagos_student_entrepreneur", "kuwait_cpeg")
        await pilot.press("tab", "enter", *"wash", "enter")
        await settle(pilot)
        assert ids(pilot) == ("lagos_student_entrepreneur", "dc_cybersec")
        for side, profile_id in zip(("left", "right"), ids(pilot), strict=True):
            scored = column(pilot, side).scored
            assert scored is not None
            assert scored.profile_id == profile_id


async def test_an_article_is_found_by_its_words(app: StratosApp, compare: Settle, settle: Settle, until: Until) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot)
        await pilot.press("slash", *"jwst")
        table = app.screen.query_one(VirtualTable)
        await until(pilot, lambda: table.row_count == 1)
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert "JWST" in title(pilot)
        await pilot.press("slash", "escape", "escape")
        await settle(pilot)
        assert "JWST" in title(pilot)


async def test_the_matrix_scores_every_profile_and_puts_one_beside_another(
    app: StratosApp, prepared: Store, compare: Settle, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot)
        await pilot.press("m")
        await settle(pilot)
        matrix = app.screen.query_one(ScoreMatrix)
        assert set(matrix.said) == {each.id for each in profiles.load(prepared)}
        await until(pilot, lambda: matrix.row and "●" in str(matrix.row.cells[2]))
        assert text(pilot, "#gap").startswith("widest gap ")
        await pilot.press("G")
        await until(pilot, lambda: "Lagos" in app.screen.query_one("#trace", TraceView).text)
        await pilot.press("enter")
        await settle(pilot)
        assert ids(pilot) == ("lagos_student_entrepreneur", "kuwait_cpeg")
        assert column(pilot, "left").display


async def test_a_run_whose_model_is_gone_says_so_and_which_key_tries_again(
    app: StratosApp, compare: Settle, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot)
        await pilot.press("s")
        await settle(pilot)
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "✗" in notice(pilot))
        assert "model is not in" in notice(pilot)
        assert notice(pilot).endswith("r tries again")
        assert "no answer" in text(pilot, "#left .score")
        # the rubric and the run that scored this pair before stand beside it all the same
        assert "rubric" in text(pilot, "#left .references")
        await pilot.press("s")
        await settle(pilot)
        await pilot.press(*"rub", "enter")
        await settle(pilot)
        assert "passes 3.0" in text(pilot, "#gap")


async def test_a_student_streams_and_a_new_choice_drops_what_was_under_way(
    app: StratosApp, prepared: Store, tiny_model: Path, compare: Settle, settle: Settle, until: Until
) -> None:
    folder = Path(f"{prepared.path}.models/run-1")
    shutil.copytree(tiny_model, folder / "model")
    with prepared.write() as connection:
        connection.execute("UPDATE runs SET folder = ?", (str(folder),))
    async with app.run_test(size=(120, 40)) as pilot:
        await compare(pilot)
        await pilot.press("s")
        await settle(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "loading the model" in text(pilot, "#left .score"))
        # keys are answered while it loads; the article that was left is not scored after all
        await pilot.press("n")
        await until(pilot, lambda: column(pilot, "left").scored and column(pilot, "right").scored)
        scored = column(pilot, "left").scored
        assert scored is not None
        assert scored.article_id != EQUATE
        assert scored.tokens_out > 0
        assert column(pilot, "left").query_one(TraceView).text == clean(scored.raw)
        assert "run 1" in text(pilot, "#left .score")
        assert "rubric" in text(pilot, "#left .references")
        # one that is known is shown at once: nothing is asked again
        await pilot.press("t")
        await pilot.pause()
        assert column(pilot, "right").scored == scored


async def test_an_empty_store_says_where_articles_come_from(store: Store, compare: Settle, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await compare(pilot)
        assert "Press 3, then i" in text(pilot, "#article Static")
        await pilot.press("n", "p", "t", "m", "m", "r", "y", "right", "enter")
        await settle(pilot)
        assert "no profiles" in notice(pilot)


@pytest.mark.parametrize("matrix", [False, True], ids=["sides", "matrix"])
@SIZES
def test_it_looks_right(
    snap_compare: Any,
    app: StratosApp,
    compare: Settle,
    settle: Settle,
    until: Until,
    size: tuple[int, int],
    matrix: bool,
) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await compare(pilot)
        if matrix:
            await pilot.press("m")
            await settle(pilot)
            table = pilot.app.screen.query_one(ScoreMatrix)
            await until(pilot, lambda: table.row and "●" in str(table.row.cells[2]))
        # how long the rubric took is different every time
        for side in ("left", "right"):
            scored = column(pilot, side).scored
            assert isinstance(scored, Scored)
            column(pilot, side).finish(replace(scored, latency_ms=1.2))
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
