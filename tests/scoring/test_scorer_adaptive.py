from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.prism.rubric import answer
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.progress import Canceled
from stratos_tui.records import Article, Profile, Scored
from stratos_tui.scoring.scorer_adaptive import (
    Task,
    as_json,
    pair_seed,
    produce,
    read_answer,
    score_pairs,
    tasks_of,
)
from stratos_tui.scoring.scorers import Scorer, available, find_scorer, folder_digest, rubric_scorer, sampling
from stratos_tui.store import profiles, runs, scores
from stratos_tui.store.db import Store, open_store
from tests import builds

DAY = date(2026, 11, 20)
Pairs = list[tuple[Profile, Article]]


@pytest.fixture
def pairs(some_profiles: list[Profile], some_articles: list[Article]) -> Pairs:
    return [(profile, article) for article in some_articles for profile in some_profiles]


def rows(store: Store) -> list[tuple[object, ...]]:
    """Every stored score without id, time and latency."""
    return [
        tuple(row)
        for row in store.rows(
            "SELECT article_id, profile_id, scorer, identity, profile_digest, reference_date, prompt_fingerprint,"
            " settings, tenths, reason, trace, raw, error, tokens_in, tokens_out, code_version FROM scores ORDER BY id"
        )
    ]


def without_latency(said: list[Scored]) -> list[Scored]:
    return [replace(each, latency_ms=0) for each in said]


def test_the_rubric_scores_and_is_not_asked_twice(shipped: Store, pairs: Pairs) -> None:
    said = score_pairs(shipped, rubric_scorer(), pairs)
    assert [(each.article_id, each.profile_id) for each in said] == [(a.id, p.id) for p, a in pairs]
    for (profile, article), each in zip(pairs, said, strict=True):
        expected = answer(profile, article, article.fetched or DAY)
        assert (each.tenths, each.reason, each.trace, each.error) == (
            expected.tenths,
            expected.reason,
            expected.trace,
            "",
        )
        assert each.raw.endswith(f"SCORE: {expected.tenths / 10:.1f} | REASON: {expected.reason}")
    before = rows(shipped)
    assert len(before) == len(pairs)
    assert scores.counts(shipped) == {"rubric": len(pairs)}
    # what is stored comes back as it is, latency and all
    assert score_pairs(shipped, rubric_scorer(), pairs) == said
    assert score_pairs(shipped, rubric_scorer(), [*pairs[3:5], pairs[3]]) == [said[3], said[4], said[3]]
    assert rows(shipped) == before


def test_another_day_or_another_state_of_the_profile_is_another_score(shipped: Store, pairs: Pairs) -> None:
    profile, article = pairs[0]
    score_pairs(shipped, rubric_scorer(), [(profile, article)])
    score_pairs(shipped, rubric_scorer(), [(profile, article)], as_of=date(2031, 1, 1))
    edited = replace(profile, context="Retired. Reads nothing but cookery.", interests=("cooking",))
    profiles.save(shipped, edited, "operator")
    score_pairs(shipped, rubric_scorer(), [(edited, article)])
    assert [row[5] for row in rows(shipped)] == [str(article.fetched), "2031-01-01", str(article.fetched)]
    assert len({row[4] for row in rows(shipped)}) == 2


def test_a_stop_keeps_what_is_done(shipped: Store, pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratos_tui.scoring.scorer_adaptive.RUBRIC_BATCH", 4)

    def stop_after_eight(done: int, total: int, note: str) -> None:
        assert total == len(pairs)
        if done >= 8:
            raise Canceled

    with pytest.raises(Canceled):
        score_pairs(shipped, rubric_scorer(), pairs, report=stop_after_eight)
    assert len(rows(shipped)) == 8
    reports: list[int] = []
    score_pairs(shipped, rubric_scorer(), pairs, report=lambda done, total, note: reports.append(done))
    assert reports[0] == 8
    assert reports[-1] == len(pairs)


def test_free_text_is_scored_without_being_stored(
    shipped: Store, loose_article: Article, some_profiles: list[Profile]
) -> None:
    said = produce(rubric_scorer(), tasks_of([(some_profiles[0], loose_article)]))
    assert said[0].tenths is not None
    assert said[0].tenths >= 90
    assert rows(shipped) == []


def test_an_answer_is_split_before_it_is_read(some_profiles: list[Profile], loose_article: Article) -> None:
    task = Task(some_profiles[0], loose_article, DAY)
    good = read_answer(
        task, "<think>\nSCORE: 1.0 | REASON: a draft\n</think>\n\nscore: 7.5 | reason: Tracked.", 5.0, 100, 20
    )
    assert (good.tenths, good.reason, good.trace, good.error) == (75, "Tracked.", "SCORE: 1.0 | REASON: a draft", "")
    cut = read_answer(task, "<think>\nPROFILE: x SCORE: 9.0 | REASON: inside", 5.0, 100, 20)
    assert (cut.tenths, cut.trace, cut.error) == (
        None,
        "PROFILE: x SCORE: 9.0 | REASON: inside",
        "think_unclosed: 7 words",
    )
    odd = read_answer(task, "<think>\nx\n</think>\n\nSCORE: eleven | REASON: y", 5.0, 100, 20)
    assert (odd.tenths, odd.error, odd.raw[-8:]) == (None, "score_not_a_number: eleven", "REASON: y"[-8:])
    assert as_json(good)["score"] == 7.5
    assert as_json(good)["band"] == "high"
    assert (as_json(odd)["score"], as_json(odd)["band"], as_json(odd)["error"]) == (
        None,
        None,
        "score_not_a_number: eleven",
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "there is no scorer ''; there are rubric, hf:PATH"),
        ("gpt", "there is no scorer 'gpt'; there are rubric, hf:PATH"),
        ("student:", "there is no scorer 'student:'"),
        ("student:7", "there is no such run"),
        ("student:x", "there is no such run"),
        ("student:²", "there is no such run"),
        ("student:99999999999999999999", "there is no such run"),
        ("hf:", "there is no scorer 'hf:'"),
        ("hf:/nowhere/at/all", "is no folder of a model"),
    ],
)
def test_scorers_that_are_not_there(store: Store, name: str, says: str) -> None:
    with pytest.raises(StratosError, match=says.replace("²", ".")):
        find_scorer(store, name)


def test_a_style_that_is_not_there(store: Store) -> None:
    with pytest.raises(StratosError, match="student and prism"):
        find_scorer(store, "rubric", style="poem")


def test_a_student_is_a_finished_run_with_its_model(store: Store, tmp_path: Path) -> None:
    dataset_id = builds.add(
        store, [], digest="d", order_digest="o", teacher="rubric", params={}, summary={}, prompt_fingerprint="p"
    )
    run_id = runs.add(store, dataset_id, "nano", {}, "fingerprint")
    with pytest.raises(StratosError, match=f"run {run_id} is queued, so it has no model yet"):
        find_scorer(store, f"student:{run_id}")
    folder = tmp_path / "run"
    runs.queue(store, run_id, str(folder))
    runs.finish(store, run_id, "done")
    with pytest.raises(StratosError, match="moved or deleted"):
        find_scorer(store, f"student:{run_id}")
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text("{}")
    found = find_scorer(store, f"student:{run_id}", seed=3)
    assert (found.path, found.model, found.run_id, found.seed) == (folder / "model", "fingerprint", run_id, 3)
    assert runs.model_folder(store, run_id) == found.path
    assert available(store) == ["rubric", f"student:{run_id}", "hf:PATH"]
    moved = Path(f"{store.path}.models") / f"run-{run_id}"
    moved.parent.mkdir()
    folder.rename(moved)
    assert find_scorer(store, f"student:{run_id}", seed=3) == replace(found, path=moved / "model")


def test_the_identity_is_everything_that_decides(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="sampling settings live beside the model")
    one = Scorer("hf:x", "model", tmp_path)
    others = [
        replace(one, name="hf:y"),
        replace(one, model="other"),
        replace(one, style="prism"),
        replace(one, seed=1),
        rubric_scorer(),
        replace(rubric_scorer(), model="2"),
    ]
    assert len({each.row.identity for each in [one, *others]}) == 7
    assert replace(one, path=tmp_path / "moved").row.identity == one.row.identity
    settings = one.row.settings
    assert (settings["temperature"], settings["top_p"], settings["top_k"]) == (0.6, 0.95, 20)
    assert (sampling().temperature, sampling().top_p, sampling().top_k) == (0.6, 0.95, 20)


def test_a_folder_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    before = folder_digest(tmp_path)
    (tmp_path / "checkpoint").mkdir()
    assert folder_digest(tmp_path) == before
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert folder_digest(tmp_path) != before


def test_each_pair_has_a_seed_of_its_own(pairs: Pairs) -> None:
    seeds = {pair_seed(seed, task) for seed in (0, 1) for task in tasks_of(pairs, DAY)}
    assert len(seeds) == 2 * len(pairs)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_model_scores_what_it_cannot_say_too(shipped: Store, pairs: Pairs, tiny_model: Path) -> None:
    scorer = find_scorer(shipped, f"hf:{tiny_model}")
    said = score_pairs(shipped, scorer, pairs)
    assert len(rows(shipped)) == len(pairs)
    assert all(each.tenths is None and each.error and each.raw for each in said)
    assert all(each.tokens_in > 50 and each.tokens_out > 0 and each.latency_ms > 0 for each in said)
    assert len({each.raw for each in said}) == len(pairs)
    assert score_pairs(shipped, scorer, pairs) == said
    again = find_scorer(shipped, f"hf:{tiny_model}", seed=1)
    assert {each.raw for each in score_pairs(shipped, again, pairs[:2])}.isdisjoint(each.raw for each in said)


def test_a_prompt_that_is_too_long_fails_alone(shipped: Store, pairs: Pairs, tiny_model: Path) -> None:
    profile, article = pairs[0]
    endless = replace(article, id="endless", body="copper and lithium " * 3000)
    tight = replace(article, id="tight", body=" ".join(["steel"] * 250))
    tasks = tasks_of([(profile, endless), (profile, article), (profile, tight)])
    said = produce(find_scorer(shipped, f"hf:{tiny_model}"), tasks)
    assert [each.error.split(":")[0] == "prompt_too_long" for each in said] == [True, False, False]
    assert said[0].tokens_in > 2048
    alone = produce(find_scorer(shipped, f"hf:{tiny_model}"), tasks[1:2])
    assert without_latency(said[1:2]) == without_latency(alone)


def test_an_answer_that_the_limit_cuts_has_no_score(shipped: Store, pairs: Pairs, endless_model: Path) -> None:
    [said] = score_pairs(shipped, find_scorer(shipped, f"hf:{endless_model}"), pairs[:1])
    assert said.raw.startswith("SCORE: 7.5 | REASON: so.\nSCORE: 7.5")
    assert (said.tenths, said.error) == (None, "truncated: 640 tokens")
    assert said.tokens_out == sampling().max_new_tokens


KILLED = """
import os, signal, sys
from stratos_tui.scoring.scorer_adaptive import score_pairs
from stratos_tui.scoring.scorers import find_scorer
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import open_store

path, model, after = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(path)
pairs = [(p, a) for a in articles.load(store)[:6] for p in profiles.load(store)[:3]]

def report(done, total, note):
    if done > after:
        os.kill(os.getpid(), signal.SIGKILL)

score_pairs(store, find_scorer(store, f"hf:{model}"), pairs, report=report)
"""


def test_killed_anywhere_and_run_again_gives_the_same_rows(
    tmp_path: Path, tiny_model: Path, some_profiles: list[Profile]
) -> None:
    def run(name: str, after: int) -> tuple[int, list[tuple[object, ...]]]:
        path = tmp_path / f"{name}.db"
        with_store = open_store(path)
        load_shipped(with_store)
        done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(tiny_model), str(after)], check=False)
        found = rows(with_store)
        with_store.close()
        return done.returncode, found

    code, undisturbed = run("whole", 1_000)
    assert code == 0
    assert len(undisturbed) == 18
    code, half = run("killed", 0)
    assert code == -signal.SIGKILL
    assert half == undisturbed[:16]
    assert run("killed", 1_000) == (0, undisturbed)
