"""The noise floor: how far a teacher agrees with itself; no student can be measured closer (decisions.md, 15)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.evaluation.intervals import intervals
from stratos_tui.evaluation.metrics import measure
from stratos_tui.evaluation.pairs import make_pairs
from stratos_tui.store import distill, profiles
from stratos_tui.store.db import Store


def noise_floor(store: Store, teacher: str) -> dict[str, Any]:
    """Measure a teacher's second scores against its first ones, by the measures of ``stratos evaluate``.

    ``parse_failures`` are second answers without a score; answers that the rules rejected for something else count by
    their score. Edited examples are left out: they are the operator's.

    Raises:
        StratosError: no pair was asked twice.
    """
    found = floor_if_known(store, teacher)
    if found is None:
        raise StratosError(f"{teacher} was asked nothing twice; `stratos distill noise --teacher {teacher}` asks")
    return found


def floor_if_known(store: Store, teacher: str) -> dict[str, Any] | None:
    """Return :func:`noise_floor`, or None where no pair was asked twice."""
    found = distill.twice(store, teacher)
    if not found:
        return None
    pairs = make_pairs(
        [each.article_id for each in found],
        [each.profile_id for each in found],
        [each.first for each in found],
        [each.second for each in found],
        {profile.id: profile.kind for profile in profiles.load(store)},
    )
    same = sum(each.first == each.second for each in found) / len(found)
    return {"teacher": teacher, **asdict(measure(pairs)), "same": same, "intervals": intervals(pairs)}
