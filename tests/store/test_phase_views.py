from __future__ import annotations

from datetime import date

import pytest

from stratos_tui.digests import profile_digest
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.store import articles, batches, events, jobs, phase_views, profiles, requests, runs
from stratos_tui.store.answers import Answer, keep
from stratos_tui.store.batches import Intent
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.store.requests import NewRequest
from tests import builds

PRICING = Pricing("claude-opus-5-5", "2026-11", True)


@pytest.fixture
def asked(store: Store) -> list[int]:
    """Six questions to the rehearsal: four in a sent batch, two in one that is only intended."""
    load_shipped(store)
    people = profiles.load(store)[:6]
    article = articles.load(store)[0]
    new = [
        NewRequest(article.id, each.id, 1, f"q{at}", date(2026, 11, 12), profile_digest(each))
        for at, each in enumerate(people)
    ]
    requests.plan(store, "rehearsal", new, "fingerprint", "{}")
    ids = [each.id for each in requests.unsent(store, "rehearsal")]
    for at, part in enumerate((ids[:4], ids[4:])):
        intent = Intent("rehearsal", "model", f"token{at}", part, "fingerprint", "{}", 9)
        batch = batches.intend(store, intent, PRICING, Caps())
        assert batch is not None
        if at == 0:
            batches.submitted(store, batch, "remote")
    return ids


def test_pairs_are_counted_without_imported_profiles(store: Store, asked: list[int]) -> None:
    every = phase_views.pair_count(store)
    assert every == articles.count(store) * 10
    with store.write() as connection:
        connection.execute("UPDATE profiles SET origin = 'imported' WHERE id = 'texas_nurse'")
    assert phase_views.pair_count(store) == every * 9 // 10


def test_a_batch_is_counted_by_the_states_of_its_requests(store: Store, asked: list[int]) -> None:
    assert phase_views.batch_states(store, [1, 2, 3]) == {1: {"submitted": 4}, 2: {"planned": 2}, 3: {}}


def test_happenings_are_newest_first_and_none_is_told_twice(store: Store, asked: list[int]) -> None:
    batches.refused(store, 2, "too many")
    found = [(each.batch_id, each.what, each.detail) for each in phase_views.happenings(store)]
    assert sorted(found) == [(1, "submitted", "4 requests"), (2, "failed", "too many"), (2, "intended", "2 requests")]
    events.add(store, "rehearsal", "created", "remote, 4 requests", 1)
    events.add(store, "rehearsal", "refused", "too many", 2)
    events.add(store, "rehearsal", "paused", "2 requests wait")
    found = [(each.batch_id, each.what, each.detail) for each in phase_views.happenings(store)]
    assert found == [
        (None, "paused", "2 requests wait"),
        (2, "refused", "too many"),
        (1, "created", "remote, 4 requests"),
    ]
    assert len(phase_views.happenings(store, limit=2)) == 2


def test_usage_and_costs_are_those_of_the_batches_that_are_asked_for(store: Store, asked: list[int]) -> None:
    answers = [
        Answer(each, "succeeded", "end_turn", "", "m", "{}", "text", 100, 100, 200, 50, 7, tokens_thinking=20)
        for each in asked[:3]
    ]
    keep(store, 1, answers, PRICING)
    found = phase_views.batch_usage(store, [1, 2])
    assert list(found) == [1]
    usage = found[1]
    assert (usage.answers, usage.tokens_in, usage.cache_write, usage.cache_read) == (3, 300, 300, 600)
    assert (usage.tokens_out, usage.thinking, usage.cache_hits) == (150, 60, 0.5)
    assert phase_views.batch_costs(store, [1, 2]) == {1: 21}
    assert phase_views.batch_costs(store, [2]) == {}
    assert phase_views.batch_usage(store, [2]) == {}


def test_withdrawing_leaves_the_first_attempt_and_what_was_sent(store: Store, asked: list[int]) -> None:
    with store.write() as connection:
        connection.execute("UPDATE requests SET state = 'rejected'")
    first, second = (requests.get(store, each) for each in asked[:2])
    assert first is not None
    assert second is not None
    again = [
        NewRequest(each.article_id, each.profile_id, 2, f"again{each.id}", date(2026, 11, 12), each.profile_digest)
        for each in (first, second)
    ]
    requests.plan(store, "rehearsal", again, "fingerprint", "{}")
    assert requests.withdraw(store, [first.id]) == 1
    assert [each.profile_id for each in requests.unsent(store, "rehearsal")] == [second.profile_id]
    assert requests.get(store, first.id) is not None
    assert requests.withdraw(store, [first.id]) == 0


def test_the_curriculum_is_the_distance_from_5_by_parts(store: Store) -> None:
    tenths = [98, 4, 90, 12, 70, 33, 55, 52]
    rows = [
        DatasetRow("train", at, f"a{at}", "p", at, 0, 0, score, "prompt", "completion")
        for at, score in enumerate(tenths)
    ]
    held_out = DatasetRow("eval", 0, "b", "p", 9, 0, 0, 5, "prompt", "completion")
    dataset = builds.add(
        store,
        [*rows, held_out],
        digest="d",
        order_digest="o",
        teacher="t",
        params={},
        summary={},
        prompt_fingerprint="f",
    )
    assert phase_views.curriculum(store, dataset, 4) == [47.0, 39.0, 18.5, 3.5]
    assert phase_views.curriculum(store, dataset, 100) == [48.0, 46.0, 40.0, 38.0, 20.0, 17.0, 5.0, 2.0]
    assert phase_views.curriculum(store, dataset + 1, 4) == []


def test_the_pace_is_that_of_the_last_steps(store: Store) -> None:
    dataset = builds.add(
        store, [], digest="d", order_digest="o", teacher="t", params={}, summary={}, prompt_fingerprint="f"
    )
    run = runs.add(store, dataset, "nano", {}, "run")
    assert phase_views.pace(store, run) is None
    with store.write() as connection:
        for step in range(1, 5):
            # two hours' pause after the first step, then a step in two seconds
            at = "2026-11-12T10:00:00.000+00:00" if step == 1 else f"2026-11-12T12:00:{step * 2:02d}.000+00:00"
            connection.execute(
                "INSERT INTO telemetry (run_id, step, split, tokens, at) VALUES (?, ?, 'train', ?, ?)",
                (run, step, step * 1000, at),
            )
    found = phase_views.pace(store, run, steps=3)
    assert found is not None
    assert found.steps == pytest.approx(0.5, rel=1e-3)
    assert found.tokens == pytest.approx(500, rel=1e-3)


def test_the_run_to_measure_is_the_newest_that_is_done(store: Store) -> None:
    dataset = builds.add(
        store, [], digest="d", order_digest="o", teacher="t", params={}, summary={}, prompt_fingerprint="f"
    )
    assert phase_views.evaluable(store) is None
    ids = [runs.add(store, dataset, "nano", {}, name) for name in ("first", "second", "third")]
    for each in ids[:2]:
        runs.finish(store, each, "done")
    found = phase_views.evaluable(store)
    assert found == phase_views.Evaluable(ids[1], dataset, None)
    newest = phase_views.latest_run(store)
    assert newest is not None
    assert newest.id == ids[2]


def test_jobs_are_found_by_kind(store: Store) -> None:
    assert phase_views.active_job(store, "distill") is None
    first, second = jobs.add(store, "distill", {}), jobs.add(store, "dataset", {})
    active = phase_views.active_job(store, "distill", "watch")
    assert active is not None
    assert active.id == first
    jobs.start(store, second)
    jobs.finish(store, second, "done", result={"checks": []})
    assert phase_views.active_job(store, "dataset") is None
    last = phase_views.last_job(store, "dataset")
    assert last is not None
    assert last.result == {"checks": []}
