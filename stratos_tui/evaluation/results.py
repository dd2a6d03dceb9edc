"""Puts an evaluation together: measures, intervals, trivial scorers, breakdowns and the verdict, as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stratos_tui.evaluation import breakdown, sanity
from stratos_tui.evaluation.baselines import Baseline
from stratos_tui.evaluation.format import Completion, read_format
from stratos_tui.evaluation.intervals import intervals
from stratos_tui.evaluation.loops import count_repetition
from stratos_tui.evaluation.metrics import Metrics, measure
from stratos_tui.evaluation.pairs import Pairs
from stratos_tui.evaluation.sanity import Scores
from stratos_tui.evaluation.verdict import Evidence, Verdict, decide
from stratos_tui.records import BANDS

MEMORIZED_POINTS = 2.0
"""MAE on training and on held-out articles must be closer than this (decisions.md, anti-memorization)."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an evaluation is made from, whoever scored.

    ``completions`` are those of the pairs, as far as there are any. ``scores`` and ``teacher`` hold every pair that the
    sanity checks may use. ``trained`` are pairs that the scorer was trained on.
    """

    pairs: Pairs
    baselines: Sequence[Baseline]
    completions: Sequence[Completion]
    scores: Scores
    teacher: Scores
    trained: Pairs | None = None
    marks: tuple[str, ...] = ()
    seed: int = 0


def result_of(material: Material) -> dict[str, Any]:
    """Return the object that ``stratos evaluate --json`` prints, without what names its scorer and data.

    Every number is finite; what could not be measured is None. Scores and gaps are points, shares are 0 to 1.
    """
    pairs = material.pairs
    metrics = measure(pairs)
    kinds = breakdown.per_kind(pairs)
    sure = intervals(pairs, material.seed)
    found = read_format(material.completions)
    repetition = count_repetition((each.trace or each.raw, each.article) for each in material.completions)
    verdict = decide(
        Evidence(
            metrics=metrics,
            intervals=sure,
            baselines=material.baselines,
            apart=sanity.profiles_apart(material.scores, material.teacher),
            space=sanity.space_article(material.scores),
            kinds=sanity.kinds_alike(*(kinds.get(kind, {}).get("mae") for kind in ("career", "interest"))),
            repetition=repetition,
            formatted=found.share if found else None,
            marks=material.marks,
        )
    )
    return {
        **asdict(metrics),
        "empty_bands": [band for band in BANDS if metrics.per_band[band] is None],
        "intervals": sure,
        "baselines": {baseline.name: baseline.as_json() for baseline in material.baselines},
        "verdict": _verdict(verdict),
        "per_kind": kinds,
        "per_profile": {name: asdict(share) for name, share in breakdown.per_profile(pairs).items()},
        "confusion": breakdown.confusion(pairs),
        "balanced": breakdown.balanced(pairs),
        "format": asdict(found) if found else None,
        "repetition": {**asdict(repetition), "share": repetition.share},
        "memorization": _memorization(metrics, material.trained),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "class": verdict.name,
        "statement": verdict.statement,
        "cannot": list(verdict.cannot),
        "marks": list(verdict.marks),
        "criteria": [asdict(criterion) for criterion in verdict.criteria],
    }


def _memorization(metrics: Metrics, trained: Pairs | None) -> dict[str, Any] | None:
    if trained is None or not len(trained):
        return None
    on_trained = measure(trained)
    if on_trained.mae is None or metrics.mae is None:
        return None
    gap = abs(on_trained.mae - metrics.mae)
    return {
        "n_train": on_trained.n,
        "mae_train": on_trained.mae,
        "mae_held_out": metrics.mae,
        "gap": gap,
        "ok": gap < MEMORIZED_POINTS,
    }
