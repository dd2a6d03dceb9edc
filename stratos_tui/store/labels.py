"""Labels: scores of pairs by anything but this store's teacher, and the operator's labelling as undoable steps."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stratos_tui.records import Label, LabelOrigin
from stratos_tui.store.db import Store, now

_KEEP = (
    "INSERT INTO labels (article_id, profile_id, origin, tenths, reason, trace, grammar, provenance, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (article_id, profile_id, origin) DO NOTHING"
)
_REPLACE = (
    _KEEP.removesuffix("DO NOTHING") + "DO UPDATE SET tenths = excluded.tenths, reason = excluded.reason,"
    " trace = excluded.trace, grammar = excluded.grammar, provenance = excluded.provenance, at = excluded.at"
    " WHERE tenths != excluded.tenths OR reason != excluded.reason OR trace != excluded.trace"
)

_LAST_SEQ = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LabelChange:
    """One pair's operator label before and after a step, in tenths; None is no label."""

    article_id: str
    profile_id: str
    before: int | None
    after: int | None


def load(store: Store, origin: LabelOrigin) -> list[Label]:
    """Return all labels of one origin, by article and profile in the order in which those came."""
    rows = store.rows(
        "SELECT labels.* FROM labels JOIN articles ON articles.id = article_id"
        " JOIN profiles ON profiles.id = profile_id WHERE labels.origin = ? ORDER BY articles.seq, profiles.rowid",
        (origin,),
    )
    return [_label(row) for row in rows]


def for_article(store: Store, article_id: str) -> list[Label]:
    """Return the labels of one article, all origins, by profile in the order in which those came."""
    rows = store.rows(
        "SELECT labels.* FROM labels JOIN profiles ON profiles.id = profile_id WHERE article_id = ?"
        " ORDER BY profiles.rowid, labels.origin",
        (article_id,),
    )
    return [_label(row) for row in rows]


def counts(store: Store) -> dict[str, int]:
    """Return how many labels each origin has."""
    rows = store.rows("SELECT origin, count(*) AS n FROM labels GROUP BY origin ORDER BY origin")
    return {row["origin"]: row["n"] for row in rows}


def next_incomplete(store: Store, profile_ids: Sequence[str], after: str | None) -> str | None:
    """Return the first article behind ``after`` that lacks an operator label for one of the profiles.

    The search goes round to the start once; None when no article lacks one.
    """
    wanted = list(dict.fromkeys(profile_ids))
    start = store.value("SELECT seq FROM articles WHERE id = ?", (after,)) or 0
    for lowest, highest in ((start + 1, _LAST_SEQ), (0, start)):
        found = store.value(
            "SELECT a.id FROM articles a WHERE a.seq BETWEEN ? AND ? AND ? > (SELECT count(*) FROM labels l"
            " WHERE l.article_id = a.id AND l.origin = 'operator' AND l.profile_id IN (SELECT value FROM json_each(?)))"
            " ORDER BY a.seq LIMIT 1",
            (lowest, highest, len(wanted), json.dumps(wanted)),
        )
        if found is not None:
            return str(found)
    return None


def put_many(store: Store, labels: Sequence[Label], provenance: str, *, replace: bool = False) -> int:
    """Store labels in one transaction and return how many were new or changed.

    A pair that has a label of the same origin keeps it, unless ``replace``. ``provenance`` says where they came from.
    """
    at = now()
    with store.write() as connection:
        before = connection.total_changes
        connection.executemany(
            _REPLACE if replace else _KEEP,
            [
                (
                    *(each.article_id, each.profile_id, each.origin),
                    *(each.tenths, each.reason, each.trace, each.grammar, provenance, at),
                )
                for each in labels
            ],
        )
        return connection.total_changes - before


def set_operator_label(store: Store, article_id: str, profile_id: str, tenths: int | None) -> bool:
    """Set or (None) remove the operator's label of a pair, as one step; False when it is so already."""
    return bool(set_operator_labels(store, article_id, {profile_id: tenths}))


def set_operator_labels(store: Store, article_id: str, wanted: Mapping[str, int | None]) -> list[LabelChange]:
    """Set or (None) remove the operator's labels of one article by profile, as one step; return what changed."""
    with store.write() as connection:
        changes = [
            LabelChange(article_id, profile_id, before, after)
            for profile_id, after in wanted.items()
            if (before := _operator_tenths(connection, article_id, profile_id)) != after
        ]
        if not changes:
            return []
        at = now()
        step = connection.execute("SELECT coalesce(max(step), 0) + 1 FROM label_history").fetchone()[0]
        connection.executemany(
            "INSERT INTO label_history (step, article_id, profile_id, before, after, at) VALUES (?, ?, ?, ?, ?, ?)",
            [(step, each.article_id, each.profile_id, each.before, each.after, at) for each in changes],
        )
        for each in changes:
            _set(connection, each.article_id, each.profile_id, each.after, at)
    return changes


def undo_operator_label(store: Store) -> list[LabelChange]:
    """Take the operator's last step that is not undone back; return its changes as they were made, or none."""
    with store.write() as connection:
        rows = connection.execute(
            "SELECT * FROM label_history WHERE undone = 0"
            " AND step = (SELECT max(step) FROM label_history WHERE undone = 0) ORDER BY id"
        ).fetchall()
        at = now()
        for row in rows:
            _set(connection, row["article_id"], row["profile_id"], row["before"], at)
            connection.execute("UPDATE label_history SET undone = 1 WHERE id = ?", (row["id"],))
    return [LabelChange(row["article_id"], row["profile_id"], row["before"], row["after"]) for row in rows]


def _operator_tenths(connection: sqlite3.Connection, article_id: str, profile_id: str) -> int | None:
    row = connection.execute(
        "SELECT tenths FROM labels WHERE article_id = ? AND profile_id = ? AND origin = 'operator'",
        (article_id, profile_id),
    ).fetchone()
    return None if row is None else int(row["tenths"])


def _set(connection: sqlite3.Connection, article_id: str, profile_id: str, tenths: int | None, at: str) -> None:
    if tenths is None:
        connection.execute(
            "DELETE FROM labels WHERE article_id = ? AND profile_id = ? AND origin = 'operator'",
            (article_id, profile_id),
        )
        return
    connection.execute(
        "INSERT INTO labels (article_id, profile_id, origin, tenths, reason, trace, grammar, provenance, at)"
        " VALUES (?, ?, 'operator', ?, '', '', 'none', 'operator', ?)"
        " ON CONFLICT (article_id, profile_id, origin) DO UPDATE SET tenths = excluded.tenths, at = excluded.at",
        (article_id, profile_id, tenths, at),
    )


def _label(row: sqlite3.Row) -> Label:
    return Label(
        article_id=row["article_id"],
        profile_id=row["profile_id"],
        origin=row["origin"],
        tenths=row["tenths"],
        reason=row["reason"],
        trace=row["trace"],
        grammar=row["grammar"],
    )
