"""An app whose terminal went away ends, instead of reading on for ever."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from time import monotonic

from screens.terminal import HUNG_UP
from stratos_tui.store.db import Store


def test_an_app_ends_when_its_terminal_is_gone(seeded: Store) -> None:
    master, slave = pty.openpty()
    # not its controlling terminal, so no signal tells it: that is how an app under `make` in a closed window is left
    app = subprocess.Popen(
        [sys.executable, "-m", "stratos_tui", "--db", str(seeded.path)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    os.close(slave)
    seen, end = b"", monotonic() + 30
    while b"Overview" not in seen and monotonic() < end:
        seen += os.read(master, 65536)
    assert b"Overview" in seen
    os.close(master)
    try:
        assert app.wait(timeout=30) == HUNG_UP
    finally:
        app.kill()
