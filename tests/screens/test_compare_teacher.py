"""Asking a teacher live from the comparison: by keys, against the real rehearsal and a server of the test's own."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.compare_teacher import OfferScreen
from screens.dialogs import PromptScreen
from screens.frame import Notice
from screens.widgets.score_column import ScoreColumn
from screens.widgets.trace_view import TraceView
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.distill.budget import set_workspace_cap
from stratos_tui.distill.pausing import pause, resume
from stratos_tui.prism import rubric
from stratos_tui.prism.trace import render_completion
from stratos_tui.store import acknowledgements, ledger
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Spend
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, price_teacher
from stratos_tui.teachers.rehearsal.reading import read_pair

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SIDES = ("left", "right")


@pytest.fixture
def fresh(seeded: Store) -> StratosApp:
    """An app over shipped data: no teacher was ever asked."""
    return StratosApp(seeded, live=False)


@pytest.fixture
def served(seeded: Store, chat_server: ChatServer, reply: type[Reply], monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a paid teacher under its vendor's terms, on a server that answers as the rubric does."""
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(key, raising=False)

    def answer(body: dict[str, Any]) -> Reply:
        asked = read_pair(body["messages"][1]["content"])
        said = rubric.answer(asked.profile, asked.article, asked.reference_date)
        message = {"role": "assistant", "content": render_completion(said.trace, said.tenths, said.reason)}
        choices = [{"message": message, "finish_reason": "stop"}]
        return reply({"model": "m", "choices": choices, "usage": {"prompt_tokens": 1200, "completion_tokens": 111}})

    chat_server.answer = answer
    name = f"openai:claude-copy@{chat_server.url}"
    price_teacher(seeded, name, "1/5")
    return name


async def open_compare(pilot: Pilot[None], settle: Settle) -> None:
    await settle(pilot)
    await pilot.press("9")
    await settle(pilot)


async def offered(pilot: Pilot[None], until: Until) -> str:
    """Press the key that asks, and return what the window says."""
    await pilot.press("T")
    await until(pilot, lambda: isinstance(pilot.app.screen, OfferScreen) and pilot.app.screen.query(".keys"))
    return dialog(pilot)


async def take_teacher(pilot: Pilot[None], name: str, until: Until) -> str:
    """Choose another teacher in the window, and return what it says then."""
    await pilot.press("t")
    await until(pilot, lambda: isinstance(pilot.app.screen, PromptScreen) and pilot.app.screen.query(Input))
    pilot.app.screen.query_one(Input).value = name
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, OfferScreen) and pilot.app.screen.query(".keys"))
    return dialog(pilot)


def dialog(pilot: Pilot[None]) -> str:
    return " ".join(
        "\n".join(str(each.content) for each in pilot.app.screen.query(".dialog Static").results(Static)).split()
    )


def column(pilot: Pilot[None], side: str) -> ScoreColumn:
    return pilot.app.screen_stack[0].query_one(f"#{side}", ScoreColumn)


def taught(pilot: Pilot[None], side: str) -> str:
    return str(column(pilot, side).query_one(".teacher", Static).content)


def traces(pilot: Pilot[None], side: str) -> str:
    return column(pilot, side).query_one(TraceView).text


def notice(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Notice).content)


def both(pilot: Pilot[None], words: str) -> Callable[[], bool]:
    return lambda: all(words in taught(pilot, side) for side in SIDES)


def requests(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM requests"))


async def test_the_rehearsal_answers_about_both_sides_once(
    fresh: StratosApp, seeded: Store, settle: Settle, until: Until
) -> None:
    async with fresh.run_test(size=(120, 40)) as pilot:
        await open_compare(pilot, settle)
        # however often the key is pressed, there is one window
        await pilot.press("T")
        said = await offered(pilot, until)
        assert "Ask rehearsal 2 times?" in said
        assert "kuwait_cpeg to be asked, at most $" in said
        assert "simulated" in said
        assert requests(seeded) == 0
        await pilot.press("n")
        await settle(pilot)
        assert len(pilot.app.screen_stack) == 1
        assert (requests(seeded), notice(pilot)) == (0, "nothing was asked")
        await offered(pilot, until)
        await pilot.press("y")
        await until(pilot, both(pilot, "asked now"))
        stored = seeded.rows(
            "SELECT profile_id, tenths, reason, trace FROM requests JOIN judgements ON request_id = id"
        )
        assert len(stored) == 2
        for side, row in zip(SIDES, sorted(stored, key=lambda row: row["profile_id"]), strict=True):
            own = column(pilot, side)
            assert own.profile is not None
            assert own.profile.id == row["profile_id"]
            assert taught(pilot, side).startswith(f"rehearsal {row['tenths'] / 10} ")
            assert row["reason"] in taught(pilot, side)
            assert own.scored is not None
            assert traces(pilot, side).startswith(own.scored.trace)
            assert f"── rehearsal · asked now ──\n{row['trace']}\nSCORE: {row['tenths'] / 10}" in traces(pilot, side)
        # the answers go with their profiles, and nothing that is stored is asked again
        await pilot.press("t")
        await settle(pilot)
        assert both(pilot, "asked now")()
        said = await offered(pilot, until)
        assert "nothing is asked" in said
        await pilot.press("y")
        await until(pilot, both(pilot, "stored, "))
        assert requests(seeded) == 2
        assert ledger.spend(seeded, simulated=False) == Spend(0, 0)


async def test_a_paid_teacher_needs_a_cap_and_the_terms_before_anything_is_sent(
    fresh: StratosApp, seeded: Store, chat_server: ChatServer, served: str, settle: Settle, until: Until
) -> None:
    async with fresh.run_test(size=(120, 40)) as pilot:
        await open_compare(pilot, settle)
        await offered(pilot, until)
        assert "`stratos distill cap USD`" in await take_teacher(pilot, served, until)
        await pilot.press("y")
        await settle(pilot)
        assert isinstance(pilot.app.screen, OfferScreen)
        await pilot.press("escape")
        set_workspace_cap(seeded, 0.001, simulated=False)
        said = await offered(pilot, until)
        assert "is free under the cap" in said
        await pilot.press("y", "escape")
        set_workspace_cap(seeded, 1.0, simulated=False)
        pause(seeded)
        assert "`stratos distill resume`" in await offered(pilot, until)
        await pilot.press("y", "escape")
        resume(seeded)
        await offered(pilot, until)
        assert "set ANTHROPIC_API_KEY" in await take_teacher(pilot, "claude:claude-opus-5-5", until)
        await pilot.press("y")
        await take_teacher(pilot, served, until)
        await pilot.press("escape")
        assert (chat_server.asked, requests(seeded)) == ([], 0)
        assert not acknowledgements.given(seeded, TERMS_SUBJECT, TERMS_NOTICE)

        said = await offered(pilot, until)
        assert TERMS_NOTICE in said
        assert "cap $1.00" in said
        assert "at most $" in said
        await pilot.press("y")
        await until(pilot, both(pilot, "$0.0018 paid · 1,200 → 111 tok · asked now"))
        assert acknowledgements.given(seeded, TERMS_SUBJECT, TERMS_NOTICE)
        assert ledger.spend(seeded, simulated=False) == Spend(2 * (1200 * 1_000 + 111 * 5_000), 0)
        # one side is known now: only the other one is asked
        await pilot.press("right")
        await settle(pilot)
        assert "Ask " + served + " 1 time?" in await offered(pilot, until)
        await pilot.press("y")
        await until(pilot, lambda: "asked now" in taught(pilot, "left") and "stored" in taught(pilot, "right"))
        assert (len(chat_server.asked), requests(seeded)) == (3, 3)


async def test_keys_are_answered_while_the_teacher_thinks(
    fresh: StratosApp, seeded: Store, chat_server: ChatServer, served: str, settle: Settle, until: Until
) -> None:
    set_workspace_cap(seeded, 1.0, simulated=False)
    at_once, go = chat_server.answer, threading.Event()

    def late(body: dict[str, Any]) -> Reply:
        go.wait(60)
        return at_once(body)

    chat_server.answer = late
    async with fresh.run_test(size=(80, 24)) as pilot:
        await open_compare(pilot, settle)
        try:
            await offered(pilot, until)
            await take_teacher(pilot, served, until)
            await pilot.press("y")
            await until(pilot, both(pilot, "is being asked"))
            await pilot.press("T")
            assert "its answers come by themselves" in notice(pilot)
            title = str(pilot.app.screen.query_one("#article").border_title)
            await pilot.press("n")
            await until(pilot, lambda: str(pilot.app.screen.query_one("#article").border_title) != title)
            await until(pilot, lambda: not column(pilot, "left").query(".teacher.-on"))
            await pilot.press("p")
            await until(pilot, both(pilot, "is being asked"))
            # leaving would wait for what may be paid: it takes a second q
            await pilot.press("q")
            await pilot.pause()
            assert "q again leaves, and waits up to 30 s" in notice(pilot)
            assert pilot.app.is_running
        finally:
            go.set()
        await until(pilot, both(pilot, "asked now"))
        assert fresh.awaited == ""
        assert len(chat_server.asked) == 2


async def test_a_rejected_answer_shows_the_rule_and_an_error_which_key_tries_again(
    fresh: StratosApp,
    seeded: Store,
    chat_server: ChatServer,
    reply: type[Reply],
    served: str,
    settle: Settle,
    until: Until,
) -> None:
    set_workspace_cap(seeded, 1.0, simulated=False)
    well = chat_server.answer
    content = "<think>\n[red]Noise.[/] \x1b[2J\n</think>\n\nSCORE: 0.5 | REASON: [bold]Nothing[/]"
    choices = [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]
    chat_server.answer = lambda body: reply({"model": "m", "choices": choices})
    async with fresh.run_test(size=(120, 40)) as pilot:
        await open_compare(pilot, settle)
        await offered(pilot, until)
        await take_teacher(pilot, served, until)
        await pilot.press("y")
        await until(pilot, both(pilot, "asked now"))
        assert "0.5 · [bold]Nothing[/]\n✗ too short: " in taught(pilot, "left")
        assert "[red]Noise.[/]" in traces(pilot, "left")
        # two other pairs: the first is refused, and the second is not asked
        chat_server.answer = lambda body: reply({"error": {"message": "no such account"}}, status=401)
        await pilot.press("n")
        await settle(pilot)
        asked = len(chat_server.asked)
        await offered(pilot, until)
        await pilot.press("y")
        await until(pilot, lambda: "✗" in notice(pilot))
        assert "no such account" in notice(pilot)
        assert notice(pilot).endswith("T tries again")
        assert len(chat_server.asked) == asked + 1
        assert not column(pilot, "left").query(".teacher.-on")
        chat_server.answer = well
        await offered(pilot, until)
        await pilot.press("y")
        await until(pilot, both(pilot, "asked now"))


async def show_stored(pilot: Pilot[None], store: Store, settle: Settle, until: Until) -> None:
    """Go to an article whose two pairs the rehearsal has answered, and have its answers shown."""
    title = store.value(
        "SELECT title FROM articles WHERE 2 = (SELECT count(*) FROM requests WHERE article_id = articles.id"
        " AND state = 'accepted' AND profile_id IN ('kuwait_cpeg', 'texas_nurse')) ORDER BY seq"
    )
    await open_compare(pilot, settle)
    await pilot.press("slash")
    pilot.app.screen.query_one(Input).value = title
    table = pilot.app.screen.query_one(VirtualTable)
    await until(pilot, lambda: table.row_count == 1)
    await pilot.press("enter", "enter")
    await settle(pilot)
    assert "nothing is asked" in await offered(pilot, until)
    await pilot.press("y")
    await until(pilot, both(pilot, "stored, 2026-11-12"))


async def test_the_teacher_used_last_is_offered_and_what_it_accepted_is_shown_as_stored(
    app: StratosApp, prepared: Store, settle: Settle, until: Until
) -> None:
    before = requests(prepared)
    async with app.run_test(size=(120, 40)) as pilot:
        await show_stored(pilot, prepared, settle, until)
        assert "$0.0042 simulated · 1,100 → 200 tok" in taught(pilot, "left")
        await pilot.press("y")
        assert app.clipboard.count("by rehearsal\nPROFILE:") == len(SIDES)
        await pilot.press("m", "T")
        await settle(pilot)
        assert "m shows them" in notice(pilot)
        assert requests(prepared) == before


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_it_looks_right(
    snap_compare: Any, app: StratosApp, prepared: Store, settle: Settle, until: Until, size: tuple[int, int]
) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await show_stored(pilot, prepared, settle, until)
        # how long the rubric took is different every time
        for side in SIDES:
            scored = column(pilot, side).scored
            assert scored is not None
            column(pilot, side).finish(replace(scored, latency_ms=1.2))
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)


async def test_a_teacher_that_is_none_says_so_and_the_one_before_stays(
    fresh: StratosApp, seeded: Store, settle: Settle, until: Until
) -> None:
    async with fresh.run_test(size=(120, 40)) as pilot:
        await open_compare(pilot, settle)
        for name, words in (("rubric", "is the scorer of the same name"), ("claude:[red]", "price")):
            await offered(pilot, until)
            await pilot.press("t")
            await until(pilot, lambda: pilot.app.screen.query(Input))
            pilot.app.screen.query_one(Input).value = name
            await pilot.press("enter")
            await until(pilot, lambda: "✗" in notice(pilot))
            assert words in notice(pilot)
            assert notice(pilot).endswith("T tries again")
        assert "Ask rehearsal" in await offered(pilot, until)
        assert requests(seeded) == 0
