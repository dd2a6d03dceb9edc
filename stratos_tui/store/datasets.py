"""Dataset builds: immutable rows of prompt and completion, found again by the digest of their content."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store.db import BUSY_SECONDS, Store, code_version, now

PAGE = 2_000
"""Rows read, or written in one transaction, at a time: a build is never held in memory."""

_CHECKPOINT_PAGES = 16_000
_LOOK_SECONDS = 0.1
_COLUMNS = "split, position, article_id, profile_id, request_id, repeat, wording, tenths, prompt, completion, weight"
_OLDER = (
    "SELECT DISTINCT e.request_id AS id, p.digest AS profile_digest,"
    " coalesce(a.fetched, a.published, json_extract(d.params, '$.undated')) AS reference_date"
    " FROM dataset_rows e JOIN datasets d ON d.id = e.dataset_id JOIN articles a ON a.id = e.article_id"
    " JOIN profiles p ON p.id = e.profile_id WHERE e.request_id < 0"
)
"""Rows that no request made: an older row is judged on its article's day, else on the one that the build says."""


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One example as it is trained on or evaluated.

    ``position`` counts from 0 in each split: the curriculum's order in train, articles' order in eval. ``repeat`` is 0
    for a pair's first row, ``wording`` names its system prompt's wording, ``tenths`` is the score, ``weight`` is what
    the row counts in the loss. A row that no request made has an id below 0 in its place (:func:`older_id`).
    """

    split: Split
    position: int
    article_id: str
    profile_id: str
    request_id: int
    repeat: int
    wording: int
    tenths: int
    prompt: str
    completion: str
    weight: float = 1.0


LaidRow = tuple[Split, int, str, str, int, int, int, int, float, int, int, int]
"""A row whose text stands apart, as it is stored: split, position, article, profile, request, repeat, wording, tenths,
weight, and the places of its prompt's system turn, of the article's turn, and of its completion."""


class Part(NamedTuple):
    """What is written in one transaction: texts by their place in the build, and rows that refer to places."""

    texts: Sequence[tuple[int, str]]
    rows: Sequence[LaidRow]


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a build was made from and holds; its rows are read by :func:`rows`."""

    id: int
    digest: str
    order_digest: str
    teacher: str
    params: dict[str, Any]
    summary: dict[str, Any]
    prompt_fingerprint: str
    created_at: str
    code_version: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request was asked with: the digest of the profile's state then, and the day it was judged on."""

    profile_digest: str
    reference_date: date


def add(
    store: Store,
    parts: Iterable[Part],
    *,
    digest: str,
    order_digest: str,
    teacher: str,
    params: dict[str, Any],
    summary: dict[str, Any],
    prompt_fingerprint: str,
) -> int:
    """Store a build whole and return its id; a build with the same digest is found, not stored again.

    A text that rows share is stored once. Parts are written in short transactions, so that others get their turn, under
    an id that no build has yet: nobody sees them until the build's own row comes last. What a build that was killed
    left behind goes with the next one.

    Raises:
        StratosError: another process builds for too long, or the file cannot be written; nothing is left behind.
    """
    with _one_at_a_time(store), store.staging() as connection:
        _sweep(connection)
        known = find(store, digest)
        if known is not None:
            return known
        dataset_id = int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM datasets").fetchone()[0])
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        try:
            # one thread writes while this one makes the next part: SQLite works outside Python's lock
            with ThreadPoolExecutor(1) as writer:
                under_way: Future[None] | None = None
                for part in parts:
                    if under_way is not None:
                        under_way.result()
                    under_way = writer.submit(_write, connection, dataset_id, part)
                if under_way is not None:
                    under_way.result()
            connection.execute("PRAGMA synchronous = FULL")
            with _transaction(connection):
                connection.execute(
                    "INSERT INTO datasets (id, digest, order_digest, teacher, params, summary, prompt_fingerprint,"
                    " created_at, code_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(dataset_id, digest, order_digest, teacher, json.dumps(params, sort_keys=True)),
                        *(json.dumps(summary, ensure_ascii=False), prompt_fingerprint, now(), code_version()),
                    ),
                )
        except BaseException:
            # a full disk may refuse this too; then the next build sweeps
            with suppress(sqlite3.Error):
                _sweep(connection)
            raise
    return dataset_id


def find(store: Store, digest: str) -> int | None:
    """Return the id of the build with this digest."""
    found = store.value("SELECT id FROM datasets WHERE digest = ?", (digest,))
    return None if found is None else int(found)


def get(store: Store, dataset_id: int) -> Dataset | None:
    """Return one build."""
    row = store.row("SELECT * FROM datasets WHERE id = ?", (dataset_id,))
    return None if row is None else _dataset(row)


def latest(store: Store) -> Dataset | None:
    """Return the newest build."""
    row = store.row("SELECT * FROM datasets ORDER BY id DESC LIMIT 1")
    return None if row is None else _dataset(row)


def load(store: Store) -> list[Dataset]:
    """Return all builds, newest first."""
    return [_dataset(row) for row in store.rows("SELECT * FROM datasets ORDER BY id DESC")]


def rows(store: Store, dataset_id: int, split: Split) -> Iterator[DatasetRow]:
    """Yield the rows of one split by position."""
    last = -1
    while True:
        page = store.rows(
            f"SELECT {_COLUMNS}"  # noqa: S608
            " FROM dataset_examples WHERE dataset_id = ? AND split = ? AND position > ? ORDER BY position LIMIT ?",
            (dataset_id, split, last, PAGE),
        )
        yield from (DatasetRow(**dict(row)) for row in page)
        if len(page) < PAGE:
            return
        last = page[-1]["position"]


def row(store: Store, dataset_id: int, split: Split, position: int) -> DatasetRow | None:
    """Return one row."""
    found = store.row(
        f"SELECT {_COLUMNS}"  # noqa: S608
        " FROM dataset_examples WHERE dataset_id = ? AND split = ? AND position = ?",
        (dataset_id, split, position),
    )
    return None if found is None else DatasetRow(**dict(found))


def count(store: Store, dataset_id: int, split: Split) -> int:
    """Return how many rows a split has."""
    return int(store.value("SELECT count(*) FROM dataset_rows WHERE dataset_id = ? AND split = ?", (dataset_id, split)))


def order_digest(rows: Iterable[DatasetRow]) -> str:
    """Return the digest over which pair stands where in the curriculum: SHA-256 over the rows in their order."""
    digest = hashlib.sha256()
    for each in rows:
        digest.update(order_line(each.article_id, each.profile_id, each.repeat))
    return digest.hexdigest()


def order_line(article_id: str, profile_id: str, repeat: int) -> bytes:
    """Return what a row adds to the order's digest."""
    return f"{article_id}\0{profile_id}\0{repeat}\n".encode()


def asked(store: Store, request_ids: Sequence[int]) -> dict[int, Asked]:
    """Return what each request was asked with; an older row's profile is as it is now."""
    wanted = json.dumps(list(request_ids))
    found = store.rows(
        "SELECT id, profile_digest, reference_date FROM requests WHERE id IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    if any(each < 0 for each in request_ids):
        found += store.rows(_OLDER + " AND e.request_id IN (SELECT value FROM json_each(?))", (wanted,))  # noqa: S608
    return {each["id"]: Asked(each["profile_digest"], date.fromisoformat(each["reference_date"])) for each in found}


def reference_dates(store: Store, dataset_id: int) -> dict[int, date]:
    """Return the day that each request of a build, or older row in its place, was judged on."""
    found = store.rows(
        "SELECT id, reference_date FROM requests WHERE id IN"
        " (SELECT request_id FROM dataset_rows WHERE dataset_id = ?)",
        (dataset_id,),
    )
    found += store.rows(_OLDER + " AND e.dataset_id = ?", (dataset_id,))
    return {each["id"]: date.fromisoformat(each["reference_date"]) for each in found}


def older_id(article_id: str, profile_id: str) -> int:
    """Return what stands for the request in a row that no request made: below 0, and the same for the same pair."""
    return -int.from_bytes(hashlib.sha256(f"{article_id}\0{profile_id}".encode()).digest()[:6], "big") - 1


@contextmanager
def _one_at_a_time(store: Store) -> Iterator[None]:
    """Hold the lock of whoever writes a build; the system lets go of it with the process."""
    path = Path(f"{store.path}.building")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StratosError(f"{path}: cannot be written ({error.strerror}); check the folder's permissions") from error
    try:
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise StratosError("another process is writing a dataset; try again when it is done") from None
                time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(handle)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _sweep(connection: sqlite3.Connection) -> None:
    """Remove what belongs to no build: its builder died, since only one builds at a time."""
    for table, page in (("dataset_rows", "split, position"), ("dataset_texts", "place")):
        newest = f"SELECT max(dataset_id) FROM {table}"  # noqa: S608
        while (last := connection.execute(newest).fetchone()[0]) is not None:
            if connection.execute("SELECT 1 FROM datasets WHERE id = ?", (last,)).fetchone():
                break
            with _transaction(connection):
                connection.execute(
                    f"DELETE FROM {table} WHERE dataset_id = ?1 AND ({page}) IN"  # noqa: S608
                    f" (SELECT {page} FROM {table} WHERE dataset_id = ?1 ORDER BY {page} LIMIT ?2)",
                    (last, PAGE),
                )


def _write(connection: sqlite3.Connection, dataset_id: int, part: Part) -> None:
    texts = f"INSERT INTO dataset_texts VALUES ({dataset_id:d}, ?, ?)"  # noqa: S608
    rows = f"INSERT INTO dataset_rows VALUES ({dataset_id:d}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    with _transaction(connection):
        connection.executemany(texts, part.texts)
        connection.executemany(rows, part.rows)


def _dataset(row: sqlite3.Row) -> Dataset:
    return Dataset(
        id=row["id"],
        digest=row["digest"],
        order_digest=row["order_digest"],
        teacher=row["teacher"],
        params=json.loads(row["params"]),
        summary=json.loads(row["summary"]),
        prompt_fingerprint=row["prompt_fingerprint"],
        created_at=row["created_at"],
        code_version=row["code_version"],
    )
