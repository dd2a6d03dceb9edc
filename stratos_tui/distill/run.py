"""Distils from start to end: plan, submit, watch, ingest, judge, and ask failed pairs again up to the cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from stratos_tui.distill.budget import caps_of, needs_budget
from stratos_tui.distill.ingest import CHUNK, judge_waiting
from stratos_tui.distill.plan import Pair, choose_pairs, keep, plan
from stratos_tui.distill.requeue import requeue
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import Sent, Stopped, agree, cancel, send
from stratos_tui.distill.texts import Texts
from stratos_tui.distill.watch import Progress, watch
from stratos_tui.errors import StratosError
from stratos_tui.prism import rubric
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Report, silent
from stratos_tui.store import answers, batches, ledger, rejections, requests
from stratos_tui.store.answers import Answer
from stratos_tui.store.db import Store
from stratos_tui.store.distill import totals
from stratos_tui.store.requests import Request
from stratos_tui.teachers.batches import BatchClient, open_client
from stratos_tui.teachers.catalog import Teacher, teacher_of
from stratos_tui.teachers.prices import dollars


def distill(
    store: Store,
    teacher: str,
    *,
    pairs: Sequence[Pair] | None = None,
    limit: int | None = None,
    budget_usd: float | None = None,
    as_of: date | None = None,
    accept_terms: bool = False,
    settings: DistillSettings | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Have a teacher answer these pairs, or the first ``limit`` of all pairs, and judge what comes back.

    It can be stopped or killed at any point: the same call then goes on, and one that is complete asks nothing.
    ``budget_usd`` bounds all that this store spends in this kind of money; a paid teacher needs it.

    Returns:
        :func:`outcome`, with the plan's ``pairs``, ``shortfall`` and ``cost_estimate``; ``pairs_accepted`` and
        ``missing`` of these pairs; and how many questions the budget holds back.

    Raises:
        StratosError: no such teacher, terms or budget missing, no key, the server refuses, or nothing fits the budget.
        Canceled: asked to stop.
    """
    settings = settings or DistillSettings()
    who = teacher_of(teacher)
    _require(store, who, budget_usd, accept_terms)
    chosen = list(pairs) if pairs is not None else choose_pairs(store, limit=limit, report=report)
    planned = plan(store, teacher, chosen, wanted=limit, as_of=as_of, settings=settings)
    keep(store, planned, settings)
    held_back = 0
    if who.way == "direct":
        _answer_directly(store, who, settings, set(chosen), report)
    else:
        with open_client(who, store.path, settings.rehearsal) as client:
            held_back = _by_batches(store, client, settings, budget_usd, set(chosen), report)
    accepted = plan(store, teacher, chosen, settings=settings).accepted
    return outcome(store, teacher) | {
        "pairs": len(chosen),
        "pairs_accepted": accepted,
        "missing": len(chosen) - accepted,
        "shortfall": planned.shortfall,
        "held_back": held_back,
        "cost_estimate": asdict(planned.cost_estimate),
    }


def submit(
    store: Store,
    teacher: str,
    pairs: Sequence[Pair],
    *,
    budget_usd: float | None = None,
    as_of: date | None = None,
    accept_terms: bool = False,
    settings: DistillSettings | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Plan these pairs' missing questions and send them as far as the budget goes; wait for nothing.

    A teacher that works directly has answered them when this returns.

    Raises:
        StratosError, Canceled: as for :func:`distill`.
    """
    settings = settings or DistillSettings()
    who = teacher_of(teacher)
    _require(store, who, budget_usd, accept_terms)
    planned = plan(store, teacher, pairs, as_of=as_of, settings=settings)
    keep(store, planned, settings)
    sent = Sent(0, len(planned.requests), 0, 0)
    if who.way == "direct":
        _answer_directly(store, who, settings, set(pairs), report)
    else:
        with open_client(who, store.path, settings.rehearsal) as client:
            caps = caps_of(store, who, budget_usd)
            sent = send(store, client, settings, caps, Progress(store, who, report).within, set(pairs))
        if sent.held_back and not sent.requests:
            raise _over_budget(store, who, sent, budget_usd)
    return outcome(store, teacher) | {
        "pairs": len(pairs),
        "sent": asdict(sent),
        "held_back": sent.held_back,
        "cost_estimate": asdict(planned.cost_estimate),
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
    who = teacher_of(teacher)
    if who.way == "batches":
        with open_client(who, store.path, settings.rehearsal) as client:
            watch(store, client, settings, report, wait=wait)
    return outcome(store, teacher)


def stop(
    store: Store, teacher: str, *, settings: DistillSettings | None = None, report: Report = silent
) -> dict[str, Any]:
    """Cancel what a teacher has in flight, and forget what was planned and not sent.

    Raises:
        StratosError: the server cannot be asked now.
    """
    settings = settings or DistillSettings()
    who = teacher_of(teacher)
    if who.way == "direct":
        return outcome(store, teacher) | {"stopped": asdict(Stopped(0, requests.drop_unsent(store, teacher), 0))}
    with open_client(who, store.path, settings.rehearsal) as client:
        stopped = cancel(store, client, settings, report)
    return outcome(store, teacher) | {"stopped": asdict(stopped)}


def outcome(store: Store, teacher: str) -> dict[str, Any]:
    """Return what a teacher's requests have come to so far, for the doors; money in dollars."""
    who = teacher_of(teacher)
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
    }


def _require(store: Store, teacher: Teacher, budget_usd: float | None, accept_terms: bool) -> None:
    agree(store, teacher, accept_terms)
    needs_budget(store, teacher, budget_usd)


def _over_budget(store: Store, teacher: Teacher, sent: Sent, budget_usd: float | None) -> StratosError:
    spent = ledger.spend(store, simulated=teacher.simulated)
    needs = dollars(spent.settled + spent.held + sent.needs)
    return StratosError(
        f"the budget of ${budget_usd or 0:.2f} holds {sent.held_back} requests back: ${dollars(spent.settled):.4f} is"
        f" spent, and sending them can take up to ${needs:.4f} in all; raise --budget"
    )


def _by_batches(
    store: Store,
    client: BatchClient,
    settings: DistillSettings,
    budget_usd: float | None,
    only: set[Pair],
    report: Report,
) -> int:
    """Go round until nothing is in flight and nothing may be sent; return how many questions the budget holds back.

    Failed pairs are asked again when a round is over and not before, so that batches are cut the same way in every run.
    """
    progress = Progress(store, client.teacher, report)
    sent_any = False
    while True:
        sent = send(store, client, settings, caps_of(store, client.teacher, budget_usd), progress.within, only)
        sent_any = sent_any or bool(sent.requests)
        watch(store, client, settings, report)
        if sent.held_back and not sent.requests:
            if not sent_any:
                raise _over_budget(store, client.teacher, sent, budget_usd)
            return sent.held_back
        if not sent.held_back and not requeue(store, client.teacher.name, settings, only):
            return 0


def _answer_directly(
    store: Store, teacher: Teacher, settings: DistillSettings, only: set[Pair], report: Report
) -> None:
    """Answer the planned questions by the rubric, in this process. None is asked twice: it would say the same."""
    progress = Progress(store, teacher, report)
    judge_waiting(store, teacher.name, settings, progress.within)
    unsent = requests.unsent(store, teacher.name)
    waiting = [each for each in unsent if Pair(each.article_id, each.profile_id) in only]
    texts = Texts(store, waiting)
    for start in range(0, len(waiting), CHUNK):
        chunk = [_by_rubric(texts, request) for request in waiting[start : start + CHUNK]]
        answers.keep(store, None, chunk, None)
        judge_waiting(store, teacher.name, settings, progress.within)
        progress("answering")


def _by_rubric(texts: Texts, request: Request) -> Answer:
    profile, article = texts.profiles[request.profile_digest], texts.articles[request.article_id]
    said = rubric.answer(profile, article, request.reference_date)
    text = render_completion(said.trace, said.tenths, said.reason)
    model = f"rubric {rubric.RUBRIC_VERSION}"
    return Answer(request.id, "succeeded", "end_turn", "", model, text, text, 0, 0, 0, 0, None)
