"""The trivial scorers that need no model: constants and medians (decisions.md, definitions).

Medians come from training teacher scores. Where there are none, each row's median is taken over the *other*
articles of the same rows, so that no baseline has seen the score that it predicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stratos_tui.evaluation.metrics import Metrics, measure
from stratos_tui.evaluation.pairs import Pairs
from stratos_tui.prism.bands import MAX_TENTHS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONSTANT_TENTHS = 5
CONSTANT = "constant 0.5"
TRAINING_MEDIAN = "training median"
PROFILE_MEDIAN = "profile median"
RUBRIC = "rubric"
UNTRAINED = "untrained base"

IS_TEACHER = "is the teacher"
IS_SCORER = "is the scorer"
FROM_TRAINING = "from training pairs"
FROM_OTHERS = "from the other articles of these pairs"

LEVELS = MAX_TENTHS + 1
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Baseline:
    """One trivial scorer's measures. ``marks`` say what keeps it out of the comparison, ``note`` how it was made."""

    name: str
    metrics: Metrics
    marks: tuple[str, ...] = ()
    note: str = ""

    @property
    def compared(self) -> bool:
        """Whether a scorer must beat it: the teacher itself, or the scorer itself, is no rival."""
        return IS_TEACHER not in self.marks and IS_SCORER not in self.marks

    def as_json(self) -> dict[str, Any]:
        """Return the measures with the marks and the note beside them."""
        return {**asdict(self.metrics), "marks": list(self.marks), "note": self.note}


def median_tenths(values: Sequence[int]) -> int:
    """Return the median of at least one score in whole tenths; the mean of two middles rounds up."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    low = ordered[middle] if len(ordered) % 2 else ordered[middle - 1]
    return (low + ordered[middle] + 1) // 2


def trivial(pairs: Pairs, training: Mapping[str, Sequence[int]]) -> list[Baseline]:
    """Measure the constant and both medians; ``training`` holds the training teacher scores in tenths by profile id.

    With no training scores and a single article there is nothing to take a median of, and both are left out.
    """
    import numpy as np

    found = [Baseline(CONSTANT, measure(pairs.scored(np.full(len(pairs), CONSTANT_TENTHS))))]
    everything = [score for scores in training.values() for score in scores]
    if everything:
        overall = np.full(len(pairs), median_tenths(everything))
        by_profile = [median_tenths(training.get(profile) or everything) for profile in pairs.profiles]
        per_profile, note = np.array(by_profile, np.int64)[pairs.profile], FROM_TRAINING
    elif len(np.unique(pairs.article)) > 1:
        overall = _median_without_article(pairs)
        per_profile, note = _median_without_row(pairs, overall), FROM_OTHERS
    else:
        return found
    return [
        *found,
        Baseline(TRAINING_MEDIAN, measure(pairs.scored(overall)), note=note),
        Baseline(PROFILE_MEDIAN, measure(pairs.scored(per_profile)), note=note),
    ]


def _median_without_article(pairs: Pairs) -> NDArray[np.int64]:
    import numpy as np

    everything = np.bincount(pairs.teacher, minlength=LEVELS)
    used, article = np.unique(pairs.article, return_inverse=True)
    medians = np.empty(len(used), np.int64)
    for start in range(0, len(used), CHUNK):
        size = min(CHUNK, len(used) - start)
        # rows are sorted by article, so a block of articles is a block of rows
        rows = slice(*np.searchsorted(article, (start, start + size)))
        own = np.bincount((article[rows] - start) * LEVELS + pairs.teacher[rows], minlength=size * LEVELS)
        medians[start : start + size] = _medians(everything - own.reshape(size, LEVELS))
    return medians[article]


def _median_without_row(pairs: Pairs, otherwise: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each row's median over its profile's other articles; a profile has one row an article."""
    import numpy as np

    size = len(pairs.profiles)
    by_profile = np.bincount(pairs.profile * LEVELS + pairs.teacher, minlength=size * LEVELS).reshape(size, LEVELS)
    cases, case = np.unique(pairs.profile * LEVELS + pairs.teacher, return_inverse=True)
    medians = np.empty(len(cases), np.int64)
    for start in range(0, len(cases), CHUNK):
        block = cases[start : start + CHUNK]
        counts = by_profile[block // LEVELS].copy()
        counts[np.arange(len(block)), block % LEVELS] -= 1
        medians[start : start + CHUNK] = np.where(counts.sum(axis=1) > 0, _medians(counts), -1)
    own = medians[case]
    return np.where(own >= 0, own, otherwise)


def _medians(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the median of each row of counts by tenth, shape (rows, 101), as :func:`median_tenths` does."""
    running = counts.cumsum(axis=1)
    total = running[:, -1:]
    low = (running >= (total + 1) // 2).argmax(axis=1)
    high = (running >= total // 2 + 1).argmax(axis=1)
    median: NDArray[np.int64] = (low + high + 1) // 2
    return median
