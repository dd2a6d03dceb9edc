"""Phase 1, Overview: every phase in a line, what to do next, and the whole pipeline by one key."""

from __future__ import annotations

import subprocess
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from screens.frame import PhaseScreen
from screens.host import phase_named
from screens.render import (
    DIM,
    WARN,
    absolute,
    ago,
    count,
    duration,
    literal,
    meter,
    one_line,
    parse_time,
    provenance,
    share,
)
from screens.widgets.bars import spend_text
from screens.widgets.phase_flow import PhaseFlow
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.virtual_table import VirtualTable
from stratos_tui import jobs as job_runner
from stratos_tui.store import jobs, overview
from stratos_tui.store.jobs import Job

STARTS_WITHIN = 3.0
"""Seconds in which a pipeline that cannot start has ended again."""

_JOB_SIGNS = {"queued": "…", "running": "◐", "done": "✓", "failed": "✗", "canceled": "■"}


class OverviewScreen(PhaseScreen[overview.Overview]):
    """Where every phase stands, what to do next, and the jobs. r runs the whole pipeline, to a verdict."""

    PHASE = "overview"
    CSS_PATH = "overview.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "run all", tooltip="Run the whole pipeline as a job; finished phases are not done again"),
        Binding(
            "x", "stop", "stop job", tooltip="Stop the job under the cursor, or the one that runs; what is done is kept"
        ),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[int, Job] = {}
        self._texts: dict[str, Text] = {}

    def compose_body(self) -> ComposeResult:
        """The next step, the phases, then jobs beside the verdict."""
        yield Static(id="next")
        yield PhaseFlow(id="flow")
        with Horizontal(id="lower"):
            with Vertical(id="jobs", classes="pane") as pane:
                pane.border_title = "jobs"
                yield VirtualTable(
                    [
                        Column("job", 14),
                        Column("state", 10),
                        Column("progress", 24, flex=1, drop=1),
                        Column("started", 14, drop=2),
                        Column("took", 8, align="right", drop=3),
                    ],
                    empty="No jobs yet: r runs the whole pipeline on the shipped data",
                    markable=False,
                    openable=False,
                )
                yield Static(id="job")
            with Vertical(id="verdict", classes="pane") as pane:
                pane.border_title = "last verdict"
                yield Static(id="verdict-text")

    def load(self) -> overview.Overview:
        """Read every phase's state."""
        return overview.overview(self.store)

    def show(self, data: overview.Overview) -> None:
        """Show it."""
        self._jobs = {job.id: job for job in data.jobs}
        self._put("#next", self._next(data.next))
        self.query_one(PhaseFlow).show(data.phases)
        rows = [Row(job.id, self._cells(job)) for job in data.jobs]
        self.query_one(VirtualTable).set_source(ListSource(rows), keep=True)
        self._put("#verdict-text", self._verdict(data))
        self._tell_job(self.query_one(VirtualTable).row)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer ``x`` while something runs."""
        if action == "stop":
            return any(job.state in ("queued", "running") for job in self._jobs.values())
        return super().check_action(action, parameters)

    def action_run(self) -> None:
        """Run the whole pipeline as a job of its own process."""
        if any(job.kind == "pipeline" and job.state in ("queued", "running") for job in self._jobs.values()):
            self.say("the pipeline is running already: x stops it")
            return
        self.say("the pipeline starts; it goes on if you leave")
        self.background(self._start, lambda _: self.reload(), again="r")

    def action_stop(self) -> None:
        """Ask a job to stop."""
        row = self.query_one(VirtualTable).row
        chosen = [self._jobs[row.key]] if row and isinstance(row.key, int) and row.key in self._jobs else []
        active = [job for job in (*chosen, *self._jobs.values()) if job.state in ("queued", "running")]
        if active:
            job = active[0]
            self.background(
                lambda: jobs.request_cancel(self.store, job.id),
                lambda _: self.say(f"asked {one_line(job.kind)} to stop; what is done is kept, r goes on from there"),
            )

    def on_virtual_table_highlighted(self, event: VirtualTable.Highlighted) -> None:
        """Say all there is to say of the job under the cursor."""
        self._tell_job(event.row)

    def _tell_job(self, row: Row | None) -> None:
        job = self._jobs.get(row.key) if row and isinstance(row.key, int) else None
        self._put("#job", _about(job) if job else Text())

    def _put(self, where: str, text: Text) -> None:
        """Change a text where it is another one: a new text lays the screen out anew, and this comes twice a second."""
        if self._texts.get(where) != text:
            self._texts[where] = text
            self.query_one(where, Static).update(text)

    def _start(self) -> None:
        process = job_runner.spawn(self.store, ["pipeline"])
        try:
            code = process.wait(STARTS_WITHIN)
        except subprocess.TimeoutExpired:
            return
        if code:
            self.app.call_from_thread(
                self.fail, f"the pipeline ended at once (exit code {code}); `stratos pipeline` in a shell says why", "r"
            )

    def _next(self, step: overview.NextStep) -> Text:
        phase = phase_named(self.host.phases, step.phase)
        keys = [] if phase is None or step.phase == self.PHASE else [phase.key]
        keys += [step.key] if step.key else []
        text = Text("→ ", style="bold").append_text(literal(one_line(step.sentence)))
        if keys:
            text.append("   press ", style=DIM).append(", then ".join(keys), style="bold reverse")
        return text

    def _cells(self, job: Job) -> tuple[str | Text, ...]:
        style = WARN if job.state == "failed" else DIM if job.state == "canceled" else ""
        if job.state == "failed":
            progress = literal(one_line(job.error), WARN)
        elif job.state == "running" and job.total:
            progress = literal(
                f"{meter(job.done, job.total)} {count(job.done)}/{count(job.total)} {one_line(job.note)}"
            )
        else:
            progress = literal(one_line(job.note), DIM)
        took = ""
        if job.started_at:
            end = parse_time(job.ended_at) if job.ended_at else self.host.clock()
            took = duration((end - parse_time(job.started_at)).total_seconds())
        return (
            f"{job.id} {job.kind}",
            Text(f"{_JOB_SIGNS[job.state]} {job.state}", style=style),
            progress,
            ago(job.started_at, self.host.clock()),
            took,
        )

    def _verdict(self, data: overview.Overview) -> Text:
        text = Text()
        if data.verdict is None:
            text.append("No verdict yet: r runs every phase to one.", style=DIM)
        else:
            found = data.verdict
            text.append(one_line(found.verdict).upper(), style="bold").append("  ")
            text.append_text(provenance(found.scorer)).append("\n")
            text.append(f"evaluation {found.id}, {ago(found.created_at, self.host.clock())}\n\n", style=DIM)
            if statement := found.result.get("verdict", {}).get("statement"):
                text.append_text(literal(one_line(str(statement)))).append("\n\n")
            for label, value in _figures(found.result):
                text.append(f"{label:18}", style=DIM).append(f"{value}\n")
        if money := spend_text(data.spend):
            text.append("\nspent  ", style=DIM).append_text(money)
        return text


def _about(job: Job) -> Text:
    """Return what a job was asked for and how it went, with its times in full."""
    text = Text(f"job {job.id} {one_line(job.kind)}", style="bold")
    asked = ", ".join(f"{name} {value}" for name, value in sorted(job.params.items()) if value is not None)
    if asked:
        text.append(f"  {one_line(asked)}", style="not bold")
    times = f"\nstarted {absolute(job.started_at)}" if job.started_at else "\nnot started yet"
    text.append(times + (f", ended {absolute(job.ended_at)}" if job.ended_at else ""), style=f"not bold {DIM}")
    if job.error or job.note:
        text.append("\n").append_text(literal(job.error or job.note, f"not bold {WARN if job.error else ''}"))
    return text


def _figures(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the figures of an evaluation that fit a corner, as far as it has them."""
    found = []
    for key, label in (("mae", "MAE"), ("macro_mae", "macro-MAE"), ("spearman", "Spearman ρ")):
        if isinstance(value := result.get(key), int | float):
            found.append((label, f"{value:.2f}"))
    for key, label in (("psr", "PSR"), ("direction", "direction")):
        if isinstance(value := result.get(key), int | float):
            found.append((label, share(value)))
    if isinstance(pairs := result.get("n"), int):
        failures = result.get("parse_failures")
        found.append(("pairs", count(pairs)))
        if isinstance(failures, int):
            found.append(("not parsed", count(failures)))
    return found
