from __future__ import annotations

from dataclasses import replace

import pytest

from stratos_tui.distill.decide import accept, discard, undo
from stratos_tui.distill.plan import choose_pairs, plan
from stratos_tui.distill.requeue import requeue, requeue_requests
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.store import rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import examples, totals
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings


def rejected(store: Store, settings: DistillSettings, kind: str, count: int = 4) -> list[int]:
    """Have every answer rejected in one way, each pair asked once; return the requests."""
    bad = RehearsalSettings(bad_share=1.0, bad_kinds=(kind,), latency_seconds=0.0, seconds_per_request=0.0)
    distill(store, "rehearsal", limit=count, settings=replace(settings, rehearsal=bad, attempts=1))
    return [each.request_id for each in rejections.page(store)]


def state(store: Store, request_id: int) -> str:
    found = requests.get(store, request_id)
    assert found is not None
    return found.state


def test_an_answer_that_reads_well_can_be_accepted_as_it_is(seeded: Store, quick: DistillSettings) -> None:
    first, *_ = rejected(seeded, quick, "too_long")
    decided = accept(seeded, first, quick)
    assert (decided.accepted, decided.code, decided.decided_by) == (True, "too_long", "operator")
    assert [each.request_id for each in examples(seeded, "rehearsal")] == [first]
    assert first not in [each.request_id for each in rejections.page(seeded)]


@pytest.mark.parametrize("kind", ["no_score", "five", "refusal", "max_tokens", "errored", "expired"])
def test_what_cannot_be_trained_on_cannot_be_accepted(seeded: Store, quick: DistillSettings, kind: str) -> None:
    first, *_ = rejected(seeded, quick, kind)
    with pytest.raises(StratosError, match=rf"request {first} cannot be accepted"):
        accept(seeded, first, quick)
    assert examples(seeded, "rehearsal") == []


def test_a_discarded_pair_is_not_missed_and_not_asked_again(seeded: Store, quick: DistillSettings) -> None:
    first, *rest = rejected(seeded, quick, "too_short")
    discard(seeded, first, quick)
    assert state(seeded, first) == "discarded"
    assert requeue(seeded, "rehearsal", quick) == len(rest)
    with pytest.raises(StratosError, match="given up"):
        requeue_requests(seeded, [first], quick)
    given_up = requests.get(seeded, first)
    assert given_up is not None
    owed = choose_pairs(seeded, limit=1000, missing_for="rehearsal")
    assert (given_up.article_id, given_up.profile_id) not in {(each.article_id, each.profile_id) for each in owed}


def test_a_decision_is_taken_back_and_the_rules_verdict_stands_again(seeded: Store, quick: DistillSettings) -> None:
    first, second, *_ = rejected(seeded, quick, "too_long")
    before = rejections.one(seeded, first)
    accept(seeded, first, quick)
    discard(seeded, second, quick)
    assert undo(seeded, quick) == second
    assert undo(seeded, quick) == first
    assert undo(seeded, quick) is None
    after = rejections.one(seeded, first)
    assert before is not None
    assert after is not None
    assert replace(after.rejection, judged_at="") == replace(before.rejection, judged_at="")
    assert (state(seeded, first), state(seeded, second)) == ("rejected", "rejected")


def test_one_decision_among_several_can_be_taken_back(seeded: Store, quick: DistillSettings) -> None:
    first, second, *_ = rejected(seeded, quick, "too_long")
    discard(seeded, first, quick)
    discard(seeded, second, quick)
    assert undo(seeded, quick, first) == first
    assert (state(seeded, first), state(seeded, second)) == ("rejected", "discarded")


@pytest.mark.parametrize("decide", [accept, discard, lambda store, _, settings: undo(store, settings, 99)])
def test_a_request_that_is_not_there_is_named(seeded: Store, quick: DistillSettings, decide: object) -> None:
    assert callable(decide)
    with pytest.raises(StratosError, match="99"):
        decide(seeded, 99, quick)


def test_a_pair_is_asked_again_by_hand_and_then_sent(seeded: Store, quick: DistillSettings) -> None:
    first, *rest = rejected(seeded, quick, "too_short")
    assert requeue_requests(seeded, [first], quick) == 1
    with pytest.raises(StratosError, match="on its way"):
        requeue_requests(seeded, [first], quick)
    good = replace(quick, rehearsal=replace(quick.rehearsal, bad_share=0.0), attempts=1)
    owed = choose_pairs(seeded, limit=1, missing_for="rehearsal", attempts=1)
    distill(seeded, "rehearsal", pairs=owed, settings=good)
    assert [(each.attempt, each.state) for each in seeded_attempts(seeded, first)] == [(1, "rejected"), (2, "accepted")]
    assert totals(seeded, "rehearsal").rejected == 1 + len(rest)


def seeded_attempts(store: Store, request_id: int) -> list[requests.Request]:
    known = requests.get(store, request_id)
    assert known is not None
    ids = store.rows(
        "SELECT id FROM requests WHERE article_id = ? AND profile_id = ? ORDER BY attempt",
        (known.article_id, known.profile_id),
    )
    return [found for row in ids if (found := requests.get(store, row["id"])) is not None]


def test_the_cap_holds_for_a_hand_as_well(seeded: Store, quick: DistillSettings) -> None:
    first, *_ = rejected(seeded, quick, "too_short")
    with pytest.raises(StratosError, match="asked 1 times"):
        requeue_requests(seeded, [first], replace(quick, attempts=1))
    with pytest.raises(StratosError, match="no request 99"):
        requeue_requests(seeded, [99], quick)


def test_rejections_are_counted_listed_and_shown_with_their_span(seeded: Store, quick: DistillSettings) -> None:
    ids = rejected(seeded, quick, "five", 8)
    assert rejections.counts(seeded) == rejections.counts(seeded, "rehearsal") == {"score_forbidden": 8}
    assert rejections.counts(seeded, "rubric") == {}
    first_page = rejections.page(seeded, code="score_forbidden", limit=5)
    second_page = rejections.page(seeded, after=first_page[-1].request_id, limit=5)
    assert [each.request_id for each in first_page + second_page] == ids
    assert rejections.page(seeded, code="too_long") == []
    shown = rejections.one(seeded, ids[0])
    assert shown is not None
    start, end = shown.span
    assert shown.text[start:end].startswith("SCORE: 5.0")
    assert (shown.model, shown.rejection.tenths, shown.rejection.resolved) == ("rehearsal", 50, False)
    assert rejections.one(seeded, 99) is None


def test_a_rejection_is_resolved_when_its_pair_is_on_its_way_or_accepted(seeded: Store, quick: DistillSettings) -> None:
    ids = rejected(seeded, quick, "too_short")
    requeue_requests(seeded, ids[:1], quick)
    assert [each.resolved for each in rejections.page(seeded)] == [True, False, False, False]


def test_a_plan_for_a_failed_pair_counts_its_attempts(seeded: Store, quick: DistillSettings) -> None:
    rejected(seeded, quick, "too_short")
    pairs = choose_pairs(seeded, limit=4)
    assert [each.attempt for each in plan(seeded, "rehearsal", pairs, settings=quick).requests] == [2, 2, 2, 2]
    assert plan(seeded, "rehearsal", pairs, settings=replace(quick, attempts=1)).requests == []
