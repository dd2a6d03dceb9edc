"""The three lines around every screen: the phases above; what runs, and the keys that work here, below."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.keys import key_to_character
from textual.screen import Screen
from textual.widget import Widget

from screens.host import Phase, host
from screens.render import DIM, WARN, ago, count, dollars, duration, meter, one_line
from stratos_tui.store.jobs import Job
from stratos_tui.store.overview import Activity, Spend

SPINNER = "⣾⣽⣻⢿⡿⣟⣯⣷"


@dataclass(frozen=True, slots=True)
class _Zone:
    """Cells of a line that answer a click."""

    start: int
    end: int
    act: str


class _Line(Widget):
    """One line of text in which some cells can be clicked."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "_Line { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._zones: list[_Zone] = []

    def on_click(self, event: events.Click) -> None:
        """Do what the cells under the mouse stand for."""
        for zone in self._zones:
            if zone.start <= event.x < zone.end:
                self.clicked(zone.act)
                return

    def clicked(self, act: str) -> None:
        """Answer a click on the zone ``act``."""


class PhaseBar(_Line):
    """The phases by number, the one that is shown standing out. Press its number, ``[`` or ``]``, or click it."""

    HELP = "The phases of the pipeline, left to right. Press a number, or [ and ] for the neighbours, or click."
    DEFAULT_CSS = "PhaseBar { background: $panel; color: $text-muted; }"

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    def render(self) -> Text:
        """Draw the bar, with short titles where the long ones do not fit."""
        phases = host(self).phases
        width = self.size.width
        for head, short in (("stratos", False), ("", False), ("stratos", True), ("", True)):
            line, zones = self._draw(phases, head, short)
            if line.cell_len <= width:
                break
        self._zones = zones
        return line

    def _draw(self, phases: tuple[Phase, ...], head: str, short: bool) -> tuple[Text, list[_Zone]]:
        line = Text(f" {head} " if head else "", style="bold", no_wrap=True, end="")
        zones = []
        for phase in phases:
            here = phase.name == self._current
            title = phase.title if here or not short else phase.short
            start = line.cell_len
            line.append(f" {phase.key} ", style="bold reverse" if here else "dim")
            line.append(f"{title} ", style="bold reverse" if here else "not bold")
            zones.append(_Zone(start, line.cell_len, phase.name))
        return line, zones

    def clicked(self, act: str) -> None:
        """Go to the phase."""
        host(self).go(act)


class JobLine(_Line):
    """What runs now, in one line, whatever screen is open; when nothing does, what ended last."""

    HELP = "What runs now: jobs with their progress, the training run with its step and loss, and what was spent."
    DEFAULT_CSS = "JobLine { background: $panel; color: $text-muted; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._frame = 0
        self._paces: dict[int, Pace] = {}

    def on_mount(self) -> None:
        """Follow the app's activity."""
        self.watch(self.app, "activity", self._show)

    def _show(self, activity: Activity | None) -> None:
        if activity is None:
            return
        self._frame += 1
        now = host(self).clock().timestamp()
        self._paces = {job.id: self._paces.get(job.id, Pace()) for job in activity.jobs}
        for job in activity.jobs:
            self._paces[job.id].saw(now, job.done, job.total)
        self.refresh()

    def render(self) -> Text:
        """Draw the line: jobs, batches, the run, money, then notes, cut at the right where the terminal is narrow."""
        activity = host(self).activity
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        if activity is None:
            return line
        parts = [self._job(job) for job in activity.jobs]
        if activity.batches[1]:
            parts.append(Text(f"batch {activity.batches[0]}/{activity.batches[1]}"))
        if run := activity.run:
            loss = "" if run.loss is None else f" loss {run.loss:.2f}"
            parts.append(Text(f"run {run.id} step {count(run.step)}/{count(run.total_steps)}{loss}"))
        if not parts:
            parts.append(self._idle(activity.last))
        if money := spend_text(activity.spend):
            parts.append(money)
        parts += [Text(one_line(job.note)) for job in activity.jobs if job.state == "running" and job.note]
        return Text("  │  ", style=DIM, no_wrap=True, overflow="ellipsis", end="").join(parts)

    def _job(self, job: Job) -> Text:
        if job.state == "queued":
            return Text(f"… {one_line(job.kind)} waits to start", style=DIM)
        text = Text(f"{SPINNER[self._frame % len(SPINNER)]} {one_line(job.kind)}", style="bold")
        if job.total:
            text.append(f" {meter(job.done, job.total)} {count(job.done)} of {count(job.total)}", style="not bold")
        left = self._paces[job.id].left() if job.id in self._paces else None
        if left is not None and left >= 1:
            text.append(f"  eta {duration(left)}", style="not bold")
        return text

    def _idle(self, last: Job | None) -> Text:
        if last is None:
            return Text("nothing runs", style=DIM)
        when = ago(last.ended_at, host(self).clock())
        if last.state == "failed":
            return Text(f"✗ {one_line(last.kind)} failed {when}: {one_line(last.error)}", style=WARN)
        sign = "✓" if last.state == "done" else "■"
        return Text(f"{sign} {one_line(last.kind)} {last.state} {when}", style=DIM)


class Pace:
    """How fast one job goes, from its last looks; a new total or a step back begins anew."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque(maxlen=120)

    def saw(self, at: float, done: int, total: int) -> None:
        """Note a look at time ``at`` (seconds)."""
        if self._seen and (total != self._seen[-1][2] or done < self._seen[-1][1]):
            self._seen.clear()
        self._seen.append((at, done, total))

    def left(self) -> float | None:
        """Return the seconds left, None while too little is known to say."""
        if len(self._seen) < 2:
            return None
        (then, before, _), (now, done, total) = self._seen[0], self._seen[-1]
        if now - then < 2 or done <= before or total <= done:
            return None
        return (total - done) * (now - then) / (done - before)


def spend_text(spend: Spend) -> Text:
    """Return what was spent; simulated money always says so. Empty where nothing was."""
    parts = []
    if spend.paid:
        parts.append(Text(dollars(spend.paid), style="bold"))
    if spend.simulated:
        parts.append(Text(f"{dollars(spend.simulated)} simulated", style=WARN))
    return Text(" + ").join(parts)


@dataclass(frozen=True, slots=True)
class _Key:
    """One entry of the key bar: the keys as shown, what they do, and what a click on them does."""

    shown: str
    label: str
    act: str
    group: str = ""

    @property
    def cells(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.label)


class KeyBar(_Line):
    """The keys that work here, now: this screen's first, then those of what is focused. Each can be clicked.

    A screen lists its bindings by importance. What does not apply (``check_action``) is left out; where the rest is too
    much for the line, a ``Binding.Group`` becomes one entry, then the least important go, and ``? more`` says so.
    """

    HELP = "The keys that work here, now, the most important first. Each can be clicked; ? lists all of them."
    DEFAULT_CSS = "KeyBar { background: $background; color: $text-muted; padding: 0 1; }"
    ALWAYS: tuple[_Key, ...] = (_Key("?", "help", "help"), _Key("^p", "find", "command_palette"))
    MORE: tuple[_Key, ...] = (_Key("?", "more", "help"),)
    GAP = 2

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Text:
        """Draw every key where they fit, else the most important ones; help always stays at the right."""
        width = self.size.width
        keys = self._keys()
        right = self.ALWAYS
        for entries in (keys, _grouped(keys)):
            left = self._fitting(entries, width, right)
            if len(left) == len(entries):
                break
        else:
            right = self.MORE
            left = self._fitting(entries, width, right)
        line = Text(no_wrap=True, end="")
        zones: list[_Zone] = []
        ends = sum(key.cells + self.GAP for key in right) - self.GAP
        for side, at in ((left, 0), (right, max(width - ends, 0))):
            line.append(" " * max(at - line.cell_len, 0))
            for key in side:
                start = line.cell_len
                line.append(key.shown, style="bold").append(f" {key.label}")
                # zones are counted from the text; a click is counted from the widget's edge, one cell of padding before
                zones.append(_Zone(start + 1, line.cell_len + 1, key.act))
                line.append("" if key is right[-1] else " " * self.GAP)
        self._zones = zones
        return line

    def _fitting(self, entries: list[_Key], width: int, right: tuple[_Key, ...]) -> list[_Key]:
        """Return the entries that fit beside those at the right, the most important first."""
        room = width - sum(key.cells + self.GAP for key in right)
        found = []
        for key in entries:
            if key.cells <= room:
                found.append(key)
                room -= key.cells + self.GAP
        return found

    def _keys(self) -> list[_Key]:
        """Return the shown bindings, the screen's before the widgets', each as important as it was listed."""
        found = []
        seen: set[tuple[int, str]] = set()
        focused = self.screen.focused
        listed = _listed(type(self.screen))
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if not binding.show or not active.enabled or (id(active.node), binding.action) in seen:
                continue
            # in a field, letters are text, not keys
            if focused and not binding.priority and focused.check_consume_key(binding.key, _character(binding.key)):
                continue
            seen.add((id(active.node), binding.action))
            rank = 0 if active.node is self.screen else 2 if active.node is self.app else 1
            order = listed.get(binding.action, len(listed)) if rank == 0 else 0
            group = binding.group.description if binding.group else ""
            shown = self.app.get_key_display(binding)
            found.append(((rank, order), _Key(shown, binding.description, binding.key, group)))
        found.sort(key=lambda item: item[0])
        return [key for _, key in found]

    def clicked(self, act: str) -> None:
        """Press the key that was clicked, or open help or the palette."""
        if act in ("help", "command_palette"):
            self.call_later(self.app.run_action, act)
        else:
            self.app.simulate_key(act)


def _listed(screen: type[Screen[object]]) -> dict[str, int]:
    """Return where a screen's actions stand in its lists of bindings: its own first, then its bases'."""
    found: dict[str, int] = {}
    for base in screen.__mro__:
        for binding in base.__dict__.get("BINDINGS", ()):
            action = binding.action if isinstance(binding, Binding) else binding[1]
            found.setdefault(action, len(found))
    return found


def _grouped(keys: list[_Key]) -> list[_Key]:
    """Return the keys with each group as one entry, where its first key stood; a click on it opens the help."""
    found: list[_Key] = []
    for key in keys:
        at = next((at for at, each in enumerate(found) if key.group and each.group == key.group), None)
        if at is None:
            found.append(_Key(key.shown, key.group, "help", key.group) if key.group else key)
        else:
            found[at] = _Key(found[at].shown + key.shown, key.group, "help", key.group)
    return found


def _character(key: str) -> str | None:
    # Textual looks a slash up by a name that Unicode does not have
    return "/" if key == "slash" else key_to_character(key)
