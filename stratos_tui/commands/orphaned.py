"""``stratos distill orphans`` and ``adopt``: batches at a teacher's server that this store does not know."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from stratos_tui.commands.choosing import teacher_option
from stratos_tui.commands.door import Door, door_options, progress, table
from stratos_tui.errors import StratosError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratos_tui.store.db import Store
    from stratos_tui.teachers.batches import BatchClient

_teacher = teacher_option("A teacher with batches: rehearsal or claude:MODEL.")


@click.command("orphans")
@click.option("--cancel", "remote_id", metavar="REMOTE_ID", help="Ask the server to cancel this one.")
@_teacher
@door_options
def orphans(door: Door, teacher: str, remote_id: str | None) -> None:
    """List the server's batches that this store does not know; the key may be shared, so none is touched by itself."""
    from stratos_tui.distill import orphans as orphaned

    with door.store() as store, _client(store, teacher) as client:
        canceled = None if remote_id is None else orphaned.cancel_orphan(store, client, remote_id)
        found = orphaned.orphans(store, client)
    rows = [
        (each.remote_id, each.created, each.requests, each.state, each.batch_id or "", "yes" if each.proven else "")
        for each in found
    ]
    lines = table(("batch", "created", "requests", "state", "could be", "proven"), rows) if rows else ["no orphans"]
    if canceled:
        lines.append(f"{canceled.id} is asked to stop; what it has answered is billed")
    document = {"teacher": teacher, "orphans": [asdict(each) for each in found]}
    door.answer(document | {"canceled": canceled.id if canceled else None}, lines)


@click.command("adopt")
@click.argument("remote_id")
@_teacher
@door_options
def adopt(door: Door, teacher: str, remote_id: str) -> None:
    """Take a batch of the server for one that was sent from here and never confirmed."""
    from stratos_tui.distill import orphans as orphaned

    with door.store() as store, _client(store, teacher) as client, progress("adopt") as report:
        batch_id = orphaned.adopt(store, client, remote_id, report)
    door.answer(
        {"teacher": teacher, "batch": batch_id, "remote_id": remote_id},
        f"{remote_id} is batch {batch_id}; `stratos distill watch --teacher {teacher}` takes it in",
    )


@contextmanager
def _client(store: Store, teacher: str) -> Iterator[BatchClient]:
    from stratos_tui.teachers.batches import open_client
    from stratos_tui.teachers.catalog import find_teacher

    who = find_teacher(store, teacher)
    if who.way != "batches":
        raise StratosError(f"{teacher} has no batches: choose rehearsal or claude:MODEL with --teacher")
    with open_client(who, store.path) as client:
        yield client
