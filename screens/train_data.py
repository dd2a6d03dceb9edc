"""Reads what the training screen shows of a run: telemetry as it grows, probes, checkpoints, log, how it is served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from screens.publishing import Served
from screens.publishing import read as read_served
from stratos_tui.store import datasets, jobs, phase_views, probes, runs
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job
from stratos_tui.store.phase_views import Pace
from stratos_tui.store.probes import Probe
from stratos_tui.store.runs import Point, Run

LOG = "train.log"
"""What a training process prints, in its run's folder."""
LOG_BYTES = 8_000
CURRICULUM_PARTS = 40


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint on disk; ``whole`` is false while it is being written, or where its process was killed."""

    step: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Telling:
    """What a run has told so far.

    ``curriculum`` is the mean distance from 5.0, in tenths, of equal parts of its rows in order; ``memory`` is what its
    process holds now, in bytes, None where there is none or nobody can say; ``before`` is the run before it, with its
    telemetry.
    """

    run: Run
    train: Sequence[Point]
    held_out: Sequence[Point]
    probes: Sequence[Probe]
    pace: Pace | None
    curriculum: Sequence[float]
    memory: int | None
    checkpoints: tuple[Checkpoint, ...]
    log: str
    served: Served
    gone: bool
    """Whether the run is said to be trained, and its process is not there."""
    before: tuple[int, Sequence[Point]] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, the last preflight, the newest dataset that could be trained on, and the newest run."""

    telling: Telling | None
    preflight: Job | None
    dataset: int | None
    newest: Run | None
    least_gap: float

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        return self.telling.run if self.telling is not None else None


class RunReader:
    """Reads a run again and again, and of what only grows the new rows alone. Use it from one thread at a time."""

    def __init__(self) -> None:
        self._train: list[Point] = []
        self._held_out: list[Point] = []
        self._probes: list[Probe] = []
        self._of: int | None = None
        self._curricula: dict[int, list[float]] = {}

    def read(self, store: Store, chosen: int | None, *, overlaid: bool) -> Shown:
        """Read the chosen run, or the newest; ``overlaid`` with the loss of the run before it."""
        from stratos_tui.training.pilot import LEAST_GAP

        newest = phase_views.latest_run(store)
        run = newest if chosen is None else runs.get(store, chosen)
        build = datasets.latest(store)
        telling = None if run is None else self._telling(store, run, overlaid=overlaid)
        preflight = phase_views.last_job(store, "preflight")
        return Shown(telling, preflight, build.id if build else None, newest, LEAST_GAP)

    def _telling(self, store: Store, run: Run, *, overlaid: bool) -> Telling:
        self._read_points(store, run)
        if run.dataset_id not in self._curricula:
            # a build never changes
            self._curricula[run.dataset_id] = phase_views.curriculum(store, run.dataset_id, CURRICULUM_PARTS)
        before = phase_views.run_before(store, run.id) if overlaid else None
        folder = Path(run.folder) if run.folder else None
        return Telling(
            run,
            tuple(self._train),
            tuple(self._held_out),
            tuple(self._probes),
            phase_views.pace(store, run.id),
            self._curricula[run.dataset_id],
            _resident(run.pid) if run.state == "running" else None,
            _checkpoints(folder),
            _tail(folder),
            read_served(store, run.id),
            is_gone(run),
            None if before is None else (before, runs.points(store, before, "train")),
        )

    def _read_points(self, store: Store, run: Run) -> None:
        """Read the points behind those that are known; a resumed run trains some steps again, so then all of them."""
        if self._of != run.id or (self._train and run.step < self._train[-1].step):
            self._train, self._held_out, self._probes = [], [], []
            self._of = run.id
        self._train += runs.points(store, run.id, "train", self._train[-1].step if self._train else -1)
        self._held_out += runs.points(store, run.id, "eval", self._held_out[-1].step if self._held_out else -1)
        self._probes += probes.points(store, run.id, self._probes[-1].step if self._probes else -1)


def is_gone(run: Run) -> bool:
    """Tell whether a run is said to be trained by a process that is not there."""
    return run.state == "running" and run.pid is not None and not jobs.process_alive(run.pid)


def _resident(pid: int | None) -> int | None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _checkpoints(folder: Path | None) -> tuple[Checkpoint, ...]:
    if folder is None or not folder.is_dir():
        return ()
    found = [each for each in folder.glob("checkpoint-*") if each.name.rpartition("-")[2].isdecimal()]
    known = [Checkpoint(int(each.name.rpartition("-")[2]), (each / "complete").is_file()) for each in found]
    return tuple(sorted(known, key=lambda each: each.step))


def _tail(folder: Path | None) -> str:
    """Return the end of a run's log, from its first whole line."""
    if folder is None:
        return ""
    try:
        with (folder / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_BYTES, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= LOG_BYTES else text.partition("\n")[2]
