"""The journal of questions that are asked one at a time: each is marked as sent before it is, with its own money held.

A sitting is a row of ``batches`` of the way ``live``. What was sent and has no answer when its process is gone may have
been paid; what was held for it says how much at most.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from stratos_tui.store import answers, batches, ledger, requests
from stratos_tui.store.answers import Answer
from stratos_tui.store.batches import Intent
from stratos_tui.store.db import Store, now
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.store.requests import Request
from stratos_tui.store.word import what_counts_last

_SAID = (
    "SELECT requests.id AS request_id, reference_date, result_type, text, answers.tokens_in + tokens_cache_write"
    " + tokens_cache_read AS tokens_in, tokens_out, coalesce(nanodollars, 0) AS cost, accepted, code, measured,"
    " tenths, reason, trace FROM requests JOIN answers ON answers.request_id = requests.id"
    " JOIN judgements ON judgements.request_id = requests.id"
    " LEFT JOIN ledger ON ledger.request_id = requests.id AND ledger.kind = 'settle'"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a teacher answered to one question, and the verdict on it.

    ``tokens_in`` counts cached tokens too; ``cost`` is in nanodollars; ``tenths`` is None where no score can be read;
    ``code`` is empty where it is accepted.
    """

    request_id: int
    reference_date: date
    result_type: str
    text: str
    tokens_in: int
    tokens_out: int
    cost: int
    accepted: bool
    code: str
    measured: str
    tenths: int | None
    reason: str
    trace: str


def begin(store: Store, intent: Intent, held: Sequence[int], pricing: Pricing, caps: Caps) -> int | None:
    """Journal a sitting and hold, for each of its questions, the most that it can cost; return its id.

    ``held`` is in nanodollars, in the order of ``intent.request_ids``. None, and nothing stored, where that would pass
    a cap or somebody else has taken a question.
    """
    with store.write() as connection:
        whole = replace(intent, way="live", reservation=sum(held))
        batch_id = batches.intend(store, whole, pricing, caps)
        if batch_id is None:
            return None
        at = now()
        connection.execute(
            "UPDATE batches SET state = 'submitted', remote_id = ?, submitted_at = ? WHERE id = ?",
            (f"live-{intent.run_token}", at, batch_id),
        )
        # the same money, question by question: only so can it be let go of question by question
        connection.execute("DELETE FROM ledger WHERE batch_id = ?", (batch_id,))
        connection.executemany(
            "INSERT INTO ledger (batch_id, request_id, kind, nanodollars, simulated, priced_as, price_date, at)"
            " VALUES (?, ?, 'reserve', ?, ?, ?, ?, ?)",
            [
                (batch_id, request_id, amount, int(pricing.simulated), pricing.priced_as, pricing.price_date, at)
                for request_id, amount in zip(intent.request_ids, held, strict=True)
                if amount
            ],
        )
    return batch_id


def sending(store: Store, request_id: int) -> None:
    """Record that a question is about to be sent."""
    _move(store, request_id, "planned", "submitted")


def not_taken(store: Store, request_id: int) -> None:
    """Record that the server did not take a question: it waits again, in its sitting."""
    _move(store, request_id, "submitted", "planned")


def keep(store: Store, batch_id: int, answer: Answer, pricing: Pricing) -> bool:
    """Store one answer, settle what it cost and let go of what was held for it, in one transaction.

    Return whether it is new: a question that has its answer keeps it, and is not settled twice.
    """
    with store.write() as connection:
        if not answers.keep(store, batch_id, [answer], None):
            return False
        if answer.cost is not None:
            ledger.settle(connection, batch_id, [(answer.request_id, answer.cost)], pricing)
        connection.execute(
            "INSERT INTO ledger (batch_id, request_id, kind, nanodollars, simulated, priced_as, price_date, at)"
            " SELECT batch_id, request_id, 'release', nanodollars, simulated, priced_as, price_date, ? FROM ledger"
            " WHERE batch_id = ? AND request_id = ? AND kind = 'reserve'",
            (now(), batch_id, answer.request_id),
        )
    return True


def unanswered(store: Store, batch_id: int) -> dict[int, int]:
    """Return the questions of a sitting that were sent and have no answer, with what is held for each (nanodollars)."""
    rows = store.rows(
        "SELECT requests.id, coalesce(sum(nanodollars), 0) AS held FROM requests LEFT JOIN ledger"
        " ON ledger.batch_id = requests.batch_id AND ledger.request_id = requests.id AND kind = 'reserve'"
        " WHERE requests.batch_id = ? AND state = 'submitted' GROUP BY requests.id ORDER BY requests.id",
        (batch_id,),
    )
    return {row["id"]: row["held"] for row in rows}


def end(store: Store, batch_id: int) -> None:
    """End a sitting: what has no answer waits again outside it, and what is left of the money held is free."""
    with store.write() as connection:
        connection.execute(
            "UPDATE requests SET state = 'planned', batch_id = NULL"
            " WHERE batch_id = ? AND state IN ('planned', 'submitted')",
            (batch_id,),
        )
        counted = connection.execute(
            "SELECT count(*) AS requests, coalesce(sum(result_type = 'succeeded'), 0) AS succeeded"
            " FROM requests JOIN answers ON request_id = requests.id WHERE batch_id = ?",
            (batch_id,),
        ).fetchone()
        connection.execute(
            "UPDATE batches SET request_count = ?, error = ? WHERE id = ?",
            (counted["requests"], "" if counted["requests"] else "nothing was answered", batch_id),
        )
        batches.ended(store, batch_id, counted["succeeded"], counted["requests"] - counted["succeeded"], 0, 0)
        if counted["requests"]:
            batches.ingested(store, batch_id)
        else:
            connection.execute("UPDATE batches SET state = 'failed' WHERE id = ?", (batch_id,))
            ledger.release(connection, batch_id, 1, 1)


def open_sittings(store: Store, teacher: str) -> list[int]:
    """Return a teacher's sittings that were not ended, oldest first."""
    rows = store.rows(
        "SELECT id FROM batches WHERE teacher = ? AND way = 'live' AND state = 'submitted' ORDER BY id",
        (teacher,),
    )
    return [row["id"] for row in rows]


def attempts(store: Store, teacher: str, article_id: str, profile_id: str) -> list[Request]:
    """Return every question that a teacher was or is to be asked about a pair, in the order of its attempts."""
    rows = store.rows(
        "SELECT id FROM requests WHERE teacher = ? AND article_id = ? AND profile_id = ? ORDER BY attempt",
        (teacher, article_id, profile_id),
    )
    return [found for row in rows if (found := requests.get(store, row["id"]))]


def said(store: Store, request_id: int) -> Said | None:
    """Return what was answered to a question; None where nothing was, or it is not judged yet."""
    row = store.row(f"{_SAID} WHERE requests.id = ?", (request_id,))
    return None if row is None else _said(row)


def said_of_pair(store: Store, teacher: str, article_id: str, profile_id: str, profile_digest: str) -> list[Said]:
    """Return what a teacher answered about a pair, for this state of its profile, and was judged; errors left out.

    What counts most comes last: accepted before the others, and of those as :mod:`stratos_tui.store.word` says.
    """
    rows = store.rows(
        f"{_SAID} WHERE teacher = ? AND article_id = ? AND profile_id = ? AND profile_digest = ?"
        f" AND purpose = 'example' AND result_type = 'succeeded' ORDER BY accepted, {what_counts_last()}",
        (teacher, article_id, profile_id, profile_digest),
    )
    return [_said(row) for row in rows]


def _said(row: sqlite3.Row) -> Said:
    return Said(
        **(dict(row) | {"reference_date": date.fromisoformat(row["reference_date"]), "accepted": bool(row["accepted"])})
    )


def _move(store: Store, request_id: int, state: str, to: str) -> None:
    with store.write() as connection:
        connection.execute("UPDATE requests SET state = ? WHERE id = ? AND state = ?", (to, request_id, state))
