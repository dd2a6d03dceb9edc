"""What ends a run that cannot go on, with its cause: a stall, no memory, a disk that fills."""

from __future__ import annotations

import errno
import os
import shutil
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.training.recipes import Recipe

KEPT = "the last good checkpoint is kept"
REMEMBERED_STEPS = 50
STEPS_BEFORE_MEDIAN = 3
ROOM = 1.1
"""A checkpoint is begun where the disk has this many times what it takes."""


class Watchdog:
    """A thread that ends a run in which nothing happens for much longer than a step takes.

    ``end`` is called once with the cause, in the watchdog's own thread: whatever hangs cannot be asked.
    """

    def __init__(self, recipe: Recipe, end: Callable[[str], None]) -> None:
        self.factor = recipe.stall_factor
        self.floor = recipe.stall_seconds
        self._end = end
        self._steps: deque[float] = deque(maxlen=REMEMBERED_STEPS)
        self._beaten = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self.beat()
        self._thread.start()

    def beat(self, step_seconds: float | None = None) -> None:
        """Say that something happened; ``step_seconds`` that it was a step, and how long it took."""
        self._beaten = time.monotonic()
        if step_seconds is not None:
            self._steps.append(step_seconds)

    def stop(self) -> None:
        """Watch no more."""
        self._done.set()

    @property
    def limit(self) -> float:
        """Seconds after which a run has stalled."""
        steps = list(self._steps)
        if len(steps) < STEPS_BEFORE_MEDIAN:
            return self.floor
        return max(self.floor, self.factor * statistics.median(steps))

    def _watch(self) -> None:
        while not self._done.wait(min(1.0, self.floor / 10)):
            quiet = time.monotonic() - self._beaten
            if quiet > self.limit:
                usual = f"; a step takes {statistics.median(self._steps):.1f} s" if self._steps else ""
                self._end(
                    f"it stalled: nothing happened for {quiet:.0f} s{usual}; look at the device and the disk, {KEPT},"
                    " resume goes on from there"
                )
                return


def check_room(folder: Path, needed: int) -> None:
    """See to it that the disk has room for a checkpoint, of which one that is there shows the true size.

    Raises:
        StratosError: it has not; nothing was written.
    """
    whole = [sum(file.stat().st_size for file in each.rglob("*")) for each in folder.glob("checkpoint-*")]
    needed = int(max([needed, *whole]) * ROOM)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StratosError(
            f"the disk is filling: {free / 1e9:.2f} GB are free and a checkpoint takes {needed / 1e9:.2f} GB; {KEPT},"
            " free space and resume"
        )


def cause_of(error: BaseException, step: int, recipe: Recipe, run_id: int) -> str:
    """Return in one line why a run ended, and for known causes what to do about it.

    ``recipe`` is what it ran with, with the micro-batch that was chosen where it is known.
    """
    text = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, StratosError):
        return text
    if _is_out_of_memory(error, text):
        # a part of what fitted a batch fits it too, on as many processes
        ran = recipe.micro_batch
        lower = next((part for part in range(ran // 2, 0, -1) if ran % part == 0), 1)
        # both by name: a micro-batch that was left open chose recomputing too, and would choose as it did
        goes_on = (
            f"`stratos train resume {run_id} --set micro_batch={lower} --set activation_checkpointing=true` goes on"
            f" with less (now micro_batch={ran or 'open'})"
        )
        another = (
            "another run with four_bit=true takes less" if recipe.adapter != "none" and not recipe.four_bit else ""
        )
        return (
            f"out of memory after step {step:,} ({text[:120]}); {KEPT};"
            f" {goes_on if ran != 1 or not recipe.activation_checkpointing else another or 'choose a smaller base'}"
        )
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left" in text or "PytorchStreamWriter failed" in text:
        return f"the disk is full after step {step:,} ({text[:120]}); {KEPT}, free space and resume"
    if isinstance(error, OSError):
        return text or os.strerror(error.errno or 0)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_out_of_memory(error: BaseException, text: str) -> bool:
    import torch

    # a CPU's allocator raises a plain RuntimeError
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in text
