"""``stratos distill``: what asking a teacher costs, asking it, and following what comes back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from stratos_tui.commands.choosing import (
    Choice,
    Money,
    choice_options,
    missing_pairs,
    money_options,
    pilot_option,
    teacher_option,
)
from stratos_tui.commands.door import Door, door_options, group, progress
from stratos_tui.commands.orphaned import adopt, orphans
from stratos_tui.commands.setting import settings
from stratos_tui.errors import StratosError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratos_tui.progress import Report
    from stratos_tui.store.db import Store


@group()
def distill() -> None:
    """Ask a teacher for traces: plan, submit, watch, ingest, cancel, or run all of it."""


distill.add_command(orphans)
distill.add_command(adopt)
distill.add_command(settings)


@distill.command("plan")
@teacher_option()
@choice_options
@pilot_option
@click.option("--offline", is_flag=True, help="Estimate tokens here, and ask no server to count them.")
@door_options
def plan(door: Door, teacher: str, choice: Choice, pilot: int, offline: bool) -> None:
    """Say what would be asked and what it would cost, by every priced model. Sends nothing."""
    from stratos_tui.distill import plan as planning
    from stratos_tui.distill.estimate_text import lines_of
    from stratos_tui.distill.pilot import pilot_of, pilot_said
    from stratos_tui.distill.pricing import price_plan
    from stratos_tui.distill.settings import settings_of

    with door.store() as store, progress("plan") as report:
        pairs = missing_pairs(store, teacher, choice, report)
        settings, wanted = settings_of(store), choice.wanted
        planned = planning.plan(store, teacher, pairs, wanted=wanted.limit, as_of=wanted.as_of, settings=settings)
        estimate, counted = price_plan(store, planned, settings, offline=offline)
        first = pilot_of(store, planned.teacher, planned.to_send, pilot, settings, wanted.as_of)
        said = pilot_said(store, planned.teacher, len(planned.to_send), settings)
    document = {
        "teacher": planned.teacher.name,
        "simulated": planned.teacher.simulated,
        "pairs": len(pairs),
        "requests": len(planned.to_send),
        "batches": planned.batches,
        "shortfall": planned.shortfall,
        "cost_estimate": asdict(estimate.cost),
        "estimate": asdict(estimate),
        "counted_by": counted,
        "pilot_first": len(first),
        "pilot": said,
    }
    door.answer(document, lines_of(planned, estimate, counted, len(first), said) + _shortfall(planned.shortfall))


@distill.command("submit")
@teacher_option()
@choice_options
@pilot_option
@money_options
@door_options
def submit(door: Door, teacher: str, choice: Choice, pilot: int, money: Money) -> None:
    """Plan and send what is missing, as far as the budget goes; wait for nothing. Much work begins with a pilot."""
    from stratos_tui.distill import run
    from stratos_tui.distill.settings import settings_of

    def work(store: Store, report: Report) -> dict[str, Any]:
        pairs, settings = missing_pairs(store, teacher, choice, report), settings_of(store)
        asking = {"pilot": pilot, "as_of": choice.wanted.as_of, **money.asking()}
        return run.submit(store, teacher, pairs, settings=settings, report=report, **asking)

    result = _as_job(door, "submit", {"teacher": teacher} | choice.asked(), work)
    later = f"the pilot; {result['after_pilot']:,} more are sent by the same command once it is in"
    said = [f"{result['sent']['requests']:,} requests sent to {teacher}{': ' + later if result['after_pilot'] else ''}"]
    door.answer(result, [*said, *_held(result), *_money(result)])


@distill.command("watch")
@teacher_option()
@door_options
def watch(door: Door, teacher: str) -> None:
    """Wait until every batch has ended, and take its answers in."""
    from stratos_tui.distill import run
    from stratos_tui.distill.settings import settings_of

    def work(store: Store, report: Report) -> dict[str, Any]:
        return run.follow(store, teacher, settings=settings_of(store), report=report)

    result = _as_job(door, "watch", {"teacher": teacher}, work)
    door.answer(result, _outcome(result))


@distill.command("ingest")
@teacher_option()
@door_options
def ingest(door: Door, teacher: str) -> None:
    """Look once, and take in what has ended."""
    from stratos_tui.distill import run
    from stratos_tui.distill.settings import settings_of

    def work(store: Store, report: Report) -> dict[str, Any]:
        return run.follow(store, teacher, wait=False, settings=settings_of(store), report=report)

    result = _as_job(door, "ingest", {"teacher": teacher}, work)
    door.answer(result, _outcome(result))


@distill.command("cancel")
@teacher_option()
@door_options
def cancel(door: Door, teacher: str) -> None:
    """Cancel what is in flight and forget what was not sent; answers that were made still come in and are billed."""
    from stratos_tui.distill import run
    from stratos_tui.distill.settings import settings_of

    def work(store: Store, report: Report) -> dict[str, Any]:
        return run.stop(store, teacher, settings=settings_of(store), report=report)

    result = _as_job(door, "cancel", {"teacher": teacher}, work)
    door.answer(result, [_stopped(result["stopped"]), *_outcome(result)])


@distill.command("run")
@teacher_option()
@choice_options
@pilot_option
@money_options
@door_options
def run_all(door: Door, teacher: str, choice: Choice, pilot: int, money: Money) -> None:
    """Plan, pilot, submit, watch, ingest, judge, and ask failed pairs again up to the cap."""
    from stratos_tui.distill.run import distill as distil_pairs
    from stratos_tui.distill.settings import settings_of

    def work(store: Store, report: Report) -> dict[str, Any]:
        pairs, settings = missing_pairs(store, teacher, choice, report), settings_of(store)
        asking = {"limit": choice.wanted.limit, "pilot": pilot, "as_of": choice.wanted.as_of, **money.asking()}
        return distil_pairs(store, teacher, pairs=pairs, settings=settings, report=report, **asking)

    result = _as_job(door, "distill", {"teacher": teacher} | choice.asked(), work)
    door.answer(result, [*_outcome(result), *_held(result), *_shortfall(result["shortfall"])])


@distill.command("cap")
@click.argument("amount", required=False, type=click.FloatRange(min=0))
@click.option("--none", "without", is_flag=True, help="Take the cap away.")
@click.option("--simulated", is_flag=True, help="The cap on rehearsals, which nobody pays.")
@door_options
def cap(door: Door, amount: float | None, without: bool, simulated: bool) -> None:
    """Show or set the most that this store may ever spend, in US dollars; no command can pass it."""
    from stratos_tui.distill import budget
    from stratos_tui.store import ledger
    from stratos_tui.teachers.prices import dollars

    if amount is not None and without:
        raise StratosError("give an amount or --none, not both")
    with door.store() as store:
        if amount is not None or without:
            budget.set_workspace_cap(store, amount, simulated=simulated)
        known, spent = budget.workspace_cap(store, simulated=simulated), ledger.spend(store, simulated=simulated)
    document = {
        "cap": known,
        "simulated": simulated,
        "spent": dollars(spent.settled),
        "held": dollars(spent.held),
    }
    bound = "no cap" if known is None else f"at most ${known:.2f}"
    door.answer(document, f"{bound}: ${document['spent']:.4f} spent, ${document['held']:.4f} held")


@distill.command("pause")
@door_options
def pause(door: Door) -> None:
    """Send nothing more from this workspace; what is under way is taken in all the same."""
    from stratos_tui.distill import pausing

    with door.store() as store:
        pausing.pause(store)
    door.answer({"paused": True}, "paused: nothing more is sent until `stratos distill resume`")


@distill.command("resume")
@door_options
def resume(door: Door) -> None:
    """Let this workspace send again; `stratos distill run` goes on."""
    from stratos_tui.distill import pausing

    with door.store() as store:
        pausing.resume(store)
    door.answer({"paused": False}, "sending is allowed again; `stratos distill run` goes on")


@distill.command("noise")
@teacher_option()
@click.option("--pairs", "count", type=click.IntRange(min=1), default=200, show_default=True)
@money_options
@door_options
def noise(door: Door, teacher: str, count: int, money: Money) -> None:
    """Score accepted pairs a second time, and say how far the teacher agrees with itself."""
    from stratos_tui.distill.estimate_text import noise_lines
    from stratos_tui.distill.noise import ask_again
    from stratos_tui.distill.settings import settings_of
    from stratos_tui.evaluation.noise_floor import noise_floor

    def work(store: Store, report: Report) -> dict[str, Any]:
        said = ask_again(store, teacher, count, settings=settings_of(store), report=report, **money.asking())
        return said | noise_floor(store, teacher)

    result = _as_job(door, "noise", {"teacher": teacher, "pairs": count}, work)
    door.answer(result, [*noise_lines(result), *_held(result)])


def _as_job(
    door: Door, kind: str, params: dict[str, Any], work: Callable[[Store, Report], dict[str, Any]]
) -> dict[str, Any]:
    from stratos_tui.jobs import run_here

    with door.store() as store, progress(kind) as watching:
        return run_here(store, kind, params, lambda tell: work(store, tell), watching)


def _stopped(stopped: dict[str, int]) -> str:
    said = (
        f"{stopped['batches']:,} batches are asked to stop, {stopped['dropped']:,} questions that waited are forgotten"
    )
    return said + (f"; {stopped['unknown']:,} creations may still turn up" if stopped["unknown"] else "")


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


def _held(result: dict[str, Any]) -> list[str]:
    if not result["held_back"]:
        return []
    if result["paused"]:
        return [f"{result['held_back']:,} requests wait: this workspace is paused; `stratos distill resume`"]
    return [result["held_by"] or f"{result['held_back']:,} requests wait"]


def _shortfall(missing: int) -> list[str]:
    return [f"{missing:,} pairs fewer than asked for: there are no more"] if missing else []
