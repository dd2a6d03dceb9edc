"""Bands, tiers and the ways a score is shown (decisions.md, definitions).

Scores are whole tenths of a point, 0 to 100, everywhere inside; comparisons are made in tenths so that 1.0 means 1.0.
"""

from __future__ import annotations

from stratos_tui.records import BANDS, Band, Tier

MAX_TENTHS = 100
FORBIDDEN_TENTHS = 50
"""Exactly 5.0 never occurs (plan, section 5, rule 2)."""
DASHBOARD_TENTHS = 55
"""The dashboard shows scores of 5.5 and above (decisions.md, definitions)."""
CONTRAST_TENTHS = 20
"""Two pairs of one article are a contrast pair from 2.0 points apart on (decisions.md, definitions)."""
SENSITIVE_TENTHS = 10
"""A scorer tells a contrast pair apart when it differs by 1.0 or more in the teacher's direction (same place)."""

BAND_FLOORS: dict[Band, int] = {"noise": 0, "low": 20, "moderate": 55, "high": 70, "critical": 90}
BAND_SIGNS: dict[Band, str] = {"noise": "·", "low": "▫", "moderate": "▪", "high": "▲", "critical": "●"}


def band_of(tenths: int) -> Band:
    """Return the band of a score in tenths; the bands leave no gap between 0 and 100."""
    if not 0 <= tenths <= MAX_TENTHS:
        raise ValueError(f"a score lies between 0.0 and 10.0, not {tenths / 10}")
    return next(band for band in reversed(BANDS) if tenths >= BAND_FLOORS[band])


def tier_of(tenths: int) -> Tier:
    """Return the reasoning tier: 1 quick dismiss (noise), 2 standard (low to high), 3 deep (critical)."""
    match band_of(tenths):
        case "noise":
            return 1
        case "critical":
            return 3
        case _:
            return 2


def to_tenths(score: float) -> int:
    """Return a score in points as whole tenths, rounding half away from zero by the number's decimal reading."""
    return round(score * 10 + (1e-9 if score >= 0 else -1e-9))


def points(tenths: int) -> str:
    """Return a score as it is written everywhere: one decimal."""
    return f"{tenths / 10:.1f}"


def bar(tenths: int, cells: int = 10) -> str:
    """Return a score as a bar of ``cells`` cells, in eighths of a cell."""
    eighths = round(tenths * cells * 8 / MAX_TENTHS)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(cells)
