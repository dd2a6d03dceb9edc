"""Places: finds countries, cities and regions of the gazetteer in a text, and tells how near two places are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from stratos_tui.prism.rubric.places import ASIA, GAZETTEER, REGION_WORDS, US_STATES
from stratos_tui.prism.rubric.text import Finder, Words, split_phrases, words

Nearness = Literal["same", "country", "region", "elsewhere", "none"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place found: its words in the text, the area it is or lies in, its country and regions, and where it stood."""

    phrase: str
    city: str
    state: str
    country: str
    regions: tuple[str, ...]
    prominent: bool
    count: int
    at: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """What this place counts as when a profile's item names a place: itself and all that holds it."""
        return tuple(f"@{name}" for name in (self.city, self.state, self.country, *self.regions) if name)


@dataclass(frozen=True, slots=True)
class _Entry:
    city: str
    state: str
    country: str
    regions: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.city or self.state or self.country or self.regions[0]


def find_places(text: Words, title: int) -> dict[str, Place]:
    """Return the places of a text by key; the longest name wins at each position."""
    finder, entries = _gazetteer()
    found: dict[str, Place] = {}
    last = -1
    for start, end, key in finder.find(text.folded):
        if start < last:
            continue
        single = end - start == 1
        if single and text.case[start] == "l":
            continue
        if single and text.folded[start] == "us" and text.case[start] != "U":
            continue
        last = end
        entry = entries[key]
        before = found.get(entry.key)
        found[entry.key] = Place(
            before.phrase if before else " ".join(text.surface[start:end]),
            entry.city,
            entry.state,
            entry.country,
            entry.regions,
            bool(before and before.prominent) or start < title + 12,
            (before.count if before else 0) + 1,
            before.at if before else start,
        )
    return found


def is_place(word: str) -> bool:
    """Tell whether a folded word names a place by itself."""
    return next(_gazetteer()[0].find((word,)), None) is not None


def locate(text: str) -> Place | None:
    """Return the most specific place that a profile's location names, if the gazetteer knows any."""
    tokens = words(text)
    found = find_places(tokens, len(tokens.folded))
    places = sorted(found.values(), key=lambda p: (not p.city, not p.state, not p.country))
    return places[0] if places else None


def nearness(home: Place | None, places: Iterable[Place]) -> tuple[Nearness, Place | None]:
    """Compare a home with an article's places: the same city, state or country, a shared region, elsewhere, or none."""
    best: tuple[int, bool] = (0, False)
    chosen: Place | None = None
    for place in places:
        rank = (_rank(home, place) if home else 1, place.prominent)
        if rank > best:
            best, chosen = rank, place
    names: Mapping[int, Nearness] = {0: "none", 1: "elsewhere", 2: "region", 3: "country", 4: "same"}
    return names[best[0]], chosen


def _rank(home: Place, place: Place) -> int:
    if home.city and place.city == home.city and place.country == home.country:
        return 4
    if place.country and place.country == home.country:
        if not home.city and not home.state:
            return 4
        if home.state and place.state == home.state and (not home.city or not place.city):
            return 4 if not home.city else 3
        if not place.city and not place.state:
            return 3
        return 3 if not home.state else 2
    if set(place.regions) & set(home.regions):
        return 2
    return 1


@cache
def _gazetteer() -> tuple[Finder, dict[str, _Entry]]:
    entries: dict[str, _Entry] = {}
    phrases: list[tuple[tuple[str, ...], str]] = []

    def add(name: str, entry: _Entry) -> None:
        folded = words(name).folded
        key = f"{entry.country}|{entry.state}|{entry.city}|{'+'.join(entry.regions)}"
        entries[key] = entry
        phrases.append((folded, key))

    for line in GAZETTEER.strip().splitlines():
        country, names, cities, regions = (part.strip() for part in line.split("|"))
        areas = tuple(split_phrases(regions))
        areas = (*areas, "asia") if ASIA & set(areas) else areas
        for name in (country.removesuffix(" (country)"), *split_phrases(names)):
            if country != "Georgia (country)" or name == "georgian":
                add(name, _Entry("", "", country, areas))
        for group in split_phrases(cities):
            city = group.split("/")[0]
            for name in group.split("/"):
                add(name, _Entry(city, "", country, areas))
    for part in US_STATES.replace("\n", ";").split(";"):
        state, _, cities = (piece.strip() for piece in part.partition(":"))
        if not state:
            continue
        add(state, _Entry("", state.lower(), "United States", ("north america",)))
        for group in split_phrases(cities):
            for name in group.split("/"):
                city = "" if name in _STATE_WORDS else group.split("/")[0]
                add(name, _Entry(city, state.lower(), "United States", ("north america",)))
    for line in REGION_WORDS.strip().splitlines():
        region, _, names = line.partition(":")
        for name in (region, *split_phrases(names)):
            add(name, _Entry("", "", "", (region.strip(),)))
    ordered = sorted(phrases, key=lambda p: -len(p[0]))
    return Finder(ordered), entries


_STATE_WORDS = frozenset(("texan", "texans", "washington d.c.", "district of columbia", "washington"))
