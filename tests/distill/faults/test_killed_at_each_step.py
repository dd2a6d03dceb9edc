"""kill -9 of the process that distils, at each step of the journal: the same command again comes to the same rows."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store import batches
from stratos_tui.store.db import Store, open_store
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.distill.conftest import Rows
    from tests.distill.faults.conftest import ExactlyOnce, FaultServer, Serve

CLAUDE = "claude:claude-opus-5-5"
PAIRS = 60
BATCH = 30
CHUNK = 12
"""Answers in one transaction: a batch takes several, so that it can be killed between them."""
BUDGET = 2.0
SETTINGS = DistillSettings(batch_size=BATCH, poll_seconds=0.02, settle_seconds=0.3)
BAD = RehearsalSettings(bad_share=0.3, latency_seconds=0.02, seconds_per_request=0.0)

NURSERY = """
import json, os, signal, sys
import anthropic
from importlib import import_module
from stratos_tui.distill import ingest, run
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store.db import open_store

def die_at(when, where, nth):
    module, name = where.rsplit(".", 1)
    module = import_module("stratos_tui.store." + module)
    whole, calls = getattr(module, name), []

    def counted(*given, **named):
        calls.append(name)
        if when == "before" and len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = whole(*given, **named)
        if when == "after" and len(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(module, name, counted)

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.update(order["environ"])
        die_at(*order["point"])
        ingest.CHUNK = order["chunk"]
        run.distill(open_store(order["store"]), settings=DistillSettings(**order["settings"]), **order["call"])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Has everything imported, and lets a process be born, run and killed for every line that it reads."""

Point = tuple[str, str, int]
Die = Callable[[Point], int]

STEPS: dict[str, tuple[Point, list[str]]] = {
    "questions planned": (("after", "requests.plan", 1), []),
    "amid the intent's transaction": (("after", "ledger.reserve", 1), []),
    "intent written": (("after", "batches.intend", 1), ["intended"]),
    "accepted, not recorded": (("before", "batches.submitted", 1), ["intended"]),
    "recorded": (("after", "batches.submitted", 1), ["submitted"]),
    "the second accepted, not recorded": (("before", "batches.submitted", 2), ["submitted", "intended"]),
    "all recorded": (("after", "batches.submitted", 2), ["submitted", "submitted"]),
    "looked at": (("after", "batches.polled", 1), ["submitted", "submitted"]),
    "end not noted": (("before", "batches.ended", 1), ["submitted", "submitted"]),
    "end noted": (("after", "batches.ended", 1), ["ended", "submitted"]),
    "amid the answers' transaction": (("after", "ledger.settle", 2), ["ended", "submitted"]),
    "halfway through the answers": (("after", "answers.keep", 2), ["ended", "submitted"]),
    "answers stored, not judged": (("before", "answers.judge_by_rules", 3), ["ended", "submitted"]),
    "judged, not marked as taken in": (("before", "batches.ingested", 1), ["ended", "submitted"]),
    "taken in": (("after", "batches.ingested", 1), ["ingested", "submitted"]),
    "the second taken in": (("after", "batches.ingested", 2), ["ingested", "ingested"]),
    "further attempts planned": (("after", "requests.plan", 2), ["ingested", "ingested"]),
    "a further attempt accepted, not recorded": (
        ("before", "batches.submitted", 3),
        ["ingested", "ingested", "intended"],
    ),
}
OVER_AND_OVER: list[Point] = [
    ("after", "batches.intend", 1),
    ("after", "batches.renew", 1),
    ("before", "batches.submitted", 1),
    ("before", "batches.submitted", 1),
    ("after", "answers.keep", 1),
    ("after", "answers.keep", 1),
    ("before", "batches.ingested", 1),
]


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def server(faulty: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A server at which the whole of the paid path ends."""
    with faulty(settings=BAD) as opened:
        for name, value in environ(opened).items():
            monkeypatch.setenv(name, value)
        yield opened


def environ(server: FaultServer) -> dict[str, str]:
    address = {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "any"}
    return address | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@pytest.fixture
def killed(seeded: Store, nursery: subprocess.Popen[str], server: FaultServer) -> Die:
    """Distil in a process of its own that is killed at a point; return how it ended."""

    def live(point: Point) -> int:
        order = {
            "point": point,
            "environ": environ(server),
            "chunk": CHUNK,
            "store": str(seeded.path),
            "settings": {"batch_size": BATCH, "poll_seconds": 0.02, "settle_seconds": 0.3},
            "call": {"teacher": CLAUDE, "limit": PAIRS, "budget_usd": BUDGET, "accept_terms": True},
        }
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(json.dumps(order) + "\n")
        nursery.stdin.flush()
        return int(nursery.stdout.readline())

    return live


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Rows]:
    """What an undisturbed run comes to; made by the first test that asks."""
    return {}


@pytest.fixture
def comes_to_the_same(
    seeded: Store,
    seeded_file: Path,
    server: FaultServer,
    undisturbed: dict[str, Rows],
    what_came_of: Callable[[Store], Rows],
    exactly_once: ExactlyOnce,
    tmp_path: Path,
) -> Callable[[], None]:
    """Give the same command again, and compare what it comes to with an undisturbed run and with the server's books."""

    def again(store: Store) -> Rows:
        distill(store, CLAUDE, limit=PAIRS, budget_usd=BUDGET, accept_terms=True, settings=SETTINGS)
        # what has failed by the time of a kill is asked again at once: batches may be cut otherwise than undisturbed
        return {name: rows for name, rows in what_came_of(store).items() if name not in ("batches", "held")}

    def check() -> None:
        found = again(seeded)
        exactly_once(server, answered=len(server.created), cap=int(BUDGET * 10**9))
        assert set(server.created.values()) == {1}
        assert 0 < len(found["settled"]) < len(found["requests"])
        if not undisturbed:
            path = tmp_path / "undisturbed.db"
            path.write_bytes(seeded_file.read_bytes())
            calm = open_store(path)
            undisturbed["rows"] = again(calm)
            calm.close()
        assert found == undisturbed["rows"]

    return check


@pytest.mark.parametrize("step", STEPS)
def test_the_same_command_goes_on_after_a_kill(
    seeded: Store, killed: Die, comes_to_the_same: Callable[[], None], step: str
) -> None:
    point, left = STEPS[step]
    assert killed(point) == -signal.SIGKILL
    assert [batch.state for batch in batches.load(seeded)][::-1] == left
    comes_to_the_same()


def test_the_same_command_goes_on_after_one_kill_after_the_other(
    seeded: Store, killed: Die, comes_to_the_same: Callable[[], None]
) -> None:
    for point in OVER_AND_OVER:
        assert killed(point) == -signal.SIGKILL
    comes_to_the_same()
