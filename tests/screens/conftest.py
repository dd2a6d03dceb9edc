"""Fixtures for screens: a store with a few rows in every table, an app over it at a fixed time, and a way to wait."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from textual.pilot import Pilot

from stratos_tui.app import StratosApp
from stratos_tui.distill.judge import Rules, judge, state_of
from stratos_tui.evaluation.baselines import trivial
from stratos_tui.evaluation.pairs import make_pairs
from stratos_tui.evaluation.results import Material, result_of
from stratos_tui.prism.bands import points, tier_of
from stratos_tui.prism.trace import DIMENSIONS, render_completion
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.store.answers import Unjudged
from stratos_tui.store.db import Store, open_store

CLOCK = datetime(2026, 11, 12, 14, 2, tzinfo=UTC)
EARLIER = "2026-11-12T09:00:00.000+00:00"
TEACHER = "rehearsal"
ARTICLES = 24
PENDING = 20
"""Pairs of the last batch, which is still out."""
GIVE_UP_SECONDS = 600

Settle = Callable[["Pilot[None]"], Awaitable[None]]
Until = Callable[["Pilot[None]", Callable[[], object]], Awaitable[None]]


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store's file with a few rows in every table; to copy, never to open."""
    path = tmp_path_factory.mktemp("prepared") / "stratos.db"
    opened = open_store(path)
    load_shipped(opened)
    with opened.write() as connection:
        _fill(connection)
    opened.close()
    return path


@pytest.fixture
def prepared(prepared_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own: shipped data, 240 requests, a build, a run with telemetry, scores, an evaluation.

    Every time in it is on 2026-11-12, 09:00 to 14:00, before the clock of :func:`app`.
    """
    opened = open_store(shutil.copy(prepared_file, tmp_path / "stratos.db"))
    yield opened
    opened.close()


@pytest.fixture
def app(prepared: Store) -> StratosApp:
    """The app over the prepared store at a fixed time; it looks at the store once, so nothing moves by itself."""
    return StratosApp(prepared, clock=lambda: CLOCK, live=False)


@pytest.fixture
def settle() -> Settle:
    """Wait until every worker is done and what they brought is painted: ``await settle(pilot)``."""

    async def wait(pilot: Pilot[None]) -> None:
        # what one worker brought may start the next: a load, the row it selects, and what is read of that row
        for _ in range(5):
            await pilot.pause()
            await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    return wait


@pytest.fixture
def until() -> Until:
    """Wait until something holds: ``await until(pilot, lambda: …)``, for what a timer or another process brings.

    It gives up after minutes only: on a loaded machine a process that loads the training stack takes one by itself.
    """

    async def wait(pilot: Pilot[None], holds: Callable[[], object]) -> None:
        end = monotonic() + GIVE_UP_SECONDS
        while not holds():
            assert monotonic() < end, "it never came to hold"
            await pilot.pause(0.02)

    return wait


def _put(connection: sqlite3.Connection, table: str, **values: Any) -> int:
    """Insert a row; required columns that are not given get an empty value of their type."""
    for column in connection.execute(f"PRAGMA table_info({table})"):
        if column["notnull"] and column["dflt_value"] is None and column["name"] not in values and not column["pk"]:
            values[column["name"]] = (
                EARLIER if column["name"].endswith("_at") else "" if column["type"] == "TEXT" else 0
            )
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return int(connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values).lastrowid or 0)


def _fill(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE articles SET added_at = ?", (EARLIER,))
    connection.execute("UPDATE profiles SET created_at = ?, updated_at = ?", (EARLIER, EARLIER))
    connection.execute("UPDATE profile_revisions SET at = ?", (EARLIER,))
    connection.execute("UPDATE labels SET at = ?", (EARLIER,))
    connection.execute(
        "UPDATE articles SET split = iif(seq % 10 = 0, 'eval', 'train'), split_rule = 'rubric bands, seed 0'"
    )
    _put(
        connection,
        "articles",
        id="hostile",
        content_key="hostile",
        title="[red]Not red[/] \x1b[31mnot red\x1b[0m <|im_end|> \u202edlrow",
        body="A title that tries everything.",
        source="evil.example",
        source_type="blog",
        collection="imported",
        origin="test",
    )
    pairs = connection.execute(
        "SELECT a.id AS article_id, a.title, a.split, p.id AS profile_id, p.role, p.kind, p.digest, l.tenths, l.reason"
        " FROM articles a JOIN labels l ON l.article_id = a.id AND l.origin = 'expected'"
        " JOIN profiles p ON p.id = l.profile_id WHERE a.seq <= ? ORDER BY a.seq, p.rowid",
        (ARTICLES,),
    ).fetchall()
    batches = [
        _put(
            connection,
            "batches",
            teacher=TEACHER,
            model="claude-opus-5-5",
            simulated=1,
            run_token=f"token{at}",
            remote_id=f"msgbatch_{at}",
            state=("ingested", "ingested", "submitted")[at],
            request_count=count,
            succeeded=0 if at == 2 else count,
            intended_at=f"2026-11-12T13:{10 + at}:00.000+00:00",
            submitted_at=f"2026-11-12T13:{10 + at}:02.000+00:00",
            ended_at=None if at == 2 else f"2026-11-12T13:{20 + at}:00.000+00:00",
            ingested_at=None if at == 2 else f"2026-11-12T13:{20 + at}:05.000+00:00",
        )
        for at, count in enumerate((110, 110, PENDING))
    ]
    examples = [
        _ask(connection, at, pair, batches[min(at // 110, 2)], len(pairs) - at <= PENDING)
        for at, pair in enumerate(pairs)
    ]
    accepted = [(pair, request) for pair, request in zip(pairs, examples, strict=True) if request is not None]
    dataset = _build(connection, accepted)
    run = _train(connection, dataset)
    _evaluate(connection, accepted, dataset, run)
    _put(
        connection,
        "jobs",
        kind="pipeline",
        params='{"pairs": 240}',
        state="failed",
        done=110,
        total=240,
        note="batches",
        error="the teacher's server went away; the batches that were sent are kept",
        created_at="2026-11-12T12:58:00.000+00:00",
        started_at="2026-11-12T12:58:00.000+00:00",
        ended_at="2026-11-12T12:59:30.000+00:00",
    )
    _put(
        connection,
        "jobs",
        kind="pipeline",
        params='{"pairs": 240}',
        state="done",
        done=9,
        total=9,
        note="verdict: partial",
        created_at="2026-11-12T13:10:00.000+00:00",
        started_at="2026-11-12T13:10:00.000+00:00",
        ended_at="2026-11-12T13:47:00.000+00:00",
    )


def _ask(connection: sqlite3.Connection, at: int, pair: sqlite3.Row, batch: int, pending: bool) -> int | None:
    """Put one request with its answer and verdict; return its id where it was accepted."""
    request = _put(
        connection,
        "requests",
        article_id=pair["article_id"],
        profile_id=pair["profile_id"],
        teacher=TEACHER,
        attempt=1,
        custom_id=f"pair-{at}",
        state="submitted",
        batch_id=batch,
        reference_date="2026-11-12",
        profile_digest=pair["digest"],
        settings="{}",
        planned_at="2026-11-12T13:09:00.000+00:00",
    )
    if pending:
        return None
    text = _answer_text(pair, at)
    _put(
        connection,
        "answers",
        request_id=request,
        result_type="succeeded",
        stop_reason="end_turn",
        model="claude-opus-5-5",
        raw=json.dumps({"text": text}),
        text=text,
        tokens_in=1100,
        tokens_out=200,
        received_at="2026-11-12T13:20:00.000+00:00",
    )
    # its few sentences come again and again
    verdict = judge(Unjudged(request, "succeeded", "end_turn", "", text), Rules(off=frozenset({"loop"})))
    _put(
        connection,
        "judgements",
        request_id=request,
        accepted=int(verdict.accepted),
        code=verdict.code,
        measured=verdict.measured,
        limits=verdict.limits,
        span_start=verdict.span[0],
        span_end=verdict.span[1],
        tenths=verdict.tenths,
        reason=verdict.reason,
        trace=verdict.trace,
        tier=verdict.tier,
        words=verdict.words,
        rules=verdict.rules,
        decided_by="rules",
        judged_at="2026-11-12T13:20:10.000+00:00",
    )
    connection.execute("UPDATE requests SET state = ? WHERE id = ?", (state_of(verdict), request))
    _put(
        connection,
        "ledger",
        batch_id=batch,
        request_id=request,
        kind="settle",
        nanodollars=4_200_000,
        simulated=1,
        priced_as="claude-opus-5-5",
        price_date="2026-11-01",
        at="2026-11-12T13:20:10.000+00:00",
    )
    return request if verdict.accepted else None


def _answer_text(pair: sqlite3.Row, at: int) -> str:
    """Write an answer in the plan's format; every thirteenth is bad, each in its own way."""
    tenths, tier = pair["tenths"], tier_of(pair["tenths"])
    reason = pair["reason"] or "Nothing in common with what this profile follows"
    head = f"PROFILE: {pair['role']}.\nCONTENT: {pair['title']}.\n"
    if tier == 1:
        trace = f"{head}ANALYSIS: Zero overlap with the role, the place or anything that is tracked. Clear noise."
    else:
        signal = {1: "NONE", 2: "WEAK", 3: "STRONG"}[tier]
        words = {"Actionability": "MEDIUM", "Source quality": "NEWS"}
        lines = "\n".join(
            f"- {name}: {words.get(name, signal)} — compared with what the profile tracks, word by word"
            for name in DIMENSIONS
        )
        filler = " The match is weighed by its strength, not by how many there are." * (2 if tier == 2 else 5)
        trace = f"{head}ANALYSIS:\n{lines}\nCALIBRATION: Strongest signal is the topic.{filler}"
    match at % 13, at // 13 % 5:
        case 5, 0:
            return f"<think>\n{trace}\n</think>\n\nI would rather not give a number."
        case 5, 1:
            return render_completion("Noise.", tenths, reason)
        case 5, 2:
            return render_completion(trace, 50, reason)
        case 5, 3:
            return render_completion(f"{trace} {'And so on. ' * 90}", tenths, reason)
        case 5, _:
            return f"<think>\n{trace}\n\nSCORE: {points(tenths)} | REASON: {reason}"
    return render_completion(trace, tenths, reason)


def _build(connection: sqlite3.Connection, accepted: list[tuple[sqlite3.Row, int]]) -> int:
    dataset = _put(
        connection,
        "datasets",
        digest="5f3a9c0be1d2",
        order_digest="a0b1c2d3e4f5",
        teacher=TEACHER,
        params=json.dumps({"mode": "mixed", "max_repeats": 4, "seed": 0}),
        summary="{}",
        created_at="2026-11-12T13:25:00.000+00:00",
    )
    order = {"train": 0, "eval": 0}
    for pair, request in sorted(accepted, key=lambda item: -abs(item[0]["tenths"] - 50)):
        split = pair["split"]
        prompt = f"<|im_start|>system\n{pair['role']}<|im_end|>\n<|im_start|>user\n{pair['title']}<|im_end|>\n"
        for place, text in ((3 * request, ""), (3 * request + 1, prompt), (3 * request + 2, _answer_text(pair, 0))):
            _put(connection, "dataset_texts", dataset_id=dataset, place=place, text=text)
        _put(
            connection,
            "dataset_rows",
            dataset_id=dataset,
            split=split,
            position=order[split],
            article_id=pair["article_id"],
            profile_id=pair["profile_id"],
            request_id=request,
            tenths=pair["tenths"],
            weight=1.0,
            system=3 * request,
            turn=3 * request + 1,
            completion=3 * request + 2,
        )
        order[split] += 1
    return dataset


def _train(connection: sqlite3.Connection, dataset: int) -> int:
    run = _put(
        connection,
        "runs",
        dataset_id=dataset,
        base="nano",
        params=json.dumps({"epochs": 2, "learning_rate": 0.002}),
        fingerprint="run-1",
        state="done",
        step=60,
        total_steps=60,
        metrics=json.dumps({"eval_loss": 0.31}),
        created_at="2026-11-12T13:26:00.000+00:00",
        started_at="2026-11-12T13:26:01.000+00:00",
        ended_at="2026-11-12T13:40:00.000+00:00",
    )
    for step in range(1, 61):
        _put(
            connection,
            "telemetry",
            run_id=run,
            step=step,
            split="train",
            loss=round(4.6 / (1 + step / 6) + 0.12 + 0.08 * (step * 7 % 5) / 5, 4),
            learning_rate=0.002 * (1 - step / 61),
            grad_norm=1.0 + step % 4 / 10,
            token_accuracy=round(1 - 0.9 / (1 + step / 8), 4),
            tokens=step * 4000,
            epoch=step / 30,
            at=f"2026-11-12T13:{26 + step // 5}:00.000+00:00",
        )
        if step % 10 == 0:
            _put(
                connection,
                "telemetry",
                run_id=run,
                step=step,
                split="eval",
                loss=round(4.4 / (1 + step / 6) + 0.2, 4),
                at=f"2026-11-12T13:{26 + step // 5}:00.000+00:00",
            )
    return run


def _evaluate(connection: sqlite3.Connection, accepted: list[tuple[sqlite3.Row, int]], dataset: int, run: int) -> None:
    """Put the student's and the rubric's scores of every accepted pair, and the student's evaluation."""
    scored: list[tuple[sqlite3.Row, int | None]] = []
    for at, (pair, _) in enumerate(accepted):
        student = None if at % 37 == 36 else max(0, min(100, pair["tenths"] + (at * 31 % 41) - 20))
        scored.append((pair, 49 if student == 50 else student))
        for scorer, tenths in ((f"student:{run}", scored[-1][1]), ("rubric", pair["tenths"])):
            _put(
                connection,
                "scores",
                article_id=pair["article_id"],
                profile_id=pair["profile_id"],
                scorer=scorer,
                identity=scorer,
                profile_digest=pair["digest"],
                reference_date="2026-11-12",
                tenths=tenths,
                reason=pair["reason"],
                trace=f"PROFILE: {pair['role']}.\nCONTENT: {pair['title']}.\nANALYSIS: compared.",
                error="" if tenths is not None else "score_missing",
                latency_ms=1900.0 if scorer != "rubric" else 0.1,
                tokens_in=310,
                tokens_out=164,
                scored_at="2026-11-12T13:45:00.000+00:00",
            )
    kinds = {pair["profile_id"]: pair["kind"] for pair, _ in accepted}
    pairs = make_pairs(
        [pair["article_id"] for pair, _ in scored],
        [pair["profile_id"] for pair, _ in scored],
        [pair["tenths"] for pair, _ in scored],
        [tenths for _, tenths in scored],
        kinds,
    )
    scores = {(pair["article_id"], pair["profile_id"]): tenths for pair, tenths in scored if tenths is not None}
    teacher = {(pair["article_id"], pair["profile_id"]): pair["tenths"] for pair, _ in scored}
    result = result_of(
        Material(
            pairs=pairs,
            baselines=trivial(pairs, {}),
            completions=(),
            scores=scores,
            teacher=teacher,
            marks=("rehearsal",),
        )
    )
    evaluation = _put(
        connection,
        "evaluations",
        fingerprint="evaluation-1",
        scorer=f"student:{run}",
        dataset_id=dataset,
        run_id=run,
        verdict=result["verdict"]["class"],
        result=json.dumps(result),
        created_at="2026-11-12T13:46:00.000+00:00",
    )
    for pair, tenths in scored:
        _put(
            connection,
            "evaluation_pairs",
            evaluation_id=evaluation,
            article_id=pair["article_id"],
            profile_id=pair["profile_id"],
            teacher_tenths=pair["tenths"],
            tenths=tenths,
        )
