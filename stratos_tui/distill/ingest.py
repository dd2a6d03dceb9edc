"""Takes the results of ended batches: raw answers are stored first, then judged; both can be repeated at any point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stratos_tui.distill.judge import LOST, judge, state_of
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import pricing_of
from stratos_tui.progress import Report
from stratos_tui.store import answers, batches, requests
from stratos_tui.store.answers import Answer
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import BatchClient, Gone, Unreachable
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import batch_cost
from stratos_tui.teachers.wire import Outcome, own_id_of, read_line, run_token_of

CHUNK = 100
"""Answers in one transaction: small enough for other writers, large enough to be quick."""
WHOLE_READINGS = 2
"""How often a stream that came whole is read before a request without a line counts as lost: it may have been paid."""


def ingest(store: Store, client: BatchClient, batch: Batch, settings: DistillSettings, report: Report) -> None:
    """Store the answers of one ended batch and judge them. A cut stream is read again from its start.

    A request that has no line, after the whole stream was read twice, is stored as lost: it can be asked again.

    Raises:
        Unreachable: the results cannot be read now; what came is kept.
        Canceled: asked to stop.
    """
    own = {each.custom_id: each.id for each in requests.of_batch(store, batch.id)}
    _read_all(store, client, batch, own, settings, report)
    lost = (_lost(request_id) for request_id in _missing(store, batch, own))
    _keep(store, client.teacher, batch, lost, report)
    batches.ingested(store, batch.id)
    judge_waiting(store, client.teacher.name, settings, report)


def judge_waiting(store: Store, teacher: str, settings: DistillSettings, report: Report) -> None:
    """Judge every answer of a teacher that waits for it."""
    while waiting := answers.unjudged(store, teacher, CHUNK):
        verdicts = [judge(each, settings.limits) for each in waiting]
        answers.judge(store, [(each, state_of(each)) for each in verdicts])
        report(0, 0, f"judging the answers of {teacher}")


def _read_all(
    store: Store, client: BatchClient, batch: Batch, own: dict[str, int], settings: DistillSettings, report: Report
) -> None:
    assert batch.remote_id is not None
    whole = 0
    for attempt in range(1, settings.stream_attempts + 1):
        try:
            with client.results(batch.remote_id) as lines:
                _keep(store, client.teacher, batch, _answers(lines, batch, own, client.teacher), report)
        except Gone:
            return
        except Unreachable:
            if attempt == settings.stream_attempts:
                raise
            client.revive()
        else:
            whole += 1
            if whole == WHOLE_READINGS or not _missing(store, batch, own):
                return


def _keep(store: Store, teacher: Teacher, batch: Batch, found: Iterable[Answer], report: Report) -> None:
    chunk: list[Answer] = []
    try:
        for each in found:
            chunk.append(each)
            if len(chunk) == CHUNK:
                answers.keep(store, batch.id, chunk, pricing_of(teacher))
                chunk = []
                report(0, 0, f"taking in batch {batch.id} of {teacher.name}")
    finally:
        # what had come before a stream was cut, or before a wish to stop, is kept
        if chunk:
            answers.keep(store, batch.id, chunk, pricing_of(teacher))
    report(0, 0, f"taking in batch {batch.id} of {teacher.name}")


def _missing(store: Store, batch: Batch, own: dict[str, int]) -> list[int]:
    return sorted(set(own.values()) - answers.answered_ids(store, batch.id))


def _answers(lines: Iterable[bytes], batch: Batch, own: dict[str, int], teacher: Teacher) -> Iterator[Answer]:
    for line in lines:
        outcome = read_line(line)
        # a line that is none of ours says nothing about our requests
        if outcome is None or run_token_of(outcome.wire_id) != batch.run_token:
            continue
        request_id = own.get(own_id_of(outcome.wire_id))
        if request_id is not None:
            yield _answer(request_id, outcome, teacher)


def _answer(request_id: int, outcome: Outcome, teacher: Teacher) -> Answer:
    usage = outcome.usage
    # errored, canceled and expired requests are not billed; a refusal or a cut answer is
    billed = outcome.result_type == "succeeded" and teacher.price is not None
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
        cost=batch_cost(teacher.price, usage) if billed and teacher.price else None,
        tokens_thinking=usage.thinking,
    )


def _lost(request_id: int) -> Answer:
    return Answer(request_id, LOST, "", "no line in the results of its batch", "", "", "", 0, 0, 0, 0, None)
