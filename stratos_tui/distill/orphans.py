"""Batches at the server that this store does not know: listed, and on an operator's word adopted or canceled.

Nothing here is done by itself: the key may be shared, and somebody else's batch looks like one of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from stratos_tui.distill.doubt import KEPT, expiry, token_in
from stratos_tui.distill.submit import sending
from stratos_tui.errors import StratosError
from stratos_tui.progress import Report, silent
from stratos_tui.store import batches, events
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import BatchClient, RemoteBatch


@dataclass(frozen=True, slots=True)
class Orphan:
    """A batch that only the server knows; ``created`` is ISO 8601 by its clock, ``state`` its word.

    ``batch_id`` is the intent of this store that it could be, by its size; ``proven`` where its results say so.
    """

    remote_id: str
    created: str
    requests: int
    state: str
    batch_id: int | None
    proven: bool


def orphans(store: Store, client: BatchClient) -> list[Orphan]:
    """Return the server's batches, as long as results are kept, that this store does not know; newest first.

    Raises:
        Unreachable: the server cannot be asked now.
    """
    known = batches.remote_ids(store)
    intents = batches.intents(store, client.teacher.name)
    listed = client.since(datetime.now(UTC) - KEPT)
    return [_orphan(client, remote, intents) for remote in listed if remote.id not in known]


def adopt(store: Store, client: BatchClient, remote_id: str, report: Report = silent) -> int:
    """Take a batch of the server for the one of this store's intents that it can be; return that batch's id.

    One that still runs cannot prove whose it is. It is taken on the operator's word, and given back when its results
    turn out to be somebody else's: nothing is marked lost by that, and nothing is paid twice.

    Raises:
        StratosError: it is known already, no intent has its size, several have, or its results are somebody else's.
        Unreachable: the server cannot be asked now.
    """
    with sending(store, report):
        _refuse_known(store, remote_id)
        remote = client.status(remote_id)
        intents = [
            batch for batch in batches.intents(store, client.teacher.name) if batch.request_count == remote.requests
        ]
        if not intents:
            raise StratosError(f"{remote_id} has {remote.requests} requests, and no open batch here has as many")
        token = token_in(client, remote_id) if remote.ended else ""
        own = [batch for batch in intents if batch.run_token == token] if token else intents
        if not own:
            raise StratosError(f"{remote_id} is not of this store: its results carry another token")
        if len(own) > 1:
            raise StratosError(f"{remote_id} could be any of {len(own)} batches: wait until its results tell")
        [batch] = own
        record = batches.submitted if token else batches.adopted
        record(store, batch.id, remote_id, expiry(remote))
        events.add(store, client.teacher.name, "adopted", f"{remote_id}, by the operator", batch.id)
    return batch.id


def cancel_orphan(store: Store, client: BatchClient, remote_id: str) -> RemoteBatch:
    """Ask for a batch to be canceled that this store does not know.

    Raises:
        StratosError: it is one of this store's, or the server does not know it.
        Unreachable: the server cannot be asked now.
    """
    _refuse_known(store, remote_id)
    remote = client.cancel(remote_id)
    events.add(store, client.teacher.name, "canceled", f"{remote_id}, which is not known here")
    return remote


def _refuse_known(store: Store, remote_id: str) -> None:
    if remote_id in batches.remote_ids(store):
        raise StratosError(f"{remote_id} is a batch of this store: `stratos distill watch` and `cancel` are for those")


def _orphan(client: BatchClient, remote: RemoteBatch, intents: list[Batch]) -> Orphan:
    could_be = [batch for batch in intents if batch.request_count == remote.requests]
    token = token_in(client, remote.id) if remote.ended and could_be else ""
    if token:
        could_be = [batch for batch in could_be if batch.run_token == token]
    return Orphan(
        remote_id=remote.id,
        created=remote.created.astimezone(UTC).isoformat(timespec="seconds"),
        requests=remote.requests,
        state=remote.state,
        batch_id=could_be[0].id if could_be else None,
        proven=bool(token and could_be),
    )
