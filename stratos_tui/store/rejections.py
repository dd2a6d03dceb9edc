"""Reads for browsing rejections: counts by reason, the list, and one answer with its offending span."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from stratos_tui.store.db import Store


@dataclass(frozen=True, slots=True)
class Rejection:
    """An answer that was not accepted. ``tenths`` is its score in tenths where one could be read.

    ``state`` is its request's: ``discarded`` where an operator gave it up. ``resolved`` tells whether another attempt
    at the pair was accepted or is on its way.
    """

    request_id: int
    article_id: str
    profile_id: str
    title: str
    teacher: str
    attempt: int
    state: str
    code: str
    measured: str
    limits: str
    tenths: int | None
    words: int
    decided_by: str
    judged_at: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """A rejection with the answer itself; ``span`` is the offending part of ``text``, in characters."""

    rejection: Rejection
    text: str
    span: tuple[int, int]
    result_type: str
    stop_reason: str
    detail: str
    model: str
    reference_date: str


_ROWS = (
    "SELECT requests.id AS request_id, article_id, profile_id, title, teacher, attempt, state, code, measured, limits,"
    " tenths, words, decided_by, judged_at, EXISTS (SELECT 1 FROM requests AS other WHERE other.article_id ="
    " requests.article_id AND other.profile_id = requests.profile_id AND other.teacher = requests.teacher AND"
    " (other.state = 'accepted' OR other.attempt > requests.attempt AND other.state IN ('planned', 'submitted',"
    " 'answered'))) AS resolved {more} FROM judgements JOIN requests ON requests.id = judgements.request_id"
    " JOIN articles ON articles.id = article_id {join} WHERE NOT accepted AND purpose = 'example'"
)
_FIELDS = tuple(Rejection.__dataclass_fields__)


def counts(store: Store, teacher: str | None = None) -> dict[str, int]:
    """Return how many answers each reason code has rejected, the most frequent first."""
    rows = store.rows(
        "SELECT code, count(*) AS n FROM judgements JOIN requests ON requests.id = request_id"
        " WHERE NOT accepted AND purpose = 'example' AND (?1 IS NULL OR teacher = ?1)"
        " GROUP BY code ORDER BY n DESC, code",
        (teacher,),
    )
    return {row["code"]: row["n"] for row in rows}


def page(
    store: Store, *, code: str | None = None, teacher: str | None = None, after: int = 0, limit: int = 100
) -> list[Rejection]:
    """Return rejections by request, those after a request id, at most ``limit``; of one code where one is given."""
    sql = _ROWS.format(more="", join="") + (
        " AND (?1 IS NULL OR code = ?1) AND (?2 IS NULL OR teacher = ?2) AND requests.id > ?3"
        " ORDER BY requests.id LIMIT ?4"
    )
    return [_rejection(row) for row in store.rows(sql, (code, teacher, after, limit))]


def one(store: Store, request_id: int) -> RejectedAnswer | None:
    """Return one rejected answer with its text and offending span."""
    sql = _ROWS.format(
        more=", text, span_start, span_end, result_type, stop_reason, detail, model, reference_date",
        join="JOIN answers ON answers.request_id = requests.id",
    )
    row = store.row(f"{sql} AND requests.id = ?", (request_id,))
    if row is None:
        return None
    return RejectedAnswer(
        rejection=_rejection(row),
        text=row["text"],
        span=(row["span_start"], row["span_end"]),
        result_type=row["result_type"],
        stop_reason=row["stop_reason"],
        detail=row["detail"],
        model=row["model"],
        reference_date=row["reference_date"],
    )


def _rejection(row: sqlite3.Row) -> Rejection:
    return Rejection(**({name: row[name] for name in _FIELDS} | {"resolved": bool(row["resolved"])}))
