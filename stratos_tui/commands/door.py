"""What every command shares: the store's path, JSON or text, progress, and text safe for a terminal."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from stratos_tui.errors import StratosError
from stratos_tui.progress import Report
from stratos_tui.store.db import Store, open_store
from stratos_tui.text import HIDDEN, one_line, plain
from stratos_tui.text import table as table

DEFAULT_DB = "stratos.db"
_HIDDEN = re.compile(f"[{HIDDEN}]")
PLAIN_SECONDS = 5.0
"""Without a terminal a progress line is printed when its note changes, and at most this often otherwise."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Door:
    """Where the store is, and how to answer."""

    path: Path
    as_json: bool

    @contextmanager
    def store(self, *, create: bool = False) -> Iterator[Store]:
        """Open the store for one command."""
        opened = open_store(self.path, create=create)
        try:
            yield opened
        finally:
            opened.close()

    def answer(self, document: dict[str, Any], text: str | Iterable[str]) -> None:
        """Print the one JSON document, or the text for people."""
        if self.as_json:
            said = json.dumps(document, ensure_ascii=False, allow_nan=False, default=str)
            # the same document, with nothing in it that a terminal would obey
            sys.stdout.write(_HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], said) + "\n")
        else:
            for line in [text] if isinstance(text, str) else text:
                sys.stdout.write(plain(line) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Say something to the person, beside the answer: on standard error."""
        print(one_line(text), file=sys.stderr, flush=True)


def door_options(function: Callable[Concatenate[Door, P], R]) -> Callable[..., R]:
    """Give a command ``--db`` and ``--json``; both may stand before or after the command's name."""

    @click.option("--db", type=click.Path(path_type=Path), help=f"The store.  [default: ./{DEFAULT_DB}]")
    @click.option("--json", "as_json", is_flag=True, default=None, help="One JSON document on standard output.")
    @wraps(function)
    def command(*args: Any, db: Path | None, as_json: bool | None, **kwargs: Any) -> R:
        context = click.get_current_context()
        outer = context.find_object(Door)
        door = Door(
            path=db or (outer.path if outer else Path(DEFAULT_DB)),
            as_json=bool(as_json) or bool(outer and outer.as_json),
        )
        context.obj = door
        return function(door, *args, **kwargs)

    return command


def group() -> Callable[[Callable[[], None]], click.Group]:
    """Make a group of commands that takes ``--db`` and ``--json`` before the command's name too."""

    def decorate(function: Callable[[], None]) -> click.Group:
        @door_options
        @wraps(function)
        def opened(_: Door) -> None:
            function()

        return click.group()(opened)

    return decorate


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all, so that an interruption leaves the one before.

    Raises:
        StratosError: it cannot be written; names the file.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StratosError(f"{path}: cannot be written ({error.strerror})") from error


@contextmanager
def progress(label: str) -> Iterator[Report]:
    """Show progress on standard error: a bar on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(escape(label), total=None, note="")

            def show(done: int, total: int, note: str) -> None:
                bars.update(task, completed=done, total=total or None, note=escape(one_line(note)))

            yield show
        return
    last_at, last_note = 0.0, ""

    def tell(done: int, total: int, note: str) -> None:
        nonlocal last_at, last_note
        moment = time.monotonic()
        phase = note.split(":", 1)[0]
        if phase != last_note or moment - last_at >= PLAIN_SECONDS:
            last_at, last_note = moment, phase
            print(f"{label}: {done:,} of {total:,}  {one_line(note)}", file=sys.stderr, flush=True)

    yield tell
