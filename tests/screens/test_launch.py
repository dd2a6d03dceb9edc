from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from screens.frame import Notice, PhaseScreen
from screens.launch import launch
from stratos_tui.app import StratosApp
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["profiles", "list"], "✓ profiles list is done"),
        (["no-such-command"], "`stratos no-such-command` shows why · r tries again"),
        (["dataset", "build", "--teacher", "nobody"], "teacher nobody has no accepted"),
    ],
)
async def test_the_screen_says_how_a_command_ended(
    store: Store, settle: Settle, arguments: list[str], word: str
) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        launch(cast("PhaseScreen[Any]", app.screen), arguments, "started", again="r")
        notice = app.screen.query_one(Notice)
        for _ in range(300):
            if word in str(notice.content):
                break
            await asyncio.sleep(0.1)
        assert word in str(notice.content)
