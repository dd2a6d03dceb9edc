"""Builds a dataset from accepted traces: held-out articles apart, train rebalanced, in the curriculum's order.

Whole articles are held out, never single pairs (decisions.md, 3). Only train is rebalanced, after the split (4), and
sorted by distance from 5.0, farthest first (5). The rows are rendered once and never change.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from stratos_tui.dataset import rebalance
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, band_of
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Report, silent
from stratos_tui.records import BANDS, Article, Band, Example, Profile, Split
from stratos_tui.store import articles, datasets, distill, profiles
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store

MAX_REPEATS = 8
"""How often a pair may stand in train: twice each wording of its system prompt."""
CONTRAST_TENTHS = 20
"""Two pairs of one article whose teacher scores differ by at least this are a contrast pair (decisions.md)."""
REPORT_EVERY = 500


def build(
    store: Store, teacher: str, *, seed: int = 0, max_repeats: int = MAX_REPEATS, report: Report = silent
) -> int:
    """Build a dataset from a teacher's accepted traces and return its id; the same content is found, not built again.

    Raises:
        StratosError: there are no accepted traces, or their articles have no split, or one split would be empty.
        Canceled: asked to stop; nothing was stored.
    """
    accepted = distill.examples(store, teacher)
    if not accepted:
        raise StratosError(f"{teacher} has no accepted traces yet; `stratos distill run --teacher {teacher}` gets some")
    splits = articles.splits(store)
    unsplit = [each.article_id for each in accepted if splits.get(each.article_id) is None]
    if unsplit:
        raise StratosError(f"article {unsplit[0]} has no split; held-out articles are fixed before a teacher is asked")
    held_out = [each for each in accepted if splits[each.article_id] == "eval"]
    usable = [each for each in accepted if splits[each.article_id] == "train" and each.tenths != FORBIDDEN_TENTHS]
    for name, part in (("training", usable), ("held-out", held_out)):
        if not part:
            raise StratosError(f"{teacher} has no accepted traces of {name} articles; distil more pairs first")
    counts = _bands(usable)
    quotas = rebalance.quotas(counts, max_repeats)
    train = in_order(repeated(usable, quotas, seed), seed)
    rows = [
        *_rows(store, "train", train, seed, report),
        *_rows(store, "eval", [(example, 0) for example in held_out], seed, report),
    ]
    train_bands = Counter(band_of(example.tenths) for example, _ in train)
    params = {"seed": seed, "max_repeats": max_repeats, "strategy": "repeats"}
    return datasets.add(
        store,
        rows,
        digest=_digest(rows),
        order_digest=order_digest([row for row in rows if row.split == "train"]),
        teacher=teacher,
        params=params,
        summary=_summary(counts, quotas, train_bands, usable, held_out, rows),
        prompt_fingerprint=prompts.fingerprint("student"),
    )


def repeated(
    examples: Sequence[Example], quotas: Mapping[Band, rebalance.Quota], seed: int
) -> list[tuple[Example, int]]:
    """Return (example, repeat) as the quotas ask: repeats spread evenly, which pairs are dropped chosen by the seed."""
    chosen: list[tuple[Example, int]] = []
    for band, quota in quotas.items():
        members = [each for each in examples if band_of(each.tenths) == band]
        members.sort(key=lambda each: _hash(seed, "keep", each.article_id, each.profile_id))
        chosen += [(members[place % len(members)], place // len(members)) for place in range(quota.rows)]
    return chosen


def in_order(rows: Sequence[tuple[Example, int]], seed: int) -> list[tuple[Example, int]]:
    """Sort by |score − 5.0|, farthest first; ties by a seeded hash, so that profiles and articles mix."""

    def place(row: tuple[Example, int]) -> tuple[int, bytes]:
        example, repeat = row
        mixed = _hash(seed, "order", example.article_id, example.profile_id, str(repeat))
        return -abs(example.tenths - FORBIDDEN_TENTHS), mixed

    return sorted(rows, key=place)


def order_digest(rows: Sequence[DatasetRow]) -> str:
    """Return a digest of the order in which the first epoch sees its rows."""
    whole = hashlib.sha256()
    for row in rows:
        whole.update(f"{row.article_id}\0{row.profile_id}\0{row.repeat}\n".encode())
    return whole.hexdigest()


def _rows(
    store: Store, split: Split, wanted: Sequence[tuple[Example, int]], seed: int, report: Report
) -> Iterator[DatasetRow]:
    known: dict[str, Profile] = {profile.id: profile for profile in profiles.load(store)}
    texts: dict[str, Article] = {
        article.id: article for article in articles.load(store, sorted({each.article_id for each, _ in wanted}))
    }
    for position, (example, repeat) in enumerate(wanted):
        if position % REPORT_EVERY == 0:
            report(position, len(wanted), f"rendering {split}")
        wording = prompts.CANONICAL_WORDING
        if split == "train":
            first = prompts.wording_of(example.article_id, example.profile_id, seed)
            wording = (first + repeat) % prompts.WORDINGS
        prompt = prompts.student_prompt(
            known[example.profile_id], texts[example.article_id], example.reference_date, wording
        )
        yield DatasetRow(
            split=split,
            position=position,
            article_id=example.article_id,
            profile_id=example.profile_id,
            request_id=example.request_id,
            repeat=repeat,
            wording=wording,
            tenths=example.tenths,
            prompt=prompt,
            completion=render_completion(example.trace, example.tenths, example.reason),
        )


def _summary(
    counts: Mapping[Band, int],
    quotas: Mapping[Band, rebalance.Quota],
    train_bands: Mapping[Band, int],
    usable: Sequence[Example],
    held_out: Sequence[Example],
    rows: Sequence[DatasetRow],
) -> dict[str, Any]:
    by_profile: dict[str, Counter[str]] = {}
    for row in rows:
        by_profile.setdefault(row.profile_id, Counter())[row.split] += 1
    trained = {each.article_id for each in usable}
    eval_bands = _bands(held_out)
    return {
        "bands": {
            "pairs": dict(counts),
            "train": {band: train_bands.get(band, 0) for band in BANDS},
            "eval": eval_bands,
        },
        "target": {"+".join(group): share for group, share in rebalance.TARGET.items()},
        "deviation": {
            "target": rebalance.deviation(train_bands),
            "eval": max(
                abs(eval_bands[band] / len(held_out) - counts[band] / len(usable)) for band in BANDS
            ),
        },
        "dropped": sum(quota.dropped for quota in quotas.values()),
        "repeated": sum(quota.repeated for quota in quotas.values()),
        "per_profile": {name: dict(found) for name, found in sorted(by_profile.items())},
        "articles": {"train": len(trained), "eval": len({each.article_id for each in held_out})},
        "leaks": len(trained & {each.article_id for each in held_out}),
        "contrast_pairs": _contrast_pairs(held_out),
    }


def _contrast_pairs(examples: Sequence[Example]) -> int:
    by_article: dict[str, list[int]] = {}
    for example in examples:
        by_article.setdefault(example.article_id, []).append(example.tenths)
    return sum(abs(a - b) >= CONTRAST_TENTHS for scores in by_article.values() for a, b in combinations(scores, 2))


def _bands(examples: Sequence[Example]) -> dict[Band, int]:
    found = Counter(band_of(each.tenths) for each in examples)
    return {band: found.get(band, 0) for band in BANDS}


def _digest(rows: Sequence[DatasetRow]) -> str:
    # request ids differ between two stores that hold the same traces
    whole = hashlib.sha256()
    for row in rows:
        fields = (row.split, row.article_id, row.profile_id, str(row.repeat), str(row.tenths), row.prompt, row.completion)
        whole.update("\0".join(fields).encode() + b"\n")
    return whole.hexdigest()


def _hash(seed: int, *parts: str) -> bytes:
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).digest()
