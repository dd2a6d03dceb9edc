"""Asks a teacher about one pair at once, under the same journal, budget and terms as any other question."""

from __future__ import annotations

from datetime import date

from stratos_tui.digests import profile_digest
from stratos_tui.distill.budget import binding
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.pausing import Paused
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import answer_live
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.progress import Report, silent
from stratos_tui.records import Article, Profile
from stratos_tui.store import acknowledgements, articles, live, profiles, requests
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.store.live import Said
from stratos_tui.store.requests import NewRequest, Request
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, Teacher
from stratos_tui.teachers.live import open_live
from stratos_tui.teachers.prices import in_dollars
from stratos_tui.teachers.wire import custom_id


def ask_one(
    store: Store,
    teacher: Teacher,
    profile: Profile,
    article: Article,
    reference_date: date,
    caps: Caps,
    settings: DistillSettings,
    report: Report = silent,
) -> Said:
    """Return a teacher's answer about one stored pair: the one that is stored for this day, else a new one.

    What is accepted is an example like any other. A failed answer (``result_type`` other than ``succeeded``) is
    returned too; the same call then asks again.

    Raises:
        StratosError: the pair is not stored, is on its way to the teacher or planned for another day; terms, budget or
            key are missing; or the server refuses.
        Canceled: asked to stop.
    """
    if teacher.way == "direct":
        raise StratosError(f"the teacher {teacher.name} is not asked live: it is the scorer of the same name")
    if teacher.needs_terms and not acknowledgements.given(store, TERMS_SUBJECT, TERMS_NOTICE):
        raise StratosError(
            f"{TERMS_NOTICE} To go on, agree once, by `stratos distill run --accept-terms` or its screen"
        )
    if teacher.price is not None and not teacher.simulated and caps.total is None and caps.own is None:
        raise StratosError(f"{teacher.name} is paid: say the most that may be spent with `stratos distill cap USD`")
    request = _question(store, teacher, profile, article, reference_date, settings)
    if known := live.said(store, request.id):
        return known
    with open_live(teacher, store.path, settings.rehearsal, context=settings.context) as client:
        sent = answer_live(store, client, settings, caps, report, {Pair(article.id, profile.id)})
    if sent.paused:
        raise Paused
    if sent.held_back:
        bound = binding(store, teacher, caps)
        raised_by = bound.raised_by if bound else "it"
        raise StratosError(
            f"asking {teacher.name} can take up to {in_dollars(sent.needs)}, which passes"
            f" {bound.name if bound else 'the budget'}: raise {raised_by}"
        )
    found = live.said(store, request.id)
    if found is None:
        raise StratosError(f"{teacher.name} did not answer; the question waits, and asking again asks it")
    return found


def _question(
    store: Store, teacher: Teacher, profile: Profile, article: Article, day: date, settings: DistillSettings
) -> Request:
    """Return the question whose answer is wanted: answered already, planned already, or planned now."""
    digest = profile_digest(profile)
    if profiles.by_digest(store, digest) is None or articles.get(store, article.id) is None:
        raise StratosError(f"{teacher.name} is asked about stored pairs only: save the profile and the article first")
    before = live.attempts(store, teacher.name, article.id, profile.id)
    own = [each for each in before if each.purpose == "example" and each.profile_digest == digest]
    known = live.said_of_pair(store, teacher.name, article.id, profile.id, digest)
    answered = [each.request_id for each in known if each.reference_date == day]
    for each in own:
        if answered and each.id == answered[-1]:
            return each
    for each in own:
        if each.state == "planned" and each.batch_id is None:
            if each.reference_date != day:
                raise StratosError(f"this pair is planned to be judged on {each.reference_date}: ask for that day")
            return each
        if each.state in ("planned", "submitted", "answered"):
            raise StratosError(f"this pair is on its way to {teacher.name} already; its answer comes with its batch")
    attempt = before[-1].attempt + 1 if before else 1
    own_id = custom_id(teacher.name, article.id, profile.id, attempt)
    new = NewRequest(article.id, profile.id, attempt, own_id, day, digest)
    requests.plan(store, teacher.name, [new], prompts.fingerprint("teacher"), settings.asking())
    return live.attempts(store, teacher.name, article.id, profile.id)[-1]
