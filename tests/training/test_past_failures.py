"""What killed or spoiled each earlier version, made again and caught before a run. The names are the versions'."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.prism.modelfile import modelfile
from stratos_tui.store import runs
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training import launch
from stratos_tui.training.check import Check
from stratos_tui.training.curriculum import difficulty
from stratos_tui.training.mask import IGNORED, Encoded, encode
from stratos_tui.training.recipes import Recipe, recipe_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytest.importorskip("trl", reason="the training stack is not installed")

from stratos_tui.training import options, preflight, preflight_machine, preflight_tokens
from stratos_tui.training import sizes as size_of
from tests.builds import change


@pytest.fixture(scope="session")
def base(base_file: Path) -> Path:
    return base_file


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def checked(store: Store, base: Path, **settings: object) -> dict[str, Check]:
    return {check.name: check for check in preflight.preflight(store, 1, str(base), settings)}


def failed(store: Store, base: Path, **settings: object) -> set[str]:
    return {name for name, check in checked(store, base, **settings).items() if not check.ok}


def trl_trainer(rows: Sequence[DatasetRow], tokenizer: Any, folder: Path, **settings: Any) -> Any:
    """TRL's own trainer, as earlier versions used it."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from stratos_tui.training.nano import build_model

    args = {"use_cpu": True, "bf16": False, "report_to": "none", "max_length": 4096, "eos_token": "<|im_end|>"}
    data = [{"prompt": row.prompt, "completion": row.completion, "position": at} for at, row in enumerate(rows)]
    trainer = SFTTrainer(
        model=build_model(tokenizer, preflight.STAND_IN, 0),
        args=SFTConfig(output_dir=str(folder), remove_unused_columns=False, **(args | settings)),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(data),
    )
    collate = trainer.data_collator

    def with_positions(examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch: dict[str, Any] = collate(examples)
        return batch | {"position": torch.tensor([each["position"] for each in examples])}

    trainer.data_collator = with_positions
    return trainer


def test_v14_a_base_without_its_chat_template(built: Store, base: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(base, tmp_path / "bare"))
    (bare / "chat_template.jinja").unlink()
    assert failed(built, bare) == {"chat_template"}


def test_v14_three_epochs(built: Store, base: Path) -> None:
    assert failed(built, base, epochs=3) == {"epochs"}


def test_v14_traces_that_loop(built: Store, base: Path) -> None:
    change(
        built,
        "UPDATE dataset_examples SET completion = replace(completion, '</think>',"
        " 'no match for this reader no match for this reader no match for this reader no match for this reader"
        " </think>') WHERE split = 'train' AND position = 0",
    )
    assert failed(built, base) == {"loops"}


def test_v15_loss_on_all_tokens(rows: list[DatasetRow], tokenizer: Any, tmp_path: Path) -> None:
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in rows[:8]]
    everything = [Encoded(each.ids, each.ids) for each in encoded]
    found = {check.name: check.ok for check in preflight_tokens.masks(tokenizer, rows[:8], everything)}
    assert found == {"supervised_share": False, "mask": False, "first_and_last": False}
    asked = trl_trainer(rows[:8], tokenizer, tmp_path, completion_only_loss=True)
    assert preflight_tokens.batches(asked, encoded).ok
    v15 = trl_trainer(rows[:8], tokenizer, tmp_path, completion_only_loss=False)
    assert preflight_tokens.batches(v15, encoded).value.startswith("0 of 8")


def test_v16_a_parameter_that_left_nothing_supervised(rows: list[DatasetRow], tokenizer: Any, tmp_path: Path) -> None:
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in rows[:8]]
    nothing = [Encoded(each.ids, [IGNORED] * len(each.ids)) for each in encoded]
    found = {check.name: (check.ok, check.value) for check in preflight_tokens.masks(tokenizer, rows[:8], nothing)}
    assert not any(ok for ok, _ in found.values())
    assert found["supervised_share"][1].startswith("0.0%")
    assert found["first_and_last"][1] == "none"
    trainer = trl_trainer(rows[:8], tokenizer, tmp_path)
    trainer.train_dataset = trainer.train_dataset.map(
        lambda row: {"completion_mask": [0] * len(row["input_ids"]), "labels": [IGNORED] * len(row["input_ids"])}
    )
    assert not preflight_tokens.batches(trainer, encoded).ok


def test_v17_a_disk_without_room(built: Store, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000))
    assert failed(built, base) == {"disk"}


def test_v18_answers_without_reasons(built: Store, base: Path) -> None:
    change(
        built,
        "UPDATE dataset_examples SET completion = substr(completion, instr(completion, 'SCORE:'))"
        " WHERE split = 'train'",
    )
    assert {"answer_only", "first_and_last"} <= failed(built, base)


def test_the_default_sampler_shuffles_every_epoch(
    built: Store, rows: list[DatasetRow], tokenizer: Any, tmp_path: Path
) -> None:
    from stratos_tui.training import trainer as trainers

    recipe = recipe_for("nano", {"epochs": 2, "batch": 8, "micro_batch": 8})
    lengths = [len(encode(tokenizer, row.prompt, row.completion).ids) for row in rows]
    default = trl_trainer(rows[:4], tokenizer, tmp_path)
    distances = difficulty(rows)
    found = preflight.order(trainers.dry_order(default, lengths, distances, recipe), rows, recipe)
    assert (found.ok, found.value) == (False, "epoch 1 is out of order")
    # what TRL calls sequential is so in both epochs
    same = trl_trainer(rows[:4], tokenizer, tmp_path, train_sampling_strategy="sequential")
    seen = trainers.dry_order(same, lengths, distances, recipe)
    assert preflight.order(seen, rows, recipe).value == "epoch 2 is not shuffled"
    assert preflight.order(seen, rows, recipe_for("nano", {"epochs": 2, "later_epochs": "sorted"})).ok
    assert "does not see every row once" in preflight.order([seen[0][:-1]], rows, recipe).value


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<|im_start|>assistant\n", "<|im_start|>assistant\n<think>\n\n</think>\n\n", "fills in '<think>"),
        ('TEMPLATE """', 'SYSTEM "/no_think"\nTEMPLATE """', "says /no_think"),
        ('PARAMETER stop "<|im_end|>"', "", "does not stop at <|im_end|>"),
        ("PARAMETER temperature 0.6", "PARAMETER temperature 0", "is greedy"),
        ('PARAMETER stop "<|im_end|>"', 'PARAMETER stop "<|im_end|>"\nMESSAGE assistant SCORE: 5', "puts words"),
        ("<|im_start|>assistant\n", "", "has no assistant turn"),
    ],
)
def test_a_modelfile_that_suppresses_or_pre_fills_thought(old: str, new: str, says: str) -> None:
    assert preflight_tokens.modelfile(modelfile()).ok
    assert old in modelfile()
    found = preflight_tokens.modelfile(modelfile().replace(old, new))
    assert not found.ok
    assert says in found.value


def test_a_wrong_end_of_turn(built: Store, base: Path, tmp_path: Path, tokenizer: Any) -> None:
    other = Path(shutil.copytree(base, tmp_path / "other"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (other / name).read_text("utf-8")
        (other / name).write_text(text.replace("<|im_end|>", "<|end|>"), "utf-8")
    with pytest.raises(StratosError, match=r"no <\|im_end\|>"):
        failed(built, other)


def test_an_evaluation_that_was_trained_on(built: Store, base: Path) -> None:
    change(
        built,
        "UPDATE dataset_examples SET article_id ="
        " (SELECT article_id FROM dataset_examples WHERE split = 'train' LIMIT 1)"
        " WHERE split = 'eval' AND position = 0",
    )
    assert "leaks" in failed(built, base)


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("prompt_bytes", "SET prompt = replace(prompt, 'Title:', 'Headline:')"),
        (
            "system_prompts",
            "SET prompt = '<|im_start|>system\n<|im_end|>' || substr(prompt, instr(prompt, '\n<|im_st'))",
        ),
        ("score_5_0", "SET tenths = 50"),
    ],
)
def test_prompt_drift_and_empty_system_prompts_and_a_5_0(built: Store, base: Path, name: str, sql: str) -> None:
    change(built, f"UPDATE dataset_examples {sql} WHERE split = 'train' AND position = 1")
    assert name in failed(built, base)


def test_one_system_prompt_for_every_profile(built: Store, base: Path) -> None:
    change(
        built,
        "UPDATE dataset_examples SET prompt = '<|im_start|>system\nYou score articles.' ||"
        " substr(prompt, instr(prompt, '<|im_end|>')) WHERE split = 'train'",
    )
    found = checked(built, base)["system_prompts"]
    assert not found.ok
    assert "1 shared by several" in found.value


def test_sequences_longer_than_the_context(built: Store, base: Path, tmp_path: Path) -> None:
    short = Path(shutil.copytree(base, tmp_path / "short"))
    config = json.loads((short / "config.json").read_text())
    (short / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 100}))
    assert "length" in failed(built, short)


# the machine


def machine(store: Store, base: Path, recipe: Recipe, of: size_of.Sizes) -> list[Check]:
    return list(preflight_machine.checks(store, str(base), recipe, of, 10, 5, weighted=False))


def test_a_base_that_does_not_fit_in_memory_shows_the_sum(built: Store, base: Path) -> None:
    found = checked(built, base, micro_batch=32, batch=1_048_576 * 32)["memory"]
    assert found.ok
    huge = checked(built, base, micro_batch=2**22, batch=2**22)["memory"]
    assert not huge.ok
    assert "weights" in huge.threshold
    assert "activations" in huge.threshold


def test_the_plans_base_fits_the_plans_card() -> None:
    # Qwen3-8B as its config.json has it, on 24 GB
    of = size_of.Sizes(8_190_735_360, 1_244_659_712, 44_900_000, 12288 * 4096, 36, 4096, 151_936, 40_960)
    recipe = recipe_for("Qwen/Qwen3-8B")

    def fitted(room: float | None, **more: int) -> tuple[int, bool]:
        found = options.fit(recipe, of, 900, 300, room, **more)
        assert found.batch == 32
        return found.micro_batch, found.activation_checkpointing

    assert fitted(25.2e9) == (2, True)
    # nothing is gained by more on a CPU, and nothing fits where it does not: the check of memory says so
    assert fitted(None) == fitted(8e9) == (2, True)
    # with room no activation is computed again, and more rows go at once
    assert fitted(48e9) == (4, False)
    assert fitted(141e9) == (8, False)
    # by 8 processes 4 rows each make the batch; two that share the weights have room for more
    assert fitted(141e9, processes=8) == (4, False)
    assert fitted(25.2e9, processes=2, shards=2) == (2, False)
    fixed = recipe_for("Qwen/Qwen3-8B", {"micro_batch": 1, "activation_checkpointing": False})
    assert options.fit(fixed, of, 900, 300, 141e9) is fixed
    recipe = options.fit(recipe, of, 900, 300, 25.2e9)
    needed = size_of.memory(of, recipe, longest=900, longest_completion=300)
    assert 18e9 < needed.total < 24e9
    assert needed.weights == pytest.approx(2 * of.parameters + 4 * of.trained)
    small = size_of.memory(of, replace(recipe, four_bit=True), 900, 300)
    assert small.total < needed.total / 2
    shared = size_of.memory(of, recipe, 900, 300, shards=2)
    assert (shared.weights, shared.activations) == (needed.weights / 2, needed.activations)


def test_an_adapter_is_counted_as_it_is_built(base: Path, tokenizer: Any) -> None:
    from peft import get_peft_model

    from stratos_tui.training import bases
    from stratos_tui.training.trl_settings import adapter

    for kind in ("dora", "lora"):
        recipe = recipe_for(str(base), {"adapter": kind, "precision": "fp32"})
        of = size_of.measure(str(base), recipe, tokenizer)
        model = bases.load_model(str(base), recipe, tokenizer)
        assert of.parameters == model.num_parameters()
        built = get_peft_model(model, adapter(recipe))
        assert of.trained == sum(each.numel() for each in built.parameters() if each.requires_grad)


@pytest.mark.parametrize(
    ("setting", "value", "hip", "card", "bad"),
    [
        ("TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL", "1", "6.4", "AMD Radeon RX 7900 XTX", True),
        ("TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL", "0", "6.4", "AMD Radeon RX 7900 XTX", False),
        ("TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL", "1", None, "NVIDIA H100", False),
        ("HSA_OVERRIDE_GFX_VERSION", "10.3.0", "6.4", "AMD Radeon RX 7900 XTX", True),
        ("HSA_OVERRIDE_GFX_VERSION", "11.0.0", "6.4", "AMD Radeon RX 7900 XTX", False),
        ("ACCELERATE_MIXED_PRECISION", "fp16", None, "", True),
        ("ACCELERATE_MIXED_PRECISION", "bf16", None, "", False),
        ("PYTORCH_NO_CUDA_MEMORY_CACHING", "0", None, "NVIDIA H100", True),
        ("CUDA_LAUNCH_BLOCKING", "1", None, "NVIDIA H100", True),
        ("CUDA_LAUNCH_BLOCKING", "1", None, "", False),
    ],
)
def test_settings_known_to_spoil_a_run(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, hip: str | None, card: str, bad: bool
) -> None:
    import torch

    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(card))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: card)
    found = preflight_machine.bad_settings(recipe_for("folder"), {setting: value})
    assert [known.name for known in found] == ([setting] if bad else [])


def test_a_device_that_only_emulates_bf16(built: Store, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    recipe = recipe_for(str(base))
    of = size_of.Sizes(1000, 100, 10, 10, 1, 8, 100, 100)

    def found() -> dict[str, Check]:
        return {check.name: check for check in machine(built, base, recipe, of)}

    assert found()["precision"].ok
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "an old card")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1000, 2000))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert found()["precision"].value == "an old card does not compute in bf16"
    assert found()["memory"].value == "0.0 GB free on an old card"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"attention": "flash_attention_2"}, "needs a GPU, bf16 and the package flash-attn"),
        ({"liger": "on"}, "needs a GPU and the package liger-kernel"),
        ({"padding_free": "on"}, "would mix examples and change the loss"),
        ({"four_bit": True}, "four_bit needs a GPU"),
    ],
)
def test_parts_that_are_not_here(built: Store, base: Path, settings: dict[str, object], says: str) -> None:
    recipe = recipe_for(str(base), settings | {"device": "cpu"})
    of = size_of.Sizes(1000, 100, 10, 10, 1, 8, 100, 100)
    found = {check.name: check for check in machine(built, base, recipe, of)}["options"]
    assert not found.ok
    assert says in found.value


def test_a_base_with_a_first_loss_that_cannot_be(built: Store, base: Path, tokenizer: Any) -> None:
    import torch

    from stratos_tui.training import bases

    recipe = recipe_for(str(base), {"precision": "fp32", "device": "cpu"})
    model: Any = bases.load_model(str(base), recipe, tokenizer)

    def loss() -> Check:
        return preflight.first_loss(built, 1, str(base), recipe, tokenizer, model)

    assert loss().ok
    assert float(loss().value) == pytest.approx(math.log(len(tokenizer)), rel=0.05)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(100)
        assert not loss().ok
        model.model.embed_tokens.weight.fill_(float("nan"))
        assert loss().value == "nan"
    assert not loss().ok
    large = size_of.Sizes(8_000_000_000, 1, 1, 1, 1, 1, 1000, 1)
    skipped = preflight_machine.initial_loss(None, [], recipe, large, untrained=False)
    assert (skipped.ok, skipped.value) == (True, "not measured: 8.0 billion weights on a CPU")


def test_a_long_run_without_a_pilot(built: Store, base: Path) -> None:
    from stratos_tui.store import probes
    from stratos_tui.store.probes import Probe

    without = checked(built, base, pilot_examples=8)
    assert {name for name, check in without.items() if not check.ok} == {"pilot"}
    # a sharded model is not generated from, so its pilot has no probe to pass by
    assert "with FSDP none can: it is not probed and needs `--override pilot`" in without["pilot"].value
    # a number of rows is no pilot where it is more than one takes
    assert failed(built, base, pilot_examples=8, examples=16) == {"pilot"}
    assert failed(built, base, pilot_examples=8, examples=8) == set()
    pilot = launch.create(built, 1, str(base), {"examples": 8})
    runs.finish(built, pilot, "done")
    probes.add(built, pilot, Probe(4, 20, 20, 0.1, 0.05, 2.0, {}))
    assert failed(built, base, pilot_examples=8) == {"pilot"}
    probes.add(built, pilot, Probe(8, 20, 20, 3.1, 0.75, 1.5, {}))
    found = checked(built, base, pilot_examples=8)["pilot"]
    assert (found.ok, found.value) == (True, f"run {pilot} passed")


def test_a_check_that_does_not_exist_cannot_be_overridden(built: Store, base: Path) -> None:
    with pytest.raises(StratosError, match="there is no check 'disc'; there are supervised_share, mask"):
        launch.create(built, 1, str(base), {"overridden": ["disc"]})
