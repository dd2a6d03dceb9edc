"""What tests share: stores in temporary folders."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from stratos_tui.profiles.shipped import load_shipped, shipped_articles, shipped_profiles
from stratos_tui.store.db import Store, open_store

settings.register_profile(
    "suite",
    deadline=None,
    # a busy machine is slow to draw; and what examples share of a fixture they are written to share
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    # where changes are judged, all are judged by the same examples
    derandomize="CI" in os.environ,
)
settings.load_profile("suite")

DIE = """
import os, signal
from stratos_tui.store import runs

put, finish = runs.put_point, runs.finish

def die_at(point):
    if os.environ["DIE_AT"] == point:
        os.kill(os.getpid(), signal.SIGKILL)

def put_point(store, run_id, point):
    put(store, run_id, point)
    die_at(f"{point.split} {point.step}")

def finish_run(store, run_id, state, **what):
    die_at(state)
    finish(store, run_id, state, **what)

runs.put_point, runs.finish = put_point, finish_run
"""
"""What a training process runs before anything else, as its sitecustomize."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty, migrated store."""
    opened = open_store(tmp_path / "stratos.db")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store's file that holds what ships in data/; to copy, never to open."""
    path = tmp_path_factory.mktemp("seeded") / "stratos.db"
    opened = open_store(path)
    load_shipped(opened)
    opened.close()
    return path


@pytest.fixture
def seeded(seeded_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own that holds the ten profiles, the hundred articles and their expected scores."""
    opened = open_store(shutil.copy(seeded_file, tmp_path / "stratos.db"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained Qwen3 of a few thousand weights. What it writes cannot be parsed."""
    pytest.importorskip("torch", reason="the training stack is not installed")
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.prism.prompts import student_prompt
    from stratos_tui.training.nano import build_model, build_tokenizer
    from stratos_tui.training.recipes import NanoShape

    shape = replace(
        NanoShape(), vocabulary=600, hidden=16, layers=1, heads=2, key_value_heads=2, head_dim=8, feed_forward=16
    )
    day = date(2026, 11, 20)
    texts = [student_prompt(p, a, day) for p in shipped_profiles()[:3] for a, _ in list(shipped_articles())[:6]]
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = build_tokenizer(texts, shape.vocabulary)
    tokenizer.save_pretrained(str(folder))
    build_model(tokenizer, shape, seed=0).save_pretrained(str(folder))
    return folder


@pytest.fixture
def die_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the next training process end itself by kill -9 right after it stored ``train N``, ``eval N`` or before
    it closes its run as ``done``; an empty point lets it live."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(DIE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])]))

    def at(point: str) -> None:
        monkeypatch.setenv("DIE_AT", point)

    return at


GO_SECONDS = 120
"""How long building the Go program may take; it takes two."""

Conversations = list[list[dict[str, str]]]
RenderByGo = Callable[[str, Conversations], list[str]]


@pytest.fixture(scope="session")
def render_by_go(tmp_path_factory: pytest.TempPathFactory) -> RenderByGo:
    """Render conversations by a Modelfile's TEMPLATE with Go's own text/template, as a server does."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed, so no TEMPLATE can be rendered (Debian: apt-get install golang-go)")
    folder = tmp_path_factory.mktemp("go")
    # nothing is fetched: the program needs the standard library alone
    own = {"GOFLAGS": "-mod=mod", "GO111MODULE": "off", "GOPROXY": "off", "GOTELEMETRY": "off"}
    places = {name: str(folder / name) for name in ("GOCACHE", "GOPATH")}
    source = Path(__file__).parent / "go" / "render.go"
    subprocess.run(
        [go, "build", "-o", str(folder / "render"), str(source)],
        env={**os.environ, **own, **places},
        check=True,
        capture_output=True,
        timeout=GO_SECONDS,
    )

    def render(template: str, conversations: Conversations) -> list[str]:
        asked = {"template": template, "conversations": [{"messages": each} for each in conversations]}
        done = subprocess.run(
            [folder / "render"], input=json.dumps(asked).encode(), capture_output=True, check=True, timeout=GO_SECONDS
        )
        answer = json.loads(done.stdout)
        assert "error" not in answer, answer
        rendered: list[str] = answer["rendered"]
        return rendered

    return render


@dataclass
class Reply:
    """What a chat server answers: a JSON ``body``, or ``lines`` of it; ``drop`` cuts the connection after them."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    lines: list[Any] | None = None
    drop: bool = False


class ChatServer(ThreadingHTTPServer):
    """Speaks /v1/chat/completions and /api/chat on a loopback port; ``answer`` makes each reply from the body sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ChatHandler)
        self.answer: Callable[[dict[str, Any]], Reply] = lambda body: Reply({}, 404)
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _ChatHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ChatServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append({"path": self.path, **body})
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        reply = self.server.answer(body)
        lines = reply.lines if reply.lines is not None else [reply.body]
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        if not reply.drop or reply.lines:
            self.send_response(reply.status)
            kind = "application/json" if reply.lines is None else "application/x-ndjson"
            length = len(content) + (1 if reply.drop else 0)
            for name, value in {"Content-Type": kind, "Content-Length": str(length), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        if reply.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """A chat server of this test's own, to be given answers and faults."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reply() -> type[Reply]:
    """What a chat server's replies are made of."""
    return Reply
