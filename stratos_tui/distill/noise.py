"""Asks accepted pairs a second time, to see how far a teacher agrees with itself (decisions.md, 15)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any
from uuid import uuid4

from stratos_tui.digests import profile_digest
from stratos_tui.distill.budget import caps_of, needs_budget
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import agree, held_by
from stratos_tui.distill.ways import open_way
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.progress import Report, silent
from stratos_tui.store import distill, profiles, requests
from stratos_tui.store.db import Store
from stratos_tui.store.requests import NewRequest
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.wire import custom_id

PAIRS = 200


def ask_again(
    store: Store,
    teacher: str,
    count: int = PAIRS,
    *,
    budget_usd: float | None = None,
    own_usd: float | None = None,
    accept_terms: bool = False,
    settings: DistillSettings | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Have a teacher score accepted pairs a second time, until ``count`` were; failed ones are not asked again.

    Returns how many were ``asked`` now, how many are ``held_back``, by which cap in words (``held_by``), and whether
    they wait because sending is ``paused``.

    Raises:
        StratosError: as for :func:`stratos_tui.distill.run.distill`; or the teacher says the same every time.
        Canceled: asked to stop.
    """
    settings = settings or DistillSettings()
    who = find_teacher(store, teacher)
    if who.way == "direct":
        raise StratosError(f"{teacher} says the same every time: it has no noise to measure")
    agree(store, who, accept_terms)
    needs_budget(store, who, budget_usd, own_usd)
    plan_again(store, teacher, count, settings)
    caps = caps_of(store, who, budget_usd, own_usd, uuid4().hex)
    with open_way(store, who, settings, caps, report) as way:
        sent = way.send(None, "noise")
        said = held_by(store, who, sent, caps)
        way.watch()
    return {"asked": sent.requests, "held_back": sent.held_back, "held_by": said, "paused": sent.paused}


def plan_again(store: Store, teacher: str, count: int, settings: DistillSettings, seed: int = 0) -> int:
    """Plan a second question for accepted pairs, whole articles at a time, until ``count`` were asked twice.

    Whole articles, because the teacher's PSR against itself needs contrast pairs. Those that were asked twice before
    count; one that waits to be sent is not planned again. Returns how many are planned and not sent yet.

    Raises:
        StratosError: there is no accepted pair to ask again.
    """
    examples = distill.examples(store, teacher)
    if not examples:
        raise StratosError(f"{teacher} has no accepted pair to ask again; `stratos distill run` asks first")
    # seeded, so that the same pairs are chosen when an interrupted call is repeated
    by_article: dict[str, list[int]] = defaultdict(list)
    for number, example in enumerate(examples):
        by_article[example.article_id].append(number)
    order = sorted(by_article, key=lambda each: hashlib.sha256(f"noise\0{seed}\0{each}".encode()).digest())
    chosen = [examples[number] for article in order for number in by_article[article]][:count]
    known = requests.asked_again(store, teacher)
    standings = requests.standings(store, teacher)
    digests = {each.id: profile_digest(each) for each in profiles.load(store)}
    wanted = []
    for example in chosen:
        pair = (example.article_id, example.profile_id)
        if pair in known:
            continue
        attempt = standings[pair].last_attempt + 1
        wanted.append(
            NewRequest(
                article_id=example.article_id,
                profile_id=example.profile_id,
                attempt=attempt,
                custom_id=custom_id(teacher, example.article_id, example.profile_id, attempt),
                reference_date=example.reference_date,
                profile_digest=digests[example.profile_id],
                purpose="noise",
            )
        )
    requests.plan(store, teacher, wanted, prompts.fingerprint("teacher"), settings.asking())
    return len(requests.unsent(store, teacher, "noise"))
