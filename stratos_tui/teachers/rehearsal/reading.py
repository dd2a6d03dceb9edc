"""Reads a pair back out of a request's own text, as a teacher must: the inverse of ``prompts.teacher_user``.

What the text does not say (ids, address, category, fetch date) is not known here either. Two things cannot be told
apart in the text: a role that ends in "in …" from its location (the last " in " is taken), and a tracked item with a
comma outside parentheses from two items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import cast, get_args

from stratos_tui.prism.prompts import CANONICAL_WORDING, LABELS, LEVELS
from stratos_tui.records import Article, Kind, Profile, SourceType

_PROFILE_HEAD = "## User profile\n\n"
_ARTICLE_HEAD = "\n\n## Article\n\n"
_IDENTITY = re.compile(r"(?P<id>.*) \((?P<kind>career|interest)\)\Z")
_USER = re.compile(r"a (?P<role>.*) in (?P<location>.*)\Z")
_SOURCE = re.compile(rf"(?P<name>.*) \((?P<type>{'|'.join(get_args(SourceType))})\)\Z")
_SEPARATOR = re.compile(r", (?![^()]*\))")
_UNNAMED = "unnamed"
_SENIORITIES = {text: name for name, text in LEVELS.items()}


class NotAPair(ValueError):
    """The text is not a rendered pair; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: a pair, and the day on which to judge it."""

    profile: Profile
    article: Article
    reference_date: date


def read_pair(text: str) -> Asked:
    """Read a rendered pair.

    Raises:
        NotAPair: the text has another form.
    """
    profile_part, found, article_part = text.removeprefix(_PROFILE_HEAD).partition(_ARTICLE_HEAD)
    if not found or not text.startswith(_PROFILE_HEAD):
        raise NotAPair("no '## User profile' and '## Article' in the text")
    lines = _fields(article_part.split("\n")[1:])
    return Asked(_profile(_fields(profile_part.split("\n"))), _article(lines), _day(lines, "Today"))


def items_of(text: str) -> tuple[str, ...]:
    """Return the tracked items of a list as it is rendered: a comma inside parentheses divides none."""
    return tuple(item for item in _SEPARATOR.split(text) if item)


def read_profile(text: str) -> Profile:
    """Read a profile as ``prompts.teacher_profile`` renders it.

    Raises:
        NotAPair: the text has another form.
    """
    return _profile(_fields(text.split("\n")))


def _profile(fields: dict[str, str]) -> Profile:
    identity = _IDENTITY.match(_need(fields, "Profile"))
    user = _USER.match(_need(fields, "User"))
    level = _need(fields, "Level")
    if identity is None or user is None or level not in _SENIORITIES:
        raise NotAPair("Profile:, User: or Level: has another form")
    context, *tracked = LABELS[CANONICAL_WORDING]
    companies, institutions, interests, industries = (items_of(fields.get(label, "")) for label in tracked)
    return Profile(
        id=identity["id"],
        kind=cast(Kind, identity["kind"]),
        role=user["role"],
        location=user["location"],
        seniority=_SENIORITIES[level],
        context=fields.get(context, ""),
        companies=companies,
        institutions=institutions,
        interests=interests,
        industries=industries,
    )


def _article(fields: dict[str, str]) -> Article:
    source = _SOURCE.match(_need(fields, "Source"))
    if source is None:
        raise NotAPair("Source: has another form")
    return Article(
        id="asked",
        title=_need(fields, "Title"),
        body=_need(fields, "Content"),
        source="" if source["name"] == _UNNAMED else source["name"],
        source_type=cast(SourceType, source["type"]),
        published=_day(fields, "Published") if "Published" in fields else None,
        deadline=_day(fields, "Deadline") if "Deadline" in fields else None,
    )


def _fields(lines: list[str]) -> dict[str, str]:
    return {name: value for name, found, value in (line.partition(": ") for line in lines) if found}


def _need(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise NotAPair(f"no {name}: in the text")
    return fields[name]


def _day(fields: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(_need(fields, name))
    except ValueError as error:
        raise NotAPair(f"{name}: is no day") from error
