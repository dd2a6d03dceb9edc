"""What the pipeline chooses to score; that it survives kills and repeats nothing is in test_kills.py."""

from __future__ import annotations

import pytest

from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.errors import StratosError
from stratos_tui.pipeline import DEFAULT_PAIRS, Wanted, choose
from stratos_tui.progress import silent
from stratos_tui.records import Article
from stratos_tui.store import articles
from stratos_tui.store.db import Store


def test_what_an_operator_types_is_read() -> None:
    assert Wanted.parse(None, None) == Wanted(DEFAULT_PAIRS)
    assert Wanted.parse(40, None) == Wanted(40)
    assert Wanted.parse(None, "300") == Wanted(None, 300)
    assert Wanted.parse(None, "a, b,") == Wanted(None, ("a", "b"))
    for wrong in ("0", ",", ""):
        with pytest.raises(StratosError, match="--articles"):
            Wanted.parse(None, wrong)


def test_pairs_are_whole_articles_so_that_contrast_exists(seeded: Store) -> None:
    fix_holdout(seeded)
    pairs, shortfall = choose(seeded, Wanted(60), silent)
    assert shortfall == ""
    assert len(pairs) == 60
    assert len({pair.article_id for pair in pairs}) == 6


def test_a_shortfall_is_said(seeded: Store) -> None:
    fix_holdout(seeded)
    pairs, shortfall = choose(seeded, Wanted(5_900), silent)
    assert len(pairs) == 1_000
    assert "5,900" in shortfall
    assert "1,000" in shortfall


def test_a_number_of_articles_is_taken_from_imported_ones_where_there_are_any(seeded: Store) -> None:
    imported = [Article(f"real-{n}", f"Headline number {n} of the day", f"Body {n * n}") for n in range(5)]
    articles.add_many(seeded, imported, "imported", "test")
    fix_holdout(seeded)
    pairs, _ = choose(seeded, Wanted(None, 3), silent)
    assert len(pairs) == 30
    assert {pair.article_id for pair in pairs} <= {article.id for article in imported}


def test_named_articles_are_scored_for_every_profile_and_an_unknown_one_is_refused(seeded: Store) -> None:
    fix_holdout(seeded)
    named = "equate-cpeg-graduate-programme"
    pairs, _ = choose(seeded, Wanted(None, (named,)), silent)
    assert {pair.article_id for pair in pairs} == {named}
    assert len(pairs) == 10
    with pytest.raises(StratosError, match="nowhere"):
        choose(seeded, Wanted(None, ("nowhere",)), silent)
