"""Phase 7, Train: preflight checks, then the run that is under way or was chosen, as it writes itself to the store."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType
from textual.widgets import Static

from screens import publishing, train_begin, train_probe, train_text
from screens.figures import plural
from screens.follow import Followed
from screens.mask import MaskScreen
from screens.render import literal
from screens.train_curves import lines, overlaid
from screens.train_data import RunReader, Shown
from screens.train_probe import ProbePane
from screens.train_start import StartScreen
from screens.views import ViewsScreen
from screens.widgets.curve import Curve
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store.pages import Record
from stratos_tui.store.runs import Run
from stratos_tui.training.recipes import NANO

NOTHING = "No run yet. p checks the newest dataset, r trains the nano student on it."


class TrainScreen(ViewsScreen[Shown]):
    """Train a student: preflight, then the loss curve and the meters of a run that goes on without this app."""

    PHASE = "train"
    HELP = (
        "A run is a process of its own: it goes on when the app is left, and this screen finds it again. p measures "
        "every preflight check, r asks what to train or resumes a stopped run, x stops it, P serves a finished one. "
        "space marks runs, and their curves are laid under the shown one's."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "train.tcss"]
    AUTO_FOCUS = "#runs VirtualTable"
    VIEWS = ("loss", "runs", "probe", "meters", "preflight", "log")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "r", "run", "train", tooltip="Ask what to train on the newest dataset, or resume a run that ended early"
        ),
        Binding("x", "stop", "stop", tooltip="Stop the run after its step, with a checkpoint to resume from"),
        Binding("p", "preflight", "check", tooltip="Measure every check that blocks a run like the shown one"),
        Binding("n", "new", "new", tooltip="Begin a run of another base, with other settings, or a pilot"),
        Binding("P", "publish", "publish", tooltip="Merge, convert and serve the shown run, once it is tried"),
        Binding("b", "roll_back", "roll back", tooltip="Make the served model before the current one current again"),
        Binding("m", "mask", "mask", tooltip="See any example token by token, and which tokens carry loss"),
        Binding(
            "c", "overlay", "compare", tooltip="Lay the marked runs' curves, or the run before's, under this one's"
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row = Followed()
        self._drawn: int | None = None
        self._data: Shown | None = None
        self._reader = RunReader()
        self._marked: tuple[int, ...] = ()
        self._overlaid = False

    def compose_body(self) -> ComposeResult:
        """The state in a line; runs over the meters at the left; the curve over preflight and log at the right."""
        yield Static("", id="now", markup=False)
        yield Static("", id="brief", markup=False)
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
        return self._reader.read(self.store, self._row.chosen, overlaid=self._marked if self._overlaid else None)

    def show(self, data: Shown) -> None:
        """Write every pane."""
        self._data = data
        self.refresh_bindings()
        self._row.loaded(data.newest.id if data.newest else None, self.query_one("#runs", ListingTable))
        telling = data.telling
        self.set_class(telling is None, "-no-run")
        self.query_one("#preflight", TextPane).put(partial(train_text.checks, data.preflight))
        for form in self.app.screen_stack:
            if isinstance(form, StartScreen):
                form.checked(data.preflight)
        if telling is None:
            self.query_one("#now", Static).update(literal(NOTHING, "dim"))
            return
        run = telling.run
        top = run.id != self._drawn
        self._drawn = run.id
        now = train_text.now_line(telling, self.host.clock(), brief=self.compact)
        if telling.probes:
            now.append("  ").append_text(train_probe.said(telling.probes[-1], data.least_gap, brief=self.compact))
        self.query_one("#now", Static).update(now)
        brief = train_text.brief(telling)
        self.query_one("#brief", Static).set_class(not brief, "-empty").update(brief)
        # a run that ended early ends where it ended
        until = run.total_steps if run.state in ("queued", "running") else run.step
        curve = self.query_one("#loss", Curve)
        curve.set_lines(lines(telling), until=until)
        curve.border_title = self._over(len(telling.rivals))
        self.query_one(ProbePane).put(telling.probes, data.least_gap, until, overlaid(telling.rivals))
        below = [publishing.served(telling.served), train_text.recipe(run)]
        draw = partial(train_text.meters, telling)
        self.query_one("#meters", TextPane).put(lambda width: Text("\n\n").join([draw(width), *below]), top=top)
        log = self.query_one("#log", TextPane)
        log.put(train_text.log(telling.log))
        log.scroll_end(animate=False)

    def _over(self, number: int) -> str:
        """Return the title of the curves: over how many other runs' they lie."""
        if not self._overlaid:
            return "loss"
        if not number:
            return "loss, no other run to lay under it"
        if not self._marked:
            return "loss, over the run before"
        return f"loss, over {number} of {plural(len(self._marked), 'marked run')}"

    @on(VirtualTable.Highlighted)
    def _choose(self, event: VirtualTable.Highlighted) -> None:
        if event.row is not None and self._row.moved_to(event.row.key, event.index):
            self.reload()

    @on(VirtualTable.Selected)
    def _opened(self) -> None:
        """Go from a run to its curves."""
        if self.compact:
            self.turn_to("loss")
        else:
            self.query_one("#loss", Curve).focus()

    @on(VirtualTable.Marked)
    def _mark(self, event: VirtualTable.Marked) -> None:
        # in the order of the numbers, so that a run keeps its letter while others come and go behind it
        self._marked = tuple(sorted(int(str(key)) for key in event.table.marks))
        self._overlaid = bool(self._marked)
        self.reload()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what the shown run allows: nothing is offered that would only be refused."""
        data = self._data
        telling = data.telling if data is not None else None
        if data is None or action not in ("run", "stop", "new", "publish", "roll_back", "mask", "overlay"):
            return super().check_action(action, parameters)
        if telling is None:
            return action == "run" or (action == "mask" and data.dataset is not None)
        match action:
            case "run" | "new":
                return data.busy is None
            case "stop":
                return telling.standing != "ended"
            case "publish":
                return telling.run.state == "done"
            case "roll_back":
                return telling.served.before is not None
            case "overlay":
                return data.runs > 1
        return True

    # what the keys do

    def action_run(self) -> None:
        """Train on the newest dataset, or go on with what ended early."""
        if self._data is not None:
            train_begin.run(self, self._data, self.begun)

    def action_new(self) -> None:
        """Begin a run, whatever is shown: of another base, with other settings, or a pilot."""
        if self._data is not None:
            train_begin.ask(self, self._data, self.begun)

    def begun(self, run: Run) -> None:
        """Show a run that was begun or resumed."""
        newest = self._data.newest if self._data is not None else None
        if newest is None or run.id >= newest.id:
            self._row.newest(self.query_one("#runs", ListingTable))
        if run.state == "done":
            self.say(f"run {run.id} is just that, and done; n begins one with other settings")
        else:
            self.say(f"run {run.id} is being trained: it goes on when the app is left")
        self.reload()

    def action_preflight(self) -> None:
        """Measure every check of a run like the shown one, or of the nano student's."""
        data = self._data
        telling = data.telling if data is not None else None
        # what a run that is over was made of is checked on what the next one would be made of
        newest = data.dataset if data is not None else None
        own = telling.run.dataset_id if telling is not None and telling.run.state != "done" else None
        dataset = own or newest
        if dataset is None:
            self.fail("there is no dataset to check: press 6, then r", "p")
            return
        if telling is None:
            train_begin.measure(self, dataset, NANO, {})
        else:
            train_begin.measure(self, dataset, telling.run.base, telling.replaced.settings)
        if self.compact:
            self.turn_to("preflight")

    def action_mask(self) -> None:
        """Open the mask lens on what the shown run is trained on, or on the newest dataset."""
        data = self._data
        if data is None:
            return
        if data.telling is not None:
            run = data.telling.run
            self.app.push_screen(MaskScreen(run.dataset_id, run.base, data.telling.replaced.settings))
        elif data.dataset is not None:
            self.app.push_screen(MaskScreen(data.dataset, NANO, {}))

    def action_overlay(self) -> None:
        """Lay the marked runs' curves under the shown one's, or the run before's where none is marked; or no longer."""
        self._overlaid = not self._overlaid
        self.reload()

    def action_publish(self) -> None:
        """Publish the shown run."""
        if self._data is not None and self._data.telling is not None:
            publishing.ask_publish(self, self._data.telling.run, self._data.telling.served)

    def action_roll_back(self) -> None:
        """Go back to the served model before the current one."""
        if self._data is not None and self._data.telling is not None:
            publishing.ask_rollback(self, self._data.telling.served)

    def action_stop(self) -> None:
        """Stop the shown run."""
        if self._data is not None and self._data.run is not None:
            train_begin.stop(self, self._data.run)
