import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.prism.bands import (
    BAND_FLOORS,
    BAND_SIGNS,
    DASHBOARD_TENTHS,
    FORBIDDEN_TENTHS,
    MAX_TENTHS,
    band_of,
    bar,
    points,
    tier_of,
    to_tenths,
)
from stratos_tui.records import BANDS

TENTHS = st.integers(0, MAX_TENTHS)


def test_bands_cover_every_tenth_without_gap_or_overlap() -> None:
    bands = [band_of(tenths) for tenths in range(MAX_TENTHS + 1)]
    assert [band for at, band in enumerate(bands) if at == 0 or bands[at - 1] != band] == list(BANDS)
    assert len(bands) == 101


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (0.0, "noise"),
        (1.9, "noise"),
        (2.0, "low"),
        (5.0, "low"),
        (5.4, "low"),
        (5.5, "moderate"),
        (6.9, "moderate"),
        (7.0, "high"),
        (8.9, "high"),
        (9.0, "critical"),
        (10.0, "critical"),
    ],
)
def test_band_limits_are_those_of_the_plan(score: float, band: str) -> None:
    assert band_of(to_tenths(score)) == band


@pytest.mark.parametrize("tenths", [-1, 101, 1000])
def test_scores_outside_are_refused(tenths: int) -> None:
    with pytest.raises(ValueError, match=r"between 0\.0 and 10\.0"):
        band_of(tenths)


def test_every_band_has_a_floor_and_a_sign_of_its_own() -> None:
    assert set(BAND_FLOORS) == set(BAND_SIGNS) == set(BANDS)
    assert len(set(BAND_SIGNS.values())) == len(BANDS)


def test_the_dashboard_starts_where_moderate_does() -> None:
    assert BAND_FLOORS["moderate"] == DASHBOARD_TENTHS
    assert band_of(FORBIDDEN_TENTHS) == "low"


@given(TENTHS)
def test_tier_follows_the_band(tenths: int) -> None:
    assert tier_of(tenths) == {"noise": 1, "critical": 3}.get(band_of(tenths), 2)


@given(TENTHS)
def test_points_and_tenths_are_inverse(tenths: int) -> None:
    assert to_tenths(float(points(tenths))) == tenths
    assert len(points(tenths).partition(".")[2]) == 1


@pytest.mark.parametrize(("score", "tenths"), [(0.25, 3), (0.35, 4), (2.45, 25), (8.949, 89), (1.05, 11), (9.95, 100)])
def test_halves_go_away_from_zero_by_their_decimal_reading(score: float, tenths: int) -> None:
    assert to_tenths(score) == tenths


@given(TENTHS, st.integers(1, 40))
def test_a_bar_has_its_width_and_never_shrinks(tenths: int, cells: int) -> None:
    assert len(bar(tenths, cells)) == cells
    if tenths < MAX_TENTHS:
        assert bar(tenths, cells).count("█") <= bar(tenths + 1, cells).count("█")


def test_a_bar_is_empty_at_nought_and_full_at_ten() -> None:
    assert bar(0).strip() == ""
    assert bar(MAX_TENTHS) == "█" * 10
