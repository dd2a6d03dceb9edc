"""Imports articles and scored pairs from files: each content once, every refused row with its line and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stratos_tui.articles import rows
from stratos_tui.articles.fields import Pair, article_of, pair_of
from stratos_tui.errors import StratosError
from stratos_tui.profiles import recognise
from stratos_tui.progress import Report, silent
from stratos_tui.records import Article, Label, Profile
from stratos_tui.store import articles, labels
from stratos_tui.store.db import Store
from stratos_tui.text import one_line

BATCH_ROWS = 500
BATCH_CHARACTERS = 4_000_000
"""A transaction holds at most this many rows, and about this much text: what a kill can lose, and what memory holds."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was refused. ``line`` counts from 1; 0 is the file as a whole."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class FileResult:
    """What became of one file's rows: each is in exactly one of ``added``, ``duplicate`` and ``rejected``.

    ``added`` rows brought an article whose content was new, ``duplicate`` rows one that is known. ``pairs_added``
    counts new scored pairs, whether or not their article was new, and ``profiles_added`` the profiles made for them.
    """

    file: str
    added: int = 0
    duplicate: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    pairs_added: int = 0
    profiles_added: int = 0

    @property
    def read(self) -> int:
        """How many rows were read."""
        return self.added + self.duplicate + len(self.rejected)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of each file, in order, and of all together."""

    files: tuple[FileResult, ...]

    @property
    def added(self) -> int:
        """Rows with an article whose content was new."""
        return sum(each.added for each in self.files)

    @property
    def duplicate(self) -> int:
        """Rows with an article that is known."""
        return sum(each.duplicate for each in self.files)

    @property
    def rejected(self) -> list[Rejection]:
        """Rows that were refused."""
        return [rejection for each in self.files for rejection in each.rejected]

    @property
    def pairs_added(self) -> int:
        """New scored pairs."""
        return sum(each.pairs_added for each in self.files)

    @property
    def profiles_added(self) -> int:
        """Profiles that were made for pairs."""
        return sum(each.profiles_added for each in self.files)


@dataclass(slots=True)
class _Import:
    """One import under way: what is known of readers, and the articles that wait for the next transaction."""

    store: Store
    known: recognise.Readers
    made: dict[Profile, str] = field(default_factory=dict)
    batch: list[tuple[Article, Pair | None]] = field(default_factory=list)
    characters: int = 0


def import_files(store: Store, paths: Sequence[Path], report: Report = silent) -> ImportResult:
    """Import JSONL (articles or ``messages`` rows) and CSV files. Progress is in bytes.

    Rows are stored in transactions of some hundreds; an import that was killed is finished by repeating it, and
    repeating a finished one adds nothing. The first score of a pair is kept.

    Raises:
        StratosError: a file is missing or binary, or has no header, or the only file is empty; where any file is
            missing or binary, nothing was imported.
        Canceled: the job was asked to stop; what was stored is kept.
    """
    if not paths:
        raise StratosError("no file was named; name JSONL or CSV files")
    sizes = [rows.check(path) for path in paths]
    running = _Import(store, recognise.readers(store))
    results: list[FileResult] = []
    before = 0
    for path, size in zip(paths, sizes, strict=True):
        results.append(_import_file(running, path, before, sum(sizes), report))
        before += size
    report(before, before, "imported")
    if len(results) == 1 and not results[0].read:
        raise StratosError(f"{results[0].file}: is empty")
    for each in results:
        if not each.read:
            each.rejected.append(Rejection(each.file, 0, "is empty"))
    return ImportResult(tuple(results))


def _import_file(running: _Import, path: Path, before: int, total: int, report: Report) -> FileResult:
    result = FileResult(one_line(str(path)))
    for number, row in enumerate(rows.read(path), 1):
        try:
            article, pair = _understood(row)
        except StratosError as refusal:
            result.rejected.append(Rejection(result.file, row.line, str(refusal)))
        else:
            running.batch.append((article, pair))
            running.characters += len(article.body) + (len(pair.trace) if pair else 0)
        if len(running.batch) >= BATCH_ROWS or running.characters >= BATCH_CHARACTERS:
            _store(running, path, result)
        if number % BATCH_ROWS == 0:
            report(before + row.offset, total, f"{result.file}: {number:,} rows")
    _store(running, path, result)
    return result


def _understood(row: rows.Row) -> tuple[Article, Pair | None]:
    if row.values is None:
        raise StratosError(row.fault)
    if "messages" not in row.values:
        return article_of(row.values), None
    pair = pair_of(row.values["messages"])
    return pair.article, pair


def _store(running: _Import, path: Path, result: FileResult) -> None:
    store, origin = running.store, one_line(path.name)
    for _, pair in running.batch:
        if pair and pair.reader not in running.made:
            running.made[pair.reader], new = recognise.find_or_make(store, running.known, pair.reader)
            result.profiles_added += new
    with store.write():
        stored = articles.add_many(store, [article for article, _ in running.batch], "imported", origin)
        pairs = [
            Label(own.id, running.made[pair.reader], "imported", pair.tenths, pair.reason, pair.trace, pair.grammar)
            for own, (_, pair) in zip(stored, running.batch, strict=True)
            if pair
        ]
        result.pairs_added += labels.put_many(store, pairs, origin)
    new_articles = sum(own.new for own in stored)
    result.added += new_articles
    result.duplicate += len(stored) - new_articles
    running.batch.clear()
    running.characters = 0
