"""Begins, resumes, stops and checks runs from the training screen: what is asked first, and what is done then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from screens import train_changes
from screens.dialogs import ConfirmScreen
from screens.launch import launch
from screens.render import count
from screens.train_changes import Failing, Known, Wanted, blocked_by
from screens.train_start import StartScreen
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job
from stratos_tui.store.runs import Run
from stratos_tui.training.recipes import NANO

if TYPE_CHECKING:
    from screens.frame import PhaseScreen
    from screens.train_data import Shown

PILOT = "pilot"
"""The check that a passed pilot satisfies."""

Begun = Callable[[Run], object]


def run(screen: PhaseScreen[Any], data: Shown, begun: Begun) -> None:
    """Ask what to train; or whether to go on with the shown run, where it was queued, stopped, killed or failed."""
    shown = data.run
    if shown is None or shown.state == "done" or blocked_by(shown):
        # what a check ended before its first step would end there again
        ask(screen, data, begun)
    else:
        question, detail, yes = _resuming(data)
        screen.app.push_screen(
            ConfirmScreen(question, detail, yes=yes, no="leave it"), partial(_resume, screen, shown, begun)
        )


def ask(screen: PhaseScreen[Any], data: Shown, begun: Begun) -> None:
    """Ask what to train, beginning with what the shown run was made of, and with what that changes."""
    shown = data.run
    blocked = blocked_by(shown) if shown is not None else None
    dataset = shown.dataset_id if shown is not None and blocked is not None else data.dataset
    if dataset is None:
        screen.fail("there is no dataset to train on: press 6, then r", "r")
        return

    def then(known: Known) -> None:
        _form(screen, begun, data.preflight, blocked, known)

    screen.background(lambda: train_changes.read(screen.store, dataset, shown), then, again="r")


def measure(screen: PhaseScreen[Any], dataset: int, base: str, settings: Mapping[str, object]) -> None:
    """Have every preflight check measured by a process of its own."""
    words = ["train", "preflight", *train_changes.arguments(dataset, base, settings)]
    launch(screen, words, f"checking {base} on dataset {dataset}: loading the training stack takes a moment", again="p")


def stop(screen: PhaseScreen[Any], shown: Run) -> None:
    """Ask a run's process to stop after its step; a run that no process trains is closed."""

    def work() -> Run | None:
        from stratos_tui.training import launch as launcher

        launcher.stop(screen.store, shown.id)
        return runs.get(screen.store, shown.id)

    def then(found: Run | None) -> None:
        if found is not None and found.state == "stopped":
            screen.say(f"run {found.id} is closed: no process trained it; r starts it again")
        else:
            screen.say(f"run {shown.id} stops after its step and keeps a checkpoint; r resumes it")
        screen.reload()

    screen.background(work, then, again="x")


def _resuming(data: Shown) -> tuple[str, str, str]:
    """Return the question before a run goes on, what is said under it, and what the answer does."""
    assert data.telling is not None
    shown = data.telling.run
    if data.telling.standing == "waiting" and not shown.folder:
        return f"Start run {shown.id}?", "No process trains it: it was left to `accelerate launch`.", "start it here"
    saved = [each for each in data.telling.checkpoints if each.whole]
    ended = shown.state if shown.state in ("stopped", "failed") else "lost its process"
    detail = f"It {ended} at step {count(shown.step)} of {count(shown.total_steps)}. {shown.error}".strip()
    where = f"\nIt goes on from step {count(saved[-1].step)}." if saved else "\nIt begins again: nothing was saved."
    return f"Resume run {shown.id}?", detail + where, "resume"


def _resume(screen: PhaseScreen[Any], shown: Run, begun: Begun, yes: bool | None) -> None:
    if not yes:
        return

    def work() -> Run:
        from stratos_tui.training import launch as launcher

        launcher.resume(screen.store, shown.id)
        return _known(screen.store, shown.id)

    screen.background(work, begun, again="r")


def _form(screen: PhaseScreen[Any], begun: Begun, job: Job | None, blocked: Failing | None, known: Known) -> None:
    base = known.last.base if known.last is not None else NANO
    piloted = blocked is not None and blocked.name == PILOT
    wanted = Wanted(base, known.replaced.settings, known.replaced.allowed, piloted)

    def measure_these(these: Wanted) -> None:
        measure(screen, known.build.id, these.base, these.settings)

    form = StartScreen(known, wanted, measure_these, job=job, blocked=blocked)
    screen.app.push_screen(form, partial(_start, screen, known, begun))


def _start(screen: PhaseScreen[Any], known: Known, begun: Begun, wanted: Wanted | None) -> None:
    if wanted is None:
        return

    def work() -> Run:
        from stratos_tui.training import launch as launcher
        from stratos_tui.training import pilot

        begin = pilot.start if wanted.pilot else launcher.start
        # the form shows the whole of it: what is not named there goes back to the recipe's own
        replaced = train_changes.overrides(known, wanted)
        return _known(screen.store, begin(screen.store, known.build.id, wanted.base, replaced))

    screen.background(work, begun, again="r")


def _known(store: Store, run_id: int) -> Run:
    found = runs.get(store, run_id)
    assert found is not None
    return found
