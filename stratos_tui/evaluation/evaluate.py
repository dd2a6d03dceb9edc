"""Measures a scorer on a build's held-out pairs, or somebody else's predictions, and reaches a verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.evaluation.baselines import IS_SCORER, IS_TEACHER, RUBRIC, UNTRAINED, Baseline, trivial
from stratos_tui.evaluation.format import completion_from, completion_of
from stratos_tui.evaluation.intervals import RESAMPLES
from stratos_tui.evaluation.metrics import measure
from stratos_tui.evaluation.pairs import Pairs, make_pairs
from stratos_tui.evaluation.predictions import Prediction, read_predictions
from stratos_tui.evaluation.results import Material, result_of
from stratos_tui.evaluation.sanity import SANITY_PAIRS
from stratos_tui.evaluation.verdict import REHEARSAL
from stratos_tui.profiles.shipped import shipped_profiles
from stratos_tui.progress import Report, silent
from stratos_tui.records import Kind, Profile, Scored
from stratos_tui.scoring.scorer_adaptive import Task, produce, score_tasks, tasks_of
from stratos_tui.scoring.scorers import Scorer, rubric_scorer
from stratos_tui.scoring.untrained import is_untrained_copy, untrained_scorer
from stratos_tui.store import articles, datasets, distill, evaluations, profiles
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.store.evaluations import EvaluatedPair

EVALUATION_VERSION = "1"
"""Raised whenever a measure or the verdict could change: an evaluation made by another version is made again."""
RUBRIC_TEACHERS = ("rubric", "rehearsal")
"""Teachers whose labels the rubric wrote."""
SELF = "the scorer is the teacher"
UNTRAINED_PAIRS = 48
"""Pairs, rounded up to whole articles, on which an untrained copy of the nano base is measured."""


def evaluate(store: Store, scorer: Scorer, dataset_id: int, report: Report = silent) -> dict[str, Any]:
    """Evaluate a scorer on the held-out pairs of a build, store the result with its pairs, and return it.

    The same scorer, build and training scores find the stored result. Scoring is kept batch by batch, so that an
    evaluation that was killed goes on where it was. Beside the pairs, the rubric and (for a student) its untrained base
    are scored as trivial scorers, and the three sanity pairs as criteria only.

    Raises:
        Canceled: ``report`` asked to stop.
        StratosError: there is no such build, it holds nothing out, or a model cannot be loaded.
    """
    dataset = datasets.get(store, dataset_id)
    if dataset is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    rows = list(datasets.rows(store, dataset_id, "eval"))
    if not rows:
        raise StratosError(f"dataset {dataset_id} holds no pairs out, so there is nothing to evaluate on")
    tasks = _tasks(store, rows)
    extra = _sanity_tasks(store, tasks)
    training = _training_scores(store, dataset.teacher)
    fingerprint = _fingerprint(scorer, dataset, extra, training)
    known = evaluations.find(store, fingerprint)
    if known is not None:
        report(len(rows), len(rows), f"evaluating: {scorer.name} (found)")
        return {"id": known.id, **known.result}

    said = score_tasks(store, scorer, tasks, report)
    pairs = _pairs(rows, said, {task.profile.id: task.profile.kind for task in tasks})
    baselines = trivial(pairs, training) + _scored_baselines(store, scorer, dataset, rows, tasks, said, report)
    sane = score_tasks(store, scorer, extra, report)
    result = {
        "scorer": scorer.name,
        "dataset": dataset_id,
        "dataset_digest": dataset.digest,
        "teacher": dataset.teacher,
        "settings": scorer.settings,
        "prompt_fingerprint": scorer.row.prompt_fingerprint,
        **result_of(
            Material(
                pairs=pairs,
                baselines=baselines,
                completions=[completion_of(each, task.article) for task, each in zip(tasks, said, strict=True)],
                scores={(each.article_id, each.profile_id): each.tenths for each in [*sane, *said]},
                teacher={(row.article_id, row.profile_id): row.tenths for row in rows},
                marks=_marks(scorer, dataset),
            )
        ),
    }
    result["profile_gaps"] = _profile_gaps(scorer.name, result)
    evaluation_id = evaluations.add(
        store,
        fingerprint=fingerprint,
        scorer=scorer.name,
        dataset_id=dataset_id,
        run_id=scorer.run_id,
        verdict=result["verdict"]["class"],
        result=result,
        evaluated=[
            EvaluatedPair(row.article_id, row.profile_id, row.tenths, each.tenths)
            for row, each in zip(rows, said, strict=True)
        ],
    )
    # what was stored, not what was in memory: tuples and numbers then look the same the first time and later
    stored = evaluations.get(store, evaluation_id)
    assert stored is not None
    return {"id": evaluation_id, **stored.result}


def evaluate_predictions(path: Path, store: Store | None = None) -> dict[str, Any]:
    """Evaluate a predictions file; it needs no store, and nothing is stored.

    Kinds come from the rows, else from the profiles that ship. Medians come from the rows marked ``train`` where there
    are any. Where ``store`` has every held-out pair, the rubric stands among the trivial scorers and traces are
    compared with their articles; otherwise neither is measured.

    Raises:
        StratosError: the file cannot be read or has a bad row; names the line and the field.
    """
    rows = read_predictions(path)
    kinds: dict[str, Kind] = {profile.id: profile.kind for profile in shipped_profiles()}
    kinds |= {row.profile_id: row.kind for row in rows if row.kind is not None}
    held_out = [row for row in rows if not row.train]
    trained = [row for row in rows if row.train]
    training: dict[str, list[int]] = {}
    for row in trained:
        training.setdefault(row.profile_id, []).append(row.teacher)
    pairs = _predicted(held_out, kinds)
    baselines = trivial(pairs, training)
    tasks = _stored_tasks(store, held_out) if store else []
    if tasks:
        by_rubric = [
            replace(row, tenths=said.tenths)
            for row, said in zip(held_out, produce(rubric_scorer(), tasks), strict=True)
        ]
        baselines.append(Baseline(RUBRIC, measure(_predicted(by_rubric, kinds))))
    about = {row: task.article for row, task in zip(held_out, tasks, strict=False)}
    result = result_of(
        Material(
            pairs=pairs,
            baselines=baselines,
            completions=[completion_from(row.trace, row.tenths, about.get(row)) for row in held_out if row.trace],
            scores={(row.article_id, row.profile_id): row.tenths for row in rows},
            teacher={(row.article_id, row.profile_id): row.teacher for row in rows},
            trained=_predicted(trained, kinds),
        )
    )
    scorer = f"predictions:{path.name}"
    named = {"id": None, "scorer": scorer, "dataset": None, "teacher": None, **result}
    return {**named, "profile_gaps": _profile_gaps(scorer, result)}


def _stored_tasks(store: Store, rows: Sequence[Prediction]) -> list[Task]:
    """Return the pairs of a predictions file in their order, or none unless the store has them all."""
    stored = {article.id: article for article in articles.load(store, list({row.article_id for row in rows}))}
    people = {profile.id: profile for profile in profiles.load(store)}
    if any(row.article_id not in stored or row.profile_id not in people for row in rows):
        return []
    return tasks_of((people[row.profile_id], stored[row.article_id]) for row in rows)


def _tasks(store: Store, rows: Sequence[DatasetRow]) -> list[Task]:
    """Return each held-out pair as the teacher saw it: the profile's state and the day of the request."""
    asked = datasets.asked(store, [row.request_id for row in rows])
    stored = {article.id: article for article in articles.load(store, [row.article_id for row in rows])}
    states: dict[str, Profile | None] = {
        digest: profiles.by_digest(store, digest) for digest in {each.profile_digest for each in asked.values()}
    }
    tasks: list[Task] = []
    for row in rows:
        request, article = asked.get(row.request_id), stored.get(row.article_id)
        profile = states[request.profile_digest] if request else None
        if request is None or article is None or profile is None:
            pair = f"{row.article_id} × {row.profile_id}"
            raise StratosError(f"dataset row {pair}: its article or its request is gone; build the dataset again")
        tasks.append(Task(profile, article, request.reference_date))
    return tasks


def _sanity_tasks(store: Store, tasks: Sequence[Task]) -> list[Task]:
    """Return the sanity pairs that are not held out themselves, as far as the store has them."""
    there = {(task.article.id, task.profile.id) for task in tasks}
    wanted = [
        (profile, article)
        for article_id, profile_id in SANITY_PAIRS
        if (article_id, profile_id) not in there
        and (article := articles.get(store, article_id)) is not None
        and (profile := profiles.get(store, profile_id)) is not None
    ]
    return tasks_of(wanted)


def _training_scores(store: Store, teacher: str) -> dict[str, list[int]]:
    """Return the teacher's scores of training articles by profile, in tenths: all accepted ones, not rebalanced."""
    splits = articles.splits(store)
    found: dict[str, list[int]] = {}
    for example in distill.examples(store, teacher):
        if splits.get(example.article_id) == "train":
            found.setdefault(example.profile_id, []).append(example.tenths)
    return found


def _marks(scorer: Scorer, dataset: Dataset) -> tuple[str, ...]:
    if dataset.teacher not in RUBRIC_TEACHERS:
        return ()
    return (REHEARSAL, SELF) if scorer.name == RUBRIC else (REHEARSAL,)


def _scored_baselines(
    store: Store,
    scorer: Scorer,
    dataset: Dataset,
    rows: Sequence[DatasetRow],
    tasks: Sequence[Task],
    said: Sequence[Scored],
    report: Report,
) -> list[Baseline]:
    kinds = {task.profile.id: task.profile.kind for task in tasks}
    marks = ((IS_TEACHER,) if dataset.teacher in RUBRIC_TEACHERS else ()) + (
        (IS_SCORER,) if scorer.name == RUBRIC else ()
    )
    by_rubric = said if scorer.name == RUBRIC else score_tasks(store, rubric_scorer(), tasks, report)
    found = [Baseline(RUBRIC, measure(_pairs(rows, by_rubric, kinds)), marks)]
    untrained = untrained_scorer(store, scorer)
    if untrained is not None:
        # an untrained copy never ends an answer, so each pair costs the whole limit and shows the same again
        few = _whole_articles(rows, UNTRAINED_PAIRS) if is_untrained_copy(untrained) else len(rows)
        by_base = score_tasks(store, untrained, tasks[:few], report)
        note = f"{untrained.name}, prompt {untrained.style}, {few:,} of {len(rows):,} pairs"
        found.append(Baseline(UNTRAINED, measure(_pairs(rows[:few], by_base, kinds)), note=note))
    return found


def _whole_articles(rows: Sequence[DatasetRow], least: int) -> int:
    """Return how many first rows hold at least ``least`` pairs without cutting an article in two."""
    return next((i for i in range(least, len(rows)) if rows[i].article_id != rows[i - 1].article_id), len(rows))


def _pairs(rows: Sequence[DatasetRow], said: Sequence[Scored], kinds: Mapping[str, Kind]) -> Pairs:
    return make_pairs(
        [row.article_id for row in rows],
        [row.profile_id for row in rows],
        [row.tenths for row in rows],
        [each.tenths for each in said],
        kinds,
    )


def _predicted(rows: Sequence[Prediction], kinds: Mapping[str, Kind]) -> Pairs:
    return make_pairs(
        [row.article_id for row in rows],
        [row.profile_id for row in rows],
        [row.teacher for row in rows],
        [row.tenths for row in rows],
        kinds,
    )


def _profile_gaps(scorer: str, result: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the paired-profile gap of the scorer beside those of the scored trivial ones, in points."""
    gaps: dict[str, float | None] = {scorer: result["profile_gap"]}
    gaps |= {name: row["profile_gap"] for name, row in result["baselines"].items() if name in (RUBRIC, UNTRAINED)}
    return gaps


def _fingerprint(scorer: Scorer, dataset: Dataset, extra: Sequence[Task], training: Mapping[str, Sequence[int]]) -> str:
    made_from = [
        EVALUATION_VERSION,
        RESAMPLES,
        scorer.row.identity,
        dataset.digest,
        [[*map(str, (task.key.article_id, task.key.profile_digest, task.day))] for task in extra],
        sorted((profile, *scores) for profile, scores in training.items()),
    ]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()
