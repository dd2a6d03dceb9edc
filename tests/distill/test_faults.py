"""What a server may do wrong: nothing is created twice, and every answered request is stored once."""

from __future__ import annotations

import json
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import cancel, resolve, send
from stratos_tui.distill.watch import watch
from stratos_tui.progress import silent
from stratos_tui.store import batches, ledger, rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import totals
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import BatchClient, NotTaken, Unreachable
from stratos_tui.teachers.catalog import teacher_of
from stratos_tui.teachers.rehearsal.server import Handler, RehearsalServer
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.wire import own_id_of

if TYPE_CHECKING:
    import anthropic

    from tests.distill.conftest import Serve

PAIRS = 60
GOOD = RehearsalSettings(bad_share=0.0, latency_seconds=0.02, seconds_per_request=0.0)
INSTANT = replace(GOOD, latency_seconds=0.0)
Open = Callable[[RehearsalServer], BatchClient]


@pytest.fixture
def client_of() -> Iterator[Open]:
    import anthropic
    import httpx2

    clients = []

    def connected(server: RehearsalServer) -> BatchClient:
        def connect() -> anthropic.Anthropic:
            http_client = httpx2.Client(trust_env=False, timeout=20.0)
            return anthropic.Anthropic(api_key="any", base_url=server.base_url, max_retries=0, http_client=http_client)

        clients.append(BatchClient(teacher_of("rehearsal"), connect))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


def planned(store: Store, settings: DistillSettings, pairs: int = PAIRS) -> None:
    keep(store, plan(store, "rehearsal", choose_pairs(store, limit=pairs)), settings)


def creations(server: RehearsalServer) -> Counter[str]:
    """How often each question was created at the server."""
    return Counter(
        own_id_of(json.loads(line)["custom_id"])
        for path in server.desk.folder.glob("*.questions.jsonl")
        for line in path.read_text("utf-8").split("\n")
    )


def assert_each_once(store: Store, server: RehearsalServer, answered: int = PAIRS) -> None:
    assert set(creations(server).values()) == {1}
    assert store.value("SELECT count(*) FROM answers WHERE result_type != 'lost'") == answered
    settled = store.value("SELECT count(*) FROM ledger WHERE kind = 'settle'")
    assert settled == store.value("SELECT count(*) FROM answers WHERE result_type = 'succeeded'")
    assert ledger.spend(store, simulated=True).held == 0
    assert batches.in_flight(store, "rehearsal") == []


# creating


def misbehaving(times: int, *, take: bool, status: int = 0) -> type[Handler]:
    """A server that fails its first creations: after it took them or before, by a status or a dropped connection."""

    class Misbehaving(Handler):
        left = times

        def _post(self, url: Any) -> dict[str, Any]:
            mine = type(self)
            if not url.path.endswith("/batches") or mine.left == 0:
                return super()._post(url)
            mine.left -= 1
            if take:
                super()._post(url)
            else:
                self._body()
            if status:
                self._send(status, {"type": "error", "error": {"type": "api_error", "message": "told to"}})
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError

    return Misbehaving


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("take", [True, False], ids=["taken", "not taken"])
@pytest.mark.parametrize("status", [0, 500, 529], ids=["dropped", "500", "529"])
def test_a_creation_in_doubt_is_found_or_made_again_and_never_twice(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open, times: int, take: bool, status: int
) -> None:
    planned(seeded, quick)
    with serve(misbehaving(times, take=take, status=status), GOOD) as server:
        client = client_of(server)
        sent = send(seeded, client, quick, Caps(), silent)
        assert (sent.batches, sent.requests) == (2, PAIRS)
        states = [batch.state for batch in batches.load(seeded, "rehearsal")][::-1]
        assert states == (["intended", "submitted"] if times == 1 else ["intended", "intended"])
        watch(seeded, client, quick, silent)
        assert_each_once(seeded, server)
        assert totals(seeded, "rehearsal").accepted == PAIRS


def test_an_unconfirmed_creation_is_not_repeated_while_it_may_still_turn_up(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    slow_to_settle = replace(quick, rehearsal_settle_seconds=60.0)
    planned(seeded, quick, 10)
    with serve(misbehaving(1, take=False), GOOD) as server:
        client = client_of(server)
        send(seeded, client, slow_to_settle, Caps(), silent)
        assert resolve(seeded, client, slow_to_settle, silent), "nobody knows yet"
        assert not creations(server)
        time.sleep(quick.rehearsal_settle_seconds)
        assert not resolve(seeded, client, quick, silent)
        assert set(creations(server).values()) == {1}


def test_a_batch_of_somebody_else_is_not_taken_for_ours(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    planned(seeded, quick, 10)
    with serve(misbehaving(1, take=False), INSTANT) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        stranger = [{"custom_id": f"theirs-{number}", "params": {}} for number in range(10)]
        remote = client.create(stranger)
        time.sleep(quick.rehearsal_settle_seconds)
        watch(seeded, client, quick, silent)
        assert remote.id not in batches.remote_ids(seeded)
        assert totals(seeded, "rehearsal").accepted == 10


def test_a_refused_batch_leaves_its_questions_waiting_and_its_money_free(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    planned(seeded, quick, 10)
    with serve(misbehaving(1, take=False, status=413), GOOD) as server:
        client = client_of(server)
        with pytest.raises(NotTaken, match="told to"):
            send(seeded, client, quick, Caps(), silent)
        [failed] = batches.load(seeded, "rehearsal")
        assert (failed.state, "told to" in failed.error) == ("failed", True)
        assert len(requests.unsent(seeded, "rehearsal")) == 10
        assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, 0)
        assert send(seeded, client, quick, Caps(), silent).requests == 10
        watch(seeded, client, quick, silent)
        assert_each_once(seeded, server, 10)


def test_a_busy_server_is_asked_again_after_the_time_it_names(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    class Busy(Handler):
        left = 2

        def _post(self, url: Any) -> dict[str, Any]:
            if type(self).left == 0 or not url.path.endswith("/batches"):
                return super()._post(url)
            type(self).left -= 1
            self._body()
            self.send_response(429)
            self.send_header("retry-after", "0.05")
            self.send_header("Content-Length", "0")
            self.end_headers()
            raise ConnectionResetError

    planned(seeded, quick, 10)
    with serve(Busy, GOOD) as server:
        client = client_of(server)
        assert send(seeded, client, quick, Caps(), silent).requests == 10
        watch(seeded, client, quick, silent)
        assert_each_once(seeded, server, 10)


def test_a_canceled_creation_that_never_arrived_is_not_made_again(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    planned(seeded, quick)
    with serve(misbehaving(1, take=False), GOOD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        assert cancel(seeded, client, quick, silent).unknown == 1
        time.sleep(quick.rehearsal_settle_seconds)
        stopped = cancel(seeded, client, quick, silent)
        assert (stopped.dropped, stopped.unknown) == (30, 0)
        watch(seeded, client, quick, silent)
        assert sum(creations(server).values()) == totals(seeded, "rehearsal").requests == 30


# results


def tampered(change: Callable[[list[bytes], int], list[bytes]]) -> type[Handler]:
    """A server whose results are changed; ``change`` gets the lines, and how often they were asked for before."""

    class Tampered(Handler):
        asked = 0

        def _send_lines(self, lines: Iterator[bytes]) -> None:
            mine = type(self)
            changed = change(list(lines), mine.asked)
            mine.asked += 1
            super()._send_lines(iter(changed))

    return Tampered


def taken_in(
    store: Store, settings: DistillSettings, serve: Serve, client_of: Open, handler: type[Handler]
) -> RehearsalServer:
    settings = replace(settings, batch_size=PAIRS)
    planned(store, settings)
    with serve(handler, INSTANT) as server:
        client = client_of(server)
        send(store, client, settings, Caps(), silent)
        watch(store, client, settings, silent)
    return server


def shuffled_doubled_and_mixed(lines: list[bytes], _: int) -> list[bytes]:
    foreign = b'{"custom_id": "other-question-1", "result": {"type": "expired"}}\n'
    mixed = [*lines, *lines, foreign, b"\n", b"not json\n", b"[]\n", b"\xff\xfe\n"]
    random.Random(1).shuffle(mixed)
    return mixed


def with_a_long_line(lines: list[bytes], _: int) -> list[bytes]:
    return [b'{"custom_id": "x", "result": "' + b"y" * 10_000_000 + b'"}\n', *lines]


def in_small_pieces(lines: list[bytes], _: int) -> list[bytes]:
    whole = b"".join(lines)
    return [whole[start : start + 997] for start in range(0, len(whole), 997)]


@pytest.mark.parametrize("change", [shuffled_doubled_and_mixed, with_a_long_line, in_small_pieces])
def test_results_in_any_shape_are_stored_once(
    seeded: Store,
    quick: DistillSettings,
    serve: Serve,
    client_of: Open,
    change: Callable[[list[bytes], int], list[bytes]],
) -> None:
    server = taken_in(seeded, quick, serve, client_of, tampered(change))
    assert_each_once(seeded, server)
    assert totals(seeded, "rehearsal").accepted == PAIRS


@pytest.mark.parametrize("line", [0, 1, 30, 59])
def test_a_cut_stream_is_read_again(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open, line: int
) -> None:
    class Cut(Handler):
        left = 2

        def _send_lines(self, lines: Iterator[bytes]) -> None:
            mine = type(self)

            def part() -> Iterator[bytes]:
                for number, each in enumerate(lines):
                    if number == line and mine.left:
                        mine.left -= 1
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    yield each

            super()._send_lines(part())

    server = taken_in(seeded, quick, serve, client_of, Cut)
    assert_each_once(seeded, server)
    assert totals(seeded, "rehearsal").accepted == PAIRS


def test_a_stream_that_is_always_cut_keeps_what_came_and_says_so(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    class Cut(Handler):
        def _send_lines(self, lines: Iterator[bytes]) -> None:
            super()._send_lines(each for number, each in enumerate(lines) if number < 5)
            self.connection.shutdown(socket.SHUT_RDWR)

        def send_header(self, keyword: str, value: str) -> None:
            # a length that is never reached: what comes is cut, whatever came
            if keyword == "Transfer-Encoding":
                keyword, value = "Content-Length", "10000000"
            super().send_header(keyword, value)

    with pytest.raises(Unreachable, match="midway"):
        taken_in(seeded, replace(quick, patience_seconds=0.0), serve, client_of, Cut)
    assert batches.in_flight(seeded, "rehearsal")[0].state == "ended"
    assert seeded.value("SELECT count(*) FROM answers") == 5


def test_a_request_without_a_line_is_lost_and_may_be_asked_again(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    from stratos_tui.distill.requeue import requeue

    server = taken_in(seeded, quick, serve, client_of, tampered(lambda lines, _: lines[:-3]))
    assert_each_once(seeded, server, PAIRS - 3)
    assert rejections.counts(seeded) == {"lost": 3}
    assert requeue(seeded, "rehearsal", quick) == 3


def test_lines_that_come_at_the_second_reading_are_not_lost(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    change = tampered(lambda lines, asked: lines if asked else lines[:-3])
    server = taken_in(seeded, quick, serve, client_of, change)
    assert_each_once(seeded, server)
    assert rejections.counts(seeded) == {}


def test_a_batch_that_ends_with_nothing_is_lost_whole_and_costs_nothing(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    taken_in(seeded, quick, serve, client_of, tampered(lambda lines, _: []))
    assert rejections.counts(seeded) == {"lost": PAIRS}
    assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, 0)


def test_a_batch_that_its_server_has_forgotten_is_lost_whole(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    planned(seeded, quick, 10)
    with serve(settings=GOOD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        for path in server.desk.folder.iterdir():
            path.unlink()
        watch(seeded, client, quick, silent)
    assert rejections.counts(seeded) == {"lost": 10}
    assert ledger.spend(seeded, simulated=True).held == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([], "empty"),
        ([{"type": "thinking", "thinking": "hm", "signature": "s"}], "empty"),
        (None, "empty"),
        ([{"type": "text", "text": "\ud800\x1b[2J<|im_end|>"}], "think_missing"),
    ],
)
def test_strange_content_is_an_answer_with_a_verdict(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open, content: Any, code: str
) -> None:
    def strange(lines: list[bytes], _: int) -> list[bytes]:
        rows = [json.loads(line) for line in lines]
        for row in rows:
            row["result"]["message"]["content"] = content
        return [json.dumps(row).encode() + b"\n" for row in rows]

    server = taken_in(seeded, quick, serve, client_of, tampered(strange))
    assert_each_once(seeded, server)
    assert rejections.counts(seeded) == {code: PAIRS}


def test_a_thinking_block_before_two_text_blocks_is_read_past(
    seeded: Store, quick: DistillSettings, serve: Serve, client_of: Open
) -> None:
    def blocks(lines: list[bytes], _: int) -> list[bytes]:
        rows = [json.loads(line) for line in lines]
        for row in rows:
            message = row["result"]["message"]
            text = message["content"][0]["text"]
            parts = [{"type": "text", "text": part} for part in (text[:50], text[50:])]
            message["content"] = [{"type": "thinking", "thinking": "hm", "signature": "s"}, *parts]
        return [json.dumps(row).encode() + b"\n" for row in rows]

    taken_in(seeded, quick, serve, client_of, tampered(blocks))
    assert totals(seeded, "rehearsal").accepted == PAIRS
