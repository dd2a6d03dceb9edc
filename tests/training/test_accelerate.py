"""train_lora under ``accelerate launch`` with a configuration that it is given: the run is that of the plain script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.training import launch

if TYPE_CHECKING:
    from tests.training.conftest import Undisturbed

pytest.importorskip("trl", reason="the training stack is not installed")

ONE = {"distributed_type": "NO", "num_processes": 1}
# without MPI accelerate starts several processes through torchrun alone, which it calls multi-GPU; the run is a CPU's
TWO = {"distributed_type": "MULTI_GPU", "num_processes": 2, "use_cpu": False, "main_process_port": 0}


def configured(folder: Path, config: dict[str, object]) -> Path:
    """The file of accelerate's that an operator made."""
    file = folder / "accelerate.json"
    machine = {"compute_environment": "LOCAL_MACHINE", "machine_rank": 0, "num_machines": 1, "use_cpu": True}
    file.write_text(json.dumps({**machine, "mixed_precision": "no", **config}))
    return file


def test_one_process_launched_by_hand_trains_what_the_plain_script_does(
    built: Store, undisturbed: Undisturbed, tiny: dict[str, object], tmp_path: Path
) -> None:
    run_id = launch.create(built, 1, "nano", tiny)
    # what an earlier process left behind
    runs.request_stop(built, run_id)
    runs.finish(built, run_id, "failed", error="it was stopped")
    words = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(configured(tmp_path, ONE))]
    found = subprocess.run(
        [*words, *launch.command(built, run_id)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-1500:] + found.stderr[-3000:]
    run = runs.get(built, run_id)
    assert run is not None
    assert (run.state, run.error, run.stop_requested, run.processes) == ("done", "", False, 1)
    assert run.order_digest == undisturbed.run.order_digest
    assert runs.points(built, run.id, "train") == undisturbed.train
    assert runs.points(built, run.id, "eval") == undisturbed.eval
    # what it printed went both ways
    log = (Path(run.folder) / runs.LOG).read_text("utf-8")
    assert "run 1: base nano on dataset 1" in log
    assert "done in" in log
    assert "done in" in found.stdout


def test_two_processes_share_each_batch_stop_together_and_go_on_together(
    built: Store,
    undisturbed: Undisturbed,
    tiny: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    let_it_begin: Callable[[], None],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    file = configured(tmp_path, TWO)
    run_id = launch.start(built, 1, "nano", tiny | {"micro_batch": 4}, file)
    launch.stop(built, run_id)
    let_it_begin()
    with pytest.raises(StratosError, match="run 1 was stopped at step 1 of 8"):
        launch.wait(built, run_id, silent)
    stopped = runs.get(built, run_id)
    assert stopped is not None
    assert (stopped.processes, stopped.accelerate) == (2, str(file))
    assert stopped.folder == str(runs.folder_of(built, run_id))
    # it is launched as it was, once its processes are gone
    launch.resume(built, run_id)
    run = launch.wait(built, run_id, silent)
    assert (run.metrics["processes"], run.stop_requested, run.error) == (2, False, "")
    assert run.metrics["parameters"] == undisturbed.run.metrics["parameters"]
    assert run.order_digest == undisturbed.run.order_digest
    ours, theirs = runs.points(built, run.id, "train"), undisturbed.train
    assert [(each.step, each.tokens) for each in ours] == [(each.step, each.tokens) for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
    assert (runs.model_folder(built, run.id) / "model.safetensors").is_file()
    assert not (runs.model_folder(built, run.id) / "training_args.bin").exists()
    log = (Path(run.folder) / runs.LOG).read_text("utf-8")
    assert "batches: not measured under 2 processes" in log


def test_several_processes_are_not_resumed_as_one(built: Store, tiny: dict[str, object], tmp_path: Path) -> None:
    run_id = launch.create(built, 1, "nano", tiny)
    runs.begin(built, run_id, os.getpid(), 2)
    runs.finish(built, run_id, "stopped")
    with pytest.raises(StratosError, match=r"was trained by 2 processes; .* resume 1 --accelerate-config FILE"):
        launch.resume(built, run_id)
    with pytest.raises(StratosError, match=r"nowhere\.yaml: there is no such file"):
        launch.resume(built, run_id, {}, tmp_path / "nowhere.yaml")
    assert not (runs.folder_of(built, run_id) / runs.LOG).exists()
