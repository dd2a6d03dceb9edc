"""Sends planned questions in batches: intent journalled first, money held first, and nothing created twice."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stratos_tui.distill.budget import binding, fitting, most_cost
from stratos_tui.distill.doubt import Search, expiry
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.pausing import Paused, is_paused
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.texts import Texts
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.progress import Report
from stratos_tui.store import acknowledgements, batches, events, requests
from stratos_tui.store.batches import Batch, Intent, Purpose
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.store.requests import Request
from stratos_tui.teachers.batches import BatchClient, Busy, Gone, InDoubt, NotTaken, Unreachable
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, Teacher
from stratos_tui.teachers.prices import dollars
from stratos_tui.teachers.wire import message_params, new_run_token, wire_id

Answer = TypeVar("Answer")

LOCK_SECONDS = 0.1
"""How often to look whether another process has finished sending."""
BUSY_SECONDS = 5.0
"""How long to wait where a busy server does not say."""
BUSY_TRIES = 10


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round of sending came to.

    ``held_back`` planned questions would pass the budget, or wait because sending is ``paused``; ``needs`` is what they
    would hold, in nanodollars.
    """

    batches: int
    requests: int
    held_back: int
    needs: int
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Doubts:
    """Intents, by id, that are still open.

    Of ``waiting`` ones time will tell whether the server has them. It has not the ``held`` ones: they are created again
    when sending is resumed. Of ``unprovable`` ones only an operator can tell: results that would have told are gone.
    """

    waiting: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    unprovable: tuple[int, ...] = ()


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
    paused = False
    with sending(store, report):
        waiting = unsent(store, teacher, only, purpose)
        texts = Texts(store, waiting)
        while waiting:
            report(sent, 0, f"sending to {teacher.name}")
            if paused := is_paused(store):
                break
            portion = waiting[: settings.batch_size]
            most = [_most(teacher, texts, each, settings) for each in portion]
            portion = portion[: fitting(store, teacher, most, caps)]
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
                # another process took a question, or money: what is left of both tells whether anything can be sent
                waiting = unsent(store, teacher, only, purpose)
                texts = Texts(store, waiting)
                continue
            said = f"{len(portion)} requests, at most ${dollars(intent.reservation):.4f}"
            events.add(store, teacher.name, "sending", said, batch_id)
            if not _create(store, client, batch_id, intent.run_token, portion, texts, settings, report):
                paused = True
                break
            waiting = waiting[len(portion) :]
            sent += 1
            asked += len(portion)
    needs = sum(_most(teacher, texts, each, settings) for each in waiting)
    return came_to(store, teacher, Sent(sent, asked, len(waiting), needs, paused))


def unsent(store: Store, teacher: Teacher, only: set[Pair] | None, purpose: Purpose) -> list[Request]:
    """Return the planned questions of some pairs that wait to be sent for a purpose, in their order."""
    return [
        each
        for each in requests.unsent(store, teacher.name, "noise" if purpose == "noise" else "example")
        if only is None or Pair(each.article_id, each.profile_id) in only
    ]


def came_to(store: Store, teacher: Teacher, sent: Sent) -> Sent:
    """Return what a round came to; where questions are held back, why, and what they take, is an event too."""
    if sent.held_back:
        what = f"{sent.held_back} requests: sending them takes up to ${dollars(sent.needs):.4f} more"
        events.add(store, teacher.name, "paused" if sent.paused else "held back", what)
    return sent


def held_by(store: Store, teacher: Teacher, sent: Sent, caps: Caps) -> str:
    """Say which cap holds questions back; empty where none does."""
    bound = binding(store, teacher, caps)
    if not sent.held_back or sent.paused or bound is None:
        return ""
    return bound.holds_back(f"{sent.held_back:,} requests", sent.needs)


def resolve(store: Store, client: BatchClient, settings: DistillSettings, report: Report) -> Doubts:
    """Find out what became of creations that nobody confirmed; return those of which it is not known yet.

    One that the server has is adopted, by the token in its results; one that it does not list by the time it must have
    is created again, unless sending is paused. While a batch of the same size runs that could be ours, nothing is
    decided. What stands in the way of one does not keep the others from being looked for, and while another process
    sends, the intents are left to it: it may be waiting for a busy server for long.

    Raises:
        NotTaken, Unreachable, Canceled: as for :func:`send`.
    """
    if not batches.intents(store, client.teacher.name):
        return Doubts()
    held: list[int] = []
    unprovable: list[int] = []
    failure: NotTaken | Unreachable | None = None
    with sending(store, report, wait=False) as alone:
        intents = batches.intents(store, client.teacher.name)
        if not intents or not alone:
            return Doubts(waiting=tuple(batch.id for batch in intents))
        search = Search(store, client, intents, settings)
        for batch in intents:
            try:
                found = search.look(batch)
                if found == "unprovable":
                    unprovable.append(batch.id)
                elif found == "absent" and is_paused(store):
                    held.append(batch.id)
                elif found == "absent":
                    _create_again(store, client, batch, settings, report)
            except (NotTaken, Unreachable) as error:
                failure = failure or error
    if failure:
        raise failure
    left = (batch.id for batch in batches.intents(store, client.teacher.name))
    return Doubts(tuple(each for each in left if each not in (*held, *unprovable)), tuple(held), tuple(unprovable))


def cancel(store: Store, client: BatchClient, settings: DistillSettings, report: Report) -> Stopped:
    """Stop what is in flight, forget what was not sent. Answers that were made come back all the same, and are billed.

    Raises:
        Unreachable: the server cannot be asked now.
    """
    unknown = 0
    with sending(store, report):
        if intents := batches.intents(store, client.teacher.name):
            search = Search(store, client, intents, settings)
            for batch in intents:
                match search.look(batch):
                    case "absent":
                        batches.refused(store, batch.id, "canceled before the server had it")
                        events.add(store, batch.teacher, "canceled", "before the server had it", batch.id)
                    case "unknown" | "unprovable":
                        unknown += 1
        dropped = requests.drop_unsent(store, client.teacher.name)
    stopped = 0
    failure: Unreachable | None = None
    for batch in batches.in_flight(store, client.teacher.name):
        if batch.state == "submitted":
            try:
                stopped += _stop(store, client, batch)
            except Unreachable as error:
                failure = error
    if failure:
        raise failure
    return Stopped(stopped, dropped, unknown)


@contextmanager
def sending(store: Store, report: Report, what: str = "sending", *, wait: bool = True) -> Iterator[bool]:
    """Be the only process that creates batches for this store: whatever intent is found is then an orphan.

    ``what`` names the lock: what is sent by another one does not wait for this one. The lock is the operating system's
    and goes with the process that held it, however that ended. Without ``wait`` it gives False where another has it.
    """
    path = Path(f"{store.path}.models") / f"{what}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not wait:
                    yield False
                    return
                report(0, 0, "waiting for another process that sends batches")
                time.sleep(LOCK_SECONDS)
        yield True


def _create(
    store: Store,
    client: BatchClient,
    batch_id: int,
    token: str,
    asked: Sequence[Request],
    texts: Texts,
    settings: DistillSettings,
    report: Report,
) -> bool:
    """Create one intended batch; False where the workspace was paused before the server took it."""
    teacher = client.teacher.name
    body = [
        {"custom_id": wire_id(token, each.custom_id), "params": _params(client.teacher, texts, each, settings)}
        for each in asked
    ]
    try:
        remote = until_taken(store, teacher, batch_id, report, lambda: client.create(body))
    except InDoubt as doubt:
        events.add(store, teacher, "in doubt", str(doubt), batch_id)
        client.revive()
        pause(doubt.wait or 0.0, report, "the server is overloaded")
    except Paused as refusal:
        batches.refused(store, batch_id, str(refusal))
        events.add(store, teacher, "paused", "before the server took it: its requests wait", batch_id)
        return False
    except NotTaken as refusal:
        batches.refused(store, batch_id, str(refusal))
        events.add(store, teacher, "refused", str(refusal), batch_id)
        raise
    else:
        batches.submitted(store, batch_id, remote.id, expiry(remote))
        events.add(store, teacher, "created", f"{remote.id}, {len(asked)} requests", batch_id)
    return True


def until_taken(store: Store, teacher: str, batch_id: int, report: Report, ask: Callable[[], Answer]) -> Answer:
    """Ask, and again where a busy server had no room for it, as long as the workspace is not paused.

    Raises:
        Paused: the workspace is paused; the server has taken nothing.
        NotTaken: the server refuses, or is busy for too long.
    """
    for tries_left in reversed(range(BUSY_TRIES)):
        if is_paused(store):
            raise Paused
        try:
            return ask()
        except Busy as refusal:
            if not tries_left:
                raise
            wait = BUSY_SECONDS if refusal.wait is None else refusal.wait
            events.add(store, teacher, "busy", f"waiting {wait:g} s: {refusal}", batch_id)
            pause(wait, report, "the server is busy", lambda: is_paused(store))
    raise AssertionError("the last try returns or raises")


def _create_again(store: Store, client: BatchClient, batch: Batch, settings: DistillSettings, report: Report) -> None:
    """Create a batch that the server never got, as it was journalled: its money was held for that."""
    own = requests.of_batch(store, batch.id)
    asked = settings.as_asked(own[0].settings)
    token = new_run_token(os.urandom(16))
    batches.renew(store, batch.id, token)
    what = f"the server never listed what carries {batch.run_token}"
    events.add(store, batch.teacher, "created again", what, batch.id)
    _create(store, client, batch.id, token, own, Texts(store, own), asked, report)


def _stop(store: Store, client: BatchClient, batch: Batch) -> bool:
    """Ask for one batch to be canceled; return whether there was anything to stop."""
    assert batch.remote_id is not None
    try:
        client.cancel(batch.remote_id)
    except Gone:
        return False
    except Unreachable:
        # one that ended by itself cannot be canceled, and need not be
        if not client.status(batch.remote_id).ended:
            raise
        return False
    events.add(store, batch.teacher, "canceled", f"{batch.remote_id} is asked to stop", batch.id)
    return True


def pause(seconds: float, report: Report, note: str, over: Callable[[], bool] = lambda: False) -> None:
    """Wait, or until it is ``over``, reporting often enough that a wish to stop is heard."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not over():
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
    """Return what is held for one question, in nanodollars."""
    profile, article = texts.profiles[request.profile_digest], texts.articles[request.article_id]
    user = prompts.teacher_user(profile, article, request.reference_date, request.repair)
    return most_cost(teacher, prompts.teacher_system(), user, settings.max_tokens, live=False)


def pricing_of(teacher: Teacher) -> Pricing:
    """Return what a teacher's ledger rows say of their price."""
    price = teacher.price
    return Pricing(price.model if price else "", price.date if price else "", teacher.simulated)
