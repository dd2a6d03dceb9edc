"""The operator's decisions on answers: what they need to know, and the steps in which they can be taken back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stratos_tui.store import requests
from stratos_tui.store.db import Store
from stratos_tui.store.requests import RequestPurpose, RequestState


@dataclass(frozen=True, slots=True)
class Decidable:
    """One answered request as a decision needs it, with the verdict that stands.

    ``code``, ``measured`` and ``limits`` are empty where nobody has judged it.
    """

    request_id: int
    article_id: str
    profile_id: str
    teacher: str
    state: RequestState
    purpose: RequestPurpose
    code: str
    measured: str
    limits: str


@dataclass(frozen=True, slots=True)
class Step:
    """What an operator did last, as one: verdicts of his own (``decided``) or further attempts (``planned``).

    ``request_ids`` are the requests that were decided, or those that were planned.
    """

    what: Literal["decided", "planned"]
    at: str
    request_ids: list[int]


def load(store: Store, request_ids: Sequence[int]) -> dict[int, Decidable]:
    """Return what is known of these requests' answers; a request without an answer is left out."""
    rows = store.rows(
        "SELECT requests.id AS request_id, article_id, profile_id, teacher, state, purpose,"
        " coalesce(code, '') AS code, coalesce(measured, '') AS measured, coalesce(limits, '') AS limits"
        " FROM requests JOIN answers ON answers.request_id = requests.id"
        " LEFT JOIN judgements ON judgements.request_id = requests.id"
        " WHERE requests.id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(request_ids)),),
    )
    return {row["request_id"]: Decidable(**dict(row)) for row in rows}


def decided(store: Store) -> int:
    """Return how many answers stand as an operator has decided."""
    return int(
        store.value(
            "SELECT count(*) FROM judgements JOIN requests ON requests.id = request_id"
            " WHERE decided_by = 'operator' AND purpose = 'example'"
        )
    )


def last_step(store: Store) -> Step | None:
    """Return the last step that can be taken back: what carries the same time was done by one key or one command.

    A further attempt that is on its way already cannot be taken back.
    """
    row = store.row(
        "SELECT 'decided' AS what, max(judged_at) AS at FROM judgements"  # noqa: S608
        f" WHERE decided_by = 'operator' UNION ALL SELECT 'planned', max(planned_at) FROM requests WHERE {_PLANNED}"
        " ORDER BY at DESC LIMIT 1"
    )
    if row is None or row["at"] is None:
        return None
    sql = (
        "SELECT request_id AS id FROM judgements WHERE decided_by = 'operator' AND judged_at = ? ORDER BY 1"
        if row["what"] == "decided"
        else f"SELECT id FROM requests WHERE {_PLANNED} AND planned_at = ? ORDER BY 1"  # noqa: S608
    )
    return Step(row["what"], row["at"], [each["id"] for each in store.rows(sql, (row["at"],))])


def withdraw(store: Store, request_ids: Sequence[int]) -> int:
    """Forget these further attempts, where they are planned and in no batch; return how many."""
    with store.write() as connection:
        wanted = f"{_PLANNED} AND id IN (SELECT value FROM json_each(?))"  # noqa: S608
        return requests.forget(connection, wanted, (json.dumps(list(request_ids)),))


_PLANNED = "state = 'planned' AND batch_id IS NULL AND attempt > 1 AND purpose = 'example'"
