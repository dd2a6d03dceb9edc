"""Writes the trace of a judgement: every comparison copies an article phrase and a profile item and says yes or no.

A small student learns to compare only from comparisons that it can see (measured: traces that merely state verdicts
taught none), so each signal line is ``article phrase = profile item? yes``, and CALIBRATION adds up to the score.
"""

from __future__ import annotations

from typing import NamedTuple

from stratos_tui.prism.bands import FORBIDDEN_TENTHS, points, tier_of
from stratos_tui.prism.rubric.article import Read
from stratos_tui.prism.rubric.calibrate import CEILINGS, FLOORS, Step, Verdict, degree, dimensions
from stratos_tui.prism.rubric.judge import Judgement
from stratos_tui.prism.rubric.lexicon import STOPWORDS
from stratos_tui.prism.rubric.profile import CompiledProfile
from stratos_tui.prism.rubric.quoting import clean, clip, listed
from stratos_tui.prism.rubric.signals import WEAK, Match, Signals, level_word
from stratos_tui.prism.rubric.text import ordinary
from stratos_tui.prism.rubric.where import is_place
from stratos_tui.prism.trace import DIMENSIONS, Signal, Trace, render_trace, word_count

LIMITS: dict[int, tuple[int, int]] = {1: (30, 50), 2: (80, 150), 3: (120, 180)}
"""Words of a trace by tier (plan, 3.4; decisions.md, 8)."""
RICHEST = 7

_FILLERS = (
    "The strongest signal decides, not the number of matches.",
    "Weaker signals only move the score within its band.",
    "Nothing else that the profile tracks is nearer to this article.",
    "The lines above were compared one by one with the profile.",
    "No cap changes this further.",
)


class Material(NamedTuple):
    """Everything a trace quotes, found once."""

    compiled: CompiledProfile
    read: Read
    judgement: Judgement
    role: Match
    entity: Match
    topic: Match
    name: str
    subject: str
    near_item: str


def trace_of(compiled: CompiledProfile, read: Read, judgement: Judgement) -> str:
    """Write the trace within the bounds of its tier."""
    tier = tier_of(judgement.tenths)
    low, high = LIMITS[tier]
    material = _material(compiled, read, judgement)
    build = _noise if tier == 1 else _full
    trace = ""
    for size in range(RICHEST, 0, -1):
        trace = render_trace(build(material, size, 0))
        if word_count(trace) <= high:
            break
    for fillers in range(1, len(_FILLERS) + 1):
        if word_count(trace) >= low:
            break
        longer = render_trace(build(material, size, fillers))
        if word_count(longer) > high:
            break
        trace = longer
    return trace


def reason_of(tenths: int, kind: str, signals: Signals, verdict: Verdict) -> str:
    """Return one sentence that names the strongest factor."""
    match = verdict.match
    phrase, item = clip(match.phrase, 6), clip(match.written or match.item, 6)
    if signals.foreign:
        return f"Written in {signals.foreign}, which this reader does not read."
    if verdict.band == "noise" or not item:
        touched = f" beyond a faint touch of {item}" if item else ""
        return f"{kind[:1].upper()}{kind[1:]} that meets nothing this reader tracks{touched}."
    cap = next((step.why for step in verdict.steps if step.cap), "")
    named = phrase if phrase.casefold() == item.casefold() else f"{phrase} meets {item}"
    what = {"entity": "tracked name", "role": "role or interest", "topic": "topic"}[verdict.dimension]
    strength = "Strong" if level_word(match.strength) == "STRONG" else "Weak"
    tail = f", but {_CAPS.get(cap, cap)}" if cap else ", and it can be acted on now" if tenths >= 90 else ""
    return f"{strength} {what} match: {named}{tail}."


_CAPS = {
    "expired": "the opportunity has expired",
    "too senior": "the opening is too senior",
    "too junior": "the opening is too junior",
    "another trade": "the opening is for another trade",
    "blog cap": "it is only a blog",
    "unknown source cap": "the source is unknown",
}


def _material(compiled: CompiledProfile, read: Read, judgement: Judgement) -> Material:
    role, entity, topic = dimensions(judgement.signals, compiled.profile.kind)
    near = judgement.signals.near
    near_item = (
        topic.item or judgement.signals.interest.item or near[2] or compiled.first_interest or compiled.profile.role
    )
    return Material(compiled, read, judgement, role, entity, topic, _name(read), _subject(read), near_item)


def _name(read: Read) -> str:
    """Return the article's own most prominent name: a run of capitals inside a sentence, else the source."""
    if read.article.source_type == "official" and (source := clean(read.article.source)):
        return source
    case, surface = read.words.case, read.words.surface
    counts: dict[str, int] = {}
    taken = {token for place in read.places.values() for token in place.phrase.split()}
    at = read.title_tokens if read.title_tokens < len(case) else 0
    at += 1
    while at < len(case):
        end = at
        while (
            end < len(case)
            and end - at < 4
            and case[end] != "l"
            and surface[end] not in taken
            and not _plain(read, end)
        ):
            end += 1
        if end > at:
            run = " ".join(surface[at:end])
            counts[run] = counts.get(run, 0) + 1
        at = end + 1
    best = max(counts, key=lambda run: counts[run], default="")
    return clean(best) or clean(read.article.source) or clip(read.article.title, 2) or "no name"


def _plain(read: Read, at: int) -> bool:
    """Tell whether a capitalised token is an everyday word, such as a weekday or the first word of a sentence."""
    folded = read.words.folded[at]
    return read.words.case[at] == "C" and (folded in STOPWORDS or ordinary(folded) or is_place(folded))


def _subject(read: Read) -> str:
    """Return the words of the article that spoke loudest for its field, else the first of its title."""
    if read.fields:
        best = max(read.fields, key=lambda name: read.fields[name])
        if spoken := clean(read.field_words.get(best, "")):
            return spoken
    return clip(read.article.title, 3) or clip(read.article.body, 3) or "no text"


def _noise(m: Material, size: int, fillers: int) -> Trace:
    profile = m.compiled.profile
    s = m.judgement.signals
    quote = max(1, size // 2)
    entity = m.entity.written or m.entity.item or m.compiled.first_entity
    home = clip(profile.location, 2) or "nowhere"
    place = clip(s.place, 2) or "no place"
    items = listed([m.near_item, entity], 2, quote)
    who = f"{clip(profile.role, quote + 2) or 'Reader'} in {home}; tracks {items or 'nothing'}."
    content = f"{_kind(m)}: {clip(m.read.article.title, size) or 'untitled'}; {place}."
    sums = _sum(m.judgement.verdict)
    if s.foreign:
        analysis = f"Text is {s.foreign}; reader reads {s.foreign}? no. Noise. {sums}."
    else:
        parts = [_compare(m.topic, m.subject, m.near_item, quote)]
        if entity:
            parts.append(_compare(m.entity, m.name, entity, quote))
        parts.append(f"{place} = {home}? {_place_answer(s)}")
        analysis = ". ".join(f"{part}" for part in parts) + f". Noise. {sums}."
    return Trace(who, content, _padded(analysis, fillers))


def _full(m: Material, size: int, fillers: int) -> Trace:
    profile, s = m.compiled.profile, m.judgement.signals
    quote = max(1, (size + 1) // 2)
    labels = m.compiled.items
    entities = [m.entity.written or m.entity.item, *(i.label for i in labels if i.kind in ("company", "institution"))]
    followed = [i.label for kind in ("interest", "industry") for i in labels if i.kind == kind]
    nearest = [match.written or match.item for match in (m.role, m.topic) if match.item in followed]
    topics = [*nearest, *followed]
    level = "" if profile.seniority == "none" else f", level {profile.seniority}"
    who = f"{clip(profile.role, quote + 2) or 'Reader'} in {clip(profile.location, 2) or 'no place'}{level}"
    many = 1 if size < 3 else 2 if size < 6 else 3
    who += (
        f"; tracks {listed(entities, many, quote) or 'no names'}; follows {listed(topics, many, quote) or 'no topics'}."
    )
    found = [clip(m.entity.phrase or m.name, quote), clip(s.place, 2) or "no place named"]
    content = f"{_kind(m)}: {clip(m.read.article.title, size + 1) or 'untitled'}; names {found[0]}; {found[1]}."
    role_item = m.role.item or (profile.role if profile.kind == "career" else m.compiled.first_interest or profile.role)
    entity_item = m.entity.item or m.compiled.first_entity
    role_why = _compare(m.role, m.subject, role_item, quote)
    if s.level:
        role_why += f"; {m.read.level} opening fits {profile.seniority}? {'yes' if s.level == 'fits' else 'no'}"
    whys = (
        (level_word(m.role.strength), role_why),
        (
            s.location,
            f"{clip(s.place, 2) or 'no place'} = {clip(profile.location, 2) or 'no place'}? {_place_answer(s)}",
        ),
        (
            level_word(m.entity.strength),
            _compare(m.entity, m.name, entity_item, quote) if entity_item else "no name is tracked",
        ),
        (level_word(m.topic.strength), _compare(m.topic, m.subject, m.near_item, quote)),
        (s.action, _action(s, quote)),
        (s.source, f"{clip(m.read.article.source, quote) or 'unnamed'} is {_SOURCES[s.source]}"),
    )
    lines = tuple(Signal(name, word, why) for name, (word, why) in zip(DIMENSIONS, whys, strict=True))
    return Trace(who, content, "", lines, _padded(_calibration(m, quote), fillers))


_SOURCES = {
    "OFFICIAL": "the official voice",
    "NEWS": "a news outlet",
    "BLOG": "a blog",
    "UNKNOWN": "an unknown source",
}


def _kind(m: Material) -> str:
    return m.read.kind[:1].upper() + m.read.kind[1:]


def _compare(match: Match, mine: str, item: str, quote: int) -> str:
    """Spell a comparison out: what the article says, what the profile says, the answer and how plain it is."""
    if match.strength < WEAK:
        return f"{clip(match.phrase or mine, quote) or 'nothing'} = {clip(item, quote) or 'nothing'}? no"
    phrase, name = clip(match.phrase, quote), clip(match.written or match.item, quote)
    return f"{phrase} = {name}? {degree(match.strength)}"


def _place_answer(s: Signals) -> str:
    return {
        "same": "yes",
        "country": "same country",
        "region": "same region",
        "elsewhere": "no",
        "none": "no",
    }[s.nearness]


def _action(s: Signals, quote: int) -> str:
    phrase = clip(s.action_phrase, max(2, quote))
    timely = {
        "open": "still open",
        "fresh": "fresh",
        "stale": "old",
        "expired": "expired",
        "undated": "undated",
    }[s.timely]
    if s.action == "NONE":
        return f"nothing to do; {timely}"
    return f"{phrase}: act? {'yes' if s.action in ('HIGH', 'MEDIUM') else 'hardly'}; {timely}"


def _calibration(m: Material, quote: int) -> str:
    s, verdict = m.judgement.signals, m.judgement.verdict
    band = f"{points(FLOORS[verdict.band])}-{points(CEILINGS[verdict.band])}"
    item = clip(verdict.match.written or verdict.match.item, quote)
    text = (
        f"Strongest signal is {verdict.dimension} ({item}): {verdict.because} → {verdict.band} {band}. {_sum(verdict)}."
    )
    if m.judgement.tenths >= 90:
        when = f"{clip(s.timely_note, 5)} on {m.judgement.reference_date}"
        text = (
            f"Strongest signal is {verdict.dimension} ({item}), STRONG → {verdict.band} {band}. "
            f"Actionability confirmed: {clip(s.action_phrase, 5)}. Timeliness confirmed: {when}. "
            f"Source quality confirmed: {clip(m.read.article.source, quote) or 'unnamed'} is {_SOURCES[s.source]}. "
            f"{_sum(verdict)}."
        )
    return text


def _sum(verdict: Verdict) -> str:
    """Add the score up, as stated: start, each step, each cap."""
    parts = [f"Start {points(verdict.start)}"]
    parts += [
        f"{step.why} {'+' if step.tenths > 0 else '-'}{points(abs(step.tenths))}"
        for step in verdict.steps
        if not step.cap
    ]
    total = _before_caps(verdict.start, verdict.steps)
    floor, ceiling = FLOORS[verdict.band], CEILINGS[verdict.band]
    if not floor <= total <= ceiling:
        parts.append(f"kept in band {points(max(floor, min(ceiling, total)))}")
    parts += [f"{step.why} at most {points(step.tenths)}" for step in verdict.steps if step.cap]
    if verdict.tenths == FORBIDDEN_TENTHS + 1:
        parts.append("never 5.0")
    return ", ".join(parts) + f" = {points(verdict.tenths)}"


def _before_caps(start: int, steps: tuple[Step, ...]) -> int:
    return start + sum(step.tenths for step in steps if not step.cap)


def _padded(text: str, fillers: int) -> str:
    return " ".join((text, *_FILLERS[:fillers]))
