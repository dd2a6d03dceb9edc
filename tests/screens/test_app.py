from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stratos_tui.app import StratosApp, run_app
from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store

DOOR = "import sys; from pathlib import Path; from stratos_tui.app import run_app; sys.exit(run_app(Path(sys.argv[1])))"


def test_a_store_that_is_not_one_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "not.db"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StratosError, match=r"not\.db"):
        run_app(path)


async def test_both_themes_and_any_other_can_be_chosen(prepared: Store) -> None:
    app = StratosApp(prepared, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        for theme in ("stratos-light", "nord", "textual-light", "stratos-dark"):
            app.theme = theme
            await pilot.pause()
            assert app.theme_variables["quiet"]


class Terminal:
    """The app in a real pseudo-terminal of 120 by 40."""

    def __init__(self, path: Path, **environment: str) -> None:
        import fcntl
        import struct
        import termios

        self.screen = b""
        self.main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", DOOR, str(path)],
            stdin=other,
            stdout=other,
            stderr=other,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **environment},
        )
        os.close(other)

    def wait_for(self, words: bytes, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.screen:
            assert time.monotonic() < deadline, self.screen[-2000:]
            ready, _, _ = select.select([self.main], [], [], 0.1)
            if ready:
                self.screen += os.read(self.main, 65536)

    def press(self, keys: bytes) -> None:
        self.screen = b""
        os.write(self.main, keys)

    def leave(self) -> int:
        os.write(self.main, b"q")
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            ready, _, _ = select.select([self.main], [], [], 0.1)
            if ready:
                try:
                    os.read(self.main, 65536)
                except OSError:
                    break
        return self.process.wait(5)


def test_it_runs_in_a_terminal_outlives_an_odd_mouse_report_and_exits_0(prepared: Store) -> None:
    terminal = Terminal(prepared.path)
    terminal.wait_for(b"Overview")
    terminal.wait_for(b"PARTIAL")
    # an X10 report of a click in column 120: its bytes are not UTF-8
    terminal.press(b"\x1b[M \x98\x30")
    terminal.press(b"?")
    terminal.wait_for(b"This screen")
    os.write(terminal.main, b"\x1b")
    time.sleep(0.5)
    assert terminal.leave() == 0


def test_no_color_leaves_a_readable_screen_in_greys(prepared: Store) -> None:
    terminal = Terminal(prepared.path, NO_COLOR="1", COLORTERM="")
    terminal.wait_for(b"PARTIAL")
    pairs = re.findall(rb"38;5;(\d+);48;5;(\d+)m", terminal.screen)
    assert terminal.leave() == 0
    assert pairs
    for ink, paper in pairs:
        # 232 to 255 is the terminal's ramp of greys
        assert min(int(ink), int(paper)) >= 232
        assert abs(int(ink) - int(paper)) >= 6
