"""Distils from start to end: plan, submit, watch, ingest, judge, and ask failed pairs again up to the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import uuid4

from stratos_tui.distill.budget import binding, caps_of, needs_budget
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.pausing import is_paused
from stratos_tui.distill.pilot import extrapolate, pilot_of, pilot_said
from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.requeue import requeue
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import recover
from stratos_tui.distill.submit import Stopped, agree, cancel, held_by
from stratos_tui.distill.watch import watch
from stratos_tui.distill.ways import Way, open_way
from stratos_tui.errors import StratosError
from stratos_tui.progress import Report, silent
from stratos_tui.store import batches, events, jobs, ledger, rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import totals
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import open_client
from stratos_tui.teachers.catalog import Teacher, find_teacher
from stratos_tui.teachers.prices import dollars, nanodollars


def distill(
    store: Store,
    teacher: str,
    *,
    pairs: Sequence[Pair] | None = None,
    limit: int | None = None,
    budget_usd: float | None = None,
    own_usd: float | None = None,
    pilot: int = 0,
    as_of: date | None = None,
    accept_terms: bool = False,
    settings: DistillSettings | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Have a teacher answer these pairs, or the first ``limit`` of all pairs, and judge what comes back.

    It can be stopped or killed at any point: the same call then goes on, and one that is complete asks nothing.
    ``budget_usd`` bounds all that this store spends in this kind of money, ``own_usd`` what this call spends; a paid
    teacher needs one of them, or the workspace's cap. Much work begins with ``pilot`` pairs; where they show that the
    rest will not fit, it is not begun.

    Returns:
        :func:`outcome`, with the plan's ``pairs``, ``shortfall`` and ``cost_estimate``; ``pairs_accepted`` and
        ``missing`` of these pairs; how many questions are ``held_back``, and by which cap in words (``held_by``); and
        what the ``pilot`` measured, if any.

    Raises:
        StratosError: no such teacher, terms or budget missing, no key, the server refuses, or nothing fits the budget.
        Canceled: asked to stop.
    """
    settings = settings or DistillSettings()
    who = find_teacher(store, teacher)
    _require(store, who, budget_usd, own_usd, accept_terms)
    caps = caps_of(store, who, budget_usd, own_usd, uuid4().hex)
    chosen = list(pairs) if pairs is not None else choose_pairs(store, limit=limit, as_of=as_of, report=report)
    planned = plan(store, teacher, chosen, wanted=limit, as_of=as_of, settings=settings)
    keep(store, planned, settings)
    # what an interrupted call left on its way is followed by this one: where it fails, it is asked again too
    followed = set(chosen) | {Pair(*key) for key in requests.on_their_way(store, who.name)}
    with open_way(store, who, settings, caps, report) as way:
        first = pilot_of(store, who, planned.to_send, pilot, settings, as_of)
        if first:
            way.send(set(first), "pilot")
            way.watch()
        held_back, held_by = _beyond_the_pilot(store, who, chosen, settings, caps) if pilot else (0, "")
        if not held_back:
            held_back, held_by = _by_rounds(store, who, way, settings, caps, followed)
    if held_by:
        # what a job's row says last
        report(len(chosen), len(chosen), held_by)
    accepted = plan(store, teacher, chosen, settings=settings).accepted
    return outcome(store, teacher) | {
        "pairs": len(chosen),
        "pairs_accepted": accepted,
        "missing": len(chosen) - accepted,
        "shortfall": planned.shortfall,
        "held_back": held_back,
        "held_by": held_by,
        "cost_estimate": asdict(planned.estimate.cost),
        "pilot": pilot_said(store, who, held_back, settings),
    }


def submit(
    store: Store,
    teacher: str,
    pairs: Sequence[Pair],
    *,
    budget_usd: float | None = None,
    own_usd: float | None = None,
    pilot: int = 0,
    as_of: date | None = None,
    accept_terms: bool = False,
    settings: DistillSettings | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Plan these pairs' missing questions and send them as far as the budget goes; wait for nothing.

    Much work begins with ``pilot`` pairs: they alone are sent then, and the same call sends the rest once they are in.
    A teacher that works directly has answered them when this returns.

    Raises:
        StratosError, Canceled: as for :func:`distill`.
    """
    settings = settings or DistillSettings()
    who = find_teacher(store, teacher)
    _require(store, who, budget_usd, own_usd, accept_terms)
    caps = caps_of(store, who, budget_usd, own_usd, uuid4().hex)
    planned = plan(store, teacher, pairs, as_of=as_of, settings=settings)
    keep(store, planned, settings)
    first = pilot_of(store, who, planned.to_send, pilot, settings, as_of)
    with open_way(store, who, settings, caps, report) as way:
        sent = way.send(set(first), "pilot") if first else way.send(set(pairs), "example")
    if sent.held_back and not sent.requests and not sent.paused:
        raise StratosError(held_by(store, who, sent, caps))
    return outcome(store, teacher) | {
        "pairs": len(pairs),
        "sent": asdict(sent),
        "held_back": sent.held_back,
        "held_by": held_by(store, who, sent, caps),
        "after_pilot": len(planned.to_send) - len(first) if first else 0,
        "cost_estimate": asdict(planned.estimate.cost),
    }


def follow(
    store: Store,
    teacher: str,
    *,
    wait: bool = True,
    settings: DistillSettings | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Follow a teacher's batches until all are ended, stored and judged (without ``wait``: as far as they are now).

    Raises:
        StratosError, Canceled: as for :func:`distill`.
    """
    settings = settings or DistillSettings()
    who = find_teacher(store, teacher)
    if who.way == "batches":
        with open_client(who, store.path, settings.rehearsal) as client:
            watch(store, client, settings, report, wait=wait)
    elif who.way == "live":
        recover(store, who, settings, report)
    return outcome(store, teacher)


def stop(
    store: Store, teacher: str, *, settings: DistillSettings | None = None, report: Report = silent
) -> dict[str, Any]:
    """Cancel what a teacher has in flight, and forget what was planned and not sent.

    Of a teacher that is asked one question at a time the jobs that ask it are asked to stop: what they have in flight
    still comes in.

    Raises:
        StratosError: the server cannot be asked now.
    """
    settings = settings or DistillSettings()
    who = find_teacher(store, teacher)
    if who.way == "batches":
        with open_client(who, store.path, settings.rehearsal) as client:
            stopped = cancel(store, client, settings, report)
    else:
        for job in jobs.active(store):
            if job.kind in jobs.ASKING and job.params.get("teacher") == teacher:
                jobs.request_cancel(store, job.id)
        # waits for their last answers, and puts in order what they leave
        recover(store, who, settings, report)
        stopped = Stopped(0, requests.drop_unsent(store, teacher), 0)
    return outcome(store, teacher) | {"stopped": asdict(stopped)}


def outcome(store: Store, teacher: str) -> dict[str, Any]:
    """Return what a teacher's requests have come to so far, for the doors; money in dollars."""
    who = find_teacher(store, teacher)
    known = totals(store, teacher)
    money = ledger.spend_by_teacher(store, teacher)
    return {
        "teacher": teacher,
        "simulated": who.simulated,
        "priced_as": who.price.model if who.price else None,
        "price_date": who.price.date if who.price else None,
        **asdict(known),
        "reasons": rejections.counts(store, teacher),
        "batches": len([batch for batch in batches.load(store, teacher) if batch.state != "failed"]),
        "spent": dollars(money.settled),
        "held": dollars(money.held),
        "paused": is_paused(store),
    }


def _beyond_the_pilot(
    store: Store, teacher: Teacher, pairs: Sequence[Pair], settings: DistillSettings, caps: Caps
) -> tuple[int, str]:
    """Return how many questions do not fit by the upper end of what the pilot says, and what holds them back.

    None (0) where they fit; without a pilot it is tried.
    """
    waiting = len(plan(store, teacher.name, pairs, settings=settings).to_send)
    bound = binding(store, teacher, caps)
    rest = extrapolate(store, teacher, waiting, settings)
    if bound is None or rest is None or rest.high <= dollars(bound.left):
        return 0, ""
    said = f"by the pilot, {bound.holds_back(f'{waiting:,} requests', nanodollars(rest.high))}"
    events.add(store, teacher.name, "held back", said)
    return waiting, said


def _require(
    store: Store, teacher: Teacher, budget_usd: float | None, own_usd: float | None, accept_terms: bool
) -> None:
    agree(store, teacher, accept_terms)
    needs_budget(store, teacher, budget_usd, own_usd)


def _by_rounds(
    store: Store, teacher: Teacher, way: Way, settings: DistillSettings, caps: Caps, only: set[Pair]
) -> tuple[int, str]:
    """Go round until nothing is in flight and nothing may be sent; return how many questions are held back, by what.

    Failed pairs are asked again when a round is over and not before, so that batches are cut the same way in every run.
    """
    sent_any = False
    while True:
        before = ledger.room(store.read, caps, simulated=teacher.simulated)
        sent = way.send(only, "example")
        sent_any = sent_any or bool(sent.requests)
        way.watch()
        if sent.paused:
            return sent.held_back, ""
        if sent.held_back and not sent.requests:
            room = ledger.room(store.read, caps, simulated=teacher.simulated)
            if before is not None and room is not None and room > before:
                # what came in just now has let go of money
                continue
            said = held_by(store, teacher, sent, caps)
            if not sent_any:
                raise StratosError(said)
            return sent.held_back, said
        if not sent.held_back and not (way.wavers and requeue(store, teacher.name, settings, only)):
            return 0, ""
