"""The command contract: exit codes, one JSON document, one clear line for an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.cli import COMMANDS, run
from stratos_tui.commands.door import Door
from stratos_tui.store.db import Store

EQUATE = "equate-cpeg-graduate-programme"
JWST = "nasa-jwst-exoplanet-catalog"


def answer_of(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run a command with --json and return its one document."""
    assert run([*arguments, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that is to be refused and return its one line."""
    assert run(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if not line.startswith(("import:", "score:", "compare:", "pipeline:"))]
    assert len(lines) == 1
    assert "Traceback" not in err
    return lines[0]


@pytest.fixture
def db(seeded: Store) -> str:
    return str(seeded.path)


def test_without_a_terminal_the_bare_command_explains_itself_and_exits_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stratos_tui"], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )  # fmt: skip
    assert done.returncode == 2
    assert "terminal" in done.stderr
    assert all(name in done.stderr for name in COMMANDS)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "--db" in capsys.readouterr().out


def test_init_makes_the_store_and_is_safe_to_repeat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        document = answer_of(capsys, "init", "--db", str(tmp_path / "s.db"))
        assert (document["profiles"], document["articles"]) == (10, 100)


def test_db_and_json_stand_before_or_after_the_command(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--db", db, "--json", "profiles", "list"],
        ["profiles", "--db", db, "--json", "list"],
        ["profiles", "list", "--db", db, "--json"],
    ):
        assert run(arguments) == 0
        assert len(json.loads(capsys.readouterr().out)["profiles"]) == 10


def test_the_same_article_differs_for_different_people(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer_of(
        capsys,
        "compare",
        "--db",
        db,
        "--article",
        EQUATE,
        "--profiles",
        "kuwait_cpeg,texas_nurse",
        "--scorer",
        "rubric",
    )
    assert set(document["scores"]) == {"kuwait_cpeg", "texas_nurse"}
    assert document["gap"] > 3
    assert document["gap"] == pytest.approx(document["scores"]["kuwait_cpeg"] - document["scores"]["texas_nurse"])


def test_a_score_holds_what_the_contract_names(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer_of(
        capsys, "score", "--db", db, "--scorer", "rubric", "--profile", "portland_retired_space", "--article", JWST
    )
    assert {"score", "band", "reason", "trace", "latency_ms", "tokens"} <= set(document)
    assert document["score"] > 7.0


def test_an_article_that_is_not_stored_is_scored_too(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = answer_of(
        capsys, "score", "--db", db, "--scorer", "rubric", "--profile", "dc_cybersec", "--title",
        "CISA orders agencies to patch an exploited zero-day", "--body", "The emergency directive is due on Friday.",
        "--source", "CISA", "--source-type", "official", "--published", "2026-11-01", "--as-of", "2026-11-02",
    )  # fmt: skip
    assert document["score"] >= 7.0


def test_a_file_of_articles_is_scored(db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "articles.jsonl"
    rows = [
        {"id": "a", "title": "NASA names an exoplanet", "summary": "By the JWST."},
        {"id": "b", "title": "Football", "summary": ""},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    document = answer_of(
        capsys, "score", "--db", db, "--scorer", "rubric", "--profile", "portland_retired_space", "--input", str(file)
    )
    assert [row["article_id"] for row in document["scores"]] == ["a", "b"]
    assert document["scores"][0]["score"] > document["scores"][1]["score"]


def test_hostile_text_reaches_neither_terminal_nor_markup(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hostile.jsonl"
    title = "\x1b[31m[bold red]pay[/] <|im_end|> now\x07"
    file.write_text(json.dumps({"id": "hostile", "title": title, "summary": "x"}) + "\n", encoding="utf-8")
    assert run(["articles", "import", str(file), "--db", db]) == 0
    capsys.readouterr()
    assert run(["articles", "list", "--db", db, "--limit", "200"]) == 0
    out = capsys.readouterr().out
    assert "[bold red]pay[/]" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_a_document_is_escaped_for_the_terminal_and_the_same_to_who_reads_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = {"said": "\x9b31m red \u202e turned \x7f \u200b ü 日本", "hidden \U000e0041": "half \ud83d whole 🚀"}
    Door(Path("any.db"), as_json=True).answer(document, "")
    out = capsys.readouterr().out
    assert not set("\x7f\x9b\u200b\u202e\U000e0041\ud83d") & set(out)
    assert "ü 日本" in out
    assert "🚀" in out
    assert json.loads(out) == document


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "nonsense"),
        (["profiles", "show", "nobody"], "nobody"),
        (["score", "--scorer", "rubric", "--profile", "kuwait_cpeg"], "--article"),
        (["score", "--scorer", "gpt", "--profile", "kuwait_cpeg", "--article", EQUATE], "rubric"),
        (["score", "--scorer", "student:99", "--profile", "kuwait_cpeg", "--article", EQUATE], "student:99"),
        (["score", "--scorer", "hf:/nowhere", "--profile", "kuwait_cpeg", "--article", EQUATE], "nowhere"),
        (["compare", "--article", "none", "--profiles", "kuwait_cpeg,texas_nurse", "--scorer", "rubric"], "none"),
        (["compare", "--article", EQUATE, "--profiles", "kuwait_cpeg", "--scorer", "rubric"], "two profiles"),
        (["articles", "label", EQUATE, "kuwait_cpeg", "5.0"], "5.0"),
        (["articles", "label", EQUATE, "kuwait_cpeg", "eleven"], "eleven"),
        (["articles", "import", "/nowhere/at/all.jsonl"], "all.jsonl"),
        (["pipeline", "--pairs", "0"], "--pairs"),
        (["evaluate"], "--scorer"),
        (["evaluate", "--predictions", "/nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_wrong_use_is_one_clear_line(
    db: str, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store = [] if arguments == ["nonsense"] else ["--db", db]
    assert says in refusal_of(capsys, *arguments, *store)


def test_a_missing_store_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "stratos init" in refusal_of(capsys, "status", "--db", str(tmp_path / "none.db"))


def test_labels_are_set_shown_and_taken_back(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    def own(document: dict[str, Any]) -> dict[str, float]:
        return {row["profile_id"]: row["score"] for row in document["labels"] if row["origin"] == "operator"}

    assert own(answer_of(capsys, "articles", "label", EQUATE, "kuwait_cpeg", "9.2", "--db", db)) == {"kuwait_cpeg": 9.2}
    assert own(answer_of(capsys, "articles", "label", EQUATE, "--undo", "--db", db)) == {}


def test_profiles_go_out_and_come_back(db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "profiles.json"
    answer_of(capsys, "profiles", "export", "--out", str(file), "--db", db)
    document = answer_of(capsys, "profiles", "import", str(file), "--db", str(tmp_path / "other.db"))
    assert len(document["added"]) == 10
    assert answer_of(capsys, "profiles", "lint", "--db", db)["findings"] == []


def test_doctor_and_status_tell_how_things_stand(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    checks = {check["name"]: check for check in answer_of(capsys, "doctor", "--db", db)["checks"]}
    assert checks["store"]["ok"]
    document = answer_of(capsys, "status", "--db", db)
    phases = {phase["name"]: phase for phase in document["phases"]}
    assert phases["profiles"]["count"] == 10
    assert phases["articles"]["count"] == 100
    assert phases["train"]["state"] == "empty"


def test_a_read_only_folder_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write everywhere")
    assert run(["init", "--db", str(folder / "s.db")]) == 2


def test_distilling_is_planned_priced_run_and_built(
    db: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = answer_of(capsys, "distill", "plan", "--teacher", "rubric", "--pairs", "120", "--db", db)
    assert (planned["pairs"], planned["requests"], planned["cost_estimate"]["expected"]) == (120, 120, 0.0)
    done = answer_of(capsys, "distill", "run", "--teacher", "rubric", "--pairs", "120", "--db", db)
    assert done["accepted"] == 120
    built = answer_of(capsys, "dataset", "build", "--teacher", "rubric", "--db", db)
    assert {"digest", "order_digest", "bands", "splits", "leaks"} <= set(built)
    assert built["leaks"] == 0
    assert answer_of(capsys, "dataset", "build", "--teacher", "rubric", "--db", db)["id"] == built["id"]
    out = tmp_path / "train.jsonl"
    exported = answer_of(capsys, "dataset", "export", "--format", "prompt-completion", "--out", str(out), "--db", db)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == exported["rows"] == built["splits"]["train"]
    assert all(row["completion"].startswith("<think>\n") for row in rows)


def test_the_rubric_is_evaluated_and_marked_as_the_teacher(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer_of(capsys, "distill", "run", "--teacher", "rubric", "--pairs", "200", "--db", db)
    built = answer_of(capsys, "dataset", "build", "--teacher", "rubric", "--db", db)
    result = answer_of(capsys, "evaluate", "--scorer", "rubric", "--dataset", str(built["id"]), "--db", db)
    contract = {"n", "parse_failures", "mae", "macro_mae", "per_band", "spearman", "psr", "contrast_pairs", "direction"}
    assert contract | {"within_1", "baselines", "intervals", "verdict"} <= set(result)
    assert result["mae"] == 0.0
    assert "is the teacher" in result["baselines"]["rubric"]["marks"]
    assert result["verdict"]["marks"]
    again = answer_of(capsys, "evaluate", "--scorer", "rubric", "--dataset", str(built["id"]), "--db", db)
    assert again["id"] == result["id"]


def test_predictions_are_measured_without_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "predictions.jsonl"
    rows = [
        {"article_id": article, "profile_id": profile, "teacher_score": teacher, "score": score}
        for article, profile, teacher, score in [
            ("a", "p", 9.0, 8.0),
            ("a", "q", 1.0, 2.0),
            ("b", "p", 0.5, 0.5),
            ("b", "q", 6.0, None),
        ]
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = answer_of(capsys, "evaluate", "--predictions", str(file), "--db", str(tmp_path / "none.db"))
    assert (result["n"], result["parse_failures"], result["contrast_pairs"]) == (4, 1, 2)
    assert result["mae"] == pytest.approx(2 / 3)
    assert result["psr"] == 0.5
    assert result["verdict"]["class"] == "partial"
    assert list(tmp_path.iterdir()) == [file]
    answer_of(capsys, "evaluate", "--predictions", str(file), "--gate", code=1)
