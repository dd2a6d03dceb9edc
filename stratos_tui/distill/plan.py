"""Plans what to ask: which pairs, stratified; which of them are missing; and what asking costs."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache

from stratos_tui.digests import profile_digest
from stratos_tui.distill.estimate import CostEstimate, Estimate, estimate
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.bands import band_of
from stratos_tui.progress import Report, silent
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles as article_rows
from stratos_tui.store import profiles as profile_rows
from stratos_tui.store import requests
from stratos_tui.store.db import Store
from stratos_tui.store.requests import FAILED, OPEN, NewRequest, Standing
from stratos_tui.teachers.catalog import Teacher, find_teacher
from stratos_tui.teachers.wire import custom_id

REPORT_EVERY = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked. ``requests`` are the missing pairs' questions, ``pairs`` all that were chosen.

    ``unsent`` questions were planned before and wait to be sent with them; ``to_send``, batches and costs count both.
    Those that wait for another day than is asked for now are among ``requests``: they are planned anew.
    ``shortfall`` is how many pairs fewer there are than were asked for. Money of a rehearsal is simulated.
    """

    teacher: Teacher
    pairs: list[Pair]
    requests: list[NewRequest]
    to_send: list[Pair]
    unsent: int
    accepted: int
    in_flight: int
    shortfall: int
    batches: int
    estimated: Callable[[], Estimate] = field(repr=False, compare=False)

    @property
    def estimate(self) -> Estimate:
        """What is known of the price, worked out when it is first asked for: most plans are never priced."""
        return self.estimated()

    @property
    def cost_estimate(self) -> CostEstimate:
        """What asking takes, in dollars."""
        return self.estimate.cost


def choose_pairs(
    store: Store,
    *,
    articles: Sequence[str] | None = None,
    profiles: Sequence[str] | None = None,
    limit: int | None = None,
    missing_for: str | None = None,
    among: Collection[Pair] | None = None,
    attempts: int = DistillSettings().attempts,
    as_of: date | None = None,
    seed: int = 0,
    report: Report = silent,
) -> list[Pair]:
    """Choose pairs by whole articles, so that contrast pairs exist; the same choice on every machine.

    Polarizing articles come first, then the others, then near-duplicates; within each, any number of articles from
    the front is in proportion over the held-out split and the article's highest rubric band. ``limit`` pairs are the
    first that many; a smaller limit's choice is part of a larger one's. With ``missing_for`` only pairs that the named
    teacher still owes count, and that have any of their ``attempts`` left; with ``among`` only these. ``profiles`` is
    all but imported ones where it is not given. ``as_of`` is the day on which the bands are judged.

    Raises:
        StratosError: an id is not stored, or there is nothing to choose from.
    """
    readers = _profiles(store, profiles)
    pool = _articles(store, articles)
    standing = requests.standings(store, missing_for) if missing_for else {}
    chosen: list[Pair] = []
    if among is not None:
        named = {pair.article_id for pair in among}
        pool = [article for article in pool if article.id in named]
    for article in pool if limit is None else _ordered(store, pool, readers, as_of, seed, report):
        own = [
            Pair(article.id, profile.id)
            for profile in sorted(readers, key=lambda each: _hash(seed, "profile", article.id, each.id))
            if _is_owed(standing.get((article.id, profile.id)), attempts)
            and (among is None or Pair(article.id, profile.id) in among)
        ]
        chosen += own if limit is None else own[: limit - len(chosen)]
        if limit is not None and len(chosen) >= limit:
            break
    return chosen


def plan(
    store: Store,
    teacher_name: str,
    pairs: Sequence[Pair],
    *,
    wanted: int | None = None,
    as_of: date | None = None,
    settings: DistillSettings | None = None,
) -> Plan:
    """Work out which questions are missing for these pairs, and what asking them costs. Stores nothing.

    A pair is missing when its profile, as it is now, has no accepted answer, none on its way, and was not given up;
    a failed one is missing while it has attempts left. ``as_of`` judges every article on one day; without it a further
    attempt keeps the day of the one before.
    """
    settings = settings or DistillSettings()
    teacher = find_teacher(store, teacher_name)
    standing = requests.standings(store, teacher.name)
    readers = {profile.id: profile for profile in profile_rows.load(store)}
    pool = {article.id: article for article in article_rows.load(store, sorted({each.article_id for each in pairs}))}
    today = datetime.now(UTC).date()
    digests = {profile.id: profile_digest(profile) for profile in readers.values()}
    missing: list[NewRequest] = []
    chosen = set(pairs)
    planned = {
        (each.article_id, each.profile_id): each
        for each in requests.unsent(store, teacher.name)
        if Pair(each.article_id, each.profile_id) in chosen and each.profile_digest == digests.get(each.profile_id)
    }
    another_day = {key for key, each in planned.items() if as_of and each.reference_date != as_of}
    for pair in pairs:
        if pair.profile_id not in readers or pair.article_id not in pool:
            raise StratosError(f"there is no pair of {pair.article_id!r} and {pair.profile_id!r} in this store")
        key = (pair.article_id, pair.profile_id)
        known, before = standing.get(key), planned[key] if key in another_day else None
        if before is None and not _is_missing(known, settings.attempts):
            continue
        attempt = before.attempt if before else known.last_attempt + 1 if known else 1
        day = as_of or (known.reference_date if known else None)
        missing.append(
            NewRequest(
                article_id=pair.article_id,
                profile_id=pair.profile_id,
                attempt=attempt,
                custom_id=custom_id(teacher.name, pair.article_id, pair.profile_id, attempt),
                reference_date=day or prompts.reference_date_of(pool[pair.article_id], today),
                profile_digest=digests[pair.profile_id],
                repair=before.repair if before else "",
            )
        )
    waiting = [Pair(*key) for key in planned if key not in another_day]
    to_send = [Pair(each.article_id, each.profile_id) for each in missing] + waiting
    asked = [standing[key] for pair in pairs if (key := (pair.article_id, pair.profile_id)) in standing]
    return Plan(
        teacher=teacher,
        pairs=list(pairs),
        requests=missing,
        to_send=to_send,
        unsent=len(waiting),
        accepted=sum(each.accepted for each in asked),
        in_flight=sum(each.state in OPEN for each in asked) - len(planned),
        shortfall=max(0, (wanted or 0) - len(pairs)),
        batches=-(-len(to_send) // settings.batch_size) if teacher.way == "batches" else 0,
        estimated=cache(lambda: estimate(teacher, to_send, readers, pool, settings, today)),
    )


def keep(store: Store, planned: Plan, settings: DistillSettings) -> int:
    """Store a plan's questions; return how many are new."""
    return requests.plan(
        store, planned.teacher.name, planned.requests, prompts.fingerprint("teacher"), settings.asking()
    )


def _is_missing(known: Standing | None, attempts: int) -> bool:
    """Tell whether a further question is to be planned for a pair."""
    if known is None:
        return True
    return not known.accepted and not known.given_up and known.state in FAILED and known.attempts < attempts


def _is_owed(known: Standing | None, attempts: int) -> bool:
    """Tell whether something is still to be sent for a pair: what is planned waits to be sent as well."""
    return _is_missing(known, attempts) or (known is not None and known.state == "planned")


def _profiles(store: Store, wanted: Sequence[str] | None) -> list[Profile]:
    stored = profile_rows.load(store)
    origins = profile_rows.origins(store)
    if wanted is None:
        found = [profile for profile in stored if origins[profile.id] != "imported"]
    else:
        unknown = sorted(set(wanted) - set(origins))
        if unknown:
            raise StratosError(f"there is no profile {unknown[0]!r}; `stratos profiles list` shows them")
        found = [profile for profile in stored if profile.id in wanted]
    if not found:
        raise StratosError("there are no profiles to ask for; `stratos init` loads the ten that ship")
    return found


def _articles(store: Store, wanted: Sequence[str] | None) -> list[Article]:
    found = article_rows.load(store, wanted)
    unknown = sorted(set(wanted or ()) - {article.id for article in found})
    if unknown:
        raise StratosError(f"there is no article {unknown[0]!r}; `stratos articles list` shows them")
    if not found:
        raise StratosError("there are no articles to ask about; `stratos init` loads those that ship")
    return found


def _ordered(
    store: Store, pool: Sequence[Article], readers: Sequence[Profile], as_of: date | None, seed: int, report: Report
) -> list[Article]:
    """Order articles so that every prefix is in proportion over the strata."""
    polarizing = set(article_rows.collection_ids(store, "polarizing"))
    repeats = article_rows.near_duplicates(store)
    splits = article_rows.splits(store)
    compiled = [rubric.compile_profile(profile) for profile in readers]
    today = datetime.now(UTC).date()
    strata: dict[tuple[int, str, str], list[Article]] = defaultdict(list)
    for number, article in enumerate(pool):
        if number % REPORT_EVERY == 0:
            report(number, len(pool), "choosing articles")
        day = as_of or prompts.reference_date_of(article, today)
        read = rubric.read_article(article)
        highest = max(rubric.score_tokens(profile, read, day).tenths for profile in compiled)
        group = 2 if article.id in repeats else 0 if article.id in polarizing else 1
        strata[group, splits.get(article.id) or "", band_of(highest)].append(article)
    # an article's place within its stratum, as a share: sorting by it interleaves the strata in proportion
    placed = []
    for (group, *_), members in strata.items():
        members.sort(key=lambda article: _hash(seed, "article", article.id))
        for rank, article in enumerate(members):
            placed.append((group, (rank + 0.5) / len(members), _hash(seed, "place", article.id), article))
    placed.sort(key=lambda each: each[:3])
    return [each[3] for each in placed]


def _hash(seed: int, *parts: str) -> bytes:
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).digest()
