"""Takes the results of ended batches: raw answers are stored first, then judged; both can be repeated at any point."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from stratos_tui.distill.doubt import gone
from stratos_tui.distill.judge import LOST, state_of
from stratos_tui.distill.judging import CHUNK, MUCH, Judging
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import pricing_of
from stratos_tui.progress import Report
from stratos_tui.store import answers, batches, events
from stratos_tui.store.answers import Answer, Judgement
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import BatchClient, Gone, Unreachable
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import batch_costs
from stratos_tui.teachers.wire import Outcome, own_id_of, read_line, run_token_of

WHOLE_READINGS = 2
"""How often a stream that came whole is read before a request without a line counts as lost: it may have been paid."""


def ingest(store: Store, client: BatchClient, batch: Batch, settings: DistillSettings, report: Report) -> None:
    """Store the answers of one ended batch and judge them. A cut stream is read again from its start.

    A request that has no line, after the whole stream was read twice, is stored as lost: it can be asked again.

    Raises:
        Unreachable: the results cannot be read now; what came is kept.
        Canceled: asked to stop.
    """
    with _undisturbed(), _judging(store, settings, batch.request_count) as judging:

        def take(found: list[Answer]) -> None:
            # one transaction for these answers and for the verdicts on earlier ones
            with store.write():
                answers.keep(store, batch.id, found, pricing_of(client.teacher))
                judging.collect()
            judging.give([each.request_id for each in found])
            report(0, 0, f"taking in batch {batch.id} of {client.teacher.name}")

        _read_all(store, client, batch, settings, take)
        while lost := answers.missing(store, batch.id, CHUNK):
            take([_lost(request_id) for request_id in lost])
        batches.ingested(store, batch.id)
    judge_waiting(store, client.teacher.name, settings, report)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep Python from looking for cycles: lines and answers make none, and looking costs a fifth of the time."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()


def judge_waiting(store: Store, teacher: str, settings: DistillSettings, report: Report) -> None:
    """Judge every answer of a teacher that waits for it."""
    last, much = 0, len(answers.waiting(store, teacher, MUCH))
    with _judging(store, settings, much) as judging:
        while waiting := answers.waiting(store, teacher, CHUNK, last):
            judging.give(waiting)
            last = waiting[-1]
            report(0, 0, f"judging the answers of {teacher}")


def _judging(store: Store, settings: DistillSettings, answers_to_come: int) -> Judging:
    def keep(found: list[Judgement]) -> None:
        answers.judge_by_rules(store, [(each, state_of(each)) for each in found])

    return Judging(store, settings.limits, keep, much=answers_to_come >= MUCH)


def _read_all(
    store: Store, client: BatchClient, batch: Batch, settings: DistillSettings, take: Callable[[list[Answer]], None]
) -> None:
    assert batch.remote_id is not None
    whole = 0
    for attempt in range(1, settings.stream_attempts + 1):
        try:
            with client.results(batch.remote_id) as lines:
                _read_once(store, batch, client.teacher, lines, take)
        except Gone:
            gone(store, client.teacher, batch)
            return
        except Unreachable as error:
            events.add(store, client.teacher.name, "results cut", f"{error}", batch.id)
            if attempt == settings.stream_attempts:
                raise
            client.revive()
        else:
            whole += 1
            if whole == WHOLE_READINGS or not answers.missing(store, batch.id, 1):
                return


def _read_once(
    store: Store, batch: Batch, teacher: Teacher, lines: Iterable[bytes], take: Callable[[list[Answer]], None]
) -> None:
    chunk: list[Outcome] = []
    cost_of = batch_costs(teacher.price) if teacher.price else None

    def billed(outcome: Outcome) -> int | None:
        # errored, canceled and expired requests are not billed; a refusal or a cut answer is
        return cost_of(outcome.usage) if cost_of and outcome.result_type == "succeeded" else None

    def flush() -> None:
        asked = answers.asked(store, batch.id, [own_id_of(each.wire_id) for each in chunk])
        owned = [(asked.get(own_id_of(each.wire_id)), each) for each in chunk]
        chunk.clear()
        take([answer_of(request_id, each, billed(each)) for request_id, each in owned if request_id is not None])

    try:
        for line in lines:
            outcome = read_line(line)
            # a line that is none of ours says nothing about our requests
            if outcome is not None and run_token_of(outcome.wire_id) == batch.run_token:
                chunk.append(outcome)
                if len(chunk) == CHUNK:
                    flush()
    finally:
        # what had come before a stream was cut, or before a wish to stop, is kept
        if chunk:
            flush()


def answer_of(request_id: int, outcome: Outcome, cost: int | None) -> Answer:
    """Return what is stored of an outcome; ``cost`` is in nanodollars, None where nothing is billed."""
    usage = outcome.usage
    return Answer(
        request_id=request_id,
        result_type=outcome.result_type,
        stop_reason=outcome.reason,
        detail=outcome.detail,
        model=outcome.model,
        raw=outcome.raw,
        text=outcome.text,
        tokens_in=usage.tokens_in,
        tokens_cache_write=usage.cache_write,
        tokens_cache_read=usage.cache_read,
        tokens_out=usage.tokens_out,
        cost=cost,
        tokens_thinking=usage.thinking,
    )


def _lost(request_id: int) -> Answer:
    return Answer(request_id, LOST, "", "no line in the results of its batch", "", "", "", 0, 0, 0, 0, None)
