"""The rehearsal's drafts of polarizing articles: composed from what the asked profile tracks, by templates and a seed.

It reads the question as a teacher must, writes several variants, and hands in the first that the rubric puts into the
wished band for everyone whom it is for. Nothing in a draft is true.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar, cast

from stratos_tui.prism.bands import band_of
from stratos_tui.prism.drafting import OTHERS_HEAD, READERS_HEAD, TITLES_HEAD, WANTED_HEAD, Draft
from stratos_tui.prism.rubric import compile_profile, read_article, score_tokens
from stratos_tui.records import BANDS, Article, Band, Kind, Profile, SourceType
from stratos_tui.teachers.rehearsal.drafting_templates import ELSEWHERE, FILLERS, PAPERS, TEMPLATES, Template
from stratos_tui.teachers.rehearsal.reading import NotAPair, items_of, read_profile

VARIANTS = 12
"""How many variants are written at most before the closest one is handed in."""
DEADLINE_DAYS = (12, 45)
"""How far ahead the day is by which a reader must act."""
PAST_DAYS = (9, 30)
LEAST_WORDS = 66

_Item = TypeVar("_Item")
_BAND = re.compile(rf"Band: (?P<band>{'|'.join(BANDS)}) ")
_OTHER = re.compile(
    r"- (?P<id>\S+) \((?P<kind>career|interest)\): (?P<role>.*) in (?P<location>.*?)"
    r"(?:; follows (?P<follows>.*?))?(?:; watches (?P<watches>.*))?"
)
_PARENTHESES = re.compile(r" *\([^()]*\)")
_LEVEL_WORDS = re.compile(r"\b(fresh graduate|graduate|student|MSc|retired|father)\b *", re.I)


@dataclass(frozen=True, slots=True)
class AskedDraft:
    """What a question for a draft asks: for whom and for whom not, in which band, on which day; titles that are taken.

    Of the ``others`` no more is known than their line says.
    """

    chosen: tuple[Profile, ...]
    others: tuple[Profile, ...]
    band: Band
    today: date
    titles: frozenset[str]


def is_draft_question(text: str) -> bool:
    """Tell a question for a draft from one about a pair."""
    return text.startswith(WANTED_HEAD)


def read_question(text: str) -> AskedDraft:
    """Read a rendered question: the inverse of ``prism.drafting.drafting_user``.

    Raises:
        NotAPair: the text has another form.
    """
    wanted, found, rest = text.partition(f"\n\n{READERS_HEAD}\n\n")
    readers, _, tail = rest.partition(f"\n\n{OTHERS_HEAD}\n\n")
    readers, _, own_titles = readers.partition(f"\n\n{TITLES_HEAD}\n\n")
    others, _, titles = tail.partition(f"\n\n{TITLES_HEAD}\n\n")
    band = _BAND.search(wanted)
    day = re.search(r"Today: (\S+)", wanted)
    if not found or band is None or day is None:
        raise NotAPair("no wished band, day or readers in the text")
    try:
        today = date.fromisoformat(day[1])
    except ValueError as error:
        raise NotAPair("Today: is no day") from error
    chosen = tuple(read_profile(block) for block in readers.split("\n\n"))
    taken = frozenset(line.removeprefix("- ") for line in (titles or own_titles).split("\n") if line)
    rest_of = tuple(_other(line) for line in map(_OTHER.fullmatch, others.split("\n")) if line)
    return AskedDraft(chosen, rest_of, cast(Band, band["band"]), today, taken)


def draft_of(asked: AskedDraft, key: str) -> Draft:
    """Write a draft: the same one for the same question."""
    best: tuple[tuple[int, int], Draft] | None = None
    for draft in _variants(asked, key):
        away = _away(asked, draft)
        if best is None or away < best[0]:
            best = away, draft
        if not any(away):
            break
    assert best is not None
    return best[1]


def said(draft: Draft) -> str:
    """Write a draft as the answer that was asked for."""
    values = {
        "title": draft.title,
        "body": draft.body,
        "source": draft.source,
        "source_type": draft.source_type,
        "deadline": draft.deadline.isoformat() if draft.deadline else None,
        "category": draft.category,
    }
    return json.dumps(values, ensure_ascii=False)


def spoilt(draft: Draft, kind: str) -> str:
    """Write a draft as a bad answer of one of the rehearsal's kinds; other kinds leave it good."""
    match kind:
        case "too_short":
            return said(replace(draft, body=" ".join(draft.body.split()[:12]) + "."))
        case "too_long":
            return said(replace(draft, body=" ".join([draft.body] * 4)))
        case "no_score":
            return f"{draft.title}\n\n{draft.body}\n\n({draft.source})"
        case "five":
            return said(replace(draft, title=""))
        case "max_tokens":
            whole = said(draft)
            return whole[: len(whole) * 2 // 3]
    return said(draft)


def _variants(asked: AskedDraft, key: str) -> Iterator[Draft]:
    for number in range(VARIANTS):
        choose = _Chooser(f"{key}\0{number}")
        kind = "both" if len(asked.chosen) > 1 else asked.chosen[0].kind
        draft = _written(asked, choose.one(TEMPLATES[asked.band, kind], "template"), choose)
        if draft.title not in asked.titles or number == VARIANTS - 1:
            yield draft


def _away(asked: AskedDraft, draft: Draft) -> tuple[int, int]:
    """Return how many bands a draft is off by the rubric: for those whom it is for, then for all others."""
    article = Article(
        "draft",
        draft.title,
        draft.body,
        draft.source,
        draft.source_type,
        category=draft.category,
        published=asked.today,
        fetched=asked.today,
        deadline=draft.deadline,
    )
    read = read_article(article)

    def off(readers: Sequence[Profile], band: Band) -> int:
        found = [band_of(score_tokens(compile_profile(each), read, asked.today).tenths) for each in readers]
        return sum(abs(BANDS.index(each) - BANDS.index(band)) for each in found)

    return off(asked.chosen, asked.band), off(asked.others, "noise")


def _other(line: re.Match[str]) -> Profile:
    return Profile(
        id=line["id"],
        kind=cast(Kind, line["kind"]),
        role=line["role"],
        location=line["location"],
        seniority="experienced" if line["kind"] == "career" else "none",
        context="",
        companies=items_of(line["watches"] or ""),
        interests=items_of(line["follows"] or ""),
    )


def _written(asked: AskedDraft, template: Template, choose: _Chooser) -> Draft:
    first, second = asked.chosen[0], asked.chosen[-1]
    org, other = choose.one(_names(first), "org"), choose.one(_names(second), "other")
    topics = choose.some(first.interests or first.industries or (first.role,), 2, "topics")
    ahead = template.deadline == "ahead"
    days = choose.between(*(DEADLINE_DAYS if ahead else PAST_DAYS), "day")
    day = asked.today + timedelta(days=days if ahead else -days)
    place = first.location
    words = {
        "org": _short(org),
        "other": _short(other),
        "topic": _short(topics[0]),
        "topic2": _short(topics[-1]),
        "topic3": _short(choose.one(second.interests or (second.role,), "topic3")),
        "field": _short(choose.one(first.industries or first.interests or (first.role,), "field")),
        "field2": _short(choose.one(second.industries or (second.role,), "field2")),
        "trade": _trade(first),
        "city": _short(place.partition(",")[0]),
        "country": place.rpartition(",")[2].strip(),
        "opening": "trainee places" if first.seniority in ("student", "graduate") else "specialist posts",
        "needs": (
            "no experience is asked for"
            if first.seniority in ("student", "graduate")
            else "several years are asked for"
        ),
        "day": f"{day.day} {day:%B}",
        "n": str(choose.between(6, 48, "n")),
        "n2": str(choose.between(3, 19, "n2")),
        "elsewhere": choose.one(ELSEWHERE, "elsewhere"),
        "paper": choose.one(PAPERS, "paper"),
    }
    sentences = [each.format(**words) for each in template.sentences]
    fillers = choose.some(FILLERS, len(FILLERS), "fillers")
    while sum(len(each.split()) for each in sentences) < LEAST_WORDS and fillers:
        sentences.append(fillers.pop().format(**words))
    return Draft(
        title=_capital(template.title.format(**words)),
        body=" ".join(_capital(each) for each in sentences),
        source=template.source.format(**words),
        source_type=cast(SourceType, template.source_type),
        deadline=day if template.deadline else None,
        category=template.category,
    )


def _names(profile: Profile) -> Sequence[str]:
    return profile.companies + profile.institutions or profile.interests or (profile.role,)


def _short(item: str) -> str:
    """Return a tracked item without its aliases."""
    return _PARENTHESES.sub("", item).strip()


def _trade(profile: Profile) -> str:
    """Return what somebody does, without the level: a role as an advertisement names it."""
    return _LEVEL_WORDS.sub("", _short(profile.role)).strip() or _short(profile.role)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


class _Chooser:
    """Choices that follow from a key alone, each use by itself."""

    def __init__(self, key: str) -> None:
        self._key = key

    def one(self, of: Sequence[_Item], use: str) -> _Item:
        return of[self._number(use) % len(of)]

    def some(self, of: Sequence[str], count: int, use: str) -> list[str]:
        return sorted(of, key=lambda each: self._number(f"{use}\0{each}"))[:count]

    def between(self, least: int, most: int, use: str) -> int:
        return least + self._number(use) % (most - least + 1)

    def _number(self, use: str) -> int:
        return int.from_bytes(hashlib.sha256(f"draft\0{use}\0{self._key}".encode()).digest()[:8], "big")
