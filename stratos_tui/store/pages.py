"""Pages any named listing of the store, however long: the first page at once, any page in about a millisecond.

Unfiltered, a listing's first pages come by LIMIT. :meth:`Listing.count` then writes the keys in order into a temporary
table of a connection of its own (about 130 ms for a million rows on an indexed order), and from then on a page is a
range of positions. Listing names, orders and scopes are looked up in a fixed table; a filter is only ever a bound
parameter.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store
from stratos_tui.store.searching import every_word, like

Record = Mapping[str, Any]
"""One record of a page: ``key`` names it across refreshes, the other columns are the listing's."""


@dataclass(frozen=True, slots=True)
class _Spec:
    base: str
    """The tables that decide which rows there are."""
    ids: tuple[str, ...]
    """Expressions over ``base`` that find a row again, quickly."""
    key: str
    """The expression that names a row to everybody else."""
    columns: str
    orders: Mapping[str, str]
    """The first is the default."""
    joins: str = ""
    """Tables that only the columns and the filter need: each joins exactly one row."""
    where: str = "1"
    filter: str = "0"
    """The condition on ``:filter`` (:func:`stratos_tui.store.searching.like`), for each word of a filter."""
    scopes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


_VERDICTS = _Spec(
    base="judgements j JOIN requests r ON r.id = j.request_id AND r.purpose = 'example'",
    ids=("j.request_id",),
    key="j.request_id",
    columns="r.id, r.article_id, a.title, r.profile_id, r.teacher, r.attempt, r.state, j.code, j.measured,"
    " j.limits, j.tenths, j.words, j.decided_by, j.judged_at, j.edited IS NOT NULL AS edited, EXISTS (SELECT 1"
    " FROM requests o WHERE o.article_id = r.article_id AND o.profile_id = r.profile_id AND o.teacher = r.teacher"
    " AND (o.state = 'accepted' OR o.attempt > r.attempt AND o.state IN ('planned', 'submitted', 'answered'))"
    ") AS resolved",
    joins="JOIN articles a ON a.id = r.article_id JOIN answers w ON w.request_id = j.request_id",
    where="j.accepted = 0 AND r.state = 'rejected'",
    filter=like("a.title", "r.profile_id", "r.teacher", "j.code", "j.reason", "w.text"),
    orders={"reason": "j.code, j.request_id", "newest": "j.request_id DESC", "oldest": "j.request_id"},
    scopes={"code": "j.code = :code", "teacher": "r.teacher = :teacher"},
)
"""Answers that were not accepted, with all that is searched when somebody looks for one."""

_LISTINGS: Mapping[str, _Spec] = {
    "articles": _Spec(
        base="articles a",
        ids=("a.seq",),
        key="a.id",
        columns="a.seq, a.title, a.source, a.source_type, a.category, a.collection, a.published, a.fetched,"
        " a.deadline, a.split, a.near_duplicate_of, a.added_at,"
        " (SELECT count(*) FROM labels l WHERE l.article_id = a.id AND l.origin = 'operator') AS labelled",
        filter=like("a.title", "a.source", "a.id"),
        orders={
            "newest": "a.seq DESC",
            "oldest": "a.seq",
            "title": "a.title COLLATE NOCASE, a.seq",
            "split": "a.split, a.seq",
        },
        scopes={"collection": "a.collection = :collection", "split": "a.split = :split"},
    ),
    "profiles": _Spec(
        base="profiles p",
        ids=("p.rowid",),
        key="p.id",
        columns="p.id, p.kind, p.role, p.location, p.seniority, p.context, p.origin, p.digest, p.updated_at,"
        " (SELECT count(*) FROM profile_revisions v WHERE v.profile_id = p.id) AS revisions",
        filter=like("p.id", "p.role", "p.location", "p.context"),
        orders={"shipped": "p.rowid", "name": "p.id", "kind": "p.kind, p.id"},
        scopes={"kind": "p.kind = :kind"},
    ),
    "requests": _Spec(
        base="requests r",
        ids=("r.id",),
        key="r.id",
        columns="r.id, r.article_id, a.title, r.profile_id, r.teacher, r.attempt, r.state, r.batch_id, r.planned_at,"
        " j.tenths, j.code, j.reason, j.tier, j.words",
        joins="JOIN articles a ON a.id = r.article_id LEFT JOIN judgements j ON j.request_id = r.id",
        filter=like("a.title", "r.profile_id", "r.teacher"),
        orders={"newest": "r.id DESC", "oldest": "r.id", "state": "r.state, r.id"},
        scopes={
            "state": "r.state = :state",
            "teacher": "r.teacher = :teacher",
            "batch": "r.batch_id = :batch",
            "profile": "r.profile_id = :profile",
        },
    ),
    "rejections": _VERDICTS,
    "decisions": replace(
        _VERDICTS,
        where="j.decided_by = 'operator'",
        orders={"newest": "j.judged_at DESC, j.request_id DESC", "oldest": "j.judged_at, j.request_id"},
    ),
    "batches": _Spec(
        base="batches b",
        ids=("b.id",),
        key="b.id",
        columns="b.id, b.teacher, b.model, b.simulated, b.remote_id, b.state, b.request_count, b.succeeded, b.errored,"
        " b.expired, b.canceled, b.error, b.intended_at, b.submitted_at, b.ended_at, b.ingested_at",
        filter=like("b.teacher", "b.model", "b.state", "b.remote_id"),
        orders={"newest": "b.id DESC", "oldest": "b.id"},
        scopes={"teacher": "b.teacher = :teacher"},
    ),
    "datasets": _Spec(
        base="datasets d",
        ids=("d.id",),
        key="d.id",
        columns="d.id, d.digest, d.teacher, d.params, d.summary, d.created_at,"
        " (SELECT count(*) FROM dataset_rows e WHERE e.dataset_id = d.id AND e.split = 'train') AS train,"
        " (SELECT count(*) FROM dataset_rows e WHERE e.dataset_id = d.id AND e.split = 'eval') AS eval",
        filter=like("d.digest", "d.teacher"),
        orders={"newest": "d.id DESC", "oldest": "d.id"},
    ),
    "dataset_examples": _Spec(
        base="dataset_examples e",
        ids=("e.dataset_id", "e.split", "e.position"),
        key="e.dataset_id || '/' || e.split || '/' || e.position",
        columns="e.split, e.position, e.article_id, a.title, e.profile_id, e.repeat, e.wording, e.tenths, e.prompt,"
        " e.completion",
        joins="LEFT JOIN articles a ON a.id = e.article_id",
        filter=like("a.title", "e.profile_id", "e.completion"),
        orders={
            "curriculum": "e.dataset_id, e.split DESC, e.position",
            "score": "e.tenths DESC, e.split DESC, e.position",
            "profile": "e.profile_id, e.split DESC, e.position",
        },
        scopes={"dataset": "e.dataset_id = :dataset", "split": "e.split = :split"},
    ),
    "runs": _Spec(
        base="runs u",
        ids=("u.id",),
        key="u.id",
        columns="u.id, u.dataset_id, u.base, u.state, u.step, u.total_steps, u.metrics, u.error, u.created_at,"
        " u.started_at, u.ended_at, (SELECT t.loss FROM telemetry t WHERE t.run_id = u.id AND t.split = 'train'"
        " ORDER BY t.step DESC LIMIT 1) AS loss",
        filter=like("u.base", "u.state"),
        orders={"newest": "u.id DESC", "oldest": "u.id"},
        scopes={"dataset": "u.dataset_id = :dataset"},
    ),
    "scores": _Spec(
        base="scores s",
        ids=("s.id",),
        key="s.id",
        columns="s.id, s.article_id, a.title, s.profile_id, s.scorer, s.tenths, s.reason, s.error, s.latency_ms,"
        " s.tokens_in, s.tokens_out, s.reference_date, s.scored_at",
        joins="JOIN articles a ON a.id = s.article_id",
        filter=like("a.title", "s.profile_id", "s.scorer", "s.reason"),
        orders={"newest": "s.id DESC", "oldest": "s.id", "score": "s.tenths DESC, s.id"},
        scopes={
            "scorer": "s.scorer = :scorer",
            "profile": "s.profile_id = :profile",
            "article": "s.article_id = :article",
        },
    ),
    "evaluations": _Spec(
        base="evaluations v",
        ids=("v.id",),
        key="v.id",
        columns="v.id, v.scorer, v.dataset_id, v.run_id, v.verdict, v.result, v.created_at",
        filter=like("v.scorer", "v.verdict"),
        orders={"newest": "v.id DESC", "oldest": "v.id"},
        scopes={"scorer": "v.scorer = :scorer"},
    ),
}

NAMES: tuple[str, ...] = tuple(_LISTINGS)


def orders(name: str) -> tuple[str, ...]:
    """Return the names of a listing's orders, the default first."""
    return tuple(_spec(name).orders)


class Listing:
    """One listing under one filter and one order. Safe to use from several threads; close it when done.

    ``scope`` narrows it by fixed columns (``{"dataset": 3}``); a None value does not narrow. Rows that come or go after
    :meth:`count` do not move the others: make a new listing to see them.

    Raises:
        StratosError: no such listing, order or scope.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        filter: str = "",
        order: str = "",
        scope: Mapping[str, str | int | None] | None = None,
    ) -> None:
        spec = _spec(name)
        self._store = store
        self._spec = spec
        narrowed = {column: value for column, value in (scope or {}).items() if value is not None}
        if unknown := (narrowed.keys() - spec.scopes.keys()) or ({order} - spec.orders.keys() - {""}):
            raise StratosError(f"the listing {name} has no scope or order named {', '.join(sorted(unknown))}")
        self._order = spec.orders[order or next(iter(spec.orders))]
        self._values: dict[str, Any] = dict(narrowed)
        conditions = [spec.where, *(spec.scopes[column] for column in narrowed)]
        self._from = f"{spec.base} {spec.joins}"
        self._decides = spec.base
        searched, words = every_word(spec.filter, filter)
        self._filtered = bool(searched)
        if searched:
            conditions += searched
            self._decides = self._from
            self._values |= words
            # few rows match, so sorting them is cheap, while walking all rows in an index's order is not: the plus
            # signs keep the planner from it
            self._order = ", ".join(f"+{term}" for term in self._order.split(", "))
        self._where = " AND ".join(conditions)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._count: int | None = None
        self._closed = False

    def count(self) -> int:
        """Return how many rows there are, fixing their order; pages are fast from here on."""
        with self._lock:
            if self._count is None and not self._closed:
                self._count = self._fix_order()
            return self._count or 0

    def page(self, first: int, n: int) -> list[Record]:
        """Return ``n`` records from position ``first`` (0 is the top), fewer at the end."""
        with self._lock:
            if self._closed:
                return []
            if self._count is None and self._filtered:
                self._count = self._fix_order()
            if self._connection is None or self._count is None:
                # bare column names come from the fixed table above
                rows = self._store.rows(
                    f"SELECT {self._spec.key} AS key, {self._spec.columns} FROM {self._from}"  # noqa: S608
                    f" WHERE {self._where} ORDER BY {self._order} LIMIT :n OFFSET :first",
                    {**self._values, "n": n, "first": first},
                )
            else:
                # CROSS JOIN keeps the short range of positions on the outside, whatever the planner thinks
                rows = self._connection.execute(
                    f"SELECT {self._spec.key} AS key, {self._spec.columns}"  # noqa: S608
                    f" FROM temp.ordered o CROSS JOIN {self._from}"
                    " WHERE o.position > :first AND o.position <= :last"
                    f" AND {self._same_ids} ORDER BY o.position",
                    {"first": first, "last": first + n},
                ).fetchall()
            return [dict(row) for row in rows]

    def position(self, key: Hashable) -> int | None:
        """Return the position of the row with this key, None where the listing does not hold it."""
        self.count()
        with self._lock:
            if self._connection is None:
                return None
            row = self._connection.execute(
                f"SELECT o.position FROM {self._spec.base} JOIN temp.ordered o ON {self._same_ids}"  # noqa: S608
                f" WHERE {self._spec.key} = :key",
                {"key": key},
            ).fetchone()
            return None if row is None else int(row[0]) - 1

    def keys(self) -> list[Hashable]:
        """Return the keys of all rows, in order."""
        self.count()
        with self._lock:
            if self._connection is None:
                return []
            rows = self._connection.execute(
                f"SELECT {self._spec.key} AS key FROM temp.ordered o CROSS JOIN {self._spec.base}"  # noqa: S608
                f" WHERE {self._same_ids} ORDER BY o.position"
            )
            return [row[0] for row in rows]

    def close(self) -> None:
        """Let go of the connection; a count still under way in another thread is cut short."""
        self._closed = True
        connection = self._connection
        if connection is not None:
            connection.interrupt()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @property
    def _same_ids(self) -> str:
        return " AND ".join(f"{column} = o.i{at}" for at, column in enumerate(self._spec.ids))

    def _fix_order(self) -> int:
        connection = self._connection = self._store.connect()
        names = ", ".join(f"i{at}" for at in range(len(self._spec.ids)))
        try:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"CREATE TEMP TABLE ordered (position INTEGER PRIMARY KEY, {names})")
            cursor = connection.execute(
                f"INSERT INTO temp.ordered ({names}) SELECT {', '.join(self._spec.ids)}"  # noqa: S608
                f" FROM {self._decides} WHERE {self._where} ORDER BY {self._order}",
                self._values,
            )
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.OperationalError:
            if self._closed:
                return 0
            raise
        return cursor.rowcount


def _spec(name: str) -> _Spec:
    try:
        return _LISTINGS[name]
    except KeyError:
        raise StratosError(f"there is no listing named {name}; there are: {', '.join(NAMES)}") from None
