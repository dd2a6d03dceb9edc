"""An article read once: tokens, units, fields, places, kind, level, what can be done about it, and its language.

Nothing here knows a profile, so one reading serves every profile (:func:`read_article` keeps the last two thousand).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache

from stratos_tui.prism.prompts import neutralise
from stratos_tui.prism.rubric import lexicon
from stratos_tui.prism.rubric.subjects import field_weights, sectors_of
from stratos_tui.prism.rubric.text import Finder, Units, Words, fold, phrase_lines, units, word_finder, words
from stratos_tui.prism.rubric.where import Place, find_places
from stratos_tui.records import Article

LEAD_TOKENS = 28
"""How many tokens after the title still count as what the article is about."""


@dataclass(frozen=True, slots=True)
class Read:
    """An article as the rubric sees it. ``title_tokens`` tokens come from the title, the rest from the body."""

    article: Article
    words: Words
    title_tokens: int
    units: Units
    title_units: int
    at: dict[str, tuple[int, ...]]
    token_at: dict[str, tuple[int, ...]]
    vocabulary: frozenset[str]
    tokens: frozenset[str]
    initials: dict[str, tuple[int, int]]
    source: Words | None
    fields: dict[str, float]
    field_words: dict[str, str]
    sectors: frozenset[str]
    places: dict[str, Place]
    place_keys: frozenset[str]
    kind: str
    opening: bool
    opening_phrase: str
    level: str
    level_phrase: str
    act: str
    act_phrase: str
    expired_phrase: str
    language: str

    def quote(self, start: int, end: int) -> str:
        """Return tokens as they were written."""
        return " ".join(self.words.surface[start:end])


@lru_cache(maxsize=2048)
def read_article(article: Article) -> Read:
    """Read an article once for every profile."""
    title = words(neutralise(article.title))
    body = words(neutralise(article.body))
    source = words(neutralise(article.source), 12) if article.source_type == "official" else None
    text = Words(title.surface + body.surface, title.folded + body.folded, title.case + body.case)
    title_units, body_units = units(title), units(body)
    offset = len(title.surface)
    found = Units(
        title_units.keys + body_units.keys,
        title_units.start + tuple(s + offset for s in body_units.start),
        title_units.end + tuple(e + offset for e in body_units.end),
    )
    at: dict[str, tuple[int, ...]] = {}
    for index, key in enumerate(found.keys):
        at[key] = (*at.get(key, ()), index)
    token_at: dict[str, tuple[int, ...]] = {}
    for index, key in enumerate(text.folded):
        token_at[key] = (*token_at.get(key, ()), index)
    places = find_places(text, offset)
    for place in places.values():
        index = min(bisect_left(found.start, place.at), max(0, len(found.start) - 1))
        for key in place.keys:
            at.setdefault(key, (index,))
    fields, field_words = field_weights(found, text, len(title_units.keys))
    lead = text.folded[: offset + LEAD_TOKENS]
    opening_phrase = _first(_openings(), text.folded)
    opening = _is_opening(text.folded, lead)
    level, level_phrase = _level(lead if opening else title.folded)
    act, act_phrase = _act(text.folded, lead)
    return Read(
        article=article,
        words=text,
        title_tokens=offset,
        units=found,
        title_units=len(title_units.keys),
        at=at,
        token_at=token_at,
        vocabulary=frozenset(at),
        tokens=frozenset(token_at).union(source.folded if source else ()),
        initials=_initials(text),
        fields=fields,
        field_words=field_words,
        sectors=sectors_of(fields),
        places=places,
        place_keys=frozenset(places),
        kind="job opening" if opening else _kind(title.folded, text.folded),
        opening=opening,
        opening_phrase=opening_phrase,
        level=level,
        level_phrase=level_phrase,
        act=act,
        act_phrase=act_phrase,
        source=source,
        expired_phrase=_first(_expired(), text.folded),
        language=_language(article.title + " " + article.body[:2000], text.folded),
    )


@cache
def _openings() -> Finder:
    return word_finder(lexicon.OPENING)


@cache
def _expired() -> Finder:
    return word_finder(lexicon.EXPIRED)


@cache
def _acts() -> tuple[Finder, Finder]:
    return word_finder(lexicon.ACT_NOW), word_finder(lexicon.ACT_SOON)


@cache
def _levels() -> tuple[Finder, Finder]:
    return word_finder(lexicon.JUNIOR), word_finder(lexicon.SENIOR)


@cache
def _kinds() -> Finder:
    return Finder((words(p).folded, name) for name, phrases in phrase_lines(lexicon.KINDS) for p in phrases)


def _first(finder: Finder, tokens: tuple[str, ...]) -> str:
    return next((name for _, _, name in finder.find(tokens)), "")


def _is_opening(tokens: tuple[str, ...], lead: tuple[str, ...]) -> bool:
    """One cue in title or lead, or two anywhere, make an opening; a cue deep in a long text does not."""
    if _first(_openings(), lead):
        return True
    return len({name for _, _, name in _openings().find(tokens)}) >= 2


def _level(tokens: tuple[str, ...]) -> tuple[str, str]:
    junior, senior = _levels()
    for level, finder in (("junior", junior), ("senior", senior)):
        if phrase := _first(finder, tokens):
            return level, phrase
    return "", ""


def _act(tokens: tuple[str, ...], lead: tuple[str, ...]) -> tuple[str, str]:
    now, soon = _acts()
    if phrase := _first(now, tokens):
        return "HIGH", phrase
    if phrase := _first(soon, lead):
        return "MEDIUM", phrase
    if phrase := _first(soon, tokens):
        return "LOW", phrase
    return "NONE", ""


def _kind(title: tuple[str, ...], tokens: tuple[str, ...]) -> str:
    votes: dict[str, int] = {}
    for at, _, name in _kinds().find(tokens):
        votes[name] = votes.get(name, 0) + (3 if at < len(title) else 1)
    votes.pop("job opening", None)
    return max(votes, key=lambda name: votes[name]) if votes else "news item"


def _initials(text: Words) -> dict[str, tuple[int, int]]:
    """Map the initials of capitalised runs of three to six words to their tokens: Alpha Beta Company is abc."""
    found: dict[str, tuple[int, int]] = {}
    case, folded = text.case, text.folded
    for start, first in enumerate(case):
        if first != "C" or folded[start] in lexicon.SMALL:
            continue
        letters = ""
        for at in range(start, min(start + 8, len(case))):
            if folded[at] in lexicon.SMALL:
                continue
            if case[at] != "C":
                break
            letters += folded[at][0]
            if len(letters) >= 3:
                found.setdefault(letters, (start, at + 1))
            if len(letters) == 6:
                break
    return found


def _language(text: str, tokens: tuple[str, ...]) -> str:
    """Guess the language: by script, else by the commonest short words; English where nothing speaks against it."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return "English"
    if not text.isascii():
        other = [c for c in letters if c > "\u024f"]
        if len(other) > 0.4 * len(letters):
            return _script(other)
    english = sum(t in lexicon.ENGLISH for t in tokens)
    best, count = "English", 0
    for language, short in _foreign().items():
        hits = sum(t in short for t in tokens)
        if hits > count:
            best, count = language, hits
    if count >= 2 and count > 1.5 * english and count >= 0.12 * len(tokens):
        return best
    return "English"


def _script(letters: list[str]) -> str:
    ranges = (
        ("\u0370", "\u03ff", "Greek"),
        ("\u0400", "\u052f", "Russian"),
        ("\u0590", "\u05ff", "Hebrew"),
        ("\u0600", "\u06ff", "Arabic"),
        ("\u0900", "\u097f", "Hindi"),
        ("\u0e00", "\u0e7f", "Thai"),
        ("\u3040", "\u30ff", "Japanese"),
        ("\uac00", "\ud7af", "Korean"),
        ("\u4e00", "\u9fff", "Chinese"),
    )
    counts = {name: sum(low <= c <= high for c in letters) for low, high, name in ranges}
    if counts["Japanese"]:
        return "Japanese"
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "another script"


@cache
def _foreign() -> dict[str, frozenset[str]]:
    """Return the short words of each language, less those that are English words too."""
    return {name: frozenset(fold(short).split()) for name, short in lexicon.FOREIGN.items()}
