"""The ledger: money in integer nanodollars, reserved before a batch is sent and settled from usage after.

Amounts are never negative; the kind says which way they count. A simulated row was never paid by anybody, and the two
kinds of money are never added up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from stratos_tui.store.db import Store, now


@dataclass(frozen=True, slots=True)
class Pricing:
    """Whose list price, of when, an amount was worked out by; whether it was really paid."""

    priced_as: str
    price_date: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Spend:
    """``settled`` is what answers cost; ``held`` is reserved for what is in flight. Both in nanodollars."""

    settled: int
    held: int


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be settled and held, in nanodollars; None bounds nothing.

    ``total`` bounds all money of one kind in the store; ``own`` what the batches of one ``sitting`` come to.
    """

    total: int | None = None
    own: int | None = None
    sitting: str = ""


def room(connection: sqlite3.Connection, caps: Caps, *, simulated: bool) -> int | None:
    """Return how much more may be held under both caps, in nanodollars; None where nothing bounds it."""
    left = []
    if caps.total is not None:
        known = _spend(connection, simulated)
        left.append(caps.total - known.settled - known.held)
    if caps.own is not None:
        known = _spend_of(connection, caps.sitting, simulated)
        left.append(caps.own - known.settled - known.held)
    return min(left, default=None)


def spend(store: Store, *, simulated: bool) -> Spend:
    """Return all money of one kind in this store."""
    return _spend(store.read, simulated)


def spend_of_sitting(store: Store, sitting: str, *, simulated: bool) -> Spend:
    """Return the money of one kind that the batches of one sitting came to."""
    return _spend_of(store.read, sitting, simulated)


def spend_by_teacher(store: Store, teacher: str) -> Spend:
    """Return a teacher's money, in nanodollars."""
    row = store.row(
        "SELECT coalesce(sum(CASE kind WHEN 'settle' THEN nanodollars END), 0) AS settled,"
        " coalesce(sum(CASE kind WHEN 'reserve' THEN nanodollars WHEN 'release' THEN -nanodollars END), 0) AS held"
        " FROM ledger JOIN batches ON batches.id = batch_id WHERE batches.teacher = ?",
        (teacher,),
    )
    return Spend(row["settled"], row["held"]) if row else Spend(0, 0)


def reserve(connection: sqlite3.Connection, batch_id: int, amount: int, pricing: Pricing, caps: Caps) -> bool:
    """Hold ``amount`` for a batch, inside the caller's transaction; False, with nothing held, if a cap forbids it."""
    left = room(connection, caps, simulated=pricing.simulated)
    if left is not None and amount > left:
        return False
    _add(connection, "reserve", batch_id, None, amount, pricing)
    return True


def settle(
    connection: sqlite3.Connection, batch_id: int, costs: Sequence[tuple[int | None, int]], pricing: Pricing
) -> None:
    """Book what answers cost, as (request id, nanodollars), inside the caller's transaction.

    An answer to a question that is no request has no request id: whoever books it sees to it that it is booked once.
    """
    at = now()
    connection.executemany(
        "INSERT INTO ledger (batch_id, request_id, kind, nanodollars, simulated, priced_as, price_date, at)"
        " VALUES (?, ?, 'settle', ?, ?, ?, ?, ?)",
        [
            (batch_id, request_id, cost, int(pricing.simulated), pricing.priced_as, pricing.price_date, at)
            for request_id, cost in costs
        ],
    )


def release(connection: sqlite3.Connection, batch_id: int, answered: int, of: int) -> None:
    """Let go of the share of a batch's reservation that its answered requests held, inside the caller's transaction.

    The whole reservation is gone exactly when ``answered`` equals ``of``.
    """
    row = connection.execute(
        "SELECT coalesce(sum(CASE kind WHEN 'reserve' THEN nanodollars END), 0) AS reserved,"
        " coalesce(sum(CASE kind WHEN 'release' THEN nanodollars END), 0) AS released,"
        " max(priced_as) AS priced_as, max(price_date) AS price_date, max(simulated) AS simulated"
        " FROM ledger WHERE batch_id = ? AND kind IN ('reserve', 'release')",
        (batch_id,),
    ).fetchone()
    amount = row["reserved"] * answered // of - row["released"]
    if amount > 0:
        pricing = Pricing(row["priced_as"], row["price_date"], bool(row["simulated"]))
        _add(connection, "release", batch_id, None, amount, pricing)


def release_more(connection: sqlite3.Connection, batch_id: int, answered: int) -> None:
    """Let go of what so many further answered requests of a batch held, inside the caller's transaction.

    How many were answered before is worked out from what was let go: no count over the batch is needed. Where a
    request held less than a nanodollar, the last part is let go with the batch itself.
    """
    row = connection.execute(
        "SELECT coalesce(sum(CASE kind WHEN 'reserve' THEN nanodollars END), 0) AS reserved,"
        " coalesce(sum(CASE kind WHEN 'release' THEN nanodollars END), 0) AS released,"
        " (SELECT request_count FROM batches WHERE id = ?1) AS requests"
        " FROM ledger WHERE batch_id = ?1 AND kind IN ('reserve', 'release')",
        (batch_id,),
    ).fetchone()
    if row["reserved"]:
        before = -(-row["released"] * row["requests"] // row["reserved"])
        release(connection, batch_id, min(before + answered, row["requests"]), row["requests"])


def _spend(connection: sqlite3.Connection, simulated: bool) -> Spend:
    row = connection.execute(
        "SELECT coalesce(sum(CASE kind WHEN 'settle' THEN nanodollars END), 0) AS settled,"
        " coalesce(sum(CASE kind WHEN 'reserve' THEN nanodollars WHEN 'release' THEN -nanodollars END), 0) AS held"
        " FROM ledger WHERE simulated = ?",
        (int(simulated),),
    ).fetchone()
    return Spend(row["settled"], row["held"])


def _spend_of(connection: sqlite3.Connection, sitting: str, simulated: bool) -> Spend:
    row = connection.execute(
        "SELECT coalesce(sum(CASE ledger.kind WHEN 'settle' THEN nanodollars END), 0) AS settled, coalesce(sum(CASE"
        " ledger.kind WHEN 'reserve' THEN nanodollars WHEN 'release' THEN -nanodollars END), 0) AS held"
        " FROM ledger JOIN batches ON batches.id = batch_id WHERE sitting = ? AND ledger.simulated = ?",
        (sitting, int(simulated)),
    ).fetchone()
    return Spend(row["settled"], row["held"])


def _add(
    connection: sqlite3.Connection, kind: str, batch_id: int, request_id: int | None, amount: int, pricing: Pricing
) -> None:
    connection.execute(
        "INSERT INTO ledger (batch_id, request_id, kind, nanodollars, simulated, priced_as, price_date, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (batch_id, request_id, kind, amount, int(pricing.simulated), pricing.priced_as, pricing.price_date, now()),
    )
