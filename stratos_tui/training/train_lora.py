"""Trains one run, from top to bottom: settings, checks, data, model, trainer, training, the model's folder.

A process of its own (``python -m stratos_tui.training.train_lora --db STORE --run N``) that outlives whoever started
it. It writes its telemetry to the store and its words to the run's ``train.log``. Killed at any moment, it is started
again and ends with the same rows and the same weights (on a CPU, with the recipe's number of threads).

On several devices or machines it is launched by accelerate with a configuration of the operator's, by ``stratos train
start --accelerate-config FILE`` or on each machine as ``accelerate launch --config_file FILE -m
stratos_tui.training.train_lora --db STORE --run N``. The first process alone writes to the store; the others need to
read it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.inference.local import hide_progress_bars
from stratos_tui.store import datasets, probes, runs
from stratos_tui.store.db import Store, open_store
from stratos_tui.training import (
    bases,
    curriculum,
    guards,
    launch,
    options,
    preflight,
    preflight_machine,
    probe,
    sizes,
    trl_settings,
)
from stratos_tui.training.mask import Encoded, encode
from stratos_tui.training.recipes import Recipe, explain, from_params


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
    if run.state == "done":
        print(f"run {run.id} is done")
        return
    if os.environ.get("RANK", "0") != "0":
        # accelerate ends every process when one of them fails
        train(store, run)
        return
    folder = runs.folder_of(store, run.id)
    lock = launch.take_lock(folder) if given.lock is None else given.lock
    if lock is None:
        sys.exit(f"run {run.id} is being trained by another process")
    if given.lock is None:
        # started by hand: what a starter would have done
        runs.queue(store, run.id, str(folder))
    with nullcontext() if given.lock is not None else _copied_to(folder / runs.LOG):
        runs.begin(store, run.id, os.getpid(), preflight_machine.processes())
        try:
            train(store, run)
        except BaseException as error:
            traceback.print_exc()
            known = runs.get(store, run.id) or run
            cause = guards.cause_of(error, known.step, from_params(run.params), run.id)
            runs.finish(store, run.id, "failed", error=cause)
            sys.exit(1)
        finally:
            # the run is closed: whoever resumes it need not wait until this process has unloaded everything
            os.close(lock)


def train(store: Store, run: runs.Run) -> None:
    """Train a run to its end, or to where somebody stops it."""
    began = time.monotonic()
    dataset = datasets.get(store, run.dataset_id)
    assert dataset is not None
    folder = runs.folder_of(store, run.id)

    # Settings
    recipe = from_params(run.params)
    print(f"run {run.id}: base {run.base} on dataset {dataset.id} ({dataset.digest[:12]})")
    for name, value, source in explain(run.base, recipe):
        print(f"  {name} = {value}  [{source}]")
    for each in run.changes:
        print(f"  {each['name']} was {each['before']} up to step {each['step']}, then {each['after']}")

    # Heavy imports, with the threads fixed before the first computation
    import torch
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list
    from datasets import Dataset, disable_progress_bars
    from transformers import EarlyStoppingCallback, PrinterCallback, TrainerState, set_seed

    from stratos_tui.training import callbacks
    from stratos_tui.training import trainer as trainers

    hide_progress_bars()
    disable_progress_bars()
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    device = PartialState(cpu=not options.on_gpu(recipe))
    first = device.is_main_process

    # Checks: each has killed a version before (decisions.md, 13)
    tokenizer = bases.load_tokenizer(store, dataset.id, run.base, recipe)
    overridden = []
    if first:
        for check in preflight.checks(store, dataset.id, run.base, recipe, tokenizer):
            overridden += preflight.held(check, recipe)

    # Data: prompt and completion as plain strings; the position tells rows apart until they are trained on
    rows = spread(list(datasets.rows(store, dataset.id, "train")), recipe.examples)
    held_out = list(datasets.rows(store, dataset.id, "eval"))
    contrasts = probe.choose(held_out, recipe.probe_pairs, recipe.seed)
    if recipe.eval_examples:
        held_out = held_out[:: max(1, len(held_out) // recipe.eval_examples)][: recipe.eval_examples]
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in rows]
    lengths = [len(each.ids) for each in encoded]
    longest = max(map(len, (encode(tokenizer, row.prompt, row.completion).ids for row in held_out)), default=0)
    longest_completion = max(sum(label >= 0 for label in each.labels) for each in encoded)
    max_length = max(longest, *lengths) + recipe.length_margin

    # What is installed, and what the device holds, decides how fast it goes and never what the loss is
    of = sizes.measure(run.base, recipe, tokenizer)
    fitted = preflight_machine.fitted(recipe, of, max(longest, *lengths), longest_completion)
    # as the first process has it: another may see another device
    micro_batch, recomputed = broadcast_object_list([fitted.micro_batch, fitted.activation_checkpointing])
    recipe = replace(recipe, micro_batch=micro_batch, activation_checkpointing=recomputed)
    print(f"  micro_batch: {micro_batch}, activation_checkpointing: {recomputed}  [of a batch of {recipe.batch}]")

    # held-out rows count alike: an evaluation is never weighted
    weights = [row.weight for row in rows]
    weighted = any(weight != 1.0 for weight in weights)
    chosen = options.choose(recipe, weighted=weighted)
    for name, why in chosen.why.items():
        print(f"  {name}: {getattr(chosen, name)}  [{why}]")

    def as_dataset(examples: Sequence[datasets.DatasetRow]) -> Any:
        return Dataset.from_list(
            [{"prompt": row.prompt, "completion": row.completion, "position": at} for at, row in enumerate(examples)]
        )

    # Model
    model = bases.load_model(run.base, recipe, tokenizer)
    if first:
        first_loss = preflight.first_loss(store, dataset.id, run.base, recipe, tokenizer, model)
        overridden += preflight.held(first_loss, recipe)
    # an adapter begins at random, whatever was drawn before
    set_seed(recipe.seed)

    # Trainer
    order = trainers.order_of(recipe, lengths, curriculum.difficulty(rows))
    total = -(-len(rows) // recipe.batch) * recipe.epochs
    every = max(1, min(recipe.max_eval_steps, total // recipe.evaluations))
    watchdog = guards.Watchdog(recipe, lambda cause: _end(store, run.id, cause))
    telemetry = callbacks.Telemetry(store, run.id)
    prober = callbacks.Prober(
        store,
        run.id,
        contrasts,
        seed=recipe.seed,
        tokens=recipe.probe_tokens or longest_completion,
        stop_at_loops=recipe.stop_at_loops,
        watchdog=watchdog,
    )
    args = trl_settings.config(
        recipe, chosen, folder, max_length, every, evaluated=bool(held_out), processes=device.num_processes
    )
    trainer = trainers.CurriculumTrainer(
        order=order,
        batch=recipe.batch,
        checkpoint_bytes=sizes.checkpoint_bytes(of),
        model=model,
        args=args,
        processing_class=tokenizer,
        train_dataset=as_dataset(rows).add_column("weight", weights) if weighted else as_dataset(rows),
        eval_dataset=as_dataset(held_out) if held_out else None,
        peft_config=trl_settings.adapter(recipe),
        callbacks=[telemetry, callbacks.Pulse(watchdog)],
    )
    if trainer.is_fsdp_enabled:
        print("no probe: a model that is sharded over processes is not generated from while it is trained")
    else:
        trainer.add_callback(prober)
    trainer.remove_callback(PrinterCallback)
    if recipe.keep_best and recipe.patience and held_out:
        trainer.add_callback(EarlyStoppingCallback(recipe.patience))
    _assert_as_encoded(trainer.train_dataset, encoded)
    # counted here: a process of several may hold a part of each from now on
    counts = {
        "parameters": sum(each.numel() for each in trainer.model.parameters()),
        "trained_parameters": sum(each.numel() for each in trainer.model.parameters() if each.requires_grad),
    }

    # Training, from the last whole checkpoint on if there is one
    checkpoint = callbacks.last_checkpoint(folder, tidy=first)
    if first:
        runs.plan_steps(store, run.id, int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0, total)
    device.wait_for_everyone()
    try:
        if checkpoint and _was_stopped_early(
            TrainerState.load_from_json(str(checkpoint / "trainer_state.json")), recipe
        ):
            # killed between its last checkpoint and the model's folder: there is nothing left to train
            trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
            trainer._load_callback_state()
            trainer._load_best_model()
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Exception as error:
        if first:
            # not every step beats
            runs.beat(store, run.id, trainer.state.global_step)
        # here it is known what was chosen
        raise StratosError(guards.cause_of(error, trainer.state.global_step, recipe, run.id)) from error
    finally:
        watchdog.stop()
    if telemetry.stopped:
        if first:
            runs.finish(store, run.id, "stopped")
        print(f"stopped at step {trainer.state.global_step} as asked; resuming goes on from there", flush=True)
        return

    # Proof of the order, and the model's folder
    step = trainer.state.global_step
    expected = curriculum.digest_after(step, (order(epoch) for epoch in itertools.count()), recipe.batch)
    if trainer.seen.digest != expected:
        raise StratosError("the rows were not trained on in the curriculum's order; the run cannot be trusted")
    if device.num_processes > 1:
        _save_together(trainer, folder / runs.MODEL, first)
    else:
        _save(folder / runs.MODEL, lambda target: _write_model(trainer.model, tokenizer, target))
    if not first:
        return
    points = runs.points(store, run.id, "train")
    evals = [point.loss for point in runs.points(store, run.id, "eval") if point.loss is not None]
    probed = probes.points(store, run.id)
    metrics = {
        "steps": step,
        "train_loss": points[-1].loss if points else None,
        "eval_loss": min(evals, default=None) if recipe.keep_best else next(reversed(evals), None),
        "tokens": points[-1].tokens if points else None,
        **counts,
        "max_length": max_length,
        "longest_completion": longest_completion,
        "order_as_expected": True,
        "probe_gap": probed[-1].gap if probed else None,
        "probe_psr": probed[-1].psr if probed else None,
        "probe_looping": probed[-1].detail["looping"] if probed else None,
        "overridden": overridden,
        "attention": chosen.attention,
        "micro_batch": recipe.micro_batch,
        "activation_checkpointing": recipe.activation_checkpointing,
        "padding_free": chosen.padding_free,
        "liger": chosen.liger,
        "processes": device.num_processes,
        "seconds": round(time.monotonic() - began, 1),
    }
    runs.finish(store, run.id, "done", order_digest=trainer.seen.digest, metrics=metrics)
    for name, value in metrics.items():
        print(f"  {name} = {value}")
    print(f"done in {metrics['seconds']} s, {prober.seconds:.1f} s of them in probes", flush=True)


@contextmanager
def _copied_to(log: Path) -> Iterator[None]:
    """Have everything that this process prints written to a file too. ``tee`` does it, which outlives a kill -9."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    # a Ctrl-C is for this process: what it says last is still copied
    tee = subprocess.Popen(["tee", "-a", str(log)], stdin=subprocess.PIPE, start_new_session=True)
    assert tee.stdin is not None
    for each in (1, 2):
        os.dup2(tee.stdin.fileno(), each)
    tee.stdin.close()
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for each, own in zip((1, 2), kept, strict=True):
            os.dup2(own, each)
            os.close(own)
        tee.wait()


def spread(rows: list[datasets.DatasetRow], count: int) -> list[datasets.DatasetRow]:
    """Return ``count`` rows spread evenly over the curriculum, in its order (0: all)."""
    if not 0 < count < len(rows):
        return rows
    return [rows[at * len(rows) // count] for at in range(count)]


def _end(store: Store, run_id: int, cause: str) -> None:
    """End this process at once, with the cause in the run's row: its main thread hangs."""
    print(f"error: {cause}", flush=True)
    try:
        runs.finish(store, run_id, "failed", error=cause)
    finally:
        os._exit(1)


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


def _save_together(trainer: Any, target: Path, first: bool) -> None:
    """Write the model's folder from several processes, each with its part; one that is there is kept."""
    if target.is_dir():
        return
    draft = target.with_name(f"{target.name}.part")
    trainer.save_model(str(draft))
    trainer.accelerator.wait_for_everyone()
    if first:
        # its settings hold this machine's paths
        (draft / "training_args.bin").unlink(missing_ok=True)
        draft.rename(target)


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
