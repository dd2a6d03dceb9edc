"""Labelling articles by hand: scores and bands, noise for the rest, undo, what comes next, and who disagrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, MAX_TENTHS, band_of, points
from stratos_tui.records import BANDS, Article, Band, Label
from stratos_tui.store import articles, labels, profiles
from stratos_tui.store.db import Store
from stratos_tui.store.labels import LabelChange
from stratos_tui.text import one_line

BAND_TENTHS: dict[Band, int] = {"noise": 5, "low": 35, "moderate": 62, "high": 80, "critical": 95}
"""The score that a band stands for when only a band is given: the plan's own examples for noise (0.5), high (8.0) and
critical (9.5), and near the middle of low and moderate, which have none."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One profile's part of an article's sheet, in tenths; None where there is no such label."""

    profile_id: str
    operator: int | None
    expected: int | None
    imported: int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """An article with its labels by profile. ``contrast`` is their spread in tenths, None for fewer than two."""

    article: Article
    rows: tuple[SheetRow, ...]
    contrast: int | None

    @property
    def complete(self) -> bool:
        """Whether the operator has labelled every profile of the sheet."""
        return all(row.operator is not None for row in self.rows)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a profile is labelled by the operator: ``labelled`` of ``articles``, and how many by band."""

    profile_id: str
    labelled: int
    articles: int
    bands: dict[Band, int]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A pair whose operator label is not the expected one; scores in tenths."""

    article_id: str
    profile_id: str
    operator: int
    expected: int


def read_score(text: str) -> int:
    """Read what an operator types: a score in points with at most one decimal, or a band's name or first letter.

    Returns the score in tenths. Raises:
        StratosError: it is neither, lies outside 0 to 10, or is exactly 5.0, which commits to nothing.
    """
    typed = text.strip().casefold()
    if band := next((band for band in BANDS if typed and band.startswith(typed)), None):
        return BAND_TENTHS[band]
    whole, _, decimal = typed.partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 2 and decimal in [*"0123456789", ""]):
        raise StratosError(f"{one_line(text)[:20]!r} is no score: 0.0 to 10.0, or one of {', '.join(BANDS)}")
    return _allowed(int(whole) * 10 + int(decimal or 0))


def set_label(store: Store, article_id: str, profile_id: str, tenths: int | None) -> bool:
    """Set or (None) remove the operator's label of a pair; False when it is so already.

    Raises:
        StratosError: there is no such article or profile, or the score is not allowed.
    """
    _check(store, article_id, [profile_id])
    return labels.set_operator_label(store, article_id, profile_id, None if tenths is None else _allowed(tenths))


def noise_for_rest(store: Store, article_id: str, profile_ids: Sequence[str]) -> list[LabelChange]:
    """Label as noise those of ``profile_ids`` that the operator has not labelled on this article, as one step.

    Raises:
        StratosError: there is no such article or profile.
    """
    _check(store, article_id, profile_ids)
    done = {each.profile_id for each in labels.for_article(store, article_id) if each.origin == "operator"}
    rest: dict[str, int | None] = {each: BAND_TENTHS["noise"] for each in profile_ids if each not in done}
    return labels.set_operator_labels(store, article_id, rest)


def undo(store: Store) -> list[LabelChange]:
    """Take the last labelling step back, also one of an earlier session; return what it had changed, or nothing."""
    return labels.undo_operator_label(store)


def sheet(store: Store, article_id: str, profile_ids: Sequence[str]) -> Sheet:
    """Return an article with its labels for the given profiles, in their order.

    Raises:
        StratosError: there is no such article.
    """
    article = articles.get(store, article_id)
    if article is None:
        raise _no_article(article_id)
    found = labels.for_article(store, article_id)
    said = {(each.profile_id, each.origin): each.tenths for each in found}
    rows = tuple(
        SheetRow(each, said.get((each, "operator")), said.get((each, "expected")), said.get((each, "imported")))
        for each in profile_ids
    )
    return Sheet(article, rows, contrast([each for each in found if each.profile_id in profile_ids]))


def contrast(found: Sequence[Label]) -> int | None:
    """Return how far an article's labels spread over profiles, in tenths; None for fewer than two profiles.

    Where a profile has several labels, the operator's counts before the expected and the imported one.
    """
    best: dict[str, int] = {}
    for origin in ("imported", "expected", "operator"):
        best |= {each.profile_id: each.tenths for each in found if each.origin == origin}
    return max(best.values()) - min(best.values()) if len(best) > 1 else None


def next_unlabelled(store: Store, profile_ids: Sequence[str], after: str | None = None) -> str | None:
    """Return the next article that the operator has not labelled for all of ``profile_ids``.

    The search starts behind the article ``after`` and goes round once; None when all are labelled.
    """
    return labels.next_incomplete(store, profile_ids, after)


def coverage(store: Store, profile_ids: Sequence[str]) -> list[Coverage]:
    """Return how far each of the given profiles is labelled, in their order."""
    total = articles.count(store)
    bands: dict[str, Counter[Band]] = {each: Counter() for each in profile_ids}
    for found in labels.load(store, "operator"):
        if found.profile_id in bands:
            bands[found.profile_id][band_of(found.tenths)] += 1
    return [
        Coverage(each, count.total(), total, {band: count[band] for band in BANDS}) for each, count in bands.items()
    ]


def disagreements(store: Store, at_least: int = 10) -> list[Disagreement]:
    """Return pairs whose operator and expected labels differ by ``at_least`` tenths, the widest first."""
    expected = {(each.article_id, each.profile_id): each.tenths for each in labels.load(store, "expected")}
    found = [
        Disagreement(each.article_id, each.profile_id, each.tenths, other)
        for each in labels.load(store, "operator")
        if (other := expected.get((each.article_id, each.profile_id))) is not None
        and abs(each.tenths - other) >= at_least
    ]
    return sorted(found, key=lambda each: -abs(each.operator - each.expected))


def _allowed(tenths: int) -> int:
    if not 0 <= tenths <= MAX_TENTHS:
        raise StratosError(f"{points(tenths)} is no score: it lies between 0.0 and 10.0")
    if tenths == FORBIDDEN_TENTHS:
        raise StratosError("5.0 is no score: commit above or below it")
    return tenths


def _check(store: Store, article_id: str, profile_ids: Sequence[str]) -> None:
    if articles.get(store, article_id) is None:
        raise _no_article(article_id)
    for each in profile_ids:
        if profiles.get(store, each) is None:
            raise StratosError(f"there is no profile {one_line(each)[:64]}; `stratos profiles list` shows them")


def _no_article(article_id: str) -> StratosError:
    return StratosError(f"there is no article {one_line(article_id)[:64]}; `stratos articles list` shows them")
