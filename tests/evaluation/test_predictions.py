from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.evaluation.evaluate import evaluate_predictions
from stratos_tui.evaluation.predictions import Prediction, read_predictions
from stratos_tui.evaluation.sanity import APART_ARTICLE, JWST_ARTICLE
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.store import articles, labels
from stratos_tui.store.db import Store

GOOD: dict[str, Any] = {"article_id": "a", "profile_id": "p", "teacher_score": 1.5, "score": 2.0}


def written(path: Path, *rows: dict[str, Any] | str | bytes) -> Path:
    lines = [
        row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode() for row in rows
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """Through JSON as a script sees it: NaN and infinity do not pass."""
    found: dict[str, Any] = json.loads(json.dumps(document, allow_nan=False))
    return found


def test_rows_are_read_with_and_without_the_optional_fields(tmp_path: Path) -> None:
    full = {**GOOD, "profile_id": "q", "kind": "interest", "trace": "PROFILE: x", "train": True, "model": "ours"}
    path = written(
        tmp_path / "p.jsonl",
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        "",
        full,
        {**GOOD, "article_id": "b", "score": None},
    )
    assert read_predictions(path) == [
        Prediction("a", "p", 15, 20),
        Prediction("a", "q", 15, 20, "interest", "PROFILE: x", True),
        Prediction("b", "p", 15, None),
    ]


@pytest.mark.parametrize(
    ("score", "tenths"), [(0, 0), (10, 100), (5.0, 50), (7.25, 73), (7.2499, 72), (0.05, 1), (9.96, 100)]
)
def test_scores_are_taken_to_the_nearest_tenth(tmp_path: Path, score: float, tenths: int) -> None:
    assert read_predictions(written(tmp_path / "p.jsonl", {**GOOD, "score": score}))[0].tenths == tenths


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("not json", "line 2: is not JSON"),
        ("[1, 2]", "line 2: is not a JSON object"),
        (b"\xff\xfe\x00", "line 2: is not UTF-8"),
        ("[" * 100_000, "line 2: is not"),
        ('{"score": ' + "9" * 5000 + "}", "line 2: is not usable JSON"),
        ({"profile_id": "p", "teacher_score": 1, "score": 1}, "line 2: article_id: must be a string"),
        ({**GOOD, "article_id": " "}, "line 2: article_id: must be a string that is not empty"),
        ({**GOOD, "article_id": 7}, "line 2: article_id: must be a string"),
        ({**GOOD, "profile_id": "\x1b[31m"}, "line 2: profile_id: holds control characters"),
        ({**GOOD, "profile_id": "\ud800"}, "line 2: profile_id: holds control characters"),
        ({**GOOD, "teacher_score": None}, "line 2: teacher_score: must be a number"),
        ({**GOOD, "teacher_score": "7"}, "line 2: teacher_score: must be a number"),
        ({**GOOD, "score": True}, "line 2: score: must be a number"),
        ({**GOOD, "score": 10.1}, "line 2: score: must be a number from 0.0 to 10.0"),
        ({**GOOD, "score": -0.1}, "line 2: score: must be a number from 0.0 to 10.0"),
        ({**GOOD, "score": -1.0}, "line 2: score"),
        ('{"article_id": "x", "profile_id": "p", "teacher_score": 1, "score": NaN}', "line 2: score"),
        ('{"article_id": "x", "profile_id": "p", "teacher_score": 1, "score": 1e999}', "line 2: score"),
        ('{"article_id": "x", "profile_id": "p", "teacher_score": 1}', "line 2: score: is missing"),
        ({**GOOD, "article_id": "x", "kind": "hobby"}, "line 2: kind: must be career or interest"),
        ({**GOOD, "article_id": "x", "kind": ["career"]}, "line 2: kind"),
        ({**GOOD, "article_id": "x", "kind": "interest"}, "line 2: kind: interest here, career on line 1"),
        ({**GOOD, "article_id": "x", "trace": 5}, "line 2: trace: must be a string"),
        ({**GOOD, "article_id": "x", "train": "yes"}, "line 2: train: must be true or false"),
        (GOOD, "line 2: article_id and profile_id repeat line 1"),
        (b"x" * 4_100_000, "line 2: longer than 4,000,000 bytes"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_a_bad_row_names_the_file_the_line_and_the_field(tmp_path: Path, bad: Any, says: str) -> None:
    path = written(tmp_path / "p.jsonl", {**GOOD, "kind": "career"}, bad)
    with pytest.raises(StratosError) as caught:
        read_predictions(path)
    assert f"{path}: {says}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no rows"),
        (b"\n \n", "holds no rows"),
        (b"\x00\x01\x02", "line 1: is not JSON"),
        (b"SQLite format 3\x00", "line 1: is not JSON"),
    ],
)
def test_a_file_without_rows_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(content)
    with pytest.raises(StratosError, match=says):
        read_predictions(path)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StratosError, match="cannot be read"):
        read_predictions(tmp_path / "none.jsonl")
    with pytest.raises(StratosError, match="cannot be read"):
        read_predictions(tmp_path)


def test_training_rows_alone_leave_nothing_to_evaluate(tmp_path: Path) -> None:
    with pytest.raises(StratosError, match="every row is marked train"):
        read_predictions(written(tmp_path / "p.jsonl", {**GOOD, "train": True}))


PROFILES = ("kuwait_cpeg", "texas_nurse", "portland_retired_space", "seoul_gamer_investor")
TRACE = "PROFILE: who. CONTENT: what."


def perfect_rows(**more: Any) -> list[dict[str, Any]]:
    """Forty articles that each matter to one profile, over all bands; two are what the sanity checks need."""
    names = [APART_ARTICLE, "plain", JWST_ARTICLE, *(f"a{i}" for i in range(37))]
    for_one = (9.5, 6.0, 8.5, 3.0, 7.5)
    return [
        {"article_id": name, "profile_id": profile, "teacher_score": said, "score": said, **more}
        for i, name in enumerate(names)
        for k, profile in enumerate(PROFILES)
        for said in [for_one[(i + i // 4) % 5] if k == i % 4 else 0.5]
    ]


def test_a_perfect_file_reaches_the_stretch(tmp_path: Path) -> None:
    rows = [{**row, "trace": f"PROFILE: {row['profile_id']}. CONTENT: {row['article_id']}."} for row in perfect_rows()]
    found = strict(evaluate_predictions(written(tmp_path / "p.jsonl", *rows)))
    assert found["verdict"]["class"] == "stretch", found["verdict"]
    assert (found["n"], found["parse_failures"], found["mae"], found["macro_mae"], found["psr"]) == (160, 0, 0, 0, 1)
    assert found["intervals"]["mae"] == [0, 0]
    assert set(found["per_kind"]) == {"career", "interest"}
    assert set(found["baselines"]) == {"constant 0.5", "training median", "profile median"}
    assert found["baselines"]["constant 0.5"]["psr"] == 0
    assert found["verdict"]["cannot"] == ["100.0% of its completions break the format."]
    assert (found["id"], found["memorization"]) == (None, None)


def test_without_traces_the_verdict_is_partial_at_best(tmp_path: Path) -> None:
    found = evaluate_predictions(written(tmp_path / "p.jsonl", *perfect_rows()))
    assert found["verdict"]["class"] == "partial"
    unknown = [c["name"] for c in found["verdict"]["criteria"] if c["ok"] is None]
    assert unknown == ["traces do not loop or copy"]
    assert found["format"] is None


def test_a_constant_is_a_failure_however_small_its_error(tmp_path: Path) -> None:
    rows = [{**row, "score": 0.5, "trace": TRACE} for row in perfect_rows()]
    found = strict(evaluate_predictions(written(tmp_path / "p.jsonl", *rows)))
    assert found["mae"] < 2.5
    assert found["verdict"]["class"] == "failure"
    assert found["spearman"] is None
    assert found["intervals"]["spearman"] is None


def test_unreadable_scores_count_against_the_file(tmp_path: Path) -> None:
    rows = [{**row, "score": None, "trace": TRACE} for row in perfect_rows()]
    found = strict(evaluate_predictions(written(tmp_path / "p.jsonl", *rows)))
    assert (found["n"], found["parse_failures"], found["mae"], found["psr"]) == (160, 160, None, 0)
    assert found["verdict"]["class"] == "failure"
    assert found["format"]["faults"] == {"score_missing": 160}
    half = [{**row, "score": None if i % 2 else row["score"], "trace": TRACE} for i, row in enumerate(perfect_rows())]
    found = strict(evaluate_predictions(written(tmp_path / "p.jsonl", *half)))
    assert (found["parse_failures"], found["mae"], found["direction"]) == (80, 0, 0.5)


def test_training_rows_are_only_for_medians_and_the_memorization_gap(tmp_path: Path) -> None:
    held_out = [{**row, "score": min(10, row["teacher_score"] + 1.0)} for row in perfect_rows()]
    seen = [{**row, "article_id": f"t{i}", "train": True} for i, row in enumerate(perfect_rows())]
    plain = evaluate_predictions(written(tmp_path / "p.jsonl", *held_out))
    found = strict(evaluate_predictions(written(tmp_path / "p.jsonl", *held_out, *seen)))
    assert plain["memorization"] is None
    assert found["memorization"]["mae_train"] == 0
    assert found["memorization"]["gap"] == pytest.approx(found["mae"])
    assert found["memorization"]["ok"] is True
    assert found["baselines"]["profile median"]["note"] == "from training pairs"
    assert plain["baselines"]["profile median"]["note"] == "from the other articles of these pairs"
    for name in ("n", "mae", "macro_mae", "psr", "contrast_pairs", "per_band", "intervals"):
        assert found[name] == strict(plain)[name]


def test_kinds_come_from_the_rows_before_the_shipped_profiles(tmp_path: Path) -> None:
    rows = [{**row, "kind": "career"} for row in perfect_rows()]
    assert set(evaluate_predictions(written(tmp_path / "p.jsonl", *rows))["per_kind"]) == {"career"}


def test_looping_traces_fail_whatever_the_scores(tmp_path: Path) -> None:
    rows = perfect_rows()
    for row in rows[:16]:
        row["trace"] = "the same words again " * 10
    for row in rows[16:]:
        row["trace"] = TRACE
    found = evaluate_predictions(written(tmp_path / "p.jsonl", *rows))
    assert found["verdict"]["class"] == "failure"
    assert found["repetition"]["looping"] == 16


def test_a_store_that_knows_the_pairs_adds_the_rubric_and_the_articles(store: Store, tmp_path: Path) -> None:
    load_shipped(store)
    expected = labels.load(store, "expected")[:200]
    stored = {article.id: article for article in articles.load(store)}
    rows = [
        {
            "article_id": label.article_id,
            "profile_id": label.profile_id,
            "teacher_score": label.tenths / 10,
            "score": label.tenths / 10,
            "trace": f"PROFILE: x. CONTENT: {stored[label.article_id].body}",
        }
        for label in expected
    ]
    path = written(tmp_path / "p.jsonl", *rows)
    with_store = evaluate_predictions(path, store)
    assert with_store["baselines"]["rubric"]["n"] == 200
    assert with_store["baselines"]["rubric"]["psr"] > 0.5
    assert with_store["profile_gaps"]["rubric"] > 3
    assert with_store["repetition"]["copying"] > 150
    assert with_store["verdict"]["class"] == "failure"
    assert store.value("SELECT count(*) FROM scores") == 0
    without = evaluate_predictions(path)
    assert "rubric" not in without["baselines"]
    assert without["repetition"]["copying"] is None
    path = written(tmp_path / "p.jsonl", *rows, {**rows[0], "article_id": "unknown"})
    assert "rubric" not in evaluate_predictions(path, store)["baselines"]
