"""Opens every screen over a store and writes ``docs/screens/NAME.svg`` and ``.png``.

Run ``python -m docs.screenshots STORE [NAME…] [--size 120x40] [--out FOLDER]`` after `stratos pipeline --db STORE`.
The pictures need the font DejaVu Sans Mono: others leave gaps between the cells.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import resvg_py
from textual.pilot import Pilot

from stratos_tui.app import PHASES, StratosApp
from stratos_tui.errors import StratosError
from stratos_tui.store.db import open_store

FONT = "DejaVu Sans Mono"
SETTLED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: the phase it is taken in, and the keys that lead to what it shows."""

    name: str
    phase: str
    keys: tuple[str, ...] = ()


SHOTS: tuple[Shot, ...] = (
    *(Shot(f"{phase.key}-{phase.name}", phase.name) for phase in PHASES),
    Shot("help", "overview", ("question_mark",)),
    Shot("palette", "overview", ("ctrl+p",)),
)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until workers are done and painted, or for as long as is sensible while something streams."""
    for _ in range(3):
        await pilot.pause(0.2)
        try:
            await asyncio.wait_for(pilot.app.workers.wait_for_complete(), SETTLED_SECONDS)
        except TimeoutError:
            return
    await pilot.pause(0.2)


async def take(store: Path, out: Path, size: tuple[int, int], shots: list[Shot]) -> None:
    """Take the pictures, each in an app of its own so that none depends on another."""
    opened = open_store(store, create=False)
    out.mkdir(parents=True, exist_ok=True)
    for shot in shots:
        app = StratosApp(opened, live=False)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            app.go(shot.phase)
            await settle(pilot)
            await pilot.press(*shot.keys)
            await settle(pilot)
            svg = app.export_screenshot(title=f"stratos: {shot.name.replace('-', ' ')}")
        app.close()
        (out / f"{shot.name}.svg").write_text(svg, encoding="utf-8")
        picture = resvg_py.svg_to_bytes(svg_string=svg.replace("Fira Code", FONT), monospace_family=FONT)
        (out / f"{shot.name}.png").write_bytes(bytes(picture))
        print(out / f"{shot.name}.png")
    opened.close()


def main() -> int:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description="Take a picture of every screen.")
    parser.add_argument("store", type=Path, help="a store that a pipeline has filled")
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--size", default="120x40")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "screens")
    given = parser.parse_args()
    width, _, height = given.size.partition("x")
    shots = [shot for shot in SHOTS if not given.names or shot.name in given.names]
    try:
        asyncio.run(take(given.store, given.out, (int(width), int(height)), shots))
    except StratosError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
