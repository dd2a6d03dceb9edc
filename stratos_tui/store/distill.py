"""What distillation has come to: the accepted examples, and the totals that commands and screens show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stratos_tui.records import Example
from stratos_tui.store.batches import Purpose
from stratos_tui.store.db import Store
from stratos_tui.store.word import what_counts_last


@dataclass(frozen=True, slots=True)
class Totals:
    """A teacher's requests by how they ended. Every request counts once; a pair asked again is a further request.

    Of the ``open`` ones, ``waiting`` are planned and were not sent; ``out`` were, or are just being sent, and are not
    judged yet.
    What was asked for the noise floor is left out.
    """

    requests: int
    open: int
    waiting: int
    out: int
    accepted: int
    rejected: int
    refused: int
    errored: int
    expired: int
    canceled: int
    discarded: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What one judged answer took: tokens as its server counted them, ``cost`` in nanodollars, and its verdict."""

    cost: int
    tokens_in: int
    cache_write: int
    cache_read: int
    tokens_out: int
    thinking: int
    accepted: bool
    code: str


@dataclass(frozen=True, slots=True)
class Twice:
    """One pair that a teacher scored twice, in tenths; ``second`` is None where the second answer has no score."""

    article_id: str
    profile_id: str
    first: int
    second: int | None


def examples(store: Store, teacher: str) -> list[Example]:
    """Return a teacher's accepted traces, one a pair, by article and profile in the order in which those came.

    Of several accepted attempts at a pair an operator's word counts before a rule's, and then the later one. An answer
    about an earlier state of its profile is left out: it would teach a text that is rendered no more.
    """
    rows = store.rows(
        "SELECT requests.id AS request_id, article_id, profile_id, teacher, tenths, reason, trace, tier,"  # noqa: S608
        " reference_date FROM requests JOIN judgements ON judgements.request_id = requests.id"
        " JOIN articles ON articles.id = article_id"
        " JOIN profiles ON profiles.id = profile_id AND profiles.digest = profile_digest"
        " WHERE teacher = ? AND state = 'accepted' AND purpose = 'example'"
        f" ORDER BY articles.seq, profiles.rowid, {what_counts_last()}",
        (teacher,),
    )
    last = {(row["article_id"], row["profile_id"]): row for row in rows}
    return [
        Example(**(dict(row) | {"reference_date": date.fromisoformat(row["reference_date"])})) for row in last.values()
    ]


def asked(store: Store, teacher: str, purpose: Purpose, prompt_fingerprint: str, settings: str) -> list[Asked]:
    """Return what the judged answers of a teacher's batches of one purpose took, oldest first.

    Only those that were asked with this prompt and these settings.
    """
    rows = store.rows(
        "SELECT coalesce(nanodollars, 0) AS cost, tokens_in, tokens_cache_write AS cache_write,"
        " tokens_cache_read AS cache_read, tokens_out, tokens_thinking AS thinking, accepted, code"
        " FROM requests JOIN batches ON batches.id = requests.batch_id JOIN answers ON answers.request_id = requests.id"
        " JOIN judgements ON judgements.request_id = requests.id"
        " LEFT JOIN ledger ON ledger.request_id = requests.id AND ledger.kind = 'settle'"
        " WHERE requests.teacher = ? AND batches.purpose = ? AND requests.prompt_fingerprint = ?"
        " AND requests.settings = ? ORDER BY requests.id",
        (teacher, purpose, prompt_fingerprint, settings),
    )
    return [Asked(**(dict(row) | {"accepted": bool(row["accepted"])})) for row in rows]


def twice(store: Store, teacher: str) -> list[Twice]:
    """Return the pairs that a teacher scored twice: its example, and its last answer for the noise floor."""
    rows = store.rows(
        "SELECT again.article_id, again.profile_id, example.tenths AS first, said.tenths AS second"  # noqa: S608
        " FROM requests AS again JOIN judgements AS said ON said.request_id = again.id"
        " JOIN requests AS before ON before.article_id = again.article_id AND before.profile_id = again.profile_id"
        " AND before.teacher = again.teacher AND before.purpose = 'example' AND before.state = 'accepted'"
        " AND before.profile_digest = again.profile_digest"
        " JOIN judgements AS example ON example.request_id = before.id AND example.edited IS NULL"
        " WHERE again.teacher = ? AND again.purpose = 'noise' AND again.state IN ('accepted', 'rejected')"
        f" ORDER BY again.article_id, again.profile_id, {what_counts_last('example', 'before')}, again.attempt",
        (teacher,),
    )
    last = {(row["article_id"], row["profile_id"]): row for row in rows}
    return [Twice(**dict(row)) for row in last.values()]


def totals(store: Store, teacher: str | None = None) -> Totals:
    """Return how a teacher's requests (or everybody's) have ended."""
    row = store.row(
        "SELECT count(*) AS requests, coalesce(sum(state IN ('planned', 'submitted', 'answered')), 0) AS open,"
        " coalesce(sum(state = 'planned' AND batch_id IS NULL), 0) AS waiting,"
        " coalesce(sum(state IN ('submitted', 'answered') OR state = 'planned' AND batch_id IS NOT NULL), 0) AS out,"
        " coalesce(sum(state = 'accepted'), 0) AS accepted,"
        " coalesce(sum(state = 'rejected' AND code != 'refusal'), 0) AS rejected,"
        " coalesce(sum(state = 'rejected' AND code = 'refusal'), 0) AS refused,"
        " coalesce(sum(state = 'errored'), 0) AS errored, coalesce(sum(state = 'expired'), 0) AS expired,"
        " coalesce(sum(state = 'canceled'), 0) AS canceled, coalesce(sum(state = 'discarded'), 0) AS discarded"
        " FROM requests LEFT JOIN judgements ON judgements.request_id = requests.id"
        " WHERE purpose = 'example' AND (?1 IS NULL OR teacher = ?1)",
        (teacher,),
    )
    return Totals(**(dict(row) if row else {}))


def teachers(store: Store) -> list[str]:
    """Return the teachers that were ever asked, in the order in which they first were."""
    return [row["teacher"] for row in store.rows("SELECT teacher FROM requests GROUP BY teacher ORDER BY min(id)")]
