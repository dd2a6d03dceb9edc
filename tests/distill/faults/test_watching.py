"""Several batches in flight: one in trouble starves no other, a pause sends nothing, and the log tells of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.pausing import is_paused, pause, resume
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import Doubts, cancel, resolve, send, sending
from stratos_tui.distill.watch import watch
from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import batches, events, ledger, requests
from stratos_tui.store.batches import Intent
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.teachers.batches import NotTaken, Unreachable
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.distill.faults.conftest import ExactlyOnce, FaultHandler, Open, Plan, Run, Serve

INSTANT = RehearsalSettings(bad_share=0.0, latency_seconds=0.0, seconds_per_request=0.0)
PAIRS = 60
Take = Callable[[], dict[str, Any]]


def told(store: Store) -> list[str]:
    return [event.what for event in events.latest(store)][::-1]


def due(quick: DistillSettings) -> DistillSettings:
    """Settings under which a creation that is not listed by now never arrived."""
    return replace(quick, rehearsal_settle_seconds=0.0)


def dropped_before(handler: FaultHandler, take: Take) -> dict[str, Any]:
    handler.drop()


def unreadable(remote_ids: list[str], part: str) -> Callable[[FaultHandler, str, Callable[[], Any]], Any]:
    """A server that fails at one batch: at its results, or at all of it."""

    def failing(handler: FaultHandler, path: str, answer: Callable[[], Any]) -> Any:
        if remote_ids and remote_ids[0] in path and path.endswith(part):
            handler.fail(500)
        return answer()

    return failing


@pytest.mark.parametrize("part", ["/results", ""], ids=["its results", "all of it"])
@pytest.mark.parametrize("wait", [True, False], ids=["waiting", "looking once"])
def test_one_batch_in_trouble_does_not_keep_the_others_from_being_taken_in(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    exactly_once: ExactlyOnce,
    part: str,
    wait: bool,
) -> None:
    small = replace(quick, batch_size=20, patience_seconds=0.1, stream_attempts=1)
    trouble: list[str] = []
    planned()
    with faulty(gets=unreadable(trouble, part), settings=INSTANT) as server:
        client = client_of(server)
        send(seeded, client, small, Caps(), silent)
        # the oldest, so that it is looked at first
        trouble += [str(batches.in_flight(seeded, "rehearsal")[0].remote_id)]
        with pytest.raises(Unreachable):
            watch(seeded, client, small, silent, wait=wait)
        assert [batch.state for batch in batches.load(seeded)[:2]] == ["ingested", "ingested"]
        exactly_once(server, answered=40)
        trouble.clear()
        watch(seeded, client, small, silent)
    exactly_once(server, answered=PAIRS)


def test_a_creation_that_is_refused_the_second_time_does_not_starve_the_others(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    planned()
    with faulty(creations=[dropped_before], settings=INSTANT) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        server.creations.append(lambda handler, _: handler.refuse(413, "request_too_large"))
        with pytest.raises(NotTaken):
            watch(seeded, client, due(quick), silent)
        assert [batch.state for batch in batches.load(seeded)] == ["ingested", "failed"]
        run_all(client)
    exactly_once(server, answered=PAIRS)


def test_a_server_that_is_away_for_a_while_is_waited_for(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    asked: list[str] = []

    def away(handler: FaultHandler, path: str, answer: Callable[[], Any]) -> Any:
        asked.append(path)
        if len(asked) < 6:
            handler.drop()
        return answer()

    planned()
    with faulty(gets=away) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        watch(seeded, client, quick, silent)
    assert len(asked) > 6
    exactly_once(server, answered=PAIRS)


def test_while_another_process_sends_the_others_are_taken_in_and_its_intent_is_left_to_it(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned()
    with faulty(creations=[dropped_before], settings=INSTANT) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        with sending(seeded, silent):
            watch(seeded, client, due(quick), silent, wait=False)
        assert [batch.state for batch in batches.load(seeded)] == ["ingested", "intended"]
        assert len(server.created) == 30
        watch(seeded, client, due(quick), silent)
    exactly_once(server, answered=PAIRS)


# pausing


def test_while_paused_nothing_is_sent_and_what_is_in_flight_comes_in(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    planned()
    with faulty() as server:
        client = client_of(server)

        def report(done: int, total: int, note: str) -> None:
            # somebody pauses once the first batch is out
            if batches.in_flight(seeded, "rehearsal"):
                pause(seeded)

        sent = send(seeded, client, quick, Caps(), report)
        assert (sent.batches, sent.requests, sent.held_back, sent.paused) == (1, 30, 30, True)
        assert sent.needs > 0
        watch(seeded, client, quick, silent)
        exactly_once(server, answered=30)
        again = send(seeded, client, quick, Caps(), silent)
        assert (again.requests, again.held_back, again.paused) == (0, 30, True)
        assert is_paused(seeded)
        assert len(server.created) == 30
        resume(seeded)
        assert not is_paused(seeded)
        run_all(client)
    exactly_once(server, answered=PAIRS)
    assert told(seeded).count("paused") == 2


@pytest.mark.parametrize("wait", ["0.01", "3000"])
def test_a_pause_while_the_server_is_busy_leaves_the_questions_waiting_and_the_money_free(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    wait: str,
) -> None:
    def busy(handler: FaultHandler, take: Take) -> dict[str, Any]:
        pause(seeded)
        handler.refuse(429, retry_after=wait)

    planned()
    with faulty(creations=[lambda handler, take: take(), busy]) as server:
        client = client_of(server)
        sent = send(seeded, client, quick, Caps(), silent)
        assert (sent.batches, sent.requests, sent.held_back, sent.paused) == (1, 30, 30, True)
        assert len(server.created) == len(requests.unsent(seeded, "rehearsal")) == 30
        watch(seeded, client, quick, silent)
        assert ledger.spend(seeded, simulated=True).held == 0
        resume(seeded)
        run_all(client)
    exactly_once(server, answered=PAIRS)


def test_while_paused_a_creation_that_never_arrived_is_not_made_again(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    planned()
    with faulty(creations=[dropped_before]) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        pause(seeded)
        watch(seeded, client, due(quick), silent)
        assert resolve(seeded, client, due(quick), silent) == Doubts(held=(1,))
        assert len(server.created) == 30
        resume(seeded)
        run_all(client)
    exactly_once(server, answered=PAIRS)


# the log


def test_the_log_tells_what_an_operator_wants_to_see(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    exactly_once: ExactlyOnce,
) -> None:
    def busy(handler: FaultHandler, take: Take) -> dict[str, Any]:
        handler.refuse(429, retry_after="0.05")

    def dropped_after(handler: FaultHandler, take: Take) -> dict[str, Any]:
        take()
        handler.drop()

    planned()
    with faulty(creations=[busy, dropped_after, dropped_before], settings=INSTANT) as server:
        client = client_of(server)
        patient = replace(quick, rehearsal_settle_seconds=600.0)
        send(seeded, client, patient, Caps(), silent)
        # one look, at which the second may still turn up
        watch(seeded, client, patient, silent, wait=False)
        watch(seeded, client, due(quick), silent)
    exactly_once(server, answered=PAIRS)
    what = told(seeded)
    assert what[:6] == ["sending", "busy", "in doubt", "sending", "in doubt", "adopted"]
    assert what[6:] == ["ended", "created again", "created", "ended"]
    log = {event.what: event for event in events.latest(seeded)}
    assert log["busy"].detail.startswith("waiting 0.05 s: ")
    assert log["ended"].detail == "30 succeeded, 0 errored, 0 expired, 0 canceled"
    assert {event.teacher for event in log.values()} == {"rehearsal"}
    assert log["created again"].batch_id == 2


def test_the_log_tells_what_the_budget_holds_back_and_what_it_would_take(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan
) -> None:
    planned()
    with faulty() as server:
        sent = send(seeded, client_of(server), quick, Caps(1_000_000_000), silent)
    held = ledger.spend(seeded, simulated=True).held
    assert 0 < held <= 1_000_000_000 < held + sent.needs
    [event] = [each for each in events.latest(seeded) if each.what == "held back"]
    assert event.detail == f"{sent.held_back} requests: sending them takes up to ${sent.needs / 1e9:.4f} more"


# neighbours


def test_a_sitting_of_live_questions_is_left_alone(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan
) -> None:
    planned(10)
    own = [each.id for each in requests.unsent(seeded, "rehearsal")]
    intent = Intent("rehearsal", "rehearsal", "live-token", own, "print", "{}", 10, way="live")
    assert batches.intend(seeded, intent, Pricing("any", "2026-11", True), Caps()) == 1
    with faulty() as server:
        client = client_of(server)
        assert batches.in_flight(seeded, "rehearsal") == []
        assert resolve(seeded, client, quick, silent) == Doubts()
        assert cancel(seeded, client, quick, silent).batches == 0
        watch(seeded, client, quick, silent)
    assert not server.created
    [batch] = batches.load(seeded)
    assert (batch.state, batch.way) == ("intended", "live")
    assert ledger.spend(seeded, simulated=True).held == 10


@pytest.mark.parametrize(
    ("kind", "permanent"),
    [
        ("invalid_request_error", True),
        ("request_too_large", True),
        ("overloaded_error", False),
        ("api_error", False),
        ("timeout_error", False),
    ],
)
def test_an_error_that_would_come_again_is_known_as_such(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    kind: str,
    permanent: bool,
) -> None:
    def errors(handler: FaultHandler, lines: list[bytes], before: int) -> list[bytes]:
        error = {"type": "error", "error": {"type": kind, "message": "told to"}}
        ids = [json.loads(line)["custom_id"] for line in lines]
        rows = [{"custom_id": each, "result": {"type": "errored", "error": error}} for each in ids]
        return [json.dumps(row).encode() + b"\n" for row in rows]

    planned(10)
    with faulty(results=errors) as server:
        run_all(client_of(server))
    exactly_once(server, answered=10)
    standings = requests.standings(seeded, "rehearsal").values()
    assert {(each.state, each.permanent) for each in standings} == {("errored", permanent)}


def test_a_key_that_fails_says_so_at_once(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan
) -> None:
    planned(10)
    with faulty(gets=lambda handler, _path, _answer: handler.fail(403, "permission_error")) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        with pytest.raises(StratosError, match="refuses the key"):
            watch(seeded, client, quick, silent)
