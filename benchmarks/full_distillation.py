"""The plan at its full size through a rehearsal: 590 articles × 10 profiles, killed twice on the way.

    python -m benchmarks.full_distillation [--articles FILE] [--keep STORE]

490 articles of FILE (JSONL; default ``../shared/real/articles.jsonl``) chosen by a seed stand in for the plan's
source A (decisions.md, 20), the hundred that ship are source B. ``stratos distill run`` is killed with SIGKILL at a
third and at two thirds of the accepted pairs and repeated; what the server was asked and what the ledger says is then
counted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from stratos_tui.store import ledger
from stratos_tui.store.db import Store, open_store
from stratos_tui.store.distill import totals
from stratos_tui.teachers.prices import dollars
from stratos_tui.teachers.rehearsal.process import folder_of
from stratos_tui.teachers.wire import own_id_of

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "real" / "articles.jsonl"
SOURCE_A = 490
PAIRS = 5_900
KILLS = (1 / 3, 2 / 3)
LOOK_SECONDS = 0.02


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, default=DEFAULT)
    parser.add_argument("--keep", type=Path, help="where to leave the store")
    given = parser.parse_args()
    if not given.articles.is_file():
        sys.exit(f"{given.articles}: there are no articles here; give a JSONL file with --articles")
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "stratos.db"
        print(f"load average at the start: {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores")
        prepare(path, given.articles, Path(folder))
        estimate = stratos(path, "distill", "plan")["estimate"]
        seconds = run_with_kills(path)
        store = open_store(path, create=False)
        try:
            tell(store, estimate, seconds)
        finally:
            store.close()


def prepare(path: Path, source: Path, folder: Path) -> None:
    """Make a store with 490 real articles beside the hundred; a duplicate makes room for the next in the order."""
    began = time.monotonic()
    stratos(path, "init")
    lines = [line for line in source.read_text("utf-8").split("\n") if line.strip()]
    ordered = sorted(lines, key=lambda line: hashlib.sha256(f"source A\0{line}".encode()).digest())
    added = taken = 0
    while added < SOURCE_A and taken < len(ordered):
        portion = ordered[taken : taken + SOURCE_A - added]
        taken += len(portion)
        chosen = folder / f"source-a-{taken}.jsonl"
        chosen.write_text("\n".join(portion), "utf-8")
        added += stratos(path, "articles", "import", str(chosen))["added"]
    print(
        f"{added} real articles of the first {taken} in seeded order, and the hundred: {time.monotonic() - began:.1f} s"
    )


def run_with_kills(path: Path) -> float:
    """Run ``stratos distill run`` to its end through two kills; return the seconds that all of it took."""
    began = time.monotonic()
    store = open_store(path, create=False)
    try:
        for share in KILLS:
            child = subprocess.Popen(command(path, "distill", "run"), **quiet())
            while child.poll() is None and totals(store, "rehearsal").accepted < share * PAIRS:
                time.sleep(LOOK_SECONDS)
            if child.poll() is not None:
                sys.exit(f"distill ended by itself (code {child.returncode}) before it could be killed at {share:.0%}")
            child.send_signal(signal.SIGKILL)
            child.wait()
            print(
                f"killed with {totals(store, 'rehearsal').accepted:,} accepted after {time.monotonic() - began:.1f} s"
            )
    finally:
        store.close()
    stratos(path, "distill", "run")
    return time.monotonic() - began


def tell(store: Store, estimate: dict[str, Any], seconds: float) -> None:
    known, spent = totals(store, "rehearsal"), ledger.spend(store, simulated=True)
    created = Counter(
        own_id_of(json.loads(line)["custom_id"])
        for asked in folder_of(store.path).glob("**/*.questions.jsonl")
        for line in asked.read_text("utf-8").split("\n")
    )
    answered = store.value("SELECT count(*) FROM answers WHERE result_type != 'lost'")
    pairs = store.value(
        "SELECT count(DISTINCT article_id || ' ' || profile_id) FROM requests WHERE purpose = 'example'"
    )
    batches = store.value("SELECT count(*) FROM batches")
    print(f"\n{pairs:,} pairs, {known.requests:,} requests in {batches} batches")
    print(f"created at the server more than once: {sum(count > 1 for count in created.values())} of {len(created):,}")
    print(f"answers stored: {answered:,}; settled rows: {store.value(SETTLED):,}; settled twice: 0 by a unique index")
    print(f"accepted {known.accepted:,} of {pairs:,} pairs; not accepted, by reason:")
    for row in store.rows(REASONS):
        print(f"  {row['n']:5,} {row['code']}")
    print(f"wall time through both kills: {seconds:.1f} s ({known.requests / seconds:,.0f} requests a second)")
    cost = estimate["cost"]
    print(
        f"settled ${dollars(spent.settled):.4f} (simulated), held ${dollars(spent.held):.4f}; estimated"
        f" ${cost['expected']:.2f} (${cost['low']:.2f} to ${cost['high']:.2f})"
    )


SETTLED = "SELECT count(*) FROM ledger WHERE kind = 'settle'"
REASONS = "SELECT code, count(*) AS n FROM judgements WHERE NOT accepted GROUP BY code ORDER BY n DESC, code"


def command(path: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "stratos_tui", *arguments, "--db", str(path), "--json"]


def stratos(path: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(command(path, *arguments), capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        sys.exit(f"stratos {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def quiet() -> dict[str, Any]:
    return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment()}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


if __name__ == "__main__":
    main()
