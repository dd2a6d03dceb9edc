"""Writes a training run as text: where it is in one line, its meters, its preflight checks, its log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from screens.figures import decimals, facts, heading, ok_sign, percent, plural, sparkline, table
from screens.render import DIM, WARN, ago, clean, count, duration, meter, one_line
from stratos_tui.store.jobs import Job
from stratos_tui.store.runs import Point, Run

if TYPE_CHECKING:
    from screens.train_data import Checkpoint, Telling

STATE_SIGNS = {"queued": "…", "running": "▶", "done": "✓", "failed": "✗", "stopped": "■"}
STATE_STYLES = {"running": "bold #2f9e5b", "done": "#2f9e5b", "failed": "bold #d65d5d", "stopped": f"bold {WARN}"}
SILENT_SECONDS = 60
"""A running run that has not beaten for so long is worth a word: a step of a large model may take that."""

_ROOMY = 60
"""Cells from which on a check that passes says what it needs and why."""


def now_line(telling: Telling, now: datetime, *, brief: bool) -> Text:
    """Return a run's state in one line: step, bar, time left; or why it ended."""
    run, pace = telling.run, telling.pace
    text = Text().append(
        f"{STATE_SIGNS.get(run.state, '·')} run {run.id} {run.state}", style=STATE_STYLES.get(run.state, "")
    )
    if not brief:
        text.append(f"  {one_line(run.base)} on dataset {run.dataset_id}", style=DIM)
    bar = meter(run.step, run.total_steps, 10 if brief else 20)
    text.append(f"  {bar} step {count(run.step)} of {count(run.total_steps)}")
    if telling.standing == "gone":
        text.append("  its process is gone: r resumes it", style=STATE_STYLES["failed"])
    elif telling.standing == "waiting":
        text.append("  no process trains it: r starts it", style=WARN)
    elif run.state == "running":
        if run.stop_requested:
            text.append("  stopping after this step", style=WARN)
        elif pace is not None and run.total_steps:
            text.append(f"  eta {duration((run.total_steps - run.step) / pace.steps)}", style="bold")
        silent = (now - datetime.fromisoformat(run.heartbeat)).total_seconds() if run.heartbeat else 0
        if silent > SILENT_SECONDS:
            text.append(f"  silent for {duration(silent)}", style=WARN)
    elif run.ended_at:
        text.append(f"  {ago(run.ended_at, now)}", style=DIM)
    if run.error:
        text.append(f"  {one_line(run.error)}", style=STATE_STYLES["failed"])
    return text


def meters(telling: Telling, width: int) -> Text:
    """Return the numbers of a run, each with the course it took, then its checkpoints and what proves its order."""
    run, train, held_out, pace = telling.run, telling.train, telling.held_out, telling.pace
    cells = max(width - 24, 4)
    rows: list[list[str | Text]] = []
    for name, values, shown in (
        ("loss", [p.loss for p in train], decimals),
        ("eval loss", [p.loss for p in held_out], decimals),
        ("accuracy", [p.token_accuracy for p in train], percent),
        ("grad norm", [p.grad_norm for p in train], decimals),
        ("lr", [p.learning_rate for p in train], _rate),
        ("gap", [p.gap for p in telling.probes], decimals),
        ("PSR", [p.psr for p in telling.probes], percent),
    ):
        known = [value for value in values if value is not None]
        last = shown(known[-1]) if known else "—"
        rows.append([Text(name, style=DIM), Text(last, style="bold"), Text(sparkline(known, cells), style=DIM)])
    text = table(rows, "lrl", gap=1)
    last_point = train[-1] if train else None
    epochs = run.params.get("epochs")
    best = min((p for p in held_out if p.loss is not None), key=lambda p: p.loss or 0.0, default=None)
    items: list[tuple[str, str | Text]] = [
        ("epoch", f"{decimals(last_point.epoch if last_point else None)}" + (f" of {epochs}" if epochs else "")),
        *curriculum(telling, max(width - 12, 4)),
        ("tokens", count(int(last_point.tokens)) if last_point and last_point.tokens else "—"),
        ("pace", f"{pace.tokens:,.0f} tok/s · {pace.steps:,.2f} steps/s" if pace else "—"),
    ]
    if run.state == "running":
        items += [
            ("eta", duration((run.total_steps - run.step) / pace.steps) if pace and run.total_steps else "—"),
            ("process", f"{telling.memory / 1e9:,.2f} GB of memory" if telling.memory else "—"),
            *_device(last_point),
        ]
    if telling.verdict is not None:
        said = "a long run is worth its hours" if telling.verdict.ok else "start no long run: look at traces and pairs"
        items.append(("pilot", Text.assemble(ok_sign(telling.verdict.ok), f" {telling.verdict.value}: {said}")))
    if telling.replaced.allowed:
        items.append(("may fail", Text(", ".join(map(one_line, telling.replaced.allowed)), style=WARN)))
    items += [
        ("best eval", f"{decimals(best.loss)} at step {count(best.step)}" if best else "—"),
        ("saved at", _saved(telling.checkpoints)),
        ("order", run.order_digest[:16] or "proved at the end"),
    ]
    return text.append("\n").append_text(facts(items))


def brief(telling: Telling) -> Text:
    """Return the numbers that count in a line or two: for where the meters do not show."""
    run, pace = telling.run, telling.pace
    last = telling.train[-1] if telling.train else None
    known = [
        *([f"acc {percent(last.token_accuracy)}"] if last and last.token_accuracy is not None else []),
        *([f"grad {decimals(last.grad_norm)}"] if last and last.grad_norm is not None else []),
        *([f"lr {_rate(last.learning_rate)}"] if last and last.learning_rate is not None else []),
        *([f"{pace.tokens:,.0f} tok/s"] if pace is not None else []),
        *(str(value) for name, value in curriculum(telling, 4) if name == "seeing" and run.state != "done"),
        *([f"saved at {count(telling.checkpoints[-1].step)}"] if telling.checkpoints else []),
    ]
    return Text(" · ".join(known), style=DIM)


def curriculum(telling: Telling, cells: int) -> list[tuple[str, str | Text]]:
    """Return which difficulty is being seen: how far from 5.0 the scores are, and where in the order that is.

    The strip is high where scores are far from 5.0 (the easy ones), and bold as far as the epoch has come.
    """
    if not telling.curriculum or not telling.train or telling.train[-1].epoch is None:
        return []
    at, parts = telling.train[-1].epoch, telling.curriculum
    number = math.floor(at) + 1
    if telling.run.state == "done" or at >= (telling.run.params.get("epochs") or math.inf):
        return [("seeing", "all rows were seen")]
    if number > 1 and telling.run.params.get("later_epochs", "shuffled") == "shuffled":
        return [("seeing", f"all, shuffled, epoch {number}")]
    share = at - math.floor(at)
    far = parts[min(int(share * len(parts)), len(parts) - 1)] / 10
    strip = Text(sparkline(parts, cells), style=DIM)
    strip.stylize("bold", 0, max(round(share * len(strip)), 1))
    return [("seeing", f"scores {far:.1f} from 5.0, epoch {number}"), ("easy→hard", strip)]


def checks(job: Job | None, width: int) -> Text:
    """Return the preflight checks of a job's result, the failed ones first with why they matter."""
    if job is None:
        return Text("Not checked yet: p measures everything that has ever spoiled a run.", style=DIM)
    if job.state in ("queued", "running"):
        return Text(f"checking {_about(job)}… {one_line(job.note)}", style=DIM)
    if job.state == "failed":
        return Text.assemble(("✗ the preflight could not be done: ", STATE_STYLES["failed"]), one_line(job.error))
    found: Sequence[Mapping[str, Any]] = job.result.get("checks", [])
    about = _about(job)
    failed = [check for check in found if check.get("ok") is False]
    text = Text()
    if failed:
        text.append(
            f"{count(len(failed))} of {plural(len(found), 'check')} block a run\n", style=STATE_STYLES["failed"]
        )
    else:
        text.append(f"all {plural(len(found), 'check')} pass: r trains\n", style=STATE_STYLES["done"])
    text.append(f"{about}\n" if about else "", style=DIM)
    for check in failed:
        text.append_text(ok_sign(False)).append(f" {_word(check, 'name')}", style="bold")
        text.append(f"  {_word(check, 'value')}").append(f"  needs {_word(check, 'threshold')}\n", style=DIM)
        text.append(f"  {_word(check, 'why')}\n", style=DIM)
    passed = [check for check in found if check.get("ok") is not False]
    names = max((len(_word(check, "name")) for check in passed), default=0)
    for check in passed:
        line = Text.assemble(ok_sign(check.get("ok")), f" {_word(check, 'name').ljust(names)}  ", _word(check, "value"))
        line.truncate(width, overflow="ellipsis")
        text.append_text(line).append("\n")
        if width >= _ROOMY:
            why = Text(f"  needs {_word(check, 'threshold')}: {_word(check, 'why')}", style=DIM)
            why.truncate(width, overflow="ellipsis")
            text.append_text(why).append("\n")
    text.rstrip()
    return text


def log(lines: str) -> Text:
    """Return the end of a log as literal text; of a progress bar that was drawn over itself, its last state."""
    shown = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines.splitlines())
    return Text(clean(shown)) if shown.strip() else Text("Nothing was logged yet.", style=DIM)


def recipe(run: Run) -> Text:
    """Return the settings of a run."""
    known = [
        (one_line(str(name)), one_line(str(value)))
        for name, value in sorted(run.params.items())
        if value not in (None, (), [])
    ]
    return heading("settings").append("\n").append_text(facts(known)) if known else Text()


def _about(job: Job) -> str:
    """Return what a preflight measures: base, build, settings that are not the recipe's own."""
    replaced: Mapping[str, Any] = job.params.get("settings") or {}
    words = [str(job.params.get("base", "")), f"on dataset {job.params.get('dataset', '?')}"]
    return one_line(" ".join([*words, *(f"{name}={value}" for name, value in replaced.items())]))


def _device(last: Point | None) -> list[tuple[str, str]]:
    """Return the most that a run had of its GPU's memory so far, of what there is; nothing where it has none."""
    if last is None or last.device_memory is None:
        return []
    whole = f" of {last.device_total / 1e9:,.1f}" if last.device_total else ""
    return [("device", f"{last.device_memory / 1e9:,.1f}{whole} GB at most")]


def _saved(found: Sequence[Checkpoint]) -> str:
    steps = [f"{count(each.step)}" + ("" if each.whole else " (unfinished)") for each in found]
    return ", ".join(steps) if steps else "—"


def _rate(value: float) -> str:
    return f"{value:.1e}"


def _word(check: Mapping[str, Any], name: str) -> str:
    value = check.get(name)
    if value is None:
        return "—"
    return f"{value:,.4g}" if isinstance(value, float) else one_line(str(value))
