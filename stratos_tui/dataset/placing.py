"""Chooses which pairs become rows, how often, in which wording and where in the curriculum; arrays in, arrays out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratos_tui.dataset import curriculum
from stratos_tui.dataset.pool import Columns, Pool
from stratos_tui.dataset.rebalance import Cost, Quota
from stratos_tui.prism.bands import CONTRAST_TENTHS, FORBIDDEN_TENTHS
from stratos_tui.prism.prompts import CANONICAL_WORDING, WORDINGS, wording_of
from stratos_tui.records import BANDS, Band

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Placed:
    """The rows of one split in their order: the pair's place in the pool, its repeat, its wording, and its weight."""

    pair: NDArray[np.int64]
    repeat: NDArray[np.int16]
    wording: NDArray[np.int8]
    weight: NDArray[np.float64]


def trainable(columns: Columns) -> NDArray[np.int64]:
    """Return the pairs that may be trained on: of training articles, and never a 5.0."""
    import numpy as np

    return np.flatnonzero(~columns.eval & (columns.tenths != FORBIDDEN_TENTHS))


def band_counts(columns: Columns, pairs: NDArray[np.int64]) -> Counter[Band]:
    """Return how many of these pairs each band has."""
    import numpy as np

    counted = np.bincount(columns.band[pairs], minlength=len(BANDS)).tolist()
    return Counter(dict(zip(BANDS, counted, strict=True)))


def place_train(pool: Pool, columns: Columns, cost: Cost, seed: int) -> Placed:
    """Return the training rows in the curriculum's order: easy to hard, profiles and articles mixed among equals."""
    import numpy as np

    pairs, repeats = _choose(pool, columns, trainable(columns), cost.quotas, seed)
    tie = curriculum.seeded_hashes(
        seed, ((*names, repeat) for names, repeat in zip(_names(pool, columns, pairs), repeats.tolist(), strict=True))
    )
    order = curriculum.order(columns.tenths[pairs], tie)
    pairs, repeats = pairs[order], repeats[order]
    first = np.fromiter((wording_of(*names, seed) for names in _names(pool, columns, pairs)), np.int16, len(pairs))
    weights = np.array([cost.weights[band] for band in BANDS])
    return Placed(pairs, repeats, ((first + repeats) % WORDINGS).astype(np.int8), weights[columns.band[pairs]])


def place_eval(columns: Columns) -> Placed:
    """Return the held-out rows as they are: every pair once, by article, in the wording of inference."""
    import numpy as np

    pairs = np.flatnonzero(columns.eval)
    wording = np.full(len(pairs), CANONICAL_WORDING, dtype=np.int8)
    return Placed(pairs, np.zeros(len(pairs), dtype=np.int16), wording, np.ones(len(pairs)))


def contrast_pairs(columns: Columns, pairs: NDArray[np.int64]) -> int:
    """Return how many contrast pairs these pairs make."""
    import numpy as np

    # articles lie so far apart that a score less the contrast stays with its own article
    apart = 1_000
    keys = np.sort(columns.article[pairs].astype(np.int64) * apart + columns.tenths[pairs])
    below = np.searchsorted(keys, keys - CONTRAST_TENTHS, side="right")
    return int((below - np.searchsorted(keys, keys // apart * apart, side="left")).clip(min=0).sum())


def _choose(
    pool: Pool, columns: Columns, usable: NDArray[np.int64], quotas: Mapping[Band, Quota], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Return (pair, repeat) for every row: each band's pairs in seeded order, round after round until it is full.

    Where pairs are dropped, those go first whose article no profile cares about: a pair whose article is high for
    another profile shows what the profile changes, which is what a student must learn.
    """
    import numpy as np

    best = np.zeros(len(pool.article_ids), dtype=np.int16)
    np.maximum.at(best, columns.article[usable], columns.tenths[usable])
    pairs: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    rounds: list[NDArray[np.int16]] = [np.zeros(0, dtype=np.int16)]
    for at, band in enumerate(BANDS):
        own = usable[columns.band[usable] == at]
        whole, more = divmod(quotas[band].rows, max(1, len(own)))
        for repeat in range(whole):
            pairs.append(own)
            rounds.append(np.full(len(own), repeat, dtype=np.int16))
        if more:
            hashes = curriculum.seeded_hashes(seed, (("keep", *names) for names in _names(pool, columns, own)))
            dull = best[columns.article[own]] - columns.tenths[own] < CONTRAST_TENTHS
            pairs.append(own[np.lexsort((hashes, dull))[:more]])
            rounds.append(np.full(more, whole, dtype=np.int16))
    return np.concatenate(pairs), np.concatenate(rounds)


def _names(pool: Pool, columns: Columns, pairs: NDArray[np.int64]) -> Iterator[tuple[str, str]]:
    """Yield the article's and the profile's id of each pair."""
    ids, readers = pool.article_ids, [profile.id for profile in pool.profiles]
    for article, profile in zip(columns.article[pairs].tolist(), columns.profile[pairs].tolist(), strict=True):
        yield ids[article], readers[profile]
