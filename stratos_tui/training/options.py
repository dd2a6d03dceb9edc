"""Chooses how fast a run is by what is installed; nothing here may change what the loss is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product

from stratos_tui.errors import StratosError
from stratos_tui.training import sizes
from stratos_tui.training.recipes import Recipe
from stratos_tui.training.sizes import Sizes

PLANNED = (2, True)
"""Micro-batch and recomputing of an 8B model on 24 GB, and of whatever computes on no GPU."""
COUNTS = (8, 4, 2, 1)
"""Rows at once that are tried; the first is TRL's own default."""
FILLED = 0.9
"""How much of what a device has free an estimate may take."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was chosen, in the terms of transformers and TRL; ``why`` says for each what decided."""

    attention: str
    optimizer: str
    liger: bool
    padding_free: bool
    four_bit: bool
    why: dict[str, str]


def choose(recipe: Recipe, *, weighted: bool = False) -> Options:
    """Resolve every ``auto`` of a recipe on this machine, for rows that count differently where ``weighted`` is on.

    Raises:
        StratosError: the recipe asks by name for something that this machine or its packages do not have.
    """
    gpu = on_gpu(recipe)
    why: dict[str, str] = {}
    flash = gpu and recipe.precision == "bf16" and find_spec("flash_attn") is not None
    attention: str = recipe.attention
    if attention == "auto":
        attention = "flash_attention_2" if flash else "sdpa"
        why["attention"] = "flash-attn is installed" if flash else "PyTorch's own; no flash-attn for this device"
    elif attention == "flash_attention_2" and not flash:
        raise StratosError(
            "attention flash_attention_2 needs a GPU, bf16 and the package flash-attn; use `--set attention=sdpa`"
        )
    liger = recipe.liger == "on" or (recipe.liger == "auto" and gpu and find_spec("liger_kernel") is not None)
    if liger and not (gpu and find_spec("liger_kernel")):
        raise StratosError("liger=on needs a GPU and the package liger-kernel; install it or use `--set liger=auto`")
    why["liger"] = "liger-kernel is installed" if liger else "no GPU, or liger-kernel is not installed, or off"
    apart = attention == "flash_attention_2"
    if recipe.padding_free == "on" and not apart:
        # other attentions would let examples of one row see each other (trl, SFTTrainer's warning)
        raise StratosError(
            f"padding_free with attention {attention} would mix examples and change the loss;"
            " it needs flash_attention_2"
        )
    if recipe.padding_free == "on" and weighted:
        raise StratosError(
            "padding_free joins the rows of a batch, and weights count row by row; use `--set padding_free=off`, or"
            " build the dataset with repeats"
        )
    padding_free = apart and not weighted and recipe.padding_free != "off"
    why["padding_free"] = (
        "flash attention keeps the rows of a batch apart" if padding_free else "no flash attention, or weights, or off"
    )
    if recipe.four_bit and not (gpu and find_spec("bitsandbytes")):
        missing = "the package bitsandbytes" if gpu else "a GPU"
        raise StratosError(f"four_bit needs {missing}, which is not here; train in bf16 with `--set four_bit=false`")
    if recipe.four_bit and recipe.adapter == "none":
        raise StratosError("four_bit trains an adapter on frozen weights; use `--set adapter='\"dora\"'`")
    why["optimizer"] = "one kernel for all weights, the same arithmetic"
    return Options(attention, "adamw_torch_fused", liger, padding_free, recipe.four_bit, why)


def fit(
    recipe: Recipe,
    of: Sizes,
    longest: int,
    longest_completion: int,
    room: float | None,
    *,
    processes: int = 1,
    shards: int = 1,
) -> Recipe:
    """Return a recipe with its micro-batch, and whether activations are recomputed, chosen where that was left open.

    ``room`` is what each of ``processes`` devices has free, in bytes, None on a CPU; ``shards`` of them share the
    weights; lengths are in tokens. Recomputing is a second forward in every step, so a smaller micro-batch without it
    goes before a larger one with it.
    """
    if recipe.micro_batch:
        return recipe
    counts = [count for count in COUNTS if recipe.batch % (count * processes) == 0]
    for recomputed, count in product((False, True), counts if room is not None else ()):
        found = replace(recipe, micro_batch=count, activation_checkpointing=recomputed)
        if sizes.memory(of, found, longest, longest_completion, shards).total <= FILLED * (room or 0):
            return found
    count = max((count for count in counts if count <= PLANNED[0]), default=PLANNED[0])
    return replace(recipe, micro_batch=count, activation_checkpointing=PLANNED[1])


def on_gpu(recipe: Recipe) -> bool:
    """Tell whether a run computes on a GPU."""
    import torch

    return recipe.device == "auto" and torch.cuda.is_available()
