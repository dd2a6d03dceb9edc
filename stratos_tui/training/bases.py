"""What a run starts from: the tokenizer and the untrained model of a base, ``nano`` or a model's folder or name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store
from stratos_tui.training import nano
from stratos_tui.training.options import choose
from stratos_tui.training.recipes import NANO, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(store: Store, dataset_id: int, base: str, recipe: Recipe) -> PreTrainedTokenizerBase:
    """Return the tokenizer that a build is trained with on a base; it ends a turn with ``<|im_end|>``.

    Qwen3's own was changed to end with ``<|endoftext|>``, with which a model never stops (plan, section 8).

    Raises:
        StratosError: there is no such base, or its vocabulary has no ``<|im_end|>``.
    """
    from transformers import AutoTokenizer

    if base == NANO:
        assert recipe.shape is not None
        return AutoTokenizer.from_pretrained(nano.tokenizer_folder(store, dataset_id, recipe.shape))
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise StratosError(f"base {base}: has no readable tokenizer ({_first_line(error)})") from error
    if nano.EOS not in tokenizer.get_vocab():
        raise StratosError(f"base {base}: its vocabulary has no {nano.EOS}; choose a model that speaks ChatML")
    tokenizer.eos_token = nano.EOS
    if tokenizer.pad_token is None or tokenizer.pad_token == nano.EOS:
        # padding with the end of the turn would take its loss away, and the model would never learn to stop
        tokenizer.pad_token = nano.PAD if nano.PAD in tokenizer.get_vocab() else tokenizer.unk_token
    return tokenizer


def load_model(base: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Return the untrained model of a base; the nano one is made by the recipe's seed.

    Raises:
        StratosError: the base cannot be read, or the recipe asks for what this machine does not have.
    """
    if base == NANO:
        assert recipe.shape is not None
        return nano.build_model(tokenizer, recipe.shape, recipe.seed)
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    chosen = choose(recipe)
    # a model given by name loads in fp32 unless the dtype is given
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    quantised = None
    if chosen.four_bit:
        # QLoRA's own choice: NF4, its constants quantised too, computed in the recipe's precision
        quantised = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            base, dtype=dtype, attn_implementation=chosen.attention, quantization_config=quantised
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise StratosError(f"base {base}: cannot be loaded ({_first_line(error)})") from error
    return model


def identity(base: str) -> str:
    """Return what makes a base the same one: its name, and for a folder its place and its configuration."""
    folder = Path(base)
    if base == NANO or not folder.is_dir():
        return base
    config = folder / "config.json"
    if not config.is_file():
        raise StratosError(f"base {base}: has no config.json, so it is not a model's folder")
    return f"{folder.resolve()}@{hashlib.sha256(config.read_bytes()).hexdigest()[:12]}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
