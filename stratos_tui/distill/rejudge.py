"""Judges stored answers again when the rules have changed: nothing is asked, and nothing is paid.

The fingerprint in each verdict says by which rules it was reached, so that those that are out of date are what is left
to do: killed at any point, the same call goes on.
"""

from __future__ import annotations

from typing import TypedDict

from stratos_tui.distill.judge import state_of
from stratos_tui.distill.judging import CHUNK, MUCH, Judging
from stratos_tui.distill.rulebook import Limits, fingerprint
from stratos_tui.distill.switches import rules_of
from stratos_tui.progress import Report
from stratos_tui.store import answers, requests
from stratos_tui.store.answers import Judgement
from stratos_tui.store.db import Store


class Rejudged(TypedDict):
    """How many stored verdicts were reached again, how many of them turned, and how many an operator had decided."""

    judged: int
    now_accepted: int
    now_rejected: int
    kept_by_operator: int


def rejudge(store: Store, report: Report, limits: Limits | None = None) -> Rejudged:
    """Judge every stored answer whose verdict other rules have reached; an operator's decisions stay.

    The further attempts at pairs that are accepted now are forgotten where they are planned and not sent. ``limits``
    are the defaults of what the workspace has not set.

    Raises:
        Canceled: asked to stop; what was judged is kept.
    """
    limits = limits or Limits()
    wanted = fingerprint(rules_of(store, limits))
    counts = answers.outdated_counts(store, wanted)
    total = counts.get("rules", 0)
    result = Rejudged(judged=0, now_accepted=0, now_rejected=0, kept_by_operator=counts.get("operator", 0))

    def keep(found: list[Judgement]) -> None:
        with store.write():
            before = answers.judge_by_rules(store, [(each, state_of(each)) for each in found])
            new = [each.request_id for each in found if each.accepted and before.get(each.request_id) is False]
            requests.withdraw(store, new)
        result["judged"] += len(before)
        result["now_accepted"] += len(new)
        result["now_rejected"] += sum(not each.accepted and before.get(each.request_id) is True for each in found)
        report(result["judged"], total, "judging stored answers again")

    last = 0
    with Judging(store, limits, keep, much=total >= MUCH) as judging:
        while waiting := answers.outdated(store, wanted, CHUNK, last):
            judging.give(waiting)
            last = waiting[-1]
    return result
