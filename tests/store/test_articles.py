"""Articles in the store: one row a content, safe ids, splits fixed for good."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.records import Article
from stratos_tui.store import articles
from stratos_tui.store.db import Store

FULL = Article(
    *("full-1", "A title", "A body.\n\nIn two parts.", "NASA", "official", "https://nasa.gov/x", "research"),
    *(date(2026, 1, 2), date(2026, 1, 3), date(2026, 2, 1)),
)


def add(store: Store, *wanted: Article) -> list[articles.Added]:
    return articles.add_many(store, wanted, "imported", "a test")


def test_what_is_added_comes_back_whole(store: Store) -> None:
    bare = Article("bare", "Only a title", "")
    assert add(store, FULL, bare) == [articles.Added("full-1", new=True), articles.Added("bare", new=True)]
    assert articles.load(store) == [FULL, bare]
    assert articles.get(store, "full-1") == FULL
    assert articles.get(store, "nothing") is None
    assert articles.count(store) == 2


def test_one_content_is_stored_once(store: Store) -> None:
    again = Article("other", "a  TITLE", "A body. In two\tparts.", source="Elsewhere")
    assert add(store, FULL, again) == [articles.Added("full-1", new=True), articles.Added("full-1", new=False)]
    assert articles.load(store) == [FULL]


def test_title_and_body_do_not_run_together(store: Store) -> None:
    assert all(each.new for each in add(store, Article("a", "one two", "three"), Article("b", "one", "two three")))


def test_a_taken_id_gives_way_and_stays_the_same_on_a_repeat(store: Store) -> None:
    first, second = Article("a", "First", "body"), Article("a", "Second", "body")
    one, other = add(store, first, second)
    assert one.id == "a"
    assert other.id == articles.content_key("Second", "body")[:16]
    assert add(store, first, second) == [articles.Added("a", new=False), articles.Added(other.id, new=False)]


@pytest.mark.parametrize("bad", ["", "../../etc", "a b", "-rf", ".hidden", "x" * 65, "a\n", "é", "a/b", "<b>"])
def test_an_unsafe_id_is_replaced(store: Store, bad: str) -> None:
    [added] = add(store, Article(bad, "T", "B"))
    assert articles.is_safe_id(added.id)
    assert added.id == articles.content_key("T", "B")[:16]


@given(st.text(), st.text())
def test_the_content_key_ignores_case_and_white_space(title: str, body: str) -> None:
    cased = articles.content_key(title, body)
    assert cased == articles.content_key(f"  {title} ", body + "\n")
    assert cased == articles.content_key(title.casefold(), body.casefold())


def test_composed_and_decomposed_letters_are_the_same_content() -> None:
    assert articles.content_key("Café", "") == articles.content_key("Cafe\u0301", "")


def test_some_articles_by_id_come_in_the_order_of_the_store(store: Store) -> None:
    many = [Article(f"n{number}", f"Title {number}", "body") for number in range(1_200)]
    add(store, *many)
    wanted = [each.id for each in reversed(many)]
    assert articles.load(store, [*wanted, "nothing", "n3"]) == many
    assert articles.load(store, []) == []


def test_a_split_is_fixed_for_good(store: Store) -> None:
    add(store, FULL, Article("b", "Other", "body"))
    assert articles.splits(store) == {"full-1": None, "b": None}
    assert articles.set_splits(store, {"full-1": "eval"}, "stratified seed=0") == 1
    assert articles.set_splits(store, {"full-1": "train", "b": "train", "nothing": "eval"}, "hash seed=0") == 1
    assert articles.splits(store) == {"full-1": "eval", "b": "train"}
    assert articles.split_rules(store) == {"hash seed=0": 1, "stratified seed=0": 1}


def test_collections_and_near_duplicates(store: Store) -> None:
    articles.add_many(store, [FULL], "polarizing", "shipped")
    add(store, Article("b", "Other", "body"))
    assert articles.collection_ids(store, "polarizing") == ["full-1"]
    assert articles.collection_ids(store, "imported") == ["b"]
    articles.set_near_duplicates(store, {"b": "full-1"})
    assert articles.near_duplicates(store) == {"b": "full-1"}
