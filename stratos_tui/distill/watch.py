"""Follows batches until each has ended and its answers are stored and judged."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import inf

from stratos_tui.distill.doubt import expiry, gone, token_in
from stratos_tui.distill.ingest import ingest, judge_waiting
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import pause, resolve
from stratos_tui.errors import StratosError
from stratos_tui.progress import Report
from stratos_tui.store import batches, events, requests
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import spend
from stratos_tui.teachers.batches import BatchClient, Gone, NotTaken, Unreachable
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


@dataclass(slots=True)
class _Round:
    """What one look at every batch came to.

    ``failed`` says, by batch, what keeps it from moving on; ``refusal`` is a creation that the server would not take.
    ``hopeless`` batches wait for an operator, ``held`` ones until sending is resumed.
    """

    moved: bool = False
    failed: dict[int, StratosError] = field(default_factory=dict)
    refusal: NotTaken | None = None
    hopeless: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)


def watch(store: Store, client: BatchClient, settings: DistillSettings, report: Report, *, wait: bool = True) -> None:
    """Poll until every batch of a teacher is ended, ingested and judged. May be stopped and started at any point.

    Without ``wait`` look once, and take in what has ended. What is wrong with one batch does not hold up the others: it
    is raised when there is nothing else to wait for. While sending is paused, what would have to be created again is
    left.

    Raises:
        Unreachable: the server, or a batch at it, was out of reach for longer than the settings' patience; nothing is
            lost.
        NotTaken: the server refused a batch that had to be created again; its questions wait.
        StratosError: only an operator can tell what became of a batch.
        Canceled: asked to stop.
    """
    name = client.teacher.name
    progress = Progress(store, client.teacher, report)
    judge_waiting(store, name, settings, progress.within)
    failing: dict[int, float] = {}
    while waiting := batches.in_flight(store, name):
        progress(_note(store, client.teacher, waiting))
        seen = _look_at_all(store, client, settings, progress)
        if seen.refusal:
            raise seen.refusal
        if not wait:
            for error in seen.failed.values():
                raise error
            break
        moment = time.monotonic()
        failing = {each: failing.get(each, -inf if each in seen.hopeless else moment) for each in seen.failed}
        given_up = {each for each, since in failing.items() if moment - since >= settings.patience_seconds}
        left = {batch.id for batch in batches.in_flight(store, name)}
        if left and left <= given_up | seen.held:
            for each in sorted(given_up & left):
                raise seen.failed[each]
            break
        if left and not seen.moved:
            pause(settings.poll_for(client.teacher), progress.within, _note(store, client.teacher, waiting))
    progress(_note(store, client.teacher, batches.in_flight(store, name)))


def _look_at_all(store: Store, client: BatchClient, settings: DistillSettings, progress: Progress) -> _Round:
    name = client.teacher.name
    seen = _Round()
    intents = {batch.id for batch in batches.intents(store, name)}
    try:
        doubts = resolve(store, client, settings, progress.within)
    except Unreachable as error:
        seen.failed |= dict.fromkeys(intents, error)
    except NotTaken as error:
        seen.refusal = error
    else:
        seen.hopeless = set(doubts.unprovable)
        seen.failed |= {each: _unprovable(client.teacher, each) for each in doubts.unprovable}
        seen.held = set(doubts.held)
    for batch in batches.in_flight(store, name):
        if batch.state == "intended":
            continue
        try:
            seen.moved |= _look(store, client, batch, settings, progress)
        except Unreachable as error:
            seen.failed[batch.id] = error
    return seen


def _unprovable(teacher: Teacher, batch_id: int) -> StratosError:
    return StratosError(
        f"{teacher.name}: the server has a batch that could be batch {batch_id}, and its results tell nothing;"
        " `stratos distill orphans` shows it, `stratos distill adopt` takes it"
    )


def _look(store: Store, client: BatchClient, batch: Batch, settings: DistillSettings, progress: Progress) -> bool:
    """Look at one batch; take it in if it has ended. Return whether that moved anything."""
    assert batch.remote_id is not None
    if batch.state == "submitted":
        try:
            remote = client.status(batch.remote_id)
        except Gone:
            # whatever it answered is out of reach for good: its requests are lost, and may be asked again
            gone(store, client.teacher, batch)
            batches.ended(store, batch.id, 0, 0, 0, 0)
        else:
            batches.polled(store, batch.id, expiry(remote))
            if not remote.ended:
                return False
            batches.ended(store, batch.id, remote.succeeded, remote.errored, remote.expired, remote.canceled)
            counts = f"{remote.errored} errored, {remote.expired} expired, {remote.canceled} canceled"
            events.add(store, batch.teacher, "ended", f"{remote.succeeded} succeeded, {counts}", batch.id)
    if batch.submitted_at is None and not _is_ours(store, client, batch):
        return True
    ingest(store, client, batch, settings, progress.within)
    return True


def _is_ours(store: Store, client: BatchClient, batch: Batch) -> bool:
    """Check a batch that was adopted on an operator's word; where results tell nothing, the word stands."""
    assert batch.remote_id is not None
    token = token_in(client, batch.remote_id)
    if token and token != batch.run_token:
        batches.disowned(store, batch.id)
        events.add(store, batch.teacher, "disowned", f"{batch.remote_id} carries another token", batch.id)
        return False
    if token:
        batches.proven(store, batch.id)
    return True


def _note(store: Store, teacher: Teacher, waiting: list[Batch]) -> str:
    every = len([batch for batch in batches.load(store, teacher.name) if batch.state != "failed"])
    return f"{every - len(waiting)} of {every} batches are in"
