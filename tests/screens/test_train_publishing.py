from __future__ import annotations

import json
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from screens.dialogs import ConfirmScreen
from screens.frame import Notice, PhaseScreen
from screens.widgets.bars import KeyBar
from stratos_tui.app import StratosApp
from stratos_tui.store import models, runs
from stratos_tui.store.db import Store

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
VERSION = "0.33.2"
SMOKE = {
    "ok": True,
    "checks": [
        {"probe": "noise", "ok": True, "score": 0.3, "wanted": "below 2.0"},
        {"probe": "[b]hit[/b]", "ok": False, "score": None, "wanted": "at least 5.5"},
    ],
}


class Server(ThreadingHTTPServer):
    """An Ollama server that has every model; ``copied`` is what was given another name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.copied: list[dict[str, str]] = []


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(json.dumps({"version": VERSION}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert isinstance(self.server, Server)
        if self.path == "/api/copy":
            self.server.copied.append(asked)
        self._answer(b'{"details": {}, "model_info": {}}' if self.path == "/api/show" else b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def published(
    store: Store, run: int, mark: str, state: models.ModelState = "usable", host: str = "", **more: Any
) -> int:
    model = models.add(store, run, "stratos")
    parity = {"equal": True, "host": host or os.environ.get("OLLAMA_HOST", ""), "server": VERSION}
    models.update(store, model, state, fingerprint=mark, parity=parity, smoke=SMOKE, **more)
    return model


def meters(app: StratosApp) -> str:
    return str(app.screen.query_one("#meters Static", Static).content)


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def asked(app: StratosApp) -> str:
    assert isinstance(app.screen, ConfirmScreen)
    return "\n".join(str(each.content) for each in app.screen.query(Static))


async def open_train(pilot: Pilot[None], settle: Settle) -> None:
    await pilot.press("7")
    await settle(pilot)


async def test_how_far_a_run_is_published_stands_with_what_the_server_answered(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    published(prepared, 1, "aaaaaaaaaaaa")
    published(prepared, 1, "bbbbbbbbbbbb")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle)
        shown = meters(app)
        assert "stratos:run-1-bbbbbbbb" in shown
        assert "✓ usable, current" in shown
        assert "stratos:run-1-aaaaaaaa (b goes back)" in shown
        assert "✓ as trained" in shown
        assert "✓ noise 0.3, wanted below 2.0" in shown
        assert "✗ [b]hit[/b] unreadable, wanted at least 5.5" in shown


async def test_a_refused_model_says_why_and_the_one_before_stays_current(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    published(prepared, 1, "aaaaaaaaaaaa")
    published(prepared, 1, "bbbbbbbbbbbb", "refused", error="the smoke test failed: [red]hit[/red]\x1b[0m scored 1.0")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle)
        shown = meters(app)
        assert "✗ refused" in shown
        assert "current  stratos:run-1-aaaaaaaa" in shown
        assert "[red]hit[/red]␛[0m scored 1.0" in shown


async def test_b_goes_back_to_the_model_before_on_the_models_own_server(
    prepared: Store,
    app: StratosApp,
    settle: Settle,
    until: Until,
    ollama: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = published(prepared, 1, "aaaaaaaaaaaa")
    away = published(prepared, 1, "cccccccccccc", host="http://127.0.0.1:9")
    # the same weights twice
    published(prepared, 1, "bbbbbbbbbbbb")
    published(prepared, 1, "bbbbbbbbbbbb")
    # whatever the app was started with, it is the server that the screen shows
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle)
        assert "stratos:run-1-cccccccc, current at http://127.0.0.1:9" in " ".join(meters(app).split())
        await pilot.press("b")
        await settle(pilot)
        assert "Go back to stratos:run-1-aaaaaaaa?" in asked(app)
        assert "stratos:run-1-bbbbbbbb is current now" in asked(app)
        await pilot.press("n")
        await settle(pilot)
        assert len(models.usable(prepared, "stratos")) == 4
        await pilot.press("b")
        await settle(pilot)
        await pilot.press("y")
        await until(pilot, lambda: "publish rollback is done" in notice(app))
    assert [each.id for each in models.usable(prepared, "stratos")] == [away, before]
    assert ollama.copied == [{"source": "stratos:run-1-aaaaaaaa", "destination": "stratos:current"}]


async def test_b_is_offered_only_where_there_is_something_to_go_back_to(
    prepared: Store, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_train(pilot, settle)
        for models_known in range(3):
            keys = str(app.screen.query_one(KeyBar).render())
            assert ("b roll back" in keys) == (models_known == 2)
            await pilot.press("b")
            await settle(pilot)
            assert isinstance(app.screen, ConfirmScreen) == (models_known == 2)
            published(prepared, 1, f"{models_known}" * 12)
            await pilot.press("1", "7")
            await settle(pilot)


async def test_capital_p_publishes_and_a_failure_is_said(
    prepared: Store, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle)
        await pilot.press("P")
        await settle(pilot)
        assert "Publish run 1 as stratos?" in asked(app)
        await pilot.press("y")
        # this run's model was never written
        await until(pilot, lambda: "P tries again" in notice(app))
        assert "✗" in notice(app)


async def test_only_a_finished_run_is_published(prepared: Store, app: StratosApp, settle: Settle) -> None:
    run = runs.add(prepared, 1, "nano", {}, "queued")
    async with app.run_test(size=(120, 40)) as pilot:
        await open_train(pilot, settle)
        assert "publish" not in str(app.screen.query_one(KeyBar).render())
        await pilot.press("P")
        await settle(pilot)
        assert not isinstance(app.screen, ConfirmScreen)
        runs.finish(prepared, run, "done")
        cast("PhaseScreen[Any]", app.screen).reload()
        await settle(pilot)
        await pilot.press("P")
        await settle(pilot)
        assert f"Publish run {run} as stratos?" in asked(app)


@SNAPSHOTS
def test_a_published_run_looks_right(
    snap_compare: Any, prepared: Store, app: StratosApp, settle: Settle, size: tuple[int, int]
) -> None:
    published(prepared, 1, "aaaaaaaaaaaa")
    published(prepared, 1, "bbbbbbbbbbbb")

    async def there(pilot: Pilot[None]) -> None:
        await open_train(pilot, settle)
        if size == (80, 24):
            await pilot.press("v", "v", "v")
            await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)
