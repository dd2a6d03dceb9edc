"""``stratos rejections``: what is done about answers that were not accepted."""

from __future__ import annotations

from dataclasses import asdict
from typing import IO, TYPE_CHECKING, ParamSpec, TypeVar

import click

from stratos_tui.commands.choosing import teacher_option
from stratos_tui.commands.door import Door, door_options, group, table
from stratos_tui.commands.ruling import rules
from stratos_tui.errors import StratosError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratos_tui.distill.decide import Decided
    from stratos_tui.store.db import Store

P = ParamSpec("P")
R = TypeVar("R")

SHOWN = 50
REASONS_SHOWN = 5


_teacher = teacher_option("Whose answers.")


def _search(function: Callable[P, R]) -> Callable[P, R]:
    return click.option("--search", default="", help="Only those with all of these words in them.")(function)


def _targets(function: Callable[P, R]) -> Callable[P, R]:
    """Give a command what says which answers it is about: their requests, or a reason, or a search."""
    for option in (
        click.option("--code", help="Every rejected answer with this reason."),
        click.argument("request_ids", nargs=-1, type=int),
    ):
        function = option(function)
    return _teacher(_search(function))


@group()
def rejections() -> None:
    """Answers that were rejected: list, requeue, accept, edit, discard, undo."""


rejections.add_command(rules)


@rejections.command("list")
@_teacher
@click.option("--code", help="Only this reason.")
@_search
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True)
@door_options
def list_rejections(door: Door, teacher: str, code: str | None, search: str, limit: int) -> None:
    """Count rejections by reason and list them."""
    from stratos_tui.store import rejections as stored

    with door.store() as store:
        counts = stored.counts(store, teacher)
        found = stored.page(store, code=code, teacher=teacher, search=search, limit=limit)
    rows = [
        (each.request_id, each.code, each.measured, each.limits, each.attempt, each.article_id, each.profile_id)
        for each in found
    ]
    text = [*table(("reason", "count"), list(counts.items())), ""] if counts else ["no rejections"]
    text += table(("request", "reason", "measured", "limit", "attempt", "article", "profile"), rows) if rows else []
    door.answer({"counts": counts, "rejections": [asdict(each) for each in found]}, text)


@rejections.command("requeue")
@_targets
@click.option("--all", "everything", is_flag=True, help="Every failed pair that has attempts left.")
@click.option("--repair", is_flag=True, help="Tell the teacher what was wrong, by each answer's verdict.")
@click.option("--note", default="", help="Tell the teacher this.")
@door_options
def requeue(
    door: Door,
    request_ids: tuple[int, ...],
    code: str | None,
    search: str,
    teacher: str,
    everything: bool,
    repair: bool,
    note: str,
) -> None:
    """Plan to ask again; `stratos distill run` then asks."""
    from stratos_tui.distill import requeue as again
    from stratos_tui.distill.settings import settings_of

    if repair and note:
        raise StratosError("give --repair or --note, not both")
    if everything and (request_ids or code or search or repair or note):
        raise StratosError("--all asks every failed pair again as it was; leave the other choices out")
    told = again.Repair(note) if repair or note else None
    with door.store() as store:
        settings = settings_of(store)
        if everything:
            count = again.requeue(store, teacher, again.by_hand(settings))
            refused: dict[int, str] = {}
        else:
            wanted = _wanted(store, request_ids, code, search, teacher)
            found = _checked(again.requeue_all(store, wanted, settings, told))
            count, refused = len(found.done), found.refused
    text = [f"{count:,} to be asked again; `stratos distill run` asks", *_why(refused)]
    door.answer({"requeued": count, "refused": refused}, text)


@rejections.command("accept")
@_targets
@door_options
def accept(door: Door, request_ids: tuple[int, ...], code: str | None, search: str, teacher: str) -> None:
    """Accept rejected answers as they are, where they can be read."""
    from stratos_tui.distill.decide import accept_all
    from stratos_tui.distill.settings import settings_of

    with door.store() as store:
        wanted = _wanted(store, request_ids, code, search, teacher)
        _answer(door, "accepted", accept_all(store, wanted, settings_of(store)))


@rejections.command("discard")
@_targets
@door_options
def discard(door: Door, request_ids: tuple[int, ...], code: str | None, search: str, teacher: str) -> None:
    """Give pairs up: they are not asked again."""
    from stratos_tui.distill.decide import discard_all
    from stratos_tui.distill.settings import settings_of

    with door.store() as store:
        wanted = _wanted(store, request_ids, code, search, teacher)
        _answer(door, "discarded", discard_all(store, wanted, settings_of(store)))


@rejections.command("edit")
@click.argument("request_id", type=int)
@click.option("--file", "source", type=click.File(encoding="utf-8"), required=True, help="The text; - reads it.")
@door_options
def edit(door: Door, request_id: int, source: IO[str]) -> None:
    """Accept a text of yours in an answer's place; the answer itself is kept, and who edited it."""
    from stratos_tui.distill.decide import accept_edited
    from stratos_tui.distill.settings import settings_of

    try:
        text = source.read()
    except UnicodeDecodeError as error:
        raise StratosError(f"{source.name}: not UTF-8 ({error.reason} at byte {error.start:,})") from error
    with door.store() as store:
        decided, breaks = accept_edited(store, request_id, text, settings_of(store))
    document = {"accepted": [request_id], "editor": decided.editor, "breaks": breaks}
    still = [f"it still breaks a rule: {breaks}"] if breaks else []
    door.answer(document, [f"request {request_id} is accepted as edited by {decided.editor}", *still])


@rejections.command("undo")
@door_options
def undo(door: Door) -> None:
    """Take back what was done last, as one: decisions, or attempts that wait to be sent. Repeat it to go further."""
    from stratos_tui.distill.decide import undo_step
    from stratos_tui.distill.settings import settings_of

    with door.store() as store:
        step = undo_step(store, settings_of(store))
    if step is None:
        raise StratosError("there is nothing to take back")
    what, count = step
    words = "decisions" if what == "decided" else "attempts that waited to be sent"
    door.answer({"undone": what, "requests": count}, f"taken back: {count:,} {words}")


def _wanted(store: Store, request_ids: tuple[int, ...], code: str | None, search: str, teacher: str) -> list[int]:
    from stratos_tui.store.rejections import ids

    if bool(request_ids) == bool(code or search):
        raise StratosError("name the requests, or choose them by --code or --search")
    found = list(request_ids) or ids(store, code=code, teacher=teacher, search=search)
    if not found:
        raise StratosError(f"no rejected answer of {teacher} is like that; `stratos rejections list` shows them")
    return found


def _checked(found: Decided) -> Decided:
    if not found.done:
        raise StratosError(next(iter(found.refused.values())))
    return found


def _answer(door: Door, verb: str, found: Decided) -> None:
    _checked(found)
    door.answer({verb: found.done, "refused": found.refused}, [f"{len(found.done):,} {verb}", *_why(found.refused)])


def _why(refused: dict[int, str]) -> list[str]:
    more = len(refused) - REASONS_SHOWN
    return [*list(refused.values())[:REASONS_SHOWN], *([f"and {more:,} more"] if more > 0 else [])]
