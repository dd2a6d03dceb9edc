"""Time from a key to its drawn frame, in the virtual table over a million stored rows and in Textual's own table.

Run ``python -m benchmarks.table_keys [ROWS] [BUILTIN_ROWS]`` (a million and a hundred thousand by default). Both tables
run headless at 120 by 40 in this process. A key's cost is the processor time of the interface's thread from the key to
the drawn frame: what is left over is waiting for the 60 Hz tick on which Textual draws, which the wall time includes.
The limit is 16 ms, one such tick, for nine keys in ten.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import DataTable

from screens import themes
from screens.render import provenance, score_text
from screens.widgets.rows import Column, ListingSource
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store.db import Store, now, open_store
from stratos_tui.store.pages import Listing

LIMIT_MS = 16.0
PRESSES = 40


class Timed(App[None]):
    """An app that notes when each frame was drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn_at = 0.0
        self.drawn_cost = 0.0
        self.began = time.perf_counter()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give the table its colours."""
        return themes.defaults(dark=True)

    def _display(self, screen: Screen[object], renderable: object) -> None:
        super()._display(screen, renderable)  # type: ignore[arg-type]
        self.drawn_at = time.perf_counter()
        self.drawn_cost = time.thread_time()


class VirtualApp(Timed):
    """The virtual table over a store's articles."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store

    def compose(self) -> ComposeResult:
        """Nothing but the table."""
        columns = (Column("#", 9, align="right"), Column("title", 20, flex=1), Column("score", 17), Column("by", 10))
        yield VirtualTable(columns)

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(VirtualTable)
        table.focus()
        source = ListingSource(
            Listing(self.store, "articles"),
            lambda row: (str(row["seq"]), row["title"], score_text(row["seq"] % 101), provenance("rehearsal")),
        )
        table.set_source(source)


class BuiltinApp(Timed):
    """Textual's own table with the same rows in it."""

    def __init__(self, store: Store, rows: int) -> None:
        super().__init__()
        self.store = store
        self.rows = rows

    def compose(self) -> ComposeResult:
        """Nothing but the table."""
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one(DataTable)
        table.add_columns("#", "title", "score", "by")
        table.add_rows(
            (str(row["seq"]), row["title"], score_text(row["seq"] % 101), provenance("rehearsal"))
            for row in Listing(self.store, "articles").page(0, self.rows)
        )
        table.focus()


async def first_rows(app: Timed, pilot: Pilot[None], ready: Callable[[], bool]) -> float:
    while not ready():
        await asyncio.sleep(0.002)
    await pilot.pause()
    gc.freeze()  # as the app does after its first frame (screens/host.py)
    return app.drawn_at - app.began


async def press(app: Timed, key: str) -> tuple[float, float]:
    """Press a key; return the milliseconds of work and of wall time until its frame was drawn."""
    cost, began = time.thread_time(), time.perf_counter()
    app.simulate_key(key)
    while app.drawn_at < began and time.perf_counter() - began < 0.5:
        await asyncio.sleep(0.0005)
    work, wall = (app.drawn_cost - cost) * 1000, (app.drawn_at - began) * 1000
    await app.workers.wait_for_complete()
    await asyncio.sleep(0.04)
    return work, wall


async def measure(title: str, app: Timed, ready: Callable[[], bool], names: dict[str, str]) -> list[float]:
    everything: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await first_rows(app, pilot, ready)
        await app.workers.wait_for_complete()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{title}: rows after {shown:.2f} s, peak memory so far {memory:.0f} MB")
        for keys in (("j",), ("k",), ("pagedown",), ("pageup",), ("G", "g")):
            found = [await press(app, names.get(key, key)) for _ in range(PRESSES // len(keys)) for key in keys]
            work, wall = sorted(cost for cost, _ in found), sorted(seen for _, seen in found)
            everything += work
            print(
                f"  {' '.join(keys):9} median {statistics.median(work):6.2f} ms  9 in 10 under {_ninth(work):6.2f} ms"
                f"  worst {work[-1]:6.2f} ms   wall median {statistics.median(wall):6.2f} ms"
            )
    return sorted(everything)


def _ninth(ordered: list[float]) -> float:
    return ordered[len(ordered) * 9 // 10]


def fill(path: Path, rows: int) -> Store:
    store = open_store(path)
    with store.write() as connection:
        connection.executemany(
            "INSERT INTO articles (id, content_key, title, body, source, source_type, url, category, collection,"
            " origin, added_at) VALUES (:id, :id, :title, '', 'wire', 'news', '', '', 'imported', 'benchmark', :at)",
            ({"id": f"a{at}", "title": f"Article {at * 7919 % rows} of a feed", "at": now()} for at in range(rows)),
        )
    return store


async def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    builtin = int(sys.argv[2]) if len(sys.argv) > 2 else min(rows, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        store = fill(Path(folder) / "stratos.db", rows)
        virtual = VirtualApp(store)
        ours = await measure(
            f"VirtualTable, {rows:,} rows",
            virtual,
            lambda: bool(virtual.query(VirtualTable)) and bool(virtual.query_one(VirtualTable).row_count),
            {},
        )
        if builtin:
            app = BuiltinApp(store, builtin)
            await measure(
                f"DataTable, {builtin:,} rows",
                app,
                lambda: bool(app.query(DataTable)) and app.query_one(DataTable).row_count > 0,
                {"j": "down", "k": "up", "G": "ctrl+end", "g": "ctrl+home"},
            )
        store.close()
    median, high = statistics.median(ours), _ninth(ours)
    print(f"VirtualTable, all keys: median {median:.2f} ms, 9 in 10 under {high:.2f} ms (limit {LIMIT_MS:.0f} ms)")
    return int(high > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
