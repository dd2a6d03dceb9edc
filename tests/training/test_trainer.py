"""The loss that is trained on is TRL's own, computed from fewer positions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="the training stack is not installed")


def trainer_of(tiny_model: Path, folder: Path, weights: Sequence[float] = ()) -> Any:
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
