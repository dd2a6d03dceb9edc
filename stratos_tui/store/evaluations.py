"""Evaluations: each result as it was printed, found again by the digest of what it was made from, and its pairs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from stratos_tui.store.db import Store, code_version, now


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One stored evaluation; ``result`` is the object that ``stratos evaluate --json`` prints, without its id."""

    id: int
    scorer: str
    dataset_id: int | None
    run_id: int | None
    verdict: str
    result: dict[str, Any]
    created_at: str


@dataclass(frozen=True, slots=True)
class EvaluatedPair:
    """One pair as it was evaluated, in tenths; ``tenths`` is None for a parse failure."""

    article_id: str
    profile_id: str
    teacher_tenths: int
    tenths: int | None


def find(store: Store, fingerprint: str) -> Evaluation | None:
    """Return the evaluation made from exactly this, or None."""
    row = store.row("SELECT * FROM evaluations WHERE fingerprint = ?", (fingerprint,))
    return None if row is None else _evaluation(row)


def get(store: Store, evaluation_id: int) -> Evaluation | None:
    """Return one evaluation."""
    row = store.row("SELECT * FROM evaluations WHERE id = ?", (evaluation_id,))
    return None if row is None else _evaluation(row)


def load(store: Store) -> list[Evaluation]:
    """Return all evaluations, newest first."""
    return [_evaluation(row) for row in store.rows("SELECT * FROM evaluations ORDER BY id DESC")]


def pairs(store: Store, evaluation_id: int) -> list[EvaluatedPair]:
    """Return the pairs of one evaluation, by article and profile."""
    rows = store.rows(
        "SELECT article_id, profile_id, teacher_tenths, tenths FROM evaluation_pairs WHERE evaluation_id = ?"
        " ORDER BY article_id, profile_id",
        (evaluation_id,),
    )
    return [EvaluatedPair(**dict(row)) for row in rows]


def add(
    store: Store,
    *,
    fingerprint: str,
    scorer: str,
    dataset_id: int | None,
    run_id: int | None,
    verdict: str,
    result: dict[str, Any],
    evaluated: Iterable[EvaluatedPair],
) -> int:
    """Store an evaluation with its pairs, whole, and return its id; one with the same fingerprint is found instead.

    Raises:
        ValueError: the result holds a number that JSON has no word for (NaN, infinity).
    """
    text = json.dumps(result, ensure_ascii=False, allow_nan=False)
    with store.write() as connection:
        known = connection.execute("SELECT id FROM evaluations WHERE fingerprint = ?", (fingerprint,)).fetchone()
        if known is not None:
            return int(known["id"])
        cursor = connection.execute(
            "INSERT INTO evaluations (fingerprint, scorer, dataset_id, run_id, verdict, result, created_at,"
            " code_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (fingerprint, scorer, dataset_id, run_id, verdict, text, now(), code_version()),
        )
        evaluation_id = int(cursor.lastrowid or 0)
        connection.executemany(
            "INSERT INTO evaluation_pairs (evaluation_id, article_id, profile_id, teacher_tenths, tenths)"
            " VALUES (?, ?, ?, ?, ?)",
            [(evaluation_id, p.article_id, p.profile_id, p.teacher_tenths, p.tenths) for p in evaluated],
        )
    return evaluation_id


def _evaluation(row: sqlite3.Row) -> Evaluation:
    return Evaluation(
        id=row["id"],
        scorer=row["scorer"],
        dataset_id=row["dataset_id"],
        run_id=row["run_id"],
        verdict=row["verdict"],
        result=json.loads(row["result"]),
        created_at=row["created_at"],
    )
