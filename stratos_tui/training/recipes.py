"""The settings of a training run, by name, each with where its value comes from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_type_hints

from stratos_tui.errors import StratosError
from stratos_tui.training.check import NAMES

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

    ``adapter`` is ``dora`` for a base model on disk (``lora`` is the control arm) and ``none`` where all weights are
    trained. ``batch`` is the effective batch; ``micro_batch`` of it are computed at once by each process (0: as many
    as the device holds, which then decides ``activation_checkpointing`` too). ``length_window`` is for shuffled
    epochs, ``sorted_window`` for rows of equal difficulty in sorted ones, both in batches (0: off).
    ``evaluations`` is how often a run is evaluated and saved, never further apart than ``max_eval_steps``.
    ``eval_examples`` limits the held-out rows whose loss is taken then (0: all). ``threads`` is fixed because another
    number of threads adds numbers up in another order; 0 leaves it to the machine. ``examples`` trains on that many
    rows spread over the curriculum (0: all). ``probe_pairs`` contrast pairs are scored at each evaluation with at most
    ``probe_tokens`` tokens (0: as many as the longest completion has); a share of looping answers of at least
    ``stop_at_loops`` at two evaluations running, after the warm-up, ends the run (0: never). It ends too where no step
    ends for ``stall_factor`` times the median step and at least ``stall_seconds``. ``most_noise`` is the largest share
    of noise and low rows in a build whose scarce bands cannot reach their target. ``overridden`` names preflight
    checks that may fail. :data:`SOURCES` says where each value comes from.
    """

    adapter: Literal["dora", "lora", "none"]
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
    four_bit: bool = False
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    liger: Literal["auto", "on", "off"] = "auto"
    padding_free: Literal["auto", "on", "off"] = "auto"
    sorted_window: int = 0
    examples: int = 0
    pilot_examples: int = 1000
    probe_pairs: int = 20
    probe_tokens: int = 0
    stop_at_loops: float = 0.5
    most_noise: float = 0.95
    stall_factor: int = 50
    stall_seconds: float = 900.0
    shape: NanoShape | None = None
    overridden: tuple[str, ...] = ()

    def params(self) -> dict[str, Any]:
        """Return the recipe as it is stored with a run and fingerprinted."""
        return asdict(self)


DORA_RECIPE = Recipe(
    adapter="dora",
    rank=16,
    alpha=32,
    dropout=0.0,
    target_modules=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    learning_rate=1e-4,
    schedule="cosine",
    warmup=0.05,
    epochs=2,
    batch=32,
    micro_batch=0,
    clip=1.0,
    weight_decay=0.0,
    beta2=0.999,
    precision="bf16",
    device="auto",
    threads=0,
    activation_checkpointing=True,
    later_epochs="shuffled",
    length_window=8,
    evaluations=20,
    max_eval_steps=200,
    eval_examples=0,
    patience=3,
    keep_best=True,
    length_margin=16,
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

_PLAN = "plan, section 6, phase 5"
SOURCES: dict[str, str] = {
    "adapter": _PLAN,
    "rank": _PLAN,
    "alpha": _PLAN,
    "dropout": "peft's default; 0 lets DoRA reuse the base's result",
    "target_modules": "plan, section 6, phase 4: attention alone underperforms by 5-15 %",
    "learning_rate": f"{_PLAN}: slightly lower, for DoRA's slower convergence",
    "schedule": _PLAN,
    "warmup": f"{_PLAN}: a share of all steps",
    "epochs": _PLAN,
    "batch": f"{_PLAN}: effective batch",
    "micro_batch": "ours: what the device holds; beside an 8B model in bf16 on 24 GB that is 2, with recomputing",
    "clip": f"{_PLAN}: prevents Qwen3's NaN loss",
    "weight_decay": "transformers' default; the plan names none",
    "beta2": "transformers' default",
    "precision": "decisions.md, 11",
    "device": "ours",
    "threads": "ours",
    "activation_checkpointing": "ours: the price of an 8B model on 24 GB",
    "later_epochs": "decisions.md, 5",
    "length_window": "ours: shuffled epochs put rows of like length into a batch, in windows of this many batches",
    "evaluations": "decisions.md, 5: evaluate and save every min(200, total / 20) steps",
    "max_eval_steps": _PLAN,
    "eval_examples": "ours",
    "patience": f"{_PLAN}: early stopping on eval loss",
    "keep_best": "decisions.md, 5",
    "length_margin": "decisions.md, 12: the longest example plus a margin",
    "seed": "ours",
    "four_bit": "decisions.md, 11: a setting for small cards",
    "attention": "ours: what is installed for this device",
    "liger": "ours: what is installed for this device",
    "padding_free": "ours: where flash attention keeps examples apart",
    "sorted_window": "ours: rows of equal difficulty keep the build's seeded order",
    "examples": "ours: all rows",
    "pilot_examples": "ours: a larger build is piloted first",
    "probe_pairs": "ours: contrast pairs scored at each evaluation",
    "probe_tokens": "ours: as long as the longest completion",
    "stop_at_loops": "ours: half of the answers, twice running: v14 repeated itself without end",
    "most_noise": "ours: nine pairs in ten are noise by nature (decisions.md, 4); a build has more of the rest",
    "stall_factor": "ours",
    "stall_seconds": "ours",
    "shape": "ours: the small Qwen3",
    "overridden": "nobody: every check must hold",
}
"""Where the values of :data:`DORA_RECIPE` come from; those that nano has otherwise were measured for two cores."""


KEEPS_LOSS = ("micro_batch", "activation_checkpointing", "attention", "liger", "padding_free")
"""Settings that change what a step takes and never, but for rounding, its loss: no part of what a run is, so that one
that ran out of memory can go on with others. Not ``threads``: a run is the same to the bit for a number of threads."""


def read_settings(given: Sequence[str]) -> dict[str, object]:
    """Read ``NAME=VALUE`` words as settings; a value that is not JSON is text.

    Raises:
        StratosError: a word without ``=``.
    """
    found: dict[str, object] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise StratosError(f"{each}: write NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def explain(base: str, recipe: Recipe) -> list[tuple[str, object, str]]:
    """Return each setting of a run with its value and where it comes from."""
    given = recipe_for(base).params()
    plan = DORA_RECIPE.params()

    def source(name: str, value: object) -> str:
        if value != given[name]:
            return f"set for this run (the recipe's own is {given[name]})"
        return SOURCES[name] if value == plan[name] or name == "shape" else "measured for nano on two cores"

    return [(name, value, source(name, value)) for name, value in recipe.params().items()]


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
        StratosError: a setting or a check that does not exist, or a value of another type.
    """
    recipe = NANO_RECIPE if base == NANO else DORA_RECIPE
    for name, value in (overrides or {}).items():
        head, _, inner = name.partition(".")
        if head == "shape" and inner and recipe.shape is not None:
            shape = dataclasses.replace(recipe.shape, **{inner: _fitting(recipe.shape, inner, value)})
            recipe = dataclasses.replace(recipe, shape=shape)
        else:
            recipe = dataclasses.replace(recipe, **{name: _fitting(recipe, name, value)})
    for check in recipe.overridden:
        if check not in NAMES:
            raise StratosError(f"there is no check {check!r}; there are {', '.join(NAMES)}")
    return recipe


def from_params(params: Mapping[str, Any]) -> Recipe:
    """Read a recipe back from what :meth:`Recipe.params` returned, by way of JSON."""
    shape = params.get("shape")
    known: dict[str, Any] = {name: tuple(params[name]) for name in ("target_modules", "overridden")}
    return Recipe(**{**as_now(params), **known, "shape": None if shape is None else NanoShape(**shape)})


def as_now(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored settings as they are written now: ``padding_free`` was on or off until it could be chosen."""
    found = dict(params)
    if isinstance(found.get("padding_free"), bool):
        found["padding_free"] = "on" if found["padding_free"] else "off"
    return found


def _fitting(owner: Recipe | NanoShape, name: str, value: object) -> Any:
    names = [each.name for each in dataclasses.fields(owner)]
    # nano has no weights to adapt
    fixed = ("shape",) if isinstance(owner, NanoShape) or owner.shape is None else ("shape", "adapter")
    if name not in names or name in fixed:
        raise StratosError(f"training has no setting {name!r}; there are {', '.join(names)}")
    choices = get_args(get_type_hints(type(owner))[name])
    present = getattr(owner, name)
    if isinstance(present, str) and choices and value not in choices:
        raise StratosError(f"the setting {name} is one of {', '.join(choices)}, not {value!r}")
    if isinstance(present, tuple) and isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(present, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(present):
        raise StratosError(f"the setting {name} is a {type(present).__name__}, not {value!r}")
    return value
