"""Which rules this workspace has switched off, and the limits that it has set: kept in the store under one name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

from stratos_tui.distill.rulebook import CODES, LIMITS, RULES, LimitKind, Limits, Rules
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import MAX_TENTHS, points, to_tenths
from stratos_tui.store import settings
from stratos_tui.store.db import Store

SETTING = "distill.rules"
"""``{"off": [codes], "limits": {name: value}}``; what is not in it has its default."""
MOST_WORDS = 100_000
_WANTED: dict[LimitKind, str] = {
    "words": "a number of words, such as 15",
    "range": "two numbers of words, such as 80-150",
    "share": "a share from 0 to 1, such as 0.25",
    "points": "a score from 0.0 to 10.0, such as 8.0",
}


def rules_of(store: Store, limits: Limits | None = None) -> Rules:
    """Return the rules as this workspace has set them; ``limits`` are the defaults of what it has not set."""
    stored = settings.get(store, SETTING) or {}
    return Rules(with_limits(limits or Limits(), stored.get("limits", {})), frozenset(stored.get("off", ())))


def with_limits(limits: Limits, given: Mapping[str, Any]) -> Limits:
    """Return the limits with those in ``given``, as JSON has them, in their place."""
    values: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}
    return replace(limits, **values)


def change(
    store: Store, *, off: Collection[str] = (), on: Collection[str] = (), limits: Mapping[str, str] | None = None
) -> Rules:
    """Switch rules and set limits, all or none; return the rules as they are then.

    A limit is written as :func:`written` writes it, or ``default``.

    Raises:
        StratosError: no such rule or limit, one that cannot be switched off, or no value of its kind.
    """
    hard = {rule.code for rule in RULES if rule.hard}
    for code in (*off, *on):
        if code not in CODES:
            raise StratosError(f"there is no rule {code}; `stratos rejections rules list` shows them")
        if code in hard and code in off:
            raise StratosError(f"{code} cannot be switched off: nothing can be made of such an answer; ask again")
    read = {name: limit_of(name, value) for name, value in (limits or {}).items()}
    with store.write():
        rules = rules_of(store)
        return _keep(store, Rules(with_limits(rules.limits, read), (rules.off | set(off)) - set(on)))


def switch(store: Store, codes: Collection[str], *, on: bool) -> Rules:
    """Switch rules on or off; see :func:`change`."""
    return change(store, on=codes) if on else change(store, off=codes)


def set_limit(store: Store, name: str, value: str) -> Rules:
    """Set one limit; see :func:`change`."""
    return change(store, limits={name: value})


def limit_of(name: str, value: str) -> object:
    """Read one limit as a person writes it, or ``default``.

    Raises:
        StratosError: no such limit, or no value of its kind.
    """
    if name not in LIMITS:
        raise StratosError(f"there is no limit {name}; there are {', '.join(LIMITS)}")
    return getattr(Limits(), name) if value == "default" else _read(name, value)


def written(limits: Limits, name: str) -> str:
    """Write one limit as a person does: ``15``, ``80-150``, ``0.25``, ``8.0``."""
    value = getattr(limits, name)
    match LIMITS[name]:
        case "range":
            return f"{value[0]}-{value[1]}"
        case "points":
            return points(value)
    return f"{value:g}"


def _keep(store: Store, rules: Rules) -> Rules:
    default = asdict(Limits())
    limits = {name: value for name, value in asdict(rules.limits).items() if value != default[name]}
    kept = {"off": sorted(rules.off), "limits": limits}
    settings.put(store, SETTING, kept if rules.off or limits else None)
    return rules


def _read(name: str, value: str) -> object:
    kind = LIMITS[name]
    try:
        match kind:
            case "words":
                return _bounded(int(value), MOST_WORDS)
            case "range":
                least, _, most = value.partition("-")
                low, high = _bounded(int(least), MOST_WORDS), _bounded(int(most), MOST_WORDS)
                if low <= high:
                    return low, high
            case "share":
                return _bounded(float(value), 1.0)
            case "points":
                return to_tenths(_bounded(float(value), MAX_TENTHS / 10))
    except ValueError:
        pass
    raise StratosError(f"{name} takes {_WANTED[kind]}, or default; not {value!r}")


_Number = TypeVar("_Number", int, float)


def _bounded(value: _Number, most: _Number) -> _Number:
    # "nan" is a number that compares as false with everything
    if not 0 <= value <= most:
        raise ValueError
    return value
