"""The contract of ``stratos distill``: what its commands answer, and that each leaves off where the next goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos_tui.cli import run
from stratos_tui.scoring.scorers import find_scorer
from stratos_tui.store import jobs
from stratos_tui.store.db import Store


@pytest.fixture
def ask(seeded: Store, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a distill command on a store and return its one JSON document."""

    def asked(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert run(["distill", *arguments, "--db", str(seeded.path), "--json"]) == code
        said = capsys.readouterr().out
        found: dict[str, Any] = json.loads(said) if said else {}
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
    assert (first["open"], first["waiting"], first["out"]) == (120, 100, 20)
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


def test_settings_are_listed_with_their_source_and_every_command_reads_them(ask: Any, seeded: Store) -> None:
    listed = {each["name"]: each for each in ask("settings")["settings"]}
    assert (listed["batch_size"]["value"], listed["batch_size"]["source"]) == (200, "default")
    before = ask("plan", "--pairs", "100", "--no-pilot")
    scorer = find_scorer(seeded, "claude:claude-haiku-5-5").row.identity
    changed = ask("settings", "batch_size=25", "effort=high", "attempts=1")["settings"]
    assert {each["name"] for each in changed if each["source"] == "this workspace"} == {
        "batch_size",
        "effort",
        "attempts",
    }
    planned = ask("plan", "--pairs", "100", "--no-pilot")
    assert planned["batches"] == 4
    assert planned["estimate"]["effort"] == "high"
    dearest = [max(each["cached"]["high"] for each in found["estimate"]["models"]) for found in (before, planned)]
    assert dearest[0] < dearest[1]
    assert find_scorer(seeded, "claude:claude-haiku-5-5").row.identity != scorer, "another effort is another scorer"
    # a rehearsal fails a few on purpose: with one attempt none is asked again
    result = ask("run", "--pairs", "100")
    assert (result["requests"], result["batches"]) == (100, 4)
    assert seeded.value("SELECT max(attempt) FROM requests") == 1
    assert "high" in seeded.value("SELECT settings FROM requests LIMIT 1")
    assert ask("settings", "batch_size=default")["settings"][0]["source"] == "default"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("batch", "NAME=VALUE"),
        ("size=3", "there is no setting"),
        ("effort=huge", "low, medium"),
        ("attempts=0", "1 to"),
    ],
)
def test_a_wrong_setting_is_refused_and_says_what_it_takes(
    seeded: Store, capsys: pytest.CaptureFixture[str], change: str, word: str
) -> None:
    assert run(["distill", "settings", "batch_size=9", change, "--db", str(seeded.path)]) == 2
    assert word in capsys.readouterr().err
    assert seeded.value("SELECT count(*) FROM settings WHERE name = 'distill.settings'") == 0


def test_as_of_is_the_day_on_which_every_article_is_judged(ask: Any, seeded: Store) -> None:
    assert ask("plan", "--pairs", "30", "--as-of", "2026-03-04")["pairs"] == 30
    ask("submit", "--pairs", "30", "--as-of", "2026-03-04", "--teacher", "rubric")
    assert {row[0] for row in seeded.rows("SELECT DISTINCT reference_date FROM requests")} == {"2026-03-04"}
    ask("run", "--pairs", "30", "--as-of", "2026-05-06", "--teacher", "rubric")
    assert seeded.value("SELECT count(*) FROM requests WHERE reference_date = '2026-05-06'") == 30
    [params] = [job.params for job in jobs.latest(seeded) if job.kind == "distill"]
    assert params["as_of"] == "2026-05-06"


def test_canceling_is_a_job_that_says_how_it_ended(ask: Any, seeded: Store) -> None:
    ask("cancel")
    ask("cancel", "--teacher", "nobody", code=2)
    newest, before = jobs.latest(seeded, 2)
    assert (newest.kind, newest.state, before.state) == ("cancel", "failed", "done")
    assert "there is no teacher" in newest.error


def test_a_price_that_was_given_holds_for_orphans_too(
    ask: Any, capsys: pytest.CaptureFixture[str], seeded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    ask("plan", "--teacher", "claude:my-model", "--price", "1/5", "--pairs", "5", "--offline")
    assert run(["distill", "orphans", "--teacher", "claude:my-model", "--db", str(seeded.path)]) == 2
    said = capsys.readouterr().err
    assert "price" not in said
    assert "key" in said
