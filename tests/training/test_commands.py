"""``stratos train`` on the command line: pilot, settings with their sources, and what accelerate is given."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stratos_tui.commands.training import train
from stratos_tui.errors import StratosError
from stratos_tui.store import runs
from stratos_tui.store.db import Store

pytest.importorskip("trl", reason="the training stack is not installed")


def said(store: Store, *words: str) -> tuple[int, dict[str, Any]]:
    found = CliRunner().invoke(train, [*words, "--db", str(store.path), "--json"], standalone_mode=False)
    if isinstance(found.exception, StratosError):
        raise found.exception
    assert found.exception is None, found.output
    return int(found.return_value or 0), json.loads(found.stdout)


def flags(settings: dict[str, object]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]


def test_a_pilot_that_learned_nothing_forbids_a_long_run(built: Store, tiny: dict[str, object]) -> None:
    code, found = said(built, "pilot", *flags(tiny | {"pilot_examples": 16}))
    assert code == 1
    assert (found["state"], found["params"]["examples"], found["metrics"]["steps"]) == ("done", 16, 4)
    assert found["check"]["name"] == "paired_profiles"
    assert not found["check"]["ok"]
    log = (Path(found["folder"]) / "train.log").read_text("utf-8")
    assert "  schedule = cosine  [plan, section 6, phase 5]" in log
    assert "  examples = 16  [set for this run (the recipe's own is 0)]" in log
    assert "  threads = 1  [set for this run" in log
    assert "  weight_decay = 0.05  [measured for nano on two cores]" in log
    assert "  attention: sdpa  [PyTorch's own; no flash-attn for this device]" in log
    assert all(f" {name}: " in log for name in ("order", "batches", "memory", "environment", "initial_loss", "pilot"))


def test_a_run_can_wait_for_accelerate(built: Store) -> None:
    code, found = said(built, "start", "--no-launch", "--epoch2", "sorted", "--override", "disk")
    assert code == 0
    run = runs.get(built, found["run"])
    assert run is not None
    assert (run.state, run.params["later_epochs"], run.params["overridden"]) == ("queued", "sorted", ["disk"])
    words = shlex.split(found["command"])
    assert words[:4] == ["accelerate", "launch", "--config_file", "FILE"]
    assert words[4:] == [
        *("-m", "stratos_tui.training.train_lora", "--db", str(built.path.resolve()), "--run", str(found["run"]))
    ]


def test_accelerates_configuration_is_recorded_and_used(built: Store, tmp_path: Path) -> None:
    file = tmp_path / "fsdp.yaml"
    for words in (("start", "--no-launch"), ("pilot",)):
        with pytest.raises(StratosError, match=r"fsdp\.yaml: there is no such file"):
            said(built, *words, "--accelerate-config", str(file))
    # the first waits for its file to be there
    assert [run.state for run in runs.load(built)] == ["queued", "queued"]
    file.touch()
    _, found = said(built, "start", "--no-launch", "--accelerate-config", str(file))
    assert shlex.split(found["command"])[:4] == ["accelerate", "launch", "--config_file", str(file)]
    run = runs.get(built, found["run"])
    assert run is not None
    assert run.accelerate == str(file)
    # named once, it need not be named again
    assert said(built, "start", "--no-launch")[1] == found


def test_what_a_resume_cannot_replace_is_refused_with_what_it_can(built: Store) -> None:
    said(built, "start", "--no-launch")
    with pytest.raises(
        StratosError, match=r"epochs is part of what run 1 is; .* micro_batch, activation_checkpointing"
    ):
        said(built, "resume", "--set", "epochs=3")
    with pytest.raises(StratosError, match="micro_batch: write NAME=VALUE"):
        said(built, "resume", "--set", "micro_batch")


def test_preflight_takes_settings(built: Store) -> None:
    code, found = said(built, "preflight", *flags({"shape.context": 200}))
    assert code == 1
    assert [check["name"] for check in found["checks"] if not check["ok"]] == ["length"]
