"""A pair: one article for one profile, the unit of everything (decisions.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """One article for one profile, by their ids."""

    article_id: str
    profile_id: str
