"""The contract of ``stratos distill``: what its commands answer, and that each leaves off where the next goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos_tui.cli import run
from stratos_tui.store.db import Store


@pytest.fixture
def ask(seeded: Store, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a distill command on a store and return its one JSON document."""

    def asked(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert run(["distill", *arguments, "--db", str(seeded.path), "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return asked


def test_a_plan_says_what_it_takes_by_every_model_and_sends_nothing(ask: Any, seeded: Store) -> None:
    planned = ask("plan", "--pairs", "300")
    assert (planned["pairs"], planned["requests"], planned["batches"], planned["pilot_first"]) == (300, 300, 2, 50)
    cost, estimate = planned["cost_estimate"], planned["estimate"]
    assert cost["low"] < cost["expected"] < cost["high"]
    assert len(estimate["models"]) == 3
    assert estimate["plan_says"][0] == pytest.approx(7 * 300 / 5_900)
    assert planned["pilot"] is None
    assert seeded.value("SELECT count(*) FROM requests") == 0
    assert ask("plan", "--pairs", "300", "--no-pilot")["pilot_first"] == 0


def test_submit_sends_a_pilot_and_then_the_rest_and_watch_takes_them_in(ask: Any) -> None:
    first = ask("submit", "--pairs", "120", "--pilot", "20")
    assert (first["sent"]["requests"], first["after_pilot"]) == (20, 100)
    assert ask("watch")["accepted"] + ask("watch")["rejected"] >= 18
    assert ask("submit", "--pairs", "100", "--pilot", "20")["after_pilot"] == 0
    watched = ask("watch")
    assert all(name in watched for name in ("accepted", "rejected", "errored", "refused", "expired", "spent"))
    assert watched["requests"] >= 119


def test_a_cap_is_kept_and_bounds_what_is_sent(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("cap", "0.1", "--simulated")["cap"] == 0.1
    result = ask("run", "--pairs", "100", "--budget", "50")
    assert result["spent"] <= 0.1
    assert result["held_back"] > 0
    shown = ask("cap", "--simulated")
    assert (shown["cap"], shown["held"]) == (0.1, 0.0)
    assert ask("cap", "--simulated", "--none")["cap"] is None
    assert ask("cap")["cap"] is None, "the cap on real money is another one"


def test_the_noise_floor_is_measured_over_what_was_answered_twice(ask: Any) -> None:
    ask("run", "--pairs", "60")
    floor = ask("noise", "--pairs", "30")
    assert floor["teacher"] == "rehearsal"
    # a rehearsal fails a few on purpose; they have no second answer
    assert 24 <= floor["n"] <= floor["asked"] == 30
    assert 0.0 <= floor["mae"] < 1.0


def test_pairs_are_chosen_by_profile_band_and_label(ask: Any) -> None:
    assert ask("plan", "--profile", "kuwait_cpeg", "--profile", "texas_nurse")["pairs"] == 200
    critical = ask("plan", "--band", "critical")["pairs"]
    assert 0 < critical < 300
    assert ask("plan", "--band", "critical", "--profile", "kuwait_cpeg")["pairs"] < critical
    assert ask("plan", "--label", "expected")["pairs"] == 1_000
