"""The loss that is trained on is TRL's own, computed from fewer positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="the training stack is not installed")


def test_the_loss_and_its_gradients_are_those_of_trl(tiny_model: Path, tmp_path: Path) -> None:
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from stratos_tui.training.trainer import CurriculumTrainer

    rows = [
        {"prompt": f"<|im_start|>user\n{'news ' * n}<|im_end|>\n", "completion": f"<think>\n{'no ' * n}\n</think>"}
        for n in (3, 9, 1, 5)
    ]
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    trainer = CurriculumTrainer(
        order=lambda _: range(len(rows)),
        model=model,
        args=SFTConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=4,
            completion_only_loss=True,
            eos_token="<|im_end|>",
            activation_checkpointing=False,
            use_cpu=True,
            report_to="none",
        ),
        processing_class=AutoTokenizer.from_pretrained(tiny_model),
        train_dataset=Dataset.from_list([{**row, "position": place} for place, row in enumerate(rows)]),
    )
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
