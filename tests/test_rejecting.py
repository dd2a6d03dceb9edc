"""``stratos rejections`` from end to end."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.cli import run
from stratos_tui.distill.requeue import requeue
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings, settings_of
from stratos_tui.prism.trace import render_completion
from stratos_tui.store.db import Store
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

GOOD = render_completion(
    "PROFILE: A nurse in Houston who follows hospitals.\nCONTENT: A grid operator warns of a storm.\n"
    "ANALYSIS: Nothing that is tracked is named, and nothing can be done about it.",
    12,
    "No tracked entity is in it",
)


@pytest.fixture
def asked(seeded: Store) -> Store:
    """Six answers, all of them rejected for being too short."""
    bad = RehearsalSettings(bad_share=1.0, bad_kinds=("too_short",), latency_seconds=0.0, seconds_per_request=0.0)
    settings = DistillSettings(rehearsal_poll_seconds=0.02, attempts=1, rehearsal=bad)
    distill(seeded, "rehearsal", limit=6, settings=settings)
    return seeded


def call(store: Store, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert run(["--db", str(store.path), "--json", "rejections", *arguments]) == code
    said = capsys.readouterr()
    return json.loads(said.out) if code == 0 else said.err


def test_a_reason_is_listed_decided_on_and_taken_back(asked: Store, capsys: pytest.CaptureFixture[str]) -> None:
    listed = call(asked, capsys, "list", "--search", "too short")
    ids = [each["request_id"] for each in listed["rejections"]]
    assert listed["counts"] == {"too_short": 6}
    assert call(asked, capsys, "discard", "--code", "too_short") == {"discarded": ids, "refused": {}}
    assert call(asked, capsys, "undo") == {"undone": "decided", "requests": 6}
    assert call(asked, capsys, "requeue", str(ids[0]), "--repair") == {"requeued": 1, "refused": {}}
    assert call(asked, capsys, "undo") == {"undone": "planned", "requests": 1}
    assert call(asked, capsys, "accept", str(ids[0]), str(ids[1]))["accepted"] == ids[:2]
    assert "nothing to take back" not in json.dumps(call(asked, capsys, "undo"))
    assert "nothing to take back" in call(asked, capsys, "undo", code=2)


def test_all_failed_pairs_are_asked_beyond_a_runs_own_attempts(
    asked: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--db", str(asked.path), "distill", "settings", "attempts=1"]) == 0
    capsys.readouterr()
    assert requeue(asked, "rehearsal", settings_of(asked)) == 0
    assert call(asked, capsys, "requeue", "--all") == {"requeued": 6, "refused": {}}


def test_an_edit_comes_from_a_file(asked: Store, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first = str(call(asked, capsys, "list")["rejections"][0]["request_id"])
    file = tmp_path / "edited.txt"
    file.write_text("SCORE: 1.0 | REASON: none", encoding="utf-8")
    assert "line 1" in call(asked, capsys, "edit", first, "--file", str(file), code=2)
    file.write_text(GOOD, encoding="utf-8")
    document = call(asked, capsys, "edit", first, "--file", str(file))
    assert document == {"accepted": [int(first)], "editor": getpass.getuser(), "breaks": ""}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("requeue",), "name the requests"),
        (("accept", "1", "--code", "too_short"), "name the requests"),
        (("discard", "--code", "refusal"), "no rejected answer"),
        (("requeue", "1", "--repair", "--note", "so"), "not both"),
        (("requeue", "--all", "--repair"), "--all"),
        (("accept", "999"), "no request 999"),
    ],
)
def test_wrong_use_is_one_clear_line(
    asked: Store, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert says in call(asked, capsys, *arguments, code=2)
