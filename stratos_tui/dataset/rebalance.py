"""Brings the bands of training pairs to their target shares, by capped repeats and down-sampling, and says the cost.

Pure functions over counts. The target is the plan's (section 6, phase 3): 25 % noise and low, 30 % moderate, 30 % high,
15 % critical; evaluation is never rebalanced (decisions.md, 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stratos_tui.records import BANDS, Band

TARGET: dict[tuple[Band, ...], float] = {
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


def quotas(counts: Mapping[Band, int], max_repeats: int) -> dict[Band, Quota]:
    """Return each band's quota: as many rows as there are pairs, shared out as near the target as repeats allow.

    A group that cannot fill its share with ``max_repeats`` rows a pair leaves the rest to the others in proportion, so
    a scarce band costs the target's exactness and not the rows of every other band. Inside a group each band keeps its
    natural share, and a band that has any pair keeps at least one.

    Raises:
        ValueError: ``max_repeats`` is below 1.
    """
    if max_repeats < 1:
        raise ValueError(f"a pair stands at least once, not {max_repeats} times")
    had = {band: counts.get(band, 0) for band in BANDS}
    open_shares = group_shares(had)
    wanted: dict[tuple[Band, ...], int] = {}
    left = sum(had.values())
    while open_shares:
        whole = sum(open_shares.values())
        limits = {group: sum(had[band] for band in group) * max_repeats for group in open_shares}
        full = [group for group, share in open_shares.items() if left * share / whole >= limits[group]]
        for group in full or list(open_shares):
            share = open_shares.pop(group)
            wanted[group] = limits[group] if full else min(round(left * share / whole), limits[group])
        left -= sum(wanted[group] for group in full)
    result: dict[Band, Quota] = {}
    for band in BANDS:
        group = next(each for each in TARGET if band in each)
        available = sum(had[each] for each in group)
        rows = 0
        if had[band]:
            rows = min(max(1, round(wanted[group] * had[band] / available)), had[band] * max_repeats)
        result[band] = Quota(had[band], min(had[band], rows), rows)
    return result


def group_shares(counts: Mapping[Band, int]) -> dict[tuple[Band, ...], float]:
    """Return the target share of every group that has pairs, rescaled to sum to 1."""
    present = {group: share for group, share in TARGET.items() if any(counts.get(band, 0) for band in group)}
    whole = sum(present.values())
    return {group: share / whole for group, share in present.items()}


def deviation(counts: Mapping[Band, int]) -> float:
    """Return how far row counts are from the target at most, as a share from 0 to 1, over groups that have rows."""
    rows = sum(counts.values())
    if not rows:
        return 0.0
    shares = group_shares(counts)
    return max(abs(sum(counts.get(band, 0) for band in group) / rows - share) for group, share in shares.items())
