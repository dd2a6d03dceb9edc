"""The pilot: a short run on some of the rows, then the paired-profile check, before a long run is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.store import probes
from stratos_tui.store.db import Store
from stratos_tui.store.probes import Probe
from stratos_tui.training import launch
from stratos_tui.training.check import Check
from stratos_tui.training.recipes import recipe_for

LEAST_PSR = 0.40
"""Below it the plan calls a student a failure (decisions.md, verdict)."""
LEAST_GAP = 1.0
"""Points between two contrasting profiles in the teacher's direction: what one sensitive pair needs."""


def start(
    store: Store,
    dataset_id: int,
    base: str,
    overrides: Mapping[str, object] | None = None,
    accelerate: Path | None = None,
) -> int:
    """Start a run of ``examples`` rows, at most and unless set ``pilot_examples``, and return its id at once.

    With a configuration of accelerate's it is trained by as many processes as that says. Under FSDP nothing is probed,
    so no pilot passes there.

    Raises:
        StratosError: there is no such build or base, a setting does not exist, or nothing would be probed.
    """
    recipe = recipe_for(base, overrides)
    if not recipe.probe_pairs:
        raise StratosError("a pilot is judged by its probe: set probe_pairs to 20")
    examples = min(recipe.examples or recipe.pilot_examples, recipe.pilot_examples)
    return launch.start(store, dataset_id, base, {**(overrides or {}), "examples": examples}, accelerate)


def verdict(store: Store, run_id: int) -> Check:
    """Judge a pilot that is done by its last probe."""
    return judge(next(reversed(probes.points(store, run_id)), None))


def judge(probe: Probe | None) -> Check:
    """Judge what a pilot's last probe found."""
    gap = probe.gap if probe is not None else None
    psr = probe.psr if probe is not None else None
    said = "no probe" if probe is None else f"{probe.parsed} of {probe.pairs} pairs read"
    if gap is not None and psr is not None:
        said = f"gap {gap:.1f}, PSR {psr:.0%}, {said}"
    return Check(
        "paired_profiles",
        gap is not None and gap >= LEAST_GAP and psr is not None and psr >= LEAST_PSR,
        said,
        f"gap at least {LEAST_GAP:.1f} points and PSR at least {LEAST_PSR:.0%}",
        "low loss and a perfect format can hide a student that ignores its profile",
    )
