"""Answers as they came, kept before they are judged, and the one verdict on each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from stratos_tui.records import Article, Tier
from stratos_tui.store import articles, ledger
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
    """What judging needs of an answer. Without the article and the day, what is said of them is not judged."""

    request_id: int
    result_type: str
    stop_reason: str
    detail: str
    text: str
    article: Article | None = None
    reference_date: date | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one answer. ``code`` is empty where it is accepted.

    ``span`` is the offending part of the answer's text, as (start, end) in characters; ``tenths`` is the score in
    tenths where one could be read; ``rules`` is the fingerprint of the rules and limits that were applied. ``edited``
    is what an operator, the ``editor``, wrote in the answer's place: score, reason and trace are then read from it.
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
    edited: str | None = None
    editor: str = ""


def keep(store: Store, batch_id: int | None, answers: Sequence[Answer], pricing: Pricing | None) -> int:
    """Store answers, settle what they cost and let go of what was held for them, in one transaction.

    Return how many are new: a request that has its answer keeps it, and is not settled twice.
    """
    at = now()
    first = {each.request_id: each for each in reversed(answers)}
    with store.write() as connection:
        rows = connection.execute(
            "SELECT request_id FROM answers WHERE request_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(first)),),
        )
        known = {row["request_id"] for row in rows}
        new = [first[each] for each in sorted(first.keys() - known)]
        if not new:
            return 0
        connection.executemany(
            "INSERT INTO answers (request_id, result_type, stop_reason, detail, model, raw, text, tokens_in,"
            " tokens_cache_write, tokens_cache_read, tokens_out, tokens_thinking, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(each.request_id, each.result_type, each.stop_reason, each.detail, each.model),
                    *(each.raw, each.text),
                    *(each.tokens_in, each.tokens_cache_write, each.tokens_cache_read, each.tokens_out),
                    *(each.tokens_thinking, at),
                )
                for each in new
            ],
        )
        connection.execute(
            "UPDATE requests SET state = 'answered' WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([each.request_id for each in new]),),
        )
        if batch_id is not None and pricing is not None:
            costs = [(each.request_id, each.cost) for each in new if each.cost is not None]
            ledger.settle(connection, batch_id, costs, pricing)
            ledger.release_more(connection, batch_id, len(new))
    return len(new)


def waiting(store: Store, teacher: str, limit: int, after: int = 0) -> list[int]:
    """Return the requests, after one, whose answers nobody has judged yet: the oldest, at most ``limit``."""
    rows = store.rows(
        "SELECT id FROM requests WHERE teacher = ? AND state = 'answered' AND id > ? ORDER BY id LIMIT ?",
        (teacher, after, limit),
    )
    return [row["id"] for row in rows]


def outdated(store: Store, rules: str, limit: int, after: int = 0) -> list[int]:
    """Return the requests, after one, that rules judged and not these: the oldest, at most ``limit``.

    ``rules`` is the fingerprint of the rules that should have judged them.
    """
    rows = store.rows(
        "SELECT request_id FROM judgements WHERE decided_by = 'rules' AND rules != ? AND request_id > ?"
        " ORDER BY request_id LIMIT ?",
        (rules, after, limit),
    )
    return [row["request_id"] for row in rows]


def outdated_counts(store: Store, rules: str) -> dict[str, int]:
    """Return, by who decided, how many verdicts were reached by other rules than those of this fingerprint."""
    rows = store.rows("SELECT decided_by, count(*) AS n FROM judgements WHERE rules != ? GROUP BY decided_by", (rules,))
    return {row["decided_by"]: row["n"] for row in rows}


def to_judge(store: Store, request_ids: Sequence[int]) -> list[Unjudged]:
    """Return what judging needs of these requests' answers, judged or not, by request; each article is read once."""
    rows = store.rows(
        "SELECT request_id, result_type, stop_reason, detail, text, article_id, reference_date FROM answers"
        " JOIN requests ON requests.id = request_id WHERE request_id IN (SELECT value FROM json_each(?))"
        " ORDER BY request_id",
        (json.dumps(list(request_ids)),),
    )
    about = {each.id: each for each in articles.load(store, sorted({row["article_id"] for row in rows}))}
    return [
        Unjudged(
            *(row["request_id"], row["result_type"], row["stop_reason"], row["detail"], row["text"]),
            about.get(row["article_id"]),
            date.fromisoformat(row["reference_date"]),
        )
        for row in rows
    ]


def one(store: Store, request_id: int) -> Unjudged | None:
    """Return what judging needs of one request's answer, judged or not."""
    return next(iter(to_judge(store, [request_id])), None)


def asked(store: Store, batch_id: int, custom_ids: Sequence[str]) -> dict[str, int]:
    """Return the requests of a batch that have these ids of their own."""
    rows = store.rows(
        "SELECT custom_id, id FROM requests WHERE batch_id = ? AND custom_id IN (SELECT value FROM json_each(?))",
        (batch_id, json.dumps(list(custom_ids))),
    )
    return {row["custom_id"]: row["id"] for row in rows}


def missing(store: Store, batch_id: int, limit: int) -> list[int]:
    """Return the first requests of a batch that have no answer, at most ``limit``."""
    rows = store.rows(
        "SELECT id FROM requests WHERE batch_id = ?"
        " AND NOT EXISTS (SELECT 1 FROM answers WHERE request_id = requests.id) ORDER BY id LIMIT ?",
        (batch_id, limit),
    )
    return [row["id"] for row in rows]


def judge(store: Store, judgements: Sequence[tuple[Judgement, str]], at: str | None = None) -> None:
    """Store verdicts, each with the state that its request takes, in one transaction; the latest counts.

    ``at`` is when they were reached, now unless it is given: verdicts of one time are taken back as one.
    """
    at = at or now()
    with store.write() as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO judgements (request_id, accepted, code, measured, limits, span_start, span_end,"
            " tenths, reason, trace, tier, words, rules, decided_by, edited, editor, judged_at, code_version)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(each.request_id, int(each.accepted), each.code, each.measured, each.limits, *each.span),
                    *(each.tenths, each.reason, each.trace, each.tier, each.words, each.rules, each.decided_by),
                    *(each.edited, each.editor, at, code_version()),
                )
                for each, _ in judgements
            ],
        )
        for state in {state for _, state in judgements}:
            connection.execute(
                "UPDATE requests SET state = ? WHERE id IN (SELECT value FROM json_each(?))",
                (state, json.dumps([each.request_id for each, own in judgements if own == state])),
            )


def judge_by_rules(store: Store, judgements: Sequence[tuple[Judgement, str]]) -> dict[int, bool | None]:
    """Store the rules' verdicts as :func:`judge` does, and drop those on what an operator has decided meanwhile.

    Return, for each request whose verdict was stored, whether its answer was accepted before; None where nobody had
    judged it.
    """
    with store.write() as connection:
        rows = connection.execute(
            "SELECT request_id, accepted, decided_by FROM judgements"
            " WHERE request_id IN (SELECT value FROM json_each(?))",
            (json.dumps([each.request_id for each, _ in judgements]),),
        ).fetchall()
        before = {row["request_id"]: bool(row["accepted"]) for row in rows}
        decided = {row["request_id"] for row in rows if row["decided_by"] == "operator"}
        kept = [(each, state) for each, state in judgements if each.request_id not in decided]
        judge(store, kept)
    return {each.request_id: before.get(each.request_id) for each, _ in kept}
