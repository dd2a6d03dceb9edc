"""The commands that draft articles and review them, as a script uses them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from stratos_tui.commands.drafting import candidates, draft
from stratos_tui.errors import StratosError
from stratos_tui.store import articles, jobs
from stratos_tui.store.db import Store
from tests import builds


def answer(store: Store, command: Any, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(command, [*arguments, "--db", str(store.path), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def text(store: Store, command: Any, *arguments: str) -> str:
    done = CliRunner().invoke(command, [*arguments, "--db", str(store.path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def refusal(store: Store, command: Any, *arguments: str) -> str:
    with pytest.raises(StratosError) as refused:
        CliRunner().invoke(command, [*arguments, "--db", str(store.path)], catch_exceptions=False)
    return str(refused.value)


def test_from_a_draft_to_an_article_and_back(seeded: Store) -> None:
    before = articles.count(seeded)
    wanted = ("--profile", "texas_nurse", "--band", "critical", "--count", "12")
    asked = answer(seeded, draft, *wanted, "--as-of", "2026-11-02")
    assert asked["asked"] == 12
    assert asked["waiting"] + asked["errored"] == 12
    assert asked["simulated"] is True
    assert asked["weak"] == []
    assert jobs.latest(seeded, 1)[0].kind == "draft"
    listed = answer(seeded, candidates, "list")
    assert [each["id"] for each in listed["candidates"]] == sorted(asked["candidates"], reverse=True)
    assert listed["counts"]["waiting"] == asked["waiting"]
    first, second = asked["candidates"][:2]
    shown = answer(seeded, candidates, "show", str(first))
    assert (shown["band"], shown["as_of"]) == ("critical", "2026-11-02")
    assert shown["rubric"]["scores"]["texas_nurse"] >= 9.0
    made = answer(seeded, candidates, "accept", str(first), "--title", "Another title for it")["accepted"][str(first)]
    assert articles.count(seeded) == before + 1
    stored = articles.get(seeded, made)
    assert stored is not None
    assert stored.title == "Another title for it"
    answer(seeded, candidates, "discard", str(second))
    states = {each["id"]: each["state"] for each in answer(seeded, candidates, "list", "--all")["candidates"]}
    assert (states[first], states[second]) == ("accepted", "discarded")
    assert answer(seeded, candidates, "undo", str(first), str(second)) == {"undone": [first, second]}
    assert articles.count(seeded) == before


def test_what_people_read(seeded: Store) -> None:
    assert "none waits" in text(seeded, candidates, "list")
    said = text(seeded, draft, "--profile", "texas_nurse", "--band", "critical", "--count", "1")
    assert "rehearsal: 1 drafts asked for, 1 wait for review" in said
    assert "(simulated, nobody paid it)" in said
    shown = text(seeded, candidates, "show", "1")
    assert "wished: critical for texas_nurse" in shown
    assert "● critical  wished for" in shown
    assert "by the rubric: in the band" in shown


def test_weak_bands_are_named_with_their_figures(seeded: Store) -> None:
    builds.add(
        seeded,
        [],
        digest="d",
        order_digest="",
        teacher="rehearsal",
        params={},
        summary={"shares": {"moderate": {"target": 0.3, "share": 0.1, "limited": True}}},
        prompt_fingerprint="",
    )
    asked = answer(seeded, draft, "--weak", "--count", "3")
    (weak,) = asked["weak"]
    assert weak["why"] == "moderate: 10% of the training rows, 30% wanted (dataset 1)"
    assert {each["band"] for each in answer(seeded, candidates, "list", "--all")["candidates"]} == {"moderate"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name whom it is for"),
        (["--profile", "texas_nurse"], "name whom it is for"),
        (["--weak", "--band", "high"], "give it alone"),
        (["--weak"], "no build and no evaluation"),
        (["--profile", "x", "--band", "high"], "there is no profile 'x'"),
        (["--profile", "texas_nurse", "--band", "high", "--budget", "0"], "raise --budget"),
    ],
)
def test_wrong_use_is_one_clear_line(seeded: Store, arguments: list[str], words: str) -> None:
    said = refusal(seeded, draft, *arguments)
    assert words in said
    assert "\n" not in said


def test_an_unknown_candidate_is_named(seeded: Store) -> None:
    for verb in ("show", "accept", "discard", "undo"):
        assert "there is no candidate 7" in refusal(seeded, candidates, verb, "7")
    assert "one candidate at a time" in refusal(seeded, candidates, "accept", "1", "2", "--title", "x")
