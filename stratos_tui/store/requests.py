"""Requests: one question to a teacher each, by pair and attempt, and where it stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from stratos_tui.store.db import Store, code_version, now

RequestState = Literal[
    "planned",
    "submitted",
    "answered",
    "accepted",
    "rejected",
    "errored",
    "expired",
    "canceled",
    "discarded",
]
RequestPurpose = Literal["example", "noise"]
OPEN: tuple[RequestState, ...] = ("planned", "submitted", "answered")
"""States in which a request still waits for something."""
FAILED: tuple[RequestState, ...] = ("rejected", "errored", "expired", "canceled")
"""States in which a pair may be asked again."""
PERMANENT: tuple[str, ...] = ("invalid_request_error", "request_too_large", "not_found_error")
"""Errors of a request that the same request meets again; the others (overloaded, timeout, ...) pass by themselves."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A question to be asked.

    ``repair`` tells the teacher what was wrong with the attempt before. One of the purpose ``noise`` asks an accepted
    pair again, to see how far the teacher agrees with itself; it never becomes an example.
    """

    article_id: str
    profile_id: str
    attempt: int
    custom_id: str
    reference_date: date
    profile_digest: str
    purpose: RequestPurpose = "example"
    repair: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A question as it is stored. ``profile_digest`` says which state of the profile it asks about.

    ``settings`` is JSON of what was asked for with it, as its batch was journalled.
    """

    id: int
    article_id: str
    profile_id: str
    teacher: str
    attempt: int
    custom_id: str
    state: RequestState
    batch_id: int | None
    reference_date: date
    profile_digest: str
    purpose: RequestPurpose
    repair: str
    settings: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a pair stands with a teacher, for its profile as it is now.

    ``state`` and ``request_id`` are the last attempt's; ``attempts`` counts those made for this state of the profile,
    ``last_attempt`` numbers all that were ever made. ``accepted`` tells whether any of the counted ones was.
    ``permanent`` says that the last attempt met an error which the same question would meet again, ``given_up`` that an
    operator discarded any of the counted ones. ``reference_date`` is the day of the last counted one, None without one.
    """

    request_id: int
    state: RequestState
    attempts: int
    last_attempt: int
    accepted: bool
    reference_date: date | None
    permanent: bool = False
    given_up: bool = False


def plan(store: Store, teacher: str, wanted: Sequence[NewRequest], prompt_fingerprint: str, settings: str) -> int:
    """Store questions in one transaction and return how many are new; one that is stored already stays as it is.

    Planned ones that were not sent, and ask about an earlier state of a profile, are dropped; so are those that ask the
    same for another day, and are stored anew.
    """
    at = now()
    with store.write() as connection:
        forget(
            connection,
            "teacher = ? AND profile_digest != (SELECT digest FROM profiles WHERE id = profile_id)",
            (teacher,),
        )
        days = json.dumps([[each.custom_id, each.reference_date.isoformat()] for each in wanted])
        forget(
            connection,
            "custom_id IN (SELECT value ->> 0 FROM json_each(?))"
            " AND (custom_id, reference_date) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
            (days, days),
        )
        before = connection.total_changes
        connection.executemany(
            "INSERT INTO requests (article_id, profile_id, teacher, attempt, custom_id, state, reference_date,"
            " profile_digest, prompt_fingerprint, settings, purpose, repair, planned_at, code_version)"
            " VALUES (?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (
                    *(each.article_id, each.profile_id, teacher, each.attempt, each.custom_id),
                    *(each.reference_date.isoformat(), each.profile_digest, prompt_fingerprint, settings),
                    *(each.purpose, each.repair, at, code_version()),
                )
                for each in wanted
            ],
        )
        return connection.total_changes - before


def standings(store: Store, teacher: str) -> dict[tuple[str, str], Standing]:
    """Return where each (article, profile) that this teacher was ever asked about stands.

    A pair that was asked only about an earlier state of its profile has no attempts and counts as canceled. What was
    asked for the noise floor counts in ``last_attempt`` alone.
    """
    found: dict[tuple[str, str], Standing] = {}
    for row in store.rows(
        "SELECT requests.id, article_id, profile_id, attempt, state, purpose, reference_date,"
        " profile_digest = digest AS current,"
        " coalesce(result_type, '') AS result_type, coalesce(stop_reason, '') AS stop_reason"
        " FROM requests JOIN profiles ON profiles.id = profile_id"
        " LEFT JOIN answers ON request_id = requests.id AND state = 'errored' WHERE teacher = ? ORDER BY attempt",
        (teacher,),
    ):
        pair = (row["article_id"], row["profile_id"])
        before = found.get(pair)
        if row["purpose"] == "noise":
            if before:
                found[pair] = replace(before, last_attempt=row["attempt"])
            continue
        state: RequestState = row["state"] if row["current"] else "canceled"
        found[pair] = Standing(
            request_id=row["id"],
            state=state,
            attempts=(before.attempts if before else 0) + (state != "canceled"),
            last_attempt=row["attempt"],
            accepted=(before.accepted if before else False) or state == "accepted",
            reference_date=(
                date.fromisoformat(row["reference_date"])
                if row["current"]
                else before.reference_date
                if before
                else None
            ),
            permanent=bool(row["current"]) and is_permanent(row["result_type"], row["stop_reason"]),
            given_up=(before.given_up if before else False) or state == "discarded",
        )
    return found


def is_permanent(result_type: str, stop_reason: str) -> bool:
    """Tell whether a request that came back like this would come back so again, were it asked as it is."""
    return result_type == "errored" and stop_reason in PERMANENT


def unsent(store: Store, teacher: str, purpose: RequestPurpose = "example") -> list[Request]:
    """Return the planned questions that belong to no batch yet, in the order in which they were planned."""
    rows = store.rows(
        "SELECT * FROM requests WHERE teacher = ? AND state = 'planned' AND batch_id IS NULL AND purpose = ?"
        " ORDER BY id",
        (teacher, purpose),
    )
    return [_request(row) for row in rows]


def on_their_way(store: Store, teacher: str) -> set[tuple[str, str]]:
    """Return the (article, profile) that were sent and are not judged yet."""
    rows = store.rows(
        "SELECT DISTINCT article_id, profile_id FROM requests WHERE teacher = ? AND purpose = 'example'"
        " AND (state IN ('submitted', 'answered') OR state = 'planned' AND batch_id IS NOT NULL)",
        (teacher,),
    )
    return {(row["article_id"], row["profile_id"]) for row in rows}


def asked_again(store: Store, teacher: str) -> set[tuple[str, str]]:
    """Return the (article, profile) that were asked for the noise floor, or wait for it, and did not fail at it."""
    rows = store.rows(
        "SELECT article_id, profile_id FROM requests JOIN profiles ON profiles.id = profile_id"
        " AND digest = profile_digest WHERE teacher = ? AND purpose = 'noise'"
        " AND state NOT IN ('errored', 'expired', 'canceled')",
        (teacher,),
    )
    return {(row["article_id"], row["profile_id"]) for row in rows}


def of_batch(store: Store, batch_id: int) -> list[Request]:
    """Return the questions of a batch, in the order in which they were planned."""
    return [_request(row) for row in store.rows("SELECT * FROM requests WHERE batch_id = ? ORDER BY id", (batch_id,))]


def get(store: Store, request_id: int) -> Request | None:
    """Return one question."""
    row = store.row("SELECT * FROM requests WHERE id = ?", (request_id,))
    return None if row is None else _request(row)


def counts(store: Store, teacher: str) -> dict[RequestState, int]:
    """Return how many of a teacher's questions are in each state."""
    rows = store.rows("SELECT state, count(*) AS n FROM requests WHERE teacher = ? GROUP BY state", (teacher,))
    return {row["state"]: row["n"] for row in rows}


def drop_unsent(store: Store, teacher: str) -> int:
    """Forget the planned questions that belong to no batch; return how many."""
    with store.write() as connection:
        return forget(connection, "teacher = ?", (teacher,))


def withdraw(store: Store, request_ids: Sequence[int]) -> int:
    """Forget the further attempts at the pairs of these questions that are planned and in no batch; return how many."""
    with store.write() as connection:
        return forget(
            connection,
            "EXISTS (SELECT 1 FROM requests AS first WHERE first.id IN (SELECT value FROM json_each(?))"
            " AND first.article_id = requests.article_id"
            " AND first.profile_id = requests.profile_id AND first.teacher = requests.teacher"
            " AND first.attempt < requests.attempt)",
            (json.dumps(list(request_ids)),),
        )


def forget(connection: sqlite3.Connection, condition: str, values: Sequence[object]) -> int:
    """Forget the planned questions in no batch that meet an SQL condition; return how many.

    What a sitting held for one of them and let go again stays in the ledger, as that sitting's alone.
    """
    unsent = f"SELECT id FROM requests WHERE state = 'planned' AND batch_id IS NULL AND {condition}"  # noqa: S608
    ids = json.dumps([row["id"] for row in connection.execute(unsent, values)])
    wanted = "(SELECT value FROM json_each(?))"
    connection.execute(f"UPDATE ledger SET request_id = NULL WHERE request_id IN {wanted}", (ids,))  # noqa: S608
    return connection.execute(f"DELETE FROM requests WHERE id IN {wanted}", (ids,)).rowcount  # noqa: S608


def _request(row: sqlite3.Row) -> Request:
    return Request(
        id=row["id"],
        article_id=row["article_id"],
        profile_id=row["profile_id"],
        teacher=row["teacher"],
        attempt=row["attempt"],
        custom_id=row["custom_id"],
        state=row["state"],
        batch_id=row["batch_id"],
        reference_date=date.fromisoformat(row["reference_date"]),
        profile_digest=row["profile_digest"],
        purpose=row["purpose"],
        repair=row["repair"],
        settings=row["settings"],
    )
