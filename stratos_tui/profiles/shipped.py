"""Loads what ships in ``data/`` into a store: the ten profiles, the polarizing articles, their expected scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from stratos_tui.prism.bands import to_tenths
from stratos_tui.profiles import files
from stratos_tui.records import Article, Label, Profile
from stratos_tui.resources import data, read_text
from stratos_tui.store import articles, labels, profiles
from stratos_tui.store.db import Store


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many shipped profiles, articles and expected scores a store did not have yet, or had in an older form."""

    profiles: int
    articles: int
    labels: int


def load_shipped(store: Store) -> Loaded:
    """Bring what ships into the store, all at once; safe to repeat.

    A profile that anybody but this function wrote last is left as it is. Expected scores follow the shipped files.
    """
    origins = profiles.origins(store)
    shipped = list(shipped_articles())
    with store.write():
        saved = sum(
            profiles.save(store, profile, "shipped")
            for profile in shipped_profiles()
            if origins.get(profile.id, "shipped") == "shipped"
        )
        added = articles.add_many(store, [article for article, _ in shipped], "polarizing", "shipped")
        expected = [
            Label(own.id, profile_id, "expected", tenths, reason)
            for own, (_, scores) in zip(added, shipped, strict=True)
            for profile_id, (tenths, reason) in scores.items()
        ]
        changed = labels.put_many(store, expected, "shipped", replace=True)
    return Loaded(saved, sum(each.new for each in added), changed)


def shipped_profiles() -> list[Profile]:
    """Return the ten profiles that ship, in the plan's order."""
    return files.parse(read_text("profiles.json"), "profiles.json")


def shipped_articles() -> Iterator[tuple[Article, dict[str, tuple[int, str]]]]:
    """Yield the articles that ship, file by file, each with its expected (tenths, reason) by profile id."""
    folder = data() / "articles"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        if file.name.endswith(".jsonl"):
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                yield (
                    _article(row),
                    {
                        profile_id: (to_tenths(each["score"]), each.get("reason", ""))
                        for profile_id, each in row["expected"].items()
                    },
                )


def _article(row: dict[str, Any]) -> Article:
    return Article(
        id=row["id"],
        title=row["title"],
        body=row["body"],
        source=row["source"],
        source_type=row["source_type"],
        category=row["category"],
        published=_day(row["published"]),
        fetched=_day(row["fetched"]),
        deadline=_day(row["deadline"]),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
