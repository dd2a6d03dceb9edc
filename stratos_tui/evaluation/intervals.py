"""How sure the measures are: a cluster bootstrap that draws whole articles.

The pairs of one article share its difficulty, so drawing pairs would promise too much. Everything that the measures
need is summed by article once; a resample then is one row of a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stratos_tui.evaluation.metrics import (
    Metrics,
    band_sums_by,
    contrast_by_article,
    measure,
    same_side,
    within,
)
from stratos_tui.evaluation.pairs import BAND_COUNT, Pairs
from stratos_tui.prism.bands import MAX_TENTHS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95
MEASURES: tuple[str, ...] = ("mae", "macro_mae", "spearman", "psr", "direction", "within_1")
CELLS_IN_MEMORY = 20_000_000

Interval = tuple[float, float]


def intervals(pairs: Pairs, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, Interval | None]:
    """Return the 95 % percentile interval of each of ``MEASURES``; None without the measure or a second article.

    A resample that happens to miss a band, or every contrast pair, is measured without it.
    """
    import numpy as np

    point = measure(pairs)
    used = np.unique(pairs.article)
    if len(used) < 2:
        return dict.fromkeys(MEASURES)
    article = np.searchsorted(used, pairs.article)
    drawn = _draw_all(pairs, article, used, np.random.default_rng(seed), resamples)
    tail = (1 - LEVEL) / 2 * 100
    return {name: _interval(point, name, drawn[name], tail) for name in MEASURES}


def _interval(point: Metrics, name: str, values: Floats, tail: float) -> Interval | None:
    import numpy as np

    if getattr(point, name) is None or np.isnan(values).all():
        return None
    low, high = np.nanpercentile(values, (tail, 100 - tail))
    return float(low), float(high)


def _draw_all(
    pairs: Pairs, article: NDArray[np.int64], used: NDArray[np.int64], random: np.random.Generator, resamples: int
) -> dict[str, Floats]:
    import numpy as np

    count = len(used)
    bands = band_sums_by(article, count, pairs).reshape(count, 2 * BAND_COUNT)
    contrast = contrast_by_article(pairs)[used]
    shares = [np.bincount(article, mask, count) for mask in (None, same_side(pairs), within(pairs, 10))]
    sums = np.column_stack([bands, contrast[:, :2], *shares]).astype(np.float64)
    joint, teacher, score = _joint_cells(pairs, article, count)
    drawn: dict[str, list[Floats]] = {name: [] for name in MEASURES}
    for weights in _weights(random, count, resamples, max(count, len(teacher))):
        totals = weights @ sums
        errors, parsed = totals[:, :BAND_COUNT], totals[:, BAND_COUNT : 2 * BAND_COUNT]
        contrasts, sensitive, n, same, near = totals[:, 2 * BAND_COUNT :].T
        with np.errstate(invalid="ignore", divide="ignore"):
            per_band = errors / parsed / 10
            seen = parsed > 0
            drawn["mae"].append(errors.sum(axis=1) / parsed.sum(axis=1) / 10)
            drawn["macro_mae"].append(np.where(seen, per_band, 0).sum(axis=1) / seen.sum(axis=1))
            drawn["psr"].append(sensitive / contrasts)
            drawn["direction"].append(same / n)
            drawn["within_1"].append(near / n)
            drawn["spearman"].append(_spearman(joint, teacher, score, weights))
    return {name: np.concatenate(parts) for name, parts in drawn.items()}


def _weights(random: np.random.Generator, count: int, resamples: int, width: int) -> Iterator[Floats]:
    """Yield how often each article is drawn, shape (some resamples, articles), a memory's worth at a time."""
    import numpy as np

    chunk = max(1, CELLS_IN_MEMORY // width)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = random.integers(0, count, (size, count))
        flat = drawn + np.arange(size)[:, None] * count
        yield np.bincount(flat.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)


def _joint_cells(
    pairs: Pairs, article: NDArray[np.int64], count: int
) -> tuple[Any, NDArray[np.int64], NDArray[np.int64]]:
    """Count each (teacher, score) by article: a sparse (cells, articles) matrix, and each cell's scores in tenths."""
    import numpy as np
    from scipy.sparse import csr_array

    levels = MAX_TENTHS + 1
    parsed = pairs.parsed
    code = pairs.teacher[parsed] * levels + pairs.score[parsed]
    cells, cell = np.unique(code, return_inverse=True)
    shape = (len(cells), count)
    joint = csr_array((np.ones(len(cell)), (cell, article[parsed])), shape=shape)
    return joint, cells // levels, cells % levels


def _spearman(joint: Any, teacher: NDArray[np.int64], score: NDArray[np.int64], weights: Floats) -> Floats:
    """Return ρ of each resample, shape (resamples,): Pearson's r of mid-ranks, cheap over whole tenths."""
    import numpy as np

    if not len(teacher):
        return np.full(len(weights), np.nan)
    counts: Floats = (joint @ weights.T).T
    total = counts.sum(axis=1)
    a, b = _mid_ranks(counts, teacher), _mid_ranks(counts, score)
    a -= (total[:, None] + 1) / 2
    b -= (total[:, None] + 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Floats = (counts * a * b).sum(axis=1) / np.sqrt((counts * a * a).sum(axis=1) * (counts * b * b).sum(axis=1))
    return r


def _mid_ranks(counts: Floats, values: NDArray[np.int64]) -> Floats:
    """Return the mid-rank of each cell's value in each resample, shape (resamples, cells)."""
    import numpy as np

    levels = np.eye(MAX_TENTHS + 1)[values]
    by_value = counts @ levels
    ranks: Floats = (np.cumsum(by_value, axis=1) - by_value + (by_value + 1) / 2)[:, values]
    return ranks
