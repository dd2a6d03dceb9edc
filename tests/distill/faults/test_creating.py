"""Whatever happens when a batch is created, no question is created twice and every answer is stored and paid once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill import submit
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.plan import keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import Doubts, cancel, resolve, send
from stratos_tui.distill.watch import watch
from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import batches, events, ledger, requests
from stratos_tui.store.batches import Intent
from stratos_tui.store.db import Store
from stratos_tui.store.distill import totals
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.teachers.batches import NotTaken
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.wire import own_id_of

if TYPE_CHECKING:
    from tests.distill.faults.conftest import ExactlyOnce, FaultHandler, Open, Plan, Run, Serve

HELD = RehearsalSettings(bad_share=0.0, latency_seconds=1e6, seconds_per_request=0.0)
"""Under which a batch ends when the test says so, and not by itself."""
INSTANT = RehearsalSettings(bad_share=0.0, latency_seconds=0.0, seconds_per_request=0.0)
Take = Callable[[], dict[str, Any]]
PAIRS = 60
CAP = 1_000_000_000
"""About forty requests' worth: a second batch of thirty does not fit beside the first."""


def dropped_after(handler: FaultHandler, take: Take) -> dict[str, Any]:
    take()
    handler.drop()


def dropped_before(handler: FaultHandler, take: Take) -> dict[str, Any]:
    handler.drop()


def failed_after(handler: FaultHandler, take: Take) -> dict[str, Any]:
    take()
    handler.fail(500)


def failed_before(handler: FaultHandler, take: Take) -> dict[str, Any]:
    handler.fail(500)


def overloaded_after(handler: FaultHandler, take: Take) -> dict[str, Any]:
    take()
    handler.fail(529, "overloaded_error", retry_after="0.05")


def overloaded_before(handler: FaultHandler, take: Take) -> dict[str, Any]:
    handler.fail(529, "overloaded_error", retry_after="0.05")


def busy(handler: FaultHandler, take: Take) -> dict[str, Any]:
    handler.refuse(429, retry_after="0.05")


def busy_until_a_moment(handler: FaultHandler, take: Take) -> dict[str, Any]:
    handler.refuse(429, retry_after=formatdate(time.time() - 5, usegmt=True))


def answers_with(data: bytes) -> Callable[[FaultHandler, Take], dict[str, Any]]:
    def unreadable(handler: FaultHandler, take: Take) -> dict[str, Any]:
        take()
        handler.answer(200, data)

    return unreadable


FAULTS = {
    "dropped after accepting": [dropped_after],
    "dropped after accepting, twice": [dropped_after, dropped_after],
    "dropped before accepting": [dropped_before],
    "dropped before, then after": [dropped_before, dropped_after, dropped_after],
    "429": [busy],
    "429 over and over": [busy, busy, busy],
    "429 until a moment": [busy_until_a_moment],
    "429, then dropped after accepting": [busy, dropped_after],
    "529, accepted": [overloaded_after],
    "529, not accepted": [overloaded_before],
    "529 over and over": [overloaded_before, overloaded_after, overloaded_before],
    "500, then success": [failed_before],
    "500, accepted": [failed_after, failed_after],
    "accepted, answer is no JSON": [answers_with(b"<html>gateway</html>")],
    "accepted, answer is cut": [answers_with(b'{"id": "msgbatch_re')],
    "accepted, answer is empty": [answers_with(b"{}"), answers_with(b"")],
    "accepted, answer is a list": [answers_with(b"[]")],
}


@pytest.mark.parametrize("cap", [None, CAP], ids=["no cap", "small cap"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_creation_that_goes_wrong_is_made_once(
    seeded: Store,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    fault: str,
    cap: int | None,
) -> None:
    planned()
    with faulty(creations=FAULTS[fault]) as server:
        # the SDK's retries are on, as they are for Claude: creating must not use them
        run_all(client_of(server, retries=2), Caps(cap))
    exactly_once(server, answered=PAIRS, cap=cap)
    assert len(server.created) == totals(seeded, "rehearsal").accepted == PAIRS


@pytest.mark.parametrize("status", [429, 529])
@pytest.mark.parametrize("said", ["37", "a moment from now", None])
def test_a_server_that_says_how_long_to_wait_is_left_alone_for_as_long(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    said: str | None,
) -> None:
    waited: list[tuple[float, int]] = []

    def full(handler: FaultHandler, take: Take) -> dict[str, Any]:
        moment = formatdate(time.time() + 3_000, usegmt=True)
        told = {} if said is None else {"retry_after": said if said.isdecimal() else moment}
        if status == 429:
            handler.refuse(status, **told)
        handler.fail(status, "overloaded_error", **told)

    planned(10)
    with faulty(creations=[full]) as server:
        # nobody waits here: what matters is how long it would be, and that nothing is created before
        monkeypatch.setattr(submit, "pause", lambda seconds, *_: waited.append((seconds, len(server.created))))
        run_all(client_of(server))
    exactly_once(server, answered=10)
    [(seconds, created)] = waited
    assert created == 0
    if said is None:
        assert seconds == (submit.BUSY_SECONDS if status == 429 else 0.0)
    else:
        assert seconds == 37.0 if said.isdecimal() else 2_000 < seconds <= 3_000


@pytest.mark.parametrize("fault", [dropped_after, dropped_before], ids=["accepted", "not accepted"])
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_server_whose_clock_is_wrong_is_searched_all_the_same(
    seeded: Store,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    fault: Callable[..., Any],
    hours: int,
) -> None:
    def shifted(handler: FaultHandler, path: str, answer: Callable[[], Any]) -> Any:
        good = answer()
        if isinstance(good, dict):
            for batch in good.get("data", [good]):
                for name in ("created_at", "expires_at"):
                    moment = datetime.fromisoformat(batch[name]) + timedelta(hours=hours)
                    batch[name] = moment.isoformat()
        return good

    planned()
    with faulty(creations=[fault], gets=shifted) as server:
        run_all(client_of(server))
    exactly_once(server, answered=PAIRS)
    said = [event.what for event in events.latest(seeded)]
    assert ("created again" in said) == (fault is dropped_before)
    assert ("adopted" in said) == (fault is dropped_after)


def test_a_creation_that_is_listed_late_is_waited_for(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    listings = 0

    def late(handler: FaultHandler, path: str, answer: Callable[[], Any]) -> Any:
        nonlocal listings
        good = answer()
        if path.endswith("/batches"):
            listings += 1
            if listings <= 3:
                good["data"] = []
        return good

    planned(10)
    with faulty(creations=[dropped_after], gets=late) as server:
        run_all(client_of(server), settings=replace(quick, rehearsal_settle_seconds=600.0))
    assert listings > 3
    exactly_once(server, answered=10)
    assert "adopted" in [event.what for event in events.latest(seeded)]


def test_a_batch_that_could_be_ours_is_waited_for_until_it_tells(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    # it runs for longer than a creation may take to turn up
    due = replace(quick, rehearsal_settle_seconds=0.0)
    planned(10)
    with faulty(creations=[dropped_after], settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, due, Caps(), silent)
        for _ in range(3):
            assert resolve(seeded, client, due, silent) == Doubts(waiting=(1,))
        assert set(server.created.values()) == {1}
        server.finish(*(each.id for each in server.desk.heads()))
        watch(seeded, client, due, silent)
    exactly_once(server, answered=10)


def test_an_intent_that_does_not_fit_under_the_cap_is_not_journalled(seeded: Store, planned: Plan) -> None:
    planned(3)
    own = [each.id for each in requests.unsent(seeded, "rehearsal")]
    intent = Intent("rehearsal", "rehearsal", "token", own, "print", "{}", CAP + 1)
    pricing = Pricing("any", "2026-11", True)
    assert batches.intend(seeded, intent, pricing, Caps(CAP)) is None
    assert batches.load(seeded) == []
    assert len(requests.unsent(seeded, "rehearsal")) == 3
    assert batches.intend(seeded, replace(intent, reservation=CAP), pricing, Caps(CAP)) == 1
    assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, CAP)


def test_an_unconfirmed_creation_is_not_repeated_while_it_may_still_turn_up(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    slow_to_settle = replace(quick, rehearsal_settle_seconds=60.0)
    planned(10)
    with faulty(creations=[dropped_before]) as server:
        client = client_of(server)
        send(seeded, client, slow_to_settle, Caps(), silent)
        assert resolve(seeded, client, slow_to_settle, silent) == Doubts(waiting=(1,)), "nobody knows yet"
        assert not server.created
        assert resolve(seeded, client, replace(quick, rehearsal_settle_seconds=0.0), silent) == Doubts()
        assert set(server.created.values()) == {1}
        watch(seeded, client, quick, silent)
    exactly_once(server, answered=10)


def test_what_is_created_again_says_what_it_said_whatever_was_set_since(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned(10)
    with faulty(creations=[dropped_before]) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(CAP), silent)
        later = replace(quick, rehearsal_settle_seconds=0.0, max_tokens=64_000, effort="high")
        assert resolve(seeded, client, later, silent) == Doubts()
        assert {each["max_tokens"] for each in server.params} == {quick.max_tokens}
        assert {each["output_config"]["effort"] for each in server.params} == {quick.effort}
        watch(seeded, client, later, silent)
    exactly_once(server, answered=10, cap=CAP)


def test_a_question_that_another_process_takes_holds_nothing_back(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    taken: list[int] = []

    def take(done: int, total: int, note: str) -> None:
        if not taken and note.startswith("sending to"):
            [first, *_] = requests.unsent(seeded, "rehearsal")
            pair, day = Pair(first.article_id, first.profile_id), first.reference_date + timedelta(days=1)
            taken.append(keep(seeded, plan(seeded, "rehearsal", [pair], as_of=day), quick))

    planned(10)
    with faulty() as server:
        client = client_of(server)
        sent = send(seeded, client, quick, Caps(CAP), take)
        assert (taken, sent.batches, sent.requests, sent.held_back) == ([1], 1, 10, 0)
        watch(seeded, client, quick, silent)
    exactly_once(server, answered=10, cap=CAP)


def test_a_batch_of_somebody_else_is_not_taken_for_ours(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned(10)
    with faulty(creations=[dropped_before]) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        remote = client.create([{"custom_id": f"theirs-{number}", "params": {}} for number in range(10)])
        watch(seeded, client, replace(quick, rehearsal_settle_seconds=0.0), silent)
        assert remote.id not in batches.remote_ids(seeded)
    exactly_once(server, answered=10)


@pytest.mark.parametrize("nothing", ["gone", "empty"])
def test_a_batch_that_could_be_ours_and_tells_nothing_is_left_to_the_operator(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    exactly_once: ExactlyOnce,
    nothing: str,
) -> None:
    def silence(handler: FaultHandler, path: str, answer: Callable[[], Any]) -> Any:
        if path.endswith("/results"):
            if nothing == "gone":
                handler.fail(404, "not_found_error")
            return iter(())
        return answer()

    planned(40)
    with faulty(creations=[dropped_after], gets=silence, settings=INSTANT) as server:
        client = client_of(server)
        send(seeded, client, replace(quick, batch_size=20), Caps(), silent)
        assert resolve(seeded, client, quick, silent) == Doubts(unprovable=(1,))
        with pytest.raises(StratosError, match="stratos distill adopt"):
            watch(seeded, client, quick, silent)
        assert set(server.created.values()) == {1}
        assert [batch.state for batch in batches.load(seeded)] == ["ingested", "intended"]
        # what kept it from being told apart has passed
        server.gets = None
        watch(seeded, client, quick, silent)
    assert set(server.created.values()) == {1}
    exactly_once(server)


def test_a_refused_batch_leaves_its_questions_waiting_and_its_money_free(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    planned(10)
    with faulty(creations=[lambda handler, _: handler.refuse(413, "request_too_large")]) as server:
        client = client_of(server)
        with pytest.raises(NotTaken, match="told to"):
            send(seeded, client, quick, Caps(CAP), silent)
        [failed] = batches.load(seeded, "rehearsal")
        assert (failed.state, "told to" in failed.error) == ("failed", True)
        assert len(requests.unsent(seeded, "rehearsal")) == 10
        assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, 0)
        run_all(client, Caps(CAP))
    exactly_once(server, answered=10, cap=CAP)


def test_a_month_s_spend_limit_is_not_waited_for(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    def spent(handler: FaultHandler, take: Take) -> dict[str, Any]:
        details = {"error_code": "enforced_spend_limit_reached"}
        error = {"type": "rate_limit_error", "message": "until next month", "details": details}
        handler.answer(429, json.dumps({"type": "error", "error": error}).encode())

    planned(10)
    with (
        faulty(creations=[spent, spent]) as server,
        pytest.raises(NotTaken, match="spend limit is reached: until next month"),
    ):
        send(seeded, client_of(server), quick, Caps(), silent)
    assert len(server.creations) == 1
    exactly_once(server, answered=0)


def test_a_key_that_is_refused_midway_loses_nothing(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    def locked(handler: FaultHandler, path: str, answer: Callable[[], Any]) -> Any:
        handler.fail(401, "authentication_error")

    planned()
    with faulty(creations=[lambda handler, take: take()], gets=locked) as server:
        server.creations.append(lambda handler, _: handler.refuse(401, "authentication_error"))
        client = client_of(server)
        with pytest.raises(NotTaken, match="told to"):
            send(seeded, client, quick, Caps(), silent)
        with pytest.raises(StratosError, match="refuses the key"):
            watch(seeded, client, quick, silent)
        assert [batch.state for batch in batches.load(seeded)] == ["failed", "submitted"]
        server.gets = None
        run_all(client)
    exactly_once(server, answered=PAIRS)


def test_a_canceled_creation_that_never_arrived_is_not_made_again(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned()
    with faulty(creations=[dropped_before]) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        assert cancel(seeded, client, replace(quick, rehearsal_settle_seconds=600.0), silent).unknown == 1
        stopped = cancel(seeded, client, replace(quick, rehearsal_settle_seconds=0.0), silent)
        assert (stopped.dropped, stopped.unknown) == (30, 0)
        watch(seeded, client, quick, silent)
    assert len(server.created) == totals(seeded, "rehearsal").requests == 30
    exactly_once(server)


def test_what_is_sent_tells_of_which_creation_it_is(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, run_all: Run
) -> None:
    planned(10)
    with faulty(creations=[dropped_before]) as server:
        run_all(client_of(server))
    sent = {json.loads(line)["custom_id"] for line in server.lines() if line}
    [batch] = batches.load(seeded)
    assert {each.partition("-")[0] for each in sent} == {batch.run_token}
    assert {own_id_of(each) for each in sent} == set(server.created)
