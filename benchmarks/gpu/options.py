"""Each speed option alone against the recipe without any: tokens a second, memory, and what it does to the loss.

    python -m benchmarks.gpu.options --tokenizer FOLDER [--rows 128] [--only NAME …]
    python -m benchmarks.gpu.options --toy

Every line trains the same Qwen3-8B of random weights, drawn by one seed, on the same rows by the plan's recipe, in a
process of its own. ``none`` has every option off, ``as chosen`` is what a run takes on this machine. ``steps`` is the
largest difference of any step's loss from that of ``none``, where rows are seen in the same order; ``held out`` is the
difference of held-out losses after the last step. An option that is not installed is listed with what it needs.
``--toy`` takes a Qwen3 of 0.3 million weights on the CPU: it says that the script runs, and nothing about a GPU.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.full_distillation import environment
from benchmarks.gpu import common
from benchmarks.gpu.throughput import HELD_OUT, PAIRS_A_ROW, qwen3_8b
from benchmarks.small_model import make_build
from stratos_tui.errors import StratosError
from stratos_tui.store import datasets
from stratos_tui.store.db import open_store
from stratos_tui.training import nano, options
from stratos_tui.training.recipes import NanoShape, recipe_for

TOY: dict[str, object] = {**common.TOY, "batch": 8, "threads": 1}
TOY_SHAPE = replace(NanoShape(), hidden=64, layers=2, heads=2, key_value_heads=2, feed_forward=128)
TOY_ROWS, ROWS = 16, 128
PLAIN_OPTIMIZER = "adamw_torch"
NONE: dict[str, object] = {
    **{"attention": "eager", "liger": "off", "padding_free": "off", "length_window": 0},
    **{"micro_batch": 2, "activation_checkpointing": True, "dropout": 0.0},
}
"""The recipe with every option off; dropout 0, by which DoRA takes the base's result once, is the plan's own."""
FLASH: dict[str, object] = {"attention": "flash_attention_2"}
VARIANTS: dict[str, dict[str, object]] = {
    "none": {},
    "attention sdpa": {"attention": "sdpa"},
    "attention flash": FLASH,
    "flash, padding-free": {**FLASH, "padding_free": "on"},
    "liger": {"liger": "on"},
    "fused optimizer": {},
    "length window": {"length_window": 8},
    "micro-batch 1": {"micro_batch": 1},
    "micro-batch 4": {"micro_batch": 4},
    "micro-batch 8": {"micro_batch": 8},
    "no recomputing": {"activation_checkpointing": False},
    "DoRA dropout 0.05": {"dropout": 0.05},
    "LoRA": {"adapter": "lora"},
    "as chosen": {},
}
REORDERED = ("length window", "as chosen")
"""Their second epoch is in another order, so their steps cannot be compared."""


def main(given: argparse.Namespace, folder: Path) -> None:
    """Make the build, train it once for each option, print a line for each."""
    print(common.describe(), flush=True)
    store = folder / "stratos.db"
    if not store.exists():
        make_build(store, int(given.rows * PAIRS_A_ROW), HELD_OUT)
    print(f"{given.rows} rows, two epochs\n{'':20}{'tokens/s':>10}{'× none':>8}{'GB':>8}{'steps':>10}{'held out':>10}")
    none: dict[str, Any] = {}
    for name in VARIANTS:
        if given.only and name not in ("none", *given.only):
            continue
        found = _apart(name, store, given)
        if "missing" in found:
            print(f"{name:20}not here: {found['missing']}", flush=True)
            continue
        none = none or found
        steps = max(abs(ours - theirs) for ours, theirs in zip(found["losses"], none["losses"], strict=True))
        print(
            f"{name:20}{found['speed']:>10,.0f}{found['speed'] / none['speed']:>8.2f}{found['memory'] / 1e9:>8.2f}"
            f"{'–' if name in REORDERED else f'{steps:.4f}':>10}{found['loss'] - none['loss']:>+10.4f}",
            flush=True,
        )


def train(name: str, store_path: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Train with one option, and return what it took, or what is ``missing``."""
    from datasets import disable_progress_bars

    disable_progress_bars()
    chosen: dict[str, object] = {} if name == "as chosen" else NONE | VARIANTS[name]
    recipe = recipe_for("qwen3", (TOY if given.toy else {}) | chosen)
    try:
        found = options.choose(recipe)
    except StratosError as error:
        return {"missing": str(error)}
    store = open_store(store_path, create=False)
    newest = datasets.latest(store)
    assert newest is not None
    every = [(row.prompt, row.completion) for row in datasets.rows(store, newest.id, "train")]
    rows = [every[at * len(every) // given.rows] for at in range(given.rows)]
    held_out = [(row.prompt, row.completion) for row in datasets.rows(store, newest.id, "eval")][:HELD_OUT]
    store.close()
    if given.toy:
        tokenizer: Any = nano.build_tokenizer((text for row in every for text in row), TOY_SHAPE.vocabulary)
        model: Any = nano.build_model(tokenizer, TOY_SHAPE, recipe.seed)
        model.set_attn_implementation(found.attention)
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(given.tokenizer)
        tokenizer.eos_token, tokenizer.pad_token = nano.EOS, nano.PAD
        model = qwen3_8b(recipe, found.attention)
    optimizer = "" if name in ("fused optimizer", "as chosen") else PLAIN_OPTIMIZER
    with tempfile.TemporaryDirectory() as folder:
        trained, measured = common.train_as_runs_do(model, tokenizer, recipe, rows, Path(folder), optimizer)
    loss = common.held_out_loss(trained, tokenizer, held_out)
    return {**asdict(measured), "speed": measured.speed, "loss": loss}


def _apart(name: str, store: Path, given: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gpu.options", "--train", name, "--keep", str(store.parent)]
    command += [*(["--toy"] if given.toy else ["--tokenizer", given.tokenizer]), "--rows", str(given.rows)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment())
    if done.returncode:
        # out of memory, on most cards
        return {"missing": f"it ended with code {done.returncode}; its last words are above"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a tiny Qwen3 on the CPU")
    parser.add_argument("--tokenizer", help="the folder or name of Qwen3's tokenizer")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), help="these options alone, beside none")
    parser.add_argument("--keep", type=Path, help="where the store is made and left")
    parser.add_argument("--train", choices=list(VARIANTS), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.rows = asked.rows or (TOY_ROWS if asked.toy else ROWS)
    if not (asked.toy or asked.tokenizer):
        parser.error("give --tokenizer, or --toy")
    if asked.train:
        print(json.dumps(train(asked.train, asked.keep / "stratos.db", asked)))
    elif asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
        main(asked, asked.keep)
    else:
        with tempfile.TemporaryDirectory() as made:
            main(asked, Path(made))
