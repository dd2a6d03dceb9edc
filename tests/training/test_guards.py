"""What ends a run that cannot go on: its cause is in the run's row, and the last good checkpoint on the disk."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import probes, runs
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Run
from stratos_tui.training import guards, launch
from stratos_tui.training.recipes import recipe_for

pytest.importorskip("trl", reason="the training stack is not installed")

Hook = Callable[[str], None]
TrainHere = Callable[..., Run]
SEEN = """
from stratos_tui.store import runs
put = runs.put_point

def put_point(store, run_id, point):
    put(store, run_id, point)
    if (point.split, point.step) == ("train", 3):
        import time
        {what}

runs.put_point = put_point
"""


@pytest.fixture
def after_step_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hook:
    """Have the next training process do something right after its third step, when checkpoint 2 is whole."""

    def hook(what: str) -> None:
        folder = tmp_path / "hook"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(SEEN.format(what=what))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))

    return hook


def ended(store: Store, settings: dict[str, object]) -> Run:
    """Train in a process of its own until it fails, and return the run."""
    run_id = launch.start(store, 1, "nano", settings)
    with pytest.raises(StratosError, match=f"run {run_id}"):
        launch.wait(store, run_id, silent)
    run = runs.get(store, run_id)
    assert run is not None
    assert run.state == "failed"
    assert kept(store, run) == ["checkpoint-2"]
    assert not (runs.folder_of(store, run_id) / runs.MODEL).exists()
    return run


def kept(store: Store, run: Run) -> list[str]:
    """The whole checkpoints of a run."""
    folder = runs.folder_of(store, run.id)
    return [each.name for each in folder.glob("checkpoint-*") if (each / runs.COMPLETE).is_file()]


@pytest.fixture
def settings(tiny: dict[str, object]) -> dict[str, object]:
    return tiny | {"probe_pairs": 0}


def test_a_run_in_which_nothing_happens_ends_itself(
    built: Store, settings: dict[str, object], after_step_3: Hook
) -> None:
    # three hours later, as its guards' clock has it
    later = "types.SimpleNamespace(monotonic=lambda: time.monotonic() + 10_800)"
    after_step_3(f"import types; from stratos_tui.training import guards; guards.time = {later}; time.sleep(600)")
    run = ended(built, settings)
    assert "it stalled: nothing happened for 10" in run.error
    assert "the last good checkpoint is kept" in run.error
    # its row is closed first, and then the process ends
    until = time.monotonic() + 120
    while launch.alive(built, run.id) and time.monotonic() < until:
        time.sleep(0.05)
    assert not launch.alive(built, run.id)


def test_a_run_without_memory_goes_on_with_less_at_once(
    built: Store, settings: dict[str, object], train_here: TrainHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    put = runs.put_point

    def starve(store: Store, run_id: int, point: runs.Point) -> None:
        put(store, run_id, point)
        if (point.split, point.step) == ("train", 3):
            # more than any machine has: PyTorch's own allocator refuses
            torch.empty(1 << 50)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "put_point", starve)
        run = train_here(settings)
    assert run.state == "failed"
    assert run.error.startswith("out of memory after step 3")
    assert (
        "`stratos train resume 1 --set micro_batch=4 --set activation_checkpointing=true` goes on with less"
        in run.error
    )
    assert kept(built, run) == ["checkpoint-2"]
    # what keeps the loss is no part of what a run is
    assert launch.create(built, 1, "nano", settings | {"micro_batch": 4, "liger": "off"}) == run.id
    with pytest.raises(StratosError, match=r"batch is part of what run 1 is; .* micro_batch, activation_checkpointing"):
        launch.resume(built, run.id, {"batch": 4})
    with pytest.raises(StratosError, match="the setting micro_batch is a int"):
        launch.resume(built, run.id, {"micro_batch": "few"})
    launch.resume(built, run.id, {"micro_batch": 4, "attention": "auto"})
    again = launch.wait(built, run.id, silent)
    assert (again.state, again.params["micro_batch"], again.metrics["micro_batch"]) == ("done", 4, 4)
    assert again.metrics["order_as_expected"]
    [change] = again.changes
    assert [change[name] for name in ("name", "before", "after", "step")] == ["micro_batch", 8, 4, 3]
    assert "  micro_batch was 8 up to step 3, then 4" in (Path(again.folder) / runs.LOG).read_text("utf-8")


def test_a_disk_that_fills_stops_the_run_before_a_checkpoint_is_torn(
    built: Store, settings: dict[str, object], train_here: TrainHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs.folder_of(built, launch.create(built, 1, "nano", settings))
    real = shutil.disk_usage

    def filling(path: object) -> object:
        return SimpleNamespace(free=1000) if (folder / "checkpoint-2" / runs.COMPLETE).exists() else real(str(path))

    monkeypatch.setattr(shutil, "disk_usage", filling)
    run = train_here(settings)
    assert run.state == "failed"
    assert run.error.startswith("the disk is filling: 0.00 GB are free and a checkpoint takes")
    assert [each.name for each in folder.glob("checkpoint-*")] == ["checkpoint-2"]
    # with room again it goes on from there to its end
    monkeypatch.setattr(shutil, "disk_usage", real)
    again = train_here(settings)
    assert (again.id, again.state) == (run.id, "done")


def test_answers_that_loop_twice_running_end_the_run(
    built: Store,
    settings: dict[str, object],
    train_here: TrainHere,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from stratos_tui.inference import local

    said = iter([*["no match " * 20] * 4, "one trace that ends", *["no match " * 20] * 9])

    def loop_at_times(_: object, prompts: Sequence[str], *__: object) -> list[local.Generation]:
        text = next(said)
        return [local.Generation(text, 1, 1, 0.0, finished=True) for _ in prompts]

    monkeypatch.setattr(local, "generate", loop_at_times)
    asked = settings | {"probe_pairs": 2}
    # evaluated after each step, of which the first three are its warm-up: they loop and count for nothing, the fourth
    # loops, the fifth does not
    ended = train_here(asked | {"evaluations": 8, "warmup": 3.0})
    assert "answers repeat themselves" in capfd.readouterr().out
    assert (ended.state, [probe.step for probe in probes.points(built, ended.id)]) == ("failed", [1, 2, 3, 4, 5, 6, 7])
    assert "answers repeat themselves at step 7, and" in ended.error
    assert "did at step 6; stop_at_loops=0.5 allows less; the last good checkpoint is kept" in ended.error
    assert train_here(asked | {"evaluations": 2, "epochs": 1, "stop_at_loops": 0.0}).state == "done"
    assert "answers repeat themselves" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (StratosError("one clear line"), "one clear line"),
        (MemoryError(), "out of memory after step 7"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full after step 7"),
        (RuntimeError("PytorchStreamWriter failed writing file"), "the disk is full after step 7"),
        (OSError(errno.EACCES, "Permission denied"), "[Errno 13] Permission denied"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_cause_is_one_line(error: BaseException, says: str) -> None:
    assert guards.cause_of(error, 7, recipe_for("nano"), 3).startswith(says)


@pytest.mark.parametrize(
    ("ran", "advice"),
    [
        # what was chosen on the device, and what is stored: 0 and True
        ((1, False), "micro_batch=1 --set activation_checkpointing=true"),
        ((8, False), "micro_batch=4 --set activation_checkpointing=true"),
        ((8, True), "micro_batch=4 --set activation_checkpointing=true"),
        # half of it would not divide a batch of 18
        ((9, True), "micro_batch=3 --set activation_checkpointing=true"),
        # it ended before anything was chosen
        ((0, True), "micro_batch=1 --set activation_checkpointing=true"),
    ],
)
def test_without_memory_the_advice_is_less_than_it_ran_with(ran: tuple[int, bool], advice: str) -> None:
    micro_batch, recomputed = ran
    recipe = recipe_for("folder", {"micro_batch": micro_batch, "activation_checkpointing": recomputed})
    cause = guards.cause_of(MemoryError("none"), 7, recipe, 3)
    assert f"`stratos train resume 3 --set {advice}` goes on with less" in cause


def test_without_memory_and_with_nothing_less_it_names_what_is_left() -> None:
    recipe = recipe_for("folder", {"micro_batch": 1, "activation_checkpointing": True})
    cause = guards.cause_of(MemoryError("none"), 7, recipe, 3)
    assert "another run with four_bit=true takes less" in cause
    assert "resume" not in cause


def test_a_watchdog_waits_for_many_times_a_step_and_barks_once() -> None:
    said: list[str] = []
    recipe = recipe_for("nano", {"stall_seconds": 0.2, "stall_factor": 10})
    patient = guards.Watchdog(recipe, said.append)
    assert patient.limit == 0.2
    for _ in range(3):
        patient.beat(0.1)
    assert patient.limit == pytest.approx(1.0)
    hasty = guards.Watchdog(recipe, said.append)
    hasty.start()
    deadline = time.monotonic() + 20
    while not said and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [each.startswith("it stalled") for each in said] == [True]
