"""The six signals of a pair: what of the profile was found in the article, where, and how strongly.

A signal is the best single match of its dimension, never a count of matches (plan, 3.3, step 3).
"""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

from stratos_tui.prism.rubric.article import LEAD_TOKENS, Read
from stratos_tui.prism.rubric.profile import CompiledProfile, Form, Item
from stratos_tui.prism.rubric.subjects import subjects
from stratos_tui.prism.rubric.where import Nearness, nearness

Word = Literal["STRONG", "WEAK", "NONE"]

STRONG = 0.70
WEAK = 0.22
PARTIAL = 0.62
"""A match on some words of an item only is never STRONG."""
COMMON_PARTIAL = 0.32
"""A match on the common words of an item only, such as the bank of "banker pay"."""
PASSING = 0.62
"""A tracked name deep in the text: weak, unless another signal supports it."""
STALE_DAYS = 120
"""News older than this is not timely."""
CRITICAL_DAYS = 45
"""What has no deadline must be this fresh to be timely enough for the critical band."""


class Match(NamedTuple):
    """The best match of a dimension: the profile's words, the article's words, and how strong from 0 to 1.

    ``main``: it stands in title or lead; ``exact``: every word of the item; ``side``: what stands behind it, where not
    words of the item; ``ambiguous``: a name that may mean something else; ``several``: another
    tracked name stands beside it, or it is the source itself; ``written``: the form
    of the item that was met, such as its alias.
    """

    strength: float
    item: str
    phrase: str
    main: bool
    exact: bool
    core: bool
    side: str
    ambiguous: bool = False
    several: bool = False
    written: str = ""


NOTHING = Match(0.0, "", "", False, False, True, "")


class Signals(NamedTuple):
    """All signals of a pair. ``near`` is the nearest shared field: (strength, field, profile item, article words)."""

    role: Match
    entity: Match
    topic: Match
    interest: Match
    context: Match
    near: tuple[float, str, str, str]
    sector: str
    location: Word
    nearness: Nearness
    place: str
    action: Literal["HIGH", "MEDIUM", "LOW", "NONE"]
    action_phrase: str
    source: Literal["OFFICIAL", "NEWS", "BLOG", "UNKNOWN"]
    timely: Literal["open", "fresh", "stale", "expired", "undated"]
    timely_note: str
    level: Literal["fits", "too senior", "too junior", ""]
    foreign: str


def level_word(strength: float) -> Word:
    """Return the signal word of a strength."""
    return "STRONG" if strength >= STRONG else "WEAK" if strength >= WEAK else "NONE"


def find_signals(compiled: CompiledProfile, read: Read, reference_date: date) -> Signals:
    """Compare an article with a profile."""
    role = entity = topic = interest = context = NOTHING
    shared = compiled.units & read.vocabulary
    if shared:
        candidates: set[int] = set()
        for key in shared:
            candidates.update(compiled.by_unit[key])
        for index in sorted(candidates):
            item = compiled.items[index]
            found = _subject_match(item, read)
            if item.kind == "role":
                role = found if found.strength > role.strength else role
            elif item.kind == "interest":
                interest = found if found.strength > interest.strength else interest
            elif item.kind == "industry":
                topic = found if found.strength > topic.strength else topic
            elif item.kind == "context":
                context = found
    named = compiled.tokens & read.tokens
    if named:
        entity = _entities(compiled, read, named)
    if read.initials:
        entity = _by_initials(compiled, read, entity)
    near = _near(compiled, read)
    nearest, place = nearness(compiled.home, read.places.values()) if read.places else ("none", None)
    location: Word = "STRONG" if nearest == "same" else "WEAK" if nearest in ("country", "region") else "NONE"
    timely, note = _timeliness(read, reference_date)
    action, action_phrase = read.act, read.act_phrase
    if timely == "open":
        action, action_phrase = "HIGH", note
    return Signals(
        role,
        entity,
        topic,
        interest,
        context,
        near,
        min(compiled.sectors & read.sectors, default=""),
        location,
        nearest,
        place.phrase if place else "",
        action,  # type: ignore[arg-type]
        action_phrase,
        read.article.source_type.upper(),  # type: ignore[arg-type]
        timely,
        note,
        _level(compiled, read),
        "" if read.language in compiled.languages else read.language,
    )


def _subject_match(item: Item, read: Read) -> Match:
    best = NOTHING
    for form in item.forms:
        found = _form_match(item, form, read)
        if found.strength > best.strength:
            best = found
    if item.kind == "context" and best.strength:
        hits = [form.keys[0] for form in item.forms if form.keys[0] in read.at]
        titled = sum(read.at[key][0] < read.title_units for key in hits)
        strength = min(0.2, 0.06 * len(hits) + 0.04 * titled)
        at = read.at[hits[0]][0]
        words = read.quote(read.units.start[at], read.units.end[at])
        return Match(strength, words, words, titled > 0, False, True, "")
    return best


def _form_match(item: Item, form: Form, read: Read) -> Match:
    at = read.at
    keys = [key for key in form.keys if key in at]
    if not keys:
        return NOTHING
    got = sum(weight for key, weight in zip(form.keys, form.weights, strict=True) if key in at)
    start = stop = at[max(keys, key=lambda k: _weight(form, k))][0]
    whole = len(keys) == len(form.keys)
    together = 1.0
    if len(keys) > 1:
        start, stop, span = _closest(keys, at, start)
        together = 1.0 if span < len(keys) + 2 else 0.85 if span <= 12 else 0.6
        if span > 12:
            start = stop = at[max(keys, key=lambda k: _weight(form, k))][0]
    first = read.units.start[start]
    if form.case == "U" and read.words.case[first] != "U":
        return NOTHING
    titled = start < read.title_units
    lead = first < read.title_tokens + LEAD_TOKENS
    count = max(len(at[key]) for key in keys)
    one_word = start == stop and read.units.end[start] - first == 1 and form.case != "U"
    place = 1.0 if titled else (0.55 if one_word else 0.82) if lead else (0.42 if one_word else 0.62)
    share = got / form.total
    strength = share**1.4 * (0.45 + 0.55 * min(1.0, got)) * together * min(1.0, place + 0.08 * (count - 1))
    if not whole or got < 0.6:
        strength = min(PARTIAL, strength)
    if not whole and got < 0.6:
        strength = min(COMMON_PARTIAL, strength)
    if not whole and all(key[0] == "@" for key in keys):
        strength *= 0.4
    strength *= _agreement(item, read)
    phrase = read.quote(first, read.units.end[stop])
    return Match(
        strength, item.label, phrase, titled or lead, whole and together == 1.0, item.core, "", written=form.text
    )


def _agreement(item: Item, read: Read) -> float:
    """Lower a match whose fields the article hardly touches: its words were used in another sense or in passing."""
    if not item.fields or not read.fields:
        return 1.0
    best = max(read.fields.values())
    own = max((read.fields.get(name, 0.0) for name in item.fields), default=0.0)
    return 1.0 if own >= 0.6 * best else 0.8 if own >= 0.3 * best else 0.65


def _weight(form: Form, key: str) -> float:
    return form.weights[form.keys.index(key)]


def _closest(keys: list[str], at: dict[str, tuple[int, ...]], anchor: int) -> tuple[int, int, int]:
    """Return the narrowest window of units that holds every key once: first, last, and its width."""
    best = (anchor, anchor, 10_000)
    rarest = min(keys, key=lambda key: len(at[key]))
    for centre in at[rarest][:6]:
        positions = [min(at[key], key=lambda p: abs(p - centre)) for key in keys]
        low, high = min(positions), max(positions)
        if high - low + 1 < best[2]:
            best = (low, high, high - low + 1)
    return best


def _entities(compiled: CompiledProfile, read: Read, named: frozenset[str]) -> Match:
    best, others = NOTHING, set()
    for trigger in sorted(named):
        for index, at in compiled.by_token[trigger]:
            item = compiled.items[index]
            found = _name_match(item, item.forms[at], trigger, read)
            if found.strength:
                others.add(index)
            if found.strength > best.strength:
                best = found
    return best._replace(ambiguous=False, several=True) if len(others) > 1 else best


def _name_match(item: Item, form: Form, trigger: str, read: Read) -> Match:
    offset = form.tokens.index(trigger)
    size = len(form.tokens)
    text = read.words
    hits: list[int] = []
    if read.source and trigger in read.source.folded:
        start = read.source.folded.index(trigger) - offset
        if start >= 0 and read.source.folded[start : start + size] == form.tokens:
            phrase = " ".join(read.source.surface[start : start + size])
            return Match(0.95 * form.trust, item.label, phrase, True, True, True, item.kind, False, True, form.text)
    for position in read.token_at.get(trigger, ()):
        start = position - offset
        if start < 0 or text.folded[start : start + size] != form.tokens:
            continue
        case = text.case[start]
        if (form.case == "U" and case != "U") or (form.case == "C" and case == "l"):
            continue
        hits.append(start)
    return _named(item, form.trust, hits, size, read, form.ambiguous)._replace(written=form.text)


def _named(item: Item, trust: float, hits: list[int], size: int, read: Read, ambiguous: bool = False) -> Match:
    if not hits:
        return NOTHING
    first = hits[0]
    titled = first < read.title_tokens
    lead = first < read.title_tokens + LEAD_TOKENS
    place = 1.0 if titled else 0.85 if lead else PASSING
    strength = trust * min(1.0, place + 0.05 * (len(hits) - 1))
    phrase = read.quote(first, first + size)
    return Match(strength, item.label, phrase, titled or lead, trust == 1.0, True, item.kind, ambiguous)


def _by_initials(compiled: CompiledProfile, read: Read, best: Match) -> Match:
    """Match ``ABC`` in a profile with ``Alpha Beta Company`` in an article."""
    for letters in sorted(compiled.tokens & read.initials.keys()):
        for index, at in compiled.by_token[letters]:
            item = compiled.items[index]
            if item.forms[at].tokens == (letters,) and item.forms[at].case in ("U", "C") and len(letters) >= 3:
                start, end = read.initials[letters]
                found = _named(item, 0.8, [start], end - start, read)
                if found.strength > best.strength:
                    best = found
    return best


def _near(compiled: CompiledProfile, read: Read) -> tuple[float, str, str, str]:
    """Return the shared field in which both are strongest, weighted by how narrow the field is."""
    best = (0.0, "", "", "")
    breadth = subjects().breadth
    mine = compiled.fields
    for name, theirs in read.fields.items():
        if name in mine:
            value = theirs * mine[name] * breadth[name]
            if value > best[0]:
                best = (value, name, compiled.field_items.get(name, ""), read.field_words.get(name, ""))
    return best


def _timeliness(read: Read, today: date) -> tuple[Literal["open", "fresh", "stale", "expired", "undated"], str]:
    article = read.article
    if article.deadline is not None:
        if article.deadline < today:
            return "expired", f"deadline {article.deadline} is before {today}"
        return "open", f"deadline {article.deadline}"
    if read.expired_phrase:
        return "expired", f"it says {read.expired_phrase}"
    if article.published is None:
        return "undated", "no date given"
    days = (today - article.published).days
    if days > STALE_DAYS:
        return "stale", f"published {article.published}"
    return "fresh", f"published {article.published}"


def _level(compiled: CompiledProfile, read: Read) -> Literal["fits", "too senior", "too junior", ""]:
    """Compare the level that an opening asks for with the reader's."""
    if not read.opening or not read.level:
        return ""
    wanted = {"student": "junior", "graduate": "junior", "experienced": "senior", "senior": "senior"}
    mine = wanted.get(compiled.profile.seniority)
    if mine is None:
        return ""
    return "fits" if mine == read.level else "too senior" if read.level == "senior" else "too junior"
