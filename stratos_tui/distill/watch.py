"""Follows batches until each has ended and its answers are stored and judged."""

from __future__ import annotations

import time

from stratos_tui.distill.ingest import ingest, judge_waiting
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import pause, resolve
from stratos_tui.progress import Report
from stratos_tui.store import batches, requests
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import spend
from stratos_tui.teachers.batches import BatchClient, Gone, Unreachable
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import dollars

COUNT_SECONDS = 0.2


class Progress:
    """Reports how far a teacher's requests are: done and total are requests, the note says batches and money.

    Counting costs a query, so it is done at most every ``COUNT_SECONDS``; a wish to stop is heard at every call.
    """

    def __init__(self, store: Store, teacher: Teacher, report: Report) -> None:
        self._store = store
        self._teacher = teacher
        self._report = report
        self._counted = 0.0
        self._known = (0, 0)
        self._note = teacher.name

    def __call__(self, note: str) -> None:
        """Report where the requests are now, and what is being done from here on."""
        self._counted = 0.0
        self._note = f"{self._teacher.name}: {note}{self._money()}"
        self.within(0, 0, "")

    def within(self, _done: int, _total: int, _note: str) -> None:
        """Report from inside a step: the step's own counts and note would only flicker."""
        if time.monotonic() - self._counted >= COUNT_SECONDS:
            counts = requests.counts(self._store, self._teacher.name)
            total = sum(counts.values())
            self._known = total - sum(counts.get(state, 0) for state in requests.OPEN), total
            self._counted = time.monotonic()
        self._report(*self._known, self._note)

    def _money(self) -> str:
        if self._teacher.price is None:
            return ""
        amount = dollars(spend(self._store, simulated=self._teacher.simulated).settled)
        return f" · ${amount:.2f} {'simulated' if self._teacher.simulated else 'spent'}"


def watch(store: Store, client: BatchClient, settings: DistillSettings, report: Report, *, wait: bool = True) -> None:
    """Poll until every batch of a teacher is ended, ingested and judged. May be stopped and started at any point.

    Without ``wait`` look once, and take in what has ended.

    Raises:
        Unreachable: the server was out of reach for longer than the settings' patience; nothing is lost.
        Canceled: asked to stop.
    """
    progress = Progress(store, client.teacher, report)
    judge_waiting(store, client.teacher.name, settings, progress.within)
    reached = time.monotonic()
    while waiting := batches.in_flight(store, client.teacher.name):
        progress(_note(store, client.teacher, waiting))
        try:
            resolve(store, client, settings, progress.within)
            moved = [_look(store, client, batch, settings, progress) for batch in _sent(store, client.teacher)]
            reached = time.monotonic()
        except Unreachable:
            if not wait or time.monotonic() - reached > settings.patience_seconds:
                raise
            moved = []
        if not wait:
            break
        if not any(moved):
            pause(settings.poll_for(client.teacher), progress.within, _note(store, client.teacher, waiting))
    progress(_note(store, client.teacher, batches.in_flight(store, client.teacher.name)))


def _sent(store: Store, teacher: Teacher) -> list[Batch]:
    return [batch for batch in batches.in_flight(store, teacher.name) if batch.state != "intended"]


def _look(store: Store, client: BatchClient, batch: Batch, settings: DistillSettings, progress: Progress) -> bool:
    """Look at one batch; take it in if it has ended. Return whether that moved anything."""
    assert batch.remote_id is not None
    if batch.state == "submitted":
        try:
            remote = client.status(batch.remote_id)
        except Gone:
            # whatever it answered is out of reach for good: its requests are lost, and may be asked again
            batches.ended(store, batch.id, 0, 0, 0, 0)
        else:
            if not remote.ended:
                return False
            batches.ended(store, batch.id, remote.succeeded, remote.errored, remote.expired, remote.canceled)
    ingest(store, client, batch, settings, progress.within)
    return True


def _note(store: Store, teacher: Teacher, waiting: list[Batch]) -> str:
    every = len([batch for batch in batches.load(store, teacher.name) if batch.state != "failed"])
    return f"{every - len(waiting)} of {every} batches are in"
