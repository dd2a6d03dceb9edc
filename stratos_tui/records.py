"""The frozen records that every floor shares. Nothing here does anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

Kind = Literal["career", "interest"]
Seniority = Literal["student", "graduate", "experienced", "senior", "none"]
SourceType = Literal["official", "news", "blog", "unknown"]
Band = Literal["noise", "low", "moderate", "high", "critical"]
Tier = Literal[1, 2, 3]
Split = Literal["train", "eval"]
LabelOrigin = Literal["expected", "operator", "imported"]

KINDS: tuple[Kind, ...] = get_args(Kind)
SENIORITIES: tuple[Seniority, ...] = get_args(Seniority)
SOURCE_TYPES: tuple[SourceType, ...] = get_args(SourceType)
BANDS: tuple[Band, ...] = get_args(Band)


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an article is scored for (plan, section 4).

    ``companies``, ``institutions``, ``interests`` and ``industries`` are what the profile tracks; an item may
    carry aliases in parentheses: ``Kuwait Oil Company (KOC)``. ``seniority`` is ``none`` where no career is tracked.
    """

    id: str
    kind: Kind
    role: str
    location: str
    seniority: Seniority
    context: str
    companies: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    interests: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """One article as it is scored. Dates are calendar days; ``deadline`` is the last day on which a reader can act."""

    id: str
    title: str
    body: str
    source: str = ""
    source_type: SourceType = "unknown"
    url: str = ""
    category: str = ""
    published: date | None = None
    fetched: date | None = None
    deadline: date | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A score of one pair by something other than this workbench's teacher: ``origin`` says whose it is.

    ``tenths`` is the score in tenths of a point, 0 to 100.
    """

    article_id: str
    profile_id: str
    origin: LabelOrigin
    tenths: int
    reason: str = ""
    trace: str = ""
    grammar: Literal["prism", "old", "none"] = "none"


@dataclass(frozen=True, slots=True)
class Example:
    """One accepted trace: what training examples are made from. ``tenths`` is the score in tenths, 0 to 100."""

    request_id: int
    article_id: str
    profile_id: str
    teacher: str
    tenths: int
    reason: str
    trace: str
    tier: Tier
    reference_date: date


@dataclass(frozen=True, slots=True)
class Scored:
    """What a scorer said of one pair. ``tenths`` is None where no score could be parsed, and ``error`` says why.

    ``latency_ms`` is wall time for this pair; in a batch it is the batch's time divided by its pairs.
    """

    article_id: str
    profile_id: str
    tenths: int | None
    reason: str
    trace: str
    raw: str
    error: str
    latency_ms: float
    tokens_in: int
    tokens_out: int
