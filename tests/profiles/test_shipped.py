"""What ships reaches a store once, and what an operator changed stays."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from stratos_tui.profiles.shipped import Loaded, load_shipped, shipped_articles, shipped_profiles
from stratos_tui.records import Label
from stratos_tui.store import articles, labels, profiles
from stratos_tui.store.db import Store


def test_everything_that_ships_is_in_the_store(store: Store) -> None:
    done = load_shipped(store)
    assert done == Loaded(profiles=10, articles=100, labels=1_000)
    assert profiles.load(store) == shipped_profiles()
    assert articles.load(store) == [article for article, _ in shipped_articles()]
    assert len(articles.collection_ids(store, "polarizing")) == 100
    assert Counter(each.article_id for each in labels.load(store, "expected")).most_common()[-1][1] == 10
    assert set(profiles.origins(store).values()) == {"shipped"}


def test_the_plans_example_has_the_plans_scores(seeded: Store) -> None:
    [jwst] = [
        each for each in articles.load(seeded) if each.title == "New NASA exoplanet catalog released via JWST data"
    ]
    scores = {each.profile_id: each.tenths for each in labels.for_article(seeded, jwst.id)}
    assert scores["portland_retired_space"] == 85
    assert scores["texas_nurse"] == 5


def test_loading_again_changes_nothing(seeded: Store) -> None:
    assert load_shipped(seeded) == Loaded(0, 0, 0)
    assert len(profiles.revisions(seeded)) == 10


def test_an_operators_edit_stays(seeded: Store) -> None:
    edited = replace(shipped_profiles()[0], location="Kuwait City")
    profiles.save(seeded, edited, "operator")
    load_shipped(seeded)
    assert profiles.get(seeded, edited.id) == edited


def test_an_older_shipped_state_is_brought_up_to_date(seeded: Store) -> None:
    shipped = shipped_profiles()[0]
    profiles.save(seeded, replace(shipped, context="As an earlier release had it."), "shipped")
    label = labels.load(seeded, "expected")[0]
    labels.put_many(seeded, [Label(label.article_id, label.profile_id, "expected", 99)], "older", replace=True)
    assert load_shipped(seeded) == Loaded(profiles=1, articles=0, labels=1)
    assert profiles.get(seeded, shipped.id) == shipped
    assert labels.load(seeded, "expected")[0] == label
