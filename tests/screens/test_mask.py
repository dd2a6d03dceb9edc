from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Static

from screens import mask_text
from screens.mask import MaskScreen
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.db import Store
from stratos_tui.training.mask import Token
from stratos_tui.training.mask_worker import MaskReader
from tests.builds import change

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
HOSTILE = "[red]not red[/] \x1b[31mnot red\x1b[0m \u202edlrow"


def totals(app: StratosApp) -> str:
    return str(app.screen.query_one("#totals", Static).content) if isinstance(app.screen, MaskScreen) else ""


def title(app: StratosApp) -> str:
    return str(app.screen.query_one("#lens").border_title)


def pane(app: StratosApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", TextPane).query_one(Static).content)


def table(app: StratosApp) -> VirtualTable:
    return app.screen.query_one("#tokens", VirtualTable)


def cells(app: StratosApp) -> list[str]:
    row = table(app).row
    return [] if row is None else [str(cell) for cell in row.cells]


def readers(store: Store) -> list[str]:
    """The processes that read tokens of a store."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "stratos_tui.training.mask_worker" in words and str(store.path.resolve()) in words:
            found.append(each.parent.name)
    return found


async def test_the_lens_tells_what_carries_loss_by_sign_and_goes_to_any_example(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    change(
        prepared,
        "UPDATE dataset_examples SET prompt = ? WHERE split = 'train' AND position = 2",
        f"<|im_start|>user\n{HOSTILE}<|im_end|>\n",
    )
    pytest.importorskip("trl", reason="the training stack is not installed")
    of = datasets.count(prepared, 1, "train")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("7")
        await settle(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "supervised" in totals(app))
        await settle(pilot)
        row = datasets.row(prepared, 1, "train", 0)
        assert row is not None
        assert f"train example 1 of {of:,} · dataset 1 · nano" in title(app)
        assert pane(app, "prompt") == row.prompt
        assert pane(app, "completion") == f"{row.completion}<|im_end|>"
        assert ", <think> … <|im_end|>" in totals(app)
        assert cells(app)[1] == "·"
        # to the row that says where the prompt ends, and the tokens on both sides of it
        await pilot.press("b")
        await settle(pilot)
        assert "prompt ends" in cells(app)[3]
        await pilot.press("j")
        await settle(pilot)
        assert cells(app)[1] == "+"
        assert cells(app)[2].isdecimal()
        await pilot.press("k", "k")
        await settle(pilot)
        assert cells(app)[1] == "·"
        # any example by its number; a number that there is not stays a question
        await pilot.press("e")
        await settle(pilot)
        await pilot.press("backspace", "0", "enter")
        await settle(pilot)
        assert not isinstance(app.screen, MaskScreen)
        await pilot.press("backspace", "3", "enter")
        await until(pilot, lambda: "[red]" in pane(app, "prompt") if isinstance(app.screen, MaskScreen) else False)
        assert "[red]not red[/] ␛[31mnot red␛[0m" in pane(app, "prompt")
        assert "\u202e" not in pane(app, "prompt")
        # the other split, by the same process, which ends with the lens
        [reader] = readers(prepared)
        await pilot.press("s")
        await until(pilot, lambda: "eval example 1 of" in title(app))
        assert readers(prepared) == [reader]
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(app.screen, MaskScreen)
        assert readers(prepared) == []


async def test_on_the_dataset_screen_it_opens_at_the_example_under_the_cursor(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("enter", "j")
        await settle(pilot)
        await pilot.press("m")
        await settle_title(pilot, until, app)
        assert "train example 2" in title(app)


async def settle_title(pilot: Pilot[None], until: Until, app: StratosApp) -> None:
    await until(pilot, lambda: isinstance(app.screen, MaskScreen) and "example" in title(app))


async def test_what_cannot_be_read_is_said(prepared: Store, app: StratosApp, settle: Settle, until: Until) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await app.push_screen(MaskScreen(99, "nano", {}))
        await until(pilot, lambda: "✗" in totals(app))
        assert "dataset 99" in totals(app)


def test_a_hole_in_the_completion_stands_out() -> None:
    tokens = [Token(1, "a", False), Token(2, "b", True), Token(3, "c", False), Token(4, "\n d", True)]
    assert "✗ tokens behind the prompt carry no loss" in mask_text.totals(tokens).plain
    assert [str(row.cells[1]) for row in mask_text.rows(tokens)] == ["·", "", "+", "·", "+"]
    assert str(mask_text.rows(tokens)[-1].cells[3]) == "⏎␣d"
    assert "nothing carries loss" in mask_text.totals(tokens[:1]).plain


@given(st.lists(st.builds(Token, st.integers(0, 200_000), st.text(max_size=8), st.booleans()), max_size=30))
def test_whatever_a_token_stands_for_stays_on_its_line(tokens: list[Token]) -> None:
    for row in mask_text.rows(tokens):
        # nothing that a terminal would obey, a line end above all
        assert not {unicodedata.category(char) for char in str(row.cells[3])} & {"Cc", "Cs", "Zl", "Zp"}


@SNAPSHOTS
def test_it_looks_right(
    snap_compare: Any,
    prepared: Store,
    app: StratosApp,
    settle: Settle,
    until: Until,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def words(reader: MaskReader, split: Split, position: int) -> list[Token]:
        row = datasets.row(prepared, 1, split, position)
        assert row is not None
        parts = ((row.prompt, False), (row.completion, True))
        return [
            Token(len(word), word, supervised) for text, supervised in parts for word in re.findall(r"\s?\S+|\s", text)
        ]

    # the look needs no tokenizer
    monkeypatch.setattr(MaskReader, "tokens", words)

    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("7")
        await settle(pilot)
        await pilot.press("m")
        await until(pilot, lambda: "supervised" in totals(app))
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
