"""Scores: what a scorer said of a pair, once for each state of scorer, profile and reference date."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stratos_tui.records import Scored
from stratos_tui.store.db import Store, code_version, now

_FIELDS = "article_id, profile_id, tenths, reason, trace, raw, error, latency_ms, tokens_in, tokens_out"


@dataclass(frozen=True, slots=True)
class ScoreKey:
    """What a score is of, besides its scorer: the pair, the profile's state, and the day it is judged on."""

    article_id: str
    profile_id: str
    profile_digest: str
    reference_date: date


@dataclass(frozen=True, slots=True)
class ScorerRow:
    """What is stored of a scorer beside each of its scores; ``identity`` is a digest over all that decides them."""

    scorer: str
    identity: str
    prompt_fingerprint: str
    settings: dict[str, Any]


def find(store: Store, identity: str, keys: Iterable[ScoreKey]) -> dict[ScoreKey, Scored]:
    """Return the stored scores of these keys by the scorer with this identity."""
    found: dict[ScoreKey, Scored] = {}
    for key in keys:
        row = store.row(
            f"SELECT {_FIELDS} FROM scores WHERE article_id = ? AND profile_id = ? AND identity = ?"  # noqa: S608
            " AND profile_digest = ? AND reference_date = ?",
            (key.article_id, key.profile_id, identity, key.profile_digest, key.reference_date.isoformat()),
        )
        if row is not None:
            found[key] = _scored(row)
    return found


def put_many(store: Store, scorer: ScorerRow, scores: Sequence[tuple[ScoreKey, Scored]]) -> None:
    """Store scores in one transaction; one that is stored already stays as it is."""
    at, version = now(), code_version()
    settings = json.dumps(scorer.settings, sort_keys=True)
    with store.write() as connection:
        connection.executemany(
            "INSERT INTO scores (article_id, profile_id, scorer, identity, profile_digest, reference_date,"
            " prompt_fingerprint, settings, tenths, reason, trace, raw, error, latency_ms, tokens_in, tokens_out,"
            " scored_at, code_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (article_id, profile_id, identity, profile_digest, reference_date) DO NOTHING",
            [
                (
                    *(key.article_id, key.profile_id, scorer.scorer, scorer.identity, key.profile_digest),
                    *(key.reference_date.isoformat(), scorer.prompt_fingerprint, settings),
                    *(said.tenths, said.reason, said.trace, said.raw, said.error),
                    *(said.latency_ms, said.tokens_in, said.tokens_out, at, version),
                )
                for key, said in scores
            ],
        )


def counts(store: Store) -> dict[str, int]:
    """Return how many scores each scorer has."""
    rows = store.rows("SELECT scorer, count(*) AS n FROM scores GROUP BY scorer ORDER BY scorer")
    return {row["scorer"]: row["n"] for row in rows}


def _scored(row: sqlite3.Row) -> Scored:
    return Scored(**dict(row))
