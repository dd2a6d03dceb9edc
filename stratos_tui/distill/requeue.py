"""Asks failed pairs again, each as a further attempt: by itself up to a cap, and on an operator's word beyond it.

The teacher may be told what was wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from stratos_tui.distill.decide import Decided, no_answer
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.plan import keep, plan
from stratos_tui.distill.repair import repair_note
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store import decisions, requests
from stratos_tui.store.db import Store
from stratos_tui.store.decisions import Decidable
from stratos_tui.store.requests import FAILED, OPEN, Standing

BY_HAND = 2
"""Attempts at a pair that an operator may ask for beyond those that are made by themselves (the settings'
``attempts``): a run spends those before anybody has read an answer. Our own choice: one with another repair note than
the other, and a bound on what one stubborn pair can cost."""


@dataclass(frozen=True, slots=True)
class Repair:
    """What the teacher is told was wrong: ``note``, or for each answer what its own verdict says."""

    note: str = ""

    def of(self, known: Decidable) -> str:
        """Return what is said about one answer."""
        return self.note or repair_note(known.code, known.measured, known.limits)


def requeue(store: Store, teacher: str, settings: DistillSettings, only: Collection[Pair] | None = None) -> int:
    """Plan a further attempt at every failed pair, or at those of ``only``, that has attempts left; return how many.

    This is what a run does by itself: what an operator may ask for beyond that is left alone. A canceled pair was not
    answered badly: it waits for somebody to ask for it again. One that met an error which the same question meets again
    waits too.
    """
    failed = [
        Pair(*key)
        for key, standing in requests.standings(store, teacher).items()
        if standing.state in FAILED and standing.state != "canceled" and not standing.permanent
    ]
    wanted = failed if only is None else [pair for pair in failed if pair in only]
    return keep(store, plan(store, teacher, wanted, settings=settings), settings)


def by_hand(settings: DistillSettings) -> DistillSettings:
    """Return settings by which an operator's word asks ``BY_HAND`` times more than a run does by itself."""
    return replace(settings, attempts=settings.attempts + BY_HAND)


def requeue_all(
    store: Store, request_ids: Sequence[int], settings: DistillSettings, repair: Repair | None = None
) -> Decided:
    """Plan, as one step a teacher, a further attempt at the pairs of all of these requests that can be asked again.

    This is an operator's word: a pair may be asked ``BY_HAND`` times more than by itself. With ``repair`` the teacher
    is told what was wrong with the answer before.
    """
    more = by_hand(settings)
    known = decisions.load(store, request_ids)
    refused = {each: no_answer(each) for each in request_ids if each not in known}
    by_teacher: dict[str, list[int]] = defaultdict(list)
    for request_id in known:
        by_teacher[known[request_id].teacher].append(request_id)
    done: list[int] = []
    for teacher, own in by_teacher.items():
        pairs = {each: Pair(known[each].article_id, known[each].profile_id) for each in own}
        planned = plan(store, teacher, list(dict.fromkeys(pairs.values())), settings=more)
        # of two rejected attempts at one pair, the later one says what was wrong
        notes = {pairs[each]: repair.of(known[each]) if repair else "" for each in sorted(own)}
        asked = [replace(each, repair=notes[Pair(each.article_id, each.profile_id)]) for each in planned.requests]
        keep(store, replace(planned, requests=asked), settings)
        again = {Pair(each.article_id, each.profile_id) for each in asked}
        done += [each for each in own if pairs[each] in again]
        held = [each for each in own if pairs[each] not in again]
        standings = requests.standings(store, teacher) if held else {}
        for each in held:
            standing = standings.get((pairs[each].article_id, pairs[each].profile_id))
            refused[each] = f"request {each} is not asked again: its pair {_why_not(standing, settings)}"
    return Decided(done, refused)


def _why_not(standing: Standing | None, settings: DistillSettings) -> str:
    if standing is None:
        return "is unknown"
    if standing.accepted:
        return "has an accepted answer"
    if standing.given_up:
        return "was given up"
    if standing.state in OPEN:
        return "is on its way"
    return (
        f"was asked {standing.attempts} times, and {settings.attempts + BY_HAND} are the most: {settings.attempts} by"
        f" itself and {BY_HAND} more on your word. Edit an answer and accept it, or discard it"
    )
