from __future__ import annotations

import threading

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store, now
from stratos_tui.store.pages import NAMES, Listing, orders

TITLES = [f"Article number {at}" for at in range(500)]


@pytest.fixture
def many(store: Store) -> Store:
    with store.write() as connection:
        connection.executemany(
            "INSERT INTO articles (id, content_key, title, body, source, source_type, url, category, collection,"
            " origin, added_at) VALUES (:id, :id, :title, '', 'wire', 'news', '', '', 'imported', 'test', :at)",
            [{"id": f"a{at}", "title": title, "at": now()} for at, title in enumerate(TITLES)],
        )
    return store


def _titles(listing: Listing, first: int, n: int) -> list[str]:
    return [record["title"] for record in listing.page(first, n)]


def test_pages_are_the_same_before_and_after_the_order_is_fixed(many: Store) -> None:
    listing = Listing(many, "articles", order="oldest")
    before = _titles(listing, 120, 30)
    assert listing.count() == 500
    assert _titles(listing, 120, 30) == before == TITLES[120:150]
    assert _titles(listing, 490, 30) == TITLES[490:]
    assert _titles(listing, 500, 30) == []
    listing.close()


def test_the_default_order_is_newest_first_and_position_finds_a_key(many: Store) -> None:
    listing = Listing(many, "articles")
    assert [record["key"] for record in listing.page(0, 2)] == ["a499", "a498"]
    assert listing.position("a490") == 9
    assert listing.position("nobody") is None
    listing.close()


def test_a_filter_narrows_and_its_wildcards_are_letters(many: Store) -> None:
    with many.write() as connection:
        connection.execute("UPDATE articles SET title = 'up 100% in a_b' WHERE id = 'a7'")
    for text, found in (("number 49", 15), ("499 NUMBER", 1), ("100%", 1), ("a_b", 1), ("%", 1), ("' OR 1=1 --", 0)):
        listing = Listing(many, "articles", filter=text)
        assert listing.count() == len(listing.page(0, 100)) == found, text
        listing.close()


def test_rows_that_come_later_do_not_move_the_others(many: Store) -> None:
    listing = Listing(many, "articles")
    listing.count()
    before = _titles(listing, 0, 50)
    with many.write() as connection:
        connection.execute("UPDATE articles SET split = 'eval' WHERE seq % 2")
        connection.execute(
            "INSERT INTO articles (id, content_key, title, body, source, source_type, url, category, collection,"
            " origin, added_at) VALUES ('new', 'new', 'new', '', '', 'news', '', '', 'imported', 'test', '')"
        )
    assert _titles(listing, 0, 50) == before
    listing.close()
    fresh = Listing(many, "articles", scope={"split": "eval", "collection": None})
    assert fresh.count() == 250
    fresh.close()


def test_every_listing_in_every_order_pages_filters_and_finds(seeded: Store) -> None:
    for name in NAMES:
        for order in orders(name):
            for text in ("", "a"):
                listing = Listing(seeded, name, order=order, filter=text)
                count = listing.count()
                records = listing.page(0, count + 1)
                assert len(records) == count
                if records:
                    assert listing.position(records[-1]["key"]) == count - 1
                listing.close()


@pytest.mark.parametrize(
    ("name", "order", "scope"),
    [("nobody", "", {}), ("articles", "1; DROP TABLE articles", {}), ("articles", "", {"1=1 OR split": "x"})],
)
def test_names_that_are_not_in_the_table_are_refused(
    store: Store, name: str, order: str, scope: dict[str, str]
) -> None:
    with pytest.raises(StratosError):
        Listing(store, name, order=order, scope=scope)


def test_a_closed_listing_gives_nothing_from_any_thread(many: Store) -> None:
    listing = Listing(many, "articles")
    listing.count()
    listing.close()
    found: list[int] = []
    reader = threading.Thread(target=lambda: found.append(len(listing.page(0, 10)) + listing.count()))
    reader.start()
    reader.join()
    assert found == [500]
