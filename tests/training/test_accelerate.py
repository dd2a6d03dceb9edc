"""train_lora under ``accelerate launch`` with a configuration that it is given: the run is that of the plain script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.training import launch

if TYPE_CHECKING:
    from tests.training.conftest import Undisturbed

pytest.importorskip("trl", reason="the training stack is not installed")

ONE = {"distributed_type": "NO", "num_processes": 1}
# without MPI accelerate starts several processes through torchrun alone, which it calls multi-GPU; the run is a CPU's
TWO = {"distributed_type": "MULTI_GPU", "num_processes": 2, "use_cpu": False, "main_process_port": 0}


def launched(store: Store, settings: dict[str, object], config: dict[str, object], folder: Path) -> runs.Run:
    """Train dataset 1 by accelerate and return the run."""
    run_id = launch.create(store, 1, "nano", settings)
    file = folder / "accelerate.json"
    machine = {"compute_environment": "LOCAL_MACHINE", "machine_rank": 0, "num_machines": 1, "use_cpu": True}
    file.write_text(json.dumps({**machine, "mixed_precision": "no", **config}))
    words = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file)]
    found = subprocess.run(
        [*words, *launch.command(store, run_id)],
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-1500:] + found.stderr[-3000:]
    run = runs.get(store, run_id)
    assert run is not None
    assert (run.state, run.error) == ("done", "")
    return run


def test_one_process_trains_what_the_plain_script_does(
    built: Store, undisturbed: Undisturbed, tiny: dict[str, object], tmp_path: Path
) -> None:
    run = launched(built, tiny, ONE, tmp_path)
    assert run.order_digest == undisturbed.run.order_digest
    assert runs.points(built, run.id, "train") == undisturbed.train
    assert runs.points(built, run.id, "eval") == undisturbed.eval


def test_two_processes_share_each_batch_and_keep_its_order_and_loss(
    built: Store, undisturbed: Undisturbed, tiny: dict[str, object], tmp_path: Path
) -> None:
    run = launched(built, tiny | {"micro_batch": 4}, TWO, tmp_path)
    assert run.metrics["processes"] == 2
    assert run.order_digest == undisturbed.run.order_digest
    ours, theirs = runs.points(built, run.id, "train"), undisturbed.train
    assert [(each.step, each.tokens) for each in ours] == [(each.step, each.tokens) for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
    assert (runs.model_folder(built, run.id) / "model.safetensors").is_file()
    assert not (runs.model_folder(built, run.id) / "training_args.bin").exists()
