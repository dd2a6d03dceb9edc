"""Checks of the machine that a run would be trained on: disk, memory, precision, environment, parts, first loss."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stratos_tui.errors import StratosError
from stratos_tui.inference import memory
from stratos_tui.store.db import Store
from stratos_tui.training import options, sizes
from stratos_tui.training.check import Check
from stratos_tui.training.mask import IGNORED, Encoded
from stratos_tui.training.recipes import Recipe
from stratos_tui.training.sizes import Sizes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOSS_BASE_PARAMETERS = 500_000_000
"""A larger base is not asked for its first loss on a CPU: a batch would take minutes."""
LEAST_LOSS = 0.2
"""A base whose loss starts lower has seen these rows, or the loss is over the wrong tokens."""
UNTRAINED_SHARE = 0.8
OVER_CHANCE = 1.1
"""Chance is the logarithm of the vocabulary: a base from nothing starts there, and one far above it is broken."""


@dataclass(frozen=True, slots=True)
class Known:
    """An environment setting that is known to spoil a run, and the report of it."""

    name: str
    why: str


def checks(
    store: Store, base: str, recipe: Recipe, of: Sizes, longest: int, longest_completion: int, *, weighted: bool
) -> Iterator[Check]:
    """Yield every check of this machine that loads no weights; lengths are in tokens."""
    yield _disk(store, base, of)
    yield _memory(recipe, of, longest, longest_completion)
    yield _precision(recipe)
    faults = [f"{known.name}={os.environ[known.name]} ({known.why})" for known in bad_settings(recipe, os.environ)]
    yield Check(
        "environment",
        not faults,
        "; ".join(faults) or "none of the settings known to spoil a run",
        "none",
        "on ROCm, experimental AOTriton with DoRA gives NaN; others change the precision or the speed in silence",
    )
    try:
        found = options.choose(recipe, weighted=weighted)
        said = f"attention {found.attention}, optimizer {found.optimizer}, liger {'on' if found.liger else 'off'}"
        said += f", padding {'left out' if found.padding_free else 'filled'}, micro-batch {recipe.micro_batch}"
        ok = True
    except StratosError as error:
        said, ok = str(error), False
    yield Check("options", ok, said, "what the recipe asks for is installed", "a run that dies at its first step")


def bad_settings(recipe: Recipe, environment: Mapping[str, str]) -> list[Known]:
    """Return the settings of an environment that are known to spoil a run by a recipe on this machine."""
    import torch

    gpu = options.on_gpu(recipe)
    rocm = gpu and torch.version.hip is not None
    card = torch.cuda.get_device_name() if gpu else ""

    def on(name: str) -> bool:
        return environment.get(name, "0").casefold() not in ("", "0", "false", "off")

    found = []
    if rocm and recipe.adapter == "dora" and on("TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL"):
        found.append(Known("TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL", "NaN with DoRA; unset it"))
    override = environment.get("HSA_OVERRIDE_GFX_VERSION", "")
    if rocm and override and "7900" in card and not override.startswith("11."):
        # github.com/ROCm/legacy-rocm-build/issues/1880: random NaN; 10.3.0 is not compatible with RDNA 3
        found.append(Known("HSA_OVERRIDE_GFX_VERSION", "another chip's kernels on a 7900: random NaN; unset it"))
    mixed = environment.get("ACCELERATE_MIXED_PRECISION", "no")
    if mixed not in ("no", recipe.precision):
        # transformers, training_args: it is the precision wherever the recipe's own is fp32
        found.append(Known("ACCELERATE_MIXED_PRECISION", f"the recipe trains in {recipe.precision}; unset it"))
    for name in ("PYTORCH_NO_CUDA_MEMORY_CACHING", "PYTORCH_NO_HIP_MEMORY_CACHING"):
        # c10/cuda, CUDACachingAllocator: any value switches caching off, 0 too
        if gpu and name in environment:
            found.append(Known(name, "every tensor is asked of the driver, many times slower; unset it"))
    for name in ("CUDA_LAUNCH_BLOCKING", "AMD_SERIALIZE_KERNEL"):
        if gpu and on(name):
            found.append(Known(name, "a debugging aid: every kernel waits for the one before; unset it"))
    return found


def initial_loss(
    model: PreTrainedModel | None, encoded: Sequence[Encoded], recipe: Recipe, of: Sizes, *, untrained: bool
) -> Check:
    """Take the loss of examples on a base as it is; without a model it is said not to be measured.

    A base that was never trained knows nothing: its loss is the logarithm of its vocabulary.
    """
    import torch

    chance = math.log(of.vocabulary)
    sharded = is_sharded()
    if sharded:
        # it would be moved to the first device whole
        model = None
    low = UNTRAINED_SHARE * chance if untrained else LEAST_LOSS
    high = OVER_CHANCE * chance
    why_not = (
        f"its weights are shared among {processes()} processes"
        if sharded
        else (f"{of.parameters / 1e9:.1f} billion weights on a CPU")
    )
    said = f"not measured: {why_not}"
    ok = model is None
    if model is not None:
        device = torch.device("cuda" if options.on_gpu(recipe) else "cpu")
        body: Any = model if recipe.four_bit else model.to(device)
        lost, counted = 0.0, 0
        body.eval()
        with torch.no_grad():
            for each in encoded:
                labels = torch.tensor(each.labels[1:], device=device)
                carried = labels != IGNORED
                logits = body(torch.tensor([each.ids], device=device)).logits[0, :-1][carried].float()
                lost += torch.nn.functional.cross_entropy(logits, labels[carried], reduction="sum").item()
                counted += int(carried.sum())
        loss = lost / counted if counted else math.nan
        said, ok = f"{loss:.2f}", low <= loss <= high
    return Check(
        "initial_loss",
        ok,
        said,
        f"{low:.2f} to {high:.2f}; chance is {chance:.2f}",
        "a first loss that is off means a broken base, a wrong mask, or rows that the base has seen before",
    )


def processes() -> int:
    """Return how many processes train together; accelerate says it to each."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_sharded() -> bool:
    """Tell whether the processes share one model's weights among them (FSDP) and do not each hold all."""
    return processes() > 1 and os.environ.get("ACCELERATE_USE_FSDP", "false").casefold() == "true"


def fitted(recipe: Recipe, of: Sizes, longest: int, longest_completion: int) -> Recipe:
    """Return a recipe with its micro-batch chosen for this machine where that was left open."""
    room = free_memory(recipe)[0] if options.on_gpu(recipe) else None
    shards = processes() if is_sharded() else 1
    return options.fit(recipe, of, longest, longest_completion, room, processes=processes(), shards=shards)


def free_memory(recipe: Recipe) -> tuple[int, str]:
    """Return the bytes that a run can have on its device, and the device's name."""
    if options.on_gpu(recipe):
        import torch

        return int(torch.cuda.mem_get_info()[0]), str(torch.cuda.get_device_name())
    return memory.free_memory(), "CPU"


def _disk(store: Store, base: str, of: Sizes) -> Check:
    parts = sizes.disk_bytes(base, of)
    needed = sum(parts.values())
    free = shutil.disk_usage(store.path.resolve().parent).free
    return Check(
        "disk",
        free >= needed,
        f"{free / 1e9:.1f} GB free",
        f"{needed / 1e9:.2f} GB: {', '.join(f'{name} {size / 1e9:.2f}' for name, size in parts.items())}",
        "v17 stalled on a full disk",
    )


def _memory(recipe: Recipe, of: Sizes, longest: int, longest_completion: int) -> Check:
    shards = processes() if is_sharded() else 1
    needed = sizes.memory(of, recipe, longest, longest_completion, shards)
    free, device = free_memory(recipe)
    return Check(
        "memory",
        free >= needed.total,
        f"{free / 1e9:.1f} GB free on {device}{f', one of {shards} that share the weights' if shards > 1 else ''}",
        f"{needed.total / 1e9:.2f} GB = {needed}",
        "a run that does not fit dies hours in, at its longest batch; lower micro_batch, or set four_bit",
    )


def _precision(recipe: Recipe) -> Check:
    import torch

    gpu = options.on_gpu(recipe)
    ok = recipe.precision == "fp32" or not gpu or torch.cuda.is_bf16_supported(including_emulation=False)
    device = torch.cuda.get_device_name() if gpu else "the CPU"
    return Check(
        "precision",
        ok,
        f"{device} {'computes' if ok else 'does not compute'} in {recipe.precision}",
        "the device computes in the recipe's precision by itself",
        "bf16 that is emulated is many times slower, and fp16 overflows on Qwen3",
    )
