"""Merging in fp32 says what the adapter said, is cast once, and leaves a folder whole or none."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.inference import memory
from stratos_tui.progress import silent
from stratos_tui.serving.merge import MERGE_TOLERANCE, merge
from stratos_tui.serving.probes import probes
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.runs import finished

MODEL_FILE = "model.safetensors"
Finish = Callable[[Path], int]


def logits(folder: Path, text: str, *, adapted: bool = False) -> Any:
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loader = AutoPeftModelForCausalLM if adapted else AutoModelForCausalLM
    model: Any = loader.from_pretrained(folder, dtype=torch.float32)
    ids = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return model.eval()(input_ids=ids).logits


def test_the_merged_model_says_what_the_adapter_says(store: Store, finish_run: Finish, adapter: Path) -> None:
    run = runs.get(store, finish_run(adapter))
    assert run is not None
    folder, merged = merge(store, run, silent)
    assert merged.adapter
    assert merged.merge_difference is not None
    assert merged.merge_difference <= merged.tolerance == MERGE_TOLERANCE * merged.largest_logit
    assert merged.adapter_effect is not None
    assert merged.adapter_effect > 0.05
    assert merged.cast_agreement > 0.9
    # seen from outside: what was written against the adapter, bf16 rounding apart
    text = probes()[0].prompt
    difference = float((logits(folder, text) - logits(adapter, text, adapted=True)).abs().max())
    assert difference == pytest.approx(merged.cast_difference, abs=0.05)
    assert difference < merged.adapter_effect


def test_what_is_written_is_bf16_and_ends_and_renders_a_turn_as_training_did(
    store: Store, finish_run: Finish, adapter: Path
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    folder, _ = merge(store, finished(store, finish_run(adapter)), silent)
    [weights] = folder.glob("*.safetensors")
    assert {str(each.dtype) for each in load_file(weights).values()} == {"torch.bfloat16"}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.eos_token == "<|im_end|>"
    for probe in probes():
        assert tokenizer.apply_chat_template(probe.messages, tokenize=False, add_generation_prompt=True) == probe.prompt


def test_a_run_without_an_adapter_is_only_cast(store: Store, finish_run: Finish, base_model: Path) -> None:
    _, merged = merge(store, finished(store, finish_run(base_model)), silent)
    assert (merged.adapter, merged.merge_difference, merged.adapter_effect) == (False, None, None)
    assert 0 < merged.cast_difference < 0.1


def test_a_run_is_merged_once(store: Store, finish_run: Finish, base_model: Path) -> None:
    run = finished(store, finish_run(base_model))
    folder, first = merge(store, run, silent)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert merge(store, run, silent) == (folder, first)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_a_merge_that_changes_what_the_model_says_is_refused(
    store: Store, finish_run: Finish, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora import LoraModel

    kept: Any = LoraModel.merge_and_unload

    def lossy(self: Any, *args: Any, **more: Any) -> Any:
        model = kept(self, *args, **more)
        model.model.layers[0].mlp.down_proj.weight.data *= 1.01
        return model

    monkeypatch.setattr(LoraModel, "merge_and_unload", lossy)
    run = finished(store, finish_run(adapter))
    with pytest.raises(StratosError, match="merging moved a logit"):
        merge(store, run, silent)
    assert not list((Path(run.folder) / "serving").glob("merged*"))


def test_a_full_disk_is_seen_before_anything_is_written(
    store: Store, finish_run: Finish, base_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    run = finished(store, finish_run(base_model))
    with pytest.raises(StratosError, match="free space and repeat"):
        merge(store, run, silent)
    assert not list((Path(run.folder) / "serving").glob("merged*"))


def test_too_little_memory_is_seen_before_anything_is_loaded(
    store: Store, finish_run: Finish, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    # of the base: the file holds no head where that is tied to the embeddings, and the adapter is not counted
    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    weights = sum(each.numel() for each in load_file(Path(config["base_model_name_or_path"]) / MODEL_FILE).values())
    monkeypatch.setattr(memory, "free_memory", lambda: weights * 4 - 1)
    run = finished(store, finish_run(adapter))
    # whatever would be loaded cannot be
    (Path(run.folder) / "model" / "adapter_model.safetensors").unlink()
    with pytest.raises(StratosError, match=rf"its {weights:,} weights in fp32 take 0\.0 GB of memory and 0\.0 GB are"):
        merge(store, run, silent)
    assert not list((Path(run.folder) / "serving").glob("merged*"))
    monkeypatch.setattr(memory, "free_memory", lambda: int(weights * 4 * 1.2))
    with pytest.raises(StratosError, match="holds no model that can be loaded"):
        merge(store, run, silent)


def test_what_a_killed_attempt_left_is_no_model(store: Store, finish_run: Finish, base_model: Path) -> None:
    run = finished(store, finish_run(base_model))
    left = Path(run.folder) / "serving" / "merged.part"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    folder, _ = merge(store, run, silent)
    assert not left.exists()
    assert (folder / "merge.json").is_file()


def test_only_a_finished_run_is_published(store: Store, finish_run: Finish, base_model: Path) -> None:
    run_id = finish_run(base_model)
    with pytest.raises(StratosError, match="there is no run 99"):
        finished(store, 99)
    runs.finish(store, run_id, "failed", error="out of memory")
    with pytest.raises(StratosError, match=f"run {run_id} is failed"):
        finished(store, run_id)


def test_a_model_of_nan_is_refused(store: Store, finish_run: Finish, base_model: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    run = finished(store, finish_run(base_model))
    file = Path(run.folder) / "model" / "model.safetensors"
    weights = load_file(file)
    weights["model.norm.weight"][0] = torch.nan
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(StratosError, match="NaN or infinity"):
        merge(store, run, silent)
