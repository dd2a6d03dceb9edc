"""What the dataset's tests share: stores whose teacher has said what the test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pytest

from stratos_tui.digests import profile_digest
from stratos_tui.prism.bands import tier_of
from stratos_tui.store import answers, articles, profiles, requests
from stratos_tui.store.answers import Answer, Judgement
from stratos_tui.store.db import Store
from stratos_tui.store.requests import NewRequest

TEACHER = "rubric"
DAY = date(2026, 11, 12)

Said = tuple[str, str, int]
"""An accepted pair: article, profile, score in tenths."""
Accept = Callable[[Store, Sequence[Said]], None]


@pytest.fixture(scope="session")
def accept() -> Accept:
    """Have the teacher asked about pairs, and every answer accepted with the score that the test wants."""

    def do(store: Store, said: Sequence[Said]) -> None:
        digests = {profile.id: profile_digest(profile) for profile in profiles.load(store)}
        wanted = [
            NewRequest(article, profile, 1, f"{article}.{profile}"[:64], DAY, digests[profile])
            for article, profile, _ in said
        ]
        requests.plan(store, TEACHER, wanted, "prompt", "{}")
        asked = {(each.article_id, each.profile_id): each.id for each in requests.unsent(store, TEACHER)}
        answers.keep(
            store,
            None,
            [Answer(asked[pair[:2]], "succeeded", "end_turn", "", "m", "", "", 0, 0, 0, 0, None) for pair in said],
            None,
        )
        answers.judge(
            store,
            [
                (
                    Judgement(
                        *(asked[article, profile], True, "", "", "", (0, 0), tenths, f"A reason for {profile}."),
                        *(f"PROFILE: {profile}\nCONTENT: {article}\nANALYSIS: compared", tier_of(tenths), 6, "rules"),
                    ),
                    "accepted",
                )
                for article, profile, tenths in said
            ],
        )

    return do


@pytest.fixture(scope="session")
def hold_out() -> Callable[[Store, int, int], tuple[list[str], list[str]]]:
    """Fix the first articles as training ones and the next as held-out ones; return the ids of both."""

    def do(store: Store, trained: int, held_out: int) -> tuple[list[str], list[str]]:
        ids = [article.id for article in articles.load(store)]
        train, later = ids[:trained], ids[trained : trained + held_out]
        articles.set_splits(store, dict.fromkeys(train, "train"), "test")
        articles.set_splits(store, dict.fromkeys(later, "eval"), "test")
        return train, later

    return do
