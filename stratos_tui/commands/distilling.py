"""``stratos distill`` and ``stratos rejections``: asking a teacher, and what is done about refused answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from stratos_tui.commands.door import Door, door_options, group, progress, table
from stratos_tui.errors import StratosError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratos_tui.distill.plan import Pair
    from stratos_tui.progress import Report
    from stratos_tui.store.db import Store

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_TEACHER = "rehearsal"
SHOWN = 50


def _teacher(function: Callable[P, R]) -> Callable[P, R]:
    return click.option(
        "--teacher", default=DEFAULT_TEACHER, show_default=True, help="rehearsal, rubric or claude:MODEL."
    )(function)


def _asking(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command what says which pairs are asked and what that may cost."""
    for option in (
        click.option("--accept-terms", is_flag=True, help="Record that you have read the teacher's terms notice."),
        click.option("--budget", type=click.FloatRange(min=0), help="The most this store may spend, in US dollars."),
        click.option("--pairs", "limit", type=click.IntRange(min=1), help="At most this many of the missing pairs."),
    ):
        function = option(function)
    return _teacher(function)


@group()
def distill() -> None:
    """Ask a teacher for traces: plan, submit, watch, ingest, cancel, or run all of it."""


@distill.command("plan")
@_teacher
@click.option("--pairs", "limit", type=click.IntRange(min=1), help="At most this many of the missing pairs.")
@door_options
def plan(door: Door, teacher: str, limit: int | None) -> None:
    """Say what would be asked and what it would cost. Sends nothing."""
    from stratos_tui.distill import plan as planning

    with door.store() as store, progress("plan") as report:
        pairs = _missing(store, teacher, limit, report)
        planned = planning.plan(store, teacher, pairs, wanted=limit)
    cost = planned.cost_estimate
    # what was planned before and never sent is sent with it
    wanted = len(planned.requests) + planned.unsent
    document = {
        "teacher": planned.teacher.name,
        "simulated": planned.teacher.simulated,
        "pairs": len(pairs),
        "requests": wanted,
        "batches": planned.batches,
        "shortfall": planned.shortfall,
        "cost_estimate": asdict(cost),
    }
    price = "simulated" if planned.teacher.simulated else "paid"
    lines = [
        f"{wanted:,} requests to {planned.teacher.name} in {planned.batches:,} batches",
        f"estimate ${cost.expected:.2f} (${cost.low:.2f} to ${cost.high:.2f}), {price}",
    ]
    door.answer(document, lines + _shortfall(planned.shortfall))


@distill.command("submit")
@_asking
@door_options
def submit(door: Door, teacher: str, limit: int | None, budget: float | None, accept_terms: bool) -> None:
    """Plan and send what is missing, as far as the budget goes; wait for nothing."""
    from stratos_tui.distill import run

    def work(store: Store, report: Report) -> dict[str, Any]:
        pairs = _missing(store, teacher, limit, report)
        return run.submit(store, teacher, pairs, budget_usd=budget, accept_terms=accept_terms, report=report)

    result = _as_job(door, "submit", {"teacher": teacher, "pairs": limit}, work)
    door.answer(result, [f"{result['sent']['requests']:,} requests sent to {teacher}", *_money(result)])


@distill.command("watch")
@_teacher
@door_options
def watch(door: Door, teacher: str) -> None:
    """Wait until every batch has ended, and take its answers in."""
    from stratos_tui.distill import run

    result = _as_job(door, "watch", {"teacher": teacher}, lambda store, tell: run.follow(store, teacher, report=tell))
    door.answer(result, _outcome(result))


@distill.command("ingest")
@_teacher
@door_options
def ingest(door: Door, teacher: str) -> None:
    """Look once, and take in what has ended."""
    from stratos_tui.distill import run

    def work(store: Store, report: Report) -> dict[str, Any]:
        return run.follow(store, teacher, wait=False, report=report)

    result = _as_job(door, "ingest", {"teacher": teacher}, work)
    door.answer(result, _outcome(result))


@distill.command("cancel")
@_teacher
@door_options
def cancel(door: Door, teacher: str) -> None:
    """Cancel what is in flight and forget what was not sent; answers that were made still come in and are billed."""
    from stratos_tui.distill import run

    with door.store() as store:
        result = run.stop(store, teacher)
    door.answer(result, [f"stopped: {result['stopped']}", *_outcome(result)])


@distill.command("run")
@_asking
@door_options
def run_all(door: Door, teacher: str, limit: int | None, budget: float | None, accept_terms: bool) -> None:
    """Plan, submit, watch, ingest, judge, and ask failed pairs again up to the cap."""
    from stratos_tui.distill.run import distill as distil_pairs

    def work(store: Store, report: Report) -> dict[str, Any]:
        pairs = _missing(store, teacher, limit, report)
        return distil_pairs(
            store, teacher, pairs=pairs, limit=limit, budget_usd=budget, accept_terms=accept_terms, report=report
        )

    result = _as_job(door, "distill", {"teacher": teacher, "pairs": limit}, work)
    door.answer(result, [*_outcome(result), *_shortfall(result["shortfall"])])


def _missing(store: Store, teacher: str, limit: int | None, report: Report) -> list[Pair]:
    """Choose the pairs that the teacher still owes; held-out articles are fixed before it is asked anything."""
    from stratos_tui.articles.holdout import fix_holdout
    from stratos_tui.distill.plan import choose_pairs

    fix_holdout(store, report)
    return choose_pairs(store, limit=limit, missing_for=teacher, report=report)


def _as_job(
    door: Door, kind: str, params: dict[str, Any], work: Callable[[Store, Report], dict[str, Any]]
) -> dict[str, Any]:
    from stratos_tui.jobs import run_here

    with door.store() as store, progress(kind) as watching:
        return run_here(store, kind, params, lambda tell: work(store, tell), watching)


def _outcome(result: dict[str, Any]) -> list[str]:
    names = ("accepted", "rejected", "errored", "refused", "expired", "canceled")
    counts = ", ".join(f"{result[name]:,} {name}" for name in names)
    reasons = [f"  {count:,} {code}" for code, count in result["reasons"].items()]
    return [f"{result['teacher']}: {counts}", *reasons, *_money(result)]


def _money(result: dict[str, Any]) -> list[str]:
    if not result["priced_as"]:
        return []
    kind = "simulated, nobody paid it" if result["simulated"] else "paid"
    return [f"${result['spent']:.4f} ({kind}), by {result['priced_as']}'s price of {result['price_date']}"]


def _shortfall(missing: int) -> list[str]:
    return [f"{missing:,} pairs fewer than asked for: there are no more"] if missing else []


@group()
def rejections() -> None:
    """Answers that were rejected: list, requeue, accept, discard."""


@rejections.command("list")
@_teacher
@click.option("--code", help="Only this reason.")
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True)
@door_options
def list_rejections(door: Door, teacher: str, code: str | None, limit: int) -> None:
    """Count rejections by reason and list them."""
    from stratos_tui.store import rejections as stored

    with door.store() as store:
        counts = stored.counts(store, teacher)
        found = stored.page(store, code=code, teacher=teacher, limit=limit)
    rows = [(each.request_id, each.code, each.measured, each.article_id, each.profile_id) for each in found]
    text = [*table(("reason", "count"), list(counts.items())), ""] if counts else ["no rejections"]
    text += table(("request", "reason", "measured", "article", "profile"), rows) if rows else []
    door.answer({"counts": counts, "rejections": [asdict(each) for each in found]}, text)


def _decide(door: Door, request_ids: tuple[int, ...], verb: str, decide: Callable[[Store, int], object]) -> None:
    with door.store() as store:
        for request_id in request_ids:
            decide(store, request_id)
    door.answer({verb: list(request_ids)}, f"{len(request_ids):,} {verb}")


@rejections.command("requeue")
@click.argument("request_ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Every failed pair that has attempts left.")
@_teacher
@door_options
def requeue(door: Door, request_ids: tuple[int, ...], everything: bool, teacher: str) -> None:
    """Plan to ask again; `stratos distill run` then asks."""
    from stratos_tui.distill.requeue import requeue as requeue_all
    from stratos_tui.distill.requeue import requeue_requests
    from stratos_tui.distill.settings import DistillSettings

    if everything == bool(request_ids):
        raise StratosError("name the requests to ask again, or --all")
    with door.store() as store:
        settings = DistillSettings()
        count = requeue_all(store, teacher, settings) if everything else requeue_requests(store, request_ids, settings)
    door.answer({"requeued": count}, f"{count:,} to be asked again; `stratos distill run` asks")


@rejections.command("accept")
@click.argument("request_ids", nargs=-1, required=True, type=int)
@door_options
def accept(door: Door, request_ids: tuple[int, ...]) -> None:
    """Accept rejected answers as they are, where they can be read."""
    from stratos_tui.distill import decide
    from stratos_tui.distill.settings import DistillSettings

    _decide(door, request_ids, "accepted", lambda store, each: decide.accept(store, each, DistillSettings()))


@rejections.command("discard")
@click.argument("request_ids", nargs=-1, required=True, type=int)
@door_options
def discard(door: Door, request_ids: tuple[int, ...]) -> None:
    """Give pairs up: they are not asked again."""
    from stratos_tui.distill import decide
    from stratos_tui.distill.settings import DistillSettings

    _decide(door, request_ids, "discarded", lambda store, each: decide.discard(store, each, DistillSettings()))
