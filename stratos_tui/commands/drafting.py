"""``stratos articles draft`` and ``stratos articles candidates``: articles by a teacher, and their review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stratos_tui.commands.choosing import Money, money_options, teacher_option
from stratos_tui.commands.door import Door, door_options, group, progress, table
from stratos_tui.errors import StratosError
from stratos_tui.records import BANDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from stratos_tui.distill.candidates import Wish
    from stratos_tui.distill.weak import WeakBand
    from stratos_tui.records import Band
    from stratos_tui.store.db import Store

DEFAULT_COUNT = 4
LISTED = 50


@click.command("draft")
@click.option("--profile", "profile_ids", multiple=True, help="Whom it is for; once or twice.")
@click.option("--band", type=click.Choice(BANDS), help="The band in which it is to land for them.")
@click.option("--weak", is_flag=True, help="What the newest build and evaluation show as weak, instead of these two.")
@click.option("--count", type=click.IntRange(min=1), default=DEFAULT_COUNT, show_default=True, help="How many drafts.")
@teacher_option()
@money_options
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Write them on this day, YYYY-MM-DD, not today.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which profiles --weak takes first.")
@door_options
def draft(
    door: Door,
    profile_ids: tuple[str, ...],
    band: Band | None,
    weak: bool,
    count: int,
    teacher: str,
    money: Money,
    as_of: datetime | None,
    seed: int,
) -> None:
    """Have a teacher draft polarizing articles into the review queue, never straight into the data."""
    from stratos_tui.distill import candidates
    from stratos_tui.distill.settings import settings_of
    from stratos_tui.jobs import run_here

    day = as_of.date() if as_of else None
    with door.store() as store, progress("draft") as watching:
        wishes, reasons = _wanted(store, profile_ids, band, weak, count, seed)
        params = {"teacher": teacher, "wishes": [[list(each.profile_ids), each.band] for each in wishes]}
        if day:
            params["as_of"] = day.isoformat()
        result = run_here(
            store,
            "draft",
            params,
            lambda report: candidates.draft(
                store, teacher, wishes, settings=settings_of(store), as_of=day, report=report, **money.asking()
            ),
            watching,
        )
    why = [each.why for each in reasons]
    kind = "simulated, nobody paid it" if result["simulated"] else "paid"
    faults = ", ".join(f"{number:,} {code}" for code, number in result["faults"].items())
    lines = [f"weak: {each}" for each in why]
    lines.append(
        f"{teacher}: {result['asked']:,} drafts asked for, {result['waiting']:,} wait for review,"
        f" {result['errored']:,} came to nothing{f' ({faults})' if faults else ''}"
    )
    if result["lost"]:
        lines.append(f"{result['lost']:,} of an earlier call, which was killed, have no answer and are not asked again")
    lines.append(f"${result['spent']:.4f} ({kind})")
    lines.append("`stratos articles candidates list` shows them")
    door.answer(result | {"weak": [_weak(each) for each in reasons]}, lines)


@group()
def candidates() -> None:
    """Drafted articles that wait for review: list, show, accept, discard, undo."""


@candidates.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what is decided, and what came to no draft.")
@click.option("--limit", type=click.IntRange(min=1), default=LISTED, show_default=True)
@door_options
def list_candidates(door: Door, everything: bool, limit: int) -> None:
    """List candidates, newest first, with what the rubric makes of each."""
    from stratos_tui.distill import review
    from stratos_tui.store import candidates as stored
    from stratos_tui.store import profiles

    with door.store() as store:
        counts = stored.counts(store)
        found = stored.load(store, stored.REVIEWED if everything else ("waiting",), limit=limit)
        readers = profiles.load(store)
        shown = [review.document(each, readers) for each in found]
    rows = [
        (each["id"], each["state"], each["band"], ", ".join(each["profiles"]), _sign(each), each["title"][:60])
        for each in shown
    ]
    text = table(("candidate", "state", "band", "for", "by the rubric", "title"), rows) if rows else ["none waits"]
    text.append(", ".join(f"{counts[state]:,} {state}" for state in stored.REVIEWED))
    door.answer({"counts": counts, "candidates": shown}, text)


@candidates.command("show")
@click.argument("candidate_id", type=int)
@door_options
def show(door: Door, candidate_id: int) -> None:
    """Show one candidate, and its score by the rubric for every profile."""
    from stratos_tui.distill import review
    from stratos_tui.prism.bands import BAND_SIGNS, band_of, to_tenths
    from stratos_tui.store import profiles

    with door.store() as store:
        found = review.document(review.known(store, candidate_id), profiles.load(store))
    deadline = f", deadline {found['deadline']}" if found["deadline"] else ""
    text = [
        f"candidate {candidate_id}: {found['state']}, by {found['teacher']} on {found['as_of']}",
        f"wished: {found['band']} for {', '.join(found['profiles'])}",
    ]
    if found["fault"]:
        text.append(f"no draft: {found['fault']}")
    if found["rubric"]:
        scores = found["rubric"]["scores"].items()
        rows = [
            (name, f"{score:.1f}", f"{BAND_SIGNS[band]} {band}", "wished for" if name in found["profiles"] else "")
            for name, score in scores
            for band in [band_of(to_tenths(score))]
        ]
        text += ["", found["title"], f"{found['source']} ({found['source_type']}){deadline}", "", found["body"], ""]
        text += [*table(("profile", "rubric", "band", ""), rows), f"by the rubric: {_sign(found)}"]
    door.answer(found, text)


@candidates.command("accept")
@click.argument("candidate_ids", nargs=-1, required=True, type=int)
@click.option("--title", help="Another title; for one candidate.")
@click.option("--body", help="Another body; for one candidate.")
@door_options
def accept(door: Door, candidate_ids: tuple[int, ...], title: str | None, body: str | None) -> None:
    """Make articles of candidates, their words changed before if you like."""
    from stratos_tui.distill import review

    if (title is not None or body is not None) and len(candidate_ids) > 1:
        raise StratosError("--title and --body are for one candidate at a time")
    made = {}
    with door.store() as store:
        for candidate_id in candidate_ids:
            if title is not None or body is not None:
                review.edit(store, candidate_id, title=title, body=body)
            made[candidate_id] = review.accept(store, candidate_id)
    lines = [f"candidate {candidate_id} is article {article_id}" for candidate_id, article_id in made.items()]
    door.answer({"accepted": made}, lines)


@candidates.command("discard")
@click.argument("candidate_ids", nargs=-1, required=True, type=int)
@door_options
def discard(door: Door, candidate_ids: tuple[int, ...]) -> None:
    """Put candidates aside."""
    from stratos_tui.distill import review

    _each(door, candidate_ids, "discarded", review.discard)


@candidates.command("undo")
@click.argument("candidate_ids", nargs=-1, required=True, type=int)
@door_options
def undo(door: Door, candidate_ids: tuple[int, ...]) -> None:
    """Take decisions back: the candidates wait again, and the articles that they became go."""
    from stratos_tui.distill import review

    _each(door, candidate_ids, "undone", review.undo)


def _each(door: Door, candidate_ids: tuple[int, ...], verb: str, decide: Callable[[Store, int], object]) -> None:
    with door.store() as store:
        for candidate_id in candidate_ids:
            decide(store, candidate_id)
    door.answer({verb: list(candidate_ids)}, f"{len(candidate_ids):,} {verb}")


def _wanted(
    store: Store, profile_ids: tuple[str, ...], band: Band | None, weak: bool, count: int, seed: int
) -> tuple[list[Wish], list[WeakBand]]:
    """Return what to ask for, and, where that comes from what is weak, why."""
    from stratos_tui.distill import weak as weakness

    if weak:
        if profile_ids or band:
            raise StratosError("--weak chooses profiles and bands by itself: give it alone, or --profile and --band")
        found = weakness.weak_bands(store)
        return weakness.wishes_for(store, found, count, seed), found
    if not profile_ids or band is None:
        raise StratosError("name whom it is for and the band: --profile P --band B; or --weak for what is weak")
    return weakness.wishes_of(profile_ids, band, count), []


def _weak(found: WeakBand) -> dict[str, Any]:
    return {
        "band": found.band,
        "profiles": list(found.profile_ids),
        "measure": found.measure,
        "figure": found.figure,
        "target": found.target,
        "source": found.source,
        "why": found.why,
    }


def _sign(found: dict[str, Any]) -> str:
    """Say in a few words whether a candidate is what was wished for, by the rubric."""
    if found["fault"]:
        return f"no draft: {found['fault']}"
    rubric = found["rubric"]
    if rubric is None:
        return ""
    lands = "in the band" if rubric["lands"] else "misses the band"
    leaks = f", not noise for {', '.join(rubric['leaks'])}" if rubric["leaks"] else ", noise for the rest"
    return lands + leaks
