"""Makes an article, or a scored pair, of one row from outside; what is wrong is said with the field's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from stratos_tui.errors import StratosError
from stratos_tui.prism.trace import Fault, grammar_of, parse_answer
from stratos_tui.profiles import recognise
from stratos_tui.records import SOURCE_TYPES, Article, Profile
from stratos_tui.text import one_line, plain

BODY_NAMES = ("body", "content", "summary")
FETCHED_NAMES = ("fetched", "fetched_at")
YEARS = range(1970, 2200)
"""A date outside is a placeholder (``0001-01-01``) or a slip; judged on it, every deadline is wrong."""

_ROLES = ["system", "user", "assistant"]
_HEAD_NAMES = ("category", "keywords", "today", "title", "source", "published", "deadline")
_HEAD = re.compile(rf"({'|'.join(_HEAD_NAMES)}):[ \t]*(.*)", re.I)
_CONTENT = re.compile(r"^Content:[ \t]*", re.M | re.I)
_SOURCE = re.compile(rf"(.*?)[ ]*\(({'|'.join(SOURCE_TYPES)})\)")


@dataclass(frozen=True, slots=True)
class Pair:
    """A scored pair from outside: an article, the reader that its system prompt describes, and the answer.

    ``tenths`` is the score in tenths, 0 to 100; a 5.0 is kept (decisions.md, 17). The reader has no id yet.
    """

    article: Article
    reader: Profile
    tenths: int
    reason: str
    trace: str
    grammar: Literal["prism", "old", "none"]


def article_of(values: dict[str, Any]) -> Article:
    """Make an article of a row's values; extra values are ignored, and the id may be empty.

    Raises:
        StratosError: the reason why it is none: ``FIELD: what is wrong``.
    """
    title = one_line(_text(values, "title"))
    if not title:
        raise StratosError(f"title: {'is empty' if values.get('title') is not None else 'is missing'}")
    if all(values.get(name) is None for name in BODY_NAMES):
        raise StratosError(f"body: is missing (one of {', '.join(BODY_NAMES)} is wanted)")
    source_type = one_line(_text(values, "source_type")).casefold() or "unknown"
    matched = next((each for each in SOURCE_TYPES if each == source_type), None)
    if matched is None:
        raise StratosError(f"source_type: one of {', '.join(SOURCE_TYPES)} is wanted")
    return Article(
        id=_id(values.get("id")),
        title=title,
        body=next((body for name in BODY_NAMES if (body := plain(_text(values, name)).strip())), ""),
        source=one_line(_text(values, "source")),
        source_type=matched,
        url=_url(one_line(_text(values, "url"))),
        category=one_line(_text(values, "category")),
        published=_day(_text(values, "published"), "published"),
        fetched=next((day for name in FETCHED_NAMES if (day := _day(_text(values, name), name))), None),
        deadline=_day(_text(values, "deadline"), "deadline"),
    )


def pair_of(messages: Any) -> Pair:
    """Make a scored pair of the ``messages`` of a row: one system, one user and one assistant turn.

    Raises:
        StratosError: the reason why it is none: ``TURN: what is wrong``.
    """
    if not isinstance(messages, list) or not all(isinstance(turn, dict) for turn in messages):
        raise StratosError("messages: a list of turns is wanted")
    if [turn.get("role") for turn in messages] != _ROLES:
        raise StratosError("messages: one system, one user and one assistant turn are wanted, in that order")
    for turn in messages:
        content = turn.get("content")
        if not isinstance(content, str) or not content.strip():
            raise StratosError(f"{turn['role']}: {'is empty' if isinstance(content, str | None) else 'is not text'}")
    system, user, assistant = (turn["content"] for turn in messages)
    answer = parse_answer(plain(assistant))
    if isinstance(answer, Fault):
        raise StratosError(f"assistant: {answer.code}: {one_line(answer.measured)}")
    grammar = grammar_of(answer.trace) if answer.trace else "none"
    return Pair(
        _asked(plain(user)), recognise.parse(system), answer.tenths, one_line(answer.reason), answer.trace, grammar
    )


def _asked(text: str) -> Article:
    """Read the article out of a user turn: the ancestor's layout or that of ``prism.prompts.article_prompt``."""
    content = _CONTENT.search(text)
    if content is None:
        raise StratosError("user: no line begins with Content:")
    said: dict[str, str] = {}
    name = ""
    for line in text[: content.start()].splitlines():
        if found := _HEAD.match(line):
            name = found[1].casefold()
            said.setdefault(name, found[2])
        elif name:
            said[name] += f" {line}"
    source = _SOURCE.fullmatch(said.get("source", "").strip())
    values = {
        "title": said.get("title"),
        "body": text[content.end() :],
        "category": said.get("category", ""),
        "source": source[1] if source and source[1] != "unnamed" else "",
        "source_type": source[2] if source else "",
        "published": said.get("published", ""),
        "fetched": said.get("today", ""),
        "deadline": said.get("deadline", ""),
    }
    return article_of(values)


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise StratosError(f"{name}: is not text")
    return value


def _id(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**18 else ""
    return value.strip() if isinstance(value, str) else ""


def _url(text: str) -> str:
    if text and not text.casefold().startswith(("http://", "https://")):
        raise StratosError("url: must begin with http:// or https://")
    return text


def _day(text: str, field: str) -> date | None:
    """Return the calendar day as it is written, in its own time zone: ISO 8601, or RFC 2822 as feeds have it."""
    text = text.strip()
    if not text:
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            day = read(text).date()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        if day.year in YEARS:
            return day
    raise StratosError(f"{field}: is no date: {one_line(text)[:40]!r} (YYYY-MM-DD is wanted)")
