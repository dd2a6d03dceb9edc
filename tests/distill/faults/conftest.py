"""A server that misbehaves as it is told and keeps its own books, and the one assertion that every fault ends with."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import send
from stratos_tui.distill.watch import watch
from stratos_tui.progress import silent
from stratos_tui.store import ledger
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import BatchClient
from stratos_tui.teachers.catalog import REHEARSAL, find_teacher
from stratos_tui.teachers.rehearsal.desk import Desk, Head
from stratos_tui.teachers.rehearsal.server import Handler, RehearsalServer
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    import anthropic

PAIRS = 60
GOOD = RehearsalSettings(bad_share=0.0, latency_seconds=0.02, seconds_per_request=0.0)

Creating = Callable[["FaultHandler", Callable[[], dict[str, Any]]], dict[str, Any]]
"""What one creation comes to: gets the connection, and what takes the batch as a good server does."""
Getting = Callable[["FaultHandler", str, Callable[[], Any]], Any]
"""What a GET of a path comes to: gets the connection, the path, and what answers as a good server does."""
Results = Callable[["FaultHandler", list[bytes], int], Iterable[bytes]]
"""What is sent as results: gets the connection, the good lines, and how often results were sent before."""
Serve = Callable[..., AbstractContextManager["FaultServer"]]
Open = Callable[..., BatchClient]
Plan = Callable[..., None]
Run = Callable[..., None]
ExactlyOnce = Callable[..., None]


class FaultServer(RehearsalServer):
    """The rehearsal's protocol with faults on order, and what it really took and sent.

    ``created`` counts by the question's own id; ``streams`` are results as they went out.
    """

    def __init__(
        self,
        folder: Path,
        settings: RehearsalSettings,
        creations: list[Creating],
        gets: Getting | None,
        results: Results | None,
    ) -> None:
        super().__init__(folder, settings)
        self.RequestHandlerClass = FaultHandler
        self.desk = _CountingDesk(folder, settings)
        self.creations = creations
        self.gets = gets
        self.results = results
        self.streams: list[bytearray] = []

    @property
    def created(self) -> Counter[str]:
        """How often each question was taken."""
        assert isinstance(self.desk, _CountingDesk)
        return self.desk.created

    @property
    def params(self) -> list[dict[str, Any]]:
        """What each question that was taken asked for."""
        assert isinstance(self.desk, _CountingDesk)
        return self.desk.params

    def finish(self, *remote_ids: str) -> None:
        """End these batches, whole, whatever was still before them."""
        for each in remote_ids:
            head = self.desk.head(each)
            self._keep(replace(head, begins=head.created, ends=head.created))

    def halve(self, remote_id: str) -> None:
        """Have a batch be at half of its questions, now and for the next hours."""
        now = time.time()
        self._keep(replace(self.desk.head(remote_id), begins=now - 1e6, ends=now + 1e6))

    def _keep(self, head: Head) -> None:
        (self.desk.folder / f"{head.id}.head.json").write_text(json.dumps(asdict(head)), "utf-8")

    def lines(self) -> list[bytes]:
        """Every whole line of results that went out."""
        return [line for stream in self.streams for line in bytes(stream).split(b"\n")]


class _CountingDesk(Desk):
    def __init__(self, folder: Path, settings: RehearsalSettings) -> None:
        super().__init__(folder, settings)
        self.created: Counter[str] = Counter()
        self.params: list[dict[str, Any]] = []

    def create(self, body: Any) -> Head:
        for each in body["requests"]:
            # it answers for whatever model is asked: the paid path ends here too
            each["params"]["model"] = REHEARSAL
        head = super().create(body)
        self.created.update(_own_ids(body))
        self.params += [each["params"] for each in body["requests"]]
        return head


class FaultHandler(Handler):
    """One connection of a server that can be told to misbehave."""

    server: FaultServer
    _kept: Any = None

    def fail(self, status: int, kind: str = "api_error", **headers: str) -> NoReturn:
        """Answer with an error that says nothing about whether the batch was taken, and close."""
        data = json.dumps({"type": "error", "error": {"type": kind, "message": "told to"}}).encode()
        self.answer(status, data, **headers)

    def refuse(self, status: int, kind: str = "rate_limit_error", **headers: str) -> NoReturn:
        """Say that the batch is not taken."""
        self.fail(status, kind, **headers)

    def answer(self, status: int, data: bytes, **headers: str) -> NoReturn:
        """Answer with these bytes, and close."""
        self.send_response(status)
        every = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"}
        for name, value in (every | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)
        raise ConnectionResetError

    def drop(self) -> NoReturn:
        """Let the connection fall."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError

    def _body(self) -> Any:
        if self._kept is None:
            self._kept = super()._body()
        return self._kept

    def _post(self, url: Any) -> dict[str, Any]:
        self._kept = None
        if not url.path.endswith("/batches") or not self.server.creations:
            return super()._post(url)
        self._body()
        answer: Callable[[Any], dict[str, Any]] = super()._post
        return self.server.creations.pop(0)(self, lambda: answer(url))

    def _get(self, url: Any) -> Any:
        if self.server.gets is None:
            return super()._get(url)
        answer: Callable[[Any], Any] = super()._get
        return self.server.gets(self, url.path, lambda: answer(url))

    def _send_lines(self, lines: Iterator[bytes]) -> None:
        results, before, sent = self.server.results, len(self.server.streams), bytearray()
        self.server.streams.append(sent)

        def written() -> Iterator[bytes]:
            for piece in results(self, list(lines), before) if results else lines:
                sent.extend(piece)
                yield piece

        super()._send_lines(written())


@pytest.fixture
def faulty(tmp_path: Path) -> Serve:
    """Serve with faults: ``creations`` one after the other, then good ones; every GET through ``gets``."""

    @contextmanager
    def served(
        *,
        creations: Iterable[Creating] = (),
        gets: Getting | None = None,
        results: Results | None = None,
        settings: RehearsalSettings = GOOD,
    ) -> Iterator[FaultServer]:
        server = FaultServer(tmp_path / "served", settings, list(creations), gets, results)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return served


@pytest.fixture
def client_of(seeded: Store) -> Iterator[Open]:
    """Real clients of the SDK, closed at the end. The SDK's own retries are on, as they are for Claude."""
    import anthropic
    import httpx2

    clients = []

    def opened(
        server: RehearsalServer, teacher: str = "rehearsal", stall_seconds: float = 20.0, retries: int = 0
    ) -> BatchClient:
        def connect() -> anthropic.Anthropic:
            http_client = httpx2.Client(trust_env=False, timeout=20.0)
            return anthropic.Anthropic(
                api_key="any", base_url=server.base_url, max_retries=retries, http_client=http_client
            )

        clients.append(BatchClient(find_teacher(seeded, teacher), connect, stall_seconds=stall_seconds))
        return clients[-1]

    yield opened
    for client in clients:
        client.close()


@pytest.fixture
def planned(seeded: Store, quick: DistillSettings) -> Plan:
    """Plan questions about the first pairs."""

    def made(pairs: int = PAIRS, teacher: str = "rehearsal") -> None:
        keep(seeded, plan(seeded, teacher, choose_pairs(seeded, limit=pairs)), quick)

    return made


@pytest.fixture
def run_all(seeded: Store, quick: DistillSettings) -> Run:
    """Send and watch until nothing is planned or in flight, however little fits under the caps at a time."""

    def run(client: BatchClient, caps: Caps | None = None, settings: DistillSettings = quick) -> None:
        while True:
            sent = send(seeded, client, settings, caps or Caps(), silent)
            watch(seeded, client, settings, silent)
            if not sent.held_back:
                return
            assert sent.requests, "nothing fits"

    return run


@pytest.fixture
def exactly_once(seeded: Store) -> ExactlyOnce:
    """The shared assertion: created once, stored once as it was sent, paid once, and never above the cap."""

    def check(server: FaultServer, *, answered: int | None = None, cap: int | None = None) -> None:
        assert server.created or answered == 0, "nothing was ever created: the test tests nothing"
        assert_exactly_once(seeded, server, cap)
        if answered is not None:
            assert seeded.value("SELECT count(*) FROM answers WHERE result_type != 'lost'") == answered

    return check


def assert_exactly_once(store: Store, server: FaultServer, cap: int | None) -> None:
    """Compare a store with the server's own books; the arithmetic is this test's, not the code's."""
    ours = {row["custom_id"] for row in store.rows("SELECT custom_id FROM requests")}
    for own_id, times in server.created.items():
        assert own_id not in ours or times <= 1, f"{own_id} was created {times} times"

    under_way = store.value("SELECT count(*) FROM batches WHERE state IN ('intended', 'submitted', 'ended')")
    sent = _sent(store, server)
    stored = {
        row["custom_id"]: row["raw"]
        for row in store.rows(
            "SELECT custom_id, raw FROM answers JOIN requests ON requests.id = request_id WHERE result_type != 'lost'"
        )
    }
    assert set(stored) <= set(sent)
    assert under_way or set(stored) == set(sent), "an answered request is not stored"
    assert all(raw in sent[own_id] for own_id, raw in stored.items())

    billed = {own_id: cost for own_id, raw in stored.items() if (cost := _cost(raw)) is not None}
    settled = store.rows(
        "SELECT custom_id, nanodollars FROM ledger JOIN requests ON requests.id = request_id WHERE kind = 'settle'"
    )
    assert {row["custom_id"]: row["nanodollars"] for row in settled} == billed
    assert len(settled) == len(billed)
    known = [ledger.spend(store, simulated=kind) for kind in (True, False)]
    assert sum(each.settled for each in known) == sum(billed.values())
    assert under_way or [each.held for each in known] == [0, 0]
    assert min(each.held for each in known) >= 0
    assert cap is None or _peak(store) <= cap


def _sent(store: Store, server: FaultServer) -> dict[str, list[str]]:
    """The lines that answered our requests, by own id; of what is no line, or somebody else's, there are none."""
    batch_of = {
        f"{row['run_token']}-{row['custom_id']}": row["custom_id"]
        for row in store.rows("SELECT run_token, custom_id FROM requests JOIN batches ON batches.id = batch_id")
    }
    found: dict[str, list[str]] = defaultdict(list)
    for line in server.lines():
        try:
            wire = json.loads(line)["custom_id"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if wire in batch_of:
            found[batch_of[wire]].append(line.decode())
    return found


def _cost(raw: str) -> int | None:
    # claude-opus-5-5 in a batch: 4 and 20 $ a million, halved; a cache write 1.25 and a read 0.05 of an input token
    result = json.loads(raw)["result"]
    if result["type"] != "succeeded":
        return None
    usage = result["message"]["usage"]
    cached = 2_500 * usage["cache_creation_input_tokens"] + 100 * usage["cache_read_input_tokens"]
    return int(2_000 * usage["input_tokens"] + cached + 10_000 * usage["output_tokens"])


def _peak(store: Store) -> int:
    """The most that was settled and held at any commit; what a transaction settles and lets go belongs together."""
    peak = known = 0
    rows = store.rows("SELECT kind, nanodollars FROM ledger ORDER BY id")
    for number, row in enumerate(rows):
        known += -row["nanodollars"] if row["kind"] == "release" else row["nanodollars"]
        following = rows[number + 1]["kind"] if number + 1 < len(rows) else "reserve"
        if row["kind"] != "settle" or following == "reserve":
            peak = max(peak, known)
    return peak


def _own_ids(body: Any) -> list[str]:
    return [each["custom_id"].partition("-")[2] for each in body["requests"]]
