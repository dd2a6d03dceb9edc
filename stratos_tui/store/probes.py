"""Probes of a training run: contrast pairs scored by generation at an evaluation, which the loss does not show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stratos_tui.store.db import Store, now


@dataclass(frozen=True, slots=True)
class Probe:
    """What one probe found after a step.

    ``pairs`` contrast pairs were asked, ``parsed`` of them have both scores. ``gap`` is the mean difference in the
    teacher's direction over those, in points; ``psr`` is the share of all pairs that differ in that direction by 1.0 or
    more; ``mae`` is over all parsed scores, in points. None where nothing was parsed. ``detail`` holds what each answer
    said (``answers``: text and scores, from outside), and how many of them loop (``looping``).
    """

    step: int
    pairs: int
    parsed: int
    gap: float | None
    psr: float | None
    mae: float | None
    detail: Mapping[str, Any]


def add(store: Store, run_id: int, probe: Probe) -> None:
    """Store a run's probe; a step that is trained again after a kill replaces its probe."""
    with store.write() as connection:
        connection.execute(
            "INSERT INTO probes (run_id, step, pairs, parsed, gap, psr, mae, detail, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run_id, step) DO UPDATE SET pairs = excluded.pairs,"
            " parsed = excluded.parsed, gap = excluded.gap, psr = excluded.psr, mae = excluded.mae,"
            " detail = excluded.detail, at = excluded.at",
            (
                *(run_id, probe.step, probe.pairs, probe.parsed, probe.gap, probe.psr, probe.mae),
                *(json.dumps(dict(probe.detail), ensure_ascii=False), now()),
            ),
        )


def before(store: Store, run_id: int, step: int) -> Probe | None:
    """Return a run's last probe before a step."""
    return next((probe for probe in reversed(points(store, run_id)) if probe.step < step), None)


def points(store: Store, run_id: int, after: int = -1) -> list[Probe]:
    """Return a run's probes by step, from the step behind ``after`` on."""
    found = store.rows(
        "SELECT step, pairs, parsed, gap, psr, mae, detail FROM probes WHERE run_id = ? AND step > ? ORDER BY step",
        (run_id, after),
    )
    return [Probe(**(dict(row) | {"detail": json.loads(row["detail"])})) for row in found]
