"""Reads for browsing rejections: counts by reason, the list, and one answer with its offending span."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from stratos_tui.store.db import Store
from stratos_tui.store.pages import Listing
from stratos_tui.store.searching import every_word, like


@dataclass(frozen=True, slots=True)
class Rejection:
    """An answer that was not accepted. ``tenths`` is its score in tenths where one could be read.

    ``state`` is its request's: ``discarded`` where an operator gave it up, ``accepted`` where one accepted it, as it is
    or edited by ``editor``. ``attempts`` counts all that were made at the pair. ``resolved`` tells whether another
    attempt at the pair was accepted or is on its way.
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
    editor: str
    attempts: int
    resolved: bool


@dataclass(frozen=True, slots=True)
class RejectedAnswer:
    """A rejection with the answer itself; ``span`` is the offending part of ``text``, in characters.

    ``edited`` is what an operator wrote in its place; ``repair`` is what the teacher had been told was wrong before.
    """

    rejection: Rejection
    text: str
    span: tuple[int, int]
    result_type: str
    stop_reason: str
    detail: str
    model: str
    reference_date: str
    edited: str | None
    repair: str


_ROWS = (
    "SELECT requests.id AS request_id, article_id, profile_id, title, teacher, attempt, state, code, measured, limits,"
    " tenths, words, decided_by, judged_at, editor, (SELECT count(*) FROM requests AS other WHERE other.article_id ="
    " requests.article_id AND other.profile_id = requests.profile_id AND other.teacher = requests.teacher"
    " AND other.purpose = 'example') AS attempts, EXISTS (SELECT 1 FROM requests AS other WHERE other.article_id ="
    " requests.article_id AND other.profile_id = requests.profile_id AND other.teacher = requests.teacher AND"
    " (other.state = 'accepted' OR other.attempt > requests.attempt AND other.state IN ('planned', 'submitted',"
    " 'answered'))) AS resolved {more} FROM judgements JOIN requests ON requests.id = judgements.request_id"
    " JOIN articles ON articles.id = article_id JOIN answers ON answers.request_id = requests.id"
    " WHERE (NOT accepted OR decided_by = 'operator') AND purpose = 'example'"
)
_SEARCHED = like("title", "profile_id", "teacher", "code", "reason", "text")
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
    store: Store,
    *,
    code: str | None = None,
    teacher: str | None = None,
    search: str = "",
    after: int = 0,
    limit: int = 100,
) -> list[Rejection]:
    """Return rejections by request, those after a request id, at most ``limit``.

    Of one code where one is given; ``search`` keeps those whose answer, article's title, profile, teacher or reason has
    all of its words.
    """
    searched, words = every_word(_SEARCHED, search)
    conditions = [
        "NOT accepted",
        "(:code IS NULL OR code = :code)",
        "(:teacher IS NULL OR teacher = :teacher)",
        "requests.id > :after",
        *searched,
    ]
    sql = f"{_ROWS.format(more='')} AND {' AND '.join(conditions)} ORDER BY requests.id LIMIT :limit"
    values = {"code": code, "teacher": teacher, "after": after, "limit": limit}
    return [_rejection(row) for row in store.rows(sql, values | words)]


def ids(store: Store, *, code: str | None = None, teacher: str | None = None, search: str = "") -> list[int]:
    """Return the requests of all rejected answers that wait for a decision, narrowed as :func:`page` is."""
    listing = Listing(store, "rejections", filter=search, order="oldest", scope={"code": code, "teacher": teacher})
    try:
        return [int(str(key)) for key in listing.keys()]  # noqa: SIM118
    finally:
        listing.close()


def one(store: Store, request_id: int) -> RejectedAnswer | None:
    """Return one answer that the rules rejected or an operator decided on, with its text and offending span."""
    sql = _ROWS.format(
        more=", text, span_start, span_end, result_type, stop_reason, detail, model, reference_date, edited, repair"
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
        edited=row["edited"],
        repair=row["repair"],
    )


def _rejection(row: sqlite3.Row) -> Rejection:
    return Rejection(**({name: row[name] for name in _FIELDS} | {"resolved": bool(row["resolved"])}))
