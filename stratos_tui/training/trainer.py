"""TRL's trainer, with the curriculum's order, a record of the order seen, and telemetry to the store.

Only the training process imports this module: it loads torch.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState
from trl import SFTTrainer

from stratos_tui.errors import StratosError
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.training import curriculum
from stratos_tui.training.mask import IGNORED

COMPLETE = "complete"
"""The file that a checkpoint gets last: one without it was being written when its process was killed."""
BEAT_SECONDS = 0.5


class EpochSampler(torch.utils.data.Sampler[int]):  # type: ignore[misc]
    """Yields the positions of one epoch after another; transformers tells it which by ``set_epoch``."""

    def __init__(self, count: int, order: Callable[[int], Sequence[int]]) -> None:
        self.count = count
        self.order = order
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        return iter(self.order(self.epoch))


class Seen(TrainerCallback, ExportableState):  # type: ignore[misc]
    """What was trained on so far. It lives in checkpoints, so that a resumed run goes on from there."""

    def __init__(self) -> None:
        self.digest = ""
        self.tokens = 0

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, in the form that transformers reads back."""
        return {"args": {}, "attributes": {"digest": self.digest, "tokens": self.tokens}}


class CurriculumTrainer(SFTTrainer):  # type: ignore[misc]
    """An SFTTrainer that takes rows in the order it is given and records the order in which it took them."""

    data_collator: Any
    _signature_columns: Any

    def __init__(self, *, order: Callable[[int], Sequence[int]], **settings: Any) -> None:
        self._order = order
        self._positions: list[int] = []
        super().__init__(**settings)
        collate = self.data_collator

        def with_positions(examples: list[dict[str, Any]]) -> dict[str, Any]:
            batch: dict[str, Any] = collate(examples)
            return batch | {"position": torch.tensor([example["position"] for example in examples])}

        self.data_collator = with_positions
        self.add_callback(Seen)

    @property
    def seen(self) -> Seen:
        """The record of this run; resuming replaces it by the checkpoint's."""
        return next(each for each in self.callback_handler.callbacks if isinstance(each, Seen))

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Train on one micro-batch, and note its positions; a loss that is no number ends the run."""
        self._positions += inputs.pop("position").tolist()
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(loss.item()):
            raise StratosError(
                f"the loss became {loss.item()} at step {self.state.global_step + 1}; lower the learning rate or check"
                " the data, the last good checkpoint is kept"
            )
        if self.accelerator.sync_gradients:
            self.seen.digest = curriculum.chain(self.seen.digest, self._positions)
            self._positions.clear()
        return loss

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return TRL's own loss; on a CPU from the supervised positions alone.

        TRL projects every position onto the vocabulary there and drops the unsupervised ones behind it, which made a
        step of the nano base 2.2 times as long (trl, ``add_fused_lm_head``: only Triton devices leave them out).
        """
        if not self.args.use_cpu or return_outputs or self.is_fsdp_enabled or self.aux_loss_enabled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        labels = inputs["labels"][:, 1:]
        carried = labels != IGNORED
        hidden = causal.base_model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).last_hidden_state
        logits = causal.get_output_embeddings()(hidden[:, :-1][carried]).float()
        wanted = labels[carried]
        total = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
        mode = "train" if self.model.training else "eval"
        correct = (logits.detach().argmax(-1) == wanted).float().mean()
        self._metrics[mode]["mean_token_accuracy"].append(correct.item())
        if mode == "train":
            self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]
        return total / (len(wanted) if num_items_in_batch is None else num_items_in_batch)

    def prediction_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **more: Any) -> Any:
        """Take the loss of one held-out micro-batch."""
        inputs.pop("position")
        return super().prediction_step(model, inputs, *rest, **more)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no card: it would put this machine's paths beside the weights."""

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return EpochSampler(len(self.train_dataset if train_dataset is None else train_dataset), self._order)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if "position" not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, "position"]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.seen.tokens = self._total_train_tokens
        super()._save_checkpoint(model, trial)

    def _load_callback_state(self) -> None:
        super()._load_callback_state()
        # TRL counts tokens from zero again after a resume
        self._total_train_tokens = self.seen.tokens


class Telemetry(TrainerCallback):  # type: ignore[misc]
    """Writes every step to the store, and stops the run when somebody asks it to."""

    def __init__(self, store: Store, run_id: int) -> None:
        self.store = store
        self.run_id = run_id
        self.stopped = False
        self._beaten = 0.0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Beat, and leave with a checkpoint when asked to."""
        moment = time.monotonic()
        if moment - self._beaten < BEAT_SECONDS and state.global_step < state.max_steps:
            return
        self._beaten = moment
        if runs.beat(self.store, self.run_id, state.global_step) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float],
        **_: Any,
    ) -> None:
        """Store one row, of training or of evaluation."""
        held_out = "eval_loss" in logs
        if not held_out and "loss" not in logs:
            return
        prefix = "eval_" if held_out else ""
        norm = logs.get("grad_norm")
        if norm is not None and not math.isfinite(norm):
            raise StratosError(
                f"the gradient became {norm} at step {state.global_step}; the last good checkpoint is kept"
            )
        point = runs.Point(
            step=state.global_step,
            split="eval" if held_out else "train",
            loss=logs[f"{prefix}loss"],
            learning_rate=logs.get("learning_rate"),
            grad_norm=norm,
            token_accuracy=logs.get(f"{prefix}mean_token_accuracy"),
            tokens=logs.get(f"{prefix}num_tokens"),
            epoch=state.epoch,
        )
        runs.put_point(self.store, self.run_id, point)
        if held_out or state.global_step % 10 == 0 or state.global_step == 1:
            print(
                f"step {state.global_step} of {state.max_steps}  {prefix}loss {point.loss:.4f}"
                f"  accuracy {point.token_accuracy or 0:.3f}  tokens {point.tokens or 0:,.0f}",
                flush=True,
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as whole."""
        (Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / COMPLETE).touch()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint of a run; unfinished ones are removed."""
    import shutil

    found = sorted(folder.glob("checkpoint-*"), key=lambda each: int(each.name.rpartition("-")[2]))
    whole = [each for each in found if (each / COMPLETE).is_file()]
    for each in found:
        if each not in whole:
            shutil.rmtree(each)
    for each in whole:
        # transformers throws the oldest away by time of change
        os.utime(each)
    return whole[-1] if whole else None
