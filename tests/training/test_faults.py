"""What stops a training process, run inside this one: each ends the run as failed, with its cause."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import runs
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Run
from stratos_tui.training import launch
from stratos_tui.training.recipes import NanoShape

Train = Callable[..., Run]


@pytest.fixture
def train(tiny: dict[str, object], train_here: Train) -> Train:
    """Train dataset 1 by the tiny settings in this process and return how the run ended."""

    def do(base: str = "nano", **overrides: object) -> Run:
        settings = {
            name: value for name, value in (tiny | overrides).items() if base == "nano" or not name.startswith("shape.")
        }
        return train_here(settings, base)

    return do


def test_a_loss_that_is_no_number_stops_the_run_with_its_cause(built: Store, train: Train) -> None:
    run = train(learning_rate=1e30, clip=1e30)
    assert run.state == "failed"
    assert "became nan at step" in run.error or "became inf at step" in run.error
    assert "the last good checkpoint is kept" in run.error
    assert run.step < run.total_steps
    assert all(point.loss == point.loss for point in runs.points(built, run.id, "train"))
    with pytest.raises(StratosError, match=f"run {run.id} failed: .* became"):
        launch.wait(built, run.id, silent)
    with pytest.raises(StratosError, match="so it has no model yet"):
        runs.model_folder(built, run.id)


def test_a_check_that_fails_stops_the_run_before_its_first_step_unless_it_is_named(built: Store, train: Train) -> None:
    shares = {"noise": {"target": 0.25, "share": 0.9, "limited": False}}
    with built.write() as connection:
        connection.execute(
            "UPDATE datasets SET summary = json_set(summary, '$.shares', json(?))", (json.dumps(shares),)
        )
    run = train()
    assert run.state == "failed"
    assert run.error.startswith("preflight band_shares: noise 90% of 25%, wanted within 5%")
    assert run.error.endswith("`--override band_shares` lets it fail")
    assert runs.points(built, run.id, "train") == []
    named = train(overridden=["band_shares"])
    assert named.id != run.id
    assert (named.state, named.error, named.params["overridden"]) == ("done", "", ["band_shares"])


def test_a_run_that_does_not_improve_any_more_ends_early_with_its_best_weights(built: Store, train: Train) -> None:
    run = train(learning_rate=0.5, patience=1, epochs=4, evaluations=8)
    assert run.state == "done"
    assert 0 < run.metrics["steps"] < run.total_steps
    losses = [point.loss for point in runs.points(built, run.id, "eval") if point.loss is not None]
    assert run.metrics["eval_loss"] == min(losses) < losses[-1]
    # killed after its last step and before its model was whole: there is nothing left to train
    before = runs.points(built, run.id, "train")
    with built.write() as connection:
        connection.execute("UPDATE runs SET state = 'failed' WHERE id = ?", (run.id,))
    folder = runs.folder_of(built, run.id) / runs.MODEL
    model = (folder / "model.safetensors").read_bytes()
    folder.rename(folder.with_name("model.part"))
    again = train(learning_rate=0.5, patience=1, epochs=4, evaluations=8)
    assert (again.id, again.state, again.order_digest) == (run.id, "done", run.order_digest)
    assert again.metrics | {"seconds": 0} == run.metrics | {"seconds": 0}
    assert runs.points(built, run.id, "train") == before
    assert (folder / "model.safetensors").read_bytes() == model


def test_a_base_that_cannot_be_read_is_the_cause(built: Store, train: Train, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    run = train(str(base))
    assert run.state == "failed"
    assert run.error.startswith(f"base {base}: has no readable tokenizer")


def test_a_base_with_torn_weights_is_the_cause(train: Train, tiny_model: Path, tmp_path: Path) -> None:
    base = shutil.copytree(tiny_model, tmp_path / "torn")
    (base / "model.safetensors").write_bytes(b"torn")
    run = train(str(base), precision="fp32", activation_checkpointing=False)
    assert run.state == "failed"
    assert run.error.startswith(f"base {base}: cannot be loaded")


def test_a_folder_that_cannot_be_written_is_one_clear_error(built: Store, tiny: dict[str, object]) -> None:
    Path(f"{built.path}.models").write_text("a file where the folder should be")
    with pytest.raises(StratosError, match=r"stratos\.db\.models/run-1: cannot be written"):
        launch.start(built, 1, "nano", tiny)
    with pytest.raises(StratosError, match="there is no dataset 7"):
        launch.start(built, 7, "nano", tiny)
    with pytest.raises(StratosError, match="there is no run 7"):
        launch.resume(built, 7)


def test_a_base_of_any_other_kind_gets_an_adapter_that_is_merged_when_it_is_loaded(
    built: Store, train: Train, rows: list[DatasetRow], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from stratos_tui.inference.local import Sampling, generate, load
    from stratos_tui.training.nano import build_model, build_tokenizer

    base = tmp_path / "qwen3"
    shape = replace(NanoShape(), vocabulary=1000, hidden=32, layers=2, feed_forward=48)
    tokenizer = build_tokenizer((row.prompt + row.completion for row in rows), shape.vocabulary)
    tokenizer.save_pretrained(str(base))
    build_model(tokenizer, shape, seed=1).save_pretrained(str(base))
    before = {each.name: each.read_bytes() for each in base.iterdir()}

    run = train(
        str(base), precision="fp32", device="cpu", activation_checkpointing=False, epochs=1,
        micro_batch=4, rank=2, alpha=4, learning_rate=0.05, evaluations=2, eval_examples=2,
    )  # fmt: skip
    assert (run.state, run.error) == ("done", "")
    assert 0 < run.metrics["trained_parameters"] < run.metrics["parameters"]
    folder = runs.model_folder(built, run.id)
    adapter = json.loads((folder / "adapter_config.json").read_text())
    assert (adapter["use_dora"], adapter["r"], adapter["lora_alpha"]) == (True, 2, 4)
    assert not (folder / "model.safetensors").exists()
    assert {each.name: each.read_bytes() for each in base.iterdir()} == before

    model = load(folder)
    merged = dict(model.model.state_dict())
    plain = dict(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).state_dict())
    assert merged.keys() == plain.keys()
    changed = {name.split(".")[-2] for name in merged if not torch.equal(merged[name].cpu().float(), plain[name])}
    assert changed == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    [said] = generate(model, [rows[0].prompt], [1], Sampling(max_new_tokens=6))
    assert 0 < said.tokens_out <= 6
