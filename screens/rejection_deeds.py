"""What can be done about rejected answers from the screen, each with how it is taken back.

Everything here runs in worker threads; distillation is imported when first used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from screens.render import score_text
from stratos_tui.errors import StratosError
from stratos_tui.store import answers, decisions, requests
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    from screens.rules import Changes
    from stratos_tui.distill.decide import Decided
    from stratos_tui.distill.judge import Rules
    from stratos_tui.store.answers import Unjudged


@dataclass(frozen=True, slots=True)
class Deed:
    """``asks`` begins the question before it is done to many, ``did`` says it is done; ``key``, ``bulk_key`` do it."""

    asks: str
    did: str
    key: str
    bulk_key: str
    do: Callable[[Store, Sequence[int]], Decided]
    undo: Callable[[Store, Sequence[int]], int]


def told(note: str) -> Deed:
    """Return the deed of asking again with a repair note; an empty one is made from each answer's own verdict."""

    def do(store: Store, request_ids: Sequence[int]) -> Decided:
        from stratos_tui.distill.requeue import Repair, requeue_all
        from stratos_tui.distill.settings import settings_of

        return requeue_all(store, request_ids, settings_of(store), Repair(note))

    return Deed("Ask again, with a note, for", "planned again, with a note", "n", "N", do, requests.withdraw)


def notes_for(store: Store, request_ids: Sequence[int]) -> set[str]:
    """Return the different notes that these answers' verdicts make."""
    from stratos_tui.distill.requeue import Repair

    return {Repair().of(each) for each in decisions.load(store, request_ids).values()}


def to_edit(store: Store, request_id: int) -> tuple[Unjudged | None, Rules]:
    """Return what judging an edited text needs: the answer in whose place it is put, and the rules in force."""
    from stratos_tui.distill.switches import rules_of

    return answers.one(store, request_id), rules_of(store)


def rules_in_force(store: Store) -> Rules:
    """Return the rules as this workspace has set them."""
    from stratos_tui.distill.switches import rules_of

    return rules_of(store)


def change_rules(store: Store, changes: Changes) -> None:
    """Change the rules; what is stored is judged by them when it is judged again."""
    from stratos_tui.distill.switches import change

    change(store, off=changes.off, on=changes.on, limits=changes.limits)


def checked(answer: Unjudged, rules: Rules, text: str) -> tuple[bool, str]:
    """Return whether an edited text can be read, and what it is: its score, its words, a rule that it breaks."""
    from stratos_tui.distill.decide import read_edited
    from stratos_tui.distill.repair import in_words

    try:
        verdict = read_edited(answer, text, rules)
    except StratosError as error:
        return False, str(error)
    breaks = f" · {in_words(verdict.code, verdict.measured, verdict.limits)}" if verdict.code else ""
    return True, f"{score_text(verdict.tenths, cells=0).plain.strip()} · {verdict.words:,} words{breaks}"


def accept_text(store: Store, request_id: int, text: str) -> str:
    """Accept an edited text in an answer's place; return the rule that it still breaks, in words."""
    from stratos_tui.distill.decide import accept_edited
    from stratos_tui.distill.settings import settings_of

    return accept_edited(store, request_id, text, settings_of(store))[1]


def undo_older(store: Store) -> None:
    """Take back the last step that is stored."""
    from stratos_tui.distill.decide import undo_step
    from stratos_tui.distill.settings import settings_of

    undo_step(store, settings_of(store))


def _accept(store: Store, request_ids: Sequence[int]) -> Decided:
    from stratos_tui.distill.decide import accept_all
    from stratos_tui.distill.settings import settings_of

    return accept_all(store, request_ids, settings_of(store))


def _discard(store: Store, request_ids: Sequence[int]) -> Decided:
    from stratos_tui.distill.decide import discard_all
    from stratos_tui.distill.settings import settings_of

    return discard_all(store, request_ids, settings_of(store))


def _ask_again(store: Store, request_ids: Sequence[int]) -> Decided:
    from stratos_tui.distill.requeue import requeue_all
    from stratos_tui.distill.settings import settings_of

    return requeue_all(store, request_ids, settings_of(store))


def _undecide(store: Store, request_ids: Sequence[int]) -> int:
    from stratos_tui.distill.decide import undo_all
    from stratos_tui.distill.settings import settings_of

    return undo_all(store, request_ids, settings_of(store))


ACCEPT = Deed("Accept as they are", "accepted", "a", "A", _accept, _undecide)
DISCARD = Deed("Give up the pairs of", "discarded", "x", "X", _discard, _undecide)
AGAIN = Deed("Ask again for", "planned again", "r", "R", _ask_again, requests.withdraw)
