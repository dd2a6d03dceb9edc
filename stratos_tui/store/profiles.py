"""Profiles: the state each is in now, and every state it has been in."""

from __future__ import annotations

import json
import sqlite3
from typing import Literal

from stratos_tui.digests import profile_digest
from stratos_tui.records import Profile
from stratos_tui.store.db import Store, now

ProfileOrigin = Literal["shipped", "imported", "operator"]

_LISTS = ("companies", "institutions", "interests", "industries")
_FIELDS = ("id", "kind", "role", "location", "seniority", "context", *_LISTS)


def load(store: Store) -> list[Profile]:
    """Return all profiles in the order in which they came."""
    return [_profile(row) for row in store.rows("SELECT * FROM profiles ORDER BY rowid")]


def get(store: Store, profile_id: str) -> Profile | None:
    """Return one profile."""
    row = store.row("SELECT * FROM profiles WHERE id = ?", (profile_id,))
    return None if row is None else _profile(row)


def origins(store: Store) -> dict[str, ProfileOrigin]:
    """Return who wrote the present state of each profile, in the order of :func:`load`."""
    return {row["id"]: row["origin"] for row in store.rows("SELECT id, origin FROM profiles ORDER BY rowid")}


def save(store: Store, profile: Profile, origin: ProfileOrigin) -> bool:
    """Store a profile, new or changed, as a revision that can be undone; False when it says what is stored already.

    ``origin`` is who wrote this state: an operator's edit of a shipped profile makes it the operator's.
    """
    digest = profile_digest(profile)
    with store.write() as connection:
        found = connection.execute("SELECT digest FROM profiles WHERE id = ?", (profile.id,)).fetchone()
        if found is not None and found["digest"] == digest:
            return False
        _put(connection, profile, origin, digest)
        connection.execute(
            "INSERT INTO profile_revisions (profile_id, digest, body, origin, at) VALUES (?, ?, ?, ?, ?)",
            (profile.id, digest, json.dumps(_body(profile), ensure_ascii=False), origin, now()),
        )
    return True


def undo(store: Store, profile_id: str) -> bool:
    """Take a profile's last edit back; False when there is none. The undone state stays readable by its digest."""
    with store.write() as connection:
        states = connection.execute(
            "SELECT id, digest, body, origin FROM profile_revisions WHERE profile_id = ? AND NOT undone"
            " ORDER BY id DESC LIMIT 2",
            (profile_id,),
        ).fetchall()
        if len(states) < 2:
            return False
        last, before = states
        connection.execute("UPDATE profile_revisions SET undone = 1 WHERE id = ?", (last["id"],))
        _put(connection, _parse(before["body"]), before["origin"], before["digest"])
    return True


def revisions(store: Store, profile_id: str | None = None) -> list[Profile]:
    """Return every state that profiles (or one of them) have been in, oldest first, undone ones included."""
    rows = store.rows(
        "SELECT body FROM profile_revisions WHERE ?1 IS NULL OR profile_id = ?1 ORDER BY id", (profile_id,)
    )
    return [_parse(row["body"]) for row in rows]


def by_digest(store: Store, digest: str) -> Profile | None:
    """Return the state of a profile that a digest was made from."""
    row = store.row("SELECT body FROM profile_revisions WHERE digest = ? LIMIT 1", (digest,))
    return None if row is None else _parse(row["body"])


def _put(connection: sqlite3.Connection, profile: Profile, origin: str, digest: str) -> None:
    body = _body(profile) | {name: json.dumps(getattr(profile, name), ensure_ascii=False) for name in _LISTS}
    connection.execute(
        "INSERT INTO profiles (id, kind, role, location, seniority, context, companies, institutions, interests,"
        " industries, origin, digest, created_at, updated_at)"
        " VALUES (:id, :kind, :role, :location, :seniority, :context, :companies, :institutions, :interests,"
        " :industries, :origin, :digest, :at, :at)"
        " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, role = excluded.role, location = excluded.location,"
        " seniority = excluded.seniority, context = excluded.context, companies = excluded.companies,"
        " institutions = excluded.institutions, interests = excluded.interests, industries = excluded.industries,"
        " origin = excluded.origin, digest = excluded.digest, updated_at = excluded.updated_at",
        body | {"origin": origin, "digest": digest, "at": now()},
    )


def _body(profile: Profile) -> dict[str, object]:
    return {name: getattr(profile, name) for name in _FIELDS}


def _parse(body: str) -> Profile:
    fields = json.loads(body)
    return Profile(**(fields | {name: tuple(fields[name]) for name in _LISTS}))


def _profile(row: sqlite3.Row) -> Profile:
    fields = {name: row[name] for name in _FIELDS}
    return Profile(**(fields | {name: tuple(json.loads(fields[name])) for name in _LISTS}))
