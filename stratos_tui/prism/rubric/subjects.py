"""What a text is about: the fields of :mod:`fields` and how strongly its words speak for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from stratos_tui.prism.rubric.fields import FIELDS, SECTORS
from stratos_tui.prism.rubric.lexicon import AMBIGUOUS
from stratos_tui.prism.rubric.text import Finder, Units, Words, split_phrases, stem, units_of, weight

TITLE_FACTOR = 2.0
PARENT_SHARE = 0.4
FULL = 2.0
"""Evidence at which a field counts fully: one clear word in a title, or two in a body."""
DOUBTFUL = 0.45
"""Evidence of a word with everyday senses."""
COMMON = 0.65
"""Evidence of a word that names its field broadly."""
IN_SECTOR = 0.4
"""A field this strong places a text in its sectors."""
BREADTHS: Mapping[int, float] = {3: 1.0, 2: 0.8, 1: 0.5}


@dataclass(frozen=True, slots=True)
class Subjects:
    """The map of fields, read once."""

    finder: Finder
    parents: Mapping[str, tuple[str, ...]]
    breadth: Mapping[str, float]
    values: Mapping[str, float]
    """Evidence of single words that are worth less than a clear one."""
    sectors: Mapping[str, tuple[str, ...]]


@cache
def subjects() -> Subjects:
    """Read :data:`FIELDS`."""
    phrases: list[tuple[tuple[str, ...], str]] = []
    parents: dict[str, tuple[str, ...]] = {}
    breadth: dict[str, float] = {}
    for line in FIELDS.strip().splitlines():
        head, narrow, terms = (part.strip() for part in line.split("|"))
        name, _, above = (part.strip() for part in head.partition(">"))
        parents[name] = tuple(split_phrases(above))
        breadth[name] = BREADTHS[int(narrow)]
        keys = {units_of(term) for term in split_phrases(terms)}
        phrases += [(key, name) for key in sorted(keys) if key]
    doubtful = {stem(word) for word in AMBIGUOUS}
    single = {key[0] for key, _ in phrases if len(key) == 1}
    values = {key: DOUBTFUL if key in doubtful else COMMON if weight(key) < 1.0 else 1.0 for key in single}
    sectors: dict[str, tuple[str, ...]] = {}
    for line in SECTORS.strip().splitlines():
        sector, _, members = line.partition(":")
        for name in split_phrases(members):
            sectors[name] = (*sectors.get(name, ()), sector)
    return Subjects(Finder(phrases), parents, breadth, values, sectors)


def sectors_of(strengths: Mapping[str, float]) -> frozenset[str]:
    """Return the sectors of the fields that count."""
    known = subjects().sectors
    return frozenset(s for name, value in strengths.items() if value >= IN_SECTOR for s in known.get(name, ()))


def field_weights(found: Units, text: Words, title: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return each field's strength from 0 to 1, and the words that spoke for it first.

    Strength saturates, so that a long text on one subject is no more on it than a headline.
    """
    known = subjects()
    sums: dict[str, float] = {}
    spoken: dict[str, str] = {}
    for start, end, name in known.finder.find(found.keys):
        value = 1.4 if end - start > 1 else known.values.get(found.keys[start], 1.0)
        sums[name] = sums.get(name, 0.0) + value * (TITLE_FACTOR if start < title else 1.0)
        if name not in spoken:
            spoken[name] = " ".join(text.surface[found.start[start] : found.end[end - 1]])
    strength = {name: min(1.0, value / FULL) for name, value in sums.items()}
    for name, value in list(strength.items()):
        for parent in known.parents[name]:
            if strength.get(parent, 0.0) < PARENT_SHARE * value:
                strength[parent] = PARENT_SHARE * value
                spoken.setdefault(parent, spoken[name])
    return strength, spoken
