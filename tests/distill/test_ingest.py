from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anthropic
import pytest

from stratos_tui.digests import profile_digest
from stratos_tui.distill.ingest import ingest
from stratos_tui.distill.judge import judge, state_of
from stratos_tui.distill.judging import CHUNK, MUCH, dismiss
from stratos_tui.distill.rejudge import rejudge
from stratos_tui.distill.rulebook import Limits
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.switches import rules_of
from stratos_tui.prism import rubric
from stratos_tui.prism.trace import render_completion
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.progress import silent
from stratos_tui.store import answers, batches, ledger, requests
from stratos_tui.store.batches import Batch, Intent
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.store.requests import NewRequest
from stratos_tui.teachers.batches import BatchClient
from stratos_tui.teachers.catalog import REHEARSAL, find_teacher
from stratos_tui.teachers.prices import REHEARSAL_PRICE, Usage, batch_cost, batch_costs
from stratos_tui.teachers.wire import wire_id

Serve = Callable[[list[str]], AbstractContextManager[tuple[BatchClient, str]]]

DAY = date(2026, 11, 20)
TOKEN, OTHER_TOKEN = "0123456789ab", "ba9876543210"
PRICING = Pricing("claude-opus-5-5", "2026-11", simulated=True)
HELD = 10_000_019
"""Held for each request, in nanodollars; a prime, so that shares of it are never whole."""


@pytest.fixture
def serve(seeded: Store) -> Serve:
    """A server that has one batch's results, in these lines: a client of it, and its address."""

    @contextmanager
    def served(lines: list[str]) -> Iterator[tuple[BatchClient, str]]:
        body = "".join(f"{line}\n" for line in lines).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        client = BatchClient(find_teacher(seeded, REHEARSAL), lambda: anthropic.Anthropic(base_url=url, api_key="none"))
        try:
            yield client, url
        finally:
            client.close()
            server.shutdown()
            thread.join()
            server.server_close()

    return served


def ended_batch(store: Store, count: int, token: str = TOKEN) -> tuple[Batch, list[str]]:
    """A batch of so many new requests that has ended, and the lines of its results: the rubric's, every ninth a 5.0."""
    pairs = [(article, profile) for article, _ in shipped_articles() for profile in shipped_profiles()]
    begin = int(store.value("SELECT count(*) FROM requests"))
    wanted = [
        NewRequest(article.id, profile.id, at // len(pairs) + 1, f"{at:024d}-1", DAY, profile_digest(profile))
        for at in range(begin, begin + count)
        for article, profile in [pairs[at % len(pairs)]]
    ]
    requests.plan(store, REHEARSAL, wanted, "prompt", "{}")
    ids = [each.id for each in requests.unsent(store, REHEARSAL)]
    intent = Intent(REHEARSAL, "model", token, ids, "prompt", "{}", HELD * count)
    batch_id = batches.intend(store, intent, PRICING, Caps())
    assert batch_id is not None
    batches.submitted(store, batch_id, f"remote {token}")
    batches.ended(store, batch_id, count, 0, 0, 0)
    texts: dict[int, str] = {}
    lines = []
    for at, each in enumerate(wanted, begin):
        article, profile = pairs[at % len(pairs)]
        if at % len(pairs) not in texts:
            said = rubric.answer(profile, article, DAY)
            tenths = 50 if at % 9 == 0 else said.tenths
            texts[at % len(pairs)] = render_completion(said.trace, tenths, said.reason)
        message = {
            "content": [{"type": "text", "text": texts[at % len(pairs)]}],
            "model": "model",
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 700 + at, "output_tokens": 200, "cache_read_input_tokens": at % 7},
        }
        result = {"type": "succeeded", "message": message}
        lines.append(json.dumps({"custom_id": wire_id(token, each.custom_id), "result": result}))
    return batches.in_flight(store, REHEARSAL)[0], lines


def check_whole(store: Store, count: int) -> None:
    """Every request has one answer, one settlement and the verdict that judging it afresh comes to."""
    assert store.value("SELECT count(*) FROM answers") == count
    assert store.value("SELECT count(*) FROM ledger WHERE kind = 'settle'") == count
    assert ledger.spend(store, simulated=True).held == 0
    rules = rules_of(store)
    stored = {
        row["request_id"]: (row["code"], row["span_start"], row["span_end"], row["tenths"], row["rules"], row["state"])
        for row in store.rows("SELECT * FROM judgements JOIN requests ON requests.id = request_id")
    }
    assert len(stored) == count
    for each in answers.to_judge(store, list(stored)):
        verdict = judge(each, rules)
        found = (verdict.code, *verdict.span, verdict.tenths, verdict.rules, state_of(verdict))
        assert stored[each.request_id] == found


def test_lines_in_any_order_twice_and_of_others_are_each_stored_once(seeded: Store, serve: Serve) -> None:
    batch, lines = ended_batch(seeded, 40)
    strange = [line.replace(TOKEN, "ffffffffffff") for line in lines[:5]] + ["{}", "nonsense", ""]
    unknown = [lines[0].replace("-0000", "-9999")]
    mixed = lines + lines[10:20] + strange + unknown
    random.Random(3).shuffle(mixed)
    with serve(mixed) as (client, _):
        ingest(seeded, client, batch, DistillSettings(), silent)
    check_whole(seeded, 40)
    assert batches.load(seeded, REHEARSAL)[0].state == "ingested"


@pytest.mark.parametrize("parts", [[1], [3, 1, 7], [40], [20, 20, 1]])
def test_what_was_held_is_let_go_in_step_with_the_answers(seeded: Store, parts: list[int]) -> None:
    batch, _ = ended_batch(seeded, 41)
    ids = [each.id for each in requests.of_batch(seeded, batch.id)]
    reserved = HELD * 41
    done = 0
    for part in parts:
        chunk = [
            answers.Answer(each, "succeeded", "end_turn", "", "model", "raw", "text", 1, 0, 0, 1, 5)
            for each in ids[max(done - 1, 0) : done + part]  # one of those before comes again
        ]
        new = answers.keep(seeded, batch.id, chunk, PRICING)
        done += new
        assert new == part
        assert ledger.spend(seeded, simulated=True) == ledger.Spend(5 * done, reserved - reserved * done // 41)


def test_many_are_judged_in_a_process_beside_this_one_as_they_are_in_it(seeded: Store, serve: Serve) -> None:
    count = MUCH + 137
    batch, lines = ended_batch(seeded, count)
    with serve(lines) as (client, _):
        ingest(seeded, client, batch, DistillSettings(), silent)
    check_whole(seeded, count)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the process in /proc")
def test_batches_that_follow_each_other_are_judged_in_one_process(seeded: Store, serve: Serve) -> None:
    dismiss()
    seen = []
    for token in (TOKEN, OTHER_TOKEN):
        batch, lines = ended_batch(seeded, MUCH, token)
        with serve(lines) as (client, _):
            ingest(seeded, client, batch, DistillSettings(), silent)
        seen.append(_children())
    assert len(seen[0]) == 1
    assert seen[1] == seen[0]
    assert seeded.value("SELECT count(*) FROM judgements") == 2 * MUCH
    # one that has died while it waited is not asked
    os.kill(seen[0][0], signal.SIGKILL)
    assert rejudge(seeded, silent, Limits(least_words=14))["judged"] == 2 * MUCH
    dismiss()
    assert _children() == []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the process to end in /proc")
def test_when_the_process_beside_this_one_dies_nothing_is_lost(seeded: Store, serve: Serve) -> None:
    count = MUCH + 137
    batch, lines = ended_batch(seeded, count)
    ended: list[int] = []

    def report(_done: int, _total: int, _note: str) -> None:
        for child in _children() if not ended else ():
            os.kill(child, signal.SIGKILL)
            ended.append(child)

    with serve(lines) as (client, _):
        ingest(seeded, client, batch, DistillSettings(), report)
    assert ended
    check_whole(seeded, count)


def _children() -> list[int]:
    found = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    clerks = [int(pid) for pids in found for pid in pids]
    return [pid for pid in clerks if b"stratos_tui.distill.clerk" in Path(f"/proc/{pid}/cmdline").read_bytes()]


CHILD = """
import os, signal, sys
import anthropic
from stratos_tui.distill.ingest import ingest
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.store import batches
from stratos_tui.store.db import open_store
from stratos_tui.teachers.batches import BatchClient
from stratos_tui.teachers.catalog import REHEARSAL, find_teacher

path, url, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
seen = 0

def report(*_):
    global seen
    seen += 1
    if seen == calls:
        os.kill(os.getpid(), signal.SIGKILL)

store = open_store(path)
client = BatchClient(find_teacher(store, REHEARSAL), lambda: anthropic.Anthropic(base_url=url, api_key="none"))
for batch in batches.in_flight(store, REHEARSAL):
    ingest(store, client, batch, DistillSettings(), report)
"""


@pytest.mark.parametrize("count", [CHUNK + 10, MUCH + 137])
def test_killed_amid_the_answers_the_same_call_goes_on(seeded: Store, serve: Serve, count: int) -> None:
    batch, lines = ended_batch(seeded, count)
    with serve(lines) as (client, url):
        for calls in (1, 2):
            command = [sys.executable, "-c", CHILD, str(seeded.path), url, str(calls)]
            assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
            assert 0 < seeded.value("SELECT count(*) FROM answers") <= count
        ingest(seeded, client, batch, DistillSettings(), silent)
    check_whole(seeded, count)


def test_costs_in_whole_numbers_are_the_exact_ones() -> None:
    price = REHEARSAL_PRICE
    cost = batch_costs(price)
    chance = random.Random(5)
    for _ in range(500):
        usage = Usage(*(chance.choice([0, 1, 7, chance.randrange(1_000_000)]) for _ in range(4)))
        assert cost(usage) == batch_cost(price, usage)
