"""Candidates: articles that a teacher was asked to draft, from the question to an operator's decision.

Each sitting is one row of ``batches`` of the ``live`` way. A candidate's answer, its state and what it cost are stored
in one transaction, so that nothing is settled twice; none is in the data before an operator accepts it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from stratos_tui.records import Article, Band, SourceType
from stratos_tui.store import articles, batches, ledger
from stratos_tui.store.articles import Added
from stratos_tui.store.batches import Intent
from stratos_tui.store.db import Store, code_version, now
from stratos_tui.store.ledger import Caps, Pricing

CandidateState = Literal["planned", "submitted", "waiting", "accepted", "discarded", "errored"]
CANDIDATE_STATES: tuple[CandidateState, ...] = get_args(CandidateState)
REVIEWED: tuple[CandidateState, ...] = ("waiting", "errored", "accepted", "discarded")
"""States with an answer, or the certainty that none comes, in the order in which a reviewer wants them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate as it is stored. ``settings`` is what it was asked with, and the words before an operator's edit.

    ``raw`` is the answer as it came, ``as_of`` the day on which it was drafted. Title, body and the rest are empty
    while there is no draft; ``fault`` says why there is none.
    """

    id: int
    teacher: str
    profile_ids: tuple[str, ...]
    band: Band
    custom_id: str
    state: CandidateState
    batch_id: int | None
    prompt_fingerprint: str
    settings: dict[str, Any]
    model: str
    raw: str
    fault: str
    title: str
    body: str
    source: str
    source_type: SourceType
    deadline: date | None
    category: str
    tokens_in: int
    tokens_out: int
    article_id: str | None
    planned_at: str
    received_at: str | None
    decided_at: str | None

    @property
    def as_of(self) -> date:
        """The day on which it was drafted."""
        return date.fromisoformat(self.settings["as_of"])

    @property
    def edited(self) -> bool:
        """Whether an operator's words stand in place of the teacher's."""
        first = self.settings.get("drafted")
        return first is not None and (first["title"], first["body"]) != (self.title, self.body)

    def article(self) -> Article:
        """Return it as an article: published and fetched on the day on which it was drafted; the id is empty."""
        return Article(
            id="",
            title=self.title,
            body=self.body,
            source=self.source,
            source_type=self.source_type,
            category=self.category,
            published=self.as_of,
            fetched=self.as_of,
            deadline=self.deadline,
        )


@dataclass(frozen=True, slots=True)
class NewCandidate:
    """A draft that is wished for: whom it is for and in which band; ``settings`` is what it is asked with, as JSON."""

    custom_id: str
    profile_ids: tuple[str, ...]
    band: Band
    settings: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one question. ``article`` is None where it came to no draft, and ``fault`` then says why.

    ``cost`` is in nanodollars, None where nothing is billed.
    """

    article: Article | None
    fault: str
    cost: int | None
    model: str = ""
    raw: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class OpenSitting:
    """A sitting that is not closed: what was sent and has no answer, and what was held for each, in nanodollars."""

    batch_id: int
    teacher: str
    submitted: tuple[int, ...]
    held_each: int
    pricing: Pricing


def plan(store: Store, intent: Intent, wanted: Sequence[NewCandidate], pricing: Pricing, caps: Caps) -> int | None:
    """Journal a sitting with all its questions and hold its money, in one transaction; return its batch's id.

    None, and nothing stored, where the reservation would pass a cap.
    """
    with store.write() as connection:
        batch_id = batches.intend(store, intent, pricing, caps)
        if batch_id is None:
            return None
        connection.execute("UPDATE batches SET request_count = ? WHERE id = ?", (len(wanted), batch_id))
        connection.executemany(
            "INSERT INTO candidates (teacher, profile_ids, band, custom_id, state, batch_id, prompt_fingerprint,"
            " settings, planned_at, code_version) VALUES (?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?)",
            [
                (
                    *(intent.teacher, _ids(each.profile_ids), each.band, each.custom_id, batch_id),
                    *(intent.prompt_fingerprint, each.settings, now(), code_version()),
                )
                for each in wanted
            ],
        )
    return batch_id


def count_wished(store: Store, teacher: str, profile_ids: Sequence[str], band: Band) -> int:
    """Return how many candidates of one wish a teacher was ever asked for."""
    return int(
        store.value(
            "SELECT count(*) FROM candidates WHERE teacher = ? AND profile_ids = ? AND band = ?",
            (teacher, _ids(profile_ids), band),
        )
    )


def submit(store: Store, candidate_id: int) -> None:
    """Journal that a question is about to be sent."""
    with store.write() as connection:
        connection.execute(
            "UPDATE candidates SET state = 'submitted' WHERE id = ? AND state = 'planned'", (candidate_id,)
        )
        connection.execute(
            "UPDATE batches SET state = 'submitted', submitted_at = coalesce(submitted_at, ?)"
            " WHERE id = (SELECT batch_id FROM candidates WHERE id = ?) AND state = 'intended'",
            (now(), candidate_id),
        )


def unsend(store: Store, candidate_id: int) -> None:
    """Journal that the server did not take a question: it is planned again."""
    with store.write() as connection:
        connection.execute(
            "UPDATE candidates SET state = 'planned' WHERE id = ? AND state = 'submitted'", (candidate_id,)
        )


def keep(store: Store, candidate_id: int, answered: Answered, pricing: Pricing) -> bool:
    """Store what came of a question, settle its cost and let go of what was held for it, in one transaction.

    False, and nothing stored, where the question was not out: what is settled is settled once.
    """
    article = answered.article or Article("", "", "")
    with store.write() as connection:
        stored = connection.execute(
            "UPDATE candidates SET state = ?, model = ?, raw = ?, fault = ?, title = ?, body = ?, source = ?,"
            " source_type = ?, deadline = ?, category = ?, tokens_in = ?, tokens_out = ?, received_at = ?"
            " WHERE id = ? AND state = 'submitted'",
            (
                *("errored" if answered.fault else "waiting", answered.model, answered.raw, answered.fault),
                *(article.title, article.body, article.source, article.source_type),
                *(article.deadline.isoformat() if article.deadline else None, article.category),
                *(answered.tokens_in, answered.tokens_out, now(), candidate_id),
            ),
        ).rowcount
        if not stored:
            return False
        batch_id, answers, of = connection.execute(
            "SELECT batches.id, (SELECT count(*) FROM candidates AS each WHERE each.batch_id = batches.id"
            " AND each.state NOT IN ('planned', 'submitted')), request_count"
            " FROM candidates JOIN batches ON batches.id = batch_id WHERE candidates.id = ?",
            (candidate_id,),
        ).fetchone()
        if answered.cost is not None:
            ledger.settle(connection, batch_id, [(None, answered.cost)], pricing)
        ledger.release(connection, batch_id, answers, of)
    return True


def close(store: Store, batch_id: int, error: str = "") -> None:
    """End a sitting: what was never sent is forgotten, what is still held is let go."""
    with store.write() as connection:
        connection.execute("DELETE FROM candidates WHERE batch_id = ? AND state = 'planned'", (batch_id,))
        drafts, faults = connection.execute(
            "SELECT coalesce(sum(fault = ''), 0), coalesce(sum(fault != ''), 0) FROM candidates WHERE batch_id = ?",
            (batch_id,),
        ).fetchone()
        connection.execute(
            "UPDATE batches SET state = ?, succeeded = ?, errored = ?, error = ?, ended_at = ?, ingested_at = ?"
            " WHERE id = ?",
            ("failed" if error and not drafts else "ingested", drafts, faults, error, now(), now(), batch_id),
        )
        ledger.release(connection, batch_id, 1, 1)


def open_sittings(store: Store) -> list[OpenSitting]:
    """Return the sittings that are not closed, oldest first."""
    rows = store.rows(
        "SELECT batches.id, teacher, request_count, nanodollars, priced_as, price_date, ledger.simulated FROM batches"
        " JOIN ledger ON batch_id = batches.id AND ledger.kind = 'reserve'"
        " WHERE purpose = 'candidates' AND state NOT IN ('ingested', 'failed') ORDER BY batches.id"
    )
    return [
        OpenSitting(
            row["id"],
            row["teacher"],
            tuple(each.id for each in load(store, ("submitted",), batch_id=row["id"])),
            row["nanodollars"] // row["request_count"],
            Pricing(row["priced_as"], row["price_date"], bool(row["simulated"])),
        )
        for row in rows
    ]


def get(store: Store, candidate_id: int) -> Candidate | None:
    """Return one candidate."""
    row = store.row("SELECT * FROM candidates WHERE id = ?", (candidate_id,))
    return None if row is None else _candidate(row)


def load(
    store: Store, states: Sequence[CandidateState] = REVIEWED, *, batch_id: int | None = None, limit: int = -1
) -> list[Candidate]:
    """Return candidates in these states, by state in that order and newest first; all unless limited."""
    rows = store.rows(
        "SELECT candidates.* FROM candidates JOIN json_each(?1) AS wanted ON wanted.value = state"
        " WHERE ?2 IS NULL OR batch_id = ?2 ORDER BY wanted.key, id DESC LIMIT ?3",
        (json.dumps(list(states)), batch_id, limit),
    )
    return [_candidate(row) for row in rows]


def counts(store: Store) -> dict[CandidateState, int]:
    """Return how many candidates are in each state."""
    found = {row["state"]: row["n"] for row in store.rows("SELECT state, count(*) AS n FROM candidates GROUP BY state")}
    return {state: found.get(state, 0) for state in CANDIDATE_STATES}


def cost(store: Store, batch_id: int) -> int:
    """Return what a sitting's answers have cost, in nanodollars."""
    return int(
        store.value(
            "SELECT coalesce(sum(nanodollars), 0) FROM ledger WHERE batch_id = ? AND kind = 'settle'", (batch_id,)
        )
    )


def edit(store: Store, candidate_id: int, title: str, body: str) -> bool:
    """Put an operator's words in place of the draft's, which are kept beside the settings. False where none waits."""
    with store.write() as connection:
        return bool(
            connection.execute(
                "UPDATE candidates SET title = ?, body = ?, settings = iif(settings ->> '$.drafted.title' IS NULL,"
                " json_set(settings, '$.drafted', json_object('title', title, 'body', body)), settings)"
                " WHERE id = ? AND state = 'waiting'",
                (title, body, candidate_id),
            ).rowcount
        )


def accept(store: Store, candidate: Candidate, origin: str) -> Added | None:
    """Store a waiting candidate as an article and mark it accepted, in one transaction.

    None where it does not wait any more, or changed; ``Added.new`` is False, and nothing stored, where an article has
    its words already.
    """
    with store.write() as connection:
        waits = connection.execute(
            "SELECT 1 FROM candidates WHERE id = ? AND state = 'waiting' AND title = ? AND body = ?",
            (candidate.id, candidate.title, candidate.body),
        ).fetchone()
        if waits is None:
            return None
        (added,) = articles.add_many(store, [candidate.article()], "polarizing", origin)
        if added.new:
            connection.execute(
                "UPDATE candidates SET state = 'accepted', article_id = ?, decided_at = ? WHERE id = ?",
                (added.id, now(), candidate.id),
            )
        return added


def discard(store: Store, candidate_id: int) -> bool:
    """Mark a waiting candidate discarded; False where it does not wait."""
    with store.write() as connection:
        return bool(
            connection.execute(
                "UPDATE candidates SET state = 'discarded', decided_at = ? WHERE id = ? AND state = 'waiting'",
                (now(), candidate_id),
            ).rowcount
        )


def reopen(store: Store, candidate_id: int) -> str:
    """Let a decided candidate wait again, and take the article that it became out, in one transaction.

    Return what forbids it, in words (the article has requests or labels, or nothing was decided); empty where done.
    """
    with store.write() as connection:
        row = connection.execute(
            "SELECT article_id, (SELECT count(*) FROM requests WHERE requests.article_id = candidates.article_id)"
            " AS requests, (SELECT count(*) FROM labels WHERE labels.article_id = candidates.article_id) AS labels"
            " FROM candidates WHERE id = ? AND state IN ('accepted', 'discarded')",
            (candidate_id,),
        ).fetchone()
        if row is None:
            return "nothing was decided about it"
        if held := [f"{row[name]:,} {name}" for name in ("requests", "labels") if row[name]]:
            return f"its article {row['article_id']} has {' and '.join(held)} already"
        connection.execute(
            "UPDATE candidates SET state = 'waiting', article_id = NULL, decided_at = NULL WHERE id = ?",
            (candidate_id,),
        )
        connection.execute("DELETE FROM articles WHERE id = ?", (row["article_id"],))
        return ""


def _ids(profile_ids: Sequence[str]) -> str:
    return json.dumps(list(profile_ids))


def _candidate(row: sqlite3.Row) -> Candidate:
    fields = {name: row[name] for name in row.keys() if name != "code_version"}  # noqa: SIM118
    return Candidate(
        **fields
        | {
            "profile_ids": tuple(json.loads(row["profile_ids"])),
            "settings": json.loads(row["settings"]),
            "deadline": date.fromisoformat(row["deadline"]) if row["deadline"] else None,
        }
    )
