"""What scoring's tests share: profiles and articles."""

from __future__ import annotations

from datetime import date

import pytest

from stratos_tui.profiles.shipped import load_shipped, shipped_articles, shipped_profiles
from stratos_tui.records import Article, Profile
from stratos_tui.store.db import Store


@pytest.fixture
def shipped(store: Store) -> Store:
    """A store with what ships."""
    load_shipped(store)
    return store


@pytest.fixture(scope="session")
def some_profiles() -> list[Profile]:
    return shipped_profiles()[:3]


@pytest.fixture(scope="session")
def some_articles() -> list[Article]:
    return [article for article, _ in shipped_articles()][:6]


@pytest.fixture
def loose_article() -> Article:
    """An article that no store has."""
    return Article(
        "",
        "Equate hires CPEG graduates in Kuwait",
        "Apply by 30 December.",
        "Equate",
        "official",
        published=date(2026, 11, 12),
    )
