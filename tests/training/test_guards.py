"""What ends a run that cannot go on: its cause is in the run's row, and the last good checkpoint on the disk."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
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
    folder = runs.folder_of(store, run_id)
    assert [each.name for each in folder.glob("checkpoint-*") if (each / "complete").is_file()] == ["checkpoint-2"]
    assert not (folder / runs.MODEL).exists()
    return run


@pytest.fixture
def settings(tiny: dict[str, object]) -> dict[str, object]:
    return tiny | {"probe_pairs": 0}


def test_a_run_in_which_nothing_happens_ends_itself(
    built: Store, settings: dict[str, object], after_step_3: Hook
) -> None:
    after_step_3("time.sleep(600)")
    run = ended(built, settings | {"stall_seconds": 2.0, "stall_factor": 2})
    assert "it stalled: nothing happened for" in run.error
    assert "the last good checkpoint is kept" in run.error
    # its row is closed first, and then the process ends
    until = time.monotonic() + 30
    while launch.alive(built, run.id) and time.monotonic() < until:
        time.sleep(0.05)
    assert not launch.alive(built, run.id)


def test_a_run_without_memory_says_what_to_lower(built: Store, settings: dict[str, object], after_step_3: Hook) -> None:
    # the process may have no more memory than it has: its next batch is refused by PyTorch's own allocator
    after_step_3(
        "import resource, torch; resource.setrlimit(resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY));"
        " torch.empty(1 << 30)"
    )
    run = ended(built, settings)
    assert run.error.startswith("out of memory after step")
    assert "micro_batch (now 8), activation_checkpointing=true" in run.error


def train_here(store: Store, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Run:
    from stratos_tui.training import train_lora

    run_id = launch.create(store, 1, "nano", settings)
    monkeypatch.setattr(sys, "argv", ["train_lora", "--db", str(store.path), "--run", str(run_id)])
    with suppress(SystemExit):
        train_lora.main()
    run = runs.get(store, run_id)
    assert run is not None
    return run


def test_a_disk_that_fills_stops_the_run_before_a_checkpoint_is_torn(
    built: Store, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = runs.folder_of(built, launch.create(built, 1, "nano", settings))
    real = shutil.disk_usage

    def filling(path: object) -> object:
        return SimpleNamespace(free=1000) if (folder / "checkpoint-2" / "complete").exists() else real(str(path))

    monkeypatch.setattr(shutil, "disk_usage", filling)
    run = train_here(built, settings, monkeypatch)
    assert run.state == "failed"
    assert run.error.startswith("the disk is filling: 0.00 GB are free and a checkpoint takes")
    assert [each.name for each in folder.glob("checkpoint-*")] == ["checkpoint-2"]
    # with room again it goes on from there to its end
    monkeypatch.setattr(shutil, "disk_usage", real)
    again = train_here(built, settings, monkeypatch)
    assert (again.id, again.state) == (run.id, "done")


def test_answers_that_loop_are_said_and_end_the_run_where_that_was_asked(
    built: Store, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # thrown about by its learning rate, it says little but dots after its second step
    looping = settings | {"probe_pairs": 2, "probe_tokens": 60, "learning_rate": 0.3, "warmup": 0.0}
    run = train_here(built, looping, monkeypatch)
    assert run.state == "done"
    found = probes.points(built, run.id)
    assert any(each.detail["looping"] for each in found)
    assert "answers repeat themselves" in capfd.readouterr().out
    strict = train_here(built, looping | {"stop_at_loops": 0.0}, monkeypatch)
    assert strict.state == "failed"
    assert "more than stop_at_loops=0.0 allows" in strict.error


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
    assert guards.cause_of(error, 7, recipe_for("nano")).startswith(says)


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
