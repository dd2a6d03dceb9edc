"""How well scores agree with a teacher's, by the definitions of decisions.md.

Parse failures are counted in ``parse_failures`` and never dropped in silence. MAE, macro-MAE and Spearman's ρ are over
parsed scores, since a missing score has no distance. In every *share* a failure stays in the denominator as a miss: it
is on no side of 5.0, within no distance, and a contrast pair with one failed score is not sensitive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratos_tui.evaluation.pairs import BAND_COUNT, FAILED, Pairs
from stratos_tui.prism.bands import CONTRAST_TENTHS, SENSITIVE_TENTHS
from stratos_tui.records import BANDS, Band

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPREAD_TENTHS = 20
"""The rival PSR counts articles whose scores spread by more than 2.0 over profiles."""
UP_TENTHS = 50
"""Scores of 5.0 and above are up."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """The measures of one scorer over n pairs. Errors and gaps are points, shares are 0 to 1, None is not measurable.

    ``macro_mae`` is the mean of the five bands' MAE; a band without a parsed score is None in ``per_band`` and left out
    of that mean. ``psr`` is over ``contrast_pairs``; ``rival_psr`` is the share of articles with two or more
    pairs whose scores spread by more than 2.0, and ``rival_psr_teacher`` is the teacher's own value, its ceiling.
    ``profile_gap`` is the mean difference over contrast pairs in the teacher's direction (negative: against it), over
    those with both scores.
    """

    n: int
    parse_failures: int
    mae: float | None
    macro_mae: float | None
    per_band: dict[Band, float | None]
    band_counts: dict[Band, int]
    spearman: float | None
    psr: float | None
    contrast_pairs: int
    rival_psr: float | None
    rival_psr_teacher: float | None
    profile_gap: float | None
    direction: float | None
    within_1: float | None
    within_2: float | None


def measure(pairs: Pairs) -> Metrics:
    """Measure one scorer over its pairs; an empty table gives n = 0 and None for every measure."""
    import numpy as np

    n = len(pairs)
    parsed = pairs.parsed
    counts = np.bincount(pairs.band, minlength=BAND_COUNT)
    per_band = [_ratio(e, c, 10) for e, c in zip(*_band_sums(pairs), strict=True)]
    present = [value for value in per_band if value is not None]
    contrast, sensitive, both, gap = (int(total) for total in contrast_by_article(pairs).sum(axis=0))
    return Metrics(
        n=n,
        parse_failures=int(n - parsed.sum()),
        mae=_ratio(int(pairs.error.sum()), int(parsed.sum()), 10),
        macro_mae=sum(present) / len(present) if present else None,
        per_band=dict(zip(BANDS, per_band, strict=True)),
        band_counts={band: int(count) for band, count in zip(BANDS, counts, strict=True)},
        spearman=_spearman(pairs.teacher[parsed], pairs.score[parsed]),
        psr=_ratio(sensitive, contrast),
        contrast_pairs=contrast,
        rival_psr=spread_share(pairs),
        rival_psr_teacher=spread_share(pairs.scored(pairs.teacher)),
        profile_gap=_ratio(gap, both, 10),
        direction=_ratio(int(same_side(pairs).sum()), n),
        within_1=_ratio(int(within(pairs, 10).sum()), n),
        within_2=_ratio(int(within(pairs, 20).sum()), n),
    )


def same_side(pairs: Pairs) -> NDArray[np.bool_]:
    """Where scorer and teacher are on the same side of 5.0, shape (n,); a failed score is on neither."""
    mask: NDArray[np.bool_] = pairs.parsed & ((pairs.score >= UP_TENTHS) == (pairs.teacher >= UP_TENTHS))
    return mask


def within(pairs: Pairs, tenths: int) -> NDArray[np.bool_]:
    """Where a score differs from the teacher's by at most ``tenths``, shape (n,); a failed score does not."""
    mask: NDArray[np.bool_] = pairs.parsed & (pairs.error <= tenths)
    return mask


def contrast_by_article(pairs: Pairs) -> NDArray[np.int64]:
    """Count contrast pairs article by article.

    Returns shape (articles, 4): contrast pairs, sensitive ones, ones with both scores, and over those the summed
    difference in the teacher's direction, in tenths. Memory stays at a few columns of n whatever an article's size.
    """
    import numpy as np

    counts = np.zeros((len(pairs.articles), 4), np.int64)
    first = np.arange(len(pairs))
    step = 0
    while True:
        # rows are sorted by article, so rows a fixed step apart in one article are each of its pairs once
        step += 1
        first = first[first + step < len(pairs)]
        first = first[pairs.article[first] == pairs.article[first + step]]
        if not len(first):
            return counts
        second = first + step
        ahead = pairs.teacher[second] - pairs.teacher[first]
        is_contrast = np.abs(ahead) >= CONTRAST_TENTHS
        a, b = first[is_contrast], second[is_contrast]
        both = pairs.parsed[a] & pairs.parsed[b]
        gap = np.where(both, (pairs.score[b] - pairs.score[a]) * np.sign(ahead[is_contrast]), 0)
        for column, weight in enumerate((None, gap >= SENSITIVE_TENTHS, both, gap)):
            counts[:, column] += np.bincount(pairs.article[a], weight, len(counts)).astype(np.int64)


def spread_share(pairs: Pairs) -> float | None:
    """Return the share of articles whose scores spread by more than 2.0 over profiles, of those with two pairs or more.

    Failed scores do not spread: an article with fewer than two scores counts as not spread.
    """
    import numpy as np

    if not len(pairs):
        return None
    starts = np.flatnonzero(np.diff(pairs.article, prepend=-1))
    sizes = np.diff(starts, append=len(pairs))
    top = np.maximum.reduceat(pairs.score, starts)
    bottom = np.minimum.reduceat(np.where(pairs.parsed, pairs.score, 1000), starts)
    several = sizes >= 2
    spread = (top != FAILED) & (top - bottom > SPREAD_TENTHS)
    return _ratio(int((spread & several).sum()), int(several.sum()))


def band_sums_by(groups: NDArray[np.int64], count: int, pairs: Pairs) -> NDArray[np.int64]:
    """Sum errors and parsed scores by group and band; returns shape (count, 2, bands), errors in tenths first."""
    import numpy as np

    cell = groups * BAND_COUNT + pairs.band
    size = count * BAND_COUNT
    errors = np.bincount(cell, pairs.error, size).astype(np.int64)
    parsed = np.bincount(cell, pairs.parsed, size).astype(np.int64)
    return np.stack([errors.reshape(count, BAND_COUNT), parsed.reshape(count, BAND_COUNT)], axis=1)


def _band_sums(pairs: Pairs) -> tuple[list[int], list[int]]:
    sums = band_sums_by(pairs.article * 0, 1, pairs)[0]
    return sums[0].tolist(), sums[1].tolist()


def _ratio(part: int, whole: int, per: int = 1) -> float | None:
    return part / (whole * per) if whole else None


def _spearman(teacher: NDArray[np.int64], score: NDArray[np.int64]) -> float | None:
    from scipy.stats import spearmanr

    # a constant has no ranks; scipy would warn and give NaN
    if len(score) < 2 or score.min() == score.max() or teacher.min() == teacher.max():
        return None
    return float(spearmanr(teacher, score).statistic)
