"""The review of drafted articles, inside Articles: a queue on the left, the candidate under the cursor on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message

from screens import candidate_text
from screens.dialogs import ConfirmScreen, PromptScreen
from screens.in_order import InOrder
from screens.launch import launch
from screens.render import band_text, count, dollars, one_line
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.distill import review
from stratos_tui.distill.candidates import most_of_drafts
from stratos_tui.distill.review import ByRubric
from stratos_tui.distill.settings import settings_of
from stratos_tui.distill.weak import WeakBand, weak_bands, wishes_for, wishes_of
from stratos_tui.records import BANDS, Band
from stratos_tui.store import candidates, profiles
from stratos_tui.store.candidates import Candidate

if TYPE_CHECKING:
    from screens.frame import PhaseScreen
    from stratos_tui.store.db import Store

TEACHER = "rehearsal"
"""Whom ``n`` asks; a paid teacher needs a budget and its terms, which the command asks for."""
LISTED = 500
"""The newest candidates that the queue shows; the command lists all."""
MOST_DRAFTS = 100
NOTHING = "No drafted article. n asks for some; `stratos articles draft` asks a teacher of your choice."


@dataclass(frozen=True, slots=True)
class Queue:
    """What the review shows: candidates, those that wait first, each with what the rubric makes of it."""

    candidates: tuple[tuple[Candidate, ByRubric | None], ...]
    counts: str

    def at(self, key: int | None) -> tuple[Candidate, ByRubric | None] | None:
        """Return the candidate with this id."""
        return next((each for each in self.candidates if each[0].id == key), None)


@dataclass(frozen=True, slots=True)
class More:
    """What ``n`` was asked for: as the arguments of the command, the most that it can cost, and why."""

    arguments: tuple[str, ...]
    most: int
    drafts: int
    reasons: tuple[WeakBand, ...]


class Candidates(Horizontal):
    """Articles that a teacher drafted: accept one into the data, edit it before, or discard it."""

    HELP = (
        "Drafted articles wait here; none is in the data before you accept it. Beside each stands what the rubric "
        "makes of it: ✓ it lands in the wished band and is noise for the rest, ≈ it lands but not only there, ✗ it "
        "misses. a accepts, x discards, e edits title and body, u takes it back, n asks for more, escape goes back."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "accept", tooltip="Make an article of it: it then belongs to the data"),
        Binding("x", "discard", "discard", tooltip="Put it aside"),
        Binding("e", "edit", "edit", tooltip="Change its title and its body before you accept it"),
        Binding("n", "more", "more", tooltip="Ask for more drafts"),
        Binding("escape", "leave", "articles", tooltip="Back to the articles"),
    ]

    class Closed(Message):
        """The operator goes back to the articles."""

    def __init__(self) -> None:
        super().__init__(id="candidates")
        self._queue = Queue((), "")
        self._key: int | None = None

    def compose(self) -> ComposeResult:
        """The queue beside the candidate under the cursor."""
        yield VirtualTable(
            [
                Column("", 1),
                Column("wished", 10),
                Column("fit", 3),
                Column("title", 12, flex=3),
                Column("for", 10, flex=1, drop=1),
            ],
            empty=NOTHING,
            markable=False,
            openable=True,
            id="candidates-list",
            classes="pane",
        )
        yield TextPane("candidate", id="candidate")

    def on_mount(self) -> None:
        """Reads and writes go one after another."""
        self._errands = InOrder(self._screen)

    def open(self) -> None:
        """Begin with the first that waits."""
        self._key = None
        self.read_again()
        self.query_one("#candidates-list").focus()

    def read_again(self) -> None:
        """Show what is stored now."""
        self._errands.do(partial(_read, self._screen.store), self._show, kind="queue")

    def _show(self, queue: Queue, at: int | None = None) -> None:
        self._queue = queue
        listing = self.query_one("#candidates-list", VirtualTable)
        listing.border_title = Content(queue.counts)
        listing.set_source(ListSource([_row(*each) for each in queue.candidates]), keep=True, at=at)
        self._show_one()

    def _show_one(self) -> None:
        pane = self.query_one("#candidate", TextPane)
        found = self._queue.at(self._key)
        if found is None:
            pane.put(Text(NOTHING, style="dim"), title="candidate")
            return
        today = self._screen.host.clock().date()
        pane.put(partial(candidate_text.whole, *found, today), title=f"candidate {found[0].id}")

    @on(VirtualTable.Highlighted)
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        event.stop()
        key = None if event.row is None else int(str(event.row.key))
        if key != self._key:
            self._key = key
            self._show_one()
            self.query_one("#candidate", TextPane).scroll_home(animate=False)

    @on(VirtualTable.Selected)
    def _opened(self, event: VirtualTable.Selected) -> None:
        event.stop()
        self.query_one("#candidate", TextPane).focus()

    # what the keys do

    def action_leave(self) -> None:
        """Go from the text to the queue, from the queue to the articles."""
        listing = self.query_one("#candidates-list", VirtualTable)
        if listing.has_focus:
            self.post_message(self.Closed())
        else:
            listing.focus()

    def action_accept(self) -> None:
        """Make an article of the candidate under the cursor."""
        self._decide("accepted", review.accept)

    def action_discard(self) -> None:
        """Put the candidate under the cursor aside."""
        self._decide("discarded", review.discard)

    def _decide(self, did: str, decide: Callable[[Store, int], object]) -> None:
        found = self._queue.at(self._key)
        if found is None:
            self._screen.say(NOTHING)
            return
        own, store = found[0], self._screen.store

        def done(_: object) -> None:
            self._screen.did(f"{did}: {one_line(own.title)[:60]}", partial(self._undo, own.id))
            following = self._next(own.id)
            self._errands.do(partial(_read, store), partial(self._show, at=following), kind="queue")

        self._errands.do(lambda: decide(store, own.id), done)

    def _undo(self, candidate_id: int) -> None:
        review.undo(self._screen.store, candidate_id)
        self.app.call_from_thread(self.read_again)

    def _next(self, candidate_id: int) -> int | None:
        """Return the waiting candidate after this one, else the one before it."""
        waiting = [own.id for own, _ in self._queue.candidates if own.state == "waiting"]
        if candidate_id not in waiting or len(waiting) == 1:
            return None
        at = waiting.index(candidate_id)
        return waiting[at + 1] if at + 1 < len(waiting) else waiting[at - 1]

    def action_edit(self) -> None:
        """Ask for another title, then for another body."""
        found = self._queue.at(self._key)
        if found is None or found[0].state != "waiting":
            self._screen.say("only a candidate that waits can be edited")
            return
        own = found[0]
        self.app.push_screen(
            PromptScreen("Title", value=one_line(own.title), hint="The body comes next.", check=_not_empty),
            partial(self._edit_body, own),
        )

    def _edit_body(self, own: Candidate, title: str | None) -> None:
        if title is None:
            return
        self.app.push_screen(
            PromptScreen("Body", value=one_line(own.body), hint="Enter keeps title and body.", check=_not_empty),
            partial(self._edited, own, title),
        )

    def _edited(self, own: Candidate, title: str, body: str | None) -> None:
        if body is None:
            return
        store = self._screen.store

        def undo() -> None:
            review.edit(store, own.id, title=own.title, body=own.body)
            self.app.call_from_thread(self.read_again)

        def done(_: object) -> None:
            self._screen.did(f"edited: {one_line(title)[:60]}", undo)
            self.read_again()

        self._errands.do(lambda: review.edit(store, own.id, title=title, body=body), done)

    def action_more(self) -> None:
        """Ask whom drafts are for, in which band and how many; then with the price."""
        self.app.push_screen(
            PromptScreen(
                "Draft for whom, in which band, how many?",
                hint=f"PROFILE [PROFILE] BAND COUNT, or: weak COUNT. Bands: {', '.join(BANDS)}. The {TEACHER} writes "
                "them; for another teacher use `stratos articles draft`.",
                check=wrong_wish,
            ),
            self._priced,
        )

    def _priced(self, typed: str | None) -> None:
        if typed is not None:
            self._errands.do(partial(more_of, self._screen.store, typed), self._confirm)

    def _confirm(self, more: More) -> None:
        detail = f"at most {dollars(more.most)}, simulated: nobody pays a rehearsal\nThey come into this queue."
        if more.reasons:
            detail = "\n".join(["weak:", *(f"  {each.why}" for each in more.reasons), detail])
        self.app.push_screen(
            ConfirmScreen(f"Ask the {TEACHER} for {count(more.drafts)} drafts?", detail, yes="ask"),
            partial(self._launch, more),
        )

    def _launch(self, more: More, yes: bool | None) -> None:
        if yes:
            launch(self._screen, list(more.arguments), f"drafting {count(more.drafts)}", again="n")

    @property
    def _screen(self) -> PhaseScreen[Any]:
        return cast("PhaseScreen[Any]", self.screen)


def wrong_wish(typed: str) -> str:
    """Return what is wrong with the words of a wish, or nothing; whether the profiles exist shows later."""
    words = typed.split()
    if not words or not words[-1].isdecimal() or not 1 <= int(words[-1]) <= MOST_DRAFTS:
        return f"how many comes last: 1 to {MOST_DRAFTS}"
    if words[:-1] == ["weak"]:
        return ""
    if len(words) < 3 or words[-2] not in BANDS:
        return f"before the number comes a band: {', '.join(BANDS)}"
    return "" if len(words) <= 4 else "one or two profiles, not more"


def more_of(store: Store, typed: str) -> More:
    """Return what words that are right come to.

    Raises:
        StratosError: a profile does not exist, or nothing is weak.
    """
    *named, number = typed.split()
    drafts = int(number)
    if named == ["weak"]:
        weak = tuple(weak_bands(store))
        wishes, what = wishes_for(store, weak, drafts), ["--weak"]
    else:
        *profile_ids, band = named
        weak, wishes = (), wishes_of(profile_ids, cast(Band, band), drafts)
        what = [*(part for each in profile_ids for part in ("--profile", each)), "--band", band]
    arguments = ["articles", "draft", *what, "--count", number, "--teacher", TEACHER]
    return More(tuple(arguments), most_of_drafts(store, TEACHER, wishes, settings_of(store))[1], drafts, weak)


def _read(store: Store) -> Queue:
    readers = profiles.load(store)
    found = candidates.load(store, limit=LISTED)
    known = candidates.counts(store)
    said = ", ".join(f"{count(known[state])} {state}" for state in candidates.REVIEWED if known[state])
    return Queue(
        tuple((each, review.by_rubric(each, readers) if each.title else None) for each in found),
        f"drafts: {said}" if said else "drafts",
    )


def _row(own: Candidate, found: ByRubric | None) -> Row:
    cells: Sequence[str | Text] = (
        candidate_text.SIGNS[own.state],
        band_text(own.band),
        candidate_text.sign(found),
        own.title or own.fault,
        ", ".join(own.profile_ids),
    )
    return Row(own.id, tuple(cells))


def _not_empty(typed: str) -> str:
    return "" if typed.strip() else "it may not be empty"
