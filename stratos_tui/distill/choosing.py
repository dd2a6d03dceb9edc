"""Narrows down which pairs are asked: those that somebody labelled, or that an earlier scorer put into some bands."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.plan import choose_pairs
from stratos_tui.distill.settings import settings_of
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.bands import band_of
from stratos_tui.progress import Report, silent
from stratos_tui.records import Band, LabelOrigin
from stratos_tui.store import articles, labels, pairs, profiles
from stratos_tui.store.db import Store

RUBRIC = "rubric"
REPORT_EVERY = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the missing pairs: at most ``limit``, by article, profile, label, or the band that ``scored_by`` gave.

    ``as_of`` is the day on which all articles are judged; None leaves each its own.
    """

    limit: int | None = None
    articles: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    label: LabelOrigin | None = None
    bands: tuple[Band, ...] = ()
    scored_by: str = RUBRIC
    as_of: date | None = None


def choose(store: Store, teacher: str, wanted: Wanted, report: Report = silent) -> list[Pair]:
    """Choose the pairs that the teacher still owes; one with an accepted answer is never asked again.

    Raises:
        StratosError: a name is not stored, or nothing is left of the choice.
    """
    among: set[Pair] | None = None
    if wanted.label:
        among = labelled(store, wanted.label)
    if wanted.bands:
        banded = in_bands(store, wanted.scored_by, wanted.bands, wanted.as_of, report)
        among = banded if among is None else among & banded
        if not among:
            raise StratosError("no pair has both such a label and such a band")
    return choose_pairs(
        store,
        articles=wanted.articles or None,
        profiles=wanted.profiles or None,
        limit=wanted.limit,
        missing_for=teacher,
        among=among,
        attempts=settings_of(store).attempts,
        as_of=wanted.as_of,
        report=report,
    )


def labelled(store: Store, origin: LabelOrigin) -> set[Pair]:
    """Return the pairs that have a label of this origin.

    Raises:
        StratosError: there is none.
    """
    found = {Pair(each.article_id, each.profile_id) for each in labels.load(store, origin)}
    if not found:
        raise StratosError(f"there are no {origin} labels to choose pairs by; import or give some first")
    return found


def in_bands(
    store: Store, scorer: str, bands: Collection[Band], as_of: date | None = None, report: Report = silent
) -> set[Pair]:
    """Return the pairs that a scorer put into one of these bands: the rubric now, any other by what is stored.

    A teacher counts as a scorer by its accepted answers. The rubric judges every article on the day ``as_of``, or on
    its own.

    Raises:
        StratosError: the scorer has scored nothing here, or nothing into these bands.
    """
    scored = _by_rubric(store, as_of, report) if scorer == RUBRIC else pairs.scored_by(store, scorer)
    if not scored:
        raise StratosError(f"{scorer!r} has scored nothing in this store; choose rubric, or score with it first")
    found = {Pair(*key) for key, tenths in scored.items() if band_of(tenths) in bands}
    if not found:
        raise StratosError(f"{scorer} has put no pair into {', '.join(sorted(bands))}")
    return found


def _by_rubric(store: Store, as_of: date | None, report: Report) -> dict[tuple[str, str], int]:
    readers = [rubric.compile_profile(each) for each in profiles.load(store)]
    pool = articles.load(store)
    today = datetime.now(UTC).date()
    scored: dict[tuple[str, str], int] = {}
    for number, article in enumerate(pool):
        if number % REPORT_EVERY == 0:
            report(number, len(pool), "scoring by the rubric")
        read, day = rubric.read_article(article), as_of or prompts.reference_date_of(article, today)
        for reader in readers:
            scored[article.id, reader.profile.id] = rubric.score_tokens(reader, read, day).tenths
    return scored
