"""Opens the SQLite file and hands out reads and writes.

One writer's discipline, across the app, commands and the training process: every write is a short
``BEGIN IMMEDIATE`` transaction through :meth:`Store.write`, which waits its turn and either commits whole or not at
all. Reads see a snapshot (WAL) and wait for nobody.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stratos_tui import __version__
from stratos_tui.errors import StratosError
from stratos_tui.store.migrations import APPLICATION_ID, MIGRATION_SET, MIGRATIONS

BUSY_SECONDS = 30.0
"""How long a write waits for another process's write before it gives up."""


class Store:
    """One open stratos file. Safe to share between threads: each thread gets connections of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []

    @property
    def read(self) -> sqlite3.Connection:
        """This thread's connection for reading; it refuses to write."""
        connection: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            self._local.reader = connection
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed when the block ends, rolled back when it raises.

        Keep it short, and never wait for a network or a person inside it. Nested calls join the outer one.

        Raises:
            StratosError: the file cannot be written (read-only, full disk, locked for too long).
        """
        connection: sqlite3.Connection | None = getattr(self._local, "writer", None)
        if connection is None:
            connection = self._local.writer = self._connect()
        if connection.in_transaction:
            yield connection
            return
        with _explained(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise

    @contextmanager
    def staging(self) -> Iterator[sqlite3.Connection]:
        """A connection of the caller's own for rows that nobody sees until the row that they belong to is written.

        It does not hold rows to their parents, and waits for the disk only at a ``synchronous = FULL`` commit, which
        makes all before it durable. Errors are those of :meth:`write`.
        """
        connection = self._connect()
        try:
            with _explained(self.path):
                connection.execute("PRAGMA foreign_keys = OFF")
                connection.execute("PRAGMA synchronous = NORMAL")
                yield connection
        finally:
            with self._lock:
                # close() may have been here before
                if connection in self._connections:
                    self._connections.remove(connection)
            connection.close()

    def rows(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with _explained(self.path):
            return self.read.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        with _explained(self.path):
            found: sqlite3.Row | None = self.read.execute(sql, values).fetchone()
        return found

    def value(self, sql: str, values: Sequence[Any] | dict[str, Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(sql, values)
        return None if found is None else found[0]

    def connect(self) -> sqlite3.Connection:
        """Return a further connection of the caller's own, to close when done (temporary tables live in one)."""
        return self._connect()

    def close(self) -> None:
        """Close every connection that this store opened."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        with self._lock:
            self._connections.append(connection)
        return connection


def open_store(path: str | os.PathLike[str], *, create: bool = True) -> Store:
    """Open a stratos file, making or migrating it where needed; a backup is kept before a migration.

    Raises:
        StratosError: the file is missing (with ``create`` off), damaged, of another kind, from a newer version,
            or cannot be written. It is never overwritten.
    """
    where = Path(path)
    if not where.exists():
        if not create:
            raise StratosError(f"{where}: there is no store here; make one with `stratos init --db {where}`")
        if not where.parent.is_dir():
            raise StratosError(f"{where}: the folder {where.parent} does not exist; make it or choose another --db")
    elif not where.is_file():
        raise StratosError(f"{where}: is not a file; choose another --db")
    with _explained(where):
        if _applied(where) < len(MIGRATIONS):
            _migrate(where)
    return Store(where)


def now() -> str:
    """Return the time now, UTC, ISO 8601 with milliseconds: the form of every time in the store."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def code_version() -> str:
    """Return what every provenance column records as the code that made a row."""
    return f"stratos {__version__}"


def _applied(path: Path) -> int:
    """Return how many migrations the file has, having checked that it is ours, whole and not newer."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if tables and application != APPLICATION_ID:
            raise StratosError(f"{path}: is a SQLite file of another program; choose another --db")
        if version > len(MIGRATIONS):
            raise StratosError(
                f"{path}: was made by a newer stratos (schema {version}, this one knows {len(MIGRATIONS)}); "
                "update stratos, nothing was changed"
            )
        if version and version == len(MIGRATIONS):
            # a damaged page shows here, not in the middle of a paid phase
            connection.execute("SELECT count(*) FROM profiles").fetchone()
        return version


def _migrate(path: Path) -> None:
    """Apply what is missing, in one transaction that other processes wait for; keep a backup of what was there."""
    import sqlite_utils

    migrations = sqlite_utils.Migrations(MIGRATION_SET)
    for number, function in enumerate(MIGRATIONS, 1):
        migrations(name=f"{number:03d}_{function.__name__.split('_', 1)[1]}")(function)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        applied = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if 0 < applied < len(MIGRATIONS):
            stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
            backup = path.with_name(f"{path.name}.before-{applied + 1:03d}.{stamp}.bak")
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
                source.backup(target)
        migrations.apply(sqlite_utils.Database(connection))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one clear line that says what was kept and what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text:
            free = shutil.disk_usage(path.parent).free
            raise StratosError(
                f"{path}: the disk is full ({free:,} bytes free); what was stored before is kept; free space and repeat"
            ) from error
        if "readonly" in text or "unable to open" in text or "attempt to write" in text:
            raise StratosError(f"{path}: cannot be written ({text}); check the folder's permissions") from error
        if "locked" in text or "busy" in text:
            raise StratosError(
                f"{path}: another process has been writing for {BUSY_SECONDS:.0f} s; try again"
            ) from error
        if "not a database" in text or "malformed" in text or "disk I/O" in text:
            raise StratosError(
                f"{path}: is damaged or not a stratos store ({text}); it was left as it is: "
                "restore a backup or choose another --db"
            ) from error
        raise
