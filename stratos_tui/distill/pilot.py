"""A pilot: a stratified few of the planned pairs, asked first, to measure what the estimate only assumes.

Its answers are answers like any other: nothing is asked twice for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from stratos_tui.distill.estimate import CostEstimate, sample_of
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.bands import band_of
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store
from stratos_tui.store.distill import Asked, asked
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import Usage, batch_cost, dollars, live_cost

SIZE = 50
WORTH_IT = 4
"""A pilot is made only where this many times its size is to be sent: else it would measure most of the work."""
LEAST = 10
"""Answers below which nothing is extrapolated."""
RESAMPLES = 2_000
UNSEEN = 0.5
"""How many answers count for what a pilot did not see: Jeffreys' prior."""
TAIL = 2.5
"""Per cent cut off on either side: a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a pilot measured. Token counts and ``cost`` (nanodollars) are means over its ``answers``.

    ``failed`` is the share of answers that were not accepted and would be asked again; ``cache_hits`` the share of
    cacheable tokens that were read from the cache, None where nothing was cacheable.
    """

    answers: int
    tokens_in: float
    tokens_out: float
    thinking: float
    cache_hits: float | None
    failed: float
    cost: float
    reasons: dict[str, int]


def pilot_of(
    store: Store,
    teacher: Teacher,
    to_send: Sequence[Pair],
    size: int,
    settings: DistillSettings,
    as_of: date | None = None,
) -> list[Pair]:
    """Return the pairs of the pilot that has to be made first; none where it is made already or not worth it."""
    if not size or teacher.price is None or len(to_send) < WORTH_IT * size:
        return []
    return [] if measured(store, teacher, settings) else choose_pilot(store, to_send, size, as_of)


def pilot_said(store: Store, teacher: Teacher, pairs: int, settings: DistillSettings) -> dict[str, Any] | None:
    """Return what the pilots of a teacher measured, and what ``pairs`` more come to by them; None without any."""
    found = measured(store, teacher, settings)
    rest = extrapolate(store, teacher, pairs, settings)
    if found is None or rest is None:
        return None
    return asdict(found) | {"cost": dollars(round(found.cost)), "pairs": pairs, "cost_estimate": asdict(rest)}


def choose_pilot(
    store: Store, wanted: Sequence[Pair], size: int = SIZE, as_of: date | None = None, seed: int = 0
) -> list[Pair]:
    """Choose a sample that is in proportion over profiles and rubric bands; the same on every machine."""
    pool = {each.id: each for each in articles.load(store, sorted({pair.article_id for pair in wanted}))}
    readers = {each.id: rubric.compile_profile(each) for each in profiles.load(store)}
    read = {each: rubric.read_article(article) for each, article in pool.items()}
    today = datetime.now(UTC).date()
    strata: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for pair in wanted:
        day = as_of or prompts.reference_date_of(pool[pair.article_id], today)
        tenths = rubric.score_tokens(readers[pair.profile_id], read[pair.article_id], day).tenths
        strata[pair.profile_id, band_of(tenths)].append(pair)
    # systematic sampling: every n-th of all strata in a row is in proportion over them
    ordered = [pair for stratum in sorted(strata) for pair in sample_of(strata[stratum], len(strata[stratum]), seed)]
    number = min(size, len(ordered))
    return [ordered[int((place + 0.5) * len(ordered) / number)] for place in range(number)]


def measured(store: Store, teacher: Teacher, settings: DistillSettings) -> Pilot | None:
    """Return what the pilots of this teacher, asked with this prompt and these settings, came to; None without any."""
    found = asked(store, teacher.name, "pilot", prompts.fingerprint("teacher"), settings.asking())
    return _measure(found) if len(found) >= LEAST else None


def extrapolate(
    store: Store, teacher: Teacher, pairs: int, settings: DistillSettings, seed: int = 0
) -> CostEstimate | None:
    """Return what asking further pairs costs by the pilot, failed ones asked again, with a 95 % interval, in dollars.

    The interval is a Bayesian bootstrap over the pilot's answers and half an answer more that ran to ``max_tokens``,
    with Jeffreys' prior on the share that fails: fifty answers without a failure do not say that there will be none.
    None without a pilot.
    """
    found = asked(store, teacher.name, "pilot", prompts.fingerprint("teacher"), settings.asking())
    if len(found) < LEAST or teacher.price is None:
        return None
    import numpy as np

    number, failures = len(found), sum(not each.accepted for each in found)
    longest = (live_cost if teacher.way == "live" else batch_cost)(
        teacher.price,
        Usage(tokens_in=round(_measure(found).tokens_in), tokens_out=settings.max_tokens),
    )
    random = np.random.default_rng(seed)
    weights = random.dirichlet([1.0] * number + [UNSEEN], size=RESAMPLES)
    share = random.beta(failures + UNSEEN, number - failures + UNSEEN, size=RESAMPLES)
    costs = np.array([each.cost for each in found] + [longest], dtype=np.float64)
    each_pair = weights @ costs * sum(share**attempt for attempt in range(settings.attempts))
    low, high = (float(bound) for bound in np.percentile(each_pair, [TAIL, 100 - TAIL]))
    failing = (failures + UNSEEN) / (number + 2 * UNSEEN)
    middle = float(costs[:-1].mean()) * sum(failing**attempt for attempt in range(settings.attempts))
    return CostEstimate(*(dollars(round(pairs * amount)) for amount in (low, middle, high)))


def _measure(found: Sequence[Asked]) -> Pilot:
    number = len(found)
    written = sum(each.cache_write for each in found)
    read = sum(each.cache_read for each in found)
    reasons: dict[str, int] = defaultdict(int)
    for each in found:
        if not each.accepted:
            reasons[each.code] += 1
    return Pilot(
        answers=number,
        tokens_in=sum(each.tokens_in + each.cache_write + each.cache_read for each in found) / number,
        tokens_out=sum(each.tokens_out for each in found) / number,
        thinking=sum(each.thinking for each in found) / number,
        cache_hits=read / (read + written) if read + written else None,
        failed=sum(not each.accepted for each in found) / number,
        cost=sum(each.cost for each in found) / number,
        reasons=dict(sorted(reasons.items(), key=lambda each: -each[1])),
    )
