"""Trains one run, from top to bottom: settings, checks, data, model, trainer, training, the model's folder.

A process of its own (``python -m stratos_tui.training.train_lora --db STORE --run N``) that outlives whoever started
it. It writes its telemetry to the store and its words to the run's ``train.log``. Killed at any moment, it is started
again and ends with the same rows and the same weights (on a CPU, with the recipe's number of threads).
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.inference.local import hide_progress_bars
from stratos_tui.store import datasets, runs
from stratos_tui.store.db import Store, open_store
from stratos_tui.training import bases, curriculum, launch, preflight
from stratos_tui.training.mask import Encoded, encode
from stratos_tui.training.recipes import Recipe, from_params

KEPT_CHECKPOINTS = 3
"""The best and the last two (decisions.md, 5)."""


def main() -> None:
    """Train the run that the arguments name; the run's row says how it ended."""
    parser = argparse.ArgumentParser(prog="train_lora", description="Trains one run of a stratos store.")
    parser.add_argument("--db", type=Path, required=True, help="the store")
    parser.add_argument("--run", type=int, required=True, help="the run's number")
    parser.add_argument("--lock", type=int, help="the run's lock, as a file descriptor that the caller holds")
    given = parser.parse_args()
    store = open_store(given.db, create=False)
    run = runs.get(store, given.run)
    if run is None:
        sys.exit(f"run {given.run} does not exist in {given.db}")
    lock = launch.take_lock(launch.folder_of(store, run.id)) if given.lock is None else given.lock
    if lock is None:
        sys.exit(f"run {run.id} is being trained by another process")
    runs.begin(store, run.id, os.getpid())
    try:
        train(store, run)
    except BaseException as error:
        traceback.print_exc()
        cause = str(error) if isinstance(error, (StratosError, OSError)) else f"{type(error).__name__}: {error}"
        runs.finish(store, run.id, "failed", error=cause.strip().splitlines()[0] if cause.strip() else "unknown")
        sys.exit(1)
    finally:
        # the run is closed: whoever resumes it need not wait until this process has unloaded everything
        os.close(lock)


def train(store: Store, run: runs.Run) -> None:
    """Train a run to its end, or to where somebody stops it."""
    began = time.monotonic()
    dataset = datasets.get(store, run.dataset_id)
    assert dataset is not None
    folder = launch.folder_of(store, run.id)

    # Settings
    recipe = from_params(run.params)
    print(f"run {run.id}: base {run.base} on dataset {dataset.id} ({dataset.digest[:12]})")
    for name, value in recipe.params().items():
        print(f"  {name} = {value}")

    # Heavy imports, with the threads fixed before the first computation
    import torch
    from datasets import Dataset, disable_progress_bars
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainerState

    from stratos_tui.training import trainer as trainers

    hide_progress_bars()
    disable_progress_bars()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)

    # Checks: each has killed a version before (decisions.md, 13)
    tokenizer = bases.load_tokenizer(store, dataset.id, run.base, recipe)
    for check in preflight.checks(store, dataset.id, run.base, recipe, tokenizer):
        print(f"  {'ok  ' if check.ok else 'FAIL'} {check.name}: {check.value} ({check.threshold})")
        if not check.ok and check.name not in recipe.overridden:
            raise StratosError(f"preflight {check.name}: {check.value}, wanted {check.threshold}; {check.why}")

    # Data: prompt and completion as plain strings; the position tells rows apart until they are trained on
    rows = list(datasets.rows(store, dataset.id, "train"))
    held_out = list(datasets.rows(store, dataset.id, "eval"))
    if recipe.eval_examples:
        held_out = held_out[:: max(1, len(held_out) // recipe.eval_examples)][: recipe.eval_examples]
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in rows]
    lengths = [len(each.ids) for each in encoded]
    longest = max(map(len, (encode(tokenizer, row.prompt, row.completion).ids for row in held_out)), default=0)
    max_length = max(longest, *lengths) + recipe.length_margin

    def as_dataset(examples: list[datasets.DatasetRow]) -> Any:
        return Dataset.from_list(
            [{"prompt": row.prompt, "completion": row.completion, "position": row.position} for row in examples]
        )

    # Model
    model = bases.load_model(run.base, recipe, tokenizer)

    # Trainer
    def order(epoch: int) -> list[int]:
        return curriculum.epoch_order(
            epoch,
            lengths,
            later=recipe.later_epochs,
            seed=recipe.seed,
            batch=recipe.batch,
            window=recipe.length_window,
        )

    total = -(-len(rows) // recipe.batch) * recipe.epochs
    every = max(1, min(recipe.max_eval_steps, total // recipe.evaluations))
    telemetry = trainers.Telemetry(store, run.id)
    trainer = trainers.CurriculumTrainer(
        order=order,
        model=model,
        args=_config(recipe, folder, max_length, every, bool(held_out)),
        processing_class=tokenizer,
        train_dataset=as_dataset(rows),
        eval_dataset=as_dataset(held_out) if held_out else None,
        peft_config=_adapter(recipe),
        callbacks=[telemetry],
    )
    trainer.remove_callback(PrinterCallback)
    if recipe.keep_best and recipe.patience and held_out:
        trainer.add_callback(EarlyStoppingCallback(recipe.patience))
    _assert_as_encoded(trainer.train_dataset, encoded)

    # Training, from the last whole checkpoint on if there is one
    checkpoint = trainers.last_checkpoint(folder)
    runs.plan_steps(store, run.id, int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0, total)
    if checkpoint and _was_stopped_early(TrainerState.load_from_json(str(checkpoint / "trainer_state.json")), recipe):
        # killed between its last checkpoint and the model's folder: there is nothing left to train
        trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        trainer._load_callback_state()
        trainer._load_best_model()
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if telemetry.stopped:
        runs.finish(store, run.id, "stopped")
        print(f"stopped at step {trainer.state.global_step} as asked; resuming goes on from there", flush=True)
        return

    # Proof of the order, and the model's folder
    step = trainer.state.global_step
    expected = curriculum.digest_after(step, (order(epoch) for epoch in itertools.count()), recipe.batch)
    if trainer.seen.digest != expected:
        raise StratosError("the rows were not trained on in the curriculum's order; the run cannot be trusted")
    _save(folder / launch.MODEL, lambda target: _write_model(trainer.model, tokenizer, target))
    points = runs.points(store, run.id, "train")
    evals = [point.loss for point in runs.points(store, run.id, "eval") if point.loss is not None]
    metrics = {
        "steps": step,
        "train_loss": points[-1].loss if points else None,
        "eval_loss": min(evals, default=None) if recipe.keep_best else next(reversed(evals), None),
        "tokens": points[-1].tokens if points else None,
        "parameters": sum(each.numel() for each in trainer.model.parameters()),
        "trained_parameters": sum(each.numel() for each in trainer.model.parameters() if each.requires_grad),
        "max_length": max_length,
        "longest_completion": max(sum(label >= 0 for label in each.labels) for each in encoded),
        "order_as_expected": True,
        "seconds": round(time.monotonic() - began, 1),
    }
    runs.finish(store, run.id, "done", order_digest=trainer.seen.digest, metrics=metrics)
    print(f"done in {metrics['seconds']} s: {metrics}", flush=True)


def _config(recipe: Recipe, folder: Path, max_length: int, every: int, evaluated: bool) -> Any:
    """Return TRL's settings; each is the recipe's, or switches off what would change bytes or order."""
    import torch
    from trl import SFTConfig

    return SFTConfig(
        output_dir=str(folder),
        # loss: the completion and its end of turn, nothing cut, nothing packed
        completion_only_loss=True,
        eos_token="<|im_end|>",
        max_length=max_length,
        packing=False,
        shuffle_dataset=False,
        # optimization
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.micro_batch,
        per_device_eval_batch_size=recipe.micro_batch,
        gradient_accumulation_steps=recipe.batch // recipe.micro_batch,
        max_grad_norm=recipe.clip,
        weight_decay=recipe.weight_decay,
        adam_beta2=recipe.beta2,
        seed=recipe.seed,
        # device and precision
        bf16=recipe.precision == "bf16",
        use_cpu=recipe.device == "cpu" or not torch.cuda.is_available(),
        activation_checkpointing=recipe.activation_checkpointing,
        dataloader_pin_memory=False,
        # telemetry, evaluation, checkpoints
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=KEPT_CHECKPOINTS,
        load_best_model_at_end=recipe.keep_best and evaluated,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
    )


def _adapter(recipe: Recipe) -> Any:
    """Return the plan's DoRA adapter, or None where all weights are trained."""
    if recipe.adapter == "none":
        return None
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        use_dora=True,
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.target_modules),
    )


def _assert_as_encoded(prepared: Any, encoded: list[Encoded]) -> None:
    """Refuse to train on anything but whole examples with loss on their completions (versions 15 and 16)."""
    if len(prepared) != len(encoded):
        raise StratosError(f"TRL kept {len(prepared):,} of {len(encoded):,} examples; none may be dropped")
    for row, expected in zip(prepared, encoded, strict=True):
        if row["input_ids"] != expected.ids or row["labels"] != expected.labels:
            raise StratosError(f"example {row['position']} was cut or masked otherwise than expected; see `train mask`")


def _was_stopped_early(state: Any, recipe: Recipe) -> bool:
    counted = state.stateful_callbacks.get("EarlyStoppingCallback", {}).get("attributes", {})
    return bool(recipe.patience and counted.get("early_stopping_patience_counter", 0) >= recipe.patience)


def _write_model(model: Any, tokenizer: Any, target: Path) -> None:
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _save(target: Path, write: Callable[[Path], None]) -> None:
    """Write a folder whole or not at all; one that is there is kept."""
    if target.is_dir():
        return
    draft = target.with_name(f"{target.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    write(draft)
    draft.rename(target)


if __name__ == "__main__":
    main()
