"""TRL's trainer, with the curriculum's order, a record of the order seen, and a look at the disk before it saves.

Only the training process imports this module: it loads torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState
from trl import SFTTrainer

from stratos_tui.errors import StratosError
from stratos_tui.training import curriculum, guards, trl_settings
from stratos_tui.training.mask import IGNORED
from stratos_tui.training.options import Options
from stratos_tui.training.recipes import Recipe

OWN_COLUMNS = ("position", "weight")
"""What a row has beyond TRL's columns: its place in the curriculum, and what it counts where rows count differently."""
Order = Callable[[int], Sequence[int]]
"""The positions of an epoch, counted from 0."""


def order_of(recipe: Recipe, lengths: Sequence[int], distances: Sequence[int]) -> Order:
    """Return a recipe's order of rows that have so many tokens and so much distance from 5.0 each."""

    def order(epoch: int) -> list[int]:
        return curriculum.epoch_order(
            epoch,
            lengths,
            distances,
            later=recipe.later_epochs,
            seed=recipe.seed,
            batch=recipe.batch,
            window=recipe.length_window,
            sorted_window=recipe.sorted_window,
        )

    return order


class EpochSampler(torch.utils.data.Sampler[int]):  # type: ignore[misc]
    """Yields the positions of one epoch after another; transformers tells it which by ``set_epoch``."""

    def __init__(self, count: int, order: Order) -> None:
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

    def __init__(self, *, order: Order, batch: int, checkpoint_bytes: int = 0, **settings: Any) -> None:
        self.order = order
        self._batch = batch
        self._checkpoint_bytes = checkpoint_bytes
        self._positions: list[int] = []
        super().__init__(**settings)
        collate = self.data_collator

        def with_positions(examples: list[dict[str, Any]]) -> dict[str, Any]:
            batch: dict[str, Any] = collate(examples)
            named = [name for name in OWN_COLUMNS if name in examples[0]]
            return batch | {name: torch.tensor([example[name] for example in examples]) for name in named}

        self.data_collator = with_positions
        self.add_callback(Seen)

    @property
    def seen(self) -> Seen:
        """The record of this run; resuming replaces it by the checkpoint's."""
        return next(each for each in self.callback_handler.callbacks if isinstance(each, Seen))

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Train on one micro-batch, and note its positions; a loss that is no number ends the run."""
        # in the order of the batches, whichever process had them
        self._positions += self.accelerator.gather(inputs.pop("position")).tolist()
        loss = super().training_step(model, inputs, num_items_in_batch)
        if not math.isfinite(loss.item()):
            raise StratosError(
                f"the loss became {loss.item()} at step {self.state.global_step + 1}; lower the learning rate or check"
                f" the data, {guards.KEPT}"
            )
        if self.accelerator.sync_gradients:
            # several processes fill an epoch's last batch up with its first rows
            done = self.state.global_step * self._batch % self._epoch_rows
            rows = self._positions[: min(self._batch, len(self.train_dataset) - done)]
            self.seen.digest = curriculum.chain(self.seen.digest, rows)
            self._positions.clear()
        return loss

    @property
    def _epoch_rows(self) -> int:
        return -(-len(self.train_dataset) // self._batch) * self._batch

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return TRL's own loss; on a CPU, or where rows have weights, from the supervised positions alone.

        TRL projects every position onto the vocabulary on a CPU and drops the unsupervised ones behind it, which made a
        step of the nano base 2.2 times as long (trl, ``add_fused_lm_head``: only Triton devices leave them out). A
        row's weight multiplies the loss of its tokens; the sum is still divided by their number.
        """
        weights = inputs.pop("weight", None)
        together = self.accelerator.num_processes > 1 or self.is_fsdp_enabled
        if weights is not None and together:
            raise StratosError("rows with weights are trained by one process; build the dataset with repeats instead")
        ours = weights is not None or self.args.use_cpu
        if not ours or return_outputs or together or self.aux_loss_enabled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        labels = inputs["labels"][:, 1:]
        carried = labels != IGNORED
        # accelerate casts around the outermost forward alone, which is not called here
        with self.accelerator.autocast():
            hidden = causal.base_model(
                input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
            ).last_hidden_state
            logits = causal.get_output_embeddings()(hidden[:, :-1][carried]).float()
        wanted = labels[carried]
        lost = torch.nn.functional.cross_entropy(logits, wanted, reduction="none" if weights is not None else "sum")
        if weights is not None:
            lost = (lost * weights.to(lost).unsqueeze(1).expand(carried.shape)[carried]).sum()
        mode = "train" if self.model.training else "eval"
        correct = (logits.detach().argmax(-1) == wanted).float().mean()
        self._metrics[mode]["mean_token_accuracy"].append(correct.item())
        if mode == "train":
            self._total_train_tokens += int(inputs["attention_mask"].sum())
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]
        return lost / (len(wanted) if num_items_in_batch is None else num_items_in_batch)

    def prediction_step(self, model: Any, inputs: dict[str, Any], *rest: Any, **more: Any) -> Any:
        """Take the loss of one held-out micro-batch."""
        inputs.pop("position")
        return super().prediction_step(model, inputs, *rest, **more)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no card: it would put this machine's paths beside the weights."""

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochSampler:
        return EpochSampler(len(self.train_dataset if train_dataset is None else train_dataset), self.order)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = list(dict.fromkeys([*self._signature_columns, *OWN_COLUMNS]))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.seen.tokens = self._total_train_tokens
        guards.check_room(Path(str(self.args.output_dir)), self._checkpoint_bytes)
        super()._save_checkpoint(model, trial)

    def _load_callback_state(self) -> None:
        super()._load_callback_state()
        # TRL counts tokens from zero again after a resume
        self._total_train_tokens = self.seen.tokens


def dry(
    model: Any, tokenizer: Any, recipe: Recipe, examples: Sequence[tuple[str, str]], folder: Path, max_length: int
) -> CurriculumTrainer:
    """Return the trainer of a run as far as its data goes, around a stand-in of a model.

    ``examples`` are prompts and completions; nothing is trained or written.
    """
    plain = Options("sdpa", "adamw_torch_fused", liger=False, padding_free=False, four_bit=False, why={})
    rows = [
        {"prompt": prompt, "completion": completion, "position": at} for at, (prompt, completion) in enumerate(examples)
    ]
    return CurriculumTrainer(
        order=lambda _: range(len(rows)),
        batch=recipe.batch,
        model=model,
        args=trl_settings.config(recipe, plain, folder, max_length, 1, evaluated=False),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
    )


def dry_order(trainer: SFTTrainer, lengths: Sequence[int], distances: Sequence[int], recipe: Recipe) -> list[list[int]]:
    """Return which of a run's rows a trainer's own loader would hand out in each epoch, without touching any row."""
    count = len(lengths)
    if isinstance(trainer, CurriculumTrainer):
        trainer.order = order_of(recipe, lengths, distances)
    trainer.train_dataset = Dataset.from_dict(
        {"input_ids": [[0, 0]] * count, "labels": [[0, 0]] * count, "position": list(range(count))}
    )
    loader = trainer.get_train_dataloader()
    seen = []
    for epoch in range(recipe.epochs):
        loader.set_epoch(epoch)
        seen.append([position for batch in loader.batch_sampler for position in batch])
    return seen
