"""Reads what labelling shows of one article, and which article comes next. Everything here runs in worker threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from screens.widgets.label_sheet import SLOTS
from stratos_tui.articles import labelling
from stratos_tui.articles.labelling import Coverage, Disagreement
from stratos_tui.errors import StratosError
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, pairs, profiles
from stratos_tui.store.db import Store
from stratos_tui.store.pages import Listing
from stratos_tui.store.pairs import Reference

WALK_ROWS = 200
"""Articles looked at together when the next one to label is searched."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """One article with its sheet, and how labelling stands as a whole, at one moment.

    ``profiles`` are the ten of the sheet, of ``of`` in all. ``given`` are the operator's scores in tenths, ``theirs``
    the labels and teachers' scores, whoever else's, by profile.
    """

    article: Article
    profiles: tuple[Profile, ...]
    sheet: int
    of: int
    given: dict[str, int]
    theirs: dict[str, list[Reference]]
    coverage: tuple[Coverage, ...]
    disagreements: tuple[Disagreement, ...]
    labelled_pairs: int
    labelled_articles: int
    articles: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where labelling goes: an article, the profile to put the cursor on, and what was done on the way, if anything."""

    article_id: str
    profile_id: str = ""
    done: str = ""


def sit(store: Store, article_id: str, sheet: int) -> Sitting:
    """Read an article and the profiles of one sheet, from 0.

    Raises:
        StratosError: the article is not stored.
    """
    article = articles.get(store, article_id)
    if article is None:
        raise StratosError(f"the article {article_id} is not stored any more; escape goes back to the articles")
    everyone = profiles.load(store)
    here = tuple(everyone[sheet * SLOTS : (sheet + 1) * SLOTS])
    ids = [profile.id for profile in here]
    given: dict[str, int] = {}
    theirs: dict[str, list[Reference]] = {}
    for reference in pairs.references(store, article_id):
        if reference.source == "operator":
            given[reference.profile_id] = reference.tenths
        elif reference.kind != "scorer":
            theirs.setdefault(reference.profile_id, []).append(reference)
    labelled_pairs, labelled_articles = pairs.operator_labels(store)
    return Sitting(
        article=article,
        profiles=here,
        sheet=sheet,
        of=len(everyone),
        given=given,
        theirs=theirs,
        coverage=tuple(labelling.coverage(store, ids)),
        disagreements=tuple(labelling.disagreements(store)),
        labelled_pairs=labelled_pairs,
        labelled_articles=labelled_articles,
        articles=articles.count(store),
    )


def take_back(store: Store) -> Place | None:
    """Take the operator's last labelling step back; return where it was, None where there is none."""
    changes = labelling.undo(store)
    if not changes:
        return None
    first = changes[0]
    what = first.profile_id if len(changes) == 1 else f"the scores of {len(changes)} profiles"
    return Place(first.article_id, first.profile_id, f"✓ taken back: {what}")


def neighbour(listing: Listing, article_id: str, by: int) -> Place | None:
    """Return the article ``by`` rows further down a listing, None beyond its ends."""
    count, here = listing.count(), listing.position(article_id)
    at = by if here is None else here + by
    rows = listing.page(at, 1) if 0 <= at < count else []
    return Place(str(rows[0]["key"])) if rows else None


def next_to_label(store: Store, listing: Listing, article_id: str, profile_ids: list[str]) -> Place | None:
    """Return the next article down a listing that lacks an operator's label of one of the profiles.

    The search begins behind ``article_id`` and goes round once; None when none lacks one.
    """
    for ids in _onwards(listing, article_id):
        labelled = pairs.labelled_by_operator(store, ids, profile_ids)
        for each in ids:
            if labelled.get(each, 0) < len(profile_ids):
                return Place(each)
    return None


def _onwards(listing: Listing, article_id: str) -> Iterator[list[str]]:
    count, here = listing.count(), listing.position(article_id)
    start = 0 if here is None else here + 1
    for first, last in ((start, count), (0, start)):
        for at in range(first, last, WALK_ROWS):
            yield [str(record["key"]) for record in listing.page(at, min(WALK_ROWS, last - at))]
