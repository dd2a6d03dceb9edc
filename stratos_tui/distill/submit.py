"""Sends planned questions in batches: intent journalled first, money held first, and nothing created twice."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from stratos_tui.distill.plan import Pair
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.texts import Texts
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.progress import Report
from stratos_tui.store import acknowledgements, batches, ledger, requests
from stratos_tui.store.batches import Batch, Intent, Purpose
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.store.requests import Request
from stratos_tui.teachers.batches import BatchClient, Busy, Gone, InDoubt, NotTaken, RemoteBatch
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, Teacher
from stratos_tui.teachers.prices import Usage, batch_cost
from stratos_tui.teachers.tokens import NEWER_TOKENIZERS, estimate
from stratos_tui.teachers.wire import message_params, new_run_token, read_line, run_token_of, wire_id

LOCK_SECONDS = 0.1
"""How often to look whether another process has finished sending."""
BUSY_SECONDS = 5.0
"""How long to wait where a busy server does not say."""
BUSY_TRIES = 10

Resolved = Literal["adopted", "absent", "unknown"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round of sending came to.

    ``held_back`` planned questions would pass the budget, and ``needs`` is what they would hold, in nanodollars.
    """

    batches: int
    requests: int
    held_back: int
    needs: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """What canceling came to: batches told to stop, questions forgotten, and creations that may still turn up."""

    batches: int
    dropped: int
    unknown: int


def agree(store: Store, teacher: Teacher, accept_terms: bool) -> None:
    """Make sure that the operator has agreed to what this teacher's vendor asks, and record it.

    Raises:
        StratosError: it is not agreed to; the message is the notice.
    """
    if not teacher.needs_terms:
        return
    if accept_terms:
        acknowledgements.give(store, TERMS_SUBJECT, TERMS_NOTICE)
    if not acknowledgements.given(store, TERMS_SUBJECT, TERMS_NOTICE):
        raise StratosError(f"{TERMS_NOTICE} To go on, repeat with --accept-terms")


def send(
    store: Store,
    client: BatchClient,
    settings: DistillSettings,
    caps: Caps,
    report: Report,
    only: set[Pair] | None = None,
    purpose: Purpose = "example",
) -> Sent:
    """Send the planned questions, or those of ``only`` these pairs, as far as the caps allow.

    A creation that nobody confirmed stays an intent: :func:`resolve` finds out later.

    Raises:
        NotTaken: the server refused a batch; its questions wait again.
        Canceled: asked to stop.
    """
    teacher = client.teacher
    sent = asked = 0
    with sending(store, report):
        waiting = [
            each
            for each in requests.unsent(store, teacher.name, "noise" if purpose == "noise" else "example")
            if only is None or Pair(each.article_id, each.profile_id) in only
        ]
        texts = Texts(store, waiting)
        while waiting:
            report(sent, 0, f"sending to {teacher.name}")
            portion = waiting[: settings.batch_size]
            most = [_most(teacher, texts, each, settings) for each in portion]
            portion = portion[: _fitting(store, teacher, most, caps)]
            if not portion:
                break
            intent = Intent(
                teacher=teacher.name,
                model=teacher.model,
                run_token=new_run_token(os.urandom(16)),
                request_ids=[each.id for each in portion],
                prompt_fingerprint=prompts.fingerprint("teacher"),
                settings=settings.asking(),
                reservation=sum(most[: len(portion)]),
                purpose=purpose,
            )
            batch_id = batches.intend(store, intent, pricing_of(teacher), caps)
            if batch_id is None:
                break
            _create(store, client, batch_id, intent.run_token, portion, texts, settings, report)
            waiting = waiting[len(portion) :]
            sent += 1
            asked += len(portion)
    needs = sum(_most(teacher, texts, each, settings) for each in waiting)
    return Sent(sent, asked, len(waiting), needs)


def resolve(store: Store, client: BatchClient, settings: DistillSettings, report: Report) -> bool:
    """Find out what became of creations that nobody confirmed; return whether any is still unknown.

    One that the server has is adopted, by the token in its results; one that it does not list by the time it must have
    is created again. While a batch of the same size runs that could be ours, nothing is decided.

    Raises:
        NotTaken, Unreachable, Canceled: as for :func:`send`.
    """
    teacher = client.teacher
    if not any(batch.state == "intended" for batch in batches.in_flight(store, teacher.name)):
        return False
    unknown = False
    with sending(store, report):
        for batch in batches.in_flight(store, teacher.name):
            if batch.state != "intended":
                continue
            match _found(store, client, batch, settings):
                case "absent":
                    own = requests.of_batch(store, batch.id)
                    token = new_run_token(os.urandom(16))
                    batches.renew(store, batch.id, token)
                    _create(store, client, batch.id, token, own, Texts(store, own), settings, report)
                case "unknown":
                    unknown = True
    return unknown


def cancel(store: Store, client: BatchClient, settings: DistillSettings, report: Report) -> Stopped:
    """Stop what is in flight, forget what was not sent. Answers that were made come back all the same, and are billed.

    Raises:
        Unreachable: the server cannot be asked now.
    """
    unknown = 0
    with sending(store, report):
        for batch in batches.in_flight(store, client.teacher.name):
            if batch.state != "intended":
                continue
            match _found(store, client, batch, settings):
                case "absent":
                    batches.refused(store, batch.id, "canceled before the server had it")
                case "unknown":
                    unknown += 1
        dropped = requests.drop_unsent(store, client.teacher.name)
    sent = [batch for batch in batches.in_flight(store, client.teacher.name) if batch.state == "submitted"]
    for batch in sent:
        assert batch.remote_id is not None
        client.cancel(batch.remote_id)
    return Stopped(len(sent), dropped, unknown)


@contextmanager
def sending(store: Store, report: Report) -> Iterator[None]:
    """Be the only process that creates batches for this store: whatever intent is found is then an orphan.

    The lock is the operating system's and goes with the process that held it, however that ended.
    """
    path = Path(f"{store.path}.models") / "sending.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report(0, 0, "waiting for another process that sends batches")
                time.sleep(LOCK_SECONDS)
        yield


def _create(
    store: Store,
    client: BatchClient,
    batch_id: int,
    token: str,
    asked: Sequence[Request],
    texts: Texts,
    settings: DistillSettings,
    report: Report,
) -> None:
    body = [
        {"custom_id": wire_id(token, each.custom_id), "params": _params(client.teacher, texts, each, settings)}
        for each in asked
    ]
    for attempt in range(BUSY_TRIES):
        try:
            remote = client.create(body)
        except InDoubt:
            client.revive()
            return
        except Busy as busy:
            if attempt + 1 == BUSY_TRIES:
                batches.refused(store, batch_id, str(busy))
                raise
            pause(busy.wait if busy.wait is not None else BUSY_SECONDS, report, "the server is busy")
        except NotTaken as refusal:
            batches.refused(store, batch_id, str(refusal))
            raise
        else:
            batches.submitted(store, batch_id, remote.id)
            return


def _found(store: Store, client: BatchClient, batch: Batch, settings: DistillSettings) -> Resolved:
    intended = datetime.fromisoformat(batch.intended_at)
    known = batches.remote_ids(store)
    candidates = [
        remote
        for remote in client.since(intended - timedelta(seconds=settings.skew_seconds))
        if remote.id not in known and remote.requests == batch.request_count
    ]
    for remote in candidates:
        if remote.ended and _token_in(client, remote) == batch.run_token:
            batches.submitted(store, batch.id, remote.id)
            return "adopted"
    if any(not remote.ended for remote in candidates):
        return "unknown"
    age = (datetime.now(UTC) - intended).total_seconds()
    return "absent" if age >= settings.settle_for(client.teacher) else "unknown"


def _token_in(client: BatchClient, remote: RemoteBatch) -> str:
    try:
        with client.results(remote.id) as lines:
            for line in lines:
                if outcome := read_line(line):
                    return run_token_of(outcome.wire_id)
    except Gone:
        return ""
    return ""


def pause(seconds: float, report: Report, note: str) -> None:
    """Wait, reporting often enough that a wish to stop is heard."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        report(0, 0, note)
        time.sleep(min(left, 0.25))


def _params(teacher: Teacher, texts: Texts, request: Request, settings: DistillSettings) -> dict[str, Any]:
    return message_params(
        teacher.model,
        texts.profiles[request.profile_digest],
        texts.articles[request.article_id],
        request.reference_date,
        max_tokens=settings.max_tokens,
        effort=settings.effort,
        repair=request.repair,
    )


def _most(teacher: Teacher, texts: Texts, request: Request, settings: DistillSettings) -> int:
    """Return the most that one answer can cost, in nanodollars: what is held for it."""
    if teacher.price is None:
        return 0
    params = _params(teacher, texts, request, settings)
    system = sum(estimate(block["text"]) for block in params["system"])
    user = estimate(params["messages"][0]["content"])
    return batch_cost(
        teacher.price,
        Usage(
            tokens_in=round(user * NEWER_TOKENIZERS),
            cache_write=round(system * NEWER_TOKENIZERS),
            tokens_out=settings.max_tokens,
        ),
    )


def _fitting(store: Store, teacher: Teacher, most: Sequence[int], caps: Caps) -> int:
    left = ledger.room(store.read, caps, simulated=teacher.simulated)
    if left is None:
        return len(most)
    fits = 0
    for amount in most:
        left -= amount
        if left < 0:
            break
        fits += 1
    return fits


def pricing_of(teacher: Teacher) -> Pricing:
    """Return what a teacher's ledger rows say of their price."""
    price = teacher.price
    return Pricing(price.model if price else "", price.date if price else "", teacher.simulated)
