"""Dataset builds: immutable rows of prompt and completion, found again by the digest of their content."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stratos_tui.records import Split
from stratos_tui.store.db import Store, code_version, now

PAGE = 2_000
"""Rows read at a time: a build is never held in memory to be read."""


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """One example as it is trained on or evaluated.

    ``position`` counts from 0 in each split: the curriculum's order in train, articles' order in eval. ``repeat`` is 0
    for a pair's first row, ``wording`` names its system prompt's wording, ``tenths`` is the teacher's score.
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
    rows: Iterable[DatasetRow],
    *,
    digest: str,
    order_digest: str,
    teacher: str,
    params: dict[str, Any],
    summary: dict[str, Any],
    prompt_fingerprint: str,
) -> int:
    """Store a build whole and return its id; a build with the same digest is found, not stored again."""
    with store.write() as connection:
        known = connection.execute("SELECT id FROM datasets WHERE digest = ?", (digest,)).fetchone()
        if known is not None:
            return int(known["id"])
        cursor = connection.execute(
            "INSERT INTO datasets (digest, order_digest, teacher, params, summary, prompt_fingerprint, created_at,"
            " code_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(digest, order_digest, teacher, json.dumps(params, sort_keys=True)),
                *(json.dumps(summary, ensure_ascii=False), prompt_fingerprint, now(), code_version()),
            ),
        )
        dataset_id = int(cursor.lastrowid or 0)
        connection.executemany(
            "INSERT INTO dataset_examples (dataset_id, split, position, article_id, profile_id, request_id, repeat,"
            " wording, tenths, prompt, completion) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(dataset_id, row.split, row.position, row.article_id, row.profile_id, row.request_id),
                    *(row.repeat, row.wording, row.tenths, row.prompt, row.completion),
                )
                for row in rows
            ),
        )
    return dataset_id


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
            "SELECT split, position, article_id, profile_id, request_id, repeat, wording, tenths, prompt, completion"
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
        "SELECT split, position, article_id, profile_id, request_id, repeat, wording, tenths, prompt, completion"
        " FROM dataset_examples WHERE dataset_id = ? AND split = ? AND position = ?",
        (dataset_id, split, position),
    )
    return None if found is None else DatasetRow(**dict(found))


def count(store: Store, dataset_id: int, split: Split) -> int:
    """Return how many rows a split has."""
    return int(
        store.value("SELECT count(*) FROM dataset_examples WHERE dataset_id = ? AND split = ?", (dataset_id, split))
    )


def order_digest(rows: Iterable[DatasetRow]) -> str:
    """Return the digest over which pair stands where in the curriculum: SHA-256 over the rows in their order."""
    digest = hashlib.sha256()
    for each in rows:
        digest.update(f"{each.article_id}\0{each.profile_id}\0{each.repeat}\n".encode())
    return digest.hexdigest()


def content_digest(rows: Iterable[DatasetRow]) -> str:
    """Return the digest over everything that is trained on or evaluated, and nothing else: SHA-256 over the rows."""
    digest = hashlib.sha256()
    for each in rows:
        fields = (each.split, each.position, each.article_id, each.profile_id, each.repeat, each.wording, each.tenths)
        digest.update(json.dumps([*fields, each.prompt, each.completion], ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def asked(store: Store, request_ids: Sequence[int]) -> dict[int, Asked]:
    """Return what each request was asked with."""
    found = store.rows(
        "SELECT id, profile_digest, reference_date FROM requests WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(request_ids)),),
    )
    return {each["id"]: Asked(each["profile_digest"], date.fromisoformat(each["reference_date"])) for each in found}


def reference_dates(store: Store, dataset_id: int) -> dict[int, date]:
    """Return the day that each request of a build was judged on."""
    found = store.rows(
        "SELECT id, reference_date FROM requests WHERE id IN"
        " (SELECT request_id FROM dataset_examples WHERE dataset_id = ?)",
        (dataset_id,),
    )
    return {each["id"]: date.fromisoformat(each["reference_date"]) for each in found}


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
