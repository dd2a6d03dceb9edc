"""The settings of a training run, by name, each with where its value comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stratos_tui.errors import StratosError

NANO = "nano"
"""The base that is made from the data itself: a small Qwen3, all weights trained."""


@dataclass(frozen=True, slots=True)
class NanoShape:
    """The architecture of the nano base: Qwen3's own, small (see benchmarks for what each choice measured).

    ``vocabulary`` counts Qwen3's 26 special tokens too. Sizes are in units of the hidden vector.
    """

    vocabulary: int = 4096
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 4
    head_dim: int = 32
    feed_forward: int = 384
    tied_embeddings: bool = True
    rope_theta: float = 10_000.0
    context: int = 2048


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every setting of a run that someone could ask about. Learning-rate times are in optimizer steps.

    ``adapter`` is ``dora`` for a base model on disk and ``none`` where all weights are trained. ``batch`` is the
    effective batch; ``micro_batch`` of it are computed at once. ``evaluations`` is how often a run is evaluated and
    saved, never further apart than ``max_eval_steps``. ``eval_examples`` limits the held-out rows whose loss is taken
    then (0: all). ``threads`` is fixed because another number of threads adds numbers up in another order; 0 leaves
    it to the machine. ``overridden`` names preflight checks that may fail.
    """

    adapter: Literal["dora", "none"]
    learning_rate: float
    schedule: str
    warmup: float
    epochs: int
    batch: int
    micro_batch: int
    clip: float
    weight_decay: float
    beta2: float
    precision: Literal["bf16", "fp32"]
    device: Literal["auto", "cpu"]
    threads: int
    activation_checkpointing: bool
    later_epochs: Literal["sorted", "shuffled"]
    length_window: int
    evaluations: int
    max_eval_steps: int
    eval_examples: int
    patience: int
    keep_best: bool
    length_margin: int
    seed: int
    rank: int = 0
    alpha: int = 0
    dropout: float = 0.0
    target_modules: tuple[str, ...] = ()
    shape: NanoShape | None = None
    overridden: tuple[str, ...] = ()

    def params(self) -> dict[str, Any]:
        """Return the recipe as it is stored with a run and fingerprinted."""
        return asdict(self)


DORA_RECIPE = Recipe(
    adapter="dora",
    rank=16,  # plan, section 6, phase 5
    alpha=32,  # plan, section 6, phase 5
    dropout=0.0,  # lets DoRA reuse the base result (peft documentation)
    # all linear layers: attention alone underperforms by 5-15 % (plan, section 6, phase 4)
    target_modules=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    learning_rate=1e-4,  # plan, section 6, phase 5: slightly lower, for DoRA's slower convergence
    schedule="cosine",  # plan, section 6, phase 5
    warmup=0.05,  # plan, section 6, phase 5: a share of all steps
    epochs=2,  # plan, section 6, phase 5
    batch=32,  # plan, section 6, phase 5: effective batch
    micro_batch=2,  # what fits a 24 GB card beside an 8B model in bf16
    clip=1.0,  # plan, section 6, phase 5: prevents Qwen3's NaN loss
    weight_decay=0.0,  # transformers' default; the plan names none
    beta2=0.999,  # transformers' default
    precision="bf16",  # decisions.md, 11
    device="auto",
    threads=0,
    activation_checkpointing=True,  # the price of an 8B model on 24 GB
    later_epochs="shuffled",  # decisions.md, 5
    length_window=0,
    evaluations=20,  # decisions.md, 5: evaluate and save every min(200, total/20) steps
    max_eval_steps=200,  # plan, section 6, phase 5
    eval_examples=0,
    patience=3,  # plan, section 6, phase 5: early stopping on eval loss
    keep_best=True,
    length_margin=16,  # decisions.md, 12: the longest example plus a margin
    seed=0,
)

NANO_RECIPE = Recipe(
    adapter="none",
    learning_rate=2e-3,
    schedule="cosine",
    warmup=0.05,
    epochs=4,
    batch=16,
    micro_batch=16,
    clip=1.0,
    weight_decay=0.05,
    beta2=0.98,
    precision="fp32",
    device="cpu",
    threads=2,
    activation_checkpointing=False,
    later_epochs="shuffled",
    length_window=8,
    evaluations=6,
    max_eval_steps=200,
    eval_examples=100,
    patience=3,
    keep_best=True,
    length_margin=16,
    seed=0,
    shape=NanoShape(),
)


NANO_ROWS = 8_000
"""Rows that a nano run sees in all, where its build has fewer: what two cores train in some minutes (measured)."""
NANO_EPOCHS = 2
"""A nano run's least number of epochs: the first alone is in the curriculum's order (decisions.md, 5)."""


def epochs_for(base: str, rows: int) -> dict[str, object]:
    """Return how often a build of ``rows`` rows is gone through, as an override: a large one less often by nano."""
    if base != NANO or not rows:
        return {}
    return {"epochs": min(NANO_RECIPE.epochs, max(NANO_EPOCHS, round(NANO_ROWS / rows)))}


def recipe_for(base: str, overrides: Mapping[str, object] | None = None) -> Recipe:
    """Return the recipe of a base with single settings replaced; ``shape.hidden`` and so on reach into the shape.

    Raises:
        StratosError: a setting that does not exist, or a value of another type.
    """
    recipe = NANO_RECIPE if base == NANO else DORA_RECIPE
    for name, value in (overrides or {}).items():
        head, _, inner = name.partition(".")
        if head == "shape" and inner and recipe.shape is not None:
            shape = dataclasses.replace(recipe.shape, **{inner: _fitting(recipe.shape, inner, value)})
            recipe = dataclasses.replace(recipe, shape=shape)
        else:
            recipe = dataclasses.replace(recipe, **{name: _fitting(recipe, name, value)})
    return recipe


def from_params(params: Mapping[str, Any]) -> Recipe:
    """Read a recipe back from what :meth:`Recipe.params` returned, by way of JSON."""
    shape = params.get("shape")
    lists = {name: tuple(params[name]) for name in ("target_modules", "overridden")}
    return Recipe(**{**params, **lists, "shape": None if shape is None else NanoShape(**shape)})


def _fitting(owner: Recipe | NanoShape, name: str, value: object) -> Any:
    names = [each.name for each in dataclasses.fields(owner)]
    if name not in names or name in ("shape", "adapter"):
        raise StratosError(f"training has no setting {name!r}; there are {', '.join(names)}")
    present = getattr(owner, name)
    if isinstance(present, tuple) and isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(present, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(present):
        raise StratosError(f"the setting {name} is a {type(present).__name__}, not {value!r}")
    return value
