"""Reads where everything stands: what runs now, how far each phase is, what to do next, and what was spent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from stratos_tui.store import jobs, ledger, runs
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job

State = Literal["empty", "ready", "running", "done"]


@dataclass(frozen=True, slots=True)
class RunNow:
    """The training run that is under way. ``loss`` is the last training loss, None before the first step."""

    id: int
    step: int
    total_steps: int
    loss: float | None


@dataclass(frozen=True, slots=True)
class Spend:
    """Money settled so far, in nanodollars. ``simulated`` was never paid by anybody."""

    paid: int = 0
    simulated: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What the line at the foot of every screen shows."""

    jobs: tuple[Job, ...]
    """Queued and running, oldest first."""
    last: Job | None
    """The job that ended last."""
    run: RunNow | None
    batches: tuple[int, int]
    """Batches of the work under way: how many have come back, and how many there are; (0, 0) when none is out."""
    spend: Spend


@dataclass(frozen=True, slots=True)
class PhaseState:
    """One phase in a line: ``count`` is what it holds, ``unit`` names it, ``detail`` is one short clause."""

    name: str
    state: State
    count: int
    unit: str
    detail: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next, in one sentence, and the keys that do it: ``phase`` is the screen, ``key`` the key on it."""

    sentence: str
    phase: str
    key: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The last evaluation in brief. ``result`` is the whole evaluation as stored."""

    id: int
    scorer: str
    verdict: str
    created_at: str
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Overview:
    """Every phase at one moment."""

    phases: tuple[PhaseState, ...]
    next: NextStep
    spend: Spend
    verdict: Verdict | None
    jobs: tuple[Job, ...]
    """The newest jobs, newest first."""


def data_version(store: Store) -> int:
    """Return a number that changes when anybody else commits; only comparable within one thread."""
    return int(store.value("PRAGMA data_version"))


def activity(store: Store) -> Activity:
    """Return what runs now. Jobs and runs whose process is gone are closed first."""
    active = tuple(jobs.active(store))
    last = store.value(
        "SELECT id FROM jobs WHERE state IN ('done', 'failed', 'canceled') ORDER BY ended_at DESC, id DESC LIMIT 1"
    )
    running = [run for run in runs.active(store) if run.state == "running"]
    run = running[-1] if running else None
    return Activity(
        jobs=active,
        last=jobs.get(store, last) if last else None,
        run=RunNow(run.id, run.step, run.total_steps, _last_loss(store, run.id)) if run else None,
        batches=_batches_now(store, active),
        spend=spend(store),
    )


def spend(store: Store) -> Spend:
    """Return what was settled so far, real and simulated apart."""
    return Spend(
        paid=ledger.spend(store, simulated=False).settled, simulated=ledger.spend(store, simulated=True).settled
    )


def overview(store: Store) -> Overview:
    """Return every phase's state at one moment, and the next step."""
    phases = (
        _profiles(store),
        _articles(store),
        _distill(store),
        _rejections(store),
        _dataset(store),
        _train(store),
        _validate(store),
        _compare(store),
    )
    newest = tuple(jobs.latest(store, 8))
    return Overview(
        phases=phases,
        next=_next({phase.name: phase for phase in phases}, newest),
        spend=spend(store),
        verdict=_verdict(store),
        jobs=newest,
    )


def _profiles(store: Store) -> PhaseState:
    kinds = dict(tuple(row) for row in store.rows("SELECT kind, count(*) FROM profiles GROUP BY kind"))
    total = sum(kinds.values())
    detail = f"{kinds.get('career', 0)} career · {kinds.get('interest', 0)} interest" if total else ""
    return PhaseState("profiles", "done" if total else "empty", total, "profiles", detail)


def _articles(store: Store) -> PhaseState:
    total = int(store.value("SELECT count(*) FROM articles"))
    held = int(store.value("SELECT count(*) FROM articles WHERE split = 'eval'"))
    if not total:
        return PhaseState("articles", "empty", 0, "articles", "")
    detail = f"{held:,} held out" if held else "none held out yet"
    return PhaseState("articles", "done" if held else "ready", total, "articles", detail)


def _distill(store: Store) -> PhaseState:
    states = dict(
        tuple(row)
        for row in store.rows("SELECT state, count(*) FROM requests WHERE purpose = 'example' GROUP BY state")
    )
    total, accepted = sum(states.values()), states.get("accepted", 0)
    waiting = states.get("planned", 0) + states.get("submitted", 0)
    out = int(store.value("SELECT count(*) FROM batches WHERE state IN ('intended', 'submitted', 'ended')"))
    if not total:
        state: State = "ready" if store.value("SELECT 1 FROM articles LIMIT 1") else "empty"
        return PhaseState("distill", state, 0, "traces", "no pair asked yet")
    if out:
        return PhaseState("distill", "running", accepted, "traces", f"{waiting:,} pairs out")
    if waiting:
        return PhaseState("distill", "ready", accepted, "traces", f"{waiting:,} planned")
    return PhaseState("distill", "done", accepted, "traces", f"of {total:,} asked")


def _rejections(store: Store) -> PhaseState:
    total = int(store.value("SELECT count(*) FROM requests WHERE state = 'rejected' AND purpose = 'example'"))
    worst = store.row(
        "SELECT j.code, count(*) AS n FROM judgements j JOIN requests r ON r.id = j.request_id"
        " WHERE j.accepted = 0 AND r.state = 'rejected' GROUP BY j.code ORDER BY n DESC, j.code LIMIT 1"
    )
    if not total:
        state: State = "done" if store.value("SELECT 1 FROM judgements LIMIT 1") else "empty"
        return PhaseState("rejections", state, 0, "rejected", "")
    detail = f"most: {worst['code'].replace('_', ' ')}" if worst else ""
    return PhaseState("rejections", "ready", total, "rejected", detail)


def _dataset(store: Store) -> PhaseState:
    newest = store.row("SELECT id FROM datasets ORDER BY id DESC LIMIT 1")
    if newest is None:
        state: State = "ready" if store.value("SELECT 1 FROM requests WHERE state = 'accepted' LIMIT 1") else "empty"
        return PhaseState("dataset", state, 0, "examples", "no build yet")
    splits = dict(
        tuple(row)
        for row in store.rows(
            "SELECT split, count(*) FROM dataset_rows WHERE dataset_id = ? GROUP BY split", (newest["id"],)
        )
    )
    train, held = splits.get("train", 0), splits.get("eval", 0)
    return PhaseState("dataset", "done", train + held, "examples", f"build {newest['id']}: {train:,} + {held:,} eval")


def _train(store: Store) -> PhaseState:
    total = int(store.value("SELECT count(*) FROM runs"))
    newest = store.row("SELECT id, state, step, total_steps FROM runs ORDER BY id DESC LIMIT 1")
    if newest is None:
        state: State = "ready" if store.value("SELECT 1 FROM datasets LIMIT 1") else "empty"
        return PhaseState("train", state, 0, "runs", "no run yet")
    where = f"run {newest['id']}: {newest['state']}"
    if newest["state"] in ("running", "queued"):
        steps = f"step {newest['step']:,}/{newest['total_steps']:,}" if newest["total_steps"] else "starting"
        return PhaseState("train", "running", total, "runs", f"run {newest['id']}, {steps}")
    finished = store.value("SELECT 1 FROM runs WHERE state = 'done' LIMIT 1")
    return PhaseState("train", "done" if finished else "ready", total, "runs", where)


def _validate(store: Store) -> PhaseState:
    total = int(store.value("SELECT count(*) FROM evaluations"))
    if not total:
        state: State = "ready" if store.value("SELECT 1 FROM runs WHERE state = 'done' LIMIT 1") else "empty"
        return PhaseState("validate", state, 0, "evaluations", "no verdict yet")
    newest = store.row("SELECT verdict FROM evaluations ORDER BY id DESC LIMIT 1")
    return PhaseState("validate", "done", total, "evaluations", f"last: {newest['verdict']}" if newest else "")


def _compare(store: Store) -> PhaseState:
    total = int(store.value("SELECT count(*) FROM scores"))
    state: State = "ready" if store.value("SELECT 1 FROM articles LIMIT 1") else "empty"
    return PhaseState("compare", "done" if total else state, total, "scores", "" if total else "nothing scored yet")


def _next(phases: dict[str, PhaseState], newest: tuple[Job, ...]) -> NextStep:
    """Return the first thing that is missing, in the order of the phases."""
    running = next((job for job in newest if job.state in ("queued", "running")), None)
    if running:
        return NextStep(f"{running.kind} is running: watch it here, or stop it and keep what is done", "overview", "x")
    if newest and newest[0].kind == "pipeline" and newest[0].state == "failed":
        sentence = f"pipeline failed ({newest[0].error}); what was done is kept: run it again"
        return NextStep(sentence, "overview", "r")
    if phases["profiles"].state == "empty" or phases["articles"].state == "empty":
        return NextStep(
            "Nothing is loaded yet: run the whole pipeline, it starts with the shipped data", "overview", "r"
        )
    if phases["train"].state == "running":
        return NextStep("A student is being trained: watch its curves", "train", "")
    if phases["distill"].state == "running":
        return NextStep("Batches are out: watch them come back", "distill", "")
    if phases["distill"].count == 0:
        return NextStep("No traces yet: ask the teacher, or run the whole pipeline", "distill", "r")
    if phases["dataset"].state != "done":
        return NextStep("Traces are waiting: build a dataset from them", "dataset", "r")
    if phases["train"].state != "done":
        return NextStep("The dataset is built: train a student on it", "train", "r")
    if phases["validate"].state != "done":
        return NextStep("A student is trained: measure it against the teacher and the trivial scorers", "validate", "r")
    return NextStep("There is a verdict: put two profiles beside each other on one article", "compare", "r")


def _verdict(store: Store) -> Verdict | None:
    row = store.row("SELECT id, scorer, verdict, created_at, result FROM evaluations ORDER BY id DESC LIMIT 1")
    if row is None:
        return None
    return Verdict(row["id"], row["scorer"], row["verdict"], row["created_at"], json.loads(row["result"]))


def _batches_now(store: Store, active: tuple[Job, ...]) -> tuple[int, int]:
    since = min((job.started_at for job in active if job.started_at), default="9999")
    row = store.row(
        "SELECT count(*) AS n, total(state = 'ingested') AS back,"
        " total(state IN ('intended', 'submitted', 'ended')) AS out FROM batches"
        " WHERE state IN ('intended', 'submitted', 'ended') OR state = 'ingested' AND intended_at >= ?",
        (since,),
    )
    return (int(row["back"]), row["n"]) if row and row["out"] else (0, 0)


def _last_loss(store: Store, run_id: int) -> float | None:
    found = store.value(
        "SELECT loss FROM telemetry WHERE run_id = ? AND split = 'train' AND loss IS NOT NULL"
        " ORDER BY step DESC LIMIT 1",
        (run_id,),
    )
    return None if found is None else float(found)
