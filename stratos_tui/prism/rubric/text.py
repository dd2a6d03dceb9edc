"""Words: tokens with their case, a light stemmer, and units, in which phrases that mean the same are one.

A *token* is a word as it stands; a *unit* is what is compared: the stem of a word, or the canonical name of a known
phrase (``emergency department`` and ``ER`` are one unit). Stop words are not units.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from stratos_tui.prism.rubric import lexicon

_TOKEN = re.compile(
    r"\b(?:[^\W\d_]\.)+[^\W\d_]\b\.?"  # U.S. and a.i.
    r"|[^\W_]{1,3}&[^\W_]{1,3}(?![^\W_])"  # M&A, AT&T
    r"|\b[cC](?:\+\+|#)"
    r"|[^\W_]+(?:['\u2019][^\W_]+)?"
)
_POSSESSIVE = re.compile(r"['\u2019]s$")
_SAME = """
corner former number poster master counter weather leather matter letter paper member december november
october september order border power tower water winter summer server chapter charter quarter center cluster
career volunteer pioneer engineer cancer consumer laser fever liver silver river never rather another
together gender tender thunder flower shower follower finger hunger anger danger ginger burger hamburger
shoulder folder soldier customer monster disaster register semester theater theatre layer prayer butter
twitter sector factor doctor actor tutor mirror horror terror error minor major motor tractor reactor
senator governor mayor author donor honor harbor labor labour neighbor flavor favor color vapor
"""
_NOT_AGENTS = frozenset(_SAME.split())
"""Words in -er and -or that are no agents: without the ending they would be other words."""
_WHOLE = frozenset(
    ("marketing", "building", "buildings", "customs", "news", "media", "species", "series", "contractor", "contractors")
)
"""Words that losing any ending would turn into another word."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text as tokens: ``surface`` as written, ``folded`` for comparing, and the case of each.

    ``case`` has one letter a token: U all capitals, C capitalised or mixed, l small.
    """

    surface: tuple[str, ...]
    folded: tuple[str, ...]
    case: str


@dataclass(frozen=True, slots=True)
class Units:
    """A text as units; ``start`` and ``end`` give the tokens each was made from."""

    keys: tuple[str, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]


def fold(text: str) -> str:
    """Return text in small letters without accents."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("ı", "i")


def words(text: str, limit: int = 600) -> Words:
    """Split text into at most ``limit`` tokens; possessives and the dots of abbreviations are dropped."""
    surface: list[str] = []
    for found in _TOKEN.finditer(text):
        token = found[0]
        if "." in token:
            token = token.replace(".", "")
        elif token[-1] == "s" and len(token) > 2:
            token = _POSSESSIVE.sub("", token)
        surface.append(token)
        if len(surface) >= limit:
            break
    case = "".join(map(_case, surface))
    letters = sum(c != "l" for c in case)
    if letters > 4 and case.count("U") > 0.7 * len(case):  # a shouted text: capitals tell nothing
        case = "".join("C" if c == "U" and fold(w) in _ordinary() else c for c, w in zip(case, surface, strict=True))
    return Words(tuple(surface), tuple(map(fold, surface)), case)


def units(text: Words) -> Units:
    """Turn tokens into units: cased acronyms first, then the longest known phrase, then the stem; no stop words."""
    stems = [
        lexicon.CASED.get(s, "").replace(" ", "_") or stem(f) for s, f in zip(text.surface, text.folded, strict=True)
    ]
    phrases = _phrases()
    keys: list[str] = []
    start: list[int] = []
    end: list[int] = []
    at, size = 0, len(stems)
    while at < size:
        key, length = stems[at], 1
        for phrase, name in phrases.get(key, ()):
            if len(phrase) == 1 or tuple(stems[at : at + len(phrase)]) == phrase:
                key, length = name, len(phrase)
                break
        else:
            if text.folded[at] in lexicon.STOPWORDS and text.surface[at] not in lexicon.CASED:
                at += 1
                continue
        keys.append(key)
        start.append(at)
        end.append(at + length)
        at += length
    return Units(tuple(keys), tuple(start), tuple(end))


def units_of(phrase: str) -> tuple[str, ...]:
    """Return the units of a phrase."""
    return units(words(phrase)).keys


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Strip the endings of number, tense and agency: nurses, nursing and nurse meet; short words are left alone."""
    if len(word) <= 3 or not word.isascii() or not word.isalpha() or word in _WHOLE:
        return word
    word = _singular(word)
    if word.endswith("icist") and len(word) > 7:
        return word[:-3]
    for ending in ("ations", "ation", "atory", "ator", "ating", "ated", "ative", "ate"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    if word.endswith("ment") and len(word) >= 9:
        word = word[:-4]
    elif word.endswith("ing") and len(word) >= 6 and _vowel(word[:-3]):
        word = _single(word[:-3])
    elif _past(word) or _agent(word):
        word = _single(word[:-2])
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    return word


def weight(unit: str) -> float:
    """Return how much a match on this unit alone says: 1 for a word of its own, little for what is said everywhere."""
    return _weights().get(unit, 0.35 if unit.isdigit() else 1.0)


def ordinary(folded: str) -> bool:
    """Tell whether a word is a common English word, so that as a name it needs more than its letters."""
    return folded in _ordinary()


def phrase_lines(data: str) -> Iterator[tuple[str, list[str]]]:
    """Read ``name | phrase, phrase`` lines."""
    for line in data.strip().splitlines():
        name, _, rest = line.partition("|")
        yield name.strip(), split_phrases(rest)


def split_phrases(data: str) -> list[str]:
    """Read phrases separated by commas."""
    return [phrase for part in data.split(",") if (phrase := " ".join(part.split()))]


class Finder:
    """Finds any of many phrases in a sequence of keys; the first key of a phrase indexes it."""

    __slots__ = ("_index",)

    def __init__(self, phrases: Iterable[tuple[tuple[str, ...], str]]) -> None:
        index: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for keys, name in phrases:
            if keys:
                index.setdefault(keys[0], []).append((keys, name))
        self._index = {first: tuple(sorted(found, key=lambda p: -len(p[0]))) for first, found in index.items()}

    def find(self, keys: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        """Yield (start, end, name) of each phrase found; several may start at one place."""
        index = self._index
        for at, key in enumerate(keys):
            if key in index:
                for phrase, name in index[key]:
                    if len(phrase) == 1 or tuple(keys[at : at + len(phrase)]) == phrase:
                        yield at, at + len(phrase), name


def word_finder(data: str, name: str = "") -> Finder:
    """Return a finder of comma separated phrases over folded tokens."""
    return Finder((words(phrase).folded, name or phrase) for phrase in split_phrases(data))


def _case(token: str) -> str:
    if token.islower():
        return "l"
    if token.isupper() and (len(token) > 1 or token.isdigit()):
        return "U"
    return "l" if token.isdigit() else "C"


def _singular(word: str) -> str:
    if not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def _past(word: str) -> bool:
    return word.endswith("ed") and len(word) >= 5 and not word.endswith("eed") and _vowel(word[:-2])


def _agent(word: str) -> bool:
    agent = word.endswith(("er", "or")) and len(word) >= 6
    return agent and not word.endswith("eer") and word not in _NOT_AGENTS


def _single(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls" else word


def _vowel(word: str) -> bool:
    return any(c in "aeiouy" for c in word)


@cache
def _phrases() -> dict[str, tuple[tuple[tuple[str, ...], str], ...]]:
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for name, phrases in phrase_lines(lexicon.SYNONYMS):
        key = name.replace(" ", "_")
        for phrase in (name, *phrases):
            stems = tuple(stem(w) for w in words(phrase).folded)
            found.setdefault(stems[0], []).append((stems, key))
    return {first: tuple(sorted(rows, key=lambda r: -len(r[0]))) for first, rows in found.items()}


@cache
def _weights() -> dict[str, float]:
    known: dict[str, float] = {}
    for group, value in ((lexicon.COMMON, 0.5), (lexicon.GENERIC, 0.15)):
        for word in group:
            known[stem(word)] = value
    for name, phrases in phrase_lines(lexicon.SYNONYMS):
        known.pop(name.replace(" ", "_"), None)
        for phrase in phrases:  # a unit is looked up by its canonical name, never by a member's stem
            known.setdefault(phrase, known.get(phrase, 1.0))
    return known


@cache
def _ordinary() -> frozenset[str]:
    from stratos_tui.prism.rubric import fields

    taught: set[str] = set()
    for line in fields.FIELDS.strip().splitlines():
        taught.update(w for phrase in split_phrases(line.rsplit("|", 1)[-1]) for w in fold(phrase).split())
    names = frozenset(lexicon.NAMES_THAT_ARE_WORDS.split())
    return frozenset(lexicon.STOPWORDS | lexicon.GENERIC | lexicon.COMMON | names | taught)
