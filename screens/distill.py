"""Phase 4, Distil: what asking a teacher costs, asking once, and watching the batches come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType
from textual.widgets import Static

from screens import distill_batches, distill_text
from screens.dialogs import ConfirmScreen, PromptScreen
from screens.distill_batches import BatchSource
from screens.distill_text import BUDGET_HINT, TEACHER_HINT, Choice, Priced, Standing
from screens.in_order import InOrder
from screens.launch import launch
from screens.orphans import OrphansScreen, Wish, carry_out, list_orphans
from screens.render import score_text
from screens.views import ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.errors import StratosError
from stratos_tui.store import acknowledgements, batches, distill, jobs, ledger, phase_views
from stratos_tui.store.batches import Batch
from stratos_tui.store.jobs import Job
from stratos_tui.store.pages import Record
from stratos_tui.store.phase_views import Happening, Usage
from stratos_tui.teachers.catalog import REHEARSAL, TERMS_NOTICE, TERMS_SUBJECT, teacher_of

if TYPE_CHECKING:
    from stratos_tui.distill.orphans import Orphan

JOBS = ("distill", "submit", "watch", "ingest", "pipeline")
"""Kinds of jobs that ask a teacher."""
EVENTS = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the chosen teacher's requests and money stand, every batch, and what happened last."""

    standing: Standing
    batches: list[Batch]
    happened: list[Happening]
    job: Job | None


@dataclass(frozen=True, slots=True)
class Detail:
    """One batch with what it has settled, in nanodollars, and what its answers came to."""

    batch: Batch
    cost: int
    usage: Usage | None


class DistillScreen(ViewsScreen[Shown]):
    """Have a teacher write traces: see the price, ask once, watch the batches come back."""

    PHASE = "distill"
    HELP = (
        "Pairs of article and profile are sent to a teacher in batches. The plan says what is missing and what that "
        "costs; r asks once, with the price, before anything is sent. What is sent goes on without this app. Of each "
        "batch: ok is accepted, bad rejected or given up, fail an error, expired or canceled, out not back yet; think "
        "is thinking tokens, per min answers a minute. Orange money is simulated: nobody pays it."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "distill.tcss"]
    AUTO_FOCUS = "#batches"
    VIEWS = ("batches", "requests", "events")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "ask", tooltip="Ask the teacher for what is missing; asks you once, with the price"),
        Binding("p", "pause", "pause", tooltip="Send nothing more, or go on sending; what is out is taken in anyway"),
        Binding("x", "cancel", "cancel", tooltip="Stop the job; without one, cancel what the teacher still has"),
        Binding("i", "ingest", "look now", tooltip="Ask the server now, and take in what has ended"),
        Binding("o", "orphans", "orphans", tooltip="Batches at the server that are unknown here: adopt or cancel them"),
        Binding("t", "teacher", "teacher", tooltip="Choose the teacher"),
        Binding("c", "pairs", "count", tooltip="How many pairs to ask for at most"),
        Binding("b", "budget", "budget", tooltip="The hard cap on what this workspace may ever spend, in dollars"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._choice: Choice | None = None
        self._priced: Priced | None = None
        self._pricing: object = None
        self._data: Shown | None = None
        self._batch: int | None = None
        self._reads = InOrder(self)

    def compose_body(self) -> ComposeResult:
        """The plan beside the batches; below, the requests of the chosen batch beside what happened."""
        with Horizontal(id="top"):
            yield TextPane("plan", id="plan")
            yield VirtualTable(
                distill_batches.COLUMNS,
                empty="No batch yet: r asks the teacher, after showing the price.",
                markable=False,
                id="batches",
                classes="pane",
            )
        with Horizontal(id="bottom"):
            with Vertical(id="requests", classes="pane"):
                yield Static(id="batch", markup=False)
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
                    id="asked",
                )
            yield TextPane("what happened", id="events")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#batches").border_title = "batches"
        self.query_one("#requests").border_title = "the batch under the cursor"

    @staticmethod
    def _request_cells(record: Record) -> tuple[str | Text, ...]:
        return (
            record["title"],
            record["profile_id"],
            distill_batches.request_state(record["state"]),
            "" if record["code"] is None else score_text(record["tenths"], cells=0),
            record["code"] or "",
        )

    def load(self) -> Shown:
        """Read the plan's figures, the batches and what happened last."""
        from stratos_tui.distill.budget import workspace_cap
        from stratos_tui.distill.pausing import is_paused

        if self._choice is None:
            # another version may have asked a teacher that this one does not know
            known = [name for name in distill.teachers(self.store) if not _wrong_teacher(name)]
            self._choice = Choice(known[-1] if known else REHEARSAL)
        choice = self._choice
        who = teacher_of(choice.teacher)
        every = batches.load(self.store)
        standing = Standing(
            pairs=phase_views.pair_count(self.store),
            totals=distill.totals(self.store, choice.teacher),
            spend=ledger.spend(self.store, simulated=who.simulated),
            in_flight=sum(
                batch.teacher == choice.teacher and batch.state not in distill_batches.CLOSED for batch in every
            ),
            cap=workspace_cap(self.store, simulated=who.simulated),
            paused=is_paused(self.store),
        )
        return Shown(
            standing, every, phase_views.happenings(self.store, EVENTS), phase_views.active_job(self.store, *JOBS)
        )

    def show(self, data: Shown) -> None:
        """Show them, and work out the price again where what is missing may have changed."""
        self._data = data
        source = BatchSource(self.store, data.batches, self.host.clock())
        self.query_one("#batches", VirtualTable).set_source(source, keep=True)
        self.query_one("#events", TextPane).put(partial(distill_batches.happened, data.happened))
        self._show_plan()
        self._read_batch()
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
            self._batch = int(str(event.row.key))
            self.query_one("#asked", ListingTable).set_scope(batch=self._batch)
            self._read_batch()

    def _read_batch(self) -> None:
        """Read the batch under the cursor, and show it over its requests."""
        chosen = next((each for each in (self._data.batches if self._data else ()) if each.id == self._batch), None)
        if chosen is not None:
            self._reads.do(partial(self._detail, chosen), self._show_batch, kind="batch")

    def _detail(self, batch: Batch) -> Detail:
        costs = phase_views.batch_costs(self.store, [batch.id])
        return Detail(batch, costs.get(batch.id, 0), phase_views.batch_usage(self.store, [batch.id]).get(batch.id))

    def _show_batch(self, found: Detail) -> None:
        text = distill_batches.in_full(found.batch, found.cost, found.usage, self.host.clock())
        self.query_one("#batch", Static).update(text)

    @on(VirtualTable.Selected, "#batches")
    def _batch_opened(self) -> None:
        if self.compact:
            self.action_view()
        else:
            self.query_one("#asked", ListingTable).table.focus()

    # the choices

    def action_teacher(self) -> None:
        """Choose the teacher."""
        if self._choice is not None:
            self._ask("Which teacher?", self._choice.teacher, TEACHER_HINT, _wrong_teacher, self._chose_teacher)

    def _chose_teacher(self, text: str) -> None:
        self._chose(Choice(text or REHEARSAL, self._choice.pairs if self._choice else None))

    def action_pairs(self) -> None:
        """Choose how many pairs to ask for."""
        if self._choice is not None:
            value = "" if self._choice.pairs is None else str(self._choice.pairs)
            hint = "Empty: every pair that is missing."
            self._ask("How many pairs at most?", value, hint, _wrong_pairs, self._chose_pairs)

    def _chose_pairs(self, text: str) -> None:
        if self._choice is not None:
            self._chose(replace(self._choice, pairs=int(text.replace(",", "")) if text else None))

    def action_budget(self) -> None:
        """Set the cap of this workspace."""
        if self._choice is not None and self._data is not None:
            simulated = teacher_of(self._choice.teacher).simulated
            cap = self._data.standing.cap
            value = "" if cap is None else f"{cap:.2f}"
            kind = "simulated dollars" if simulated else "dollars"
            question = f"The most that this workspace may ever spend, in {kind}?"
            self._ask(question, value, BUDGET_HINT, _wrong_budget, partial(self._set_cap, simulated))

    def _set_cap(self, simulated: bool, text: str) -> None:
        before = self._data.standing.cap if self._data else None
        amount = _amount(text)

        def put(value: float | None) -> None:
            from stratos_tui.distill.budget import set_workspace_cap

            set_workspace_cap(self.store, value, simulated=simulated)

        def undo() -> None:
            put(before)
            self.app.call_from_thread(self.reload)

        def then(_: None) -> None:
            self.did(f"cap: {'none' if amount is None else f'${amount:,.2f}'}", undo)
            self.reload()

        self.background(partial(put, amount), then, again="b")

    def _ask(
        self, question: str, value: str, hint: str, check: Callable[[str], str], then: Callable[[str], None]
    ) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                then(text.strip())

        self.app.push_screen(PromptScreen(question, value=value, hint=hint, check=check), answered)

    def _chose(self, choice: Choice) -> None:
        self._choice = choice
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
        elif distill_text.needs_budget(choice, data.standing):
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

    def action_pause(self) -> None:
        """Send nothing more, or go on."""
        if self._data is None:
            return
        paused = self._data.standing.paused

        def turn() -> None:
            from stratos_tui.distill.pausing import pause, resume

            (resume if paused else pause)(self.store)

        def then(_: None) -> None:
            self.say(
                "goes on: r sends what waits" if paused else "paused: nothing more is sent; what is out is taken in"
            )
            self.reload()

        self.background(turn, then, again="p")

    def action_ingest(self) -> None:
        """Look at the server now."""
        if self._data is None or self._choice is None:
            return
        if self._data.job is not None:
            self.say(f"job {self._data.job.id} ({self._data.job.kind}) is looking already")
            return
        arguments = ["distill", "ingest", "--teacher", self._choice.teacher]
        launch(self, arguments, f"looking at what {self._choice.teacher} has ended", again="i")

    def action_orphans(self) -> None:
        """List the server's batches that are unknown here."""
        if self._choice is None:
            return
        teacher = self._choice.teacher
        if teacher_of(teacher).way != "batches":
            self.say(f"{teacher} takes no batches: nothing of it can be unknown here")
            return
        self.say(f"asking {teacher} for its batches…")
        self.background(partial(list_orphans, self.store, teacher), partial(self._show_orphans, teacher), again="o")

    def _show_orphans(self, teacher: str, found: list[Orphan]) -> None:
        self.say("")
        self.app.push_screen(OrphansScreen(teacher, found), partial(self._wished, teacher))

    def _wished(self, teacher: str, wish: Wish | None) -> None:
        if wish is None:
            return
        what, remote_id = wish

        def then(said: str) -> None:
            self.say(said)
            self.reload()

        def go(yes: bool | None) -> None:
            if yes:
                self.background(partial(carry_out, self.store, teacher, wish), then, again="o")

        if what == "adopt":
            go(True)
        else:
            detail = "It may be somebody else's who shares the key. What it has answered is billed all the same."
            self.app.push_screen(ConfirmScreen(f"Cancel {remote_id}?", detail, yes="cancel it", no="keep it"), go)

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
    try:
        amount = _amount(text)
    except ValueError:
        return "an amount in dollars, such as 25 or 7.50, or nothing"
    return "" if amount is None or 0 < amount < 1e6 else "an amount above 0, or nothing"


def _amount(text: str) -> float | None:
    word = text.strip().lstrip("$").replace(",", "")
    return float(word) if word else None
