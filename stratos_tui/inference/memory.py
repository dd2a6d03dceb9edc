"""Asks, before a model is loaded in fp32, whether this machine's memory can hold it: a kernel kills without a word."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError

FP32_BYTES = 4
SPARE = 1.1
"""What must be free beside the weights: for an adapter, one matrix while it is merged, and the logits of probes."""


def need_memory(folder: Path) -> int:
    """Return how many weights a model's folder, or the base of an adapter's, has; there is room for them in fp32.

    Raises:
        StratosError: there is too little memory.
        OSError, ValueError: the folder or its base has no readable configuration.
    """
    weights = _count(folder)
    needed, free = weights * FP32_BYTES * SPARE, free_memory()
    if free < needed:
        raise StratosError(
            f"{folder}: its {weights:,} weights in fp32 take {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB"
            " are free; end other programs, or do this on a machine with more"
        )
    return weights


def free_memory() -> int:
    """Return the bytes that a program can have without pushing another one out; all there are where nobody says."""
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        fields = dict(line.split(":", 1) for line in meminfo.read_text("ascii").splitlines() if ":" in line)
        if "MemAvailable" in fields:
            return int(fields["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _count(folder: Path) -> int:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    adapter = folder / "adapter_config.json"
    base = str(folder)
    if adapter.is_file():
        base = str(json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path", ""))
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
    return int(model.num_parameters())
