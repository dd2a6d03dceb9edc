from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stratos_tui.dataset.rebalance import STRATEGIES, TARGET, Quota, Strategy, cost, quotas, shares, targets_of
from stratos_tui.records import BANDS, Band

Counts = dict[Band, int]

bands = st.fixed_dictionaries({band: st.integers(0, 400) for band in BANDS})
caps = st.integers(1, 12)
kept = st.floats(0, 1)


def group_rows(found: Mapping[Band, Quota]) -> dict[tuple[Band, ...], int]:
    return {group: sum(found[band].rows for band in group) for group in TARGET}


def off(rows: Mapping[tuple[Band, ...], int], targets: Mapping[tuple[Band, ...], float]) -> float:
    """How far the shares are from their targets: the sum of what is too much."""
    total = sum(rows.values())
    return sum(max(0.0, rows[group] / total - target) for group, target in targets.items())


@given(bands, caps, kept)
@example({"noise": 900, "low": 40, "moderate": 25, "high": 25, "critical": 10}, 6, 0.5)
@example({"noise": 0, "low": 0, "moderate": 1, "high": 0, "critical": 0}, 1, 0.0)
@example({"noise": 1, "low": 400, "moderate": 1, "high": 1, "critical": 1}, 1, 1.0)
def test_a_quota_stays_within_its_bounds(counts: Counts, max_repeats: int, keep: float) -> None:
    found = quotas(counts, max_repeats, keep)
    assert set(found) == set(BANDS)
    for band, quota in found.items():
        assert quota.had == counts[band]
        assert 0 <= quota.kept <= quota.had
        assert quota.kept <= quota.rows <= quota.had * max_repeats
        # nothing is repeated while a pair of the same band is dropped
        assert not (quota.dropped and quota.repeated)
    for group, rows in group_rows(found).items():
        pairs = sum(counts[band] for band in group)
        assert (rows > 0) == (pairs > 0)
        # half of a group's pairs at least stand where that was asked for, save for a rounded row
        assert rows >= min(pairs * keep, pairs * max_repeats) - 1
        # inside a group each band keeps its natural share, to the row
        assert all(abs(found[band].rows - rows * counts[band] / max(1, pairs)) < 1 for band in group)


@given(bands, caps, kept)
@example({"noise": 900, "low": 40, "moderate": 25, "high": 25, "critical": 10}, 6, 0.5)
def test_the_bands_come_nearer_their_target(counts: Counts, max_repeats: int, keep: float) -> None:
    found = quotas(counts, max_repeats, keep)
    rows = group_rows(found)
    total = sum(rows.values())
    if not total:
        assert not any(counts.values())
        return
    natural = {group: sum(counts[band] for band in group) for group in TARGET}
    targets = targets_of(counts)
    assert sum(targets.values()) == pytest.approx(1.0)
    # each group may be off by a row that was rounded
    assert off(rows, targets) <= off(natural, targets) + len(targets) / total
    reached = shares(found, max_repeats)
    assert sum(share.share for share in reached.values()) == pytest.approx(1.0)
    if max_repeats * min(natural[group] / target for group, target in targets.items()) >= 100 and keep == 0:
        assert all(abs(share.share - share.target) < 0.04 for share in reached.values())


def test_where_every_band_has_enough_the_target_is_met() -> None:
    found = quotas({"noise": 300, "low": 100, "moderate": 100, "high": 100, "critical": 50}, 2, 0.25)
    assert {band: quota.rows for band, quota in found.items()} == {
        "noise": 125,
        "low": 41,
        "moderate": 200,
        "high": 200,
        "critical": 100,
    }
    assert found["noise"].dropped == 175
    assert found["moderate"].repeated == 100
    assert not any(share.limited for share in shares(found, 2).values())


def test_scarce_bands_stay_short_rather_than_throw_the_rest_away() -> None:
    found = quotas({"noise": 900, "low": 40, "moderate": 30, "high": 20, "critical": 10}, 6, 0.5)
    reached = shares(found, 6)
    assert {name: share.limited for name, share in reached.items()} == {
        "noise+low": False,
        "moderate": True,
        "high": True,
        "critical": True,
    }
    assert sum(found[band].rows for band in ("noise", "low")) == 470
    assert [found[band].rows for band in ("moderate", "high", "critical")] == [180, 120, 60]
    assert reached["noise+low"].share > reached["noise+low"].target


@pytest.mark.parametrize(("max_repeats", "keep"), [(0, 0.5), (-1, 0.5), (1, -0.1), (1, 1.1)])
def test_settings_without_sense_are_refused(max_repeats: int, keep: float) -> None:
    with pytest.raises(ValueError, match="at least once"):
        quotas({"noise": 1}, max_repeats, keep)


@given(bands, st.sampled_from(STRATEGIES), caps, kept)
@example({"noise": 900, "low": 40, "moderate": 25, "high": 25, "critical": 10}, "weights", 2, 1.0)
def test_a_cost_adds_up(counts: Counts, strategy: Strategy, max_repeats: int, keep: float) -> None:
    found = cost(counts, strategy, max_repeats, keep)
    pairs = sum(counts.values())
    assert found.rows == pairs - found.dropped + found.repeated
    assert found.dropped == 0 or strategy in ("mixed", "down_sample")
    assert found.repeated == 0 or strategy in ("mixed", "repeat")
    if not pairs:
        assert (found.rows, found.effective) == (0, 0.0)
        return
    # so many rows can be worth no more than the different pairs they are made from, and no less than one
    assert 1 <= found.effective <= pairs - found.dropped + 0.1
    assert sum(share.share for share in found.shares.values()) == pytest.approx(1.0)
    weights = [each for band, each in found.weights.items() for _ in range(found.quotas[band].rows)]
    assert sum(weights) == pytest.approx(found.rows, rel=0.001)
    if strategy == "weights":
        assert all(share.share == pytest.approx(share.target, abs=0.001) for share in found.shares.values())
    else:
        assert set(weights) == {1.0}
