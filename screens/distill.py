"""Phase 4, Distil: what asking a teacher costs, asking once, and watching the batches come back."""

from __future__ import annotations

from dataclasses import dataclass
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
from screens.dialogs import ConfirmScreen
from screens.distill_batches import BatchSource
from screens.distill_desk import PlanDesk
from screens.distill_text import Standing
from screens.in_order import InOrder
from screens.launch import launch
from screens.orphans import OrphansScreen, Wish, carry_out, list_orphans
from screens.render import score_text
from screens.views import VIEW, ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store import batches, distill, jobs, ledger, phase_views
from stratos_tui.store.batches import Batch
from stratos_tui.store.jobs import Job
from stratos_tui.store.pages import Record
from stratos_tui.store.phase_views import Happening, Usage, Whole
from stratos_tui.teachers.catalog import find_teacher

if TYPE_CHECKING:
    from stratos_tui.distill.orphans import Orphan

JOBS = (*jobs.ASKING, "watch", "ingest", "cancel", "pipeline")
"""Kinds of jobs that have to do with a teacher's answers."""
EVENTS = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """Where the chosen teacher's requests and money stand, every batch, what happened last, and its answers' usage."""

    standing: Standing
    batches: list[Batch]
    happened: list[Happening]
    job: Job | None
    whole: Whole


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
        "costs; e edits it, d shows the price in full. r asks once, with the price, before anything is sent. What is "
        "sent goes on without this app. Of each batch: ok is accepted, bad rejected or given up, fail an error, "
        "expired or canceled, out not back yet; think is thinking tokens, per min answers a minute. Orange money is "
        "simulated: nobody pays it."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "distill.tcss"]
    AUTO_FOCUS = "#batches"
    VIEWS = ("batches", "requests", "events")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "ask", tooltip="Ask the teacher for what is missing; asks you once, with the price"),
        Binding("e", "plan", "plan", tooltip="Edit what is asked: whom, which pairs, pilot, day, the cap of one job"),
        Binding("p", "pause", "pause", tooltip="Send nothing more, or go on sending; what is out is taken in anyway"),
        Binding("x", "cancel", "cancel", tooltip="Stop the job; without one, cancel what the teacher still has"),
        Binding("i", "ingest", "look now", tooltip="Ask the server now, and take in what has ended"),
        Binding("b", "budget", "budget", tooltip="The hard cap on what this workspace may ever spend, in dollars"),
        VIEW,
        Binding("d", "detail", "detail", tooltip="The price in full: tokens by part, every model, caching, thinking"),
        Binding("o", "orphans", "orphans", tooltip="Batches at the server that are unknown here: adopt or cancel them"),
        Binding("t", "teacher", "teacher", show=False, tooltip="Choose the teacher alone"),
        Binding("c", "pairs", "count", show=False, tooltip="Choose how many pairs to ask for at most"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._desk = PlanDesk(self, self._show_plan)
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

        choice = self._desk.begin(self.store)
        who = find_teacher(self.store, choice.teacher)
        every = batches.load(self.store)
        standing = Standing(
            teacher=who,
            pairs=phase_views.pair_count(self.store),
            totals=distill.totals(self.store, choice.teacher),
            spend=ledger.spend(self.store, simulated=who.simulated),
            in_flight=sum(
                batch.teacher == choice.teacher and batch.state not in distill_batches.CLOSED for batch in every
            ),
            cap=workspace_cap(self.store, simulated=who.simulated),
            paused=is_paused(self.store),
        )
        job, last = phase_views.active_job(self.store, *JOBS), phase_views.last_job(self.store, *JOBS)
        since = last.started_at if last is not None and last.started_at else ""
        return Shown(
            standing,
            every,
            phase_views.happenings(self.store, EVENTS),
            job,
            phase_views.whole_usage(self.store, choice.teacher, since),
        )

    def show(self, data: Shown) -> None:
        """Show them, and work out the price again where what is missing may have changed."""
        self._data = data
        source = BatchSource(self.store, data.batches, self.host.clock())
        table = self.query_one("#batches", VirtualTable)
        table.set_source(source, keep=True)
        table.border_subtitle = distill_batches.whole(data.whole)
        self.query_one("#events", TextPane).put(partial(distill_batches.happened, data.happened))
        self._desk.stands(data.standing, data.job)
        self.refresh_bindings()
        self._show_plan()
        self._read_batch()

    def _show_plan(self) -> None:
        desk = self._desk
        if self._data is not None and desk.choice is not None:
            known = (desk.choice, self._data.standing, desk.priced, self._data.job)
            self.query_one("#plan", TextPane).put(
                lambda width: distill_text.plan(*known, brief=self.compact, width=width)
            )

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

    # what the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave out what means nothing now: looking beside a job that looks, canceling where nothing is out."""
        data = self._data
        if data is not None and action == "ingest":
            return data.job is None
        if data is not None and action == "cancel":
            totals = data.standing.totals
            return bool(data.job or data.standing.in_flight or totals.open)
        return super().check_action(action, parameters)

    def action_plan(self) -> None:
        """Edit what is to be asked."""
        self._desk.edit()

    def action_detail(self) -> None:
        """Show all that is known of the price."""
        self._desk.in_full()

    def action_teacher(self) -> None:
        """Choose the teacher."""
        self._desk.choose_teacher()

    def action_pairs(self) -> None:
        """Choose how many pairs to ask for."""
        self._desk.choose_pairs()

    def action_budget(self) -> None:
        """Set the cap of this workspace."""
        self._desk.choose_cap()

    def action_run(self) -> None:
        """Work the price out and ask once."""
        self._desk.run()

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
        if self._data is None or self._desk.choice is None:
            return
        if self._data.job is not None:
            self.say(f"job {self._data.job.id} ({self._data.job.kind}) is looking already")
            return
        teacher = self._desk.choice.teacher
        launch(self, ["distill", "ingest", "--teacher", teacher], f"looking at what {teacher} has ended", again="i")

    def action_orphans(self) -> None:
        """List the server's batches that are unknown here."""
        if self._data is None:
            return
        teacher, way = self._data.standing.teacher.name, self._data.standing.teacher.way
        if way != "batches":
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
        data, choice = self._data, self._desk.choice
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
        if yes and self._desk.choice is not None:
            arguments = ["distill", "cancel", "--teacher", self._desk.choice.teacher]
            launch(self, arguments, "asking the teacher to stop; i takes in what was answered before", again="x")
