"""Has a teacher draft polarizing articles into a queue for review: asked live, journalled first, money held first.

A question that was sent and has no answer may have been paid: it is settled at the most that it can have cost, and
never asked again by itself. A paused workspace asks nothing. Nothing here puts an article into the data
(:mod:`stratos_tui.distill.review` does).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from stratos_tui.articles import near_duplicates
from stratos_tui.distill.budget import binding, caps_of, live_bill, most_cost, needs_budget
from stratos_tui.distill.pausing import Paused, is_paused
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import agree, pricing_of, sending, until_taken
from stratos_tui.errors import StratosError
from stratos_tui.prism.drafting import (
    MOST_PROFILES,
    TITLE_CHARACTERS,
    DraftFault,
    drafting_fingerprint,
    drafting_system,
    drafting_user,
    parse_draft,
)
from stratos_tui.progress import Report, silent
from stratos_tui.records import Article, Band, Profile
from stratos_tui.store import articles, candidates, events, profiles
from stratos_tui.store.batches import Intent
from stratos_tui.store.candidates import Answered, Candidate, NewCandidate
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import InDoubt, NotTaken
from stratos_tui.teachers.catalog import Teacher, find_teacher
from stratos_tui.teachers.live import LiveClient, Question, open_live, question_id
from stratos_tui.teachers.prices import dollars, in_dollars
from stratos_tui.teachers.wire import Outcome, new_run_token

TITLES = 12
"""Titles that a question names as taken: the latest drafts' first, then some of the store's."""
MOST_DOUBTS = 3
"""After so many questions in a row without an answer a sitting ends: each may have been paid."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One draft that is wanted: for whom, and in which band."""

    profile_ids: tuple[str, ...]
    band: Band


def draft(
    store: Store,
    teacher: str,
    wishes: Sequence[Wish],
    *,
    budget_usd: float | None = None,
    own_usd: float | None = None,
    accept_terms: bool = False,
    settings: DistillSettings | None = None,
    as_of: date | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Ask a teacher for one draft a wish, one after another, and keep what comes for review.

    The money for all is held before the first is asked. ``as_of`` is the day on which the items are written, today
    unless given. Asking for the same again asks for further drafts.

    Returns:
        How many were ``asked``, are ``waiting`` for review and ``errored`` (``faults`` by code), the ``candidates``'
        ids, what they cost in dollars, and ``lost``: questions of an earlier call that was killed before their answer.

    Raises:
        StratosError: no such teacher or profile, terms or budget missing, no key, the caps leave no room for all, the
            workspace is paused, the server refuses, or does not answer. What came before is kept.
        Canceled: asked to stop.
    """
    settings = settings or DistillSettings()
    who = find_teacher(store, teacher)
    if who.way == "direct":
        raise StratosError(f"the teacher {who.name} scores articles and writes none; choose another one")
    readers = profiles.load(store)
    _check(wishes, readers)
    agree(store, who, accept_terms)
    needs_budget(store, who, budget_usd, own_usd)
    caps = caps_of(store, who, budget_usd, own_usd, uuid4().hex)
    today = as_of or datetime.now(UTC).date()
    if is_paused(store):
        raise Paused
    opened = open_live(who, store.path, settings.rehearsal, context=settings.context)
    with sending(store, report, "drafting"), opened as client:
        lost = _end_open(store)
        most = _most(who, wishes, readers, today, settings)
        batch_id = _hold(store, who, wishes, today, most, caps, settings)
        try:
            _ask_all(store, client, batch_id, readers, most, settings, report)
        except StratosError as error:
            _end_open(store, str(error))
            raise
        finally:
            _end_open(store)
    return _outcome(store, who, batch_id) | {"lost": lost}


def most_of_drafts(
    store: Store, teacher: str, wishes: Sequence[Wish], settings: DistillSettings | None = None
) -> tuple[Teacher, int]:
    """Return a teacher, and the most that these drafts can cost by it, in nanodollars.

    Raises:
        StratosError: there is no such teacher or profile.
    """
    who = find_teacher(store, teacher)
    readers = profiles.load(store)
    _check(wishes, readers)
    today = datetime.now(UTC).date()
    return who, _most(who, wishes, readers, today, settings or DistillSettings()) * len(wishes)


def repeats(article: Article, known: Sequence[Article]) -> str:
    """Return the id of the article that this one repeats nearly word for word; empty where it repeats none."""
    own = replace(article, id="\0")
    return near_duplicates.find([*known, own]).get(own.id, "")


def _check(wishes: Sequence[Wish], readers: Sequence[Profile]) -> None:
    if not wishes:
        raise StratosError("nothing is wanted: name a profile and a band, or ask for what is weak")
    known = {each.id for each in readers}
    for wish in wishes:
        if not 1 <= len(set(wish.profile_ids)) == len(wish.profile_ids) <= MOST_PROFILES:
            raise StratosError(f"a polarizing article is for one or two profiles, not for {len(wish.profile_ids)}")
        if missing := [each for each in wish.profile_ids if each not in known]:
            raise StratosError(f"there is no profile {missing[0]!r}; `stratos profiles list` names them")


def _hold(
    store: Store,
    teacher: Teacher,
    wishes: Sequence[Wish],
    today: date,
    most: int,
    caps: Caps,
    settings: DistillSettings,
) -> int:
    """Journal every question and hold ``most`` for each, in nanodollars; return the sitting's batch."""
    wanted: list[NewCandidate] = []
    asked: Counter[Wish] = Counter()
    for wish in wishes:
        asked[wish] += 1
        number = candidates.count_wished(store, teacher.name, wish.profile_ids, wish.band) + asked[wish]
        own_id = question_id("candidate", teacher.name, *wish.profile_ids, wish.band, str(number))
        asking = json.loads(settings.asking()) | {"as_of": today.isoformat(), "number": number}
        wanted.append(NewCandidate(own_id, wish.profile_ids, wish.band, json.dumps(asking, sort_keys=True)))
    intent = Intent(
        teacher=teacher.name,
        model=teacher.model,
        run_token=new_run_token(os.urandom(16)),
        request_ids=(),
        prompt_fingerprint=drafting_fingerprint(),
        settings=settings.asking(),
        reservation=most * len(wanted),
        purpose="candidates",
        way="live",
    )
    batch_id = candidates.plan(store, intent, wanted, pricing_of(teacher), caps)
    if batch_id is None:
        bound = binding(store, teacher, caps)
        assert bound is not None
        left = f"{bound.name} of {in_dollars(bound.cap)} leaves {in_dollars(max(bound.left, 0))}"
        raise StratosError(
            f"{len(wanted):,} drafts can take up to {in_dollars(intent.reservation)}, and {left};"
            f" raise {bound.raised_by}, or ask for fewer"
        )
    events.add(store, teacher.name, "drafting", f"{len(wanted):,} drafts asked for", batch_id)
    return batch_id


def _ask_all(
    store: Store,
    client: LiveClient,
    batch_id: int,
    readers: Sequence[Profile],
    most: int,
    settings: DistillSettings,
    report: Report,
) -> None:
    teacher = client.teacher
    planned = candidates.load(store, ("planned",), batch_id=batch_id)[::-1]
    known = articles.load(store) + [_named(each) for each in candidates.load(store, ("waiting",))[::-1]]
    doubts = 0
    for done, own in enumerate(planned):
        report(done, len(planned), f"drafting by {teacher.name}")
        wish, number = Wish(own.profile_ids, own.band), own.settings["number"]
        question = Question(
            custom_id=own.custom_id,
            system=drafting_system(),
            user=_user(wish, readers, _taken(known, own.custom_id), number, own.as_of),
            max_tokens=settings.max_tokens,
            effort=settings.effort,
        )
        try:
            answered = _read(teacher, own, _ask(store, client, own, question, report), known, most)
        except InDoubt as doubt:
            doubts += 1
            answered = _unanswered(str(doubt), most, simulated=teacher.simulated)
        else:
            doubts = 0
        candidates.keep(store, own.id, answered, pricing_of(teacher))
        if answered.fault:
            events.add(store, teacher.name, "no draft", f"candidate {own.id}: {answered.fault}", batch_id)
        elif answered.article is not None:
            known.append(replace(answered.article, id=f"candidate {own.id}"))
        if doubts == MOST_DOUBTS:
            raise StratosError(
                f"{teacher.name} did not answer {doubts} questions in a row: {answered.fault}; what came before is kept"
            )
    report(len(planned), len(planned), "drafted")


def _ask(store: Store, client: LiveClient, own: Candidate, question: Question, report: Report) -> Outcome:
    """Ask one question; again only where the server said that it did not take it."""

    def ask() -> Outcome:
        candidates.submit(store, own.id)
        try:
            return client.ask(question)
        except NotTaken:
            candidates.unsend(store, own.id)
            raise

    assert own.batch_id is not None
    return until_taken(store, client.teacher.name, own.batch_id, report, ask)


def _read(teacher: Teacher, own: Candidate, outcome: Outcome, known: Sequence[Article], most: int) -> Answered:
    """Turn an answer into a draft for review, or into a fault with a name."""
    article, fault = None, ""
    if outcome.result_type != "succeeded":
        fault = f"{outcome.result_type}: {outcome.detail or outcome.reason}"
    elif outcome.reason == "refusal":
        fault = f"refusal: {outcome.detail or 'no reason given'}"
    elif outcome.reason == "max_tokens":
        fault = f"truncated: cut off after {outcome.usage.tokens_out:,} tokens"
    else:
        found = parse_draft(outcome.text, own.as_of)
        if isinstance(found, DraftFault):
            fault = f"{found.code}: {found.measured}"
        else:
            article = Article(
                id="",
                title=found.title,
                body=found.body,
                source=found.source,
                source_type=found.source_type,
                category=found.category,
                deadline=found.deadline,
            )
            if of := repeats(article, known):
                fault = f"repeats: nearly word for word {of}"
    usage = outcome.usage
    return Answered(
        article=article,
        fault=fault,
        cost=live_bill(teacher, outcome, most),
        model=outcome.model,
        raw=outcome.raw,
        tokens_in=usage.tokens_in + usage.cache_write + usage.cache_read,
        tokens_out=usage.tokens_out,
    )


def _unanswered(why: str, most: int, *, simulated: bool) -> Answered:
    """Return what a question without an answer came to: it may have cost the most that it could, where it costs."""
    if simulated or not most:
        return Answered(None, f"no_answer: {why}", None)
    return Answered(None, f"no_answer: {why}; it may have been paid", most)


def _end_open(store: Store, why: str = "") -> int:
    """Close every sitting that is open, and return how many of their questions have no answer.

    Only for who holds the drafting lock: what is open then is this process's own, or was left by one that died.
    """
    lost = 0
    for sitting in candidates.open_sittings(store):
        for candidate_id in sitting.submitted:
            answered = _unanswered(
                "whoever asked was stopped before it came", sitting.held_each, simulated=sitting.pricing.simulated
            )
            lost += candidates.keep(store, candidate_id, answered, sitting.pricing)
            events.add(
                store, sitting.teacher, "no draft", f"candidate {candidate_id}: {answered.fault}", sitting.batch_id
            )
        candidates.close(store, sitting.batch_id, why)
    return lost


def _outcome(store: Store, teacher: Teacher, batch_id: int) -> dict[str, Any]:
    found = candidates.load(store, batch_id=batch_id)[::-1]
    drafts = sorted(each.id for each in found if each.state == "waiting")
    faults = Counter(each.fault.partition(":")[0] for each in found if each.state == "errored")
    return {
        "teacher": teacher.name,
        "simulated": teacher.simulated,
        "asked": len(found),
        "waiting": len(drafts),
        "errored": faults.total(),
        "faults": dict(faults.most_common()),
        "candidates": drafts,
        "spent": dollars(candidates.cost(store, batch_id)),
        "priced_as": teacher.price.model if teacher.price else None,
        "price_date": teacher.price.date if teacher.price else None,
    }


def _most(
    teacher: Teacher, wishes: Sequence[Wish], readers: Sequence[Profile], today: date, settings: DistillSettings
) -> int:
    """Return the most that the dearest of these drafts can cost, in nanodollars: what is held for each of them."""
    # four bytes of UTF-8 a character: no title has more
    titles = ["\U0001f4f0" * TITLE_CHARACTERS[1]] * TITLES
    asked = {_user(wish, readers, titles, len(wishes), today) for wish in set(wishes)}
    return max(most_cost(teacher, drafting_system(), user, settings.max_tokens, live=True) for user in asked)


def _user(wish: Wish, readers: Sequence[Profile], titles: Sequence[str], number: int, today: date) -> str:
    chosen = [each for name in wish.profile_ids for each in readers if each.id == name]
    others = [each for each in readers if each.id not in wish.profile_ids]
    return drafting_user(chosen, wish.band, others, titles, number, today)


def _taken(known: Sequence[Article], seed: str) -> list[str]:
    """Return titles not to repeat: half of them the latest, half from all by a seeded hash."""
    latest = [each.title for each in known[-TITLES // 2 :]]
    rest = sorted(
        (each.title for each in known[: -TITLES // 2]),
        key=lambda title: hashlib.sha256(f"{seed}\0{title}".encode("utf-8", "replace")).digest(),
    )
    return [title[: TITLE_CHARACTERS[1]] for title in latest + rest[: TITLES - len(latest)]]


def _named(candidate: Candidate) -> Article:
    return replace(candidate.article(), id=f"candidate {candidate.id}")
