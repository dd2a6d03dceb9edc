"""Time from process start to the first frame with content: the app over a store, and a bare Textual app, in turns.

Run ``python -m benchmarks.app_start [STORE]``. Each is a process of its own in a pseudo-terminal; the clock stops when
its words are in the terminal's output. Prints the medians and their ratio; the limit is 2.
"""

from __future__ import annotations

import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 2.0
ROUNDS = 7

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("the first frame")
Bare().run()
"""
OURS = "import sys; from pathlib import Path; from stratos_tui.app import run_app; run_app(Path(sys.argv[1]))"


def seconds_until(words: bytes, code: str, *arguments: str) -> float:
    main, other = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=other, stdout=other, stderr=other, env=environment
    )
    os.close(other)
    screen = b""
    try:
        while words not in screen:
            if time.perf_counter() - began > 30:
                raise TimeoutError(f"no {words!r} within 30 s: {screen[-500:]!r}")
            if select.select([main], [], [], 0.05)[0]:
                screen += os.read(main, 65536)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait()
        os.close(main)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            store = Path(sys.argv[1])
        else:
            from stratos_tui.profiles.shipped import load_shipped
            from stratos_tui.store.db import open_store

            store = Path(folder) / "stratos.db"
            opened = open_store(store)
            load_shipped(opened)
            opened.close()
        bare, frame, content = [], [], []
        for _ in range(ROUNDS):
            bare.append(seconds_until(b"the first frame", BARE))
            frame.append(seconds_until(b"Overview", OURS, str(store)))
            content.append(seconds_until(b"profiles", OURS, str(store)))
    base = statistics.median(bare)
    ratio = statistics.median(frame) / base
    print(f"bare Textual app     {base:.3f} s  ({min(bare):.3f} to {max(bare):.3f}, {ROUNDS} rounds)")
    print(f"stratos, first frame {statistics.median(frame):.3f} s  ratio {ratio:.2f} (limit {LIMIT})")
    print(f"stratos, with rows   {statistics.median(content):.3f} s  ratio {statistics.median(content) / base:.2f}")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
