"""Starts, watches, stops and resumes training processes; a run outlives whoever started it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled, Report, silent
from stratos_tui.store import datasets, runs
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import process_alive
from stratos_tui.store.runs import Run
from stratos_tui.training import bases
from stratos_tui.training.recipes import recipe_for

POLL_SECONDS = 0.25
FREE_BYTES = 500_000_000
"""A nano run's checkpoints stay below this; larger bases need room that preflight works out."""
LOG = "train.log"


def start(store: Store, dataset_id: int, base: str, overrides: Mapping[str, object] | None = None) -> int:
    """Start training a base on a build, and return the run's id.

    The same build, base and recipe are the same run: one that is done or under way is left as it is, one that ended
    early goes on from its last checkpoint.

    Raises:
        StratosError: no such build, base or setting, or too little room on the disk.
    """
    dataset = datasets.get(store, dataset_id)
    if dataset is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    recipe = recipe_for(base, overrides)
    decides = json.dumps([dataset.digest, bases.identity(base), recipe.params()], sort_keys=True)
    fingerprint = hashlib.sha256(decides.encode()).hexdigest()
    run_id = runs.add(store, dataset_id, base, recipe.params(), fingerprint)
    resume(store, run_id)
    return run_id


def resume(store: Store, run_id: int) -> None:
    """Start the process of a run that is neither done nor under way; from its last checkpoint where it has one.

    Raises:
        StratosError: there is no such run, or too little room on the disk.
    """
    run = _known(store, run_id)
    if run.state == "done" or is_alive(run):
        return
    folder = Path(f"{store.path}.models") / f"run-{run_id}"
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise StratosError(f"{folder}: {free / 1e9:.2f} GB are free and a run needs {FREE_BYTES / 1e9:.1f}; free space first")
    runs.queue(store, run_id, str(folder))
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stratos_tui.training.train_lora", "--db", str(store.path), "--run", str(run_id)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    runs.spawned(store, run_id, process.pid)


def wait(store: Store, run_id: int, report: Report = silent) -> Run:
    """Watch a run until it is done.

    Raises:
        StratosError: it failed, was stopped, or its process is gone; says how to go on.
        Canceled: the watcher was asked to stop; the run is asked to stop too, and keeps a checkpoint.
    """
    while True:
        run = _known(store, run_id)
        if run.state == "done":
            report(run.total_steps, run.total_steps, f"run {run_id} is done")
            return run
        if run.state in ("failed", "stopped"):
            raise StratosError(f"run {run_id} {run.state}: {run.error or 'asked to stop'}; start it again to go on")
        if not is_alive(run):
            error = f"its process ended without a word at step {run.step}"
            runs.finish(store, run_id, "failed", error=error)
            raise StratosError(f"run {run_id} failed: {error}; start it again to go on, its log is {run.folder}/{LOG}")
        try:
            report(run.step, run.total_steps, _note(store, run))
        except Canceled:
            runs.request_stop(store, run_id)
            raise
        time.sleep(POLL_SECONDS)


def is_alive(run: Run) -> bool:
    """Tell whether a run's process is there."""
    return run.state in ("queued", "running") and run.pid is not None and process_alive(run.pid)


def _note(store: Store, run: Run) -> str:
    if run.state == "queued" or not run.total_steps:
        return f"run {run.id} is starting"
    last = runs.points(store, run.id, "train", run.step - 1)
    loss = f" loss {last[-1].loss:.3f}" if last and last[-1].loss is not None else ""
    return f"run {run.id}{loss}"


def _known(store: Store, run_id: int) -> Run:
    found = runs.get(store, run_id)
    if found is None:
        known = ", ".join(str(run.id) for run in runs.load(store)) or "none yet"
        raise StratosError(f"there is no run {run_id}; there are {known}")
    return found
