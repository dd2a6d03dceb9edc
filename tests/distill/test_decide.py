from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from stratos_tui.distill.asking import ask_one
from stratos_tui.distill.decide import Decided, accept_all, accept_edited, discard_all, undo_all, undo_step
from stratos_tui.distill.offering import quote
from stratos_tui.distill.plan import choose_pairs, plan
from stratos_tui.distill.requeue import BY_HAND, requeue, requeue_all
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.prism.trace import render_completion
from stratos_tui.store import articles, profiles, rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import examples, totals
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.catalog import find_teacher
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
    assert accept_all(seeded, [first], quick).done == [first]
    decided = rejections.one(seeded, first)
    assert decided is not None
    assert (decided.rejection.state, decided.rejection.code, decided.rejection.decided_by) == (
        *("accepted", "too_long"),
        "operator",
    )
    assert [each.request_id for each in examples(seeded, "rehearsal")] == [first]
    assert first not in [each.request_id for each in rejections.page(seeded)]


@pytest.mark.parametrize("kind", ["no_score", "five", "refusal", "max_tokens", "errored", "expired"])
def test_what_cannot_be_trained_on_cannot_be_accepted(seeded: Store, quick: DistillSettings, kind: str) -> None:
    first, *_ = rejected(seeded, quick, kind)
    found = accept_all(seeded, [first], quick)
    assert found.done == []
    assert f"request {first} cannot be accepted" in found.refused[first]
    assert examples(seeded, "rehearsal") == []


def test_a_discarded_pair_is_not_missed_and_not_asked_again(seeded: Store, quick: DistillSettings) -> None:
    first, *rest = rejected(seeded, quick, "too_short")
    discard_all(seeded, [first], quick)
    assert state(seeded, first) == "discarded"
    assert requeue(seeded, "rehearsal", quick) == len(rest)
    assert "given up" in requeue_all(seeded, [first], quick).refused[first]
    given_up = requests.get(seeded, first)
    assert given_up is not None
    owed = choose_pairs(seeded, limit=1000, missing_for="rehearsal")
    assert (given_up.article_id, given_up.profile_id) not in {(each.article_id, each.profile_id) for each in owed}


def test_a_decision_is_taken_back_and_the_rules_verdict_stands_again(seeded: Store, quick: DistillSettings) -> None:
    first, second, *_ = rejected(seeded, quick, "too_long")
    before = rejections.one(seeded, first)
    accept_all(seeded, [first], quick)
    discard_all(seeded, [second], quick)
    assert undo_step(seeded, quick) == ("decided", 1)
    assert (state(seeded, first), state(seeded, second)) == ("accepted", "rejected")
    assert undo_step(seeded, quick) == ("decided", 1)
    assert undo_step(seeded, quick) is None
    after = rejections.one(seeded, first)
    assert before is not None
    assert after is not None
    assert replace(after.rejection, judged_at="") == replace(before.rejection, judged_at="")
    assert (state(seeded, first), state(seeded, second)) == ("rejected", "rejected")


def test_one_decision_among_several_can_be_taken_back(seeded: Store, quick: DistillSettings) -> None:
    first, second, *_ = rejected(seeded, quick, "too_long")
    discard_all(seeded, [first, second], quick)
    assert undo_all(seeded, [first], quick) == 1
    assert (state(seeded, first), state(seeded, second)) == ("rejected", "discarded")


@pytest.mark.parametrize("decide", [accept_all, discard_all, requeue_all])
def test_a_request_that_is_not_there_is_named(
    seeded: Store, quick: DistillSettings, decide: Callable[..., Decided]
) -> None:
    found = decide(seeded, [99], quick)
    assert found.done == []
    assert "no request 99" in found.refused[99]
    assert undo_all(seeded, [99], quick) == 0


def test_a_pair_is_asked_again_by_hand_and_then_sent(seeded: Store, quick: DistillSettings) -> None:
    first, *rest = rejected(seeded, quick, "too_short")
    assert requeue_all(seeded, [first], quick).done == [first]
    assert "on its way" in requeue_all(seeded, [first], quick).refused[first]
    good = replace(quick, rehearsal=replace(quick.rehearsal, bad_share=0.0), attempts=1)
    owed = choose_pairs(seeded, limit=1, missing_for="rehearsal", attempts=1)
    distill(seeded, "rehearsal", pairs=owed, settings=good)
    assert [(each.attempt, each.state) for each in seeded_attempts(seeded, first)] == [(1, "rejected"), (2, "accepted")]
    assert totals(seeded, "rehearsal").rejected == 1 + len(rest)


def test_of_two_accepted_answers_the_operators_counts_wherever_one_is_shown(
    seeded: Store, quick: DistillSettings
) -> None:
    first, *_ = rejected(seeded, quick, "too_long", count=1)
    requeue_all(seeded, [first], quick)
    good = replace(quick, rehearsal=replace(quick.rehearsal, bad_share=0.0))
    distill(seeded, "rehearsal", limit=1, settings=good)
    [second] = (each.request_id for each in examples(seeded, "rehearsal"))
    known = requests.get(seeded, second)
    assert known is not None
    profile, article = profiles.get(seeded, known.profile_id), articles.get(seeded, known.article_id)
    assert profile is not None
    assert article is not None

    def shown() -> set[int]:
        asked = (profile, article, known.reference_date)
        quoted = quote(seeded, teacher, *asked, good).said
        assert quoted is not None
        [example] = examples(seeded, "rehearsal")
        return {quoted.request_id, ask_one(seeded, teacher, *asked, Caps(), good).request_id, example.request_id}

    teacher = find_teacher(seeded, "rehearsal")
    assert shown() == {second}
    assert accept_all(seeded, [first], quick).done == [first]
    assert shown() == {first}


def seeded_attempts(store: Store, request_id: int) -> list[requests.Request]:
    known = requests.get(store, request_id)
    assert known is not None
    ids = store.rows(
        "SELECT id FROM requests WHERE article_id = ? AND profile_id = ? ORDER BY attempt",
        (known.article_id, known.profile_id),
    )
    return [found for row in ids if (found := requests.get(store, row["id"])) is not None]


def test_a_hand_may_ask_further_after_a_run_has_spent_its_own_attempts_and_has_a_cap_of_its_own(
    seeded: Store, quick: DistillSettings
) -> None:
    bad = RehearsalSettings(bad_share=1.0, bad_kinds=("too_short",), latency_seconds=0.0, seconds_per_request=0.0)
    settings = replace(quick, rehearsal=bad, attempts=2)
    day = date(2026, 12, 24)
    pairs = choose_pairs(seeded, limit=2)
    distill(seeded, "rehearsal", pairs=pairs, as_of=day, settings=settings)
    first = rejections.ids(seeded)[0]
    assert [each.attempt for each in seeded_attempts(seeded, first)] == [1, 2]
    for further in range(BY_HAND):
        # by itself nothing more is asked; by hand it is, and a run then sends that and asks nothing of its own
        assert requeue(seeded, "rehearsal", settings) == 0
        assert requeue_all(seeded, [first], settings).done == [first]
        distill(seeded, "rehearsal", pairs=pairs, settings=settings)
        assert len(seeded_attempts(seeded, first)) == 3 + further
        # by itself or by hand: a pair is judged on the day that was asked for
        assert {each.reference_date for each in seeded_attempts(seeded, first)} == {day}
    assert (
        "was asked 4 times, and 4 are the most: 2 by itself and 2 more on your word"
        in requeue_all(seeded, [first], settings).refused[first]
    )
    assert requests.unsent(seeded, "rehearsal") == []


@pytest.fixture
def twice(seeded: Store, quick: DistillSettings) -> tuple[int, int]:
    """One pair's first attempt, which was rejected, and its second."""
    first, *_ = rejected(seeded, quick, "too_long", 1)
    requeue_all(seeded, [first], quick)
    owed = choose_pairs(seeded, limit=1)
    good = replace(quick, rehearsal=replace(quick.rehearsal, bad_share=0.0), attempts=1)
    distill(seeded, "rehearsal", pairs=owed, settings=good)
    second = seeded_attempts(seeded, first)[1]
    assert second.state == "accepted"
    return first, second.id


def the_example(store: Store) -> int:
    """The one example, which a list, a build's stream and its counts must agree on."""
    from stratos_tui.store.dataset_sources import accepted, accepted_scores
    from stratos_tui.store.pairs import scored_by

    [example] = examples(store, "rehearsal")
    [source] = accepted(store, "rehearsal")
    [((_, tenths), count)] = accepted_scores(store, "rehearsal").items()
    assert (source.request_id, source.tenths, source.trace) == (example.request_id, example.tenths, example.trace)
    assert (tenths, count) == (example.tenths, 1)
    assert list(scored_by(store, "rehearsal").values()) == [example.tenths]
    return example.request_id


def test_an_operators_word_counts_before_a_later_attempt_that_rules_accepted(
    seeded: Store, quick: DistillSettings, twice: tuple[int, int]
) -> None:
    first, second = twice
    assert the_example(seeded) == second
    trace = "PROFILE: A nurse.\nCONTENT: A storm is coming to the coast.\nANALYSIS: Nothing that is tracked is named."
    accept_edited(seeded, first, render_completion(trace, 13, "Nothing is tracked"), quick, editor="mara")
    assert the_example(seeded) == first
    assert [each.tenths for each in examples(seeded, "rehearsal")] == [13]
    # of two words of the operator's the later attempt's counts
    accept_edited(seeded, second, render_completion(trace, 17, "Nothing is tracked"), quick, editor="mara")
    assert the_example(seeded) == second
    undo_all(seeded, [second], quick)
    assert the_example(seeded) == first
    undo_all(seeded, [first], quick)
    assert the_example(seeded) == second


def test_discarding_an_earlier_attempt_gives_the_pair_up(seeded: Store, quick: DistillSettings) -> None:
    bad = RehearsalSettings(bad_share=1.0, bad_kinds=("too_short",), latency_seconds=0.0, seconds_per_request=0.0)
    distill(seeded, "rehearsal", limit=1, settings=replace(quick, rehearsal=bad, attempts=2))
    first, second = rejections.ids(seeded)
    discard_all(seeded, [first], quick)
    pairs = choose_pairs(seeded, limit=1)
    assert plan(seeded, "rehearsal", pairs, settings=quick).to_send == []
    assert choose_pairs(seeded, limit=1, missing_for="rehearsal") != pairs
    assert requeue(seeded, "rehearsal", quick) == 0
    assert "given up" in requeue_all(seeded, [second], quick).refused[second]
    undo_all(seeded, [first], quick)
    assert plan(seeded, "rehearsal", pairs, settings=quick).to_send == pairs


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
    requeue_all(seeded, ids[:1], quick)
    assert [each.resolved for each in rejections.page(seeded)] == [True, False, False, False]


def test_a_plan_for_a_failed_pair_counts_its_attempts(seeded: Store, quick: DistillSettings) -> None:
    rejected(seeded, quick, "too_short")
    pairs = choose_pairs(seeded, limit=4)
    assert [each.attempt for each in plan(seeded, "rehearsal", pairs, settings=quick).requests] == [2, 2, 2, 2]
    assert plan(seeded, "rehearsal", pairs, settings=replace(quick, attempts=1)).requests == []
