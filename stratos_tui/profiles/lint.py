"""Finds what is wrong with a profile before it costs anything: contradictions, gaps, repeats, hostile text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stratos_tui.prism.prompts import neutralise
from stratos_tui.profiles import seniority
from stratos_tui.records import Profile, Seniority

LISTS = ("companies", "institutions", "interests", "industries")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: which profile, which field, and what is wrong with it."""

    profile_id: str
    field: str
    message: str


def lint(profile: Profile) -> list[Finding]:
    """Return what is wrong with one profile, field by field; nothing where it is in order."""
    found = [*_gaps(profile), *_hostile(profile), *_repeats(profile), *_contradictions(profile)]
    return [Finding(profile.id, field, message) for field, message in found]


def lint_all(profiles: Sequence[Profile]) -> list[Finding]:
    """Return what is wrong with each profile, and which of them describe the same reader."""
    found: list[Finding] = []
    first: dict[tuple[str, str], str] = {}
    for profile in profiles:
        found += lint(profile)
        reader = (_folded(profile.role), _folded(profile.location))
        if reader in first:
            message = f"role and location are those of {first[reader]}; imports will find {first[reader]}"
            found.append(Finding(profile.id, "role", message))
        first.setdefault(reader, profile.id)
    return found


def _gaps(profile: Profile) -> list[tuple[str, str]]:
    found = [(field, "is empty") for field in ("role", "location", "context") if not _text(profile, field).strip()]
    if not any(item.strip() for field in LISTS for item in _items(profile, field)):
        found.append(("interests", "nothing is tracked: companies, institutions, interests and industries are empty"))
    return found


def _hostile(profile: Profile) -> list[tuple[str, str]]:
    texts = [(field, _text(profile, field)) for field in ("role", "location", "context")]
    texts += [(field, item) for field in LISTS for item in _items(profile, field)]
    return [
        (
            field,
            f"holds control tokens, escape codes or invisible characters: {neutralise(text)[:60]!r} is what remains",
        )
        for field, text in texts
        if neutralise(text) != " ".join(text.split())
    ]


def _repeats(profile: Profile) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    where: dict[str, str] = {}
    for field in LISTS:
        for item in _items(profile, field):
            key = _folded(item)
            if not key:
                found.append((field, "holds an empty item"))
            elif key in where:
                found.append((field, f"{neutralise(item)[:60]!r} is in {where[key]} already"))
            elif item.count("(") != item.count(")"):
                found.append((field, f"{neutralise(item)[:60]!r} has an unbalanced parenthesis; aliases go inside one"))
            where.setdefault(key, field)
    return found


def _contradictions(profile: Profile) -> list[tuple[str, str]]:
    role, context = seniority.in_role(profile.role), seniority.in_context(profile.context)
    retired = seniority.without_career(profile.role, profile.context)
    found: list[tuple[str, str]] = []
    if seniority.contradict(role, context):
        found.append(("context", f"says {_named(context)}, but the role says {_named(role)}"))
        context = frozenset()
    if profile.seniority == "none":
        if profile.kind == "career":
            found.append(("seniority", "is none, but the kind is career; choose a stage or the kind interest"))
        return found
    if retired:
        found.append(("seniority", f"is {profile.seniority}, but the text says that no career is tracked"))
    own = frozenset({profile.seniority})
    against = {"role": role, "context": context}
    against = {field: claimed for field, claimed in against.items() if seniority.contradict(own, claimed)}
    if against:
        said = ", ".join(f"the {field} says {_named(claimed)}" for field, claimed in against.items())
        found.append(("seniority", f"is {profile.seniority}, but {said}"))
    if own <= seniority.JUNIOR and role and role <= seniority.JUNIOR and not own & role:
        found.append(("seniority", f"is {profile.seniority}, but the role says {_named(role)}"))
    return found


def _text(profile: Profile, field: str) -> str:
    return str(getattr(profile, field))


def _items(profile: Profile, field: str) -> tuple[str, ...]:
    items: tuple[str, ...] = getattr(profile, field)
    return items


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _named(levels: frozenset[Seniority]) -> str:
    return " and ".join(sorted(levels))
