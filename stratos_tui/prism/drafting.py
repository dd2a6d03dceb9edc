"""Asking a teacher for a polarizing article: the prompt, rendered in one place, and the reading of what comes back.

A polarizing article matters to one or two profiles and is noise for all others (plan, section 6, source B). Nothing
here raises on what a teacher wrote: an answer is a draft, or a fault with a name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal, cast

from stratos_tui.prism.bands import BAND_FLOORS, MAX_TENTHS, points
from stratos_tui.prism.prompts import neutralise, teacher_profile
from stratos_tui.records import BANDS, Band, Profile, SourceType

MOST_PROFILES = 2
"""An article is for exactly one or two profiles (plan, section 6, source B)."""
BODY_WORDS = (60, 150)
"""How long a body is asked to be; the shipped hundred lie between."""
TOLERANCE = 0.2
"""A body may be this share shorter or longer than asked for, as think blocks may (decisions.md, 8)."""
TITLE_CHARACTERS = (8, 200)
SOURCE_CHARACTERS = 120
CATEGORY_CHARACTERS = 40
DEADLINE_DAYS = 730
"""A deadline further than two years from the day of drafting is a slip, not a date."""
ANSWER_CHARACTERS = 40_000
"""A longer answer is refused unread: 150 words are about a thousand characters."""
SOURCE_TYPES: tuple[SourceType, ...] = ("official", "news", "blog")

WANTED_HEAD = "## Wanted"
READERS_HEAD = "## Readers it is for"
OTHERS_HEAD = "## Readers it is noise for"
TITLES_HEAD = "## Titles that exist already"

BAND_MEANINGS: dict[Band, str] = {
    "critical": "a tracked name or the reader's own role, directly actionable (an opening, a call, a registration with"
    " a deadline ahead), timely, from an official or news source. The reader must act now.",
    "high": "a strong match on something that the reader tracks. Clearly valuable, but nothing must be done by a date.",
    "moderate": "weak matches, or a strong interest match without actionability. Worth seeing.",
    "low": "a tangential or indirect connection only, or an opportunity whose deadline has passed.",
    "noise": "no meaningful connection to the reader.",
}
"""What lands in each band, after the plan's sections 3.3 and 5."""

_SYSTEM = """\
You write news items that test whether a relevance scorer reads the reader and not only the article.

A polarizing article matters to exactly the readers it is for, and means nothing to the others that are listed.

## What to write

- One realistic news item as an editor would run it: a title, a body of {least} to {most} words, its source's name.
- It must land in the wished band for every reader it is for, and be noise (0.0 to 1.9) for every other reader.
- Name what the reader tracks (an employer, an institution, a place, a subject) as such items name it; do not write
  about the reader, and do not say that it is relevant, for whom, or why.
- Make no claim about a real person: people are invented, or named by their office. Invent plausible numbers and dates.
- official means the organisation's own announcement, news a newspaper or agency, blog a personal page or a rumour.
- A deadline is the last day on which a reader can act. Give one only where there is something to do by a day.
- Repeat no title that is listed, and no story behind it.

## Output format

Exactly one JSON object, and nothing before or after it:

{{"title": "…", "body": "…", "source": "…", "source_type": "official", "deadline": "YYYY-MM-DD", "category": "…"}}

source_type is one of official, news, blog; deadline is null where there is none; category is one word."""

_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*)\n\s*```", re.S)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

FaultCode = Literal[
    "not_json",
    "title_missing",
    "title_length",
    "body_missing",
    "too_short",
    "too_long",
    "source_missing",
    "source_type",
    "deadline",
    "category",
]


@dataclass(frozen=True, slots=True)
class Draft:
    """An article as a teacher drafted it. Every text is one line, without control tokens or escape codes."""

    title: str
    body: str
    source: str
    source_type: SourceType
    deadline: date | None
    category: str


@dataclass(frozen=True, slots=True)
class DraftFault:
    """Why an answer is no draft. ``measured`` says what was found; it is one short line."""

    code: FaultCode
    measured: str


@cache
def drafting_system() -> str:
    """Return what is the same in every question for a draft: one system block."""
    return _SYSTEM.format(least=BODY_WORDS[0], most=BODY_WORDS[1])


def drafting_user(
    chosen: Sequence[Profile], band: Band, others: Sequence[Profile], titles: Sequence[str], number: int, today: date
) -> str:
    """Render one question: the wished band, whom it is for, whom it is noise for, and titles not to repeat.

    ``number`` tells the drafts of the same wish apart.
    """
    at = BANDS.index(band)
    top = BAND_FLOORS[BANDS[at + 1]] - 1 if at + 1 < len(BANDS) else MAX_TENTHS
    parts = [
        f"{WANTED_HEAD}\n\nToday: {today}\nBand: {band} ({points(BAND_FLOORS[band])} to {points(top)}):"
        f" {BAND_MEANINGS[band]}\nDraft: {number}",
        f"{READERS_HEAD}\n\n" + "\n\n".join(map(teacher_profile, chosen)),
    ]
    if others:
        parts.append(f"{OTHERS_HEAD}\n\n" + "\n".join(map(_one_liner, others)))
    if titles:
        parts.append(f"{TITLES_HEAD}\n\n" + "\n".join(f"- {neutralise(title)}" for title in titles))
    return "\n\n".join(parts)


@cache
def drafting_fingerprint() -> str:
    """Return 12 hex digits over what is rendered for a fixed probe, in every band."""
    profile = Profile("probe", "career", "role", "place", "graduate", "context", ("a",), ("b",), ("c",), ("d",))
    users = [drafting_user([profile], band, [profile], ["title"], 1, date(2026, 1, 2)) for band in BANDS]
    return hashlib.sha256("\0".join([drafting_system(), *users]).encode()).hexdigest()[:12]


def parse_draft(text: str, today: date) -> Draft | DraftFault:
    """Read an answer: one JSON object, fenced or not. Never raises; the first fault found is returned."""
    values = _object(text)
    if values is None:
        return DraftFault("not_json", _shown(text) or "nothing came")
    title, body, source, category = (_line(values.get(name)) for name in ("title", "body", "source", "category"))
    words = len(body.split())
    least, most = round(BODY_WORDS[0] * (1 - TOLERANCE)), round(BODY_WORDS[1] * (1 + TOLERANCE))
    deadline = _deadline(values.get("deadline"), today)
    checks: tuple[tuple[bool, FaultCode, str], ...] = (
        (not title, "title_missing", "there is no title"),
        (not TITLE_CHARACTERS[0] <= len(title) <= TITLE_CHARACTERS[1], "title_length", f"{len(title)} characters"),
        (not body, "body_missing", "there is no body"),
        (words < least, "too_short", f"{words} words, at least {least}"),
        (words > most, "too_long", f"{words} words, at most {most}"),
        (not 0 < len(source) <= SOURCE_CHARACTERS, "source_missing", _shown(source) or "there is no source"),
        (values.get("source_type") not in SOURCE_TYPES, "source_type", _shown(values.get("source_type"))),
        (deadline is False, "deadline", f"{_shown(values.get('deadline'))} is no day within two years"),
        (len(category) > CATEGORY_CHARACTERS, "category", _shown(category)),
    )
    for wrong, code, measured in checks:
        if wrong:
            return DraftFault(code, measured)
    source_type = cast(SourceType, values["source_type"])
    return Draft(title, body, source, source_type, deadline or None, category)


def _object(text: str) -> dict[str, Any] | None:
    if len(text) > ANSWER_CHARACTERS:
        return None
    text = text.strip()
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _deadline(value: Any, today: date) -> date | Literal[False] | None:
    """Return the day, None where none is given, False where it is no day or too far away."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return False
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return False
    return day if abs((day - today).days) <= DEADLINE_DAYS else False


def _line(value: Any) -> str:
    return neutralise(value) if isinstance(value, str) else ""


def _shown(value: Any) -> str:
    # a nested value is named and not written out: it may be deeper than a stack
    return neutralise(value[:200])[:80] if isinstance(value, str) else f"a JSON {type(value).__name__}"


def _one_liner(profile: Profile) -> str:
    who = f"- {neutralise(profile.id)} ({profile.kind}): {neutralise(profile.role)} in {neutralise(profile.location)}"
    follows = ", ".join(map(neutralise, profile.interests + profile.industries))
    watches = ", ".join(map(neutralise, profile.companies + profile.institutions))
    return who + (f"; follows {follows}" if follows else "") + (f"; watches {watches}" if watches else "")
