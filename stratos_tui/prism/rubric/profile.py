"""A profile compiled for scoring: each tracked item as units and names, an index from word to item, fields and home.

The index is what makes scoring fast: an article is compared only with items that share a telling word with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from stratos_tui.prism.rubric import lexicon
from stratos_tui.prism.rubric.subjects import FULL, PARENT_SHARE, field_weights, sectors_of, subjects
from stratos_tui.prism.rubric.text import Words, ordinary, units, weight, words
from stratos_tui.prism.rubric.where import Place, find_places, locate
from stratos_tui.records import Profile

ItemKind = Literal["role", "company", "institution", "interest", "industry", "context"]

_ALIASES = re.compile(r"\(([^()]*)\)")
_ROLE_BREAK = re.compile(
    r"\s+(?:at|in|for|of|on|with|who|seeking|studying|specializing|specialising|working|covering|from)\s+"
)
_LEADING = re.compile(
    r"^(?:(?:follows|builds|runs|likes|loves|works|studies|invests|plays|an?|the|in|at|on|with)\s+)+", re.I
)
_READS = re.compile(
    r"(?i:reads?|speaks?|fluent in|bilingual in|native)\s+((?:[A-Z][a-z]+(?:,\s*|\s+and\s+|\s+or\s+)?)+)"
)
_PEOPLE = """
fresh recent retired aspiring undeclared enthusiast fan lover father mother parent grandmother grandfather
student graduate senior junior experienced certified registered msc bsc phd mba sophomore freshman who owner
founder associate professional small early mid level career person resident
"""
_PERSON = frozenset(_PEOPLE.split())
"""Words for a person or a stage of life: they say who reads, not about what."""
PLACE_WEIGHT = 0.45
"""What the place in an item such as "Canadian health policy" adds; alone it is not enough."""
_FIELD_SHARES: dict[ItemKind, float] = {
    "role": 2.0,
    "interest": 1.6,
    "industry": 1.6,
    "context": 0.7,
    "company": 0.5,
    "institution": 0.6,
}

_EXPLAINS: dict[ItemKind, float] = {"role": 0.2, "company": 0.3, "institution": 0.3}
"""How well an item stands for its field in a trace, where an interest says it best."""


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write an item. ``tokens`` and ``case`` are for names, ``keys`` and ``weights`` for subjects."""

    keys: tuple[str, ...]
    weights: tuple[float, ...]
    total: float
    tokens: tuple[str, ...]
    case: Literal["U", "C", "any"]
    trust: float
    trigger: str
    text: str
    """The form as the profile writes it, empty where it was derived."""
    ambiguous: bool = False
    """A name that is also an ordinary word, or that is very short: alone it proves nothing."""


@dataclass(frozen=True, slots=True)
class Item:
    """A tracked item: what the profile calls it, and its forms."""

    kind: ItemKind
    label: str
    forms: tuple[Form, ...]
    core: bool
    """Whether the item lies in the fields of the role: side interests weigh less for a career (decisions.md, 18)."""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledProfile:
    """A profile ready for scoring."""

    profile: Profile
    items: tuple[Item, ...]
    by_unit: dict[str, tuple[int, ...]]
    by_token: dict[str, tuple[tuple[int, int], ...]]
    units: frozenset[str]
    tokens: frozenset[str]
    fields: dict[str, float]
    field_items: dict[str, str]
    sectors: frozenset[str]
    home: Place | None
    home_keys: frozenset[str]
    languages: frozenset[str]
    first_interest: str
    first_entity: str


@lru_cache(maxsize=1024)
def compile_profile(profile: Profile) -> CompiledProfile:
    """Compile a profile; the same profile compiles once."""
    items = _items(profile)
    by_unit: dict[str, list[int]] = {}
    by_token: dict[str, list[tuple[int, int]]] = {}
    for index, item in enumerate(items):
        for at, form in enumerate(item.forms):
            if item.kind in ("company", "institution"):
                by_token.setdefault(form.trigger, []).append((index, at))
                continue
            best = max(form.weights, default=0.0)
            for key, value in zip(form.keys, form.weights, strict=True):
                if value >= min(0.5, best) and index not in by_unit.setdefault(key, []):
                    by_unit[key].append(index)
    fields, field_items = _fields(items)
    home = locate(profile.location)
    topics = [item.label for item in items if item.kind in ("interest", "industry")]
    entities = [item.label for item in items if item.kind in ("company", "institution")]
    home_keys = (home.city, home.state, home.country, *home.regions) if home else ()
    return CompiledProfile(
        profile=profile,
        items=items,
        by_unit={key: tuple(found) for key, found in by_unit.items()},
        by_token={key: tuple(found) for key, found in by_token.items()},
        units=frozenset(by_unit),
        tokens=frozenset(by_token),
        fields=fields,
        field_items=field_items,
        sectors=sectors_of(fields),
        home=home,
        home_keys=frozenset(k for k in home_keys if k),
        languages=_languages(profile.context),
        first_interest=topics[0] if topics else "",
        first_entity=entities[0] if entities else "",
    )


def split_aliases(item: str) -> tuple[str, list[str]]:
    """Split ``Name (alias, alias)`` into the name and its aliases."""
    aliases = [alias.strip() for group in _ALIASES.findall(item) for alias in re.split(r"[,;/]", group)]
    name = " ".join(_ALIASES.sub(" ", item).split())
    return name, [alias for alias in aliases if alias]


def _items(profile: Profile) -> tuple[Item, ...]:
    found: list[Item] = []
    role_name, role_aliases = split_aliases(profile.role)
    head, *rest = _ROLE_BREAK.split(role_name, maxsplit=1)
    role_forms = [f for text in (head, *role_aliases) if (f := _subject(text, drop_places=True))]
    role_fields = set(_subject_fields(role_name))
    role_keys = {k for f in role_forms for k, w in zip(f.keys, f.weights, strict=True) if w >= 0.5}
    found.append(Item("role", role_name or "reader", tuple(role_forms), True))
    if rest and (form := _subject(rest[0], drop_places=True)):
        found.append(Item("industry", _LEADING.sub("", rest[0].strip()) or rest[0].strip(), (form,), True))
    for kind, entries in (("company", profile.companies), ("institution", profile.institutions)):
        found += [item for entry in entries if (item := _entity(kind, entry))]  # type: ignore[arg-type]
    for kind, entries in (("interest", profile.interests), ("industry", profile.industries)):
        for entry in entries:
            name, aliases = split_aliases(entry)
            forms = tuple(f for text in (name, *aliases) if (f := _subject(text)))
            if forms:
                own = set(_subject_fields(name))
                core = profile.kind == "interest" or not own or not role_fields or bool(own & role_fields)
                core = core or bool(role_keys & {key for form in forms for key in form.keys})
                found.append(Item(kind, name or entry, forms, core, tuple(sorted(own))))  # type: ignore[arg-type]
    keys = [k for k in dict.fromkeys(units(words(profile.context)).keys) if weight(k) >= 1.0 and len(k) > 2]
    taken = {key for item in found for form in item.forms for key in form.keys}
    forms = tuple(Form((k,), (1.0,), 1.0, (), "any", 1.0, k, "") for k in keys if k not in taken and not _is_place(k))
    if forms:
        found.append(Item("context", profile.context, forms[:60], True))
    return tuple(found)


def _is_place(key: str) -> bool:
    return bool(find_places(words(key.replace("_", " ").title()), 1))


def _subject(text: str, drop_places: bool = False) -> Form | None:
    tokens = words(text)
    found = units(tokens)
    places = find_places(tokens, len(tokens.folded))
    covered = {at for place in places.values() for at in range(place.at, place.at + len(place.phrase.split()))}
    keys = list(dict.fromkeys(k for k, at in zip(found.keys, found.start, strict=True) if at not in covered))
    if drop_places:
        keys = [k for k in keys if k not in _PERSON] or keys
    elif keys:
        keys += [place.keys[0] for place in places.values()]
    if not keys:
        keys = list(dict.fromkeys(tokens.folded))[:3]
    if not keys:
        return None
    weights = tuple(PLACE_WEIGHT if k[0] == "@" else weight(k) for k in keys)
    case: Literal["U", "any"] = (
        "U" if len(tokens.surface) == 1 and tokens.case == "U" and len(tokens.surface[0]) <= 4 else "any"
    )
    return Form(tuple(keys), weights, sum(weights), tokens.folded, case, 1.0, max(keys, key=weight), text)


def _entity(kind: ItemKind, entry: str) -> Item | None:
    name, aliases = split_aliases(entry)
    forms: dict[tuple[str, ...], Form] = {}
    for text in (name, *aliases):
        tokens = words(text)
        if tokens.folded:
            form = _name(tokens, 1.0, text)
            forms.setdefault(form.tokens, form)
    tokens = words(name)
    short = tokens
    while len(short.folded) > 1 and short.folded[-1] in lexicon.TAILS:
        short = Words(short.surface[:-1], short.folded[:-1], short.case[:-1])
    telling = not any(ordinary(t) for t in short.folded) and not find_places(short, len(short.folded))
    if short.folded != tokens.folded and telling:
        forms.setdefault(short.folded, _name(short, 0.9, ""))
    initials = "".join(t[0] for t in tokens.folded if t not in lexicon.SMALL)
    if len(initials) >= 3 and len(initials) == sum(t not in lexicon.SMALL for t in tokens.folded):
        forms.setdefault((initials,), Form((), (), 0.0, (initials,), "U", 0.85, initials, "", len(initials) <= 3))
    return Item(kind, name or entry, tuple(forms.values()), True) if forms else None


def _name(tokens: Words, trust: float, text: str) -> Form:
    case: Literal["U", "C", "any"] = "any"
    if len(tokens.folded) == 1:
        acronym = tokens.case == "U" and len(tokens.folded[0]) <= 5
        if acronym:
            case = "U" if ordinary(tokens.folded[0]) or len(tokens.folded[0]) <= 3 else "C"
        elif tokens.case != "l":
            case = "C"
    trigger = max(tokens.folded, key=lambda t: (not ordinary(t), t not in lexicon.SMALL, len(t)))
    ambiguous = len(tokens.folded) == 1 and (ordinary(trigger) or len(trigger) <= 3)
    return Form((), (), 0.0, tokens.folded, case, trust, trigger, text, ambiguous)


def _subject_fields(text: str) -> dict[str, float]:
    tokens = words(text)
    found = units(tokens)
    return field_weights(found, tokens, 0)[0]


def _fields(items: tuple[Item, ...]) -> tuple[dict[str, float], dict[str, str]]:
    """Sum the fields of all items by what kind they are; a field is full at :data:`FULL` and passes a share upwards."""
    sums: dict[str, float] = {}
    spoken: dict[str, tuple[float, str]] = {}
    known = subjects()
    for item in items:
        share = _FIELD_SHARES[item.kind]
        for name, value in _subject_fields(item.label).items():
            sums[name] = sums.get(name, 0.0) + share * value
            said = value * _EXPLAINS.get(item.kind, 1.0)
            if item.kind != "context" and said > spoken.get(name, (0.0, ""))[0]:
                spoken[name] = (said, item.label)
    fields = {name: min(1.0, value / FULL) for name, value in sums.items()}
    for name, value in list(fields.items()):
        for parent in known.parents[name]:
            if fields.get(parent, 0.0) < PARENT_SHARE * value:
                fields[parent] = PARENT_SHARE * value
                spoken.setdefault(parent, spoken.get(name, (0.0, "")))
    return fields, {name: label for name, (_, label) in spoken.items()}


def _languages(context: str) -> frozenset[str]:
    """Return the languages that the context says the reader reads; English always."""
    named = {name for group in _READS.findall(context) for name in re.findall(r"[A-Z][a-z]+", group)}
    return frozenset({"English", *named})
