"""Answers as they came, kept before they are judged, and the one verdict on each."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stratos_tui.records import Tier
from stratos_tui.store import ledger
from stratos_tui.store.db import Store, code_version, now
from stratos_tui.store.ledger import Pricing


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request. ``cost`` is in nanodollars, None where nothing is billed.

    ``detail`` is a refusal's category or an error's words; ``raw`` is the line of results as it came.
    ``tokens_thinking`` is part of ``tokens_out``.
    """

    request_id: int
    result_type: str
    stop_reason: str
    detail: str
    model: str
    raw: str
    text: str
    tokens_in: int
    tokens_cache_write: int
    tokens_cache_read: int
    tokens_out: int
    cost: int | None
    tokens_thinking: int = 0


@dataclass(frozen=True, slots=True)
class Unjudged:
    """What judging needs of an answer."""

    request_id: int
    result_type: str
    stop_reason: str
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one answer. ``code`` is empty where it is accepted.

    ``span`` is the offending part of the answer's text, as (start, end) in characters; ``tenths`` is the score in
    tenths where one could be read; ``rules`` is the fingerprint of the rules and limits that were applied.
    """

    request_id: int
    accepted: bool
    code: str
    measured: str
    limits: str
    span: tuple[int, int]
    tenths: int | None
    reason: str
    trace: str
    tier: Tier | None
    words: int
    rules: str
    decided_by: Literal["rules", "operator"] = "rules"


def keep(store: Store, batch_id: int | None, answers: Sequence[Answer], pricing: Pricing | None) -> int:
    """Store answers, settle what they cost and let go of what was held for them, in one transaction.

    Return how many are new: a request that has its answer keeps it, and is not settled twice.
    """
    at = now()
    new = 0
    costs: list[tuple[int, int]] = []
    with store.write() as connection:
        for each in answers:
            stored = connection.execute(
                "INSERT INTO answers (request_id, result_type, stop_reason, detail, model, raw, text, tokens_in,"
                " tokens_cache_write, tokens_cache_read, tokens_out, tokens_thinking, received_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    *(each.request_id, each.result_type, each.stop_reason, each.detail, each.model),
                    *(each.raw, each.text),
                    *(each.tokens_in, each.tokens_cache_write, each.tokens_cache_read, each.tokens_out),
                    *(each.tokens_thinking, at),
                ),
            ).rowcount
            if not stored:
                continue
            new += 1
            connection.execute("UPDATE requests SET state = 'answered' WHERE id = ?", (each.request_id,))
            if each.cost is not None:
                costs.append((each.request_id, each.cost))
        if batch_id is not None and pricing is not None and new:
            ledger.settle(connection, batch_id, costs, pricing)
            ledger.release(connection, batch_id, *_progress(connection, batch_id))
    return new


def unjudged(store: Store, teacher: str, limit: int) -> list[Unjudged]:
    """Return the oldest answers that nobody has judged yet, at most ``limit``."""
    rows = store.rows(
        "SELECT request_id, result_type, stop_reason, detail, text FROM requests"
        " JOIN answers ON answers.request_id = requests.id"
        " WHERE teacher = ? AND state = 'answered' ORDER BY requests.id LIMIT ?",
        (teacher, limit),
    )
    return [Unjudged(**row) for row in rows]


def one(store: Store, request_id: int) -> Unjudged | None:
    """Return what judging needs of one request's answer, judged or not."""
    row = store.row(
        "SELECT request_id, result_type, stop_reason, detail, text FROM answers WHERE request_id = ?", (request_id,)
    )
    return None if row is None else Unjudged(**row)


def answered_ids(store: Store, batch_id: int) -> set[int]:
    """Return the requests of a batch that have an answer."""
    rows = store.rows(
        "SELECT request_id FROM answers JOIN requests ON requests.id = request_id WHERE batch_id = ?", (batch_id,)
    )
    return {row["request_id"] for row in rows}


def judge(store: Store, judgements: Sequence[tuple[Judgement, str]]) -> None:
    """Store verdicts, each with the state that its request takes, in one transaction; the latest counts."""
    at = now()
    with store.write() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO judgements (request_id, accepted, code, measured, limits, span_start, span_end,"
            " tenths, reason, trace, tier, words, rules, decided_by, judged_at, code_version)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(each.request_id, int(each.accepted), each.code, each.measured, each.limits, *each.span),
                    *(each.tenths, each.reason, each.trace, each.tier, each.words, each.rules, each.decided_by),
                    *(at, code_version()),
                )
                for each, _ in judgements
            ],
        )
        connection.executemany(
            "UPDATE requests SET state = ? WHERE id = ?", [(state, each.request_id) for each, state in judgements]
        )


def last_decision(store: Store) -> int | None:
    """Return the request that an operator decided last, if any decision stands."""
    found = store.value(
        "SELECT request_id FROM judgements WHERE decided_by = 'operator'"
        " ORDER BY judged_at DESC, request_id DESC LIMIT 1"
    )
    return None if found is None else int(found)


def _progress(connection: sqlite3.Connection, batch_id: int) -> tuple[int, int]:
    row = connection.execute(
        "SELECT count(answers.request_id) AS answered, count(*) AS requests FROM requests"
        " LEFT JOIN answers ON answers.request_id = requests.id WHERE batch_id = ?",
        (batch_id,),
    ).fetchone()
    return row["answered"], row["requests"]
