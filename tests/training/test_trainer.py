"""The loss that is trained on is TRL's own, computed from fewer positions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="the training stack is not installed")


def trainer_of(tiny_model: Path, folder: Path, weights: Sequence[float] = (), *, bf16: bool = False) -> Any:
    """The run's trainer over four short rows, which count differently where weights are given."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig

    from stratos_tui.training.trainer import CurriculumTrainer

    rows = [
        {"prompt": f"<|im_start|>user\n{'news ' * n}<|im_end|>\n", "completion": f"<think>\n{'no ' * n}\n</think>"}
        for n in (3, 9, 1, 5)
    ]
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    data = Dataset.from_list([{**row, "position": place} for place, row in enumerate(rows)])
    return CurriculumTrainer(
        order=lambda _: range(len(rows)),
        batch=4,
        model=model,
        args=SFTConfig(
            output_dir=str(folder),
            per_device_train_batch_size=4,
            completion_only_loss=True,
            eos_token="<|im_end|>",
            activation_checkpointing=False,
            use_cpu=True,
            report_to="none",
            bf16=bf16,
        ),
        processing_class=AutoTokenizer.from_pretrained(tiny_model),
        train_dataset=data.add_column("weight", list(weights)) if weights else data,
    )


def test_the_loss_and_its_gradients_are_those_of_trl(tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from trl import SFTTrainer

    from stratos_tui.training.trainer import CurriculumTrainer

    trainer = trainer_of(tiny_model, tmp_path)
    model = trainer.model
    batch = next(iter(trainer.get_train_dataloader()))
    batch.pop("position")

    def taken(compute: Any) -> tuple[float, list[Any]]:
        model.zero_grad()
        loss = compute(trainer, model, dict(batch), num_items_in_batch=None)
        loss.backward()
        return loss.item(), [each.grad.clone() for each in model.parameters()]

    ours, theirs = taken(CurriculumTrainer.compute_loss), taken(SFTTrainer.compute_loss)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours[1], theirs[1], strict=True))


def test_a_rows_weight_multiplies_the_loss_of_its_tokens(tiny_model: Path, tmp_path: Path) -> None:
    plain, weighted = trainer_of(tiny_model, tmp_path), trainer_of(tiny_model, tmp_path, (2.0, 1.0, 0.0, 0.5))
    batch = next(iter(weighted.get_train_dataloader()))
    weights = batch["weight"].tolist()
    found = weighted.compute_loss(weighted.model, dict(batch), num_items_in_batch=100).item()
    rows: list[float] = []
    for place in range(4):
        one = {name: batch[name][place : place + 1] for name in ("input_ids", "labels", "attention_mask")}
        rows.append(plain.compute_loss(plain.model, one, num_items_in_batch=100).item())
    assert weights == [2.0, 1.0, 0.0, 0.5]
    assert found == pytest.approx(sum(weight * row for weight, row in zip(weights, rows, strict=True)), rel=1e-4)
    assert found != pytest.approx(sum(rows), rel=1e-2)


def test_bf16_computes_in_bf16(tiny_model: Path, tmp_path: Path) -> None:
    import torch

    trainer = trainer_of(tiny_model, tmp_path, bf16=True)
    found: list[torch.dtype] = []
    inner = trainer.model.model.layers[0].mlp.down_proj
    inner.register_forward_hook(lambda _, __, output: found.append(output.dtype))
    batch = next(iter(trainer.get_train_dataloader()))
    batch.pop("position")
    trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=None).backward()
    assert found == [torch.bfloat16]
    assert inner.weight.dtype == inner.weight.grad.dtype == torch.float32


def test_without_padding_the_rows_of_a_batch_are_joined_whole(tiny_model: Path, tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from stratos_tui.training import trl_settings
    from stratos_tui.training.mask import IGNORED, encode
    from stratos_tui.training.options import Options
    from stratos_tui.training.recipes import recipe_for
    from stratos_tui.training.trainer import CurriculumTrainer

    rows = [("<|im_start|>user\nnews <|im_end|>\n", f"<think>\n{'no ' * n}\n</think>") for n in (3, 700)]
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    recipe = recipe_for("nano", {"batch": 2, "micro_batch": 2})
    joined = Options("flash_attention_2", "adamw_torch_fused", liger=False, padding_free=True, four_bit=False, why={})
    # whatever the limit would be: nothing is cut
    args = trl_settings.config(recipe, joined, tmp_path, 64, 1, evaluated=False)
    assert args.max_length is None
    trainer = CurriculumTrainer(
        order=lambda _: range(2),
        batch=2,
        model=AutoModelForCausalLM.from_pretrained(tiny_model),
        args=args,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(
            [{"prompt": prompt, "completion": text, "position": at} for at, (prompt, text) in enumerate(rows)]
        ),
    )
    [batch] = trainer.get_train_dataloader()
    encoded = [encode(tokenizer, *row) for row in rows]
    assert batch["input_ids"].tolist() == [[token for each in encoded for token in each.ids]]
    assert batch["labels"].tolist() == [[label for each in encoded for label in each.labels]]
    assert batch["labels"][0, 0] == IGNORED
    assert batch["cu_seq_lens_q"].tolist() == [0, len(encoded[0].ids), sum(len(each.ids) for each in encoded)]
    assert batch["position"].tolist() == [0, 1]
    assert "attention_mask" not in batch


def test_one_process_takes_one_of_several_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from stratos_tui.training import options, trl_settings
    from stratos_tui.training.recipes import recipe_for

    recipe = recipe_for("nano", {"batch": 4, "micro_batch": 2})
    chosen = options.choose(recipe)
    monkeypatch.setattr(trl_settings, "on_gpu", lambda _: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    args = trl_settings.config(recipe, chosen, tmp_path, 64, 1, evaluated=False)
    assert (args.n_gpu, args.train_batch_size, args.gradient_accumulation_steps) == (1, 2, 2)


def test_padding_is_left_out_where_flash_attention_is_installed_and_no_row_has_a_weight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from stratos_tui.errors import StratosError
    from stratos_tui.training import options
    from stratos_tui.training.recipes import DORA_RECIPE, from_params, recipe_for

    assert not options.choose(DORA_RECIPE).padding_free
    monkeypatch.setattr(options, "on_gpu", lambda _: True)
    monkeypatch.setattr(options, "find_spec", lambda name: name == "flash_attn" or None)
    found = options.choose(DORA_RECIPE)
    assert (found.attention, found.padding_free) == ("flash_attention_2", True)
    assert not options.choose(DORA_RECIPE, weighted=True).padding_free
    assert not options.choose(recipe_for("folder", {"padding_free": "off"})).padding_free
    assert not options.choose(recipe_for("folder", {"attention": "sdpa"})).padding_free
    with pytest.raises(StratosError, match="weights count row by row"):
        options.choose(recipe_for("folder", {"padding_free": "on"}), weighted=True)
    # as it was stored until it could be chosen
    assert from_params(DORA_RECIPE.params() | {"padding_free": False}).padding_free == "off"
