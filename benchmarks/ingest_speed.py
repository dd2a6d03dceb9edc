"""How fast results of batches are taken in and judged, at what memory, and whether an interface beside it answers.

Run ``python -m benchmarks.ingest_speed [ANSWERS] [BATCH_SIZE]`` (a hundred thousand in batches of ten thousand by
default). The lines are the rubric's answers to the shipped pairs, 6 % of them bad in the rehearsal's ways, under
varied ids. A process of their own serves them over the real protocol; another takes them in through
``stratos_tui.distill.ingest``, as a command does; and this one meanwhile holds keys down, one after the other, in a
table over the same store.
Compared, in the same run, with a loop that only parses each line and looks for the score.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from screens.widgets.virtual_table import VirtualTable
from stratos_tui.digests import profile_digest
from stratos_tui.distill.ingest import ingest
from stratos_tui.distill.judging import dismiss
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.prism.prompts import reference_date_of, teacher_user
from stratos_tui.profiles.shipped import load_shipped, shipped_articles, shipped_profiles
from stratos_tui.progress import silent
from stratos_tui.records import Article, Profile
from stratos_tui.store import batches, requests
from stratos_tui.store.batches import Intent
from stratos_tui.store.db import open_store
from stratos_tui.store.ledger import Caps, Pricing
from stratos_tui.store.requests import NewRequest
from stratos_tui.teachers.batches import BatchClient
from stratos_tui.teachers.catalog import REHEARSAL, find_teacher
from stratos_tui.teachers.rehearsal.answers import Question, kind_of, message_of
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.wire import wire_id

TARGET_SECONDS = 10.0
"""For a hundred thousand answers, on two cores."""
DAY = date(2026, 11, 20)
KEYS_A_SECOND = 30
"""What a held key repeats at; pressing without a pause would take a core for itself."""
MOST_KEYS = 2_000


def main(count: int, batch_size: int) -> int:
    """Prepare, take in, and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stratos.db"
        print(f"preparing {count:,} answers in batches of {batch_size:,} …", flush=True)
        prepare(path, count, batch_size)
        print(f"load average {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")
        plain = plain_loop(sorted(Path(folder).glob("*.jsonl")))
        print(f"parse and search alone  {count / plain:10,.0f} answers/s  {plain:6.2f} s")
        server = subprocess.Popen(_self("serve", folder), stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        taker = subprocess.Popen(_self("take", str(path), port), stdout=subprocess.PIPE, text=True)
        try:
            keys = asyncio.run(press_keys(path, taker))
            lines = taker.communicate()[0].splitlines()
        finally:
            for process in (taker, server):
                process.kill()
                process.wait()
        print("\n".join(lines))
        took = float(lines[-1].split()[0])
        print(f"ratio to parse and search {took / plain:.1f}")
        keys.sort()
        print(
            f"{len(keys)} keys meanwhile: work of the interface's thread, median {statistics.median(keys):.1f} ms,"
            f" 9 in 10 under {keys[len(keys) * 9 // 10]:.1f} ms, worst {keys[-1]:.1f} ms"
        )
        check(path, count)
        print(f"load average {os.getloadavg()[0]:.2f}")
        return int(took > TARGET_SECONDS * count / 100_000)


def _self(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.ingest_speed", *arguments]


def prepare(path: Path, count: int, batch_size: int) -> None:
    """Make a store in which every batch has ended, and beside it a file of results for each."""
    store = open_store(path)
    load_shipped(store)
    teacher = find_teacher(store, REHEARSAL)
    pairs = [(article, profile) for article, _ in shipped_articles() for profile in shipped_profiles()]
    write = Lines(pairs)
    pricing = Pricing("benchmark", "2026-11", simulated=True)
    for start in range(0, count, batch_size):
        wanted = [
            NewRequest(article.id, profile.id, at // len(pairs) + 1, f"{at:024d}-1", day, profile_digest(profile))
            for at in range(start, min(start + batch_size, count))
            for article, profile in [pairs[at % len(pairs)]]
            for day in [reference_date_of(article, DAY)]
        ]
        requests.plan(store, teacher.name, wanted, "prompt", "{}")
        ids = [each.id for each in requests.unsent(store, teacher.name)]
        token = f"{start:012d}"
        intent = Intent(teacher.name, "benchmark", token, ids, "prompt", "{}", 1_000_000 * len(ids))
        batch_id = batches.intend(store, intent, pricing, Caps())
        assert batch_id is not None
        batches.submitted(store, batch_id, token)
        batches.ended(store, batch_id, len(ids), 0, 0, 0)
        with path.with_name(f"{token}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(write(at, wire_id(token, each.custom_id)) for at, each in enumerate(wanted, start))
    store.close()


class Lines:
    """Writes lines of results; each pair's answer of each kind is made once."""

    def __init__(self, pairs: list[tuple[Article, Profile]]) -> None:
        self._pairs = pairs
        self._settings = RehearsalSettings()
        self._made: dict[tuple[int, str], str] = {}

    def __call__(self, at: int, sent: str) -> str:
        """Return the line of one question."""
        kind = kind_of(sent, self._settings)
        key = (at % len(self._pairs), kind)
        if key not in self._made:
            self._made[key] = json.dumps(self._result(*key))
        return f'{{"custom_id": "{sent}", "result": {self._made[key]}}}\n'

    def _result(self, pair: int, kind: str) -> dict[str, Any]:
        article, profile = self._pairs[pair]
        if kind in ("errored", "expired"):
            error = {"type": "error", "error": {"type": "api_error", "message": "the server failed"}}
            return {"type": kind, "error": error} if kind == "errored" else {"type": kind}
        user = teacher_user(profile, article, reference_date_of(article, DAY))
        message = message_of(Question("", f"{pair}", user, 700, True, 2_000), kind)
        # a current model's answer begins with its sealed thinking
        message["content"].insert(0, {"type": "thinking", "thinking": "", "signature": "Eq" * 250})
        return {"type": "succeeded", "message": message}


def serve(folder: str) -> None:
    """Serve the files of results, as the Message Batches API does, and print the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            file = Path(folder) / f"{self.path.split('/')[-2]}.jsonl"
            self.send_response(200)
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            with file.open("rb") as lines:
                shutil.copyfileobj(lines, self.wfile, 1 << 16)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


def take(path: str, port: str) -> None:
    """Take every batch in and print what it took, of this process and the one that it judges in."""
    import anthropic

    store = open_store(path)
    client = BatchClient(
        find_teacher(store, REHEARSAL), lambda: anthropic.Anthropic(base_url=f"http://127.0.0.1:{port}", api_key="none")
    )
    waiting = batches.in_flight(store, REHEARSAL)
    quarters = {len(waiting) * part // 4 - 1: part * 25 for part in (1, 2, 3, 4)}
    memory = []
    began = time.perf_counter()
    for at, batch in enumerate(waiting):
        ingest(store, client, batch, DistillSettings(), silent)
        if at in quarters:
            memory.append(f"{quarters[at]} % {_memory():.0f} MB")
    took = time.perf_counter() - began
    count = int(store.value("SELECT count(*) FROM judgements"))
    client.close()
    store.close()
    # only a process that has ended is counted
    dismiss()
    own, other = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"peak memory: {', '.join(memory)}; of the judging process {other.ru_maxrss / 1024:.0f} MB")
    print(f"processor: {own.ru_utime + own.ru_stime:.2f} s here, {other.ru_utime + other.ru_stime:.2f} s judging")
    print(f"{took:.2f} s for {count:,} answers taken in and judged: {count / took:,.0f} answers/s")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plain_loop(files: list[Path]) -> float:
    """Return how many seconds parsing each line and looking for its score takes, and nothing else."""
    score = re.compile(r"SCORE:\s*(\d+\.\d)")
    began = time.perf_counter()
    for file in files:
        with file.open("rb") as lines:
            for line in lines:
                message = json.loads(line)["result"].get("message", {"content": []})
                score.search("".join(block.get("text", "") for block in message["content"]))
    return time.perf_counter() - began


async def press_keys(path: Path, taker: subprocess.Popen[str]) -> list[float]:
    """Press keys in a table over the store while another process takes answers in; return each one's milliseconds."""
    from benchmarks.table_keys import VirtualApp, first_rows, press

    store = open_store(path)
    app = VirtualApp(store)
    found: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await first_rows(app, pilot, lambda: bool(app.query_one(VirtualTable).row_count))
        while taker.poll() is None and len(found) < MOST_KEYS:
            for key in ("j", "k", "pagedown", "pageup"):
                found.append((await press(app, key))[0])
                await asyncio.sleep(1 / KEYS_A_SECOND)
    store.close()
    return found


def check(path: Path, count: int) -> None:
    """Say what was stored: each answer, verdict and settlement once."""
    store = open_store(path)
    rows = store.row(
        "SELECT (SELECT count(*) FROM answers) AS answers, (SELECT count(*) FROM judgements) AS judged,"
        " (SELECT sum(accepted) FROM judgements) AS accepted,"
        " (SELECT count(*) FROM ledger WHERE kind = 'settle') AS settled,"
        " (SELECT count(*) FROM answers WHERE result_type = 'succeeded') AS billed"
    )
    assert rows is not None
    print(", ".join(f"{rows[name]:,} {name}" for name in ("answers", "judged", "accepted", "settled")))
    assert rows["answers"] == rows["judged"] == count
    assert rows["settled"] == rows["billed"]
    store.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", folder]:
            serve(folder)
        case ["take", path, port]:
            take(path, port)
        case numbers:
            count, batch_size = [*map(int, numbers), *(100_000, 10_000)[len(numbers) :]]
            sys.exit(main(count, batch_size))
