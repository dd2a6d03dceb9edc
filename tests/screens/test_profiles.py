from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.dialogs import ConfirmScreen
from screens.frame import Notice
from screens.widgets.profile_form import ProfileForm
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.prism.prompts import system_prompt
from stratos_tui.store import profiles
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


def shown(pilot: Pilot[None], pane: str) -> str:
    """What a pane holds, without what wrapping does to it."""
    content = pilot.app.screen.query_one(f"#{pane} Static", Static)
    return " ".join(" ".join(content.render_line(y).text for y in range(content.size.height)).split())


def notice(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(Notice).render())


def blame(pilot: Pilot[None], field: str) -> str:
    return str(pilot.app.screen.query_one(f"#field-{field} > Static", Static).render())


def active(pilot: Pilot[None]) -> set[str]:
    return {each.binding.action for each in pilot.app.screen.active_bindings.values() if each.enabled}


async def test_the_profile_under_the_cursor_shows_its_fields_its_prompts_and_what_is_stored(
    app: StratosApp, prepared: Store, settle: Settle
) -> None:
    nurse = profiles.get(prepared, "texas_nurse")
    assert nurse is not None
    async with app.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)
        for words in (
            "Emergency room (ER) registered nurse",
            "Memorial Hermann",
            "100 expected labels",
            "run 1 scores",
        ):
            assert words in shown(pilot, "detail")
        for wording in (0, 1, 2, 3, 0):
            assert shown(pilot, "prompt") == " ".join(system_prompt(nurse, wording).split())
            await pilot.press("v")
            await settle(pilot)


async def test_an_edit_shows_in_the_prompt_while_it_is_typed_is_stored_and_is_undone(
    app: StratosApp, prepared: Store, settle: Settle
) -> None:
    before = profiles.get(prepared, "kuwait_cpeg")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await pilot.press("end", *" in 2026")
        await settle(pilot)
        assert "Computer Engineering (CPEG) fresh graduate in 2026 in Kuwait" in shown(pilot, "prompt")
        assert profiles.get(prepared, "kuwait_cpeg") == before
        # digits and letters belong to the field: no phase was left, nothing was undone
        assert app.current_mode == "profiles"
        await pilot.press("ctrl+s")
        await settle(pilot)
        after = profiles.get(prepared, "kuwait_cpeg")
        assert after is not None
        assert before is not None
        assert after == replace(before, role=f"{before.role} in 2026")
        assert profiles.origins(prepared)["kuwait_cpeg"] == "operator"
        assert not app.screen.query(ProfileForm)
        await pilot.press("u")
        await settle(pilot)
        assert profiles.get(prepared, "kuwait_cpeg") == before
        assert len(profiles.revisions(prepared, "kuwait_cpeg")) == 2
        await pilot.press("u")
        await settle(pilot)
        assert "has no earlier state" in notice(pilot)


async def test_what_the_lint_finds_stands_beside_its_field_and_saving_asks_twice(
    app: StratosApp, prepared: Store, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("j", "enter")
        await settle(pilot)
        await pilot.press("end", *", recent graduate")
        await settle(pilot)
        assert "seniority" in blame(pilot, "seniority")
        assert "is experienced, but the role says graduate" in blame(pilot, "seniority")
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert "not saved yet" in notice(pilot)
        assert profiles.revisions(prepared, "texas_nurse")[-1].role == "Emergency room (ER) registered nurse"
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert profiles.revisions(prepared, "texas_nurse")[-1].role.endswith("recent graduate")
        table = app.screen.query_one(VirtualTable)
        await until(pilot, lambda: table.row and table.row.key == "texas_nurse" and "✗ 2" in str(table.row.cells[-1]))
        assert "but the role says graduate" in shown(pilot, "detail")


async def test_a_new_profile_is_checked_stored_and_shown(app: StratosApp, prepared: Store, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        await pilot.press(*"texas_nurse", "ctrl+s")
        await settle(pilot)
        assert "another profile has it" in notice(pilot)
        await pilot.press("backspace", *"x", "tab", "tab", "tab", *"Violin maker", "tab", *"Cremona, Italy", "tab")
        await pilot.press(*"Builds violins [red]by hand", "tab", *"Amati", "enter", *"Stradivari")
        await pilot.press("ctrl+s")
        await settle(pilot)
        made = profiles.get(prepared, "texas_nursx")
        assert made is not None
        assert (made.role, made.location) == ("Violin maker", "Cremona, Italy")
        assert made.companies == ("Amati", "Stradivari")
        row = app.screen.query_one(VirtualTable).row
        assert row is not None
        assert row.key == "texas_nursx"
        # what looks like markup is text
        assert "Builds violins [red]by hand" in shown(pilot, "detail")


async def test_leaving_a_changed_form_asks_and_leaving_an_unchanged_one_does_not(
    app: StratosApp, prepared: Store, settle: Settle
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("e", "escape")
        await settle(pilot)
        assert not app.screen.query(ProfileForm)
        await pilot.press("e")
        await settle(pilot)
        await pilot.press("x", "escape")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        await settle(pilot)
        assert app.screen.query_one("#field-role Input", Input).value.endswith("x")
        await pilot.press("escape", "y")
        await settle(pilot)
        assert not app.screen.query(ProfileForm)
        assert len(profiles.revisions(prepared, "kuwait_cpeg")) == 1


async def test_a_form_hides_the_keys_that_its_fields_take(app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        assert {"edit", "new", "undo", "wording"} <= active(pilot)
        await pilot.press("e")
        await settle(pilot)
        assert not {"edit", "new", "undo"} & active(pilot)
        assert {"save", "leave"} <= active(pilot)


async def test_an_empty_store_says_how_a_profile_comes(store: Store, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        assert "n writes one" in app.screen.query_one(VirtualTable).empty
        assert "edit" not in active(pilot)
        await pilot.press("u", "v", "e")
        await settle(pilot)
        assert not app.screen.query(ProfileForm)


@SIZES
def test_it_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)


@SIZES
def test_the_form_looks_right(snap_compare: Any, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        await pilot.press("j", "e")
        await settle(pilot)
        for field in pilot.app.screen.query(Input):
            field.cursor_blink = False
        await pilot.press("end", *", recent graduate")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
