"""Phase 7, Train: preflight checks, then the run that is under way or was chosen, as it writes itself to the store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType
from textual.widgets import Static

from screens import publishing, train_probe, train_start, train_text
from screens.dialogs import ConfirmScreen
from screens.follow import Followed
from screens.launch import launch
from screens.mask import NANO, MaskScreen
from screens.render import DIM, count, literal
from screens.train_data import RunReader, Shown, Telling, is_gone
from screens.train_probe import ProbePane
from screens.train_start import Known, StartScreen, Wanted
from screens.views import ViewsScreen
from screens.widgets.curve import Curve, Line, decimate
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store import jobs, phase_views, runs
from stratos_tui.store.pages import Record
from stratos_tui.store.runs import Point, Run

KEPT_POINTS = 400
"""A curve is kept this many buckets wide: more than any terminal has dots across."""
TRAIN_STYLE = Style(color="#5f87af")
EVAL_STYLE = Style(color="#d7af5f", bold=True)
BEFORE_STYLE = Style(color=DIM)
NOTHING = "No run yet. p checks the newest dataset, r trains the nano student on it."


class TrainScreen(ViewsScreen[Shown]):
    """Train a student: preflight, then the loss curve and the meters of a run that goes on without this app."""

    PHASE = "train"
    HELP = (
        "A run is a process of its own: it goes on when the app is left, and this screen finds it again. p measures "
        "every preflight check, r asks what to train or resumes a stopped run, x stops it, P serves a finished one."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "train.tcss"]
    AUTO_FOCUS = "#runs VirtualTable"
    VIEWS = ("loss", "probe", "meters", "preflight", "log", "runs")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "train", tooltip="Train the nano student on the newest dataset, or resume a stopped run"),
        Binding("x", "stop", "stop", tooltip="Stop the run after its step, with a checkpoint to resume from"),
        Binding("p", "preflight", "preflight", tooltip="Measure every check that blocks a run"),
        Binding("n", "new", "new run", tooltip="Begin a run of another base or with other settings"),
        Binding("m", "mask", "mask", tooltip="See any example token by token, and which tokens carry loss"),
        Binding("c", "overlay", "compare", tooltip="Lay the loss of the run before this one under the curve, or not"),
        Binding("P", "publish", "publish", tooltip="Merge, convert and serve the shown run, once it is tried"),
        Binding("b", "roll_back", "roll back", tooltip="Make the served model before the current one current again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row = Followed()
        self._drawn: int | None = None
        self._data: Shown | None = None
        self._reader = RunReader()
        self._overlaid = False

    def compose_body(self) -> ComposeResult:
        """The state in a line; runs over the meters at the left; the curve over preflight and log at the right."""
        yield Static("", id="now", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield ListingTable(
                    "runs",
                    [
                        Column("#", 3, align="right"),
                        Column("base", 8, flex=1),
                        Column("state", 9),
                        Column("loss", 6, align="right"),
                    ],
                    self._cells,
                    empty="No run yet: r trains one.",
                    markable=False,
                    openable=False,
                    id="runs",
                    classes="pane",
                )
                yield TextPane("meters", id="meters")
            with Vertical(id="right"):
                with Horizontal(id="curves"):
                    yield Curve(empty="The first step's loss will appear here.", id="loss", classes="pane")
                    yield ProbePane(id="probe", classes="pane")
                with Horizontal(id="bottom"):
                    yield TextPane("preflight", id="preflight")
                    yield TextPane("log", id="log")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#runs").border_title = "runs"
        self.query_one("#loss").border_title = "loss"

    @staticmethod
    def _cells(record: Record) -> tuple[str | Text, ...]:
        state = str(record["state"])
        sign = Text(f"{train_text.STATE_SIGNS.get(state, '·')} {state}", style=train_text.STATE_STYLES.get(state, ""))
        loss = "" if record["loss"] is None else f"{record['loss']:.3f}"
        return str(record["id"]), record["base"], sign, loss

    def load(self) -> Shown:
        """Read the chosen run, or the newest, with what it wrote since the last look."""
        return self._reader.read(self.store, self._row.chosen, overlaid=self._overlaid)

    def show(self, data: Shown) -> None:
        """Write every pane."""
        self._data = data
        self._row.loaded(data.newest.id if data.newest else None, self.query_one("#runs", ListingTable))
        telling = data.telling
        self.set_class(telling is None, "-no-run")
        self.query_one("#preflight", TextPane).put(partial(train_text.checks, data.preflight))
        if telling is None:
            self.query_one("#now", Static).update(literal(NOTHING, "dim"))
            return
        run = telling.run
        top = run.id != self._drawn
        self._drawn = run.id
        now = train_text.now_line(telling, self.host.clock(), brief=self.compact)
        if telling.probes:
            now.append("  ").append_text(train_probe.said(telling.probes[-1], data.least_gap))
        self.query_one("#now", Static).update(now)
        # a run that ended early ends where it ended
        until = run.total_steps if run.state in ("queued", "running") else run.step
        curve = self.query_one("#loss", Curve)
        curve.set_lines(_lines(telling), until=until)
        over = f"over run {telling.before[0]}" if telling.before else "no run before this one"
        curve.border_title = f"loss, {over}" if self._overlaid else "loss"
        self.query_one(ProbePane).put(telling.probes, data.least_gap, until)
        below = [publishing.served(telling.served), train_text.recipe(run)]
        draw = partial(train_text.meters, telling)
        self.query_one("#meters", TextPane).put(lambda width: Text("\n\n").join([draw(width), *below]), top=top)
        log = self.query_one("#log", TextPane)
        log.put(train_text.log(telling.log))
        log.scroll_end(animate=False)

    @on(VirtualTable.Highlighted)
    def _choose(self, event: VirtualTable.Highlighted) -> None:
        if event.row is not None and self._row.moved_to(event.row.key, event.index):
            self.reload()

    # what the keys do

    def action_run(self) -> None:
        """Train on the newest dataset, or resume what was stopped."""
        data = self._data
        if data is None:
            return
        if data.newest is not None and data.newest.state in ("queued", "running") and not is_gone(data.newest):
            self.say(f"run {data.newest.id} is being trained; x stops it")
        elif data.run is not None and data.run.state != "done":
            self._offer_resume(data.run)
        else:
            self._ask(NANO)

    def _offer_resume(self, run: Run) -> None:
        telling = self._data.telling if self._data is not None else None
        saved = [each for each in telling.checkpoints if each.whole] if telling is not None else []
        ended = run.state if run.state in ("stopped", "failed") else "lost its process"
        detail = f"It {ended} at step {count(run.step)} of {count(run.total_steps)}. {run.error}".strip()
        where = f"\nIt goes on from step {count(saved[-1].step)}." if saved else "\nIt begins again: nothing was saved."
        screen = ConfirmScreen(f"Resume run {run.id}?", detail + where, yes="resume", no="leave it")
        self.app.push_screen(screen, partial(self._resume, run.id))

    def _resume(self, run_id: int, yes: bool | None) -> None:
        if not yes:
            return

        def resume() -> Run | None:
            from stratos_tui.training.launch import resume

            resume(self.store, run_id)
            return runs.get(self.store, run_id)

        self.background(resume, self._started, again="r")

    def _ask(self, base: str) -> None:
        """Ask what to train, with what that changes against the last run."""
        dataset = self._data.dataset if self._data is not None else None
        if dataset is None:
            self.fail("there is no dataset to train on: press 6, then r", "r")
            return

        def then(known: Known) -> None:
            self.app.push_screen(StartScreen(known, base), partial(self._start, dataset))

        self.background(lambda: train_start.read(self.store, dataset), then, again="r")

    def _start(self, dataset: int, wanted: Wanted | None) -> None:
        if wanted is None:
            return

        def start() -> Run | None:
            from stratos_tui.training.launch import start

            return runs.get(self.store, start(self.store, dataset, wanted.base, wanted.settings))

        self.background(start, self._started, again="r")

    def _started(self, run: Run | None) -> None:
        assert run is not None
        self._row.newest(self.query_one("#runs", ListingTable))
        if run.state == "done":
            self.say(f"run {run.id} is just that, and done; n begins one with other settings")
        else:
            self.say(f"run {run.id} is being trained: it goes on when the app is left")
        self.reload()

    def action_new(self) -> None:
        """Begin a run, whatever is shown: of another base, or with other settings."""
        data = self._data
        if data is not None and data.newest is not None and data.newest.state in ("queued", "running"):
            self.say(f"run {data.newest.id} is being trained; x stops it")
        else:
            self._ask(data.newest.base if data is not None and data.newest is not None else NANO)

    def action_preflight(self) -> None:
        """Measure every check."""
        if self._data is not None and self._data.dataset is None:
            self.fail("there is no dataset to check: press 6, then r", "p")
            return
        launch(
            self,
            ["train", "preflight", "--base", NANO],
            "checking: loading the training stack takes a moment",
            again="p",
        )

    def action_mask(self) -> None:
        """Open the mask lens on what the shown run is trained on, or on the newest dataset."""
        data = self._data
        if data is None or (data.run is None and data.dataset is None):
            self.fail("there is no dataset to look at: press 6, then r", "m")
        elif data.run is not None:
            self.app.push_screen(MaskScreen(data.run.dataset_id, data.run.base))
        elif data.dataset is not None:
            self.app.push_screen(MaskScreen(data.dataset, NANO))

    def action_overlay(self) -> None:
        """Show the loss of the run before the shown one too, or no longer."""
        self._overlaid = not self._overlaid
        self.reload()

    def action_publish(self) -> None:
        """Publish the shown run."""
        if self._data is None or self._data.telling is None:
            self.say("no run to publish yet: r trains one")
        else:
            publishing.ask_publish(self, self._data.telling.run, self._data.telling.served)

    def action_roll_back(self) -> None:
        """Go back to the served model before the current one."""
        if self._data is None or self._data.telling is None:
            self.say("nothing was published yet")
        else:
            publishing.ask_rollback(self, self._data.telling.served)

    def action_stop(self) -> None:
        """Stop the run that is under way."""
        run = self._data.newest if self._data is not None else None
        if run is None or run.state not in ("queued", "running"):
            self.say("no run is being trained")
            return

        def stop() -> None:
            runs.request_stop(self.store, run.id)
            if job := phase_views.active_job(self.store, "train"):
                jobs.request_cancel(self.store, job.id)

        said = f"run {run.id} stops after its step and keeps a checkpoint; r resumes it"
        self.background(stop, lambda _: self.say(said), again="x")


def _lines(telling: Telling) -> list[Line]:
    lines = [
        Line("train", decimate(_curve(telling.train), KEPT_POINTS), TRAIN_STYLE),
        Line("eval", decimate(_curve(telling.held_out), KEPT_POINTS), EVAL_STYLE, sign="◆"),
    ]
    if telling.before is None:
        return lines
    number, points = telling.before
    # the first is drawn first: what is shown lies over what it is compared with
    return [Line(f"run {number}", decimate(_curve(points), KEPT_POINTS), BEFORE_STYLE), *lines]


def _curve(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(point.step), point.loss) for point in points if point.loss is not None]
