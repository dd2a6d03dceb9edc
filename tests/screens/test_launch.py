from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from screens.frame import Notice, PhaseScreen
from screens.launch import launch
from stratos_tui.app import StratosApp
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["profiles", "list"], "✓ profiles list is done"),
        (["no-such-command"], "`stratos no-such-command` shows why · r tries again"),
        (["dataset", "build", "--teacher", "nobody"], "teacher nobody has no accepted"),
    ],
)
async def test_the_screen_says_how_a_command_ended(
    store: Store, settle: Settle, until: Until, arguments: list[str], word: str
) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        launch(cast("PhaseScreen[Any]", app.screen), arguments, "started", again="r")
        notice = app.screen.query_one(Notice)
        await until(pilot, lambda: word in str(notice.content))


async def test_what_a_cap_held_back_is_said_at_the_end(seeded: Store, settle: Settle, until: Until) -> None:
    app = StratosApp(seeded, live=False)
    arguments = ["distill", "run", "--pairs", "40", "--no-pilot", "--budget", "0.1"]
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        launch(cast("PhaseScreen[Any]", app.screen), arguments, "started", again="r")
        notice = app.screen.query_one(Notice)
        await until(pilot, lambda: "distill run is done" in str(notice.content))
        assert "held back" in str(notice.content) or "holds" in str(notice.content)
        assert "✓" not in str(notice.content)
