"""Compares what one scorer says of one article for several profiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from stratos_tui.progress import Report, silent
from stratos_tui.records import Article, Profile, Scored
from stratos_tui.scoring.scorer_adaptive import as_json, score_pairs
from stratos_tui.scoring.scorers import Scorer
from stratos_tui.store import profiles as stored_profiles
from stratos_tui.store.db import Store


def compare(
    store: Store,
    scorer: Scorer,
    article: Article,
    profiles: Sequence[Profile],
    *,
    as_of: date | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Score one stored article for two profiles or more.

    Returns ``scores`` (points by profile id, None where no score could be parsed), ``gap`` in points (see
    :func:`gap_tenths`), and ``pairs``, each as ``stratos score`` prints it.
    """
    said = score_pairs(store, scorer, [(profile, article) for profile in profiles], as_of=as_of, report=report)
    gap = gap_tenths(said)
    pairs = [as_json(each) for each in said]
    return {
        "article": article.id,
        "title": article.title,
        "scorer": scorer.name,
        "scores": {each["profile_id"]: each["score"] for each in pairs},
        "gap": None if gap is None else gap / 10,
        "pairs": pairs,
    }


def matrix(store: Store, scorer: Scorer, article: Article, *, as_of: date | None = None) -> list[Scored]:
    """Score one stored article for every stored profile, in their order."""
    return score_pairs(store, scorer, [(p, article) for p in stored_profiles.load(store)], as_of=as_of)


def gap_tenths(said: Sequence[Scored]) -> int | None:
    """Return the tenths between the highest and the lowest score; None unless all of two or more could be read."""
    tenths = [each.tenths for each in said if each.tenths is not None]
    return max(tenths) - min(tenths) if len(tenths) == len(said) >= 2 else None
