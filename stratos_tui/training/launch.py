"""Starts, watches, stops and resumes the training process, which lives on when whoever started it is gone."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.progress import Report
from stratos_tui.store import datasets, runs
from stratos_tui.store.db import Store
from stratos_tui.training import bases
from stratos_tui.training.recipes import KEEPS_LOSS, NANO, Recipe, epochs_for, recipe_for

POLL_SECONDS = 0.3
LOOK_SECONDS = 0.02
"""How long a lock may be held by somebody who only looks whether a process holds it."""
ENDING_SECONDS = 60.0
"""How long the processes of a run that ended may take to be gone: accelerate gives each half a minute."""
LOG_TAIL_BYTES = 2_000


def create(store: Store, dataset_id: int, base: str = NANO, overrides: Mapping[str, object] | None = None) -> int:
    """Return the run of a build on a base with a recipe, queued if it is new: the same inputs are the same run.

    Raises:
        StratosError: there is no such build or base, or a setting does not exist.
    """
    dataset = datasets.get(store, dataset_id)
    if dataset is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    params = planned(base, datasets.count(store, dataset_id, "train"), overrides).params()
    own = {name: value for name, value in params.items() if name not in KEEPS_LOSS}
    made_from = json.dumps([dataset.digest, bases.identity(base), own], sort_keys=True)
    return runs.add(store, dataset_id, base, params, hashlib.sha256(made_from.encode()).hexdigest())


def planned(base: str, rows: int, overrides: Mapping[str, object] | None = None) -> Recipe:
    """Return the recipe of a run on a base with ``rows`` training rows, single settings replaced.

    Raises:
        StratosError: a setting does not exist.
    """
    return recipe_for(base, {**epochs_for(base, rows), **(overrides or {})})


def start(
    store: Store,
    dataset_id: int,
    base: str = NANO,
    overrides: Mapping[str, object] | None = None,
    accelerate: Path | None = None,
) -> int:
    """Train a build on a base in a process of its own, and return the run's id at once.

    With a configuration of accelerate's it is ``accelerate launch`` that trains, by as many processes as that says. A
    run that is done is not done again, one that is being trained is left alone, and one that was stopped, killed or
    failed goes on from its last checkpoint.
    """
    run_id = create(store, dataset_id, base, overrides)
    resume(store, run_id, {name: value for name, value in (overrides or {}).items() if name in KEEPS_LOSS}, accelerate)
    return run_id


def resume(
    store: Store, run_id: int, settings: Mapping[str, object] | None = None, accelerate: Path | None = None
) -> None:
    """See to it that a run is done or being trained; settings that keep its loss can be replaced before.

    Raises:
        StratosError: there is no such run, its folder cannot be written, a setting cannot be replaced now, or it was
            trained by several processes and accelerate's configuration is not there.
    """
    run = _known(store, run_id)
    replaced = _replaced(run, settings or {})
    if run.state == "done":
        return
    folder = runs.folder_of(store, run_id)
    lock = _lock_of_a_run_that_rests(store, run_id)
    if lock is None:
        if replaced or (accelerate is not None and str(accelerate.resolve()) != run.accelerate):
            raise StratosError(f"run {run_id} is being trained; `stratos train stop {run_id}` first")
        return
    try:
        run = _known(store, run_id)
        if run.state == "done":
            return
        file = launch_by(store, run, accelerate)
        launcher = ["-m", "accelerate.commands.launch", "--config_file", file] if file else []
        if replaced:
            runs.change(store, run_id, replaced)
        runs.queue(store, run_id, str(folder))
        with (folder / runs.LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *launcher, *command(store, run_id), "--lock", "0"],
                # every process inherits the lock, accelerate's own too: it is held without a gap, and falls when the
                # last of them dies
                stdin=lock,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(run.base),
                start_new_session=True,
            )
        runs.spawned(store, run_id, process.pid)
    finally:
        os.close(lock)


def launch_by(store: Store, run: runs.Run, accelerate: Path | None) -> str:
    """Return the path of accelerate's configuration that a run is launched with, the one that is given or recorded.

    Raises:
        StratosError: it is not there, or the run was trained by several processes and has none.
    """
    file = accelerate.resolve() if accelerate is not None else Path(run.accelerate) if run.accelerate else None
    if file is None and run.processes > 1:
        raise StratosError(
            f"run {run.id} was trained by {run.processes} processes; name accelerate's configuration of them:"
            f" `stratos train resume {run.id} --accelerate-config FILE`"
        )
    if file is not None and not file.is_file():
        raise StratosError(f"{file}: there is no such file; name accelerate's configuration by --accelerate-config")
    if file is None:
        return ""
    runs.launched_by(store, run.id, str(file))
    return str(file)


def _replaced(run: runs.Run, settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings whose values differ from those of a run."""
    for name in settings:
        if name not in KEEPS_LOSS:
            raise StratosError(
                f"{name} is part of what run {run.id} is; of a run that is there one can replace"
                f" {', '.join(KEEPS_LOSS)}, and with other settings it is another run"
            )
    wanted = recipe_for(run.base, settings).params()
    return {name: wanted[name] for name in settings if wanted[name] != run.params[name]}


def _lock_of_a_run_that_rests(store: Store, run_id: int) -> int | None:
    """Lock a run's folder, or return None where it is being trained.

    Raises:
        StratosError: it has ended, and its processes do not.
    """
    folder, until = runs.folder_of(store, run_id), time.monotonic() + ENDING_SECONDS
    lock = take_lock(folder)
    if lock is None:
        # whoever watches the run holds the lock for the moment of a look
        time.sleep(LOOK_SECONDS)
        lock = take_lock(folder)
    while lock is None and _known(store, run_id).state not in ("queued", "running"):
        if time.monotonic() > until:
            raise StratosError(f"the processes of run {run_id} are still there; end them, and try again")
        time.sleep(POLL_SECONDS)
        lock = take_lock(folder)
    return lock


def command(store: Store, run_id: int) -> list[str]:
    """Return the words behind ``python``, or behind ``accelerate launch --config_file FILE``, that train a run."""
    return ["-m", "stratos_tui.training.train_lora", "--db", str(store.path.resolve()), "--run", str(run_id)]


def stop(store: Store, run_id: int) -> None:
    """Ask a run's process to write a checkpoint and stop; a run that no process trains is closed as stopped."""
    running = alive(store, run_id)
    run = _known(store, run_id)
    runs.request_stop(store, run_id)
    if run.state in ("queued", "running") and not running:
        runs.finish(store, run_id, "stopped")


def wait(store: Store, run_id: int, report: Report) -> runs.Run:
    """Watch a run until it is done, and return it. Whoever watches may leave at any time; the run goes on.

    Raises:
        StratosError: the run failed, was stopped, or its process died; starting it again goes on.
    """
    while True:
        running = alive(store, run_id)
        run = _known(store, run_id)
        report(run.step, run.total_steps, _note(store, run))
        if run.state == "done":
            return run
        if run.state == "stopped":
            raise StratosError(
                f"run {run_id} was stopped at step {run.step:,} of {run.total_steps:,};"
                f" `stratos train resume {run_id}` goes on"
            )
        if run.state == "failed":
            raise StratosError(f"run {run_id} failed: {run.error} (log: {runs.folder_of(store, run_id) / runs.LOG})")
        if not running:
            tail = _last_words(runs.folder_of(store, run_id) / runs.LOG)
            error = f"its process died at step {run.step:,} ({tail})"
            runs.close_dead(store, run, error)
            raise StratosError(f"run {run_id}: {error}; start it again to go on from there")
        time.sleep(POLL_SECONDS)


def alive(store: Store, run_id: int) -> bool:
    """Tell whether a process is training a run: it holds the run's lock as long as it lives, and no longer."""
    folder = runs.folder_of(store, run_id)
    if not folder.is_dir():
        return False
    lock = take_lock(folder)
    if lock is None:
        return True
    os.close(lock)
    return False


def take_lock(folder: Path) -> int | None:
    """Lock a run's folder and return the lock's file descriptor, or None when another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StratosError(f"{folder}: cannot be written ({error.strerror}); check its permissions") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _environment(base: str) -> dict[str, str]:
    given = dict(os.environ)
    given["TOKENIZERS_PARALLELISM"] = "false"
    given["PYTHONUNBUFFERED"] = "1"
    # threads that spin while they wait take twice the time of a machine on which anything else runs (measured)
    given.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if base == NANO or Path(base).is_dir():
        # nothing is fetched for a base that is here
        given["HF_HUB_OFFLINE"] = "1"
    return given


def _note(store: Store, run: runs.Run) -> str:
    if not run.total_steps:
        return "training: starting"
    last = runs.points(store, run.id, "train", after=run.step - 3)
    loss = f" loss {last[-1].loss:.3f}" if last and last[-1].loss is not None else ""
    return f"training: run {run.id} on {run.base}{loss}"


def _last_words(log: Path) -> str:
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = handle.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return "no log"
    return lines[-1][:200] if lines else "its log is empty"


def _known(store: Store, run_id: int) -> runs.Run:
    run = runs.get(store, run_id)
    if run is None:
        raise StratosError(f"there is no run {run_id}; `stratos train start` makes one")
    return run
