"""The options that say which pairs a teacher is asked about, and what that may cost; shared by the distill commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_args

import click

from stratos_tui.distill.choosing import Wanted
from stratos_tui.records import BANDS, Band, LabelOrigin

if TYPE_CHECKING:
    from stratos_tui.distill.pairs import Pair
    from stratos_tui.progress import Report
    from stratos_tui.store.db import Store

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_TEACHER = "rehearsal"
TEACHERS = "rehearsal, rubric, claude:MODEL, openai:MODEL@URL or ollama:MODEL."


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the missing pairs are asked about.

    ``price`` is what the teacher's model costs where no list price is known, ``IN/OUT`` in dollars per million tokens.
    """

    wanted: Wanted
    price: str | None

    def asked(self) -> dict[str, Any]:
        """Return what a job's row says of the choice: what was given, and at most how many pairs."""
        given = {name: value for name, value in asdict(self.wanted).items() if value != getattr(Wanted(), name)}
        given.pop("limit", None)
        if self.wanted.as_of:
            given["as_of"] = self.wanted.as_of.isoformat()
        return {"pairs": self.wanted.limit} | given


@dataclass(frozen=True, slots=True)
class Money:
    """What asking may cost, in dollars, and whether the teacher's terms are agreed to."""

    budget: float | None
    own: float | None
    accept_terms: bool

    def asking(self) -> dict[str, Any]:
        """Return this as the arguments of the functions that spend."""
        return {"budget_usd": self.budget, "own_usd": self.own, "accept_terms": self.accept_terms}


def teacher_option(text: str = TEACHERS) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Give a command ``--teacher``, with its help text."""
    return click.option("--teacher", default=DEFAULT_TEACHER, show_default=True, help=text)


def choice_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of a :class:`Choice`, as its argument ``choice``."""

    @wraps(function)
    def chosen(
        *args: Any,
        limit: int | None,
        article: tuple[str, ...],
        profile: tuple[str, ...],
        label: LabelOrigin | None,
        band: tuple[Band, ...],
        scored_by: str,
        price: str | None,
        as_of: datetime | None,
        **kwargs: Any,
    ) -> R:
        day = as_of.date() if as_of else None
        wanted = Wanted(limit, article, profile, label, band, scored_by, day)
        return function(*args, choice=Choice(wanted, price), **kwargs)

    decorated: Callable[..., R] = chosen
    day = click.DateTime(formats=["%Y-%m-%d"])
    for option in (
        click.option("--as-of", type=day, help="Judge every article on this day, YYYY-MM-DD, not on its own."),
        click.option("--price", metavar="IN/OUT", help="The model's price in dollars per million tokens; kept."),
        click.option("--scored-by", default="rubric", show_default=True, help="Whose bands --band means."),
        click.option("--band", multiple=True, type=click.Choice(BANDS), help="Only pairs in this band; repeatable."),
        click.option("--label", type=click.Choice(get_args(LabelOrigin)), help="Only pairs with such a label."),
        click.option("--profile", multiple=True, help="Only this profile; repeatable."),
        click.option("--article", multiple=True, help="Only this article, by id; repeatable."),
        click.option("--pairs", "limit", type=click.IntRange(min=1), help="At most this many of the missing pairs."),
    ):
        decorated = option(decorated)
    return decorated


def money_options(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of :class:`Money`, as its argument ``money``."""

    @wraps(function)
    def bounded(*args: Any, budget: float | None, job_budget: float | None, accept_terms: bool, **kwargs: Any) -> R:
        return function(*args, money=Money(budget, job_budget, accept_terms), **kwargs)

    decorated: Callable[..., R] = bounded
    for option in (
        click.option("--accept-terms", is_flag=True, help="Record that you have read the teacher's terms notice."),
        click.option("--job-budget", type=click.FloatRange(min=0), help="The most that this call may add, in dollars."),
        click.option("--budget", type=click.FloatRange(min=0), help="The most that this store may spend, in dollars."),
    ):
        decorated = option(decorated)
    return decorated


def pilot_option(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command ``--pilot`` and ``--no-pilot``; 0 is no pilot."""
    from stratos_tui.distill.pilot import SIZE

    without = click.option("--no-pilot", "pilot", flag_value=0, type=int, help="Begin without a pilot.")
    return click.option(
        "--pilot", type=click.IntRange(min=0), default=SIZE, show_default=True, help="Pairs that are asked first."
    )(without(function))


def missing_pairs(store: Store, teacher: str, choice: Choice, report: Report) -> list[Pair]:
    """Choose the pairs that the teacher still owes; held-out articles are fixed before it is asked anything.

    Raises:
        StratosError: a name is not stored, or nothing is left of the choice.
    """
    from stratos_tui.articles.holdout import fix_holdout
    from stratos_tui.distill.choosing import choose
    from stratos_tui.teachers.catalog import price_teacher

    if choice.price:
        price_teacher(store, teacher, choice.price)
    fix_holdout(store, report)
    return choose(store, teacher, choice.wanted, report)
