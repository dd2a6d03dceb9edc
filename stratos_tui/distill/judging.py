"""Has stored answers judged, and stores the verdicts: here, or beside this process where there is much to judge."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from stratos_tui.distill.clerk import Clerk, judge_stored
from stratos_tui.distill.rulebook import Limits
from stratos_tui.store.answers import Judgement
from stratos_tui.store.db import Store

CHUNK = 1_500
"""Answers in one transaction: about 100 ms, so that other writers wait no longer than a person notices."""
MUCH = 2_000
"""From so many answers on, a process beside this one earns the half second that it takes to start."""
_MOST_WAITING = 3
"""Chunks that may wait for the other process: memory stays flat."""

Keep = Callable[[list[Judgement]], None]
_idle: dict[tuple[Path, Limits], Clerk] = {}
"""The process that the last one left: starting one for every batch took half of the time that judging does."""


class Judging:
    """Judges answers that are stored, by their requests, and hands the verdicts to ``keep`` in the same order.

    Use as a context manager. What was given and not kept when it is left by an exception can be given again.
    """

    def __init__(self, store: Store, limits: Limits, keep: Keep, *, much: bool) -> None:
        self._store, self._limits, self._keep = store, limits, keep
        self._clerk = _clerk_for(store.path, limits) if much else None
        # one thread asks and waits, so that neither process ever waits for the other's full pipe
        self._thread = ThreadPoolExecutor(1)
        self._asked: deque[tuple[Sequence[int], Future[list[Judgement]]]] = deque()

    def give(self, request_ids: Sequence[int]) -> None:
        """Have these answers judged; the verdicts may be kept later, by :meth:`finish` at the latest."""
        if self._clerk is None:
            self._keep(judge_stored(self._store, request_ids, self._limits))
            return
        self._asked.append((request_ids, self._thread.submit(self._clerk.judge, request_ids)))
        while len(self._asked) > _MOST_WAITING:
            self._take()

    def collect(self) -> None:
        """Keep the verdicts that are reached by now, waiting for none."""
        while self._asked and self._asked[0][1].done():
            self._take()

    def finish(self) -> None:
        """Wait until everything that was given is judged and kept."""
        while self._asked:
            self._take()

    def __enter__(self) -> Judging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.finish()
        finally:
            self._thread.shutdown(cancel_futures=True)
            if self._clerk is not None and error is None:
                _leave((self._store.path, self._limits), self._clerk)
            elif self._clerk is not None:
                # it may be in the middle of an answer that nobody waits for
                self._clerk.close()

    def _take(self) -> None:
        request_ids, asked = self._asked.popleft()
        try:
            verdicts = asked.result()
        except (OSError, ValueError, EOFError):
            # the other process is gone, which is no reason to stop: the same is done here
            verdicts = judge_stored(self._store, request_ids, self._limits)
        self._keep(verdicts)


def dismiss() -> None:
    """End the process that waits for more to judge, if there is one; it ends with this one anyway."""
    for key in [*_idle]:
        if (left := _idle.pop(key, None)) is not None:
            left.close()


def _clerk_for(path: Path, limits: Limits) -> Clerk:
    left = _idle.pop((path, limits), None)
    if left is not None and left.alive:
        return left
    return Clerk(path, limits)


def _leave(key: tuple[Path, Limits], clerk: Clerk) -> None:
    """Keep a process for whoever judges next; one waits at most."""
    dismiss()
    if clerk.alive:
        _idle[key] = clerk
