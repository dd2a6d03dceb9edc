"""Looks up what was asked for by id, and says what there is when it is not there."""

from __future__ import annotations

from collections.abc import Sequence

from stratos_tui.errors import StratosError
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store


def known_profiles(store: Store, ids: Sequence[str]) -> list[Profile]:
    """Return the profiles of these ids, in this order.

    Raises:
        StratosError: one is not stored; the text lists those that are.
    """
    stored = {profile.id: profile for profile in profiles.load(store)}
    if missing := [each for each in ids if each not in stored]:
        raise StratosError(f"there is no profile {missing[0]!r}; there are {', '.join(stored) or 'none yet'}")
    return [stored[each] for each in ids]


def known_article(store: Store, article_id: str) -> Article:
    """Return one stored article.

    Raises:
        StratosError: there is none of that id.
    """
    found = articles.get(store, article_id)
    if found is None:
        raise StratosError(f"there is no article {article_id!r}; `stratos articles list` shows what is stored")
    return found
