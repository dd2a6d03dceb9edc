"""What scoring's tests share: profiles and articles, and an untrained model small enough to answer in a second."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

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


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained Qwen3 of a few thousand weights. What it writes cannot be parsed."""
    pytest.importorskip("torch", reason="the training stack is not installed")
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.prism.prompts import student_prompt
    from stratos_tui.training.nano import build_model, build_tokenizer
    from stratos_tui.training.recipes import NanoShape

    shape = replace(
        NanoShape(), vocabulary=600, hidden=16, layers=1, heads=2, key_value_heads=2, head_dim=8, feed_forward=16
    )
    day = date(2026, 11, 20)
    texts = [student_prompt(p, a, day) for p in shipped_profiles()[:3] for a, _ in list(shipped_articles())[:6]]
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = build_tokenizer(texts, shape.vocabulary)
    tokenizer.save_pretrained(str(folder))
    build_model(tokenizer, shape, seed=0).save_pretrained(str(folder))
    return folder
