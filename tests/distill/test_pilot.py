from __future__ import annotations

from collections import Counter
from dataclasses import replace
from statistics import mean
from typing import Any

import pytest

from stratos_tui.distill.budget import set_workspace_cap, workspace_cap
from stratos_tui.distill.pilot import choose_pilot, extrapolate, measured
from stratos_tui.distill.plan import choose_pairs
from stratos_tui.distill.run import distill, submit
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.jobs import run_here
from stratos_tui.progress import Report
from stratos_tui.store import batches, events, jobs, ledger
from stratos_tui.store.db import Store
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.prices import dollars
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

GOOD = DistillSettings(
    batch_size=30,
    rehearsal_poll_seconds=0.02,
    rehearsal=RehearsalSettings(bad_share=0.0, latency_seconds=0.0, seconds_per_request=0.0),
)


def test_a_pilot_is_in_proportion_and_the_same_every_time(seeded: Store) -> None:
    pairs = choose_pairs(seeded)
    chosen = choose_pilot(seeded, pairs, 50)
    assert len(chosen) == len(set(chosen)) == 50
    assert set(chosen) < set(pairs)
    assert choose_pilot(seeded, pairs, 50) == chosen
    assert choose_pilot(seeded, pairs, 50, seed=1) != chosen
    per_profile = Counter(pair.profile_id for pair in chosen)
    assert len(per_profile) == 10
    assert max(per_profile.values()) - min(per_profile.values()) <= 1
    assert set(choose_pilot(seeded, pairs[:7], 50)) == set(pairs[:7]), "a pilot larger than the work is all of it"


def test_much_work_begins_with_a_pilot_whose_answers_are_kept(seeded: Store, quick: DistillSettings) -> None:
    result = distill(seeded, "rehearsal", limit=100, pilot=20, settings=quick)
    first, *others = batches.load(seeded, "rehearsal")[::-1]
    assert (first.purpose, first.request_count) == ("pilot", 20)
    assert {batch.purpose for batch in others} == {"example"}
    twice = seeded.value("SELECT count(*) - count(DISTINCT custom_id) FROM requests")
    assert twice == 0
    assert result["pairs_accepted"] + result["missing"] == 100
    pilot = result["pilot"]
    assert pilot["answers"] == 20
    # four in ten are bad
    assert 0.1 < pilot["failed"] < 0.7
    assert sum(pilot["reasons"].values()) == round(pilot["failed"] * 20)
    distill(seeded, "rehearsal", limit=300, pilot=20, settings=quick)
    assert [batch.purpose for batch in batches.load(seeded, "rehearsal")].count("pilot") == 1


def test_little_work_has_no_pilot(seeded: Store, quick: DistillSettings) -> None:
    assert distill(seeded, "rehearsal", limit=70, pilot=20, settings=quick)["pilot"] is None


def test_what_a_pilot_measures_is_what_its_answers_took(seeded: Store, quick: DistillSettings) -> None:
    distill(seeded, "rehearsal", limit=80, pilot=20, settings=quick)
    found = measured(seeded, find_teacher(seeded, "rehearsal"), quick)
    assert found is not None
    rows = seeded.rows(
        "SELECT tokens_in, tokens_cache_write AS w, tokens_cache_read AS r, tokens_out, coalesce(nanodollars, 0) AS n"
        " FROM answers JOIN requests ON requests.id = answers.request_id"
        " LEFT JOIN ledger ON ledger.request_id = answers.request_id AND kind = 'settle'"
        " WHERE requests.batch_id = (SELECT id FROM batches WHERE purpose = 'pilot')"
    )
    assert found.cost == pytest.approx(mean(row["n"] for row in rows))
    assert found.tokens_in == pytest.approx(mean(row["tokens_in"] + row["w"] + row["r"] for row in rows))
    assert found.cache_hits == pytest.approx(sum(row["r"] for row in rows) / sum(row["r"] + row["w"] for row in rows))


def test_the_rest_costs_what_the_pilot_says(seeded: Store) -> None:
    distill(seeded, "rehearsal", limit=400, pilot=50, settings=GOOD)
    said = extrapolate(seeded, find_teacher(seeded, "rehearsal"), 350, GOOD)
    assert said is not None
    assert said.low < said.expected < said.high
    settled = ledger.spend(seeded, simulated=True).settled
    of_pilot = seeded.value(
        "SELECT sum(nanodollars) FROM ledger JOIN batches ON batches.id = batch_id"
        " WHERE kind = 'settle' AND purpose = 'pilot'"
    )
    assert said.low < dollars(settled - of_pilot) < said.high
    other = replace(GOOD, max_tokens=1_000)
    assert extrapolate(seeded, find_teacher(seeded, "rehearsal"), 350, other) is None, (
        "asked with other settings, it says nothing"
    )


def test_nothing_more_is_sent_where_the_pilot_shows_that_it_will_not_fit(seeded: Store) -> None:
    # what 20 requests may cost at most fits; 300 of what they do cost does not
    def work(report: Report) -> dict[str, Any]:
        return distill(seeded, "rehearsal", limit=300, pilot=20, budget_usd=0.65, settings=GOOD, report=report)

    result = run_here(seeded, "distill", {"teacher": "rehearsal"}, work)
    assert (result["accepted"], result["held_back"]) == (20, 280)
    # it is no silent success: the result, the log and the job's row say what holds the rest back
    assert result["held_by"].startswith("by the pilot, the budget of $0.65 holds 280 requests back: $0.0")
    assert result["held_by"].endswith("; raise --budget")
    [event] = [each for each in events.latest(seeded) if each.what == "held back"]
    assert event.detail == jobs.latest(seeded)[0].note == result["held_by"]
    assert result["pilot"]["pairs"] == 280
    assert result["pilot"]["cost_estimate"]["high"] > 0.65 - result["spent"]
    again = distill(seeded, "rehearsal", limit=300, pilot=20, budget_usd=20.0, settings=GOOD)
    assert (again["pairs_accepted"], again["held_back"], again["held_by"]) == (300, 0, "")


def test_submitting_sends_the_pilot_alone_and_the_rest_when_repeated(seeded: Store) -> None:
    from stratos_tui.distill.run import follow

    pairs = choose_pairs(seeded, limit=100)
    first = submit(seeded, "rehearsal", pairs, pilot=20, settings=GOOD)
    assert (first["sent"]["requests"], first["after_pilot"]) == (20, 80)
    follow(seeded, "rehearsal", settings=GOOD)
    second = submit(seeded, "rehearsal", pairs, pilot=20, settings=GOOD)
    assert (second["sent"]["requests"], second["after_pilot"]) == (80, 0)
    assert follow(seeded, "rehearsal", settings=GOOD)["accepted"] == 100


# budgets


def test_the_workspaces_cap_holds_whatever_a_call_is_given(seeded: Store) -> None:
    set_workspace_cap(seeded, 0.15, simulated=True)
    assert workspace_cap(seeded, simulated=True) == 0.15
    assert workspace_cap(seeded, simulated=False) is None
    result = distill(seeded, "rehearsal", limit=100, budget_usd=50.0, settings=GOOD)
    assert result["held_back"] > 0
    assert 0 < result["spent"] <= 0.15
    with pytest.raises(StratosError, match="cannot be kept"):
        set_workspace_cap(seeded, 0.0001, simulated=True)
    set_workspace_cap(seeded, None, simulated=True)
    assert distill(seeded, "rehearsal", limit=100, settings=GOOD)["held_back"] == 0


def test_a_calls_own_cap_counts_nothing_that_was_spent_before(seeded: Store) -> None:
    before = distill(seeded, "rehearsal", limit=50, settings=GOOD)["spent"]
    result = distill(seeded, "rehearsal", limit=300, own_usd=0.2, settings=GOOD)
    assert result["held_back"] > 0
    assert "the job's own budget of $0.20 holds" in result["held_by"]
    assert result["held_by"].endswith("; raise --job-budget")
    assert 0 < result["spent"] - before <= 0.2


def test_a_paid_teacher_needs_a_bound_and_the_workspaces_is_one(seeded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(StratosError, match="--budget"):
        distill(seeded, "claude:claude-opus-5-5", limit=10, accept_terms=True, settings=GOOD)
    set_workspace_cap(seeded, 5.0, simulated=False)
    with pytest.raises(StratosError, match="ANTHROPIC_API_KEY"):
        distill(seeded, "claude:claude-opus-5-5", limit=10, accept_terms=True, settings=GOOD)
