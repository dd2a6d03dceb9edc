"""Streams scores into an interface: the rubric's at once, a model's from a process that never blocks it.

The interface loads no torch: a model lives in :mod:`stratos_tui.scoring.worker`, started at the first request that
needs one and kept for the next.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path

from stratos_tui.scoring.protocol import (
    MAX_LINE_BYTES,
    Ask,
    Done,
    Event,
    Failed,
    Finished,
    Piece,
    read_event,
    write_ask,
    write_cancel,
)
from stratos_tui.scoring.scorer_adaptive import Task, produce
from stratos_tui.scoring.scorers import RUBRIC, rubric_scorer
from stratos_tui.store.db import Store

CLOSE_SECONDS = 5.0
"""How long a process may take to end once its input is closed."""


class LiveScorer:
    """One interface's way to score pairs live. Use it from one event loop, and close it when done."""

    def __init__(self, store: Store) -> None:
        self._path: Path = store.path
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._open: dict[int, asyncio.Queue[Event]] = {}
        self._last = 0

    async def request(
        self, scorer: str, tasks: Sequence[Task], *, style: str = "student", seed: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Yield what happens until the request has ended, without ``Done``; nothing is stored.

        Leaving the iteration early (``aclose``, or canceling the task that runs it) cancels the request. Whatever goes
        wrong arrives as ``Failed``.
        """
        if scorer == RUBRIC:
            for pair, scored in enumerate(await asyncio.to_thread(produce, rubric_scorer(), tasks)):
                yield Piece(pair, scored.raw)
                yield Finished(pair, scored)
            return
        self._last += 1
        ask = Ask(self._last, scorer, tuple(tasks), style, seed)
        events = self._open[ask.id] = asyncio.Queue()
        ended = False
        try:
            await self._send(write_ask(ask))
            while not isinstance(event := await events.get(), Done):
                yield event
            ended = True
        finally:
            del self._open[ask.id]
            if not ended:
                self._write(write_cancel(ask.id))

    async def start(self) -> None:
        """Start the process before the first request needs it."""
        async with self._starting:
            if self._process is not None and self._process.returncode is None:
                return
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "stratos_tui.scoring.worker", "--db", str(self._path)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=MAX_LINE_BYTES,
                # a ctrl-c in the terminal is the interface's to answer
                start_new_session=True,
            )
            self._reader = asyncio.create_task(self._read(self._process))

    async def close(self) -> None:
        """End the process; requests under way end as failed."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader

    async def _send(self, line: bytes) -> None:
        await self.start()
        self._write(line)

    def _write(self, line: bytes) -> None:
        # a pipe whose process has died says so through its reader, which fails every open request
        if self._process is not None and self._process.stdin is not None and self._process.returncode is None:
            self._process.stdin.write(line)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with suppress(ConnectionError):
            while line := await process.stdout.readline():
                ask_id, event = read_event(line)
                if (events := self._open.get(ask_id)) is not None:
                    events.put_nowait(event)
        code = await process.wait()
        for events in self._open.values():
            events.put_nowait(Failed(f"the scoring process ended (exit code {code}); ask again to start another"))
            events.put_nowait(Done())
