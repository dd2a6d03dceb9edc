"""Times a build of many examples, beside the same rendering, sorting and export by ``datasets.map`` and pandas.

    python benchmarks/dataset_build.py [--rows 200000] [--folder DIR]

Makes a store with that many accepted examples (ten profiles; articles with the shipped ones' words in another order,
every fiftieth a near-duplicate of the one before), then builds, exports, counts tokens and looks for near-duplicates,
each timed apart, and what is cached a second time. Every phase runs in a process of its own, whose peak memory is its
own; a build says it at every quarter.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from stratos_tui.dataset.build import build
from stratos_tui.dataset.export_training import export, messages_of
from stratos_tui.dataset.lengths import SPLITS, measure
from stratos_tui.digests import profile_digest
from stratos_tui.prism.bands import tier_of
from stratos_tui.prism.prompts import CANONICAL_WORDING, WORDINGS, student_prompt, wording_of
from stratos_tui.prism.rubric import compile_profile, explain, score
from stratos_tui.prism.trace import render_completion
from stratos_tui.profiles.shipped import load_shipped, shipped_articles, shipped_profiles
from stratos_tui.records import Article
from stratos_tui.store import articles, datasets
from stratos_tui.store.db import open_store

TEACHER = "rubric"
DAY = date(2026, 11, 1)
TARGET_SECONDS = 60.0
"""What one million examples may take."""
EVAL_EVERY = 10
REPEAT_EVERY = 50
_AT = "2026-11-01T00:00:00.000+00:00"


def main(rows: int, folder: Path) -> None:
    """Make the store, run every phase in its own process, print the figures."""
    load = os.getloadavg()
    print(f"{rows:,} examples, {os.cpu_count()} cores, load {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}")
    path = folder / "stratos.db"
    began = time.perf_counter()
    synthesize(path, rows)
    print(f"store made in {time.perf_counter() - began:.1f} s, {path.stat().st_size / 1e9:.2f} GB")
    ours = _apart("ours", path)
    print(f"build            {ours['build']:8.1f} s  {rows / ours['build']:10,.0f} rows/s ", end=" ")
    print(f"peak {ours['peak']:,} MB, {ours['cpu']:.1f} s of processor")
    quarters = "  ".join(f"{share} {mb:,}" for share, mb in ours["quarters"].items())
    print(f"  memory in MB while rows are written: {quarters}")
    print(f"  the same build again: {ours['again']:.1f} s, found as {ours['found']}")
    print(f"export, JSONL    {ours['export']:8.1f} s")
    theirs = _apart("theirs", path)
    print(f"datasets.map and pandas, the same rendering, sorting and export: {theirs['build']:.1f} s,", end=" ")
    print(f"peak {theirs['peak']:,} MB")
    same = "the same lines" if theirs["digest"] == ours["digest"] else "OTHER LINES"
    whole = ours["build"] + ours["export"]
    print(f"  build and export {whole:.1f} s: {theirs['build'] / whole:.2f} × as fast; {same}")
    per_million = ours["build"] * 1e6 / rows
    print(
        f"a million would take {per_million:.0f} s, target {TARGET_SECONDS:.0f}: {_met(per_million <= TARGET_SECONDS)}"
    )
    for name, what in (("tokens", "token lengths"), ("near", "near-duplicates")):
        found = _apart(name, path)
        print(f"{what:16} {found['first']:8.1f} s, again {found['second']:.2f} s  ({found['of']})")


def _met(ok: bool) -> str:
    return "met" if ok else "MISSED"


def synthesize(path: Path, rows: int) -> None:
    """Make a store with so many accepted examples; every tenth article is held out."""
    store = open_store(path)
    load_shipped(store)
    readers = shipped_profiles()
    digests = {reader.id: profile_digest(reader) for reader in readers}
    told = []
    for article, _ in shipped_articles():
        for reader in readers:
            compiled = compile_profile(reader)
            scored = score(compiled, article, DAY)
            told.append((article, reader.id, scored.tenths, scored.reason, explain(compiled, article, scored)))
    with store.write() as connection:
        connection.execute("UPDATE articles SET split = 'train', split_rule = 'benchmark'")
        made = 0
        while made < rows:
            number = made // len(readers)
            # told goes by article and reader, so a near-duplicate takes the place of the article before it
            source = number - (number % REPEAT_EVERY == 1)
            article = told[source * len(readers) % len(told)][0]
            own = f"a{number}"
            words = article.body.split()
            random.Random(source).shuffle(words)
            title, body = f"{article.title} ({number})", " ".join(words)
            connection.execute(
                "INSERT INTO articles (id, content_key, title, body, source, source_type, url, category, published,"
                " fetched, deadline, collection, origin, split, split_rule, added_at)"
                " VALUES (?, ?, ?, ?, ?, ?, '', '', NULL, ?, NULL, 'imported', 'benchmark', ?, 'benchmark', ?)",
                (
                    *(own, own, title, body, article.source, article.source_type),
                    *(DAY.isoformat(), "eval" if number % EVAL_EVERY == 5 else "train", _AT),
                ),
            )
            for at in range(min(len(readers), rows - made)):
                _, reader_id, tenths, reason, trace = told[(source * len(readers) + at) % len(told)]
                request = made + 1
                connection.execute(
                    "INSERT INTO requests (id, article_id, profile_id, teacher, attempt, custom_id, state,"
                    " reference_date, profile_digest, prompt_fingerprint, settings, planned_at, code_version)"
                    " VALUES (?, ?, ?, ?, 1, ?, 'accepted', ?, ?, '', '{}', ?, '')",
                    (request, own, reader_id, TEACHER, f"r{request}", DAY.isoformat(), digests[reader_id], _AT),
                )
                connection.execute(
                    "INSERT INTO judgements (request_id, accepted, code, measured, limits, span_start, span_end,"
                    " tenths, reason, trace, tier, words, rules, decided_by, judged_at, code_version)"
                    " VALUES (?, 1, '', '', '', 0, 0, ?, ?, ?, ?, 0, '', 'rules', ?, '')",
                    (request, tenths, reason, trace, tier_of(tenths), _AT),
                )
                made += 1
    store.close()


def ours(path: Path) -> dict[str, Any]:
    """Build once, find it again, export both splits."""
    store = open_store(path)
    quarters: dict[str, int] = {}

    def watch(done: int, total: int, note: str) -> None:
        if "storing" in note and total:
            quarters.setdefault(f"{done * 4 // total * 25} %", _resident())

    first, dataset_id = _timed(lambda: build(store, TEACHER, max_repeats=1, report=watch))
    peak, cpu = _peak(), time.process_time()
    again, found = _timed(lambda: build(store, TEACHER, max_repeats=1))
    files = [path.parent / f"ours.{split}.jsonl" for split in SPLITS]
    exported, _ = _timed(
        lambda: [export(store, dataset_id, file, "messages", split) for file, split in zip(files, SPLITS, strict=True)]
    )
    store.close()
    return {
        "build": first,
        "again": again,
        "found": "the same" if found == dataset_id else "another",
        "export": exported,
        "peak": peak,
        "cpu": cpu,
        "quarters": quarters,
        "digest": _digest(files),
    }


def theirs(path: Path) -> dict[str, Any]:
    """Do the same with the libraries one would take: pandas joins and sorts, ``datasets.map`` renders and exports."""
    import pandas as pd
    from datasets import Dataset, disable_progress_bars

    from stratos_tui.dataset.curriculum import seeded_hashes

    disable_progress_bars()
    store = open_store(path)

    def work() -> list[Path]:
        table = pd.read_sql_query(
            "SELECT r.article_id, r.profile_id, j.tenths, j.reason, j.trace, r.reference_date, a.split, a.title,"
            " a.body, a.source, a.source_type, a.seq, p.rowid AS reader"
            " FROM requests r JOIN judgements j ON j.request_id = r.id"
            " JOIN articles a ON a.id = r.article_id JOIN profiles p ON p.id = r.profile_id"
            " WHERE r.state = 'accepted' AND r.teacher = 'rubric'",
            store.connect(),
        )
        readers = {reader.id: reader for reader in shipped_profiles()}

        def render(row: dict[str, Any]) -> dict[str, Any]:
            article = Article(row["article_id"], row["title"], row["body"], row["source"], row["source_type"])
            wording = (
                wording_of(row["article_id"], row["profile_id"]) % WORDINGS
                if row["split"] == "train"
                else CANONICAL_WORDING
            )
            day = date.fromisoformat(row["reference_date"])
            prompt = student_prompt(readers[row["profile_id"]], article, day, wording)
            return {"messages": messages_of(prompt, render_completion(row["trace"], row["tenths"], row["reason"]))}

        files = []
        for split in SPLITS:
            part = table[table.split == split]
            if split == "train":
                part = part[part.tenths != 50]
                ids = zip(part.article_id, part.profile_id, strict=True)
                part = part.assign(far=-(part.tenths - 50).abs(), tie=seeded_hashes(0, ((a, p, 0) for a, p in ids)))
                part = part.sort_values(["far", "tie"])
            else:
                part = part.sort_values(["seq", "reader"])
            rendered = Dataset.from_pandas(part, preserve_index=False).map(render, keep_in_memory=False)
            file = path.parent / f"theirs.{split}.jsonl"
            rendered.select_columns(["messages"]).to_json(str(file), force_ascii=False)
            files.append(file)
        return files

    took, files = _timed(work)
    store.close()
    return {"build": took, "peak": _peak(), "digest": _digest(files)}


def tokens(path: Path) -> dict[str, Any]:
    """Count the newest build's tokens with the nano base's own tokenizer, then again."""
    from stratos_tui.commands.tokens import counter

    store = open_store(path)
    newest = datasets.latest(store)
    assert newest is not None
    count = counter(store, newest.id, "nano")
    first, found = _timed(lambda: measure(store, newest.id, "nano", count))
    second, _ = _timed(lambda: measure(store, newest.id, "nano", count))
    store.close()
    return {"first": first, "second": second, "of": f"{found.tokens:,} tokens, p99 {found.p99:,}"}


def near(path: Path) -> dict[str, Any]:
    """Look for near-duplicates among all articles, then read what was found."""
    from stratos_tui.articles import near_duplicates

    store = open_store(path)
    stored = articles.load(store)
    first, found = _timed(lambda: near_duplicates.find(stored))
    articles.set_near_duplicates(store, found)
    second, _ = _timed(lambda: articles.near_duplicates(store))
    store.close()
    return {"first": first, "second": second, "of": f"{len(found):,} of {len(stored):,} articles, peak {_peak():,} MB"}


def _apart(phase: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--phase", phase, "--folder", str(path.parent)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def _digest(files: Sequence[Path]) -> str:
    """Return a digest over the lines' content, however their JSON is spaced."""
    import hashlib

    digest = hashlib.sha256()
    for line in _lines(files):
        digest.update(json.dumps(json.loads(line), sort_keys=True).encode())
    return digest.hexdigest()


def _lines(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        with file.open(encoding="utf-8") as lines:
            yield from lines


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=int, default=200_000)
    options.add_argument("--folder", type=Path, help="where the store is made; a temporary one otherwise")
    options.add_argument("--phase", choices=["ours", "theirs", "tokens", "near"], help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.phase:
        print(json.dumps(globals()[given.phase](given.folder / "stratos.db")))
    elif given.folder:
        main(given.rows, given.folder)
    else:
        with tempfile.TemporaryDirectory() as made:
            main(given.rows, Path(made))
