"""What the measurements share: the device, training as a run trains, and the loss of held-out rows."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback

from stratos_tui.inference.local import hide_progress_bars
from stratos_tui.training import options, preflight_machine, sizes, trl_settings
from stratos_tui.training.mask import IGNORED, encode
from stratos_tui.training.recipes import Recipe
from stratos_tui.training.trainer import CurriculumTrainer, order_of

Example = tuple[str, str]
"""A prompt and its completion, as plain strings."""
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "liger-kernel", "flash-attn")
TOY: dict[str, object] = {"precision": "fp32", "device": "cpu", "threads": 2}
"""Settings of every toy run; a CPU computes in bf16 by emulation at best."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What training took, the first step (which warms up) left out. Memory is the process's highest, in bytes."""

    steps: int
    tokens: int
    seconds: float
    memory: int
    losses: list[float]

    @property
    def speed(self) -> float:
        """Tokens a second, padding not counted."""
        return self.tokens / self.seconds if self.seconds else 0.0


class Clock(TrainerCallback):  # type: ignore[misc]
    """Notes the time, the tokens seen and the loss after each step."""

    def __init__(self) -> None:
        self.noted: list[tuple[float, int, float]] = []

    def on_log(self, _args: Any, _state: Any, _control: Any, logs: dict[str, float], **_: Any) -> None:
        """Note one step."""
        if "loss" in logs:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.noted.append((time.perf_counter(), int(logs["num_tokens"]), logs["loss"]))

    def measured(self) -> Measured:
        """Return what the steps after the first took; of a single step there is no time."""
        (began, before, _), (ended, after, _) = self.noted[0], self.noted[-1]
        on_gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        # KiB on Linux
        memory = on_gpu or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        losses = [loss for _, _, loss in self.noted]
        return Measured(len(self.noted) - 1, after - before, ended - began, memory, losses)


def describe() -> str:
    """Return the device and the versions that a figure belongs to."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{platform.machine()} CPU"
    load = os.getloadavg()[0]
    return f"{device}, {os.cpu_count()} cores, load {load:.2f}, Python {platform.python_version()}\n{', '.join(found)}"


def train_as_runs_do(
    model: Any, tokenizer: Any, recipe: Recipe, examples: Sequence[Example], folder: Path, optimizer: str = ""
) -> tuple[Any, Measured]:
    """Train examples, in their order, as ``train_lora`` does between its checks; return the model and what it took.

    Nothing is evaluated and nothing but the last step is saved. ``optimizer`` takes the place of the one chosen.
    """
    hide_progress_bars()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    encoded = [encode(tokenizer, *each) for each in examples]
    lengths = [len(each.ids) for each in encoded]
    completion = max(sum(label != IGNORED for label in each.labels) for each in encoded)
    room = None
    if options.on_gpu(recipe):
        # the weights are there already, and the estimate counts them
        room = preflight_machine.free_memory(recipe)[0] + torch.cuda.memory_allocated()
    recipe = options.fit(recipe, sizes.count(model, recipe), max(lengths), completion, room)
    chosen = options.choose(recipe)
    total = -(-len(examples) // recipe.batch) * recipe.epochs
    torch.manual_seed(recipe.seed)
    clock = Clock()
    trainer = CurriculumTrainer(
        # no two are equally difficult: only a shuffled epoch puts rows of like length together
        order=order_of(recipe, lengths, range(len(lengths))),
        batch=recipe.batch,
        model=model,
        args=trl_settings.config(
            recipe,
            replace(chosen, optimizer=optimizer or chosen.optimizer),
            folder,
            max(lengths) + recipe.length_margin,
            total,
            evaluated=False,
        ),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(
            [{"prompt": prompt, "completion": text, "position": at} for at, (prompt, text) in enumerate(examples)]
        ),
        peft_config=trl_settings.adapter(recipe),
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return trainer.model, clock.measured()


def held_out_loss(model: Any, tokenizer: Any, examples: Sequence[Example]) -> float:
    """Return the mean loss of the completions' tokens, in nats."""
    lost, counted = 0.0, 0
    model.eval()
    with torch.inference_mode():
        for prompt, completion in examples:
            encoded = encode(tokenizer, prompt, completion)
            labels = torch.tensor(encoded.labels[1:], device=model.device)
            carried = labels != IGNORED
            logits = model(input_ids=torch.tensor([encoded.ids], device=model.device)).logits[0, :-1][carried].float()
            lost += torch.nn.functional.cross_entropy(logits, labels[carried], reduction="sum").item()
            counted += int(carried.sum())
    return lost / counted
