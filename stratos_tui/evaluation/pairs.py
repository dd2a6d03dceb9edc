"""Pairs as columns: the form in which every measure reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from stratos_tui.records import BANDS, Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

FAILED = -1
"""Stands in a column of scores where no score could be parsed."""
BAND_COUNT = len(BANDS)


@dataclass(frozen=True)
class Pairs:
    """n judged pairs, sorted by article: all columns are int64 arrays of shape (n,).

    ``article`` and ``profile`` number into ``articles`` and ``profiles``; ``teacher`` and ``score`` are tenths, 0 to
    100, with :data:`FAILED` in ``score`` for a parse failure. ``kinds`` is parallel to ``profiles``: None is unknown.
    """

    article: Ints
    profile: Ints
    teacher: Ints
    score: Ints
    articles: tuple[str, ...]
    profiles: tuple[str, ...]
    kinds: tuple[Kind | None, ...]

    def __len__(self) -> int:
        return len(self.article)

    @cached_property
    def parsed(self) -> NDArray[np.bool_]:
        """Where there is a score, shape (n,)."""
        mask: NDArray[np.bool_] = self.score != FAILED
        return mask

    @cached_property
    def error(self) -> Ints:
        """The absolute error in tenths, shape (n,); 0 where there is no score."""
        import numpy as np

        return np.where(self.parsed, np.abs(self.score - self.teacher), 0)

    @cached_property
    def band(self) -> Ints:
        """The band of the teacher's score as its place in ``BANDS``, shape (n,)."""
        return bands_of(self.teacher)

    def where(self, mask: NDArray[np.bool_]) -> Pairs:
        """Return the pairs under a mask of shape (n,); articles and profiles keep their numbers."""
        return replace(
            self,
            article=self.article[mask],
            profile=self.profile[mask],
            teacher=self.teacher[mask],
            score=self.score[mask],
        )

    def scored(self, score: Ints) -> Pairs:
        """Return the same pairs as another scorer scores them; ``score`` has shape (n,) and this order."""
        return replace(self, score=score)


def make_pairs(
    article_ids: Sequence[str],
    profile_ids: Sequence[str],
    teacher: Sequence[int],
    score: Sequence[int | None],
    kinds: Mapping[str, Kind] | None = None,
) -> Pairs:
    """Return columns of parallel lists, sorted by article in order of first appearance; scores are tenths."""
    import numpy as np

    articles, article = _numbered(article_ids)
    profiles, profile = _numbered(profile_ids)
    order = np.argsort(article, kind="stable")
    scores = np.fromiter((FAILED if s is None else s for s in score), np.int64, len(article_ids))
    return Pairs(
        article[order],
        profile[order],
        np.asarray(teacher, np.int64)[order],
        scores[order],
        articles,
        profiles,
        tuple((kinds or {}).get(p) for p in profiles),
    )


def bands_of(tenths: Ints) -> Ints:
    """Return the place in ``BANDS`` of each score in tenths; a 5.0 from outside is in band low (decisions.md, 17)."""
    import numpy as np

    from stratos_tui.prism.bands import BAND_FLOORS

    floors = np.array([BAND_FLOORS[band] for band in BANDS[1:]])
    return np.searchsorted(floors, tenths, side="right").astype(np.int64)


def _numbered(ids: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    import numpy as np

    numbers: dict[str, int] = {}
    column = np.fromiter((numbers.setdefault(one, len(numbers)) for one in ids), np.int64, len(ids))
    return tuple(numbers), column
