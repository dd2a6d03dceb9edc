"""Trains one run, from top to bottom: a process of its own, started by ``training.launch`` (plan, section 6, phase 5).

    python -m stratos_tui.training.train_lora --db stratos.db --run 1

The base ``nano`` trains all its weights; any other base gets the plan's DoRA adapter. Loss is taken on the completion
only, rows come in the curriculum's order, and every step is written to the store.
"""

from __future__ import annotations

import argparse
import fcntl
import math
import os
import shutil
import time
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.store import datasets, runs
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store, open_store
from stratos_tui.store.runs import Run
from stratos_tui.training import bases, curriculum, preflight
from stratos_tui.training.recipes import Recipe, from_params

MODEL = "model"
"""The folder of the finished weights inside a run's folder."""
CHECKPOINTS = "checkpoints"
KEPT_CHECKPOINTS = 3
"""The best and the last two (decisions.md, 5)."""


def main() -> None:
    """Train the run that the command line names; what becomes of it is in its row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--run", type=int, required=True)
    asked = parser.parse_args()
    store = open_store(asked.db, create=False)
    run = runs.get(store, asked.run)
    if run is None:
        raise SystemExit(f"there is no run {asked.run} in {asked.db}")
    with (Path(run.folder) / "train.lock").open("w") as lock:
        try:
            # the operating system's lock goes with the process, however that ends
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"run {run.id} is being trained by another process") from None
        runs.begin(store, run.id, os.getpid())
        try:
            train(store, run)
        except BaseException as error:
            runs.finish(store, run.id, "failed", error=str(error).strip() or type(error).__name__)
            raise


def train(store: Store, run: Run) -> None:
    """Train a run to its end, or until somebody asks it to stop; resumes from its last whole checkpoint.

    Raises:
        StratosError: a preflight check fails, a loss is no number, or the order seen is not the order planned.
    """
    began = time.monotonic()
    recipe = from_params(run.params)
    folder = Path(run.folder)
    print(f"run {run.id}: {run.base} on dataset {run.dataset_id}, in {folder}")
    for name, value in recipe.params().items():
        print(f"  {name} = {value}")

    # 1. the checks that past failures paid for
    failed = [check for check in preflight.run_checks(store, run.dataset_id, run.base, recipe) if not check.ok]
    blocking = [check for check in failed if check.name not in recipe.overridden]
    if blocking:
        said = "; ".join(f"{check.name} is {check.value} ({check.threshold})" for check in blocking)
        raise StratosError(f"preflight: {said}; mend the data, or override a check by name")

    # 2. the same threads and seeds give the same weights
    import torch
    from transformers import EarlyStoppingCallback, set_seed

    from stratos_tui.training.trainer import CurriculumTrainer, Telemetry, last_checkpoint

    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    set_seed(recipe.seed)

    # 3. the base and its tokenizer
    tokenizer = bases.load_tokenizer(store, run.dataset_id, run.base, recipe)
    model = bases.load_model(run.base, recipe, tokenizer)
    print(f"  parameters = {sum(each.numel() for each in model.parameters()):,}")

    # 4. the rows, in the curriculum's order
    rows = list(datasets.rows(store, run.dataset_id, "train"))
    held_out = _sample(list(datasets.rows(store, run.dataset_id, "eval")), recipe.eval_examples)
    lengths = _lengths(tokenizer, rows)
    longest = max(lengths + _lengths(tokenizer, held_out))
    max_length = longest + recipe.length_margin
    total = math.ceil(len(rows) / recipe.batch) * recipe.epochs
    every = max(1, min(recipe.max_eval_steps, total // recipe.evaluations))
    print(f"  rows = {len(rows):,}, longest = {longest:,} tokens, steps = {total:,}, evaluated every {every:,}")

    def order(epoch: int) -> list[int]:
        return curriculum.epoch_order(
            epoch, lengths, later=recipe.later_epochs, seed=recipe.seed, batch=recipe.batch, window=recipe.length_window
        )

    # 5. the trainer
    trainer = CurriculumTrainer(
        order=order,
        model=model,
        args=_config(recipe, folder / CHECKPOINTS, max_length, every),
        train_dataset=_table(rows),
        eval_dataset=_table(held_out),
        processing_class=tokenizer,
        peft_config=_adapter(recipe),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=recipe.patience)] if recipe.patience else [],
    )
    telemetry = Telemetry(store, run.id)
    trainer.add_callback(telemetry)
    checkpoint = last_checkpoint(folder / CHECKPOINTS)
    print(f"  resumed from = {checkpoint.name if checkpoint else 'nothing'}", flush=True)
    runs.plan_steps(store, run.id, int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0, total)

    # 6. train
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if telemetry.stopped:
        runs.finish(store, run.id, "stopped")
        return

    # 7. prove the order, keep the weights, say what came of it
    steps = trainer.state.global_step
    planned = curriculum.digest_after(steps, (order(epoch) for epoch in range(recipe.epochs)), recipe.batch)
    if trainer.seen.digest != planned:
        raise StratosError(f"rows were not trained on in the planned order: digest {trainer.seen.digest[:12]}")
    _keep(trainer, tokenizer, folder)
    metrics = {
        "best_eval_loss": trainer.state.best_metric,
        "train_loss": _last_loss(store, run.id),
        "steps": steps,
        "stopped_early": steps < total,
        "tokens": trainer.seen.tokens,
        "parameters": sum(each.numel() for each in model.parameters()),
        "trained_parameters": sum(each.numel() for each in trainer.model.parameters() if each.requires_grad),
        "max_length": max_length,
        "seconds": round(time.monotonic() - began, 1),
    }
    runs.finish(store, run.id, "done", order_digest=trainer.seen.digest, metrics=metrics)
    # what a resume would need is needed no more, and is most of what a run takes on the disk
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    print(f"done: {metrics}")


def _config(recipe: Recipe, folder: Path, max_length: int, every: int) -> Any:
    import torch
    from trl import SFTConfig

    from stratos_tui.training.nano import EOS

    on_cpu = recipe.device == "cpu" or not torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.micro_batch,
        per_device_eval_batch_size=recipe.micro_batch,
        gradient_accumulation_steps=max(1, recipe.batch // recipe.micro_batch),
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,  # below 1 it is a share of all steps
        weight_decay=recipe.weight_decay,
        adam_beta2=recipe.beta2,
        max_grad_norm=recipe.clip,
        bf16=recipe.precision == "bf16",
        use_cpu=on_cpu,
        activation_checkpointing=recipe.activation_checkpointing,
        gradient_checkpointing=False,
        completion_only_loss=True,
        eos_token=EOS,
        max_length=max_length,
        packing=False,
        train_sampling_strategy="sequential",
        shuffle_dataset=False,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=KEPT_CHECKPOINTS,
        load_best_model_at_end=recipe.keep_best,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        logging_steps=1,
        seed=recipe.seed,
        dataloader_pin_memory=not on_cpu,
        report_to="none",
        disable_tqdm=True,
    )


def _adapter(recipe: Recipe) -> Any:
    if recipe.adapter == "none":
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        use_dora=True,
        target_modules=list(recipe.target_modules),
        task_type="CAUSAL_LM",
    )


def _table(rows: list[DatasetRow]) -> Any:
    from datasets import Dataset

    return Dataset.from_dict(
        {
            "prompt": [row.prompt for row in rows],
            "completion": [row.completion for row in rows],
            "position": [row.position for row in rows],
        }
    )


def _lengths(tokenizer: Any, rows: list[DatasetRow]) -> list[int]:
    """Return each row's length in tokens, its end of turn included."""
    return [len(each) + 1 for each in tokenizer([row.prompt + row.completion for row in rows])["input_ids"]]


def _sample(rows: list[DatasetRow], limit: int) -> list[DatasetRow]:
    """Return at most ``limit`` rows (0: all), spread evenly, for the loss that is taken during training."""
    if not limit or len(rows) <= limit:
        return rows
    return [rows[place * len(rows) // limit] for place in range(limit)]


def _keep(trainer: Any, tokenizer: Any, folder: Path) -> None:
    """Write the finished weights whole or not at all."""
    part, final = folder / f"{MODEL}.part", folder / MODEL
    shutil.rmtree(part, ignore_errors=True)
    trainer.model.save_pretrained(str(part))
    tokenizer.save_pretrained(str(part))
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)


def _last_loss(store: Store, run_id: int) -> float | None:
    last = runs.points(store, run_id, "train")
    return last[-1].loss if last else None


if __name__ == "__main__":
    main()
