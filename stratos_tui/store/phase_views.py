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
class Happening:
    """Something that happened while a teacher was asked; ``batch_id`` is None where it was about no batch."""

    at: str
    what: str
    batch_id: int | None
    teacher: str
    detail: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a batch's answers came to so far, in tokens; ``thinking`` is part of ``tokens_out``.

    ``tokens_in`` is what was neither written to the cache nor read from it; ``last_at`` is when the last one came.
    """

    answers: int
    tokens_in: int
    cache_write: int
    cache_read: int
    tokens_out: int
    thinking: int
    last_at: str | None

    @property
    def cache_hits(self) -> float | None:
        """The share of the input that was read from the cache, from 0 to 1; None without any input."""
        whole = self.tokens_in + self.cache_write + self.cache_read
        return self.cache_read / whole if whole else None


@dataclass(frozen=True, slots=True)
class Whole:
    """What all of a teacher's answers came to; ``lately`` of them came since a moment, in ``seconds``."""

    usage: Usage
    lately: int
    seconds: float

    @property
    def per_minute(self) -> float | None:
        """How many answers came in a minute since then; None where none did."""
        return self.lately / self.seconds * 60 if self.lately and self.seconds > 0 else None


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
    """Return, for each of these batches, how many of its requests are in each state.

    A drafted article that waits for the operator, or that he accepted, counts as ``accepted``.
    """
    found: dict[int, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    for row in store.rows(
        "SELECT batch_id, state, count(*) AS n FROM requests WHERE batch_id IN (SELECT value FROM json_each(?1))"
        " GROUP BY batch_id, state"
        " UNION ALL SELECT batch_id, iif(state = 'waiting', 'accepted', state) AS said, count(*) FROM candidates"
        " WHERE batch_id IN (SELECT value FROM json_each(?1)) GROUP BY batch_id, said",
        (json.dumps(list(batch_ids)),),
    ):
        found[row["batch_id"]][row["state"]] = row["n"]
    return found


def batch_costs(store: Store, batch_ids: Sequence[int]) -> dict[int, int]:
    """Return what each of these batches has settled so far, in nanodollars; one that settled nothing is left out."""
    rows = store.rows(
        "SELECT batch_id, sum(nanodollars) AS n FROM ledger WHERE kind = 'settle'"
        " AND batch_id IN (SELECT value FROM json_each(?)) GROUP BY batch_id",
        (json.dumps(list(batch_ids)),),
    )
    return {row["batch_id"]: row["n"] for row in rows}


def batch_usage(store: Store, batch_ids: Sequence[int]) -> dict[int, Usage]:
    """Return what the answers of each of these batches came to; one without answers is left out.

    Reads every answer of these batches: ask for those that are seen, not for all (about 0.3 ms for 200 answers).
    """
    rows = store.rows(
        "SELECT batch_id, count(*) AS answers, sum(tokens_in) AS tokens_in, sum(tokens_cache_write) AS cache_write,"
        " sum(tokens_cache_read) AS cache_read, sum(tokens_out) AS tokens_out, sum(tokens_thinking) AS thinking,"
        " max(received_at) AS last_at FROM requests JOIN answers ON answers.request_id = requests.id"
        " WHERE batch_id IN (SELECT value FROM json_each(?1)) GROUP BY batch_id"
        " UNION ALL SELECT batch_id, count(*), sum(tokens_in), 0, 0, sum(tokens_out), 0, max(received_at)"
        " FROM candidates WHERE batch_id IN (SELECT value FROM json_each(?1)) AND received_at IS NOT NULL"
        " GROUP BY batch_id",
        (json.dumps(list(batch_ids)),),
    )
    return {row["batch_id"]: Usage(*(row[name] for name in Usage.__dataclass_fields__)) for row in rows}


def whole_usage(store: Store, teacher: str, since: str) -> Whole:
    """Return what a teacher's answers came to in all, and how many came since a moment (ISO 8601 UTC).

    Reads every answer of the teacher: about 0.15 s for 100,000.
    """
    row = store.row(
        "SELECT count(*) AS answers, coalesce(sum(tokens_in), 0) AS tokens_in,"
        " coalesce(sum(tokens_cache_write), 0) AS cache_write, coalesce(sum(tokens_cache_read), 0) AS cache_read,"
        " coalesce(sum(tokens_out), 0) AS tokens_out, coalesce(sum(tokens_thinking), 0) AS thinking,"
        " max(received_at) AS last_at, coalesce(sum(received_at >= ?2), 0) AS lately,"
        " coalesce((julianday(max(received_at)) - julianday(?2)) * 86400, 0) AS seconds"
        " FROM requests JOIN answers ON answers.request_id = requests.id WHERE teacher = ?1",
        (teacher, since),
    )
    assert row is not None
    usage = Usage(*(row[name] for name in Usage.__dataclass_fields__))
    return Whole(usage, row["lately"], row["seconds"])


def happenings(store: Store, limit: int = 100) -> list[Happening]:
    """Return what happened last while teachers were asked, newest first.

    It is the log of events; what only a batch's own times say (no event was written of it) is among them.
    """
    rows = store.rows(
        "SELECT at, what, batch_id, teacher, detail FROM ("
        " SELECT at, what, batch_id, teacher, detail, id AS place FROM events"
        " UNION ALL SELECT intended_at, 'intended', id, teacher, request_count || ' requests', 0 FROM batches"
        "  WHERE submitted_at IS NULL AND id NOT IN (SELECT batch_id FROM events WHERE batch_id IS NOT NULL)"
        " UNION ALL SELECT submitted_at, 'submitted', id, teacher, request_count || ' requests', 0 FROM batches"
        "  WHERE id NOT IN (SELECT batch_id FROM events WHERE batch_id IS NOT NULL AND what IN"
        "  ('created', 'created again', 'adopted', 'drafting'))"
        " UNION ALL SELECT ended_at, CASE state WHEN 'failed' THEN 'failed' ELSE 'ended' END, id, teacher, error, 0"
        "  FROM batches WHERE id NOT IN"
        "  (SELECT batch_id FROM events WHERE batch_id IS NOT NULL AND what IN ('ended', 'refused', 'canceled'))"
        " UNION ALL SELECT ingested_at, 'taken in', id, teacher, succeeded || ' answers', 0 FROM batches"
        ") WHERE at IS NOT NULL ORDER BY at DESC, place DESC, batch_id DESC LIMIT ?",
        (limit,),
    )
    return [Happening(**dict(row)) for row in rows]


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
        "SELECT avg(abs(tenths - 50)) AS far FROM dataset_rows WHERE dataset_id = ?1 AND split = 'train'"
        " GROUP BY position * ?2 / (SELECT count(*) FROM dataset_rows WHERE dataset_id = ?1 AND split = 'train')"
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


def run_before(store: Store, run_id: int) -> int | None:
    """Return the newest run before this one that has trained a step."""
    found = store.value("SELECT max(id) FROM runs WHERE id < ? AND step > 0", (run_id,))
    return None if found is None else int(found)


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
