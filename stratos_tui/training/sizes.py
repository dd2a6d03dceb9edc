"""How large a base is: what it takes on a disk and in a device's memory, worked out before anything is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui.prism.modelfile import Q8_0_BYTES
from stratos_tui.training.recipes import NANO, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRAINED_BYTES = 12
"""Bytes that a trained parameter takes in a checkpoint: fp32 weight and the two moments of AdamW."""
GRADIENT_BYTES = 4
WEIGHT_BYTES = {"bf16": 2.0, "fp32": 4.0}
FOUR_BIT_BYTES = 0.52
"""NF4 with double quantisation: half a byte, and 0.127 bits a weight for its constants (QLoRA, 2023, section 3)."""
LAYER_BYTES = 34
"""Bytes a layer keeps for its backward pass, by token and hidden unit at 16 bits, without an attention matrix
(Korthikanti et al., 2022, Reducing Activation Recomputation, equation 2)."""
LOGIT_COPIES = 3
"""The logits of the supervised tokens in fp32, their softmax, and their gradient."""
DORA_COPIES = 3
"""What DoRA computes of its largest matrix to take its norm: the adapter's product, the sum, and its square."""
ALLOCATOR = 1.1
"""What an allocator holds beyond what is in use."""
KEPT_CHECKPOINTS = 3
"""The best and the last two (decisions.md, 5); one more is there while it is being written."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """A base with the recipe's adapter, counted in weights; ``largest`` is its largest adapted matrix."""

    parameters: int
    embeddings: int
    trained: int
    largest: int
    layers: int
    hidden: int
    vocabulary: int
    context: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What training takes of a device's memory, in bytes."""

    weights: float
    optimizer: float
    activations: float
    logits: float
    dora: float

    @property
    def total(self) -> float:
        """All of it, with what the allocator holds."""
        return (self.weights + self.optimizer + self.activations + self.logits + self.dora) * ALLOCATOR

    def __str__(self) -> str:
        parts = (
            *(("weights", self.weights), ("gradients and optimizer", self.optimizer)),
            *(("activations", self.activations), ("logits", self.logits), ("DoRA's norm", self.dora)),
        )
        return f"({' + '.join(f'{name} {size / 1e9:.2f}' for name, size in parts)}) × {ALLOCATOR}"


def measure(base: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Sizes:
    """Count a base's weights without loading any: the model is built on PyTorch's ``meta`` device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from stratos_tui.training import nano

    with torch.device("meta"):
        if base == NANO:
            assert recipe.shape is not None
            model: Any = nano.build_model(tokenizer, recipe.shape, recipe.seed)
        else:
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
    return count(model, recipe)


def count(model: Any, recipe: Recipe) -> Sizes:
    """Count the weights of a model that has no adapter yet, and those of the recipe's adapter."""
    import torch

    config = model.config
    parameters = sum(each.numel() for each in model.parameters())
    adapted = [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name.rpartition(".")[2] in recipe.target_modules
    ]
    # two thin matrices for each, and DoRA's magnitude for each output
    magnitude = 1 if recipe.adapter == "dora" else 0
    added = sum(
        recipe.rank * (each.in_features + each.out_features) + magnitude * each.out_features for each in adapted
    )
    return Sizes(
        parameters=parameters,
        embeddings=sum(each.weight.numel() for each in model.modules() if isinstance(each, torch.nn.Embedding)),
        trained=parameters if recipe.adapter == "none" else added,
        largest=max((each.weight.numel() for each in adapted), default=0),
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        vocabulary=config.vocab_size,
        context=config.max_position_embeddings,
    )


def checkpoint_bytes(sizes: Sizes) -> int:
    """Return what one checkpoint takes on the disk."""
    return sizes.trained * TRAINED_BYTES


def disk_bytes(base: str, sizes: Sizes) -> dict[str, int]:
    """Return what a run and its publication leave on the disk, by kind; a base of a hub is fetched where it is not."""
    fetched = 0 if _is_here(base) else sizes.parameters * WEIGHT_BYTES["bf16"]
    return {
        **({"base": int(fetched)} if fetched else {}),
        "checkpoints": (KEPT_CHECKPOINTS + 1) * checkpoint_bytes(sizes),
        "model": sizes.trained * 4,
        "merged": int(sizes.parameters * WEIGHT_BYTES["bf16"]),
        "GGUF": int(sizes.parameters * Q8_0_BYTES),
        # a server copies what it is given into a store of its own
        "served copy": int(sizes.parameters * Q8_0_BYTES),
    }


def _is_here(base: str) -> bool:
    """Tell whether a base's weights need not be fetched: it is nano, a folder, or whole in Hugging Face's cache."""
    from huggingface_hub import try_to_load_from_cache

    if base == NANO or Path(base).is_dir():
        return True
    index = try_to_load_from_cache(base, "model.safetensors.index.json")
    if not isinstance(index, str):
        return isinstance(try_to_load_from_cache(base, "model.safetensors"), str)
    parts = set(json.loads(Path(index).read_text("utf-8"))["weight_map"].values())
    return all(isinstance(try_to_load_from_cache(base, part), str) for part in parts)


def memory(sizes: Sizes, recipe: Recipe, longest: int, longest_completion: int, shards: int = 1) -> Memory:
    """Estimate what a step takes of a device's memory; lengths are in tokens.

    ``shards`` devices share the weights and what belongs to them; each has activations of its own.
    """
    each = WEIGHT_BYTES[recipe.precision]
    whole = 4.0 if recipe.adapter == "none" else each
    frozen = sizes.parameters * whole
    if recipe.four_bit:
        frozen = sizes.embeddings * each + (sizes.parameters - sizes.embeddings) * FOUR_BIT_BYTES
    added = 0 if recipe.adapter == "none" else sizes.trained * 4
    layer = recipe.micro_batch * longest * sizes.hidden * LAYER_BYTES * each / 2
    kept = recipe.micro_batch * longest * sizes.hidden * each * sizes.layers
    return Memory(
        weights=(frozen + added) / shards,
        optimizer=sizes.trained * (GRADIENT_BYTES + TRAINED_BYTES - 4) / shards,
        activations=kept + layer if recipe.activation_checkpointing else layer * sizes.layers,
        logits=recipe.micro_batch * longest_completion * sizes.vocabulary * 4 * LOGIT_COPIES,
        dora=sizes.largest * each * DORA_COPIES if recipe.adapter == "dora" else 0.0,
    )
