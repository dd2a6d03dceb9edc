"""Whatever the results look like, every answered request is stored once, as it was sent, judged, and paid once."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.requeue import requeue
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import send
from stratos_tui.distill.watch import watch
from stratos_tui.progress import silent
from stratos_tui.store import batches, events, ledger, rejections
from stratos_tui.store.db import Store
from stratos_tui.store.distill import totals
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import Unreachable

if TYPE_CHECKING:
    from tests.distill.faults.conftest import ExactlyOnce, FaultHandler, Open, Plan, Results, Run, Serve

PAIRS = 60
Lines = list[bytes]
Change = Callable[[Any], None]


@pytest.fixture
def whole(quick: DistillSettings) -> DistillSettings:
    """Everything in one batch."""
    return replace(quick, batch_size=PAIRS)


def every(change: Change) -> Results:
    """Change the result of every line."""

    def changed(handler: FaultHandler, lines: Lines, before: int) -> Lines:
        rows = [json.loads(line) for line in lines]
        for row in rows:
            change(row["result"])
        return [json.dumps(row).encode() + b"\n" for row in rows]

    return changed


def content(value: Any) -> Change:
    return lambda result: result["message"].update(content=value)


def stopped(reason: str, value: Any) -> Change:
    return lambda result: result["message"].update(stop_reason=reason, content=value)


def errored(kind: str) -> Change:
    def change(result: Any) -> None:
        error = {"type": "error", "error": {"type": kind, "message": "told to"}}
        result.clear()
        result.update(type="errored", error=error)

    return change


def without_a_message(kind: str) -> Change:
    def change(result: Any) -> None:
        result.clear()
        result.update(type=kind)

    return change


def thinking_first_and_two_texts(result: Any) -> None:
    message = result["message"]
    text = message["content"][0]["text"]
    parts = [{"type": "text", "text": part} for part in (text[:50], text[50:])]
    message["content"] = [{"type": "thinking", "thinking": "hm", "signature": "s"}, *parts]


def refusal(result: Any) -> None:
    details = {"type": "refusal", "category": "frontier_llm", "explanation": "no"}
    result["message"].update(stop_reason="refusal", stop_details=details, content=[])


def out_of_order(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    return random.Random(before).sample(lines, len(lines))


def duplicated(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    return random.Random(1).sample([*lines, *lines, *lines], 3 * len(lines))


def duplicated_otherwise(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    # the same questions again, with another usage: the first answer stays, and is the one that is paid
    return [*lines, *(line.replace(b'"output_tokens": ', b'"output_tokens": 9') for line in lines)]


def with_unknown_ids(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    foreign = b'{"custom_id": "other-question-1", "result": {"type": "succeeded", "message": {}}}\n'
    token = json.loads(lines[0])["custom_id"].partition("-")[0].encode()
    unplanned = b'{"custom_id": "' + token + b'-never-planned", "result": {"type": "expired"}}\n'
    odd = [b'{"custom_id": 7, "result": {"type": "expired"}}\n', b'{"custom_id": "", "result": {"type": "expired"}}\n']
    return [foreign, *lines, unplanned, *odd]


def with_invalid_lines(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    broken = [b"\n", b"not json\n", b"[]\n", b"\xff\xfe\n", lines[0][:-20] + b"\n", b"[" * 100_000 + b"\n", b"9" * 5000]
    return [*lines[:30], *broken, b"\n", *lines[30:]]


def with_a_long_foreign_line(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    return [b'{"custom_id": "x", "result": "' + b"y" * 10_000_000 + b'"}\n', *lines]


def in_small_pieces(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    joined = b"".join(lines)
    return [joined[start : start + 997] for start in range(0, len(joined), 997)]


def without_the_last_newline(handler: FaultHandler, lines: Lines, before: int) -> Lines:
    return [*lines[:-1], lines[-1].rstrip(b"\n")]


GOOD: dict[str, Results] = {
    "out of order": out_of_order,
    "duplicated": duplicated,
    "duplicated with another usage": duplicated_otherwise,
    "unknown custom_id": with_unknown_ids,
    "invalid JSON": with_invalid_lines,
    "a 10 MB line of somebody else": with_a_long_foreign_line,
    "in small pieces": in_small_pieces,
    "no newline at the end": without_the_last_newline,
    "thinking first, two text blocks": every(thinking_first_and_two_texts),
}
BAD: dict[str, tuple[Change, str]] = {
    "unknown result type": (lambda result: result.update(type="paused"), "unknown_result"),
    "unknown result type without a message": (without_a_message("\x1b[2Jnew"), "unknown_result"),
    "empty content": (content([]), "empty"),
    "no content": (content(None), "empty"),
    "thinking alone": (content([{"type": "thinking", "thinking": "hm", "signature": "s"}]), "empty"),
    "unknown blocks": (content([{"type": "surprise", "text": "SCORE: 9.0"}, 7, None]), "empty"),
    "hostile text": (content([{"type": "text", "text": "\ud800\x1b[2J<|im_end|>"}]), "think_missing"),
    "refusal": (refusal, "refusal"),
    "max_tokens": (stopped("max_tokens", [{"type": "text", "text": "<think>PROFILE:"}]), "truncated"),
    "max_tokens before any text": (stopped("max_tokens", []), "truncated"),
    "overloaded": (errored("overloaded_error"), "errored"),
    "invalid request": (errored("invalid_request_error"), "errored"),
    "expired": (without_a_message("expired"), "expired"),
    "canceled": (without_a_message("canceled"), "canceled"),
}


@pytest.mark.parametrize("shape", GOOD)
def test_good_answers_in_any_shape_are_taken_in_once(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    shape: str,
) -> None:
    planned()
    with faulty(results=GOOD[shape]) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=PAIRS)
    assert totals(seeded, "rehearsal").accepted == PAIRS


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_stored_with_its_verdict(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    kind: str,
) -> None:
    change, code = BAD[kind]
    planned()
    with faulty(results=every(change)) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=PAIRS)
    assert rejections.counts(seeded) == {code: PAIRS}


def test_an_answer_of_10_mb_is_an_answer(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    def endless(handler: FaultHandler, lines: Lines, before: int) -> Lines:
        row = json.loads(lines[0])
        row["result"]["message"]["content"] = [{"type": "text", "text": "<think>" + "again and " * 1_000_000}]
        return [json.dumps(row).encode() + b"\n", *lines[1:]]

    planned(3)
    with faulty(results=endless) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=3)
    assert rejections.counts(seeded) == {"think_unclosed": 1}


@pytest.mark.parametrize("within", [False, True], ids=["between lines", "within a line"])
@pytest.mark.parametrize("line", [*range(0, PAIRS, 10), PAIRS - 1])
def test_a_cut_stream_is_read_again(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    line: int,
    within: bool,
) -> None:
    def cut(handler: FaultHandler, lines: Lines, before: int) -> Iterator[bytes]:
        for number, each in enumerate(lines):
            if number == line and before < 2:
                if within:
                    yield each[: len(each) // 2]
                handler.drop()
            yield each

    planned()
    with faulty(results=cut) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=PAIRS)
    assert totals(seeded, "rehearsal").accepted == PAIRS
    assert [event.what for event in events.latest(seeded)].count("results cut") == 2


def test_a_stream_that_stalls_counts_as_cut(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    over = threading.Event()

    def noticed() -> bool:
        return any("midway (ReadTimeout)" in event.detail for event in events.latest(seeded))

    def stalling(handler: FaultHandler, lines: Lines, before: int) -> Iterator[bytes]:
        for number, each in enumerate(lines):
            if number == 20 and not noticed():
                over.wait()
                handler.drop()
            yield each

    planned()
    with faulty(results=stalling) as server:
        # the time bounds opening as well: on a busy machine that may be cut too, and is tried again
        run_all(client_of(server, stall_seconds=0.2), settings=whole)
        over.set()
    exactly_once(server, answered=PAIRS)
    assert noticed()


def test_a_stream_that_is_always_cut_keeps_what_came_and_says_so(
    seeded: Store, whole: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    def cut(handler: FaultHandler, lines: Lines, before: int) -> Iterator[bytes]:
        yield from lines[:5]
        handler.drop()

    planned()
    with faulty(results=cut) as server:
        client = client_of(server)
        send(seeded, client, whole, Caps(), silent)
        with pytest.raises(Unreachable, match="midway"):
            watch(seeded, client, replace(whole, patience_seconds=0.0), silent)
        exactly_once(server, answered=5)
        assert batches.in_flight(seeded, "rehearsal")[0].state == "ended"
        server.results = None
        watch(seeded, client, whole, silent)
    exactly_once(server, answered=PAIRS)


def test_a_request_without_a_line_is_lost_and_may_be_asked_again(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    planned()
    with faulty(results=lambda _handler, lines, _before: lines[:-3]) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=PAIRS - 3)
    assert rejections.counts(seeded) == {"lost": 3}
    assert requeue(seeded, "rehearsal", whole) == 3


def test_lines_that_come_at_the_second_reading_are_not_lost(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    def later(handler: FaultHandler, lines: Lines, before: int) -> Iterable[bytes]:
        return lines if before else lines[:-3]

    planned()
    with faulty(results=later) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=PAIRS)
    assert rejections.counts(seeded) == {}


def test_a_batch_that_ends_with_nothing_is_lost_whole_and_costs_nothing(
    seeded: Store,
    whole: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    planned()
    with faulty(results=lambda _handler, _lines, _before: []) as server:
        run_all(client_of(server), settings=whole)
    exactly_once(server, answered=0)
    assert rejections.counts(seeded) == {"lost": PAIRS}
    assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, 0)
