from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.articles import wrong_path
from screens.dialogs import PromptScreen
from screens.frame import Notice
from screens.widgets.path_suggester import completed
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.store import articles, jobs
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def shown(pilot: Pilot[None], pane: str) -> str:
    content = pilot.app.screen.query_one(f"#{pane} Static", Static)
    return " ".join(" ".join(content.render_line(y).text for y in range(content.size.height)).split())


def notice(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Notice).render())


async def test_articles_are_browsed_filtered_and_read(
    app: StratosApp, prepared: Store, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        table = app.screen.query_one(VirtualTable)
        assert table.row_count == articles.count(prepared)
        # the newest tries to be markup, an escape code and a control token, and is text
        assert "A title that tries everything." in shown(pilot, "preview")
        assert "Not red" in str(app.screen.query_one("#preview").border_title)
        await pilot.press("slash", *"cpeg")
        await until(pilot, lambda: table.row_count == 1)
        await until(pilot, lambda: "deadline 30 Dec 2026" in shown(pilot, "preview"))
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count == articles.count(prepared))


async def test_a_file_is_imported_by_another_process_and_what_it_did_is_shown(
    app: StratosApp, prepared: Store, settle: Settle, until: Until, tmp_path: Path
) -> None:
    known = articles.load(prepared)[0]
    lines = [
        json.dumps({"title": "A new article", "body": "About something that nobody had stored."}),
        json.dumps({"title": known.title, "body": known.body}),
        '{"title": "no body"',
    ]
    file = tmp_path / "two words.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    before = articles.count(prepared)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("i", *str(tmp_path / "absent.jsonl"), "enter")
        await settle(pilot)
        assert isinstance(app.screen, PromptScreen)
        await pilot.press("escape", "i", *str(file), "enter")
        await until(pilot, lambda: "import:" in notice(pilot))
        await settle(pilot)
        assert "1 added, 1 duplicate, 1 rejected" in notice(pilot)
        assert "line 3" in shown(pilot, "preview")
        assert articles.count(prepared) == before + 1
        await until(pilot, lambda: app.screen.query_one(VirtualTable).row_count == before + 1)
        # it can be read again later
        await pilot.press("j")
        await settle(pilot)
        assert "line 3" not in shown(pilot, "preview")
        await pilot.press("l")
        await settle(pilot)
        assert "1 added, 1 duplicate, 1 rejected" in shown(pilot, "preview")


async def test_an_import_that_fails_says_why_and_which_key_tries_again(
    app: StratosApp, prepared: Store, settle: Settle, until: Until, tmp_path: Path
) -> None:
    file = tmp_path / "picture.jsonl"
    file.write_bytes(bytes(range(256)) * 40)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("i", *str(file), "enter")
        await until(pilot, lambda: "import failed" in notice(pilot))
        assert notice(pilot).endswith("i tries again")
        failed = next(job for job in jobs.latest(prepared) if job.kind == "import")
        assert failed.state == "failed"
        assert failed.error in notice(pilot)


async def test_an_empty_store_says_how_articles_come(store: Store, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        assert "i imports a file" in app.screen.query_one(VirtualTable).empty
        await pilot.press("enter", "l")
        await settle(pilot)
        assert "nothing was imported yet" in notice(pilot)


def test_what_is_typed_as_a_path_is_checked(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert wrong_path(str(tmp_path / "a.jsonl")) == ""
    assert wrong_path(f" {tmp_path / 'a.jsonl'} ") == ""
    assert "is not there" in wrong_path(str(tmp_path / "b.jsonl"))
    assert "is a folder" in wrong_path(str(tmp_path))
    assert wrong_path("  ") == "type the path of a file, or press escape"
    assert "\0" not in wrong_path("a\0b")
    assert wrong_path("~nobody-of-this-name/x") != ""
    assert wrong_path("x" * 5000) != ""


def test_a_path_is_completed_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "articles.jsonl").touch()
    (tmp_path / "archive").mkdir()
    (tmp_path / "bad\x1b[31mname").touch()
    assert completed(f"{tmp_path}/art") == f"{tmp_path}/articles.jsonl"
    assert completed(f"{tmp_path}/ar") == f"{tmp_path}/archive/"
    assert completed(f"{tmp_path}/b") is None
    assert completed(f"{tmp_path}/") is None
    assert completed(f"{tmp_path}/nowhere/x") is None


@SIZES
def test_it_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
