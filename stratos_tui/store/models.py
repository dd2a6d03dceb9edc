"""Models on their way to being served: which run, how far, what was measured, and which one a name stands for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from stratos_tui.store.db import Store, code_version, now

ModelState = Literal["merged", "converted", "created", "usable", "refused", "retired"]
UNFINISHED: tuple[ModelState, ...] = ("merged", "converted", "created")


@dataclass(frozen=True, slots=True)
class Model:
    """One published, or half published, model. Times are ISO 8601 UTC.

    ``files`` tells where its weights are and their digests, ``tools`` what made them, ``parity`` what the server
    rendered, ``smoke`` what it answered, both with the server's address and version. ``fingerprint`` is over weights,
    template, parameters and prompt; it is empty until the weights are converted. ``error`` says why a refused one was
    refused.
    """

    id: int
    run_id: int
    name: str
    state: ModelState
    files: dict[str, Any]
    fingerprint: str
    modelfile: str
    parity: dict[str, Any]
    smoke: dict[str, Any]
    tools: dict[str, Any]
    error: str
    created_at: str
    updated_at: str
    code_version: str


_JSON = ("files", "parity", "smoke", "tools")
_TEXT = ("fingerprint", "modelfile", "error")


def add(store: Store, run_id: int, name: str) -> int:
    """Begin to publish a run under a name, as merged, and return the model's id."""
    with store.write() as connection:
        cursor = connection.execute(
            "INSERT INTO models (run_id, name, state, files, fingerprint, modelfile, parity, smoke, tools, created_at,"
            " updated_at, code_version) VALUES (?, ?, 'merged', '{}', '', '', '{}', '{}', '{}', ?, ?, ?)",
            (run_id, name, now(), now(), code_version()),
        )
        return int(cursor.lastrowid or 0)


def get(store: Store, model_id: int) -> Model | None:
    """Return one model."""
    row = store.row("SELECT * FROM models WHERE id = ?", (model_id,))
    return None if row is None else _model(row)


def load(store: Store, name: str | None = None) -> list[Model]:
    """Return all models, or those of one name, newest first."""
    return [
        _model(row)
        for row in store.rows("SELECT * FROM models WHERE ? IS NULL OR name = ? ORDER BY id DESC", (name, name))
    ]


def newest(store: Store, run_id: int, name: str) -> Model | None:
    """Return the newest model of a run under a name."""
    row = store.row("SELECT * FROM models WHERE run_id = ? AND name = ? ORDER BY id DESC LIMIT 1", (run_id, name))
    return None if row is None else _model(row)


def usable(store: Store, name: str, host: str | None = None) -> list[Model]:
    """Return the usable models of a name, newest first: of those proven on a server (``host``) the first is current.

    What one server showed proves nothing of another. A row that names no server is of a time when none was recorded: it
    counts for each.
    """
    found = [model for model in load(store, name) if model.state == "usable"]
    return [model for model in found if not host or model.parity.get("host", host) == host]


def current(store: Store, name: str) -> list[Model]:
    """Return the models that a name stands for, newest first: one on each server that is recorded."""
    leading: dict[str, Model] = {}
    for model in usable(store, name):
        leading.setdefault(model.parity.get("host", ""), model)
    return [model for host, model in leading.items() if usable(store, name, host)[0].id == model.id]


def update(store: Store, model_id: int, state: ModelState, **columns: Mapping[str, Any] | str) -> Model:
    """Move a model to a state, with what was learnt on the way, all or nothing; return it as it is then.

    ``columns`` may be files, parity, smoke, tools (as dictionaries), fingerprint, modelfile and error (as text).
    """
    assert state in get_args(ModelState)
    assert set(columns) <= {*_JSON, *_TEXT}
    values = [json.dumps(value, sort_keys=True) if name in _JSON else value for name, value in columns.items()]
    assigned = "".join(f", {name} = ?" for name in columns)
    with store.write() as connection:
        row = connection.execute(
            f"UPDATE models SET state = ?, updated_at = ?{assigned} WHERE id = ? RETURNING *",  # noqa: S608
            (state, now(), *values, model_id),
        ).fetchone()
    return _model(row)


def _model(row: sqlite3.Row) -> Model:
    return Model(**{**dict(row), **{name: json.loads(row[name]) for name in _JSON}})
