"""Reads what the training screen shows of a run: telemetry as it grows, probes, checkpoints, log, how it is served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from screens.publishing import Served
from screens.publishing import read as read_served
from screens.train_changes import Replaced, replaced
from stratos_tui.store import datasets, jobs, phase_views, probes, runs
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job
from stratos_tui.store.phase_views import Pace
from stratos_tui.store.probes import Probe
from stratos_tui.store.runs import Point, Run

if TYPE_CHECKING:
    from stratos_tui.training.check import Check

LOG_BYTES = 8_000
CURRICULUM_PARTS = 40
MOST_OVERLAID = 6
"""Other runs whose curves are laid under the shown one's, at most."""

Standing = Literal["training", "waiting", "gone", "ended"]
"""A process trains it; it is queued and nobody began it; it should be trained and its process is not there; or over."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint on disk; ``whole`` is false while it is being written, or where its process was killed."""

    step: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Rival:
    """Another run whose curves are laid under the shown one's."""

    run_id: int
    train: Sequence[Point]
    held_out: Sequence[Point]
    probes: Sequence[Probe]


@dataclass(frozen=True, slots=True)
class Telling:
    """What a run has told so far.

    ``curriculum`` is the mean distance from 5.0, in tenths, of equal parts of its rows in order; ``memory`` is what its
    process holds of the machine's memory now, in bytes, None where there is none or nobody can say; ``verdict`` is
    what a pilot that is done was found to be worth.
    """

    run: Run
    replaced: Replaced
    train: Sequence[Point]
    held_out: Sequence[Point]
    probes: Sequence[Probe]
    pace: Pace | None
    curriculum: Sequence[float]
    memory: int | None
    checkpoints: tuple[Checkpoint, ...]
    log: str
    served: Served
    standing: Standing
    verdict: Check | None
    rivals: tuple[Rival, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, the last preflight, the newest dataset that could be trained on, the newest run, how many there are, and
    the one that is being trained now."""

    telling: Telling | None
    preflight: Job | None
    dataset: int | None
    newest: Run | None
    runs: int
    busy: Run | None
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
        self._rows: dict[int, int] = {}
        self._rivals: dict[tuple[int, str, int], Rival] = {}

    def read(self, store: Store, chosen: int | None, *, overlaid: Sequence[int] | None) -> Shown:
        """Read the chosen run, or the newest; ``overlaid`` with these other runs' curves (none named: the run before
        it; None: no other)."""
        from stratos_tui.training.pilot import LEAST_GAP

        known = runs.load(store)
        newest = known[0] if known else None
        run = newest if chosen is None else next((each for each in known if each.id == chosen), None)
        build = datasets.latest(store)
        telling = None if run is None else self._telling(store, run, overlaid)
        preflight = phase_views.last_job(store, "preflight")
        busy = next((each for each in known if standing(each) == "training"), None)
        return Shown(telling, preflight, build.id if build else None, newest, len(known), busy, LEAST_GAP)

    def _telling(self, store: Store, run: Run, overlaid: Sequence[int] | None) -> Telling:
        self._read_points(store, run)
        if run.dataset_id not in self._curricula:
            # a build never changes
            self._curricula[run.dataset_id] = phase_views.curriculum(store, run.dataset_id, CURRICULUM_PARTS)
            self._rows[run.dataset_id] = datasets.count(store, run.dataset_id, "train")
        # beside the store, wherever that was moved since the run began
        folder = runs.folder_of(store, run.id)
        return Telling(
            run,
            replaced(run, self._rows[run.dataset_id]),
            tuple(self._train),
            tuple(self._held_out),
            tuple(self._probes),
            phase_views.pace(store, run.id),
            self._curricula[run.dataset_id],
            _resident(run.pid) if run.state == "running" else None,
            _checkpoints(folder),
            _tail(folder),
            read_served(store, run.id),
            standing(run),
            _verdict(run, self._probes),
            self._overlaid(store, run, overlaid),
        )

    def _read_points(self, store: Store, run: Run) -> None:
        """Read the points behind those that are known; a resumed run trains some steps again, so then all of them."""
        if self._of != run.id or (self._train and run.step < self._train[-1].step):
            self._train, self._held_out, self._probes = [], [], []
            self._of = run.id
        self._train += runs.points(store, run.id, "train", self._train[-1].step if self._train else -1)
        self._held_out += runs.points(store, run.id, "eval", self._held_out[-1].step if self._held_out else -1)
        self._probes += probes.points(store, run.id, self._probes[-1].step if self._probes else -1)

    def _overlaid(self, store: Store, run: Run, overlaid: Sequence[int] | None) -> tuple[Rival, ...]:
        """Read the curves of other runs; those of a run that does not go on are kept as they were read."""
        if overlaid is None:
            return ()
        before = phase_views.run_before(store, run.id)
        wanted = [each for each in overlaid if each != run.id] if overlaid else [before] if before is not None else []
        known, self._rivals = self._rivals, {}
        for each in wanted[:MOST_OVERLAID]:
            if (other := runs.get(store, each)) is not None:
                key = each, other.state, other.step
                self._rivals[key] = known.get(key) or Rival(
                    each,
                    runs.points(store, each, "train"),
                    runs.points(store, each, "eval"),
                    probes.points(store, each),
                )
        return tuple(self._rivals.values())


def standing(run: Run) -> Standing:
    """Tell whether a process trains a run, or why none does."""
    if run.state not in ("queued", "running"):
        return "ended"
    if run.pid is None:
        return "waiting"
    return "training" if jobs.process_alive(run.pid) else "gone"


def _verdict(run: Run, found: Sequence[Probe]) -> Check | None:
    from stratos_tui.training.pilot import judge

    return judge(found[-1] if found else None) if run.state == "done" and run.params.get("examples") else None


def _resident(pid: int | None) -> int | None:
    """Return what a process holds of the machine's own memory, in bytes."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _checkpoints(folder: Path) -> tuple[Checkpoint, ...]:
    found = [each for each in folder.glob("checkpoint-*") if each.name.rpartition("-")[2].isdecimal()]
    known = [Checkpoint(int(each.name.rpartition("-")[2]), (each / runs.COMPLETE).is_file()) for each in found]
    return tuple(sorted(known, key=lambda each: each.step))


def _tail(folder: Path) -> str:
    """Return the end of a run's log, from its first whole line."""
    try:
        with (folder / runs.LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_BYTES, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= LOG_BYTES else text.partition("\n")[2]
