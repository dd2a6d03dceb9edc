from __future__ import annotations

import subprocess
import sys

from stratos_tui.store.db import Store

HEAVY = {"torch", "transformers", "trl", "peft", "datasets", "numpy", "scipy", "anthropic", "ollama", "httpx", "httpx2"}
VISIT = """
import asyncio, sys
from stratos_tui.app import StratosApp
from stratos_tui.store.db import open_store

async def visit():
    app = StratosApp(open_store(sys.argv[1]), live=False)
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("4", "r", "escape", "5", "r", "x", "a", "u", "6", "j", "7", "l", "8", "v"):
            await pilot.press(key)
            await pilot.pause()
            await app.workers.wait_for_complete()
            await pilot.pause()
    app.close()

asyncio.run(visit())
print("\\n".join(sys.modules))
"""


def test_no_phase_from_asking_to_the_verdict_loads_anything_heavy(prepared: Store) -> None:
    command = [sys.executable, "-c", VISIT, str(prepared.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "screens" in loaded
    assert not loaded & HEAVY
