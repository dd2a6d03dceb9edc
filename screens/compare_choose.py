"""What there is to compare: the article on show, its readers, who can score, and the windows to choose among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from screens.render import DIM, provenance
from screens.widgets.chooser import ChooseScreen
from screens.widgets.rows import Column, Row
from stratos_tui.evaluation.sanity import APART_TENTHS
from stratos_tui.prism.bands import points
from stratos_tui.records import Article, Profile
from stratos_tui.scoring.scorers import available
from stratos_tui.store import articles, pairs, profiles, runs
from stratos_tui.store.db import Store
from stratos_tui.store.pairs import Reference

Side = Literal["left", "right"]
SIDES: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The article on show and what others said of it; every profile; the scorers that can be asked, with a note."""

    article: Article | None
    place: int
    of: int
    references: dict[str, list[Reference]]
    profiles: dict[str, Profile]
    scorers: dict[str, str]


def read(store: Store, article_id: str) -> Snapshot:
    """Read an article, or the first one where there is none of that id; who can score; what others said of it."""
    article = articles.get(store, article_id)
    if article is None:
        first = articles.page(store, 0, 1)
        article = first[0] if first else None
    references: dict[str, list[Reference]] = {}
    for each in pairs.references(store, article.id) if article else []:
        references.setdefault(each.profile_id, []).append(each)
    named = [name for name in available(store) if not name.startswith("hf:")]
    known = {f"student:{run.id}": run for run in runs.load(store)}
    notes = {name: f"{known[name].base}, dataset {known[name].dataset_id}" if name in known else "" for name in named}
    return Snapshot(
        article=article,
        place=articles.place(store, article.id) if article else 0,
        of=articles.count(store),
        references=references,
        profiles={profile.id: profile for profile in profiles.load(store)},
        scorers=notes,
    )


def beside(data: Snapshot, at: str, taken: str, by: int) -> str:
    """Return the profile ``by`` places from one, going round, without the one that the other side has."""
    ring = [each for each in data.profiles if each != taken] or list(data.profiles)
    here = ring.index(at) if at in ring else 0
    return ring[(here + by) % len(ring)]


def scorers_window(data: Snapshot, at: str) -> ChooseScreen:
    """Return the window to choose who scores."""
    rows = [Row(name, (provenance(name), note)) for name, note in data.scorers.items()]
    columns = [Column("scorer", 16), Column("made from", 30, flex=1)]
    return ChooseScreen("Who scores?", columns, rows, at=at)


def profiles_window(data: Snapshot, side: Side, at: str) -> ChooseScreen:
    """Return the window to choose who is on a side."""
    columns = [
        Column("profile", 26),
        Column("kind", 8, drop=1),
        Column("place", 12, flex=1),
        Column("role", 16, flex=2, drop=2),
    ]
    rows = [Row(p.id, (p.id, p.kind, p.location, p.role)) for p in data.profiles.values()]
    return ChooseScreen(f"Who is on the {side}?", columns, rows, at=at)


def gap_text(what: str, gap: int | None) -> Text:
    """Return the gap in points and whether it passes the plan's sanity check."""
    if gap is None:
        return Text(f"{what} —", style=DIM)
    passes = gap > APART_TENTHS
    sign = f"▲ passes {points(APART_TENTHS)}" if passes else f"▽ not over {points(APART_TENTHS)}"
    return Text.assemble(f"{what} ", (f"{points(gap)} points", "bold"), f" {sign}")
