"""Reads everything that is known of an article's pairs and of a profile: whose scores there are, side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stratos_tui.store.db import Store
from stratos_tui.store.word import what_counts_last

ReferenceKind = Literal["label", "teacher", "scorer"]


@dataclass(frozen=True, slots=True)
class Reference:
    """One score of a pair. ``source`` is ``operator``, ``expected`` or ``imported`` of a label, else a teacher's or
    scorer's name; ``tenths`` is the score in tenths, 0 to 100."""

    profile_id: str
    kind: ReferenceKind
    source: str
    tenths: int
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """How much is stored for one profile: labels by origin, accepted traces by teacher, scores by scorer."""

    labels: dict[str, int]
    traces: dict[str, int]
    scores: dict[str, int]


def references(store: Store, article_id: str) -> list[Reference]:
    """Return what labels, teachers and scorers said of an article, by profile in the order in which those came.

    Of a teacher's accepted answers an operator's word counts before a rule's, and then the later one; a scorer's latest
    score of the profile as it is now.
    """
    rows = store.rows(
        "SELECT said.profile_id, said.kind, said.source, said.tenths, said.reason FROM ("  # noqa: S608
        " SELECT profile_id, 'label' AS kind, 0 AS rank, origin AS source, tenths, reason FROM labels"
        " WHERE article_id = :article"
        " UNION ALL"
        " SELECT r.profile_id, 'teacher', 1, r.teacher, j.tenths, j.reason FROM requests r"
        " JOIN judgements j ON j.request_id = r.id AND j.accepted = 1 AND j.tenths IS NOT NULL"
        " WHERE r.article_id = :article AND r.purpose = 'example'"
        " AND NOT EXISTS (SELECT 1 FROM requests other"
        "  JOIN judgements good ON good.request_id = other.id AND good.accepted = 1"
        "  WHERE other.article_id = r.article_id AND other.profile_id = r.profile_id AND other.teacher = r.teacher"
        f"  AND other.purpose = 'example' AND ({what_counts_last('good', 'other')}) > ({what_counts_last('j', 'r')}))"
        " UNION ALL"
        " SELECT s.profile_id, 'scorer', 2, s.scorer, s.tenths, s.reason FROM scores s"
        " JOIN profiles p ON p.id = s.profile_id AND p.digest = s.profile_digest"
        " WHERE s.article_id = :article AND s.tenths IS NOT NULL AND s.id = (SELECT max(later.id) FROM scores later"
        "  WHERE later.article_id = s.article_id AND later.profile_id = s.profile_id AND later.scorer = s.scorer"
        "  AND later.profile_digest = s.profile_digest)"
        ") said JOIN profiles ON profiles.id = said.profile_id ORDER BY profiles.rowid, said.rank, said.source",
        {"article": article_id},
    )
    return [Reference(**dict(row)) for row in rows]


def scored_by(store: Store, scorer: str) -> dict[tuple[str, str], int]:
    """Return the tenths that a scorer gave each (article, profile), as the profile is now; the latest counts.

    A teacher is a scorer by its accepted answers, where an operator's word counts before a rule's.
    """
    rows = store.rows(
        "SELECT article_id, profile_id, tenths FROM scores JOIN profiles ON profiles.id = profile_id"
        " AND profiles.digest = profile_digest WHERE scorer = ?1 AND tenths IS NOT NULL ORDER BY scores.id",
        (scorer,),
    ) or store.rows(
        "SELECT article_id, profile_id, tenths FROM requests JOIN judgements ON request_id = requests.id"  # noqa: S608
        " JOIN profiles ON profiles.id = profile_id AND profiles.digest = profile_digest"
        " WHERE teacher = ?1 AND state = 'accepted' AND purpose = 'example'"
        f" ORDER BY {what_counts_last()}",
        (scorer,),
    )
    return {(row["article_id"], row["profile_id"]): row["tenths"] for row in rows}


def usage(store: Store, profile_id: str) -> Usage:
    """Return how much is stored for one profile."""

    def counts(sql: str) -> dict[str, int]:
        return {row["name"]: row["n"] for row in store.rows(sql, (profile_id,))}

    return Usage(
        labels=counts("SELECT origin AS name, count(*) AS n FROM labels WHERE profile_id = ? GROUP BY 1 ORDER BY 1"),
        traces=counts(
            "SELECT teacher AS name, count(*) AS n FROM requests WHERE profile_id = ? AND state = 'accepted'"
            " AND purpose = 'example' GROUP BY 1 ORDER BY 1"
        ),
        scores=counts("SELECT scorer AS name, count(*) AS n FROM scores WHERE profile_id = ? GROUP BY 1 ORDER BY 1"),
    )


def labelled_by_operator(store: Store, article_ids: Sequence[str], profile_ids: Sequence[str]) -> dict[str, int]:
    """Return for each of the articles how many of the profiles the operator has labelled; without one, none."""
    rows = store.rows(
        "SELECT article_id, count(*) AS n FROM labels WHERE origin = 'operator'"
        " AND article_id IN (SELECT value FROM json_each(?)) AND profile_id IN (SELECT value FROM json_each(?))"
        " GROUP BY article_id",
        (json.dumps(list(article_ids)), json.dumps(list(profile_ids))),
    )
    return {row["article_id"]: row["n"] for row in rows}


def operator_labels(store: Store) -> tuple[int, int]:
    """Return how many pairs the operator has labelled, and on how many articles."""
    row = store.row(
        "SELECT count(*) AS pairs, count(DISTINCT article_id) AS articles FROM labels WHERE origin = 'operator'"
    )
    return (row["pairs"], row["articles"]) if row else (0, 0)
