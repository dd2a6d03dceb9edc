"""Teachers as scorers: ``claude:MODEL``, ``openai:MODEL@URL`` and ``ollama:MODEL``.

A paid one is asked under the journal, the workspace's cap and the terms, with the teacher's prompt: what it says is an
answer like any other, and an answer that is stored already is not paid again. One that costs nothing is a model that
happens to be served: it reads the student's prompt, or the full instructions, and no journal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from stratos_tui.distill.asking import ask_one
from stratos_tui.distill.budget import caps_of
from stratos_tui.distill.settings import DistillSettings, settings_of
from stratos_tui.errors import StratosError
from stratos_tui.prism.prompts import PromptStyle, student_turns
from stratos_tui.progress import Report
from stratos_tui.records import Scored
from stratos_tui.scoring.scorer_adaptive import Task, read_answer
from stratos_tui.store.db import Store
from stratos_tui.store.requests import PERMANENT
from stratos_tui.teachers.batches import Busy, InDoubt, Unreachable
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.live import LiveClient, Question, open_live, question_id
from stratos_tui.teachers.wire import Outcome

TRUNCATED = ("max_tokens", "model_context_window_exceeded")


def score_paid(store: Store, teacher: Teacher, tasks: Sequence[Task], report: Report) -> list[Scored]:
    """Return what a paid teacher says of stored pairs, in order; each answer is journalled and settled as it comes.

    Raises:
        StratosError: terms, cap or key are missing, a pair is not stored, or the server refuses.
        Canceled: asked to stop; what was answered is kept.
    """
    settings = settings_of(store)
    found = []
    for task in tasks:
        began = perf_counter()
        caps = caps_of(store, teacher, None)
        said = ask_one(store, teacher, task.profile, task.article, task.day, caps, settings, report)
        took = (perf_counter() - began) * 1000
        if said.result_type != "succeeded":
            raise Unreachable(f"{teacher.name} did not answer ({said.measured}); run the same again to go on")
        error = f"{said.code}: {said.measured}" if said.code in ("refusal", "truncated", "empty") else ""
        found.append(read_answer(task, said.text, took, said.tokens_in, said.tokens_out, error))
    return found


def score_free(teacher: Teacher, style: PromptStyle, tasks: Sequence[Task], settings: DistillSettings) -> list[Scored]:
    """Return what a served model says of pairs, in order; a few are asked at once.

    Raises:
        StratosError: it costs money, the server refuses, or it cannot be reached for as long as the settings bear.
    """
    if teacher.price is not None:
        raise StratosError(
            f"{teacher.name} is paid, so it is asked about stored pairs only, under the journal:"
            " `stratos score --article ID`"
        )
    # the path is where a rehearsal's server keeps its files, and this is none
    with (
        open_live(teacher, Path(), context=settings.context) as client,
        ThreadPoolExecutor(settings.live_concurrency) as pool,
    ):
        return list(pool.map(lambda task: _score(client, style, task, settings), tasks))


def _score(client: LiveClient, style: PromptStyle, task: Task, settings: DistillSettings) -> Scored:
    system, user = student_turns(task.profile, task.article, task.day, style=style)
    own_id = question_id(client.teacher.name, system, user)
    began = perf_counter()
    said = _ask(client, Question(own_id, system, user, settings.max_tokens, settings.effort), settings)
    took = (perf_counter() - began) * 1000
    error = ""
    if said.result_type != "succeeded":
        if said.reason not in PERMANENT:
            raise Unreachable(f"{client.teacher.name} failed ({said.detail}); run the same again to go on")
        error = f"errored: {said.detail}"
    elif said.reason in TRUNCATED:
        error = f"truncated: {said.reason}"
    tokens_in = said.usage.tokens_in + said.usage.cache_write + said.usage.cache_read
    return read_answer(task, said.text, took, tokens_in, said.usage.tokens_out, error)


def _ask(client: LiveClient, question: Question, settings: DistillSettings) -> Outcome:
    until = time.monotonic() + settings.patience_seconds
    while True:
        try:
            return client.ask(question)
        except Busy as busy:
            wait = settings.busy_seconds if busy.wait is None else busy.wait
            if time.monotonic() + wait > until:
                raise
            time.sleep(wait)
        except InDoubt as doubt:
            raise Unreachable(f"{doubt}; run the same again to go on") from doubt
