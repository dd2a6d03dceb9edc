"""The paired-profile probe: what it asks, what it measures, and that a run goes on as if it had not been asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui.progress import silent
from stratos_tui.store import datasets, probes, runs
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store, open_store
from stratos_tui.training import launch
from stratos_tui.training.pilot import judge
from stratos_tui.training.probe import Contrast, choose, measure

if TYPE_CHECKING:
    from tests.training.conftest import Undisturbed


def row(article: str, profile: str, tenths: int, position: int) -> DatasetRow:
    return DatasetRow("eval", position, article, profile, position, 0, 0, tenths, "prompt", "completion")


ROWS = [
    *(row("a", "nurse", 5, 0), row("a", "cpeg", 95, 1), row("a", "gamer", 24, 2)),
    *(row("b", "nurse", 70, 3), row("b", "cpeg", 55, 4)),
    *(row("c", "nurse", 90, 5), row("c", "cpeg", 10, 6)),
]


def test_pairs_contrast_and_come_from_as_many_articles_as_there_are() -> None:
    found = choose(ROWS, 10, seed=0)
    assert {(pair.high.article_id, pair.high.profile_id, pair.low.profile_id) for pair in found} == {
        ("a", "cpeg", "nurse"),
        ("a", "cpeg", "gamer"),
        ("c", "nurse", "cpeg"),
    }
    assert {pair.high.article_id for pair in choose(ROWS, 2, seed=0)} == {"a", "c"}
    assert choose(ROWS, 10, seed=0) == found
    assert choose(list(reversed(ROWS)), 0, seed=0) == []


def test_gap_and_psr_are_over_pairs_in_the_teachers_direction() -> None:
    contrasts = [Contrast(ROWS[1], ROWS[0]), Contrast(ROWS[5], ROWS[6])]

    def said(*tenths: int | None) -> probes.Probe:
        rows = (ROWS[1], ROWS[0], ROWS[5], ROWS[6])
        answers = [
            {"position": each.position, "teacher": each.tenths, "tenths": found, "looping": False}
            for each, found in zip(rows, tenths, strict=True)
        ]
        return measure(contrasts, answers, 4)

    perfect = said(95, 5, 90, 10)
    assert (perfect.pairs, perfect.parsed, perfect.gap, perfect.psr, perfect.mae) == (2, 2, 8.5, 1.0, 0.0)
    # low loss, perfect format, no sensitivity
    flat = said(50, 50, 50, 50)
    assert (flat.gap, flat.psr) == (0.0, 0.0)
    assert not judge(flat).ok
    against = said(5, 95, 60, 50)
    assert (against.gap, against.psr) == (-4.0, 0.5)
    half = said(95, None, 90, 10)
    assert (half.parsed, half.gap, half.psr, half.mae) == (1, 8.0, 0.5, 0.0)
    nothing = said(None, None, None, None)
    assert (nothing.gap, nothing.psr, nothing.mae) == (None, 0.0, None)
    assert judge(perfect).ok
    assert judge(perfect).value == "gap 8.5, PSR 100%, 2 of 2 pairs read"
    assert not judge(nothing).ok
    assert not judge(None).ok


def test_a_probe_replaces_the_one_of_its_step_and_is_read_back(built: Store) -> None:
    run_id = launch.create(built, 1)
    for step, gap in ((2, None), (4, 1.5), (2, 0.5)):
        probes.add(built, run_id, probes.Probe(step, 20, 19, gap, 0.5, 1.25, {"looping": 0}))
    found = probes.points(built, run_id)
    assert [(each.step, each.gap) for each in found] == [(2, 0.5), (4, 1.5)]
    assert found[0] == probes.Probe(2, 20, 19, 0.5, 0.5, 1.25, {"looping": 0})
    assert [each.step for each in probes.points(built, run_id, after=2)] == [4]


def test_every_evaluation_was_probed_and_the_run_is_that_of_a_run_without(
    built: Store, undisturbed: Undisturbed, tiny: dict[str, object], weights: Any
) -> None:
    import torch

    store = open_store(undisturbed.path)
    found = probes.points(store, undisturbed.run.id)
    store.close()
    assert [each.step for each in found] == [point.step for point in undisturbed.eval]
    assert all(each.pairs == 2 and len(each.detail["answers"]) >= 3 for each in found)
    assert undisturbed.run.metrics["probe_psr"] == found[-1].psr

    run_id = launch.start(built, 1, "nano", tiny | {"probe_pairs": 0})
    run = launch.wait(built, run_id, silent)
    assert probes.points(built, run_id) == []
    assert run.metrics["probe_psr"] is None
    assert runs.points(built, run_id, "train") == undisturbed.train
    assert runs.points(built, run_id, "eval") == undisturbed.eval
    ours, theirs = weights(Path(run.folder) / runs.MODEL), weights(Path(undisturbed.run.folder) / runs.MODEL)
    assert all(torch.equal(ours[each], theirs[each]) for each in ours)


def test_the_same_student_is_asked_the_same_with_the_same_seeds(built: Store, tiny_model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from stratos_tui.inference.local import serve
    from stratos_tui.training.probe import ask

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.eval()
    held_out = list(datasets.rows(built, 1, "eval"))
    beats: list[int] = []
    contrasts = choose(held_out, 3, seed=0)
    first = ask(serve(tiny_model, model, tokenizer), contrasts, 1, seed=0, tokens=5, beat=lambda: beats.append(1))
    again = ask(serve(tiny_model, model, tokenizer), contrasts, 1, seed=0, tokens=5, beat=lambda: None)
    assert first == again
    assert beats
    assert first.parsed == 0
    assert len(first.detail["answers"]) >= 3
