"""How far a scorer agrees with labels: the expected scores that ship, the operator's, or imported ones.

This is no evaluation of a student: labels of one origin are somebody's opinion, all of them are used, and no verdict is
reached. It tells how good the rubric is before its scores are taken for a teacher's.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.evaluation import breakdown
from stratos_tui.evaluation.baselines import trivial
from stratos_tui.evaluation.intervals import intervals
from stratos_tui.evaluation.metrics import measure
from stratos_tui.evaluation.pairs import make_pairs
from stratos_tui.progress import Report, silent
from stratos_tui.records import LabelOrigin
from stratos_tui.scoring.scorer_adaptive import score_tasks, tasks_of
from stratos_tui.scoring.scorers import Scorer
from stratos_tui.store import articles, labels, profiles
from stratos_tui.store.db import Store


def agreement(store: Store, scorer: Scorer, origin: LabelOrigin, report: Report = silent) -> dict[str, Any]:
    """Score every labelled pair and measure the scorer against the labels.

    Returns the measures of ``stratos evaluate`` with ``per_kind``, ``per_profile``, ``confusion``, ``balanced``,
    ``intervals`` and the trivial scorers, whose medians are over the other articles.

    Raises:
        Canceled: ``report`` asked to stop.
        StratosError: there is no such label.
    """
    stored = {article.id: article for article in articles.load(store)}
    people = {profile.id: profile for profile in profiles.load(store)}
    found = labels.load(store, origin)
    if not found:
        raise StratosError(f"there are no {origin} labels to compare with; import or give some first")
    tasks = tasks_of((people[label.profile_id], stored[label.article_id]) for label in found)
    said = score_tasks(store, scorer, tasks, report)
    pairs = make_pairs(
        [label.article_id for label in found],
        [label.profile_id for label in found],
        [label.tenths for label in found],
        [each.tenths for each in said],
        {profile.id: profile.kind for profile in people.values()},
    )
    return {
        "scorer": scorer.name,
        "labels": origin,
        **asdict(measure(pairs)),
        "intervals": intervals(pairs),
        "baselines": {baseline.name: baseline.as_json() for baseline in trivial(pairs, {})},
        "per_kind": breakdown.per_kind(pairs),
        "per_profile": {name: asdict(share) for name, share in breakdown.per_profile(pairs).items()},
        "confusion": breakdown.confusion(pairs),
        "balanced": breakdown.balanced(pairs),
    }
