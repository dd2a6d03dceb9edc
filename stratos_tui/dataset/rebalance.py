"""Brings the bands of training pairs to their target shares, by one of four strategies, and says what it costs.

Pure functions over counts. The target is the plan's (section 6, phase 3): 25 % noise and low, 30 % moderate, 30 % high,
15 % critical; evaluation is never rebalanced (decisions.md, 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from stratos_tui.records import BANDS, Band

Group = tuple[Band, ...]
Strategy = Literal["mixed", "down_sample", "repeat", "weights"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
"""``mixed`` repeats up to a cap and drops down to a share; ``down_sample`` only drops; ``repeat`` only repeats;
``weights`` keeps every pair once and gives its row a weight."""

TARGET: dict[Group, float] = {
    ("noise", "low"): 0.25,
    ("moderate",): 0.30,
    ("high",): 0.30,
    ("critical",): 0.15,
}
"""Shares of the training rows (plan, section 6, phase 3). Bands in one group share its rows."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What becomes of one band's pairs: ``kept`` of ``had`` stay and make ``rows`` rows, ``rows - kept`` repeats."""

    had: int
    kept: int
    rows: int

    @property
    def dropped(self) -> int:
        """Pairs that no row is made from."""
        return self.had - self.kept

    @property
    def repeated(self) -> int:
        """Rows beyond the first of their pair."""
        return self.rows - self.kept


@dataclass(frozen=True, slots=True)
class Share:
    """A group's share of the rows; ``limited`` where it stays below its target with every pair at its cap."""

    target: float
    share: float
    limited: bool


@dataclass(frozen=True, slots=True)
class BandCost:
    """What a strategy makes of one band: pairs there are, rows it comes to, and what each row weighs in the loss."""

    available: int
    dropped: int
    repeated: int
    rows: int
    weight: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a strategy costs, before anything is built.

    ``effective`` is Kish's effective sample size, (sum of w)² / sum of w², over what each different pair weighs in all
    its rows: how many equally weighted pairs would teach as much.
    """

    strategy: Strategy
    quotas: dict[Band, Quota]
    weights: dict[Band, float]
    shares: dict[str, Share]
    effective: float

    @property
    def rows(self) -> int:
        """Rows to train on."""
        return sum(quota.rows for quota in self.quotas.values())

    @property
    def dropped(self) -> int:
        """Pairs that no row is made from."""
        return sum(quota.dropped for quota in self.quotas.values())

    @property
    def repeated(self) -> int:
        """Rows beyond the first of their pair."""
        return sum(quota.repeated for quota in self.quotas.values())

    @property
    def bands(self) -> dict[Band, BandCost]:
        """The cost band by band."""
        return {
            band: BandCost(quota.had, quota.dropped, quota.repeated, quota.rows, self.weights[band])
            for band, quota in self.quotas.items()
        }


def cost(counts: Mapping[Band, int], strategy: Strategy, max_repeats: int, keep: float) -> Cost:
    """Return what a strategy makes of so many pairs in each band.

    ``max_repeats`` caps ``mixed`` and ``repeat``, ``keep`` bounds what ``mixed`` drops; the others ignore them.

    Raises:
        ValueError: ``max_repeats`` is below 1, or ``keep`` is not in 0 to 1.
    """
    caps = {"mixed": (max_repeats, keep), "down_sample": (1, 0.0), "repeat": (max_repeats, 1.0), "weights": (1, 1.0)}
    cap, least = caps[strategy]
    if max_repeats < 1 or not 0 <= keep <= 1:
        raise ValueError(f"a pair stands at least once and a share lies in 0 to 1, not {max_repeats} and {keep}")
    found = quotas(counts, cap, least)
    if strategy != "weights":
        return Cost(strategy, found, dict.fromkeys(BANDS, 1.0), shares(found, cap), _effective(found))
    weights = weights_of(counts)
    mass = {band: quota.rows * weights[band] for band, quota in found.items()}
    whole = sum(mass.values())
    squares = sum(quota.rows * weights[band] ** 2 for band, quota in found.items())
    reached = {
        "+".join(group): Share(target, sum(mass[band] for band in group) / whole, limited=False)
        for group, target in targets_of(counts).items()
    }
    return Cost(strategy, found, weights, reached, round(whole**2 / squares, 1) if squares else 0.0)


def weights_of(counts: Mapping[Band, int]) -> dict[Band, float]:
    """Return what a row of each band weighs so that the groups' shares of the loss are their targets; the mean is 1."""
    total = sum(counts.get(band, 0) for band in BANDS)
    weights = dict.fromkeys(BANDS, 1.0)
    for group, target in targets_of(counts).items():
        own = sum(counts.get(band, 0) for band in group)
        weights.update(dict.fromkeys(group, round(target * total / own, 6)))
    return weights


def quotas(counts: Mapping[Band, int], max_repeats: int, keep: float) -> dict[Band, Quota]:
    """Return each band's quota.

    The target is met exactly where that leaves at least the share ``keep`` of every group's pairs standing. Otherwise
    ``keep`` wins: fewer different examples cost more than bands that are off, so the scarce groups stay below their
    target, every pair of theirs ``max_repeats`` times. A group without pairs leaves its share to the others. Inside a
    group each band keeps its natural share.

    Raises:
        ValueError: ``max_repeats`` is below 1, or ``keep`` is not in 0 to 1.
    """
    if max_repeats < 1 or not 0 <= keep <= 1:
        raise ValueError(f"a pair stands at least once and a share lies in 0 to 1, not {max_repeats} and {keep}")
    had = {band: counts.get(band, 0) for band in BANDS}
    targets = targets_of(had)
    result = {band: Quota(had[band], 0, 0) for band in BANDS}
    if not targets:
        return result
    pairs = {group: sum(had[band] for band in group) for group in targets}
    exact = min(pairs[group] * max_repeats / target for group, target in targets.items())
    kept = max(pairs[group] * keep / target for group, target in targets.items())
    for group, target in targets.items():
        # without the nudge a product of 63 rows that comes out as 62.999… would make 62
        rows = min(math.floor(max(exact, kept) * target + 1e-6), pairs[group] * max_repeats)
        for band, share in _parts({band: had[band] for band in group}, max(1, rows)).items():
            result[band] = Quota(had[band], min(had[band], share), share)
    return result


def targets_of(counts: Mapping[Band, int]) -> dict[Group, float]:
    """Return the target share of every group that has pairs, rescaled to sum to 1."""
    present = {group: share for group, share in TARGET.items() if any(counts.get(band, 0) for band in group)}
    whole = sum(present.values())
    return {group: share / whole for group, share in present.items()}


def shares(wanted: Mapping[Band, Quota], max_repeats: int) -> dict[str, Share]:
    """Return what each group that has pairs comes to, beside its target; a group is named after its bands."""
    total = sum(quota.rows for quota in wanted.values())
    result = {}
    for group, target in targets_of({band: quota.had for band, quota in wanted.items()}).items():
        share = sum(wanted[band].rows for band in group) / total
        at_cap = all(wanted[band].rows >= wanted[band].had * max_repeats for band in group)
        result["+".join(group)] = Share(target, share, at_cap and share < target)
    return result


def _effective(wanted: Mapping[Band, Quota]) -> float:
    """Return the effective sample size of rows that weigh the same, some of which repeat a pair."""
    rows = sum(quota.rows for quota in wanted.values())
    squares = 0
    for quota in wanted.values():
        if quota.kept:
            each, more = divmod(quota.rows, quota.kept)
            squares += more * (each + 1) ** 2 + (quota.kept - more) * each**2
    return round(rows**2 / squares, 1) if squares else 0.0


def _parts(counts: Mapping[Band, int], rows: int) -> dict[Band, int]:
    """Split rows among bands in proportion to their counts, by largest remainder; the parts sum to ``rows``."""
    whole = sum(counts.values())
    exact = {band: rows * count / whole for band, count in counts.items()}
    parts = {band: math.floor(share) for band, share in exact.items()}
    missing = rows - sum(parts.values())
    for band in sorted(exact, key=lambda each: parts[each] - exact[each])[:missing]:
        parts[band] += 1
    return parts
