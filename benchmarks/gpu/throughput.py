"""The plan's recipe against a plain TRL + PEFT script: tokens a second, memory, and loss, on the same rows.

    python -m benchmarks.gpu.throughput --tokenizer FOLDER [--rows 640] [--set NAME=VALUE …]
    python -m benchmarks.gpu.throughput --toy

Both train a Qwen3-8B whose weights are drawn at random by one seed, in bf16, on the rows of one build, one after the
other in processes of their own. The plain script has the same adapter, learning rate, schedule, effective batch and
epochs, so that the losses can be compared, and TRL's and transformers' own default in everything else: batches of 8
on the device, rows in random order, the attention and the optimizer that come when none is named. ``--set`` replaces
a setting of ours; only those that leave the loss alone are fair. ``--toy`` takes a Qwen3 of 1.2 million weights with a
vocabulary of its own, on the CPU: its figures say that the script runs, and nothing about a GPU.

Share of peak counts 4 operations a weight and token: forward, and the gradient of what goes through frozen weights,
which have none of their own. Recomputing, attention and the embedding table are not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.full_distillation import environment
from benchmarks.gpu import common
from benchmarks.gpu.common import Clock, Example, Measured
from benchmarks.small_model import make_build
from stratos_tui.store import datasets
from stratos_tui.store.db import open_store
from stratos_tui.training import nano, options, trl_settings
from stratos_tui.training.recipes import NanoShape, Recipe, read_settings, recipe_for

PEAKS = {"H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Dense bf16 operations a second by a part of the device's name (the vendor's data sheets); the first that fits."""
OPERATIONS = 4
TARGET = 2.0
LOSS_TOLERANCE = 0.05
"""Held-out losses that differ by less, in nats, are called equal; rows in another order never give the same."""
TOY_SETTINGS: dict[str, object] = {**common.TOY, "batch": 8, "micro_batch": 2, "activation_checkpointing": False}
TOY_ROWS, ROWS = 32, 640
PAIRS_A_ROW = 1.5
HELD_OUT = 8
QWEN3_8B: dict[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 4_096,
    "intermediate_size": 12_288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
    "tie_word_embeddings": False,
}
"""Qwen/Qwen3-8B's config.json."""


def main(given: argparse.Namespace, folder: Path) -> None:
    """Make the build, train it twice, print both beside each other."""
    print(common.describe(), flush=True)
    store = folder / "stratos.db"
    if not store.exists():
        make_build(store, int(given.rows * PAIRS_A_ROW), HELD_OUT)
    found = {side: _apart(side, store, given) for side in ("ours", "plain")}
    print(f"{found['ours']['model']}, {given.rows} rows, {found['ours']['steps']} steps timed on either side")
    for side, row in found.items():
        share = "not known" if row["share"] is None else f"{row['share']:.1%}"
        print(
            f"  {side:6} {row['speed']:10,.0f} tokens/s  {row['memory'] / 1e9:6.2f} GB  share of peak {share}"
            f"  mean training loss {row['mean_loss']:.4f}  held out {row['loss']:.4f} (before {row['before']:.4f})"
        )
    ratio = found["ours"]["speed"] / found["plain"]["speed"]
    apart = abs(found["ours"]["loss"] - found["plain"]["loss"])
    equal = "equal" if apart <= LOSS_TOLERANCE else "NOT EQUAL"
    met = "met" if ratio >= TARGET and apart <= LOSS_TOLERANCE else "MISSED"
    judged = "not judged at toy size" if given.toy else met
    print(f"{ratio:.2f} × as fast, held-out losses {apart:.4f} apart ({equal}); target {TARGET:.0f} ×: {judged}")


def side(name: str, store_path: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Train one side, and return what it took."""
    import torch
    from datasets import disable_progress_bars

    disable_progress_bars()
    recipe = recipe_for("qwen3", (TOY_SETTINGS if given.toy else {}) | read_settings(given.settings))
    store = open_store(store_path, create=False)
    newest = datasets.latest(store)
    assert newest is not None
    every = [(row.prompt, row.completion) for row in datasets.rows(store, newest.id, "train")]
    # spread over the curriculum, in its order
    if len(every) < given.rows:
        sys.exit(f"the build has {len(every)} rows to train on, fewer than {given.rows}")
    rows = [every[at * len(every) // given.rows] for at in range(given.rows)]
    held_out = [(row.prompt, row.completion) for row in datasets.rows(store, newest.id, "eval")][:HELD_OUT]
    if given.toy:
        shape = NanoShape()
        tokenizer: Any = nano.build_tokenizer((text for row in every for text in row), shape.vocabulary)
        model: Any = nano.build_model(tokenizer, shape, recipe.seed)
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(given.tokenizer)
        tokenizer.eos_token, tokenizer.pad_token = nano.EOS, nano.PAD
        model = qwen3_8b(recipe, options.choose(recipe).attention if name == "ours" else "")
    store.close()
    weights = model.num_parameters() - model.get_input_embeddings().weight.numel()
    label = f"Qwen3 with {model.num_parameters():,} random weights"
    before = common.held_out_loss(model, tokenizer, held_out)
    with tempfile.TemporaryDirectory() as folder:
        train = common.train_as_runs_do if name == "ours" else _plain
        trained, measured = train(model, tokenizer, recipe, rows, Path(folder))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    peak = next((peak for part, peak in PEAKS.items() if part in device), None)
    return {
        **asdict(measured),
        "speed": measured.speed,
        "model": label,
        "share": peak and measured.speed * OPERATIONS * weights / peak,
        "mean_loss": sum(measured.losses) / len(measured.losses),
        "before": before,
        "loss": common.held_out_loss(trained, tokenizer, held_out),
    }


def _plain(
    model: Any, tokenizer: Any, recipe: Recipe, examples: Sequence[Example], folder: Path
) -> tuple[Any, Measured]:
    """Train with TRL and PEFT as their documentation shows, and with what decides the loss alone given."""
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    torch.manual_seed(recipe.seed)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    clock = Clock()
    at_once = SFTConfig(output_dir=str(folder), use_cpu=recipe.device == "cpu").per_device_train_batch_size
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            output_dir=str(folder),
            num_train_epochs=recipe.epochs,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type=recipe.schedule,
            warmup_steps=recipe.warmup,
            gradient_accumulation_steps=max(1, recipe.batch // at_once),
            seed=recipe.seed,
            bf16=recipe.precision == "bf16",
            use_cpu=recipe.device == "cpu",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list([{"prompt": prompt, "completion": text} for prompt, text in examples]),
        peft_config=trl_settings.adapter(recipe),
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    if max(len(row["input_ids"]) for row in trainer.train_dataset) >= trainer.args.max_length:
        sys.exit(
            f"rows reach TRL's default of {trainer.args.max_length} tokens, where it cuts: losses cannot be compared"
        )
    trainer.train()
    return trainer.model, clock.measured()


def qwen3_8b(recipe: Recipe, attention: str = "") -> Any:
    """Return a Qwen3-8B of random weights on the GPU, with transformers' own attention unless one is named."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config

    torch.manual_seed(recipe.seed)
    named = {"attn_implementation": attention} if attention else {}
    with torch.device("cuda"):
        return AutoModelForCausalLM.from_config(Qwen3Config(**QWEN3_8B), dtype=torch.bfloat16, **named)


def _apart(name: str, store: Path, given: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gpu.throughput", "--side", name, "--keep", str(store.parent)]
    command += [*(["--toy"] if given.toy else ["--tokenizer", given.tokenizer]), "--rows", str(given.rows)]
    command += [part for each in given.settings for part in ("--set", each)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment())
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a tiny Qwen3 on the CPU")
    parser.add_argument("--tokenizer", help="the folder or name of Qwen3's tokenizer")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--keep", type=Path, help="where the store is made and left")
    parser.add_argument("--side", choices=["ours", "plain"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    chosen.rows = chosen.rows or (TOY_ROWS if chosen.toy else ROWS)
    if not (chosen.toy or chosen.tokenizer):
        parser.error("give --tokenizer, or --toy")
    if chosen.side:
        print(json.dumps(side(chosen.side, chosen.keep / "stratos.db", chosen)))
    elif chosen.keep:
        chosen.keep.mkdir(parents=True, exist_ok=True)
        main(chosen, chosen.keep)
    else:
        with tempfile.TemporaryDirectory() as made:
            main(chosen, Path(made))
