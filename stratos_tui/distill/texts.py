"""The profiles and articles that questions ask about, each read once."""

from __future__ import annotations

from collections.abc import Sequence

from stratos_tui.errors import StratosError
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store
from stratos_tui.store.requests import Request


class Texts:
    """``profiles`` by digest, as they were when they were asked about, and ``articles`` by id.

    Raises:
        StratosError: the state of a profile that was asked about is not stored.
    """

    def __init__(self, store: Store, asked: Sequence[Request]) -> None:
        ids = sorted({each.article_id for each in asked})
        self.articles: dict[str, Article] = {article.id: article for article in articles.load(store, ids)}
        self.profiles: dict[str, Profile] = {}
        for digest in {each.profile_digest for each in asked}:
            profile = profiles.by_digest(store, digest)
            if profile is None:
                raise StratosError(f"{store.path}: the state {digest} of a profile is gone; plan the requests again")
            self.profiles[digest] = profile
