"""Articles: each content once, with its split and what it is a near-duplicate of."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from stratos_tui.records import Article, Split
from stratos_tui.store.db import Store, now

Collection = Literal["polarizing", "imported"]
COLLECTIONS: tuple[Collection, ...] = get_args(Collection)

DERIVED_ID_DIGITS = 16
"""Hex digits of the content key that make an article's id where the incoming one cannot be kept."""

_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one incoming article: the id it has in the store, and whether its content was new."""

    id: str
    new: bool


def content_key(title: str, body: str) -> str:
    """Return what makes two articles the same: SHA-256 over title and body, case and white space aside, in NFC."""
    text = "\n".join(" ".join(unicodedata.normalize("NFC", part).casefold().split()) for part in (title, body))
    return hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest()


def is_safe_id(text: str) -> bool:
    """Tell whether an id from outside can be kept: it is a plain word in a path, a command and a request."""
    return _SAFE_ID.fullmatch(text) is not None


def add_many(store: Store, articles: Sequence[Article], collection: Collection, origin: str) -> list[Added]:
    """Store the articles whose content is not stored yet; one answer for each, in order, all in one transaction.

    An incoming id is kept when it is safe and not taken by another content; otherwise it is made from the content
    key. ``origin`` says where the articles came from, in words.
    """
    with store.write() as connection:
        return [_add(connection, article, collection, origin) for article in articles]


def get(store: Store, article_id: str) -> Article | None:
    """Return one article."""
    row = store.row("SELECT * FROM articles WHERE id = ?", (article_id,))
    return None if row is None else _article(row)


def load(store: Store, ids: Sequence[str] | None = None) -> list[Article]:
    """Return all articles, or those with the given ids, in the order in which they were added.

    An id that is not stored is left out.
    """
    if ids is None:
        return [_article(row) for row in store.rows("SELECT * FROM articles ORDER BY seq")]
    # one JSON value instead of one variable an id: SQLite limits how many variables a statement has
    rows = store.rows(
        "SELECT * FROM articles WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq", (json.dumps(list(ids)),)
    )
    return [_article(row) for row in rows]


def page(store: Store, offset: int, limit: int) -> list[Article]:
    """Return ``limit`` articles from ``offset``, in the order in which they were added."""
    return [
        _article(row) for row in store.rows("SELECT * FROM articles ORDER BY seq LIMIT ? OFFSET ?", (limit, offset))
    ]


def beside(store: Store, article_id: str, by: Literal[-1, 1]) -> str | None:
    """Return the article added before (-1) or after (1) another one, None at the ends."""
    beyond, order = ("<", "DESC") if by < 0 else (">", "ASC")
    found = store.value(
        f"SELECT id FROM articles WHERE seq {beyond} (SELECT seq FROM articles WHERE id = ?)"  # noqa: S608
        f" ORDER BY seq {order} LIMIT 1",
        (article_id,),
    )
    return None if found is None else str(found)


def place(store: Store, article_id: str) -> int:
    """Return how many articles were added up to this one, itself included; 0 where it is not stored."""
    return int(
        store.value("SELECT count(*) FROM articles WHERE seq <= (SELECT seq FROM articles WHERE id = ?)", (article_id,))
    )


def count(store: Store) -> int:
    """Return how many articles are stored."""
    return int(store.value("SELECT count(*) FROM articles"))


def collection_ids(store: Store, collection: Collection) -> list[str]:
    """Return the ids of a collection in the order in which they were added."""
    rows = store.rows("SELECT id FROM articles WHERE collection = ? ORDER BY seq", (collection,))
    return [row["id"] for row in rows]


def splits(store: Store) -> dict[str, Split | None]:
    """Return the split of each article, in the order in which they were added; None where it is not fixed yet."""
    return {row["id"]: row["split"] for row in store.rows("SELECT id, split FROM articles ORDER BY seq")}


def set_splits(store: Store, wanted: Mapping[str, Split], rule: str) -> int:
    """Fix the split of articles for good, with the rule that chose it; return how many were not fixed before.

    An article whose split is fixed keeps it.
    """
    with store.write() as connection:
        before = connection.total_changes
        connection.executemany(
            "UPDATE articles SET split = ?, split_rule = ? WHERE id = ? AND split IS NULL",
            [(split, rule, article_id) for article_id, split in wanted.items()],
        )
        return connection.total_changes - before


def split_rules(store: Store) -> dict[str, int]:
    """Return how many articles each rule has put into a split."""
    rows = store.rows(
        "SELECT split_rule, count(*) AS n FROM articles WHERE split IS NOT NULL GROUP BY split_rule ORDER BY split_rule"
    )
    return {row["split_rule"]: row["n"] for row in rows}


def set_near_duplicates(store: Store, wanted: Mapping[str, str]) -> None:
    """Record for each article id the earlier article that it is a near-duplicate of."""
    with store.write() as connection:
        connection.executemany(
            "UPDATE articles SET near_duplicate_of = ? WHERE id = ?", [(of, own) for own, of in wanted.items()]
        )


def near_duplicates(store: Store) -> dict[str, str]:
    """Return, for each article that repeats an earlier one nearly word for word, the id of that earlier one."""
    rows = store.rows("SELECT id, near_duplicate_of FROM articles WHERE near_duplicate_of IS NOT NULL ORDER BY seq")
    return {row["id"]: row["near_duplicate_of"] for row in rows}


def _add(connection: sqlite3.Connection, article: Article, collection: str, origin: str) -> Added:
    key = content_key(article.title, article.body)
    known = connection.execute("SELECT id FROM articles WHERE content_key = ?", (key,)).fetchone()
    if known is not None:
        return Added(known["id"], new=False)
    candidates = [article.id] if is_safe_id(article.id) else []
    candidates += [key[:digits] for digits in range(DERIVED_ID_DIGITS, len(key) + 1, 8)]
    taken = "SELECT 1 FROM articles WHERE id = ?"
    own = next(each for each in candidates if connection.execute(taken, (each,)).fetchone() is None)
    connection.execute(
        "INSERT INTO articles (id, content_key, title, body, source, source_type, url, category, published, fetched,"
        " deadline, collection, origin, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(own, key, article.title, article.body, article.source, article.source_type, article.url),
            *(article.category, _iso(article.published), _iso(article.fetched), _iso(article.deadline)),
            *(collection, origin, now()),
        ),
    )
    return Added(own, new=True)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _article(row: sqlite3.Row) -> Article:
    return Article(
        id=row["id"],
        title=row["title"],
        body=row["body"],
        source=row["source"],
        source_type=row["source_type"],
        url=row["url"],
        category=row["category"],
        published=_day(row["published"]),
        fetched=_day(row["fetched"]),
        deadline=_day(row["deadline"]),
    )
