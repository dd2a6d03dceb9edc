"""Asks failed pairs again, each as a further attempt, up to a cap."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from stratos_tui.distill.plan import Pair, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.store import requests
from stratos_tui.store.db import Store
from stratos_tui.store.requests import FAILED


def requeue(store: Store, teacher: str, settings: DistillSettings, only: Collection[Pair] | None = None) -> int:
    """Plan a further attempt at every failed pair, or at those of ``only``, that has attempts left; return how many.

    A canceled pair was not answered badly: it waits for somebody to ask for it again.
    """
    failed = [
        Pair(*key)
        for key, standing in requests.standings(store, teacher).items()
        if standing.state in FAILED and standing.state != "canceled"
    ]
    wanted = failed if only is None else [pair for pair in failed if pair in only]
    return keep(store, plan(store, teacher, wanted, settings=settings), settings)


def requeue_requests(store: Store, request_ids: Iterable[int], settings: DistillSettings) -> int:
    """Plan a further attempt at the pairs of these rejected requests; return how many are planned.

    Raises:
        StratosError: a request is not stored, or its pair cannot be asked again.
    """
    planned = 0
    for request_id in request_ids:
        known = requests.get(store, request_id)
        if known is None:
            raise StratosError(f"there is no request {request_id}; `stratos rejections list` shows them")
        found = plan(store, known.teacher, [Pair(known.article_id, known.profile_id)], settings=settings)
        if not found.requests:
            raise StratosError(
                f"request {request_id} is not asked again: its pair is accepted, on its way, given up,"
                f" or was asked {settings.attempts} times"
            )
        planned += keep(store, found, settings)
    return planned
