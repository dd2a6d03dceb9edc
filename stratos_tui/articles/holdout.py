"""Holds out whole articles for evaluation, fixed for good before any teacher scores them (decisions.md, 3)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from stratos_tui.articles import near_duplicates
from stratos_tui.prism.bands import band_of
from stratos_tui.prism.prompts import reference_date_of
from stratos_tui.prism.rubric import compile_profile, read_article, score_tokens
from stratos_tui.progress import Report, silent
from stratos_tui.records import BANDS, KINDS, Article, Band, Profile, Split
from stratos_tui.store import articles, profiles
from stratos_tui.store.articles import COLLECTIONS
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bands = NDArray[np.int8]
    Counts = NDArray[np.int32]

SHARE = 0.1
"""The plan's 90/10 split (section 6, phase 3)."""
UNDATED = date(2026, 1, 1)
"""The day on which an article without any date is judged here: the split must not depend on the day it is made."""

_SWEEPS = 6
_WINDOW = 512
_REPORT_EVERY = 200


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of pairs in each band, in the held-out articles and in all, for one profile or (``all``) for all."""

    name: str
    held_out: dict[Band, float]
    everything: dict[Band, float]

    @property
    def worst(self) -> float:
        """The largest difference between the two in any band, as a fraction."""
        return max(abs(self.held_out[band] - self.everything[band]) for band in BANDS)


@dataclass(frozen=True, slots=True)
class Deviation:
    """How well held-out articles stand for all, by the rubric's bands; every profile has the same share of pairs.

    ``collections`` gives, for each collection, its held-out and its total number of articles.
    """

    held_out: int
    articles: int
    overall: Shares
    by_profile: tuple[Shares, ...]
    collections: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Holdout:
    """What :func:`fix_holdout` did: articles ``assigned`` by this call, all articles by split, and rules used so far.

    ``near_duplicates`` counts articles that nearly repeat an earlier one.
    """

    assigned: int
    train: int
    held_out: int
    near_duplicates: int
    rules: dict[str, int]


def fix_holdout(store: Store, report: Report = silent, share: float = SHARE, seed: int = 0) -> Holdout:
    """Put every article that has no split yet into train or eval, for good; near-duplicates go together.

    The first call chooses ``share`` of the articles so that the rubric's bands over all stored profiles come out
    alike. Articles that arrive later follow their near-duplicates, or else a seeded hash. All splits of a call are
    stored at once: killed, it has done nothing.

    Raises:
        Canceled: the job was asked to stop; nothing was stored.
    """
    before = articles.splits(store)
    pending = [article_id for article_id, split in before.items() if split is None]
    if pending:
        stored = articles.load(store)
        repeats = near_duplicates.find(stored, report)
        if len(pending) == len(before):
            wanted = {f"stratified seed={seed}": _stratified(store, stored, repeats, share, seed, report)}
        else:
            wanted = _later(before, repeats, share, seed)
        with store.write():
            articles.set_near_duplicates(store, repeats)
            for rule, splits in wanted.items():
                articles.set_splits(store, splits, rule)
    after = list(articles.splits(store).values())
    return Holdout(
        assigned=len(pending),
        train=after.count("train"),
        held_out=after.count("eval"),
        near_duplicates=len(articles.near_duplicates(store)),
        rules=articles.split_rules(store),
    )


def deviation(store: Store, report: Report = silent) -> Deviation:
    """Compare the held-out articles with all articles, by the rubric's bands, as both are stored now."""
    stored = articles.load(store)
    known = profiles.load(store)
    splits = articles.splits(store)
    held_out = [splits[article.id] == "eval" for article in stored]
    bands = _bands(stored, known, report)
    return Deviation(
        held_out=sum(held_out),
        articles=len(stored),
        overall=_shares("all", bands, held_out),
        by_profile=tuple(_shares(each.id, bands[:, [at]], held_out) for at, each in enumerate(known)),
        collections={
            name: (sum(splits[each] == "eval" for each in ids), len(ids))
            for name in COLLECTIONS
            if (ids := articles.collection_ids(store, name))
        },
    )


def _stratified(
    store: Store,
    stored: Sequence[Article],
    repeats: Mapping[str, str],
    share: float,
    seed: int,
    report: Report,
) -> dict[str, Split]:
    """Choose whole clusters: at random by a seeded hash first, then by swaps that bring the strata closer.

    A stratum is a profile in a band, a kind of profile in a band, a collection, or all articles. The distance is
    chi-squared, so that a rare stratum counts as much as noise, which nine pairs in ten are.
    """
    import numpy as np

    known = profiles.load(store)
    strata = _strata(store, stored, known, _bands(stored, known, report))
    clusters: dict[str, list[int]] = defaultdict(list)
    for at, article in enumerate(stored):
        clusters[repeats.get(article.id, article.id)].append(at)
    order = sorted(clusters, key=lambda first: _hash(first, seed))
    members = [clusters[first] for first in order]
    counts = np.stack([strata[own].sum(axis=0) for own in members])
    wanted = share * counts.sum(axis=0)
    weights = 1 / (wanted + 1)
    weights[-1] *= counts.shape[1]

    chosen = _first_choice(counts[:, -1], max(1, round(float(wanted[-1]))))
    inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    gap = counts[inside].sum(axis=0) - wanted
    for turn in range(len(inside) * _SWEEPS if len(outside) else 0):
        if turn % _REPORT_EVERY == 0:
            report(turn, len(inside) * _SWEEPS, "choosing what to hold out")
        out = turn % len(inside)
        window = np.arange(turn * _WINDOW, turn * _WINDOW + min(_WINDOW, len(outside))) % len(outside)
        moved = gap - counts[inside[out]] + counts[outside[window]]
        distances = (moved * moved) @ weights
        best = int(distances.argmin())
        if distances[best] < (gap * gap) @ weights:
            gap = moved[best]
            into = int(window[best])
            inside[out], outside[into] = outside[into], inside[out]
    held_out = {stored[at].id for cluster in inside for at in members[cluster]}
    return {article.id: "eval" if article.id in held_out else "train" for article in stored}


def _first_choice(sizes: Counts, wanted: int) -> NDArray[np.bool_]:
    """Take clusters in order while they fit; the last one always stays outside, so that something is trained on."""
    import numpy as np

    chosen = np.zeros(len(sizes), dtype=bool)
    taken = 0
    for at, size in enumerate(sizes[:-1]):
        if taken + size <= wanted:
            chosen[at] = True
            taken += int(size)
    return chosen


def _strata(store: Store, stored: Sequence[Article], known: Sequence[Profile], bands: Bands) -> Counts:
    """Return how often each article is in each stratum, one row an article; the last column is the article itself."""
    import numpy as np

    ones = (bands[:, :, None] == np.arange(len(BANDS))).astype(np.int32)
    kinds = [ones[:, [profile.kind == kind for profile in known]].sum(axis=1) for kind in KINDS]
    collections = [set(articles.collection_ids(store, name)) for name in COLLECTIONS]
    inside = np.array([[article.id in each for each in collections] for article in stored], dtype=np.int32)
    single = np.ones((len(stored), 1), dtype=np.int32)
    strata: Counts = np.concatenate([ones.reshape(len(stored), -1), *kinds, inside, single], axis=1)
    return strata


def _bands(stored: Sequence[Article], known: Sequence[Profile], report: Report) -> Bands:
    """Return the place in :data:`BANDS` that the rubric gives each pair: one row an article, one column a profile."""
    import numpy as np

    compiled = [compile_profile(profile) for profile in known]
    bands = np.zeros((len(stored), len(known)), dtype=np.int8)
    for at, article in enumerate(stored):
        if at % _REPORT_EVERY == 0:
            report(at, len(stored), "scoring by the rubric, to stratify")
        read, day = read_article(article), reference_date_of(article, UNDATED)
        bands[at] = [BANDS.index(band_of(score_tokens(each, read, day).tenths)) for each in compiled]
    return bands


def _later(
    before: Mapping[str, Split | None], repeats: Mapping[str, str], share: float, seed: int
) -> dict[str, dict[str, Split]]:
    """Give each article without a split that of the first one in its cluster that has one, else a seeded hash's."""
    fixed: dict[str, Split] = {}
    for article_id, split in before.items():
        if split is not None:
            fixed.setdefault(repeats.get(article_id, article_id), split)
    followed: dict[str, Split] = {}
    hashed: dict[str, Split] = {}
    for article_id, split in before.items():
        first = repeats.get(article_id, article_id)
        if split is None and first in fixed:
            followed[article_id] = fixed[first]
        elif split is None:
            hashed[article_id] = "eval" if _hash(first, seed) < share else "train"
    return {f"hash seed={seed}": hashed, "near-duplicate": followed}


def _hash(article_id: str, seed: int) -> float:
    """Return a number from 0 up to 1 that is the same on every machine."""
    digest = hashlib.sha256(f"holdout\0{seed}\0{article_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _shares(name: str, bands: Bands, held_out: Sequence[bool]) -> Shares:
    import numpy as np

    parts = [np.bincount(part.ravel(), minlength=len(BANDS)) for part in (bands[np.array(held_out, dtype=bool)], bands)]
    fractions = [(part / max(1, part.sum())).tolist() for part in parts]
    return Shares(name, *(dict(zip(BANDS, each, strict=True)) for each in fractions))
