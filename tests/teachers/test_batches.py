from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import (
    LONGEST_WAIT,
    SPEND_LIMIT,
    BatchClient,
    Busy,
    Gone,
    InDoubt,
    NotTaken,
    Unreachable,
    open_client,
)
from stratos_tui.teachers.catalog import Teacher, find_teacher
from stratos_tui.teachers.live import Question, open_live
from stratos_tui.teachers.prices import price_of
from stratos_tui.teachers.rehearsal.server import Handler, RehearsalServer
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.teachers.conftest import Connect, Requests, Serve

INSTANT = RehearsalSettings(latency_seconds=0.0, seconds_per_request=0.0)
MODEL = "claude-opus-5-5"
CLAUDE = Teacher(f"claude:{MODEL}", MODEL, "batches", price=price_of(MODEL), needs_terms=True, thinks=True)


def client_of(server: RehearsalServer, connect: Connect) -> BatchClient:
    # the SDK's own retries stay on, as they are for Claude: creating must not use them
    return BatchClient(CLAUDE, lambda: connect(server.base_url).with_options(max_retries=2))


def creations(server: RehearsalServer) -> int:
    return len(server.desk.heads())


class DropsAfterTaking(Handler):
    """Takes a batch and lets the connection fall before it answers."""

    def _post(self, url: Any) -> dict[str, Any]:
        super()._post(url)
        self.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError


class Answers(Handler):
    """Answers every creation with a status, and takes nothing."""

    status = 500
    headers_sent: tuple[tuple[str, str], ...] = ()
    error: dict[str, Any] = {"type": "api_error", "message": "told to"}  # noqa: RUF012
    asked = 0

    def do_POST(self) -> None:  # noqa: N802
        type(self).asked += 1
        self._body()
        data = json.dumps({"type": "error", "error": self.error}).encode()
        self.send_response(self.status)
        for name, value in (*self.headers_sent, ("Content-Length", str(len(data)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class CutsResults(Handler):
    """Stops in the middle of the third line of results."""

    def _send_lines(self, lines: Iterator[bytes]) -> None:
        def cut() -> Iterator[bytes]:
            for number, line in enumerate(lines):
                yield line if number < 2 else line[: len(line) // 2]
                if number == 2:
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return

        super()._send_lines(cut())


class SendsElsewhere(Handler):
    """Says that its results are on another host, and remembers who was asked with which key."""

    elsewhere = ""
    keys: list[str]

    def _get(self, url: Any) -> Any:
        answer = super()._get(url)
        if isinstance(answer, dict) and answer.get("results_url"):
            answer["results_url"] = f"{self.elsewhere}/stolen"
        return answer


def test_a_dropped_connection_leaves_one_batch_and_doubt(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve(DropsAfterTaking) as server:
        with pytest.raises(InDoubt):
            client_of(server, connect).create(requests_of(3))
        assert creations(server) == 1


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
def test_a_failing_server_is_asked_once_and_leaves_doubt(
    serve: Serve, connect: Connect, requests_of: Requests, status: int
) -> None:
    class Failing(Answers):
        pass

    Failing.status = status
    with serve(Failing) as server, pytest.raises(InDoubt, match="told to"):
        client_of(server, connect).create(requests_of(1))
    assert Failing.asked == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_says_that_nothing_was_taken(
    serve: Serve, connect: Connect, requests_of: Requests, status: int
) -> None:
    with serve(type("Refusing", (Answers,), {"status": status})) as server, pytest.raises(NotTaken, match="told to"):
        client_of(server, connect).create(requests_of(1))


def test_an_overloaded_server_leaves_doubt_and_says_how_long_to_wait(
    serve: Serve, connect: Connect, requests_of: Requests
) -> None:
    overloaded = type("Overloaded", (Answers,), {"status": 529, "headers_sent": (("retry-after", "7"),)})
    with serve(overloaded) as server, pytest.raises(InDoubt) as doubt:
        client_of(server, connect).create(requests_of(1))
    assert doubt.value.wait == 7.0


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e9", LONGEST_WAIT),
        ("inf", LONGEST_WAIT),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Sun, 01 Nov 2026 00:00:00 GMT", 0.0),
        ("Fri, 01 Nov 2999 00:00:00 GMT", LONGEST_WAIT),
    ],
)
def test_a_busy_server_says_how_long_to_wait(
    serve: Serve, connect: Connect, requests_of: Requests, said: str, wait: float | None
) -> None:
    class Crowded(Answers):
        status = 429
        headers_sent = (("retry-after", said),)

    with serve(Crowded) as server, pytest.raises(Busy) as busy:
        client_of(server, connect).create(requests_of(1))
    assert busy.value.wait == wait
    assert Crowded.asked == 1


def test_a_month_s_spend_limit_is_a_refusal(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    error = {"type": "rate_limit_error", "message": "no more", "details": {"error_code": SPEND_LIMIT}}
    spent = type("Spent", (Answers,), {"status": 429, "error": error})
    with serve(spent) as server, pytest.raises(NotTaken, match="no more") as refusal:
        client_of(server, connect).create(requests_of(1))
    assert not isinstance(refusal.value, Busy)


@pytest.mark.parametrize(
    "said", [b"", b"nonsense", b"{}", b"[]", b"null", b'{"id": 7}', b'{"id": "msgbatch_1"}', b"\xff"]
)
def test_an_answer_that_cannot_be_read_is_doubt_when_creating_and_out_of_reach_when_asking(
    serve: Serve, connect: Connect, requests_of: Requests, said: bytes
) -> None:
    class Mumbles(Handler):
        def _send(self, status: int, answer: dict[str, Any]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    with serve(Mumbles, INSTANT) as server:
        client = client_of(server, connect)
        with pytest.raises(InDoubt):
            client.create(requests_of(1))
        assert creations(server) == 1
        [head] = server.desk.heads()
        with pytest.raises(Unreachable):
            client.status(head.id)
        with pytest.raises(Unreachable):
            client.cancel(head.id)


def test_results_that_fall_silent_count_as_cut(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    over = threading.Event()

    class Silent(Handler):
        def _send_lines(self, lines: Iterator[bytes]) -> None:
            def slow() -> Iterator[bytes]:
                yield next(lines)
                over.wait()
                yield from lines

            super()._send_lines(slow())

    with serve(Silent, INSTANT) as server:
        client = BatchClient(CLAUDE, lambda: connect(server.base_url), stall_seconds=0.2)
        made = client.create(requests_of(3))
        got: list[bytes] = []
        said = ""
        # the time bounds opening as well: on a busy machine that may be cut too
        while "midway" not in said:
            got.clear()
            with pytest.raises(Unreachable) as cut, client.results(made.id) as lines:
                got.extend(lines)
            said = str(cut.value)
        over.set()
        assert len(got) == 1


def test_nobody_there_is_doubt_when_creating_and_out_of_reach_when_asking(
    connect: Connect, requests_of: Requests
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = BatchClient(CLAUDE, lambda: connect(f"http://127.0.0.1:{port}"))
    with pytest.raises(InDoubt):
        client.create(requests_of(1))
    with pytest.raises(Unreachable):
        client.status("any")


def test_the_address_of_results_is_made_here_and_the_key_goes_nowhere_else(
    serve: Serve, connect: Connect, requests_of: Requests
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        thief.settimeout(0.2)
        elsewhere = f"http://127.0.0.1:{thief.getsockname()[1]}"
        with serve(type("Elsewhere", (SendsElsewhere,), {"elsewhere": elsewhere}), INSTANT) as server:
            client = client_of(server, connect)
            made = client.create(requests_of(3))
            assert client.status(made.id).ended
            with client.results(made.id) as lines:
                assert len(list(lines)) == 3
        with pytest.raises(TimeoutError):
            thief.accept()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_that_goes_to_claude_follows_a_redirect(
    serve: Serve, requests_of: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    stolen: list[str] = []

    class Thief(Handler):
        def _answer(self, respond: Any) -> None:
            stolen.append(f"{self.command} {self.path}")
            super()._answer(respond)

    class Redirects(Handler):
        elsewhere = ""
        asked = 0

        def _answer(self, respond: Any) -> None:
            type(self).asked += 1
            if self.command == "POST":
                self._body()
            self.send_response(status)
            self.send_header("Location", self.elsewhere + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serve(Thief, INSTANT) as thief, serve(Redirects, INSTANT) as server:
        Redirects.elsewhere = thief.base_url
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with open_client(CLAUDE, tmp_path / "no.db") as client:
            with pytest.raises(NotTaken):
                client.create(requests_of(1))
            for ask in (
                lambda: client.status("msgbatch_1"),
                lambda: client.cancel("msgbatch_1"),
                lambda: client.since(datetime(2026, 11, 1, tzinfo=UTC)),
                lambda: client.count(requests_of(1)[0]["params"]),
                lambda: client.results("msgbatch_1").__enter__(),
            ):
                with pytest.raises(Unreachable):
                    ask()
        with open_live(CLAUDE, tmp_path / "no.db") as live, pytest.raises(NotTaken):
            live.ask(Question("one", "system", "user", 100, "low"))
    assert Redirects.asked == 7
    assert stolen == []


def test_a_cut_stream_gives_whole_lines_and_then_says_so(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve(CutsResults, INSTANT) as server:
        client = client_of(server, connect)
        made = client.create(requests_of(6))
        got: list[bytes] = []
        with pytest.raises(Unreachable, match="midway"), client.results(made.id) as lines:
            got.extend(lines)
        assert all(json.loads(line)["custom_id"] for line in got[:2])


def test_lines_are_parted_at_newlines_alone(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    class Separators(Handler):
        def _send_lines(self, lines: Iterator[bytes]) -> None:
            text = json.dumps({"a": "x\u2028y\u0085z\x1c"}, ensure_ascii=False).encode()
            super()._send_lines(iter([text[:5], text[5:], b"\n", text, b"\n\n", b'{"b": 1}']))

    with serve(Separators, INSTANT) as server:
        client = client_of(server, connect)
        made = client.create(requests_of(1))
        with client.results(made.id) as lines:
            got = [json.loads(line) for line in lines if line]
    assert got == [{"a": "x\u2028y\u0085z\x1c"}, {"a": "x\u2028y\u0085z\x1c"}, {"b": 1}]


def test_a_batch_that_the_server_does_not_know_is_gone(serve: Serve, connect: Connect) -> None:
    with serve() as server:
        client = client_of(server, connect)
        with pytest.raises(Gone):
            client.status("msgbatch_other")
        with pytest.raises(Gone), client.results("../../health"):
            pass


def test_a_refused_key_is_said_at_once(serve: Serve, connect: Connect) -> None:
    class Locked(Handler):
        def do_GET(self) -> None:  # noqa: N802
            self._send(401, {"type": "error", "error": {"type": "authentication_error", "message": "bad key"}})

    with serve(Locked) as server, pytest.raises(StratosError, match="refuses the key: bad key"):
        client_of(server, connect).status("any")


def test_only_batches_since_a_moment_are_listed(serve: Serve, connect: Connect, requests_of: Requests) -> None:
    with serve() as server:
        client = client_of(server, connect)
        made = [client.create(requests_of(count)) for count in (1, 2)]
        assert made[0].expires == made[0].created + timedelta(days=1)
        listed = client.since(datetime.now(UTC) - timedelta(minutes=1))
        assert [(each.id, each.requests) for each in listed] == [(made[1].id, 2), (made[0].id, 1)]
        assert [each.id for each in client.since(made[1].created)] == [made[1].id]
        assert client.since(datetime.now(UTC) + timedelta(minutes=1)) == []


def test_claude_needs_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(StratosError, match="ANTHROPIC_API_KEY"), open_client(CLAUDE, tmp_path / "stratos.db"):
        pass


def test_a_proxy_does_not_stand_between_us_and_a_rehearsal(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests_of: Requests
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with open_client(find_teacher(store, "rehearsal"), tmp_path / "stratos.db", INSTANT) as client:
        assert client.create(requests_of(1)).requests == 1
