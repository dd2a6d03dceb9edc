"""Streams what a build may be made from, article by article, and what two builds are compared by, pair by pair."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from stratos_tui.records import LabelOrigin, Split
from stratos_tui.store.datasets import older_id
from stratos_tui.store.db import Store
from stratos_tui.store.word import by_operator, what_counts_last

FETCH = 2_000
"""Rows fetched at a time: they are never all in memory."""

_ACCEPTED = (
    " FROM articles a CROSS JOIN profiles p CROSS JOIN requests r ON r.article_id = a.id AND r.profile_id = p.id"
    " AND r.teacher = ? JOIN judgements j ON j.request_id = r.id"
    " WHERE r.state = 'accepted' AND r.purpose = 'example' AND r.profile_digest = p.digest"
)
_ABOVE_ATTEMPTS = 1_000_000
"""More than any pair was ever asked: an operator's word stands above every attempt that rules accepted."""


class Source(NamedTuple):
    """One scored pair with its trace, as it may become a row. ``day`` is an ISO day, None where none is stored.

    ``request_id`` is below 0 where no request made it (:func:`stratos_tui.store.datasets.older_id`). ``grammar`` is
    that of the trace: ``prism`` for a teacher's.
    """

    request_id: int
    article_id: str
    profile_id: str
    tenths: int
    reason: str
    trace: str
    day: str | None
    grammar: str


def accepted(store: Store, teacher: str) -> Iterator[Source]:
    """Yield a teacher's accepted traces, one a pair, by article and profile in the order in which those came.

    Of several accepted attempts at a pair an operator's word counts before a rule's, and then the later one. An answer
    about an earlier state of its profile is left out: it would teach a text that is rendered no more.
    """
    cursor = store.read.execute(
        "SELECT r.id, r.article_id, r.profile_id, j.tenths, j.reason, j.trace, r.reference_date, 'prism'"
        + _ACCEPTED
        + f" ORDER BY a.seq, p.rowid, {what_counts_last('j', 'r')}",
        (teacher,),
    )
    last: Source | None = None
    while rows := cursor.fetchmany(FETCH):
        for fields in rows:
            source = Source._make(fields)
            if last is not None and (last.article_id, last.profile_id) != (source.article_id, source.profile_id):
                yield last
            last = source
    if last is not None:
        yield last


def accepted_scores(store: Store, teacher: str) -> dict[tuple[Split | None, int], int]:
    """Return how many pairs of :func:`accepted` each split has at each score in tenths, without reading a trace."""
    rows = store.rows(
        "SELECT split, tenths, count(*) AS n FROM (SELECT a.split AS split, j.tenths AS tenths,"  # noqa: S608
        f" max({by_operator('j')} * {_ABOVE_ATTEMPTS} + r.attempt)"
        + _ACCEPTED
        + " GROUP BY a.seq, p.rowid) GROUP BY split, tenths",
        (teacher,),
    )
    return {(row["split"], row["tenths"]): row["n"] for row in rows}


def labelled(store: Store, origin: LabelOrigin) -> Iterator[Source]:
    """Yield the labels of one origin, by article and profile in the order in which those came."""
    cursor = store.read.execute(
        "SELECT l.article_id, l.profile_id, l.tenths, l.reason, l.trace, coalesce(a.fetched, a.published), l.grammar"
        " FROM articles a CROSS JOIN profiles p CROSS JOIN labels l ON l.article_id = a.id AND l.profile_id = p.id"
        " WHERE l.origin = ? ORDER BY a.seq, p.rowid",
        (origin,),
    )
    while rows := cursor.fetchmany(FETCH):
        for row in rows:
            yield Source(older_id(row[0], row[1]), *row)


class PairRows(NamedTuple):
    """What a build makes of one pair: its split, how many rows it has, what the first weighs and says."""

    article_id: str
    profile_id: str
    split: Split
    rows: int
    tenths: int
    weight: float
    text: bytes
    """A digest over prompt and completion."""


def pair_rows(store: Store, dataset_id: int) -> Iterator[PairRows]:
    """Yield a build's pairs by the ids of article and profile; only digests of their text are sorted."""
    with closing(store.connect()) as connection:
        connection.row_factory = None
        connection.create_function("text_digest", 2, _text_digest, deterministic=True)
        cursor = connection.execute(
            "SELECT article_id, profile_id, split, count(*), tenths, weight, said, min(repeat) FROM"
            " (SELECT article_id, profile_id, split, repeat, tenths, weight,"
            " CASE repeat WHEN 0 THEN text_digest(prompt, completion) END AS said"
            " FROM dataset_examples WHERE dataset_id = ?)"
            " GROUP BY article_id, profile_id, split ORDER BY article_id, profile_id, split",
            (dataset_id,),
        )
        while rows := cursor.fetchmany(FETCH):
            for row in rows:
                yield PairRows._make(row[:7])


def _text_digest(prompt: str, completion: str) -> bytes:
    return hashlib.sha256(f"{prompt}\0{completion}".encode()).digest()[:16]
