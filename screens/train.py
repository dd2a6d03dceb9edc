"""Phase 7, Train: preflight checks, then the run that is under way or was chosen, as it writes itself to the store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType
from textual.widgets import Static

from screens import train_text
from screens.dialogs import ConfirmScreen, PromptScreen
from screens.follow import Followed
from screens.launch import launch
from screens.render import count, literal
from screens.train_text import Checkpoint
from screens.views import ViewsScreen
from screens.widgets.curve import Curve, Line, decimate
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store import datasets, jobs, phase_views, runs
from stratos_tui.store.jobs import Job
from stratos_tui.store.pages import Record
from stratos_tui.store.phase_views import Pace
from stratos_tui.store.runs import Point, Run

NANO = "nano"
LOG = "train.log"
"""What a training process prints, in its run's folder."""
KEPT_POINTS = 400
"""A curve is kept this many buckets wide: more than any terminal has dots across."""
LOG_BYTES = 8_000
TRAIN_STYLE = Style(color="#5f87af")
EVAL_STYLE = Style(color="#d7af5f", bold=True)
NOTHING = "No run yet. p checks the newest dataset, r trains the nano student on it."


@dataclass(frozen=True, slots=True)
class Shown:
    """A run with its telemetry, the last preflight, and the newest dataset that could be trained on."""

    run: Run | None
    train: Sequence[Point]
    held_out: Sequence[Point]
    lines: tuple[Line, ...]
    pace: Pace | None
    checkpoints: tuple[Checkpoint, ...]
    log: str
    preflight: Job | None
    dataset: int | None
    newest: Run | None
    gone: bool
    """Whether the shown run is said to be trained, and its process is not there."""


class TrainScreen(ViewsScreen[Shown]):
    """Train a student: preflight, then the loss curve and the meters of a run that goes on without this app."""

    PHASE = "train"
    HELP = (
        "A run is a process of its own: it goes on when the app is left, and this screen finds it again. p measures "
        "every preflight check, r trains the nano student on the newest dataset or resumes a stopped one, x stops it."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "train.tcss"]
    AUTO_FOCUS = "#runs VirtualTable"
    VIEWS = ("loss", "meters", "preflight", "log", "runs")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "train", tooltip="Train the nano student on the newest dataset, or resume a stopped run"),
        Binding("x", "stop", "stop", tooltip="Stop the run after its step, with a checkpoint to resume from"),
        Binding("p", "preflight", "preflight", tooltip="Measure every check that blocks a run"),
        Binding("n", "new", "other base", tooltip="Train another base: a model's folder or name"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row = Followed()
        self._drawn: int | None = None
        self._data: Shown | None = None
        self._points: dict[str, list[Point]] = {"train": [], "eval": []}
        self._points_of: int | None = None

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
                yield Curve(empty="The first step's loss will appear here.", id="loss", classes="pane")
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
        newest = phase_views.latest_run(self.store)
        run = newest if self._row.chosen is None else runs.get(self.store, self._row.chosen)
        build = datasets.latest(self.store)
        preflight = phase_views.last_job(self.store, "preflight")
        if run is None:
            return Shown(None, (), (), (), None, (), "", preflight, build.id if build else None, newest, False)
        self._read_points(run)
        train, held_out = tuple(self._points["train"]), tuple(self._points["eval"])
        lines = (
            Line("train", decimate(_curve(train), KEPT_POINTS), TRAIN_STYLE),
            Line("eval", decimate(_curve(held_out), KEPT_POINTS), EVAL_STYLE, sign="◆"),
        )
        folder = Path(run.folder) if run.folder else None
        return Shown(
            run,
            train,
            held_out,
            lines,
            phase_views.pace(self.store, run.id),
            _checkpoints(folder),
            _tail(folder),
            preflight,
            build.id if build else None,
            newest,
            _is_gone(run),
        )

    def _read_points(self, run: Run) -> None:
        """Read the points behind those that are known; a resumed run trains some steps again, so then all of them."""
        known = self._points["train"]
        if self._points_of != run.id or (known and run.step < known[-1].step):
            self._points = {"train": [], "eval": []}
            self._points_of = run.id
        for split, found in self._points.items():
            found += runs.points(
                self.store, run.id, "eval" if split == "eval" else "train", found[-1].step if found else -1
            )

    def show(self, data: Shown) -> None:
        """Write every pane."""
        self._data = data
        self._row.loaded(data.newest.id if data.newest else None, self.query_one("#runs", ListingTable))
        run = data.run
        self.set_class(run is None, "-no-run")
        self.query_one("#preflight", TextPane).put(partial(train_text.checks, data.preflight))
        if run is None:
            self.query_one("#now", Static).update(literal(NOTHING, "dim"))
            return
        top = run.id != self._drawn
        self._drawn = run.id
        now = train_text.now_line(run, data.pace, self.host.clock(), brief=self.compact, gone=data.gone)
        self.query_one("#now", Static).update(now)
        # a run that ended early ends where it ended
        until = run.total_steps if run.state in ("queued", "running") else run.step
        self.query_one("#loss", Curve).set_lines(data.lines, until=until)
        draw = partial(train_text.meters, run, data.train, data.held_out, data.pace, data.checkpoints)
        self.query_one("#meters", TextPane).put(
            lambda width: Text("\n\n").join([draw(width), train_text.recipe(run)]), top=top
        )
        log = self.query_one("#log", TextPane)
        log.put(train_text.log(data.log))
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
        if data.newest is not None and data.newest.state in ("queued", "running") and not _is_gone(data.newest):
            self.say(f"run {data.newest.id} is being trained; x stops it")
        elif data.run is not None and data.run.state != "done":
            self._offer_resume(data.run)
        else:
            self._start(NANO)

    def _offer_resume(self, run: Run) -> None:
        saved = [each for each in self._data.checkpoints if each.whole] if self._data is not None else []
        ended = run.state if run.state in ("stopped", "failed") else "lost its process"
        detail = f"It {ended} at step {count(run.step)} of {count(run.total_steps)}. {run.error}".strip()
        where = f"\nIt goes on from step {count(saved[-1].step)}." if saved else "\nIt begins again: nothing was saved."
        screen = ConfirmScreen(f"Resume run {run.id}?", detail + where, yes="resume", no="leave it")
        self.app.push_screen(screen, partial(self._resume, run.id))

    def _resume(self, run_id: int, yes: bool | None) -> None:
        if not yes:
            return

        def resume() -> int:
            from stratos_tui.training.launch import resume

            resume(self.store, run_id)
            return run_id

        self.background(resume, self._started, again="r")

    def _start(self, base: str) -> None:
        dataset = self._data.dataset if self._data is not None else None
        if dataset is None:
            self.fail("there is no dataset to train on: press 6, then r", "r")
            return

        def start() -> int:
            from stratos_tui.training.launch import start

            return start(self.store, dataset, base)

        self.background(start, self._started, again="r")

    def _started(self, run_id: int) -> None:
        self._row.newest(self.query_one("#runs", ListingTable))
        self.say(f"run {run_id} is being trained: it goes on when the app is left")
        self.reload()

    def action_new(self) -> None:
        """Train another base."""
        hint = "nano, a folder with a model's config.json, or a model's name. It must fit this machine."
        screen = PromptScreen(
            "Which base?", value=NANO, hint=hint, check=lambda text: "" if text.strip() else "name a base"
        )
        self.app.push_screen(screen, lambda text: self._start(text.strip()) if text else None)

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


def _curve(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(point.step), point.loss) for point in points if point.loss is not None]


def _is_gone(run: Run) -> bool:
    return run.state == "running" and run.pid is not None and not jobs.process_alive(run.pid)


def _checkpoints(folder: Path | None) -> tuple[Checkpoint, ...]:
    if folder is None or not folder.is_dir():
        return ()
    found = [each for each in folder.glob("checkpoint-*") if each.name.rpartition("-")[2].isdecimal()]
    known = [Checkpoint(int(each.name.rpartition("-")[2]), (each / "complete").is_file()) for each in found]
    return tuple(sorted(known, key=lambda each: each.step))


def _tail(folder: Path | None) -> str:
    """Return the end of a run's log, from its first whole line."""
    if folder is None:
        return ""
    try:
        with (folder / LOG).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_BYTES, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= LOG_BYTES else text.partition("\n")[2]
