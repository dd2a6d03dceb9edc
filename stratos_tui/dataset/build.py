"""Builds a dataset from accepted examples: held-out articles as they are, training pairs rebalanced and sorted.

A build is immutable and found again by its digest: the same examples, splits and parameters are the same build.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stratos_tui.dataset import curriculum, rebalance
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, band_of
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Report, silent
from stratos_tui.records import BANDS, Article, Band, Example, Profile, Split
from stratos_tui.store import articles, datasets, distill, profiles
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store

MAX_REPEATS = 2
"""How often a pair stands in training at most: more copies of few pairs cost the nano student its format."""
KEEP = 1.0
"""The least share of a group's pairs that down-sampling leaves: fewer different examples teach less."""
CONTRAST_TENTHS = 20
"""Two pairs of one article contrast from this difference of teacher scores on (decisions.md, definitions)."""
_STEP = 500


@dataclass(frozen=True, slots=True)
class _Placed:
    """One example with everything that its row is rendered from."""

    example: Example
    profile: Profile
    article: Article
    split: Split


def build(
    store: Store,
    teacher: str,
    *,
    seed: int = 0,
    max_repeats: int = MAX_REPEATS,
    keep: float = KEEP,
    report: Report = silent,
) -> int:
    """Build a dataset from a teacher's accepted examples and return its id; the same build is found, not made again.

    Raises:
        StratosError: there are too few examples to train on and hold out, or an article's split is not fixed.
    """
    if max_repeats < 1 or not 0 <= keep <= 1:
        raise StratosError("a pair stands at least once in training, and the share to keep lies between 0 and 1")
    report(0, 1, "dataset: reading accepted examples")
    placed = _place(store, distill.examples(store, teacher), teacher)
    held_out = [each for each in placed if each.split == "eval"]
    usable = [each for each in placed if each.split == "train" and each.example.tenths != FORBIDDEN_TENTHS]
    if not usable or not held_out:
        raise StratosError(
            f"teacher {teacher} has {len(usable):,} accepted pairs to train on and {len(held_out):,} of held-out"
            " articles; a dataset needs both: distil more pairs"
        )
    counts: Counter[Band] = Counter(band_of(each.example.tenths) for each in usable)
    quotas = rebalance.quotas(counts, max_repeats, keep)
    chosen = _choose(usable, quotas, seed)
    ordered = curriculum.sort(
        chosen,
        tenths=lambda row: row[0].example.tenths,
        tie=lambda row: curriculum.seeded_hash(seed, row[0].article.id, row[0].profile.id, row[1]),
    )
    rows: list[DatasetRow] = []
    total = len(ordered) + len(held_out)
    for position, (each, repeat) in enumerate(ordered):
        first = prompts.wording_of(each.article.id, each.profile.id, seed)
        rows.append(_row(each, position, repeat, (first + repeat) % prompts.WORDINGS))
        if position % _STEP == 0:
            report(position, total, "dataset: rendering examples")
    rows += [_row(each, position, 0, prompts.CANONICAL_WORDING) for position, each in enumerate(held_out)]
    report(total, total, "dataset: storing")
    return datasets.add(
        store,
        rows,
        digest=datasets.content_digest(rows),
        order_digest=datasets.order_digest(row for row in rows if row.split == "train"),
        teacher=teacher,
        params={"seed": seed, "max_repeats": max_repeats, "keep": keep},
        summary=_summary(store, placed, usable, held_out, rows, quotas, max_repeats),
        prompt_fingerprint=prompts.fingerprint("student"),
    )


def _place(store: Store, examples: Sequence[Example], teacher: str) -> list[_Placed]:
    """Join examples with their profile and their article, whose split must be fixed."""
    if not examples:
        raise StratosError(f"teacher {teacher} has no accepted examples; `stratos distill` asks for some")
    splits = articles.splits(store)
    known = {article.id: article for article in articles.load(store, list({each.article_id for each in examples}))}
    readers = {profile.id: profile for profile in profiles.load(store)}
    placed = []
    for example in examples:
        split = splits.get(example.article_id)
        if split is None:
            raise StratosError(
                f"article {example.article_id} was scored before its split was fixed;"
                " `stratos distill plan` fixes splits"
            )
        placed.append(_Placed(example, readers[example.profile_id], known[example.article_id], split))
    return placed


def _choose(usable: Sequence[_Placed], quotas: dict[Band, rebalance.Quota], seed: int) -> list[tuple[_Placed, int]]:
    """Return (pair, repeat) for every row: each band's pairs in seeded order, round after round until it is full.

    Where pairs are dropped, those go first whose article no profile cares about: a pair whose article is high for
    another profile shows what the profile changes, which is what a student must learn.
    """
    best: dict[str, int] = defaultdict(int)
    for each in usable:
        best[each.article.id] = max(best[each.article.id], each.example.tenths)
    by_band: dict[Band, list[_Placed]] = defaultdict(list)
    for each in usable:
        by_band[band_of(each.example.tenths)].append(each)
    chosen: list[tuple[_Placed, int]] = []
    for band, pairs in by_band.items():
        mixed = sorted(pairs, key=lambda each: curriculum.seeded_hash(seed, "keep", each.article.id, each.profile.id))
        mixed.sort(key=lambda each: best[each.article.id] - each.example.tenths < CONTRAST_TENTHS)
        chosen += [(mixed[row % len(mixed)], row // len(mixed)) for row in range(quotas[band].rows)]
    return chosen


def _row(each: _Placed, position: int, repeat: int, wording: int) -> DatasetRow:
    example = each.example
    return DatasetRow(
        split=each.split,
        position=position,
        article_id=example.article_id,
        profile_id=example.profile_id,
        request_id=example.request_id,
        repeat=repeat,
        wording=wording,
        tenths=example.tenths,
        prompt=prompts.student_prompt(each.profile, each.article, example.reference_date, wording),
        completion=render_completion(example.trace, example.tenths, example.reason),
    )


def _summary(
    store: Store,
    placed: Sequence[_Placed],
    usable: Sequence[_Placed],
    held_out: Sequence[_Placed],
    rows: Sequence[DatasetRow],
    quotas: dict[Band, rebalance.Quota],
    max_repeats: int,
) -> dict[str, Any]:
    """Say what the build holds, what it cost, and how far it is from what was wanted. Shares are from 0 to 1."""
    train = [row for row in rows if row.split == "train"]
    return {
        "examples": len(placed),
        "counts": {"train": len(train), "train_pairs": sum(row.repeat == 0 for row in train), "eval": len(held_out)},
        "articles": {
            "train": len({row.article_id for row in train}),
            "eval": len({each.article.id for each in held_out}),
        },
        "bands": {
            "train": _bands(row.tenths for row in train),
            "train_before": _bands(each.example.tenths for each in usable),
            "eval": _bands(each.example.tenths for each in held_out),
        },
        "profiles": {
            "train": dict(sorted(Counter(row.profile_id for row in train).items())),
            "eval": dict(sorted(Counter(each.profile.id for each in held_out).items())),
        },
        "rebalance": {
            band: {"had": quota.had, "rows": quota.rows, "dropped": quota.dropped, "repeated": quota.repeated}
            for band, quota in quotas.items()
        },
        "shares": {name: asdict(share) for name, share in rebalance.shares(quotas, max_repeats).items()},
        "dropped": sum(quota.dropped for quota in quotas.values()),
        "repeated": sum(quota.repeated for quota in quotas.values()),
        "left_out_5_0": sum(each.split == "train" for each in placed) - len(usable),
        "deviations": {
            "bands": _deviation(
                [band_of(each.example.tenths) for each in held_out], [band_of(each.example.tenths) for each in usable]
            ),
            "profiles": _deviation([each.profile.id for each in held_out], [each.profile.id for each in usable]),
        },
        "leaks": _leaks(store, rows),
        "contrast_pairs": {"train": _contrast_pairs(usable), "eval": _contrast_pairs(held_out)},
    }


def _bands(scores: Iterable[int]) -> dict[Band, int]:
    counted = Counter(map(band_of, scores))
    return {band: counted[band] for band in BANDS}


def _deviation(held_out: Sequence[str], trained: Sequence[str]) -> dict[str, float]:
    """Return by how much the held-out share of each value is above that of the training pairs before rebalancing."""
    ours, theirs = Counter(held_out), Counter(trained)
    return {
        value: round(ours[value] / len(held_out) - theirs[value] / len(trained), 4)
        for value in sorted({*ours, *theirs})
    }


def _leaks(store: Store, rows: Sequence[DatasetRow]) -> int:
    """Return how many held-out articles, or near-duplicates of one, are trained on."""
    original = articles.near_duplicates(store)
    ours = {original.get(row.article_id, row.article_id) for row in rows if row.split == "eval"}
    theirs = {original.get(row.article_id, row.article_id) for row in rows if row.split == "train"}
    return len(ours & theirs)


def _contrast_pairs(pairs: Sequence[_Placed]) -> int:
    scores: dict[str, list[int]] = defaultdict(list)
    for each in pairs:
        scores[each.article.id].append(each.example.tenths)
    return sum(
        abs(first - second) >= CONTRAST_TENTHS
        for each in scores.values()
        for index, first in enumerate(each)
        for second in each[:index]
    )
