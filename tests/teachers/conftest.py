"""What the teachers' tests share: rendered pairs, a rehearsal process, and a server in this process to meddle with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.teachers.rehearsal.process import Rehearsal
from stratos_tui.teachers.rehearsal.server import Handler, RehearsalServer
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.wire import custom_id, message_params, wire_id

Requests = Callable[[int], list[dict[str, Any]]]
Serve = Callable[..., AbstractContextManager[RehearsalServer]]
Connect = Callable[[str], anthropic.Anthropic]

FAST = RehearsalSettings(latency_seconds=0.02, seconds_per_request=0.0)


@pytest.fixture
def requests_of() -> Requests:
    """The requests of the first pairs of what ships, as a batch has them."""

    def made(count: int) -> list[dict[str, Any]]:
        pairs = ((article, profile) for article, _ in shipped_articles() for profile in shipped_profiles())
        return [
            {
                "custom_id": wire_id("0123456789ab", custom_id("rehearsal", article.id, profile.id, 1)),
                "params": message_params(
                    "rehearsal", profile, article, article.fetched or date(2026, 11, 1), max_tokens=2000, effort="low"
                ),
            }
            for article, profile in islice(pairs, count)
        ]

    return made


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Real clients of the SDK, closed at the end."""
    clients: list[anthropic.Anthropic] = []

    def connected(base_url: str) -> anthropic.Anthropic:
        http_client = httpx2.Client(trust_env=False, timeout=20.0)
        clients.append(anthropic.Anthropic(api_key="any", base_url=base_url, max_retries=0, http_client=http_client))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def rehearsal(tmp_path: Path) -> Iterator[Rehearsal]:
    """A rehearsal server in a process of its own, started at first use."""
    with Rehearsal(tmp_path / "rehearsal", FAST) as server:
        yield server


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """A rehearsal server in this process, with a handler that may misbehave."""

    @contextmanager
    def served(handler: type[Handler] = Handler, settings: RehearsalSettings = FAST) -> Iterator[RehearsalServer]:
        server = RehearsalServer(tmp_path / "served", settings)
        server.RequestHandlerClass = handler
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    return served
