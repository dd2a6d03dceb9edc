from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.dialogs import ConfirmScreen, HelpScreen, PromptScreen
from screens.frame import Notice, PhaseScreen
from screens.render import score_text
from screens.widgets.bars import JobLine, KeyBar, Pace, PhaseBar
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import PHASES, StratosApp
from stratos_tui.errors import StratosError
from stratos_tui.store import jobs, labels, pages
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]


class ThingsScreen(PhaseScreen[int]):
    """A listing and a number."""

    PHASE = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "main", "build", tooltip="Build the thing"),
        Binding("b", "break", "break"),
        Binding("a", "label", "label"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.answers: list[Any] = []

    def compose_body(self) -> ComposeResult:
        yield Static(id="count")
        yield ListingTable(
            "articles",
            [Column("title", 20, flex=1), Column("score", 17), Column("source", 12, drop=1)],
            lambda record: (record["title"], score_text(95), record["source"]),
            empty="No articles yet: press i",
        )

    def load(self) -> int:
        self.loads += 1
        return pages.Listing(self.store, "profiles").count()

    def show(self, data: int) -> None:
        self.query_one("#count", Static).update(f"{data} profiles")

    def action_main(self) -> None:
        self.app.push_screen(ConfirmScreen("Build?", "It costs [b]nothing[/b]"), self.answers.append)

    def action_break(self) -> None:
        def work() -> None:
            raise StratosError("line 3: [no] title; nothing was stored")

        self.background(work, again="b")

    def action_label(self) -> None:
        row = self.query_one(ListingTable).row
        assert row is not None
        article = str(row.key)
        self.background(
            lambda: labels.set_operator_label(self.store, article, "texas_nurse", 20),
            lambda _: self.did("labelled", lambda: labels.undo_operator_label(self.store)),
        )


class ThingsApp(StratosApp):
    MODES: ClassVar[dict[str, Any]] = {**StratosApp.MODES, "overview": ThingsScreen}


@pytest.fixture
def things(prepared: Store) -> ThingsApp:
    return ThingsApp(prepared, live=False)


def text(pilot: Pilot[None], widget: type[Any]) -> str:
    found = pilot.app.screen.query_one(widget)
    return "\n".join(found.render_line(y).text for y in range(found.size.height))


def operator_labels(store: Store) -> int:
    return len(labels.load(store, "operator"))


async def test_numbers_brackets_clicks_and_the_palette_go_to_phases(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        names = [phase.name for phase in PHASES]
        for phase in PHASES:
            await pilot.press(phase.key)
            await pilot.pause()
            assert app.current_mode == phase.name
        await pilot.press("right_square_bracket")
        assert app.current_mode == names[0]
        await pilot.press("left_square_bracket")
        assert app.current_mode == names[-1]
        await settle(pilot)
        at = text(pilot, PhaseBar).index("1 Overview")
        await pilot.click(PhaseBar, offset=(at + 3, 0))
        assert app.current_mode == "overview"
        await pilot.press("ctrl+p", *"go to 9")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await settle(pilot)
        assert app.current_mode == names[-1]


async def test_the_bar_marks_the_phase_on_show_and_fits_eighty_columns(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        bar = text(pilot, PhaseBar)
        assert "1 Overview" in bar
        assert all(f"{phase.key} {phase.short[:3]}" in bar for phase in PHASES)


async def test_the_key_bar_shows_the_screens_keys_first_and_letters_are_text_in_a_field(
    things: ThingsApp, settle: Settle
) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        bar = text(pilot, KeyBar)
        assert bar.index("r build") < bar.index("/ filter")
        assert bar.rstrip().endswith("^p find")
        assert "undo" not in bar
        await pilot.press("slash")
        await settle(pilot)
        bar = text(pilot, KeyBar)
        assert "r build" not in bar
        assert "clear it" in bar
        await pilot.press(*"1r?q")
        assert things.screen.query_one(Input).value == "1r?q"
        assert things.current_mode == "overview"


async def test_a_key_in_the_bar_can_be_clicked(things: ThingsApp, settle: Settle) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        at = text(pilot, KeyBar).index("r build")
        await pilot.click(KeyBar, offset=(at + 2, 0))
        await settle(pilot)
        assert isinstance(things.screen, ConfirmScreen)
        await pilot.press("escape")
        await settle(pilot)
        await pilot.click(KeyBar, offset=(text(pilot, KeyBar).index("? help") + 2, 0))
        await settle(pilot)
        assert isinstance(things.screen, HelpScreen)


class ManyKeysScreen(ThingsScreen):
    """More keys than a small terminal has room for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "main", "the main thing"),
        Binding("e", "more", "something"),
        Binding("d", "never", "does not apply"),
        *(Binding(key, f"all('{key}')", f"all of {key}", group=Binding.Group("all")) for key in "AXN"),
        *(Binding(key, f"rare('{key}')", f"rarely {key} needed") for key in "lmw"),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "never" and super().check_action(action, parameters)


class ManyKeysApp(StratosApp):
    MODES: ClassVar[dict[str, Any]] = {**StratosApp.MODES, "overview": ManyKeysScreen}


async def test_where_keys_do_not_fit_the_most_important_show_and_help_has_all(prepared: Store, settle: Settle) -> None:
    app = ManyKeysApp(prepared, live=False)
    async with app.run_test(size=(220, 24)) as pilot:
        await settle(pilot)
        bar = text(pilot, KeyBar)
        for words in ("all of A", "rarely w needed", "b break", "? help", "^p find"):
            assert words in bar
        assert "does not apply" not in bar
        await pilot.resize_terminal(176, 24)
        await settle(pilot)
        bar = text(pilot, KeyBar)
        assert "AXN all" in bar
        assert "rarely w needed" in bar
        assert "? help" in bar
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        bar = text(pilot, KeyBar)
        assert bar.split()[0] == "r"
        assert bar.index("the main thing") < bar.index("something") < bar.index("AXN all")
        assert bar.rstrip().endswith("? more")
        assert "^p" not in bar
        await pilot.click(KeyBar, offset=(bar.index("? more") + 2, 0))
        await settle(pilot)
        said = "\n".join(str(part.render()) for part in app.screen.query(Static))
        for words in ("rarely l needed", "rarely w needed", "all of N"):
            assert words in said


async def test_help_explains_what_is_focused_and_every_key(things: ThingsApp, settle: Settle) -> None:
    async with things.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        said = "\n".join(str(part.render()) for part in things.screen.query(Static))
        for words in ("A table.", "A listing and a number.", "Build the thing", "next phase", "quit"):
            assert words in said
        await pilot.press("question_mark")
        assert not isinstance(things.screen, HelpScreen)


async def test_a_dialog_answers_yes_or_no_and_its_text_is_literal(things: ThingsApp, settle: Settle) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = things.screen
        assert isinstance(screen, ThingsScreen)
        for key in ("y", "n", "escape"):
            await pilot.press("r")
            await settle(pilot)
            said = "\n".join(str(part.render()) for part in things.screen.query(Static))
            assert "[b]nothing[/b]" in said
            await pilot.press(key)
        assert screen.answers == [True, False, False]


async def test_a_prompt_stays_open_until_its_text_is_right(things: ThingsApp, settle: Settle) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        answers: list[str | None] = []
        prompt = PromptScreen("Budget?", value="x", check=lambda given: "" if given.isdigit() else "give a [number]")
        things.push_screen(prompt, answers.append)
        await settle(pilot)
        await pilot.press("enter")
        assert "give a [number]" in "\n".join(str(part.render()) for part in things.screen.query(Static))
        await pilot.press("backspace", "2", "5", "enter")
        assert answers == ["25"]


async def test_an_error_says_what_happened_and_which_key_tries_again(things: ThingsApp, settle: Settle) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        assert "line 3: [no] title; nothing was stored · b tries again" in text(pilot, Notice)
        await pilot.press("escape")
        await settle(pilot)
        assert not things.screen.query_one(Notice).display


async def test_an_answer_goes_by_itself_and_an_error_stays(
    things: ThingsApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.frame.ANSWER_SECONDS", 0.05)
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        # where the store is not watched an answer stays
        things.live = True
        screen = things.screen
        assert isinstance(screen, ThingsScreen)
        notice = screen.query_one(Notice)
        screen.say("[b]done[/b]")
        assert notice.display
        await pilot.pause(0.2)
        assert not notice.display
        screen.say("soon gone")
        screen.fail("no disk")
        await pilot.pause(0.2)
        assert "no disk" in text(pilot, Notice)


async def test_u_takes_back_the_last_change(things: ThingsApp, prepared: Store, settle: Settle) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert operator_labels(prepared) == 1
        assert "u undo" in text(pilot, KeyBar)
        await pilot.press("u")
        await settle(pilot)
        assert operator_labels(prepared) == 0
        assert "undo" not in text(pilot, KeyBar)


async def test_typing_filters_enter_keeps_and_escape_clears(things: ThingsApp, settle: Settle) -> None:
    async with things.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        listing = things.screen.query_one(ListingTable)
        assert listing.table.row_count == 101
        await pilot.press("slash", *"[red]", "enter")
        await settle(pilot)
        assert listing.table.row_count == 1
        assert "[red]Not red[/] ␛[31mnot red" in text(pilot, VirtualTable)
        await pilot.press("escape")
        await settle(pilot)
        assert listing.table.row_count == 101
        await pilot.press("o", "o")
        await settle(pilot)
        assert "by title" in str(listing.query_one(Static).render())


async def test_what_somebody_else_commits_shows_by_itself(prepared: Store, settle: Settle) -> None:
    app = ThingsApp(prepared)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, ThingsScreen)
        table = screen.query_one(ListingTable).table
        await pilot.press("j", "j")
        row = table.row
        assert row is not None
        with prepared.write() as connection:
            connection.execute("UPDATE articles SET title = 'changed elsewhere' WHERE id = ?", (row.key,))
            connection.execute(
                "INSERT INTO articles (id, content_key, title, body, source, source_type, url, category, collection,"
                " origin, added_at) VALUES ('z', 'z', 'newer', '', '', 'news', '', '', 'imported', '', '')"
            )
        job = jobs.add(prepared, "distill", {})
        jobs.start(prepared, job)
        jobs.beat(prepared, job, 1412, 5900, "batch 3")
        for _ in range(100):
            await asyncio.sleep(0.05)
            if table.row and table.row.cells[0] == "changed elsewhere" and "1,412 of 5,900" in text(pilot, JobLine):
                break
        assert table.cursor == 3
        assert "1,412 of 5,900" in text(pilot, JobLine)
        assert screen.loads > 1


def test_a_pace_knows_what_is_left_and_begins_anew() -> None:
    pace = Pace()
    pace.saw(0, 0, 100)
    assert pace.left() is None
    pace.saw(10, 20, 100)
    assert pace.left() == pytest.approx(40)
    pace.saw(12, 0, 30)
    assert pace.left() is None
