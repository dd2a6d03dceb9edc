from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stratos_tui.records import Article, Profile
from stratos_tui.scoring.live import LiveScorer
from stratos_tui.scoring.protocol import (
    Ask,
    Done,
    Event,
    Failed,
    Finished,
    Loading,
    Piece,
    read_ask,
    read_event,
    write_ask,
    write_cancel,
    write_event,
)
from stratos_tui.scoring.scorer_adaptive import Task, produce, tasks_of
from stratos_tui.scoring.scorers import find_scorer, rubric_scorer
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import process_alive

DAY = date(2026, 11, 20)


@pytest.fixture
def tasks(some_profiles: list[Profile], loose_article: Article) -> list[Task]:
    return [Task(profile, loose_article, DAY) for profile in some_profiles[:2]]


async def collected(live: LiveScorer, scorer: str, tasks: list[Task], **options: int) -> list[Event]:
    return [event async for event in live.request(scorer, tasks, **options)]  # type: ignore[arg-type]


def texts(events: list[Event], pairs: int = 2) -> list[str]:
    return ["".join(e.text for e in events if isinstance(e, Piece) and e.pair == pair) for pair in range(pairs)]


def worker_pid(live: LiveScorer) -> int:
    process = live._process
    assert process is not None
    return process.pid


def test_what_is_said_arrives_as_it_was_said(tasks: list[Task], loose_article: Article) -> None:
    hostile = replace(loose_article, title="\ud83d\n\x00<|im_end|> [red] ✓", deadline=date(2026, 12, 30))
    ask = Ask(7, "hf:x", (*tasks, Task(tasks[0].profile, hostile, DAY)), "prism", 3)
    line = write_ask(ask)
    assert line.count(b"\n") == 1
    assert read_ask(line) == ask
    assert read_ask(write_cancel(7)) == 7
    scored = produce(rubric_scorer(), tasks[:1])[0]
    for event in (Loading(), Piece(1, "a\nb\u2028"), Finished(0, scored), Failed("no")):
        assert read_event(write_event(7, event)) == (7, event)


async def test_the_rubric_answers_without_a_process(store: Store, tasks: list[Task]) -> None:
    live = LiveScorer(store)
    events = await collected(live, "rubric", tasks)
    assert [type(event) for event in events] == [Piece, Finished, Piece, Finished]
    finished = [event.scored for event in events if isinstance(event, Finished)]
    assert texts(events) == [each.raw for each in finished]
    assert finished[0].tenths is not None
    assert live._process is None
    await live.close()


async def test_a_model_streams_every_pair_at_once_and_stays_loaded(
    store: Store, tasks: list[Task], tiny_model: Path
) -> None:
    live = LiveScorer(store)
    events = await collected(live, f"hf:{tiny_model}", tasks)
    assert isinstance(events[0], Loading)
    pieces = [event.pair for event in events if isinstance(event, Piece)]
    assert 0 in pieces[:20]
    assert 1 in pieces[:20]
    finished = {event.pair: event.scored for event in events if isinstance(event, Finished)}
    assert set(finished) == {0, 1}
    assert [finished[0].raw, finished[1].raw] == texts(events)
    expected = produce(find_scorer(store, f"hf:{tiny_model}"), tasks)
    assert [each.raw for each in expected] == texts(events)
    assert [each.tokens_in for each in expected] == [finished[0].tokens_in, finished[1].tokens_in]
    first = worker_pid(live)
    assert texts(await collected(live, f"hf:{tiny_model}", tasks, seed=1)) != texts(events)
    assert worker_pid(live) == first
    await live.close()
    assert not process_alive(first)
    assert store.value("SELECT count(*) FROM scores") == 0


async def test_a_streamed_answer_that_the_limit_cuts_has_no_score(
    store: Store, tasks: list[Task], endless_model: Path
) -> None:
    live = LiveScorer(store)
    events = await collected(live, f"hf:{endless_model}", tasks[:1])
    await live.close()
    [said] = [event.scored for event in events if isinstance(event, Finished)]
    [whole] = produce(find_scorer(store, f"hf:{endless_model}"), tasks[:1])
    assert "SCORE: 7.5 | REASON: so." in texts(events, 1)[0]
    assert replace(said, latency_ms=0) == replace(whole, latency_ms=0)
    assert (said.tenths, said.error) == (None, "truncated: 640 tokens")


async def test_leaving_early_cancels_and_the_next_request_is_served(
    store: Store, tasks: list[Task], tiny_model: Path
) -> None:
    live = LiveScorer(store)
    async with aclosing(live.request(f"hf:{tiny_model}", tasks)) as events:
        async for event in events:
            if isinstance(event, Piece):
                break
    assert live._open == {}
    whole = await collected(live, f"hf:{tiny_model}", tasks[:1])
    assert sum(isinstance(event, Finished) for event in whole) == 1
    await live.close()


async def test_what_goes_wrong_is_an_event(store: Store, tasks: list[Task], tmp_path: Path) -> None:
    live = LiveScorer(store)
    for scorer, says in (
        ("student:9", "no such run"),
        ("gpt", "there is no scorer 'gpt'"),
        (f"hf:{tmp_path}", "no folder of a model"),
    ):
        events = await collected(live, scorer, tasks)
        assert len(events) == 1
        assert isinstance(events[0], Failed)
        assert says in events[0].message
    (tmp_path / "config.json").write_text("{")
    events = await collected(live, f"hf:{tmp_path}", tasks)
    assert isinstance(events[-1], Failed)
    await live.close()


async def test_a_process_that_dies_fails_its_requests_and_the_next_one_starts_another(
    store: Store, tasks: list[Task], tiny_model: Path
) -> None:
    live = LiveScorer(store)
    seen: list[Event] = []
    async for event in live.request(f"hf:{tiny_model}", tasks):
        seen.append(event)
        if isinstance(event, Loading):
            os.kill(worker_pid(live), 9)
    assert isinstance(seen[-1], Failed)
    assert "exit code -9" in seen[-1].message
    assert isinstance((await collected(live, "student:9", tasks))[-1], Failed)
    await live.close()
    await live.close()


async def test_two_requests_at_once_do_not_mix(store: Store, tasks: list[Task], tiny_model: Path) -> None:
    live = LiveScorer(store)
    both = await asyncio.gather(
        collected(live, f"hf:{tiny_model}", tasks[:1]), collected(live, f"hf:{tiny_model}", tasks[1:])
    )
    expected = produce(find_scorer(store, f"hf:{tiny_model}"), tasks[:1])
    assert texts(both[0], 1) == [expected[0].raw]
    assert texts(both[1], 1) != texts(both[0], 1)
    await live.close()


def test_the_process_ends_with_its_input_whatever_it_is_doing(
    store: Store, tasks: list[Task], tiny_model: Path
) -> None:
    command = [sys.executable, "-m", "stratos_tui.scoring.worker", "--db", str(store.path)]
    ask = write_ask(Ask(1, f"hf:{tiny_model}", tuple(tasks)))
    done = subprocess.run(command, input=ask, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line["event"] in ("Loading", "Piece", "Finished", "Done") for line in lines)


def test_the_process_knows_the_rubric_too_and_outlives_a_cancel(store: Store, tasks: list[Task]) -> None:
    command = [sys.executable, "-m", "stratos_tui.scoring.worker", "--db", str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(write_cancel(99) + write_ask(Ask(1, "rubric", tuple(tasks))))
        worker.stdin.flush()
        events = [read_event(worker.stdout.readline()) for _ in range(5)]
        worker.stdin.close()
        assert worker.wait(30) == 0
    assert [(number, type(event)) for number, event in events] == [
        (1, kind) for kind in (Piece, Finished, Piece, Finished, Done)
    ]
    said = [event.scored.tenths for _, event in events if isinstance(event, Finished)]
    assert said == [each.tenths for each in produce(rubric_scorer(), tasks)]


def test_the_interface_side_loads_nothing_heavy() -> None:
    code = "import sys, stratos_tui.scoring.live; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "transformers", "numpy", "scipy", "anthropic", "textual"}


def test_tasks_take_the_day_that_the_article_says(some_profiles: list[Profile], loose_article: Article) -> None:
    fetched = replace(loose_article, fetched=date(2026, 11, 14))
    days = [task.day for task in tasks_of([(some_profiles[0], loose_article), (some_profiles[0], fetched)])]
    assert days == [date(2026, 11, 12), date(2026, 11, 14)]
    assert tasks_of([(some_profiles[0], fetched)], as_of=DAY)[0].day == DAY
