"""kill -9 and a stop, each followed by a resume: the rows and the weights are those of a run that nobody disturbed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Point
from stratos_tui.training import launch

if TYPE_CHECKING:
    from tests.training.conftest import Undisturbed

Weights = Callable[[Path], dict[str, Any]]

EXACT = ("step", "split", "learning_rate", "tokens", "epoch")
ROUNDED = ("loss", "grad_norm", "token_accuracy")


def rows_of(points: list[Point]) -> list[tuple[object, ...]]:
    """Telemetry as it is compared: losses to five decimals."""
    return [
        (
            *(getattr(point, name) for name in EXACT),
            *(None if (value := getattr(point, name)) is None else round(value, 5) for name in ROUNDED),
        )
        for point in points
    ]


def assert_undisturbed(store: Store, run_id: int, expected: Undisturbed, weights: Weights) -> None:
    import torch

    run = runs.get(store, run_id)
    assert run is not None
    assert (run.state, run.step, run.error) == ("done", expected.run.step, "")
    assert rows_of(runs.points(store, run_id, "train")) == rows_of(expected.train)
    assert rows_of(runs.points(store, run_id, "eval")) == rows_of(expected.eval)
    assert (run.fingerprint, run.order_digest) == (expected.run.fingerprint, expected.run.order_digest)
    assert run.metrics | {"seconds": 0} == expected.run.metrics | {"seconds": 0}
    ours, theirs = weights(Path(run.folder) / runs.MODEL), weights(Path(expected.run.folder) / runs.MODEL)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[each], theirs[each]) for each in ours)


def test_kill_9_at_any_point_and_a_resume_come_to_the_same(
    built: Store,
    undisturbed: Undisturbed,
    tiny: dict[str, object],
    die_at: Callable[[str], None],
    weights: Weights,
) -> None:
    folder = runs.folder_of(built, 1)
    # before the first checkpoint, and after the second
    for point, checkpoints in (("train 1", []), ("train 5", [2, 4])):
        die_at(point)
        run_id = launch.start(built, 1, "nano", tiny)
        with pytest.raises(StratosError, match="run 1: its process died at step"):
            launch.wait(built, run_id, silent)
        assert runs.points(built, run_id, "train")[-1].step == int(point.split()[1])
        assert sorted(int(each.name.split("-")[1]) for each in folder.glob("checkpoint-*")) == checkpoints
        closed = runs.get(built, run_id)
        assert closed is not None
        assert (closed.state, closed.pid) == ("failed", None)
        assert "died at step" in closed.error
    # a checkpoint that was being written when the process was killed is not gone on from
    torn = folder / "checkpoint-4"
    (torn / runs.COMPLETE).unlink()
    (torn / "model.safetensors").write_bytes(b"torn")
    die_at("")
    launch.resume(built, 1)
    assert launch.wait(built, 1, silent).state == "done"
    assert_undisturbed(built, 1, undisturbed, weights)
    log = (folder / runs.LOG).read_text("utf-8")
    assert log.count("run 1: base nano") == 3


def test_a_stop_and_a_resume_come_to_the_same(
    built: Store,
    undisturbed: Undisturbed,
    tiny: dict[str, object],
    weights: Weights,
    let_it_begin: Callable[[], None],
) -> None:
    run_id = launch.start(built, 1, "nano", tiny)
    # asked for before its first step, so that it stops after it
    launch.stop(built, run_id)
    with pytest.raises(StratosError, match="run 1 is being trained; `stratos train stop 1` first"):
        launch.resume(built, run_id, {"micro_batch": 4})
    let_it_begin()
    with pytest.raises(StratosError, match=r"run 1 was stopped at step 1 of 8; .* goes on"):
        launch.wait(built, run_id, silent)
    assert [point.step for point in runs.points(built, run_id, "train")] == [1]
    with pytest.raises(StratosError, match="run 1 is stopped, so it has no model yet"):
        runs.model_folder(built, run_id)
    launch.resume(built, run_id)
    launch.wait(built, run_id, silent)
    assert_undisturbed(built, run_id, undisturbed, weights)


def test_a_run_that_no_process_trains_is_seen_and_closed(built: Store, tiny: dict[str, object]) -> None:
    run_id = launch.create(built, 1, "nano", tiny)
    assert not launch.alive(built, run_id)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = ended.pid
    runs.begin(built, run_id, gone)
    seen = runs.get(built, run_id)
    assert seen is not None
    # what ended since it was read, or was started again, is left as it is
    runs.begin(built, run_id, os.getpid())
    runs.close_dead(built, seen, "gone")
    assert [run.state for run in runs.active(built)] == ["running"]
    runs.begin(built, run_id, gone)
    assert runs.active(built) == []
    closed = runs.get(built, run_id)
    assert closed is not None
    assert (closed.state, closed.pid) == ("failed", None)
    assert "ended without a word" in closed.error
    runs.begin(built, run_id, gone)
    launch.stop(built, run_id)
    assert [run.state for run in runs.load(built)] == ["stopped"]


def test_a_run_is_taken_for_alive_as_long_as_somebody_holds_its_lock(built: Store, tiny: dict[str, object]) -> None:
    folder = runs.folder_of(built, launch.create(built, 1, "nano", tiny))
    lock = launch.take_lock(folder)
    assert lock is not None
    assert launch.take_lock(folder) is None
    holder = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], pass_fds=(lock,))
    os.close(lock)
    assert launch.alive(built, 1)
    # a starter that finds it held starts nothing
    launch.resume(built, 1)
    assert not (folder / runs.LOG).exists()
    holder.kill()
    holder.wait()
    assert not launch.alive(built, 1)
