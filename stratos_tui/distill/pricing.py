"""Prices a plan: counts tokens at the server where that can be done, and estimates them here where not."""

from __future__ import annotations

from datetime import UTC, datetime

from stratos_tui.distill.estimate import Count, Estimate, estimate
from stratos_tui.distill.plan import Plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import open_client
from stratos_tui.teachers.prices import price_of

COMPARED = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
"""The models that a plan is priced by beside its own teacher."""
HERE = "four bytes of UTF-8 a token"


def price_plan(
    store: Store, planned: Plan, settings: DistillSettings, *, offline: bool = False
) -> tuple[Estimate, str]:
    """Return what a plan is reckoned to cost, by each compared model too, and who counted its tokens.

    A paid teacher's server counts a sample, which is free; a rehearsal counts as this does, so it is not started.
    Without a key or a connection tokens are estimated here, and the second value says why.
    """
    teacher = planned.teacher
    pool = {each.id: each for each in articles.load(store, sorted({each.article_id for each in planned.to_send}))}
    readers = {each.id: each for each in profiles.load(store)}
    today = datetime.now(UTC).date()
    compared = [price_of(model) for model in COMPARED]

    def priced(count: Count | None) -> Estimate:
        return estimate(teacher, planned.to_send, readers, pool, settings, today, count, compared)

    if offline or teacher.way != "batches" or teacher.simulated or not planned.to_send:
        return priced(None), HERE
    try:
        with open_client(teacher, store.path, settings.rehearsal) as client:
            return priced(client.count), f"{teacher.model}'s own count"
    except StratosError as error:
        return priced(None), f"{HERE}; the server did not count ({error})"
