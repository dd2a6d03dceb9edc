"""Reads what the phase screens show and no other module asks for: batches as they fill, builds, runs, jobs by kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from stratos_tui.store import evaluations, jobs, runs
from stratos_tui.store.db import Store
from stratos_tui.store.evaluations import Evaluation
from stratos_tui.store.jobs import Job
from stratos_tui.store.runs import Run


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """Something that happened to a batch: ``what`` is intended, submitted, ended, ingested or failed."""

    at: str
    what: str
    batch_id: int
    teacher: str
    requests: int
    detail: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a run goes: optimizer steps and tokens in a second."""

    steps: float
    tokens: float


@dataclass(frozen=True, slots=True)
class Evaluable:
    """The newest trained run, what it was trained on, and its newest evaluation, if any."""

    run_id: int
    dataset_id: int
    evaluated: int | None


def pair_count(store: Store) -> int:
    """Return how many pairs a teacher may be asked about: every article with every profile that was not imported."""
    return int(
        store.value(
            "SELECT (SELECT count(*) FROM articles) * (SELECT count(*) FROM profiles WHERE origin != 'imported')"
        )
    )


def batch_states(store: Store, batch_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return, for each of these batches, how many of its requests are in each state."""
    found: dict[int, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    for row in store.rows(
        "SELECT batch_id, state, count(*) AS n FROM requests WHERE batch_id IN (SELECT value FROM json_each(?))"
        " GROUP BY batch_id, state",
        (json.dumps(list(batch_ids)),),
    ):
        found[row["batch_id"]][row["state"]] = row["n"]
    return found


def batch_costs(store: Store) -> dict[int, int]:
    """Return what each batch has settled so far, in nanodollars."""
    rows = store.rows("SELECT batch_id, sum(nanodollars) AS n FROM ledger WHERE kind = 'settle' GROUP BY batch_id")
    return {row["batch_id"]: row["n"] for row in rows}


def batch_events(store: Store, limit: int = 100) -> list[BatchEvent]:
    """Return the last things that happened to batches, newest first."""
    rows = store.rows(
        "SELECT * FROM ("
        " SELECT intended_at AS at, 'intended' AS what, id, teacher, request_count, '' AS detail FROM batches"
        " UNION ALL SELECT submitted_at, 'submitted', id, teacher, request_count, coalesce(remote_id, '') FROM batches"
        " UNION ALL SELECT ended_at, CASE state WHEN 'failed' THEN 'failed' ELSE 'ended' END, id, teacher,"
        " request_count, error FROM batches"
        " UNION ALL SELECT ingested_at, 'ingested', id, teacher, request_count, '' FROM batches"
        ") WHERE at IS NOT NULL ORDER BY at DESC, id DESC LIMIT ?",
        (limit,),
    )
    return [
        BatchEvent(row["at"], row["what"], row["id"], row["teacher"], row["request_count"], row["detail"])
        for row in rows
    ]


def rejection_counts(store: Store) -> dict[str, int]:
    """Return how many rejected answers each reason has, the most frequent first."""
    rows = store.rows(
        "SELECT j.code, count(*) AS n FROM judgements j JOIN requests r ON r.id = j.request_id"
        " WHERE j.accepted = 0 AND r.state = 'rejected' AND r.purpose = 'example'"
        " GROUP BY j.code ORDER BY n DESC, j.code"
    )
    return {row["code"]: row["n"] for row in rows}


def curriculum(store: Store, dataset_id: int, buckets: int) -> list[float]:
    """Return the mean distance from 5.0, in tenths, of ``buckets`` parts of a build's training rows, first to last."""
    rows = store.rows(
        "SELECT avg(abs(tenths - 50)) AS far FROM dataset_examples WHERE dataset_id = ?1 AND split = 'train'"
        " GROUP BY position * ?2 / (SELECT count(*) FROM dataset_examples WHERE dataset_id = ?1 AND split = 'train')"
        " ORDER BY min(position)",
        (dataset_id, buckets),
    )
    return [row["far"] for row in rows]


def pace(store: Store, run_id: int, steps: int = 30) -> Pace | None:
    """Return how fast a run goes, from its last ``steps`` steps; None before there are two."""
    row = store.row(
        "SELECT max(step) - min(step) AS steps, max(tokens) - min(tokens) AS tokens,"
        " (julianday(max(at)) - julianday(min(at))) * 86400 AS seconds FROM"
        " (SELECT step, tokens, at FROM telemetry WHERE run_id = ? AND split = 'train' ORDER BY step DESC LIMIT ?)",
        (run_id, steps),
    )
    if row is None or not row["steps"] or not row["seconds"] or row["seconds"] <= 0:
        return None
    return Pace(row["steps"] / row["seconds"], (row["tokens"] or 0) / row["seconds"])


def latest_run(store: Store) -> Run | None:
    """Return the newest run."""
    found = store.value("SELECT max(id) FROM runs")
    return None if found is None else runs.get(store, found)


def latest_evaluation(store: Store) -> Evaluation | None:
    """Return the newest evaluation."""
    found = store.value("SELECT max(id) FROM evaluations")
    return None if found is None else evaluations.get(store, found)


def evaluable(store: Store) -> Evaluable | None:
    """Return the newest run that was trained to its end."""
    row = store.row(
        "SELECT u.id, u.dataset_id, (SELECT max(v.id) FROM evaluations v WHERE v.run_id = u.id) AS evaluated"
        " FROM runs u WHERE u.state = 'done' ORDER BY u.id DESC LIMIT 1"
    )
    return None if row is None else Evaluable(row["id"], row["dataset_id"], row["evaluated"])


def active_job(store: Store, *kinds: str) -> Job | None:
    """Return the job of one of these kinds that is queued or running; its process is not looked for."""
    found = store.value(
        "SELECT id FROM jobs WHERE state IN ('queued', 'running') AND kind IN (SELECT value FROM json_each(?))"
        " ORDER BY id DESC LIMIT 1",
        (json.dumps(kinds),),
    )
    return None if found is None else jobs.get(store, found)


def last_job(store: Store, *kinds: str) -> Job | None:
    """Return the newest job of one of these kinds, however it stands."""
    found = store.value("SELECT max(id) FROM jobs WHERE kind IN (SELECT value FROM json_each(?))", (json.dumps(kinds),))
    return None if found is None else jobs.get(store, found)
