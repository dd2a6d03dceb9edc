"""Reads and writes profiles as JSON; what is wrong is said with the file, the entry and the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.records import KINDS, SENIORITIES, Profile
from stratos_tui.store import profiles
from stratos_tui.store.db import Store
from stratos_tui.text import one_line

MAX_BYTES = 16_000_000
"""A file of profiles larger than this is not one: ten profiles take 12 kB."""

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_TEXTS = ("id", "kind", "role", "location", "seniority", "context")
_FIELDS = tuple(field.name for field in fields(Profile))
_CHOICES: dict[str, Sequence[str]] = {"kind": KINDS, "seniority": SENIORITIES}


@dataclass(frozen=True, slots=True)
class Imported:
    """Which profiles of a file were new, changed, or said what is stored already; by id."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


def import_profiles(store: Store, path: Path) -> Imported:
    """Store the profiles of a JSON file, all or none; a changed one can be undone.

    Raises:
        StratosError: the file cannot be read, or an entry is wrong; nothing is stored then.
    """
    wanted = parse(_read(path), path.name)
    added: list[str] = []
    changed: list[str] = []
    with store.write():
        known = {profile.id for profile in profiles.load(store)}
        for profile in wanted:
            if profiles.save(store, profile, "imported"):
                (changed if profile.id in known else added).append(profile.id)
    news = {*added, *changed}
    return Imported(tuple(added), tuple(changed), tuple(each.id for each in wanted if each.id not in news))


def export(wanted: Iterable[Profile]) -> str:
    """Return profiles as the JSON text that :func:`parse` reads."""
    return json.dumps([asdict(profile) for profile in wanted], ensure_ascii=False, indent=2) + "\n"


def parse(text: str, name: str) -> list[Profile]:
    """Read profiles from JSON: a list of objects, or one object. ``name`` is what errors call the file.

    Raises:
        StratosError: names the file, the entry (its place, from 1, and its id) and the field.
    """
    name = one_line(name)
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StratosError(f"{name}: is not JSON ({one_line(str(error))})") from error
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list) or not entries:
        raise StratosError(
            f"{name}: holds no profiles; a list of objects with the fields {', '.join(_FIELDS)} is wanted"
        )
    found: list[Profile] = []
    for number, entry in enumerate(entries, 1):
        profile = profile_of(entry, f"{name}: entry {number}")
        if any(profile.id == other.id for other in found):
            raise StratosError(f"{name}: entry {number} ({profile.id}): field id: an earlier entry has this id")
        found.append(profile)
    return found


def profile_of(entry: Any, where: str) -> Profile:
    """Read one profile from the fields that a file or a form holds; ``where`` begins every error.

    Raises:
        StratosError: names the field that is missing, unknown, empty or of the wrong form.
    """
    if not isinstance(entry, dict):
        raise StratosError(f"{where}: is not an object")
    if isinstance(entry.get("id"), str):
        where = f"{where} ({one_line(entry['id'])[:64]})"
    unknown = [key for key in entry if key not in _FIELDS]
    if unknown:
        raise StratosError(f"{where}: field {one_line(unknown[0])[:40]}: a profile has no such field")
    values: dict[str, Any] = {}
    for field in _FIELDS:
        values[field] = _one(entry, field, where) if field in _TEXTS else _many(entry, field, where)
    if not _ID.fullmatch(values["id"]):
        raise StratosError(f"{where}: field id: 1 to 64 letters, digits, _ and - are wanted")
    for field, choices in _CHOICES.items():
        if values[field] not in choices:
            raise StratosError(f"{where}: field {field}: one of {', '.join(choices)} is wanted")
    return Profile(**values)


def _one(entry: dict[str, Any], field: str, where: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str):
        raise StratosError(f"{where}: field {field}: {'is missing' if value is None else 'is not text'}")
    clean = one_line(value)
    if not clean and field != "context":
        raise StratosError(f"{where}: field {field}: is empty")
    return clean


def _many(entry: dict[str, Any], field: str, where: str) -> tuple[str, ...]:
    value = entry.get(field, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise StratosError(f"{where}: field {field}: a list of texts is wanted")
    return tuple(clean for item in value if (clean := one_line(item)))


def _read(path: Path) -> str:
    name = one_line(str(path))
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StratosError(f"{name}: cannot be read ({error.strerror})") from error
    if len(raw) > MAX_BYTES:
        raise StratosError(f"{name}: is larger than {MAX_BYTES // 1_000_000} MB; that is not a file of profiles")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StratosError(f"{name}: is not UTF-8 text (byte {error.start + 1})") from error
