"""Phase 4, Distil: what asking a teacher costs, asking once, and watching the batches come back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.types import CSSPathType

from screens import distill_text
from screens.dialogs import ConfirmScreen, PromptScreen
from screens.distill_text import Choice, Priced, Standing
from screens.launch import launch
from screens.render import score_text
from screens.views import ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.errors import StratosError
from stratos_tui.store import acknowledgements, batches, distill, jobs, ledger, phase_views
from stratos_tui.store.jobs import Job
from stratos_tui.store.pages import Record
from stratos_tui.store.phase_views import BatchEvent
from stratos_tui.teachers.catalog import REHEARSAL, TERMS_NOTICE, TERMS_SUBJECT, teacher_of

JOBS = ("distill", "submit", "watch", "ingest", "pipeline")
"""Kinds of jobs that ask a teacher."""
EVENTS = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the chosen teacher's requests stand, every batch, and what happened last."""

    standing: Standing
    rows: list[Row]
    events: list[BatchEvent]
    job: Job | None


class DistillScreen(ViewsScreen[Shown]):
    """Have a teacher write traces: see the price, ask once, watch the batches come back."""

    PHASE = "distill"
    HELP = (
        "Pairs of article and profile are sent to a teacher in batches. The plan says what is missing and what that "
        "costs; r asks once, with the price, before anything is sent. What is sent goes on without this app."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "distill.tcss"]
    AUTO_FOCUS = "#batches"
    VIEWS = ("batches", "requests", "events")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "ask", tooltip="Ask the teacher for what is missing; asks you once, with the price"),
        Binding("x", "cancel", "cancel", tooltip="Stop the job; without one, cancel what the teacher still has"),
        Binding("t", "teacher", "teacher", tooltip="Choose the teacher"),
        Binding("p", "pairs", "pairs", tooltip="How many pairs to ask for at most"),
        Binding("b", "budget", "budget", tooltip="The most that may be spent, in dollars"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._choice: Choice | None = None
        self._priced: Priced | None = None
        self._pricing: object = None
        self._data: Shown | None = None

    def compose_body(self) -> ComposeResult:
        """The plan beside the batches; below, the requests of the chosen batch beside what happened."""
        with Horizontal(id="top"):
            yield TextPane("plan", id="plan")
            yield VirtualTable(
                [
                    Column("#", 3, align="right"),
                    Column("teacher", 8, flex=1),
                    Column("state", 11),
                    Column("requests", 12, drop=1),
                    Column("back", 7, align="right"),
                    Column("bad", 3, align="right"),
                    Column("cost", 6, align="right", drop=2),
                ],
                empty="No batch yet: r asks the teacher, after showing the price.",
                markable=False,
                id="batches",
                classes="pane",
            )
        with Horizontal(id="bottom"):
            yield ListingTable(
                "requests",
                [
                    Column("article", 16, flex=2),
                    Column("profile", 11, flex=1, drop=1),
                    Column("state", 11),
                    Column("score", 6),
                    Column("why", 10, drop=2),
                ],
                self._request_cells,
                empty="The requests of the batch under the cursor show here.",
                markable=False,
                openable=False,
                id="requests",
                classes="pane",
            )
            yield TextPane("what happened", id="events")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#batches").border_title = "batches"
        self.query_one("#requests").border_title = "requests"

    @staticmethod
    def _request_cells(record: Record) -> tuple[str | Text, ...]:
        return (
            record["title"],
            record["profile_id"],
            distill_text.request_state(record["state"]),
            "" if record["code"] is None else score_text(record["tenths"], cells=0),
            record["code"] or "",
        )

    def load(self) -> Shown:
        """Read the plan's figures, the batches and what happened last."""
        if self._choice is None:
            # another version may have asked a teacher that this one does not know
            known = [name for name in distill.teachers(self.store) if not _wrong_teacher(name)]
            self._choice = Choice(known[-1] if known else REHEARSAL)
        choice = self._choice
        who = teacher_of(choice.teacher)
        every = batches.load(self.store)
        states = phase_views.batch_states(self.store, [batch.id for batch in every])
        costs = phase_views.batch_costs(self.store)
        standing = Standing(
            pairs=phase_views.pair_count(self.store),
            totals=distill.totals(self.store, choice.teacher),
            spend=ledger.spend(self.store, simulated=who.simulated),
            in_flight=sum(batch.teacher == choice.teacher and batch.state not in _CLOSED for batch in every),
        )
        rows = [Row(each.id, distill_text.batch_cells(each, states[each.id], costs.get(each.id, 0))) for each in every]
        return Shown(
            standing, rows, phase_views.batch_events(self.store, EVENTS), phase_views.active_job(self.store, *JOBS)
        )

    def show(self, data: Shown) -> None:
        """Show them, and work out the price again where what is missing may have changed."""
        self._data = data
        self.query_one("#batches", VirtualTable).set_source(ListSource(data.rows), keep=True)
        self.query_one("#events", TextPane).put(partial(distill_text.events, data.events))
        self._show_plan()
        self._price(data)

    def _show_plan(self) -> None:
        if self._data is not None and self._choice is not None:
            known = (self._choice, self._data.standing, self._priced, self._data.job)
            self.query_one("#plan", TextPane).put(
                lambda width: distill_text.plan(*known, brief=self.compact, width=width)
            )

    def _price(self, data: Shown) -> None:
        """Work the plan out in the background, while no job changes it all the time."""
        made_from = (self._choice, data.standing.pairs, data.standing.totals)
        if data.job is not None or made_from == self._pricing or not data.standing.pairs:
            return
        self._pricing = made_from
        choice = self._choice
        assert choice is not None
        self.background(lambda: distill_text.price(self.store, choice), self._priced_now)

    def _priced_now(self, priced: Priced) -> None:
        if priced.choice == self._choice:
            self._priced = priced
            self._show_plan()

    @on(VirtualTable.Highlighted, "#batches")
    def _batch_chosen(self, event: VirtualTable.Highlighted) -> None:
        if event.row is not None:
            listing = self.query_one("#requests", ListingTable)
            listing.border_title = f"requests of batch {event.row.key}"
            listing.set_scope(batch=int(str(event.row.key)))

    @on(VirtualTable.Selected, "#batches")
    def _batch_opened(self) -> None:
        if self.compact:
            self.action_view()
        else:
            self.query_one("#requests", ListingTable).table.focus()

    # the choices

    def action_teacher(self) -> None:
        """Choose the teacher."""
        self._ask("Which teacher?", "teacher", distill_text.TEACHER_HINT, _wrong_teacher)

    def action_pairs(self) -> None:
        """Choose how many pairs to ask for."""
        self._ask("How many pairs at most?", "pairs", "Empty: every pair that is missing.", _wrong_pairs)

    def action_budget(self) -> None:
        """Choose the most that may be spent."""
        self._ask("The most that may be spent, in dollars?", "budget", distill_text.BUDGET_HINT, _wrong_budget)

    def _ask(self, question: str, field: str, hint: str, check: distill_text.Check) -> None:
        if self._choice is None:
            return
        value = distill_text.written(self._choice, field)
        screen = PromptScreen(question, value=value, hint=hint, check=check)
        self.app.push_screen(screen, partial(self._chose, field))

    def _chose(self, field: str, text: str | None) -> None:
        if text is None or self._choice is None:
            return
        word = text.strip().lstrip("$").replace(",", "")
        value: object = (
            word if field == "teacher" else (int(word) if field == "pairs" else float(word)) if word else None
        )
        self._choice = replace(self._choice, **{field: value})  # type: ignore[arg-type]
        self._priced = None
        self._show_plan()
        self.reload()

    # asking and stopping

    def action_run(self) -> None:
        """Work the price out and ask once."""
        choice, data = self._choice, self._data
        if choice is None or data is None:
            return
        if data.job is not None:
            self.say(f"job {data.job.id} ({data.job.kind}) is running; x stops it")
        elif not data.standing.pairs:
            self.fail("there is no pair to ask about: press 1, then r, or import articles in phase 3", "r")
        elif distill_text.needs_budget(choice):
            self.fail(f"{choice.teacher} is paid: press b and give the most that it may spend", "r")
        else:
            self.say("working out the price…")
            self.background(partial(self._offer, choice), self._confirm, again="r")

    def _offer(self, choice: Choice) -> tuple[Priced, bool]:
        agreed = acknowledgements.given(self.store, TERMS_SUBJECT, TERMS_NOTICE)
        return distill_text.price(self.store, choice), agreed

    def _confirm(self, offer: tuple[Priced, bool]) -> None:
        priced, agreed = offer
        self.say("")
        self._priced_now(priced)
        if self._data is None:
            return
        standing = self._data.standing
        if not priced.requests and not standing.totals.open:
            self.say(f"{priced.choice.teacher} has answered every pair that was asked for: nothing is missing")
            return
        question, detail = distill_text.question(priced, standing, agreed=agreed)
        screen = ConfirmScreen(question, detail, yes="ask", no="do not")
        self.app.push_screen(screen, partial(self._answered, priced.choice))

    def _answered(self, choice: Choice, yes: bool | None) -> None:
        if not yes:
            self.say("nothing was sent")
            return
        launch(
            self,
            distill_text.command(choice),
            f"asking {choice.teacher}: the line below shows how far it is",
            again="r",
        )

    def action_cancel(self) -> None:
        """Stop the job; without one, cancel what the teacher still has."""
        data, choice = self._data, self._choice
        if data is None or choice is None:
            return
        if data.job is not None:
            job = data.job
            said = f"asked job {job.id} to stop; what was sent stays with the teacher, and r goes on with it"
            self.background(lambda: jobs.request_cancel(self.store, job.id), lambda _: self.say(said), again="x")
        elif data.standing.in_flight or data.standing.totals.open:
            question, detail = distill_text.cancel_question(choice, data.standing)
            self.app.push_screen(ConfirmScreen(question, detail, yes="cancel them", no="keep them"), self._give_up)
        else:
            self.say("nothing runs, and nothing is in flight")

    def _give_up(self, yes: bool | None) -> None:
        if yes and self._choice is not None:
            arguments = ["distill", "cancel", "--teacher", self._choice.teacher]
            launch(self, arguments, "asked the teacher to stop; r takes in what was answered before", again="x")


_CLOSED = ("ingested", "failed")


def _wrong_teacher(text: str) -> str:
    try:
        teacher_of(text.strip())
    except StratosError as error:
        return str(error)
    return ""


def _wrong_pairs(text: str) -> str:
    word = text.strip().replace(",", "")
    return "" if not word or (word.isdecimal() and int(word) > 0) else "a whole number above 0, or nothing"


def _wrong_budget(text: str) -> str:
    word = text.strip().lstrip("$").replace(",", "")
    try:
        return "" if not word or 0 < float(word) < 1e6 else "an amount above 0, or nothing"
    except ValueError:
        return "an amount in dollars, such as 25 or 7.50, or nothing"
