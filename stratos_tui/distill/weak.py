"""Finds the bands and profiles that the newest build or evaluation shows as weak: what further articles are for.

The plan's remedy for a partial success is "targeted data augmentation for weak score bands" (section 11).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from stratos_tui.distill.candidates import Wish
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import CONTRAST_TENTHS, SENSITIVE_TENTHS, band_of
from stratos_tui.records import BANDS, Band
from stratos_tui.store import datasets, evaluations, profiles
from stratos_tui.store.db import Store
from stratos_tui.store.evaluations import EvaluatedPair, Evaluation

SHARE_SLACK = 0.02
"""A group of bands this far below its share of the training rows counts as short; rounding alone is less."""
REPEATED = 0.25
"""From this share of rows that are copies on, a band counts as stretched: it reached its share by repeating itself."""
TARGET_MAE = 1.5
"""The plan's target against the teacher (section 6, phase 6), in points."""
TARGET_PSR = 0.6
"""What the verdict asks of contrast pairs (decisions.md, verdict)."""
FEWEST_CONTRASTS = 10
"""A share over fewer contrast pairs says nothing of a profile."""

_FOUND = {
    "share": "{figure:.0%} of the training rows, {target:.0%} wanted",
    "repeats": "{figure:.0%} of its training rows are copies, {target:.0%} at most wanted",
    "mae": "MAE {figure:.2f}, {target:.2f} wanted",
    "psr": "PSR {figure:.0%}, {target:.0%} wanted",
}


@dataclass(frozen=True, slots=True)
class WeakBand:
    """A band that is weak, for some profiles or (none named) for all: the figure, its target, and who says so.

    ``measure`` is ``share``, ``repeats`` (of the training rows, 0 to 1), ``mae`` (points) or ``psr`` (0 to 1);
    ``figure`` is None where nothing in the band could be measured at all.
    """

    band: Band
    profile_ids: tuple[str, ...]
    measure: str
    figure: float | None
    target: float
    source: str

    @property
    def why(self) -> str:
        """The finding as one sentence's worth of words."""
        whose = f" for {', '.join(self.profile_ids)}" if self.profile_ids else ""
        measured = "no held-out pair to measure"
        if self.figure is not None:
            measured = _FOUND[self.measure].format(figure=self.figure, target=self.target)
        return f"{self.band}{whose}: {measured} ({self.source})"


def weak_bands(store: Store) -> list[WeakBand]:
    """Return what is weak by the newest build and by the newest evaluation of a student; worst first in each.

    Nothing to read, or nothing weak, is an empty list.
    """
    build = datasets.latest(store)
    found = [] if build is None else _in_build(build.id, build.summary)
    measured = next((each for each in evaluations.load(store) if each.dataset_id is not None), None)
    return found + ([] if measured is None else _in_evaluation(store, measured))


def wishes_for(store: Store, weak: Sequence[WeakBand], count: int, seed: int = 0) -> list[Wish]:
    """Spread ``count`` drafts over what is weak: its bands in turn, each band's profiles in a seeded order.

    Raises:
        StratosError: nothing is weak.
    """
    if not weak:
        raise StratosError("no build and no evaluation shows a weak band; name what is wanted: --profile and --band")
    everybody = [each.id for each in profiles.load(store)]
    turns: dict[Band, list[str]] = {}
    for each in weak:
        queue = turns.setdefault(each.band, [])
        queue += [name for name in _mixed(each.profile_ids or everybody, seed, each.band) if name not in queue]
    rounds = [(band, turns[band]) for band in turns if turns[band]]
    return [
        Wish((queue[turn // len(rounds) % len(queue)],), band)
        for turn in range(count)
        for band, queue in [rounds[turn % len(rounds)]]
    ]


def wishes_of(profile_ids: Sequence[str], band: Band, count: int) -> list[Wish]:
    """Return the same wish ``count`` times: for one reader, or for two at once."""
    return [Wish(tuple(profile_ids), band)] * count


def _in_build(build: int, summary: dict[str, Any]) -> list[WeakBand]:
    source = f"dataset {build}"
    found = []
    for name, share in summary.get("shares", {}).items():
        if share["share"] < share["target"] - SHARE_SLACK:
            # of noise and low it is low that drafts can give: they are noise for everybody else anyway
            band: Band = next(each for each in reversed(BANDS) if each in name.split("+"))
            found.append(WeakBand(band, (), "share", share["share"], share["target"], source))
    for band in BANDS:
        quota = summary.get("rebalance", {}).get(band, {})
        copies = quota["repeated"] / quota["rows"] if quota.get("rows") else 0.0
        if copies > REPEATED and band not in {each.band for each in found}:
            found.append(WeakBand(band, (), "repeats", copies, REPEATED, source))
    return sorted(found, key=_shortfall, reverse=True)


def _in_evaluation(store: Store, evaluation: Evaluation) -> list[WeakBand]:
    source = f"evaluation {evaluation.id} of {evaluation.scorer}"
    found = [
        WeakBand(band, (), "mae", mae, TARGET_MAE, source)
        for band, mae in evaluation.result.get("per_band", {}).items()
        if band != "noise" and (mae is None or mae > TARGET_MAE)
    ]
    pairs = evaluations.pairs(store, evaluation.id)
    for profile_id, (told, contrasts) in _told_apart(pairs).items():
        if contrasts >= FEWEST_CONTRASTS and told / contrasts < TARGET_PSR:
            band = _worst_band([each for each in pairs if each.profile_id == profile_id])
            found.append(WeakBand(band, (profile_id,), "psr", told / contrasts, TARGET_PSR, source))
    return sorted(found, key=_shortfall, reverse=True)


def _told_apart(pairs: Sequence[EvaluatedPair]) -> dict[str, tuple[int, int]]:
    """Return, for each profile, how many of its contrast pairs the scorer told apart, and of how many."""
    by_article: dict[str, list[EvaluatedPair]] = defaultdict(list)
    for each in pairs:
        by_article[each.article_id].append(each)
    told: dict[str, int] = defaultdict(int)
    contrasts: dict[str, int] = defaultdict(int)
    for together in by_article.values():
        for one, other in combinations(together, 2):
            gap = one.teacher_tenths - other.teacher_tenths
            if abs(gap) < CONTRAST_TENTHS:
                continue
            right = False
            if one.tenths is not None and other.tenths is not None:
                said = one.tenths - other.tenths
                right = (said if gap > 0 else -said) >= SENSITIVE_TENTHS
            for profile_id in (one.profile_id, other.profile_id):
                contrasts[profile_id] += 1
                told[profile_id] += right
    return {profile_id: (told[profile_id], contrasts[profile_id]) for profile_id in contrasts}


def _worst_band(pairs: Sequence[EvaluatedPair]) -> Band:
    """Return the band above noise in which a profile's scores are furthest off; an unreadable one is ten off."""
    errors: dict[Band, list[int]] = defaultdict(list)
    for each in pairs:
        band = band_of(each.teacher_tenths)
        if band != "noise":
            errors[band].append(100 if each.tenths is None else abs(each.tenths - each.teacher_tenths))
    return max(errors, key=lambda band: sum(errors[band]) / len(errors[band]), default="high")


def _shortfall(weak: WeakBand) -> float:
    """Return how far a figure is from its target, as a share of the target; what is not measured is furthest."""
    return float("inf") if weak.figure is None else abs(weak.figure - weak.target) / weak.target


def _mixed(profile_ids: Sequence[str], seed: int, band: Band) -> list[str]:
    return sorted(profile_ids, key=lambda each: hashlib.sha256(f"weak\0{seed}\0{band}\0{each}".encode()).digest())
