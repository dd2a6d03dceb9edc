from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.evaluation.agreement import agreement
from stratos_tui.evaluation.baselines import IS_SCORER, IS_TEACHER
from stratos_tui.evaluation.evaluate import evaluate
from stratos_tui.evaluation.sanity import SANITY_PAIRS
from stratos_tui.prism.rubric import answer
from stratos_tui.progress import Canceled
from stratos_tui.records import Label
from stratos_tui.scoring.scorers import find_scorer, rubric_scorer
from stratos_tui.store import articles, datasets, evaluations, labels, profiles, runs, scores
from stratos_tui.store.db import Store
from tests import builds

DAY = date(2026, 11, 20)
HELD_OUT = 200


def test_the_object_that_scripts_rely_on(store: Store, teach: Any) -> None:
    dataset_id = teach("claude:test")
    found = evaluate(store, rubric_scorer(), dataset_id)
    assert found == json.loads(json.dumps(found, allow_nan=False))
    promised = (
        "n parse_failures mae macro_mae per_band spearman psr contrast_pairs direction within_1 baselines intervals"
    )
    assert set(promised.split()) | {"id", "scorer", "dataset", "verdict", "within_2"} <= set(found)
    assert {"class", "criteria", "marks"} <= set(found["verdict"])
    assert (found["n"], found["parse_failures"], found["scorer"], found["dataset"]) == (
        HELD_OUT,
        0,
        "rubric",
        dataset_id,
    )
    assert found["format"]["share"] == 1.0
    assert found["repetition"] == {"traces": HELD_OUT, "looping": 0, "copying": 0, "share": 0.0}
    for baseline in found["baselines"].values():
        assert set(promised.split()) - {"baselines", "intervals"} <= set(baseline)


def test_what_was_measured_is_what_was_scored(store: Store, teach: Any) -> None:
    dataset_id = teach("claude:test")
    found = evaluate(store, rubric_scorer(), dataset_id)
    expected = {(label.article_id, label.profile_id): label.tenths for label in labels.load(store, "expected")}
    pairs = evaluations.pairs(store, found["id"])
    assert len(pairs) == HELD_OUT
    people = {profile.id: profile for profile in profiles.load(store)}
    stored = {article.id: article for article in articles.load(store)}
    for pair in pairs:
        assert pair.teacher_tenths == expected[pair.article_id, pair.profile_id]
        # judged on the day of the teacher's request, not on the article's own
        assert pair.tenths == answer(people[pair.profile_id], stored[pair.article_id], DAY).tenths
    errors = [abs((pair.tenths or 0) - pair.teacher_tenths) for pair in pairs]
    assert found["mae"] == pytest.approx(sum(errors) / len(errors) / 10)


def test_labels_that_the_rubric_wrote_make_a_rehearsal(store: Store, teach: Any) -> None:
    found = evaluate(store, rubric_scorer(), teach("rehearsal"))
    assert found["verdict"]["marks"] == ["rehearsal", "the scorer is the teacher"]
    assert found["baselines"]["rubric"]["marks"] == [IS_TEACHER, IS_SCORER]
    assert (found["mae"], found["psr"]) == (0, 1)
    assert found["verdict"]["class"] == "stretch", found["verdict"]
    assert "stretch (rehearsal, the scorer is the teacher)" in found["verdict"]["statement"]


def test_a_scorer_is_not_its_own_rival(store: Store, teach: Any) -> None:
    found = evaluate(store, rubric_scorer(), teach("claude:test"))
    assert found["verdict"]["marks"] == []
    assert found["baselines"]["rubric"]["marks"] == [IS_SCORER]
    assert found["baselines"]["rubric"]["mae"] == found["mae"]
    assert found["profile_gaps"] == {"rubric": found["profile_gap"]}


def test_medians_are_those_of_training_articles(store: Store, teach: Any) -> None:
    dataset_id = teach("claude:test")
    found = evaluate(store, rubric_scorer(), dataset_id)
    splits = articles.splits(store)
    expected = labels.load(store, "expected")
    by_profile: dict[str, list[int]] = {}
    for label in expected:
        if splits[label.article_id] == "train":
            by_profile.setdefault(label.profile_id, []).append(label.tenths)
    medians = {profile: sorted(said)[len(said) // 2 - 1 : len(said) // 2 + 1] for profile, said in by_profile.items()}
    errors = [
        abs((sum(medians[label.profile_id]) + 1) // 2 - label.tenths)
        for label in expected
        if splits[label.article_id] == "eval"
    ]
    assert found["baselines"]["profile median"]["mae"] == pytest.approx(sum(errors) / len(errors) / 10)
    assert found["baselines"]["training median"]["note"] == "from training pairs"


def test_sanity_pairs_are_scored_though_they_are_not_held_out(store: Store, teach: Any) -> None:
    dataset_id = teach("claude:test")
    held_out = {row.article_id for row in datasets.rows(store, dataset_id, "eval")}
    assert not held_out & {article for article, _ in SANITY_PAIRS}
    found = evaluate(store, rubric_scorer(), dataset_id)
    criteria = {criterion["name"]: criterion for criterion in found["verdict"]["criteria"]}
    assert criteria["profiles apart"]["note"] == "equate-cpeg-graduate-programme"
    assert criteria["profiles apart"]["ok"] is True
    assert criteria["JWST article"]["value"] > 7
    assert criteria["interest near career"]["ok"] is True
    assert scores.counts(store) == {"rubric": HELD_OUT + len(SANITY_PAIRS)}
    assert {pair.article_id for pair in evaluations.pairs(store, found["id"])} == held_out


def test_the_same_evaluation_is_found_and_a_changed_one_is_made(store: Store, teach: Any) -> None:
    dataset_id = teach("claude:test")
    first = evaluate(store, rubric_scorer(), dataset_id)
    notes: list[str] = []
    assert evaluate(store, rubric_scorer(), dataset_id, lambda done, total, note: notes.append(note)) == first
    assert notes == ["evaluating: rubric (found)"]
    assert len(evaluations.load(store)) == 1
    other = evaluate(store, replace(rubric_scorer(), model="2"), dataset_id)
    assert other["id"] != first["id"]
    assert other["mae"] == first["mae"]
    assert [each.id for each in evaluations.load(store)] == [other["id"], first["id"]]
    assert evaluations.load(store)[0].verdict == other["verdict"]["class"]


def test_a_stop_keeps_the_scores_and_the_evaluation_goes_on(store: Store, teach: Any) -> None:
    dataset_id = teach("claude:test")

    def stop(done: int, total: int, note: str) -> None:
        if done == total:
            raise Canceled

    with pytest.raises(Canceled):
        evaluate(store, rubric_scorer(), dataset_id, stop)
    assert scores.counts(store) == {"rubric": HELD_OUT}
    assert evaluations.load(store) == []
    assert evaluate(store, rubric_scorer(), dataset_id)["n"] == HELD_OUT


def test_a_profile_is_judged_in_the_state_that_the_teacher_saw(store: Store, teach: Any) -> None:
    dataset_id = teach("rehearsal")
    nurse = profiles.get(store, "texas_nurse")
    assert nurse is not None
    profiles.save(store, replace(nurse, role="Astronaut", interests=("space exploration",)), "operator")
    assert evaluate(store, rubric_scorer(), dataset_id)["mae"] == 0


def test_what_cannot_be_evaluated_is_said(store: Store, teach: Any) -> None:
    teach("rehearsal")
    with pytest.raises(StratosError, match="there is no dataset 99"):
        evaluate(store, rubric_scorer(), 99)
    empty = builds.add(
        store, [], digest="e", order_digest="o", teacher="rubric", params={}, summary={}, prompt_fingerprint="p"
    )
    with pytest.raises(StratosError, match="holds no pairs out"):
        evaluate(store, rubric_scorer(), empty)


def test_a_student_stands_beside_its_untrained_copy(store: Store, teach: Any, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the training stack is not installed")
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training import bases
    from stratos_tui.training.recipes import recipe_for

    teach("rehearsal")
    few = list(datasets.rows(store, 1, "eval"))[:10]
    train = [replace(row, split="train") for row in few]
    dataset_id = builds.add(
        store,
        [*few, *train],
        digest="few",
        order_digest="o",
        teacher="rehearsal",
        params={},
        summary={},
        prompt_fingerprint="p",
    )
    shape = {
        "vocabulary": 700,
        "hidden": 16,
        "layers": 1,
        "heads": 2,
        "key_value_heads": 2,
        "head_dim": 8,
        "feed_forward": 16,
    }
    recipe = recipe_for("nano", {f"shape.{name}": value for name, value in shape.items()})
    run_id = runs.add(store, dataset_id, "nano", recipe.params(), "fingerprint of the run")
    runs.queue(store, run_id, str(tmp_path / "run"))
    runs.finish(store, run_id, "done")
    # a "student" that learned nothing: its base with other first weights
    tokenizer = bases.load_tokenizer(store, dataset_id, "nano", recipe)
    tokenizer.save_pretrained(str(tmp_path / "run" / "model"))
    bases.load_model("nano", replace(recipe, seed=5), tokenizer).save_pretrained(str(tmp_path / "run" / "model"))

    student = find_scorer(store, f"student:{run_id}")
    found = evaluate(store, student, dataset_id)
    assert (found["n"], found["parse_failures"]) == (10, 10)
    assert set(found["profile_gaps"]) == {f"student:{run_id}", "untrained base", "rubric"}
    assert found["baselines"]["untrained base"]["parse_failures"] == 10
    assert found["baselines"]["untrained base"]["note"] == f"untrained:{run_id}, prompt student, 10 of 10 pairs"
    assert found["verdict"]["class"] in ("failure", "partial")
    assert scores.counts(store)[f"untrained:{run_id}"] == 10
    stored = evaluations.get(store, found["id"])
    assert stored is not None
    assert stored.run_id == run_id
    assert evaluate(store, student, dataset_id) == found


def test_agreement_with_the_expected_scores(store: Store, teach: Any) -> None:
    teach("claude:test")
    found = agreement(store, rubric_scorer(), "expected")
    assert json.loads(json.dumps(found, allow_nan=False))["n"] == 1000
    assert set(found["per_kind"]) == {"career", "interest"}
    assert sum(kind["n"] for kind in found["per_kind"].values()) == 1000
    assert found["psr"] > found["baselines"]["profile median"]["psr"]
    assert found["macro_mae"] < found["baselines"]["profile median"]["macro_mae"]
    with pytest.raises(StratosError, match="there are no operator labels"):
        agreement(store, rubric_scorer(), "operator")
    labels.put_many(store, [Label("equate-cpeg-graduate-programme", "texas_nurse", "imported", 90)], "test")
    one = agreement(store, rubric_scorer(), "imported")
    assert (one["n"], one["direction"], one["spearman"]) == (1, 0.0, None)
