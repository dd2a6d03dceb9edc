"""What became of creations that nobody confirmed: looked for by size and time, proven by the token in their results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store import batches, events
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import BatchClient, Gone, RemoteBatch, Unreachable
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.wire import read_line, run_token_of

KEPT = timedelta(days=29)
"""How long results are kept, from a batch's creation (vendor's Message Batches reference, November 2026)."""

Resolved = Literal["adopted", "absent", "unknown", "unprovable"]


class Search:
    """Looks for intents among what the server lists and this store does not know; the server is asked once.

    Raises:
        Unreachable: the server cannot be asked now.
    """

    def __init__(self, store: Store, client: BatchClient, intents: Sequence[Batch], settings: DistillSettings) -> None:
        self._store = store
        self._client = client
        self._skew = timedelta(seconds=settings.skew_seconds)
        self._settle = timedelta(seconds=settings.settle_for(client.teacher))
        # the moment before the server is asked: a creation that is due by then must be in what it lists
        self._asked = datetime.now(UTC)
        known = batches.remote_ids(store)
        listed = client.since(min(map(_intended, intents)) - self._skew)
        self._strange = [remote for remote in listed if remote.id not in known]
        self._tokens: dict[str, str] = {}

    def look(self, batch: Batch) -> Resolved:
        """Find out what became of one intent, and adopt its batch where the results prove that it is ours.

        ``unknown`` until time tells: a batch that could be it still runs, or it may still turn up. ``unprovable`` where
        one that could be it has ended and its results tell nothing: creating again could pay twice.

        Raises:
            Unreachable: results that would tell cannot be read now.
        """
        could_be = [
            remote
            for remote in self._strange
            if remote.requests == batch.request_count and remote.created >= _intended(batch) - self._skew
        ]
        tokens = {remote.id: self._token(remote) for remote in could_be if remote.ended}
        for remote in could_be:
            if tokens.get(remote.id) == batch.run_token:
                batches.submitted(self._store, batch.id, remote.id, expiry(remote))
                events.add(self._store, batch.teacher, "adopted", f"{remote.id} carries its token", batch.id)
                return "adopted"
        if len(tokens) < len(could_be):
            return "unknown"
        if not all(tokens.values()):
            return "unprovable"
        return "absent" if self._asked - _intended(batch) >= self._settle else "unknown"

    def _token(self, remote: RemoteBatch) -> str:
        if remote.id not in self._tokens:
            self._tokens[remote.id] = token_in(self._client, remote.id)
        return self._tokens[remote.id]


def token_in(client: BatchClient, remote_id: str) -> str:
    """Return the run token in an ended batch's results; empty where they are gone or have no line that can be read.

    Raises:
        Unreachable: the results cannot be read now.
    """
    try:
        with client.results(remote_id) as lines:
            for line in lines:
                if outcome := read_line(line):
                    return run_token_of(outcome.wire_id)
    except Gone:
        return ""
    return ""


def gone(store: Store, teacher: Teacher, batch: Batch) -> None:
    """Note that a batch's answers are out of reach for good.

    Raises:
        Unreachable: they should still be kept: another key, or another address, would have them. Calling them lost
            would have them asked, and paid, again.
    """
    if not teacher.simulated and datetime.now(UTC) - _intended(batch) < KEPT:
        raise Unreachable(
            f"{teacher.name}: the server does not know {batch.remote_id} under this key: use the key and the address"
            f" that batch {batch.id} was sent with"
        )
    events.add(store, teacher.name, "results gone", f"{batch.remote_id}: its requests are lost", batch.id)


def expiry(remote: RemoteBatch) -> str | None:
    """Return when the server gives a batch up, as the store keeps times."""
    return remote.expires.astimezone(UTC).isoformat(timespec="milliseconds") if remote.expires else None


def _intended(batch: Batch) -> datetime:
    return datetime.fromisoformat(batch.intended_at)
