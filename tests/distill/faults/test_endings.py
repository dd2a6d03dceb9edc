"""Batches that expire, are canceled, end with nothing, or whose results are gone or said to be elsewhere."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.requeue import requeue
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import cancel, send
from stratos_tui.distill.watch import watch
from stratos_tui.progress import silent
from stratos_tui.store import batches, events, ledger, rejections
from stratos_tui.store.db import Store
from stratos_tui.store.distill import totals
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import Unreachable, open_client
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.distill.faults.conftest import ExactlyOnce, FaultHandler, Open, Plan, Run, Serve

HELD = RehearsalSettings(bad_share=0.0, latency_seconds=1e6, seconds_per_request=0.0)
"""Under which a batch ends when the test says so, and not by itself."""
PAIRS = 60
CLAUDE = "claude:claude-opus-5-5"
Answer = Callable[[], Any]


def without_answers(kind: str) -> Callable[[FaultHandler, str, Answer], Any]:
    """A server none of whose requests was answered: its counts and its lines say so."""

    def ended(handler: FaultHandler, path: str, answer: Answer) -> Any:
        good = answer()
        if not isinstance(good, dict):
            ids = [json.loads(line)["custom_id"] for line in good]
            return iter(json.dumps({"custom_id": each, "result": {"type": kind}}).encode() + b"\n" for each in ids)
        if (counts := good.get("request_counts")) and good["processing_status"] == "ended":
            good["request_counts"] = dict.fromkeys(counts, 0) | {kind: sum(counts.values())}
        return good

    return ended


@pytest.mark.parametrize("kind", ["expired", "canceled"])
def test_a_batch_of_which_nothing_was_answered_costs_nothing(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
    kind: str,
) -> None:
    planned()
    with faulty(gets=without_answers(kind)) as server:
        run_all(client_of(server))
        exactly_once(server, answered=PAIRS)
        assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, 0)
        assert rejections.counts(seeded) == {kind: PAIRS}
        assert [getattr(batch, kind) for batch in batches.load(seeded)] == [30, 30]
        # an expired pair is asked again, a canceled one waits for somebody to ask
        server.gets = None
        assert requeue(seeded, "rehearsal", quick) == (PAIRS if kind == "expired" else 0)
        run_all(client_of(server))
    exactly_once(server, answered=PAIRS * 2 if kind == "expired" else PAIRS)


def test_a_batch_that_is_canceled_midway_keeps_and_pays_what_was_answered(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned()
    with faulty(settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        first, _ = batches.in_flight(seeded, "rehearsal")
        server.halve(str(first.remote_id))

        def report(done: int, total: int, note: str) -> None:
            # stop while the first batch is being worked on
            known = batches.load(seeded)
            if known[0].polled_at and not any(event.what == "canceled" for event in events.latest(seeded)):
                assert cancel(seeded, client, quick, silent).batches == 2

        watch(seeded, client, quick, report)
    exactly_once(server, answered=PAIRS)
    found = totals(seeded, "rehearsal")
    # half of the first, which was being worked on, and none of the second
    assert (found.accepted, found.canceled) == (15, 45)
    assert ledger.spend(seeded, simulated=True).settled > 0


def test_one_that_ended_by_itself_does_not_stop_the_others_from_being_canceled(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned()
    with faulty(settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        first, second = batches.in_flight(seeded, "rehearsal")
        assert first.remote_id is not None
        client.cancel(first.remote_id)
        path = server.desk.folder / f"{first.remote_id}.head.json"
        path.unlink()
        assert cancel(seeded, client, quick, silent).batches == 1
        watch(seeded, client, quick, silent)
    assert rejections.counts(seeded)["lost"] == 30
    assert second.id in {event.batch_id for event in events.latest(seeded) if event.what == "canceled"}
    exactly_once(server)


def test_what_the_server_says_of_a_batch_is_kept(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, run_all: Run
) -> None:
    planned(10)
    with faulty() as server:
        run_all(client_of(server))
    [batch] = batches.load(seeded)
    assert batch.expires_at is not None
    assert batch.polled_at is not None
    left = datetime.fromisoformat(batch.expires_at) - datetime.fromisoformat(batch.intended_at)
    assert timedelta(hours=23) < left < timedelta(hours=25)
    assert batch.intended_at < batch.polled_at
    said = [(event.what, event.batch_id) for event in events.latest(seeded)][::-1]
    assert said == [("sending", 1), ("created", 1), ("ended", 1)]


# results that are gone


def gone_results(handler: FaultHandler, path: str, answer: Answer) -> Any:
    if path.endswith("/results"):
        handler.fail(404, "not_found_error")
    return answer()


def gone_batches(handler: FaultHandler, path: str, answer: Answer) -> Any:
    if "/batches/" in path:
        handler.fail(404, "not_found_error")
    return answer()


def sent_days_ago(store: Store, days: int) -> None:
    with store.write() as connection:
        moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
        connection.execute("UPDATE batches SET intended_at = ?, submitted_at = ?", (moment, moment))


@pytest.mark.parametrize("what", [gone_results, gone_batches], ids=["results", "batch"])
def test_results_that_are_gone_after_29_days_are_lost(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    exactly_once: ExactlyOnce,
    what: Any,
) -> None:
    planned(10, CLAUDE)
    with faulty() as server:
        client = client_of(server, CLAUDE)
        send(seeded, client, quick, Caps(10**12), silent)
        sent_days_ago(seeded, 30)
        server.gets = what
        watch(seeded, client, replace(quick, poll_seconds=0.02), silent)
    exactly_once(server, answered=0)
    assert rejections.counts(seeded) == {"lost": 10}
    assert ledger.spend(seeded, simulated=False) == ledger.Spend(0, 0)
    assert "results gone" in {event.what for event in events.latest(seeded)}


@pytest.mark.parametrize("what", [gone_results, gone_batches], ids=["results", "batch"])
def test_a_paid_batch_that_another_key_does_not_know_is_not_lost(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    exactly_once: ExactlyOnce,
    what: Any,
) -> None:
    impatient = replace(quick, poll_seconds=0.02, patience_seconds=0.0)
    planned(10, CLAUDE)
    with faulty() as server:
        client = client_of(server, CLAUDE)
        send(seeded, client, quick, Caps(10**12), silent)
        server.gets = what
        with pytest.raises(Unreachable, match="under this key"):
            watch(seeded, client, impatient, silent)
        assert rejections.counts(seeded) == {}
        server.gets = None
        watch(seeded, client, impatient, silent)
    exactly_once(server, answered=10, cap=10**12)


def test_a_rehearsal_that_was_wiped_is_lost_whole(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned(10)
    with faulty() as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        for path in server.desk.folder.iterdir():
            path.unlink()
        watch(seeded, client, quick, silent)
    exactly_once(server, answered=0)
    assert rejections.counts(seeded) == {"lost": 10}


# the key


def test_the_key_goes_to_no_other_host(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    run_all: Run,
    exactly_once: ExactlyOnce,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        thief.settimeout(0.1)
        elsewhere = f"http://127.0.0.1:{thief.getsockname()[1]}/stolen"

        def pointing(handler: FaultHandler, path: str, answer: Answer) -> Any:
            good = answer()
            if isinstance(good, dict):
                for batch in good.get("data", [good]):
                    batch["results_url"] = elsewhere
            return good

        planned()
        with faulty(gets=pointing, creations=[lambda handler, take: take() | {"results_url": elsewhere}]) as server:
            run_all(client_of(server))
        with pytest.raises(TimeoutError):
            thief.accept()
    exactly_once(server, answered=PAIRS)


def test_a_redirect_of_results_is_not_followed(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    planned: Plan,
    exactly_once: ExactlyOnce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    redirected: list[str] = []

    with faulty() as server, ExitStack() as opened:

        def redirecting(handler: FaultHandler, path: str, answer: Answer) -> Any:
            if path.endswith("/results"):
                redirected.append(path)
                # the same machine by another name is another host
                handler.answer(307, b"", location=f"http://localhost:{server.server_address[1]}/stolen")
            if path == "/stolen":
                asked.append(f"{handler.headers.get('authorization')} {handler.headers.get('x-api-key')}")
                handler.fail(404)
            return answer()

        planned(10, CLAUDE)
        # the client as it is opened for Claude: one that the test makes need not be led astray alike
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client = opened.enter_context(open_client(find_teacher(seeded, CLAUDE), seeded.path))
        send(seeded, client, quick, Caps(10**12), silent)
        server.gets = redirecting
        impatient = replace(quick, poll_seconds=0.02, patience_seconds=0.0)
        with pytest.raises(Unreachable):
            watch(seeded, client, impatient, silent)
        assert redirected
        # it is not even followed, so that nothing is read from elsewhere either
        assert asked == []
        server.gets = None
        watch(seeded, client, impatient, silent)
    exactly_once(server, answered=10)
