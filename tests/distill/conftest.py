"""What the distillation's tests share: quick settings, what a store comes to, and a server to meddle with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store.db import Store
from stratos_tui.teachers.rehearsal.server import Handler, RehearsalServer
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

Rows = dict[str, list[tuple[Any, ...]]]
Serve = Callable[..., AbstractContextManager[RehearsalServer]]


@pytest.fixture
def quick() -> DistillSettings:
    """Settings under which a rehearsal takes no longer than it must; four in ten answers are bad."""
    return DistillSettings(
        batch_size=30,
        rehearsal_poll_seconds=0.02,
        rehearsal_settle_seconds=0.3,
        rehearsal=RehearsalSettings(bad_share=0.4, latency_seconds=0.02, seconds_per_request=0.0),
    )


@pytest.fixture
def what_came_of() -> Callable[[Store], Rows]:
    """Everything that distillation stored, ids and times aside."""

    def read(store: Store) -> Rows:
        queries = {
            "requests": "SELECT article_id, profile_id, teacher, attempt, custom_id, state, reference_date,"
            " profile_digest, prompt_fingerprint, settings FROM requests ORDER BY custom_id",
            "answers": "SELECT custom_id, result_type, stop_reason, detail, model, text, tokens_in, tokens_cache_write,"
            " tokens_cache_read, tokens_out FROM answers JOIN requests ON requests.id = request_id ORDER BY custom_id",
            "judgements": "SELECT custom_id, accepted, code, measured, limits, span_start, span_end, tenths, reason,"
            " trace, tier, words, rules, decided_by FROM judgements JOIN requests ON requests.id = request_id"
            " ORDER BY custom_id",
            "batches": "SELECT model, simulated, state, request_count, succeeded, errored, expired, canceled, error"
            " FROM batches ORDER BY id",
            "settled": "SELECT custom_id, nanodollars, simulated, priced_as, price_date FROM ledger"
            " JOIN requests ON requests.id = request_id WHERE kind = 'settle' ORDER BY custom_id",
            "held": "SELECT kind, sum(nanodollars) FROM ledger WHERE kind != 'settle' GROUP BY kind, batch_id"
            " ORDER BY kind, batch_id",
        }
        return {name: [tuple(row) for row in store.rows(query)] for name, query in queries.items()}

    return read


@pytest.fixture
def serve(tmp_path: Path, quick: DistillSettings) -> Serve:
    """A rehearsal server in this process, with a handler that may misbehave."""

    @contextmanager
    def served(
        handler: type[Handler] = Handler, settings: RehearsalSettings = quick.rehearsal
    ) -> Iterator[RehearsalServer]:
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
