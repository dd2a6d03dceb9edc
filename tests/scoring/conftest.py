"""What scoring's tests share: profiles and articles."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that says ``SCORE: 7.5 | REASON: so.`` without end, whatever it is asked."""
    pytest.importorskip("trl", reason="the training stack is not installed")
    from dataclasses import replace

    import torch

    from stratos_tui.training.nano import build_model, build_tokenizer
    from stratos_tui.training.recipes import NanoShape

    tokenizer: Any = build_tokenizer(["Score this article."], 300)
    tokenizer.add_tokens(["SCORE: 7.5 | REASON: so.\n"])
    shape = NanoShape(context=8192, hidden=16, layers=1, heads=2, key_value_heads=2, head_dim=8, feed_forward=16)
    model: Any = build_model(tokenizer, replace(shape, vocabulary=len(tokenizer), tied_embeddings=False), seed=0)
    with torch.no_grad():
        # every token is read alike, the layer adds nothing, and one token is far likelier than all others
        for name, weights in model.named_parameters():
            weights.fill_(1.0 if "embed_tokens" in name or "norm" in name else 0.0)
        model.lm_head.weight[-1].fill_(10.0)
    folder = tmp_path_factory.mktemp("models") / "endless"
    tokenizer.save_pretrained(str(folder))
    model.save_pretrained(str(folder))
    return folder


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
