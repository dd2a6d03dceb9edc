"""The sanity checks of the plan's section 11: profiles differ on one article, and interest without a career counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

APART_ARTICLE = "equate-cpeg-graduate-programme"
"""The shipped article of the plan's example for kuwait_cpeg."""
JWST_ARTICLE = "nasa-jwst-exoplanet-catalog"
"""The shipped article of the plan's example for portland_retired_space."""
UP_PROFILE = "kuwait_cpeg"
DOWN_PROFILE = "texas_nurse"
SPACE_PROFILE = "portland_retired_space"

APART_TENTHS = 30
JWST_TENTHS = 70
KIND_MAE_POINTS = 1.0
ROUNDING = 1e-9
"""Two means of tenths that differ by exactly 1.0 may differ by this more in binary."""

SANITY_PAIRS: tuple[tuple[str, str], ...] = (
    (APART_ARTICLE, UP_PROFILE),
    (APART_ARTICLE, DOWN_PROFILE),
    (JWST_ARTICLE, SPACE_PROFILE),
)
"""What an evaluation scores besides its own pairs, as (article, profile)."""

Scores = Mapping[tuple[str, str], int | None]


@dataclass(frozen=True, slots=True)
class Check:
    """One measured check: ``value`` in points, whether it holds (None: not measured), and on what."""

    value: float | None
    ok: bool | None
    note: str


def profiles_apart(scores: Scores, teacher: Scores) -> Check:
    """Check that kuwait_cpeg scores more than 3 points above texas_nurse on the shipped Equate article.

    Where that article was not scored, the one on which the teacher sets the two furthest apart stands in, provided
    that the teacher sets them more than 3 points apart, and in the teacher's direction. A parse failure fails it.
    """
    article, sign = APART_ARTICLE, 1
    if any((article, profile) not in scores for profile in (UP_PROFILE, DOWN_PROFILE)):
        gaps = {
            one: up - down
            for (one, profile), up in teacher.items()
            if profile == UP_PROFILE and up is not None and (down := teacher.get((one, DOWN_PROFILE))) is not None
        }
        article = max(gaps, key=lambda one: (abs(gaps[one]), one), default="")
        if not article or abs(gaps[article]) <= APART_TENTHS:
            return Check(None, None, f"no article with {UP_PROFILE} and {DOWN_PROFILE} that the teacher sets apart")
        sign = 1 if gaps[article] > 0 else -1
    up, down = scores.get((article, UP_PROFILE)), scores.get((article, DOWN_PROFILE))
    if up is None or down is None:
        return Check(None, False, f"{article}: no readable score")
    gap = (up - down) * sign
    return Check(gap / 10, gap > APART_TENTHS, article)


def space_article(scores: Scores) -> Check:
    """Check that portland_retired_space scores the shipped JWST article above 7.0.

    Without it, the one article whose id names JWST stands in. A parse failure fails the check.
    """
    scored = [article for article, profile in scores if profile == SPACE_PROFILE and "jwst" in article.casefold()]
    article = JWST_ARTICLE if JWST_ARTICLE in scored else scored[0] if len(scored) == 1 else ""
    if not article:
        return Check(None, None, f"the JWST article was not scored for {SPACE_PROFILE}")
    tenths = scores[article, SPACE_PROFILE]
    if tenths is None:
        return Check(None, False, f"{article}: no readable score")
    return Check(tenths / 10, tenths > JWST_TENTHS, article)


def kinds_alike(career_mae: float | None, interest_mae: float | None) -> Check:
    """Check that the two kinds' MAE are within 1.0 of each other; both in points."""
    if career_mae is None or interest_mae is None:
        return Check(None, None, "needs scored pairs of career and of interest profiles")
    gap = abs(interest_mae - career_mae)
    return Check(gap, gap <= KIND_MAE_POINTS + ROUNDING, f"interest {interest_mae:.2f}, career {career_mae:.2f}")
