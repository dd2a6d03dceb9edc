"""Chooses how fast a run is by what is installed; nothing here may change what the loss is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from stratos_tui.errors import StratosError
from stratos_tui.training.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Options:
    """What was chosen, in the terms of transformers and TRL; ``why`` says for each what decided."""

    attention: str
    optimizer: str
    liger: bool
    padding_free: bool
    four_bit: bool
    why: dict[str, str]


def choose(recipe: Recipe) -> Options:
    """Resolve every ``auto`` of a recipe on this machine.

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
    if recipe.padding_free and attention != "flash_attention_2":
        # other attentions would let examples of one row see each other (trl, SFTTrainer's warning)
        raise StratosError(
            f"padding_free with attention {attention} would mix examples and change the loss;"
            " it needs flash_attention_2"
        )
    if recipe.four_bit and not (gpu and find_spec("bitsandbytes")):
        missing = "the package bitsandbytes" if gpu else "a GPU"
        raise StratosError(f"four_bit needs {missing}, which is not here; train in bf16 with `--set four_bit=false`")
    if recipe.four_bit and recipe.adapter == "none":
        raise StratosError("four_bit trains an adapter on frozen weights; use `--set adapter='\"dora\"'`")
    why["optimizer"] = "one kernel for all weights, the same arithmetic"
    return Options(attention, "adamw_torch_fused", liger, recipe.padding_free, recipe.four_bit, why)


def on_gpu(recipe: Recipe) -> bool:
    """Tell whether a run computes on a GPU."""
    import torch

    return recipe.device == "auto" and torch.cuda.is_available()
