"""What evaluation's tests share: a store that a teacher has scored, and a build that holds articles out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from stratos_tui.digests import profile_digest
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, tier_of
from stratos_tui.prism.rubric import answer
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.records import Split
from stratos_tui.store import answers, articles, labels, profiles, requests
from stratos_tui.store.answers import Judgement
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from tests import builds

DAY = date(2026, 11, 20)
EVERY = 5
"""Every fifth article is held out."""

Teach = Callable[[str], int]


@pytest.fixture
def teach(store: Store) -> Teach:
    """``teach(teacher)`` lets ``rehearsal`` (the rubric's scores) or anybody else (the expected ones) score every pair.

    Returns the id of a build in which every fifth article is held out.
    """
    load_shipped(store)
    stored = articles.load(store)
    splits: dict[str, Split] = {a.id: "train" if i % EVERY else "eval" for i, a in enumerate(stored)}
    articles.set_splits(store, splits, "test")
    people = profiles.load(store)
    expected = {(label.article_id, label.profile_id): label.tenths for label in labels.load(store, "expected")}

    def taught(teacher: str) -> int:
        pairs = [(article, profile) for article in stored for profile in people]
        requests.plan(
            store,
            teacher,
            [
                requests.NewRequest(a.id, p.id, 1, f"{teacher[:6]}-{i}", DAY, profile_digest(p))
                for i, (a, p) in enumerate(pairs)
            ],
            "fingerprint",
            "{}",
        )
        standing = requests.standings(store, teacher)
        judged: list[tuple[Judgement, requests.RequestState]] = []
        rows: list[DatasetRow] = []
        for article, profile in pairs:
            if teacher == "rehearsal":
                tenths = answer(profile, article, DAY).tenths
            else:
                tenths = expected[article.id, profile.id]
            assert tenths != FORBIDDEN_TENTHS
            request_id = standing[article.id, profile.id].request_id
            found = Judgement(request_id, True, "", "", "", (0, 0), tenths, "why", "trace", tier_of(tenths), 1, "rules")
            judged.append((found, "accepted"))
            if splits[article.id] == "eval":
                rows.append(
                    DatasetRow(
                        "eval", len(rows), article.id, profile.id, request_id, 0, 0, tenths, "prompt", "completion"
                    )
                )
        answers.judge(store, [(each, state) for each, state in judged])
        return builds.add(
            store,
            rows,
            digest=f"digest of {teacher}",
            order_digest="order",
            teacher=teacher,
            params={},
            summary={},
            prompt_fingerprint="p",
        )

    return taught
