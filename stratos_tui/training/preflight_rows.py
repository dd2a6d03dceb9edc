"""Checks of what a build holds, before any tokenizer: rows, traces, system prompts, bands, order, leaks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from stratos_tui.prism.bands import FORBIDDEN_TENTHS
from stratos_tui.prism.prompts import student_prompt
from stratos_tui.prism.repetition import loops
from stratos_tui.prism.trace import split_think
from stratos_tui.store import articles, datasets, profiles
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training import curriculum
from stratos_tui.training.check import Check
from stratos_tui.training.recipes import Recipe

BAND_TOLERANCE = 0.05
"""How far a band's share may be from its target where it is not limited by how few pairs there are."""
_WORD = re.compile(r"\w+")


def checks(
    store: Store, dataset: Dataset, recipe: Recipe, train: Sequence[DatasetRow], held_out: Sequence[DatasetRow]
) -> Iterator[Check]:
    """Yield every check of a build's rows."""
    yield _prompt_bytes(store, dataset.id, [*train, *held_out])
    yield Check(
        "rows",
        bool(train and held_out),
        f"{len(train):,} to train on, {len(held_out):,} held out",
        "at least one of each",
        "without held-out articles nothing stops a run that only memorises",
    )
    yield _system_prompts(train)
    forbidden = sum(row.tenths == FORBIDDEN_TENTHS for row in train)
    yield Check(
        "score_5_0", not forbidden, f"{forbidden:,} rows", "0", "a 5.0 commits to neither side of the dashboard"
    )
    yield from traces(train)
    both = {row.article_id for row in train} & {row.article_id for row in held_out}
    leaks = max(len(both), int(dataset.summary["leaks"]))
    yield Check(
        "leaks", not leaks, f"{leaks:,} articles in both splits", "0", "a contaminated evaluation measures memory"
    )
    yield _band_shares(dataset, recipe)
    distances = curriculum.difficulty(train)
    ordered = distances == sorted(distances, reverse=True) and datasets.order_digest(train) == dataset.order_digest
    yield Check(
        "curriculum",
        ordered,
        f"{'easy to hard' if ordered else 'out of order'}, {dataset.order_digest[:12]}",
        "sorted by distance from 5.0, as when it was built",
        "a build whose rows were moved is not the one that its digest names",
    )


def _prompt_bytes(store: Store, dataset_id: int, rows: Sequence[DatasetRow]) -> Check:
    days = datasets.reference_dates(store, dataset_id)
    known = {article.id: article for article in articles.load(store, list({row.article_id for row in rows}))}
    readers = {profile.id: profile for profile in profiles.load(store)}
    differing = sum(
        row.request_id not in days
        or student_prompt(readers[row.profile_id], known[row.article_id], days[row.request_id], row.wording)
        != row.prompt
        for row in rows
    )
    return Check(
        "prompt_bytes",
        differing == 0,
        f"{differing:,} of {len(rows):,} prompts differ from what a scorer sends",
        "0",
        "the public project lost more accuracy to template drift than it gained by training",
    )


def _system_prompts(train: Sequence[DatasetRow]) -> Check:
    readers_of: dict[str, set[str]] = defaultdict(set)
    empty = 0
    for row in train:
        system = row.prompt.partition("<|im_start|>system\n")[2].partition("<|im_end|>")[0].strip()
        empty += not system
        readers_of[system].add(row.profile_id)
    readers = len({row.profile_id for row in train})
    shared = sum(len(each) > 1 for each in readers_of.values())
    return Check(
        "system_prompts",
        not empty and not shared and len(readers_of) > min(readers, len(train) - 1),
        f"{empty:,} empty, {len(readers_of):,} different for {readers} profiles, {shared:,} shared by several",
        "none empty, none shared, more than one wording a profile",
        "empty or identical system prompts teach a model to ignore them",
    )


def traces(train: Sequence[DatasetRow]) -> Iterator[Check]:
    """Yield whether every row has a trace, and none repeats itself."""
    bare = looping = 0
    for row in train:
        trace = split_think(row.completion)[0]
        bare += not trace
        # a repeated pair has the same trace
        looping += bool(trace) and row.repeat == 0 and loops(_WORD.findall(str(trace).casefold()))
    yield Check(
        "answer_only",
        not bare,
        f"{bare:,} rows without a trace",
        "0",
        "versions 15 to 18 saw answers without reasons and learned two modes: noise 1.5, everything else 8.5",
    )
    yield Check(
        "loops",
        not looping,
        f"{looping:,} traces that repeat themselves",
        "0",
        "v14 repeated itself without end; a model copies what it is shown",
    )


def _band_shares(dataset: Dataset, recipe: Recipe) -> Check:
    groups = dataset.summary["shares"]
    limited = any(group["limited"] for group in groups.values())
    off = any(abs(group["share"] - group["target"]) > BAND_TOLERANCE for group in groups.values())
    noise = sum(group["share"] for name, group in groups.items() if "noise" in name)
    said = ", ".join(f"{name} {group['share']:.0%} of {group['target']:.0%}" for name, group in groups.items())
    if off and limited:
        said += ", the scarce bands stand as often as they may and stay short: more of their pairs would help"
    return Check(
        "band_shares",
        noise <= recipe.most_noise if limited else not off,
        said,
        f"within {BAND_TOLERANCE:.0%} of the target, and where the scarce bands are at their cap of repeats,"
        f" noise and low at most {recipe.most_noise:.0%}",
        "nine pairs in ten are noise: unbalanced, always saying noise is the best that a model can learn",
    )
