"""Recognises the profile that a system prompt describes: the ancestor's wording and every one of our own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import lru_cache

from stratos_tui.digests import profile_digest
from stratos_tui.errors import StratosError
from stratos_tui.prism.prompts import LABELS, LEVELS, OPENINGS, neutralise
from stratos_tui.profiles import seniority
from stratos_tui.records import SENIORITIES, Profile, Seniority
from stratos_tui.store import profiles
from stratos_tui.store.db import Store
from stratos_tui.text import plain

Readers = dict[str, str]
"""Which profile id a reader has, by :func:`reader_key`."""

MAX_PROMPT = 50_000
"""A longer system prompt describes no profile: the longest of ours, with the teacher's instructions, is under 5,000."""
MAX_LINE = 4_000
"""A longer line is no opening of a system prompt; matching it would cost the square of its length."""

_FIELDS = ("context", "companies", "institutions", "interests", "industries")
_LABELLED = {label.casefold(): field for labels in LABELS for label, field in zip(labels, _FIELDS, strict=True)}
_LEVEL_OF = {text: level for level, text in LEVELS.items()}
_NOTHING = frozenset({"", "none", "none specific", "n/a", "na", "-", "varied", "various", "any"})
_LABEL = re.compile(r"([A-Za-z][A-Za-z ]{0,40}):[ \t]*(.*)")
_STOP_WORDS = frozenset(
    ["a", "an", "and", "at", "for", "in", "is", "of", "on", "s", "that", "the", "to", "who", "with", "working"]
)
_ID_WORDS = 3


def _opening(template: str) -> re.Pattern[str]:
    pattern = re.escape(template).removesuffix(r"\.")
    pattern = pattern.replace(re.escape(" a {role}"), r" (?:(?:an?|the) )?(?P<role>.+)")
    pattern = pattern.replace(re.escape("{location}"), r"(?P<location>.+?)")
    return re.compile(rf"{pattern}\.?", re.I)


_OPENINGS = tuple(map(_opening, OPENINGS))


def readers(store: Store) -> Readers:
    """Return every reader that the store knows: as each profile is now, then as it ever was.

    An operator may edit a profile; a repeated import still finds it by the state that the first one made.
    """
    known: Readers = {}
    for profile in [*profiles.load(store), *profiles.revisions(store)]:
        known.setdefault(reader_key(profile.role, profile.location), profile.id)
    return known


def find_or_make(store: Store, known: Readers, reader: Profile) -> tuple[str, bool]:
    """Return the id of the profile that a parsed reader is, and whether it was made now.

    ``known`` comes from :func:`readers` and is kept up to date. A new profile gets a readable id and the origin
    ``imported``; a later text of the same reader fills the lists that are still empty, while nobody edited it.
    """
    key = reader_key(reader.role, reader.location)
    if key in known:
        _fill(store, known[key], reader)
        return known[key], False
    taken = {*known.values(), *(each.id for each in profiles.load(store))}
    made = replace(reader, id=_free_id(reader, taken))
    profiles.save(store, made, "imported")
    known[key] = made.id
    return made.id, True


def reader_key(role: str, location: str) -> str:
    """Return what makes two prompts the same reader: ``role in location``, with case and punctuation aside.

    One text, so that it does not matter which " in " parts a role from its location.
    """
    text = unicodedata.normalize("NFKC", f"{role} in {location}").casefold().replace(".", "")
    words = re.findall(r"\w+", text)
    return " ".join(words[1:] if words[:1] and words[0] in ("a", "an", "the") else words)


@lru_cache(maxsize=256)
def parse(system: str) -> Profile:
    """Read a profile, its id left empty, from a system prompt.

    Raises:
        StratosError: no line opens a profile; the message says what was wanted.
    """
    if len(system) > MAX_PROMPT:
        raise StratosError(f"system: is longer than {MAX_PROMPT:,} characters")
    lines = [line.strip() for line in plain(system).split("\n")]
    for number, line in enumerate(lines):
        if len(line) <= MAX_LINE and (opening := _first_match(line)):
            role, location = neutralise(opening["role"]), neutralise(opening["location"])
            if role and location:
                return _described(role, location, lines[number + 1 :])
    raise StratosError('system: names no profile; "You are a relevance scorer for a ROLE in LOCATION." is wanted')


def _fill(store: Store, profile_id: str, said: Profile) -> None:
    stored = profiles.get(store, profile_id)
    if stored is None or profiles.origins(store)[profile_id] != "imported":
        return
    news = {field: getattr(said, field) for field in _FIELDS[1:] if getattr(said, field) and not getattr(stored, field)}
    if news:
        profiles.save(store, replace(stored, **news), "imported")


def _first_match(line: str) -> re.Match[str] | None:
    return next((found for pattern in _OPENINGS if (found := pattern.fullmatch(line))), None)


def _described(role: str, location: str, lines: list[str]) -> Profile:
    said: dict[str, str] = {}
    level: Seniority | None = None
    for line in lines:
        labelled = _LABEL.match(line)
        label, value = (labelled[1].casefold(), labelled[2]) if labelled else ("", "")
        if label in _LABELLED:
            said.setdefault(_LABELLED[label], neutralise(value))
        elif label == "level":
            level = _LEVEL_OF.get(value)
        elif label == "important" and level is None:
            level = _level(role, said.get("context", ""), value)
    context = _parted(said)
    if level is None:
        level = _level(role, context, "")
    return Profile(
        id="",
        kind="interest" if level == "none" else "career",
        role=role,
        location=location,
        seniority=level,
        context=context,
        companies=_items(said.get("companies", "")),
        institutions=_items(said.get("institutions", "")),
        interests=_items(said.get("interests", "")),
        industries=_items(said.get("industries", "")),
    )


def _level(role: str, context: str, important: str) -> Seniority:
    """Choose a career stage: what the role says, then the context, then the ancestor's two-way IMPORTANT line.

    The ancestor calls every graduate a student and everyone else experienced; the role and the context know better.
    """
    if seniority.without_career(role, context):
        return "none"
    by_role, by_context = seniority.in_role(role), seniority.in_context(context)
    if "student" in important.casefold():
        by_role, by_context = by_role & seniority.JUNIOR, by_context & seniority.JUNIOR
    for claimed in (by_role, by_context):
        for level in SENIORITIES:
            if level in claimed:
                return level
    return "student" if "student" in important.casefold() else "experienced"


def _parted(said: dict[str, str]) -> str:
    """Take the tracked lists out of a context that holds them as ``text | Companies: a, b. | Assets: …``."""
    kept: list[str] = []
    for segment in said.get("context", "").split(" | "):
        label, _, value = segment.partition(": ")
        field = _LABELLED.get(label.casefold(), "")
        if field in _FIELDS[1:] and kept:
            said.setdefault(field, value.rstrip(" |."))
        else:
            kept.append(segment)
    return " | ".join(kept).removesuffix(" |")


def _items(text: str) -> tuple[str, ...]:
    """Split a list at commas outside parentheses; repeats, and words for "nothing", are left out."""
    found: dict[str, str] = {}
    open_item: list[str] = []
    depth = 0
    for part in re.split(r",\s+", text):
        open_item.append(part)
        depth += part.count("(") - part.count(")")
        if depth == 0:
            item = ", ".join(open_item).strip(", ")
            found.setdefault(item.casefold(), item)
            open_item = []
    # a parenthesis that is never closed parts nothing
    for part in open_item:
        found.setdefault(part.strip(", ").casefold(), part.strip(", "))
    return tuple(item for key, item in found.items() if key not in _NOTHING)


def _free_id(profile: Profile, taken: set[str]) -> str:
    """Return a readable id that nobody has: the place and the first words of the role."""
    words = [*_words(profile.location.split(",")[0])[:2], *_words(profile.role)[:_ID_WORDS]]
    base = "_".join(words)[:48].strip("_") or f"profile_{profile_digest(profile)}"
    return next(each for each in (base, *(f"{base}_{n}" for n in range(2, len(taken) + 3))) if each not in taken)


def _words(text: str) -> list[str]:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return [word for word in re.findall(r"[a-z0-9]+", ascii_text) if word not in _STOP_WORDS]
