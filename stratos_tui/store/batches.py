"""Batches: the intent to create each is journalled before it is sent, and its name at the server after."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stratos_tui.store import ledger
from stratos_tui.store.db import Store, code_version, now
from stratos_tui.store.ledger import Caps, Pricing

Purpose = Literal["example", "pilot", "noise", "candidates"]
Way = Literal["batches", "live"]
BatchState = Literal["intended", "submitted", "ended", "ingested", "failed"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. ``run_token`` stands in every ``custom_id`` of its creation; times are ISO 8601 UTC.

    One that is submitted without ``submitted_at`` was adopted on an operator's word: its results have still to prove
    that it is ours. ``expires_at`` is the server's, ``polled_at`` when it was last looked at. One of the ``live`` way
    was never at a server: it is a sitting of single questions, under the same journal.
    """

    id: int
    teacher: str
    model: str
    simulated: bool
    run_token: str
    remote_id: str | None
    state: BatchState
    request_count: int
    succeeded: int
    errored: int
    expired: int
    canceled: int
    error: str
    intended_at: str
    submitted_at: str | None
    ended_at: str | None
    ingested_at: str | None
    purpose: Purpose
    way: Way
    sitting: str
    expires_at: str | None
    polled_at: str | None


@dataclass(frozen=True, slots=True)
class Intent:
    """A batch that is about to be created: by whom, of what, with what, and the most it can cost in nanodollars."""

    teacher: str
    model: str
    run_token: str
    request_ids: Sequence[int]
    prompt_fingerprint: str
    settings: str
    reservation: int
    purpose: Purpose = "example"
    way: Way = "batches"


def intend(store: Store, intent: Intent, pricing: Pricing, caps: Caps) -> int | None:
    """Journal that a batch is about to be created and hold its money, in one transaction; return its id.

    None, and nothing stored, where the reservation would pass a cap or somebody else has taken a request.
    """
    with store.write() as connection:
        connection.execute("SAVEPOINT intent")
        batch_id = connection.execute(
            "INSERT INTO batches (teacher, model, simulated, run_token, state, request_count, purpose, way, sitting,"
            " intended_at, code_version) VALUES (?, ?, ?, ?, 'intended', ?, ?, ?, ?, ?, ?)",
            (
                *(intent.teacher, intent.model, int(pricing.simulated), intent.run_token, len(intent.request_ids)),
                *(intent.purpose, intent.way, caps.sitting, now(), code_version()),
            ),
        ).lastrowid
        assert batch_id is not None
        taken = connection.executemany(
            "UPDATE requests SET batch_id = ?, prompt_fingerprint = ?, settings = ?"
            " WHERE id = ? AND state = 'planned' AND batch_id IS NULL",
            [(batch_id, intent.prompt_fingerprint, intent.settings, each) for each in intent.request_ids],
        ).rowcount
        held = taken == len(intent.request_ids) and ledger.reserve(
            connection, batch_id, intent.reservation, pricing, caps
        )
        if not held:
            connection.execute("ROLLBACK TO intent")
        connection.execute("RELEASE intent")
    return batch_id if held else None


def renew(store: Store, batch_id: int, run_token: str) -> None:
    """Journal that a batch which the server never got is about to be created again, under a new token."""
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET run_token = ?, intended_at = ? WHERE id = ? AND state = 'intended'",
            (run_token, now(), batch_id),
        )


def submitted(store: Store, batch_id: int, remote_id: str, expires_at: str | None = None) -> None:
    """Record that the server has a batch, and its name there."""
    _bind(store, batch_id, remote_id, expires_at, now())


def adopted(store: Store, batch_id: int, remote_id: str, expires_at: str | None = None) -> None:
    """Record that an operator takes a batch of the server for one of ours, until it is :func:`proven` or not."""
    _bind(store, batch_id, remote_id, expires_at, None)


def proven(store: Store, batch_id: int) -> None:
    """Record that an adopted batch is ours: its results carry its token."""
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET submitted_at = ? WHERE id = ? AND submitted_at IS NULL", (now(), batch_id)
        )


def disowned(store: Store, batch_id: int) -> None:
    """Record that an adopted batch was somebody else's: ours is an open intent again, its money held as before."""
    with store.write() as connection:
        changed = connection.execute(
            "UPDATE batches SET state = 'intended', remote_id = NULL, expires_at = NULL, ended_at = NULL,"
            " succeeded = 0, errored = 0, expired = 0, canceled = 0"
            " WHERE id = ? AND state IN ('submitted', 'ended') AND submitted_at IS NULL",
            (batch_id,),
        ).rowcount
        if changed:
            connection.execute(
                "UPDATE requests SET state = 'planned' WHERE batch_id = ? AND state = 'submitted'", (batch_id,)
            )


def polled(store: Store, batch_id: int, expires_at: str | None) -> None:
    """Record that a batch was looked at, and when the server gives it up."""
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET polled_at = ?, expires_at = coalesce(?, expires_at) WHERE id = ?",
            (now(), expires_at, batch_id),
        )


def refused(store: Store, batch_id: int, error: str) -> None:
    """Record that the server refused a batch: its requests wait again, and its money is free."""
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET state = 'failed', error = ?, ended_at = ? WHERE id = ?", (error, now(), batch_id)
        )
        connection.execute("UPDATE requests SET batch_id = NULL WHERE batch_id = ? AND state = 'planned'", (batch_id,))
        ledger.release(connection, batch_id, 1, 1)


def ended(store: Store, batch_id: int, succeeded: int, errored: int, expired: int, canceled: int) -> None:
    """Record that the server has ended a batch, and its counts."""
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET state = 'ended', succeeded = ?, errored = ?, expired = ?, canceled = ?, ended_at = ?"
            " WHERE id = ? AND state = 'submitted'",
            (succeeded, errored, expired, canceled, now(), batch_id),
        )


def ingested(store: Store, batch_id: int) -> None:
    """Record that every request of a batch has its answer stored; what is left of its reservation is let go."""
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET state = 'ingested', ingested_at = ? WHERE id = ? AND state = 'ended'", (now(), batch_id)
        )
        ledger.release(connection, batch_id, 1, 1)


def in_flight(store: Store, teacher: str) -> list[Batch]:
    """Return the batches at a server, or on their way there, that are not ingested yet; oldest first."""
    rows = store.rows(
        "SELECT * FROM batches WHERE teacher = ? AND way = 'batches'"
        " AND state IN ('intended', 'submitted', 'ended') ORDER BY id",
        (teacher,),
    )
    return [_batch(row) for row in rows]


def intents(store: Store, teacher: str) -> list[Batch]:
    """Return the batches whose creation nobody has confirmed, oldest first."""
    return [batch for batch in in_flight(store, teacher) if batch.state == "intended"]


def load(store: Store, teacher: str | None = None) -> list[Batch]:
    """Return all batches, or a teacher's, newest first."""
    rows = store.rows("SELECT * FROM batches WHERE ?1 IS NULL OR teacher = ?1 ORDER BY id DESC", (teacher,))
    return [_batch(row) for row in rows]


def remote_ids(store: Store) -> set[str]:
    """Return the names, at their servers, of all batches that are known to be ours."""
    return {row["remote_id"] for row in store.rows("SELECT remote_id FROM batches WHERE remote_id IS NOT NULL")}


def _bind(store: Store, batch_id: int, remote_id: str, expires_at: str | None, at: str | None) -> None:
    with store.write() as connection:
        connection.execute(
            "UPDATE batches SET state = 'submitted', remote_id = ?, expires_at = ?, submitted_at = ?"
            " WHERE id = ? AND state = 'intended'",
            (remote_id, expires_at, at, batch_id),
        )
        connection.execute(
            "UPDATE requests SET state = 'submitted' WHERE batch_id = ? AND state = 'planned'", (batch_id,)
        )


def _batch(row: sqlite3.Row) -> Batch:
    return Batch(
        id=row["id"],
        teacher=row["teacher"],
        model=row["model"],
        simulated=bool(row["simulated"]),
        run_token=row["run_token"],
        remote_id=row["remote_id"],
        state=row["state"],
        request_count=row["request_count"],
        succeeded=row["succeeded"],
        errored=row["errored"],
        expired=row["expired"],
        canceled=row["canceled"],
        error=row["error"],
        intended_at=row["intended_at"],
        submitted_at=row["submitted_at"],
        ended_at=row["ended_at"],
        ingested_at=row["ingested_at"],
        purpose=row["purpose"],
        way=row["way"],
        sitting=row["sitting"],
        expires_at=row["expires_at"],
        polled_at=row["polled_at"],
    )
