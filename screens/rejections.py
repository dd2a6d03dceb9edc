"""Phase 5, Rejections: why answers were not accepted, each with its offending part marked, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.types import CSSPathType

from screens import rejection_text
from screens.dialogs import ConfirmScreen
from screens.figures import plural
from screens.in_order import InOrder
from screens.launch import launch
from screens.rejection_deeds import (
    ACCEPT,
    AGAIN,
    DISCARD,
    Deed,
    accept_text,
    change_rules,
    checked,
    notes_for,
    rules_in_force,
    to_edit,
    told,
    undo_older,
)
from screens.render import count, provenance, score_text
from screens.rules import Changes, RulesScreen
from screens.views import VIEW, ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from screens.writing import WriteScreen
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, decisions, phase_views, profiles, rejections
from stratos_tui.store.answers import Unjudged
from stratos_tui.store.decisions import Step
from stratos_tui.store.pages import Record
from stratos_tui.store.rejections import RejectedAnswer

if TYPE_CHECKING:
    from stratos_tui.distill.decide import Decided
    from stratos_tui.distill.judge import Rules

EVERY, DECIDED = "", ":decided"
"""The keys of the rows that stand for every reason, and for what an operator has decided."""
ALL = Binding.Group("all")
"""The keys that do to all that are listed what their small letters do to one."""
NOTHING = "No rejected answer under the cursor."
OWN_NOTE = "Left empty, each is told what its own verdict says."


@dataclass(frozen=True, slots=True)
class Detail:
    """One rejected answer with what it is about."""

    answer: RejectedAnswer
    article: Article | None
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Reasons with their counts, what the operator decided, his last step, and the answer under the cursor."""

    reasons: dict[str, int]
    decided: int
    step: Step | None
    detail: Detail | None


class RejectionsScreen(ViewsScreen[Shown]):
    """Why answers were rejected: accept one as it is or edited, discard it, or ask again."""

    PHASE = "rejections"
    HELP = (
        "Answers that broke a rule: reasons on the left, then the answers, then the one under the cursor with its "
        "offending part between ⟦ and ⟧. Small letters act on the marked answers or the one under the cursor, capitals "
        "on all that are listed: those of the reason, with the words that / searches for. u takes each step back. In "
        "the list ↻ was asked again; of what was decided, ✓ is accepted, ✎ accepted as edited, – given up."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "rejections.tcss"]
    AUTO_FOCUS = "#list VirtualTable"
    VIEWS = ("answer", "about", "reasons")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "accept", tooltip="Accept the marked answers, or the one under the cursor, as they are"),
        Binding("e", "edit", "edit", tooltip="Edit the answer, and accept what you wrote; the answer itself is kept"),
        Binding("r", "requeue", "again", tooltip="Plan a further attempt at their pairs; phase 4 sends it"),
        Binding("n", "note", "note", tooltip="Ask again, and tell the teacher what was wrong: you see the note first"),
        Binding("x", "discard", "drop", tooltip="Give their pairs up: they are not asked again, and not missed"),
        VIEW,
        Binding(
            "A", "all('accept')", "accept all", tooltip="Accept all that are listed, where they can be read", group=ALL
        ),
        Binding("X", "all('discard')", "drop all", tooltip="Give the pairs of all that are listed up", group=ALL),
        Binding("R", "all('requeue')", "all again", tooltip="Ask all that are listed again", group=ALL),
        Binding(
            "N",
            "all('note')",
            "all notes",
            tooltip="Ask all again; each is told what its own verdict says",
            group=ALL,
        ),
        Binding("s", "rules", "rules", tooltip="The rules that judge answers: switch them, set their limits"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._chosen: int | None = None
        self._drawn: RejectedAnswer | None = None
        self._reason = EVERY
        self._step: Step | None = None
        self._counts: dict[str, int] = {}
        self._reads = InOrder(self)

    def compose_body(self) -> ComposeResult:
        """Reasons, the list, and on the right the answer over what it is about."""
        yield VirtualTable(
            [Column("reason", 11, flex=1), Column("n", 5, align="right")],
            empty="no reason yet",
            markable=False,
            id="reasons",
            classes="pane",
        )
        yield ListingTable(
            "rejections",
            [
                Column("article", 14, flex=2),
                Column("profile", 10, flex=1, drop=2),
                Column("score", 6, drop=1),
                Column("try", 3, align="right", drop=3),
                Column("by", 9, drop=4),
            ],
            self._cells,
            empty="No rejected answers. They come from phase 4.",
            id="list",
            classes="pane",
        )
        with Vertical(id="right"):
            yield TextPane("answer", id="answer")
            yield TextPane("article and profile", id="about")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#reasons").border_title = "reasons"
        self.query_one("#list").border_title = "rejected answers"

    def _cells(self, record: Record) -> tuple[str | Text, ...]:
        return (
            rejection_text.listed(record),
            record["profile_id"],
            score_text(record["tenths"], cells=0),
            str(record["attempt"]) if record["attempt"] > 1 else "",
            provenance(record["teacher"]),
        )

    def load(self) -> Shown:
        """Read the reasons and the answer under the cursor."""
        return Shown(
            reasons=phase_views.rejection_counts(self.store),
            decided=decisions.decided(self.store),
            step=decisions.last_step(self.store),
            detail=self._read(self._chosen),
        )

    def show(self, data: Shown) -> None:
        """Show the reasons, and the answer again where it changed."""
        rows = [Row(EVERY, (Text("all", style="bold"), count(sum(data.reasons.values()))))]
        rows += [Row(code, (rejection_text.name_of(code), count(n))) for code, n in data.reasons.items()]
        if data.decided:
            rows.append(Row(DECIDED, (Text("decided by you", style="italic"), count(data.decided))))
        reasons = self.query_one("#reasons", VirtualTable)
        reasons.set_source(ListSource(rows if data.reasons or data.decided else []), keep=True)
        self._step, self._counts = data.step, data.reasons
        self.refresh_bindings()
        self._show_detail(data.detail)

    @on(VirtualTable.Highlighted)
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        if event.control.id == "reasons":
            if event.row is not None:
                self._reason = str(event.row.key)
                listing = "decisions" if self._reason == DECIDED else "rejections"
                self._listing.show_listing(listing, code=None if self._reason in (EVERY, DECIDED) else self._reason)
            return
        if event.row is None and self._listing.table.row_count:
            return
        self._chosen = None if event.row is None else int(str(event.row.key))
        self._reads.do(partial(self._read, self._chosen), self._show_detail, kind="detail")

    @on(VirtualTable.Selected)
    def _opened(self, event: VirtualTable.Selected) -> None:
        """Go from a reason to its answers, and from an answer to its text."""
        if event.control.id == "reasons":
            self._listing.table.focus()
        elif self.compact:
            self.turn_to("answer")
        else:
            self.query_one("#answer", TextPane).focus()

    @property
    def _listing(self) -> ListingTable:
        return self.query_one("#list", ListingTable)

    def _read(self, request_id: int | None) -> Detail | None:
        answer = None if request_id is None else rejections.one(self.store, request_id)
        if answer is None:
            return None
        about = answer.rejection
        return Detail(answer, articles.get(self.store, about.article_id), profiles.get(self.store, about.profile_id))

    def _show_detail(self, detail: Detail | None) -> None:
        answer, about = self.query_one("#answer", TextPane), self.query_one("#about", TextPane)
        if detail is None:
            self._drawn = None
            answer.put(Text(NOTHING, style="dim"), title="answer", top=True)
            about.put(Text())
            return
        if detail.answer == self._drawn:
            return
        self._drawn = detail.answer
        answer.put(rejection_text.answer(detail.answer), title=rejection_text.title(detail.answer.rejection), top=True)
        answer.reveal(rejection_text.lines_before_span(detail.answer, answer.room))
        about.put(rejection_text.about(detail.article, detail.profile, detail.answer.reference_date), top=True)

    # what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer ``u`` also for what was decided before the app was opened, and the capitals where they have a list."""
        if action == "undo" and self._step is not None:
            return True
        if action == "all":
            return self._reason != DECIDED
        return super().check_action(action, parameters)

    def action_accept(self) -> None:
        """Accept answers as they are."""
        self._act(ACCEPT, self._targets)

    def action_discard(self) -> None:
        """Give the pairs of answers up."""
        self._act(DISCARD, self._targets)

    def action_requeue(self) -> None:
        """Plan a further attempt at the pairs of answers."""
        self._act(AGAIN, self._targets)

    def action_note(self) -> None:
        """Write what the teacher is told, and plan a further attempt."""
        targets = self._targets
        if not targets:
            self.say(NOTHING)
            return

        def write(notes: set[str]) -> None:
            asks = f"Ask again for {_answers(targets)}. What is the teacher told?"
            screen = WriteScreen(
                asks, notes.pop() if len(notes) == 1 else "", hint=OWN_NOTE, take="ask again with this note"
            )
            self.app.push_screen(screen, said)

        def said(note: str | None) -> None:
            if note is not None:
                self._act(told(note.strip()), targets)

        self.background(partial(notes_for, self.store, targets), write, again="n")

    def action_edit(self) -> None:
        """Write a text in the answer's place, and accept that."""
        request_id = self._chosen
        if request_id is None:
            self.say(NOTHING)
            return

        def read() -> tuple[Detail | None, Unjudged | None, Rules]:
            return self._read(request_id), *to_edit(self.store, request_id)

        def write(found: tuple[Detail | None, Unjudged | None, Rules]) -> None:
            detail, answer, rules = found
            if detail is not None and answer is not None:
                asks = f"Answer {request_id}: what you write is accepted in its place; it is kept as it came."
                text = detail.answer.edited or detail.answer.text
                self.app.push_screen(
                    WriteScreen(asks, text, check=partial(checked, answer, rules), take="accept"), written
                )

        def written(text: str | None) -> None:
            if text is not None:
                self.background(partial(accept_text, self.store, request_id, text), accepted, again="e")

        def accepted(breaks: str) -> None:
            still = f"; it still breaks a rule: {breaks}" if breaks else ""
            self.did(f"accepted as edited: answer {request_id}{still}", partial(self._take_back, ACCEPT, [request_id]))
            self.reload()

        self.background(read, write, again="e")

    def action_all(self, what: str) -> None:
        """Do something to every answer that is listed, after asking."""
        deed = {"accept": ACCEPT, "discard": DISCARD, "requeue": AGAIN, "note": told("")}[what]
        search = self._listing.filter

        def ask(targets: list[int]) -> None:
            if not targets:
                self.say(NOTHING)
                return
            question, detail = rejection_text.bulk_question(deed.asks, len(targets), self._reason, search)
            screen = ConfirmScreen(question, detail, yes=deed.asks.lower(), no="leave them")
            self.app.push_screen(screen, lambda yes: self._act(deed, targets) if yes else None)

        self.background(
            partial(rejections.ids, self.store, code=self._reason or None, search=search), ask, again=deed.bulk_key
        )

    def action_rules(self) -> None:
        """Show the rules, and judge every stored answer again where they are changed."""

        def show(rules: Rules) -> None:
            def changed(changes: Changes | None) -> None:
                if changes is not None:
                    self._judge_by(
                        changes, lambda: self.did(changes.words(), partial(self._judge_back, rules, changes))
                    )

            self.app.push_screen(RulesScreen(rules, self._counts), changed)

        self.background(partial(rules_in_force, self.store), show, again="s")

    def _judge_by(self, changes: Changes, then: Callable[[], object]) -> None:
        """Change the rules, and start the job that judges by them."""

        def start(_: None) -> None:
            launch(self, ["rejections", "rules", "judge"], "judging every stored answer again", again="s")
            then()

        self.background(partial(change_rules, self.store, changes), start, again="s")

    def _judge_back(self, rules: Rules, changes: Changes) -> None:
        back = changes.back(rules)
        self.app.call_from_thread(self._judge_by, back, lambda: None)

    def action_undo(self) -> None:
        """Take back the last step on this screen; then, after asking, those made before the app was opened."""
        if super().check_action("undo", ()) or self._step is None:
            super().action_undo()
            return
        question, detail = rejection_text.undo_question(self._step)
        self.app.push_screen(ConfirmScreen(question, detail, yes="take it back", no="leave it"), self._undo_older)

    def _undo_older(self, yes: bool | None) -> None:
        if yes:

            def then(_: object) -> None:
                self.say("taken back")
                self.reload()

            self.background(partial(undo_older, self.store), then, again="u")

    @property
    def _targets(self) -> list[int]:
        return [int(str(each)) for each in self._listing.targets()]

    def _act(self, deed: Deed, targets: list[int]) -> None:
        """Do it to every answer it is about; what cannot be done is said, what was done can be taken back."""
        if not targets:
            self.say(NOTHING)
            return

        def then(result: Decided) -> None:
            done, refused = result.done, list(result.refused.values())
            if done:
                self._listing.table.clear_marks()
                self.did(f"{deed.did}: {_answers(done)}", partial(self._take_back, deed, done))
            if refused:
                more = f" (and {count(len(refused) - 1)} more)" if len(refused) > 1 else ""
                begun = f"{deed.did}: {_answers(done)}; but " if done else ""
                self.fail(f"{begun}{refused[0]}{more}")
            self.reload()

        self.background(lambda: deed.do(self.store, targets), then, again=deed.key)

    def _take_back(self, deed: Deed, done: list[int]) -> None:
        deed.undo(self.store, done)
        self.app.call_from_thread(self.reload)


def _answers(done: Sequence[int]) -> str:
    return f"answer {done[0]}" if len(done) == 1 else plural(len(done), "answer")
