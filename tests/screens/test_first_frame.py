from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stratos_tui.store.db import Store

HEAVY = (
    "torch",
    "transformers",
    "numpy",
    "scipy",
    "anthropic",
    "ollama",
    "httpx",
    "httpx2",
    "sqlite_utils",
    "datasets",
)

SCRIPT = """
import asyncio, sys
from pathlib import Path
from stratos_tui.app import StratosApp
from stratos_tui.store.db import open_store

async def first_frame() -> None:
    app = StratosApp(open_store(Path(sys.argv[1])))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.3)
    app.close()

asyncio.run(first_frame())
print(" ".join(name for name in sys.argv[2:] if name in sys.modules))
"""


def test_the_first_frame_loads_nothing_heavy(prepared: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(prepared.path), *HEAVY],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert done.stdout.split() == []
