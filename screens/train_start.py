"""The form before a run: base, settings, a pilot or all rows, which checks may fail, and what all that changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.dialogs import ConfirmScreen
from screens.figures import plural
from screens.render import DIM, WARN, literal, one_line
from screens.train_changes import Failing, Known, Wanted, changes, failing, is_about, planned_params, settings, typed
from screens.widgets.chooser import ChooseScreen
from screens.widgets.rows import Column, Row
from stratos_tui.errors import StratosError
from stratos_tui.store.jobs import Job

BAD, GOOD = "bold #d65d5d", "#2f9e5b"
CHECK_COLUMNS = (Column("check", 16), Column("", 7), Column("measured", 30, flex=1))
UNMEASURED = "p measures the checks of just this; only one that fails can be let fail"


class What(Static, can_focus=True):
    """Whether all rows are trained on or a pilot's; space changes it."""

    HELP = (
        "A pilot trains on some of the rows and then judges paired profiles. A build of more rows than that is "
        "trained on as a whole only once a pilot of it passed."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,left,right,h,l", "change", "all rows or a pilot")]
    DEFAULT_CSS = "What { height: 1; } What:focus { background: $cursor-here; }"

    pilot: reactive[bool] = reactive(False)

    class Changed(Message):
        """It is a pilot now, or no longer."""

    def __init__(self, rows: int, pilot_rows: int) -> None:
        super().__init__(markup=False, id="what")
        self._names = (
            f"train on {plural(rows, 'row')}",
            f"pilot on {plural(min(rows, pilot_rows), 'row')}, then judge it",
        )

    def render(self) -> Text:
        """Both, with a sign before the one that is chosen."""
        text = Text(no_wrap=True)
        for pilot, name in zip((False, True), self._names, strict=True):
            chosen = pilot == self.pilot
            text.append(f"{'●' if chosen else '○'} {name}   ", style="bold" if chosen else DIM)
        return text

    def watch_pilot(self) -> None:
        """Say that it changed."""
        self.post_message(self.Changed())

    def action_change(self) -> None:
        """Take the other one."""
        self.pilot = not self.pilot


class StartScreen(ModalScreen[Wanted | None]):
    """Ask what to train, and say what it changes while it is typed; enter starts, escape does not.

    ``measure`` has the checks measured; the answer comes by :meth:`checked`.
    """

    HELP = (
        "What will be trained. Settings are NAME=VALUE with spaces between; what is not named is the recipe's own. "
        "The same build, base and settings are the same run. p measures the preflight checks of just this, o lets one "
        "that fails fail, by its name: the run records that. Page down reads on where much changes."
    )
    # Textual declares it on the instance; it is never changed
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "start"),
        Binding("p", "measure", "check just this"),
        Binding("o", "allow", "let a check fail"),
        Binding("pagedown", "page(1)", "read on"),
        Binding("pageup", "page(-1)", "read back"),
        Binding("escape", "leave", "leave it"),
    ]
    CSS = """
    StartScreen { align: center middle; background: $background 60%; }
    StartScreen > .dialog { width: 84; max-width: 100%; max-height: 100%; }
    StartScreen .name { height: 1; margin: 1 0 0 0; color: $text-muted; }
    StartScreen .dialog Input { height: 1; border: none; padding: 0; margin: 0; }
    StartScreen #checks { height: auto; max-height: 3; margin: 1 0 0 0; }
    StartScreen VerticalScroll { height: auto; max-height: 12; margin: 1 0 0 0; }
    StartScreen #changes { height: auto; }
    StartScreen.-low > .dialog { padding: 0 2; }
    StartScreen.-low VerticalScroll { max-height: 6; }
    """

    def __init__(
        self,
        known: Known,
        wanted: Wanted,
        measure: Callable[[Wanted], object],
        *,
        job: Job | None,
        blocked: Failing | None,
    ) -> None:
        """``wanted`` is what it begins with, ``job`` the newest preflight; ``blocked`` is the check that ended the run
        before, if one did."""
        super().__init__()
        self._known = known
        self._begin = wanted
        self._measure = measure
        self._allowed: dict[str, None] = dict.fromkeys(wanted.allowed)
        self._blocked = blocked
        self._job = job

    def compose(self) -> ComposeResult:
        """What, base, settings, the checks, what they change, keys."""
        from stratos_tui.training.recipes import recipe_for

        build = self._known.build
        question = f"Train on dataset {build.id} ({plural(self._known.rows, 'row')})?"
        with Vertical(classes="dialog"):
            yield Static(literal(question, "bold"), classes="question")
            yield What(self._known.rows, recipe_for(self._begin.base).pilot_examples)
            yield Static("base: nano, a folder with a model's config.json, or a model's name", classes="name")
            yield Input(self._begin.base, id="base", compact=True, select_on_focus=False)
            yield Static("settings, as epochs=3 learning_rate=0.001; empty takes the recipe's own", classes="name")
            yield Input(typed(self._begin.settings), id="settings", compact=True, select_on_focus=False)
            yield Static("", id="checks", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static("", id="changes", markup=False)
            yield Static("", classes="keys", id="keys")

    def on_mount(self) -> None:
        """Say what starting as it stands would change."""
        what = self.query_one(What)
        what.pilot = self._begin.pilot
        what.focus()
        self._say()

    def checked(self, job: Job | None) -> None:
        """Take the newest preflight, whatever it measures."""
        self._job = job
        self._say()

    # what the keys do

    def action_take(self) -> None:
        """Start what stands there, unless it is wrong: what is wrong with it stands there already."""
        try:
            wanted = self._wanted()
            planned_params(self._known, wanted)
        except StratosError:
            return
        self.dismiss(wanted)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    def action_leave(self) -> None:
        """Start nothing."""
        self.dismiss(None)

    def action_page(self, by: int) -> None:
        """Scroll what changes by a screenful, wherever the keys are."""
        changes = self.query_one(VerticalScroll)
        changes.scroll_relative(y=by * changes.size.height, animate=False)

    def action_measure(self) -> None:
        """Have the checks of just this measured."""
        try:
            wanted = self._wanted()
            planned_params(self._known, wanted)
        except StratosError:
            return
        self._measure(wanted)

    def action_allow(self) -> None:
        """Ask which failing check may fail, or may no longer."""
        found = self._failing()
        if not found and not self._allowed:
            self._say(UNMEASURED)
            return
        rows = [
            Row(each.name, (each.name, "allowed" if each.name in self._allowed else "", one_line(each.value)))
            for each in found
        ]
        known = {each.name for each in found}
        rows += [Row(name, (name, "allowed", "")) for name in self._allowed if name not in known]
        screen = ChooseScreen("Which check may fail? One that is allowed is held to again", CHECK_COLUMNS, rows)
        self.app.push_screen(screen, partial(self._chosen, {each.name: each for each in found}))

    def _chosen(self, found: dict[str, Failing], name: str | None) -> None:
        if not name:
            return
        if name in self._allowed:
            del self._allowed[name]
            self._say()
            return
        check = found[name]
        detail = Text.assemble(
            ("measured  ", DIM),
            one_line(check.value),
            ("\nneeds     ", DIM),
            one_line(check.threshold),
            ("\nwhy       ", DIM),
            one_line(check.why),
            "\n\nThe run goes on although it fails, and records that it did: everybody who sees the run sees this.",
        )
        screen = ConfirmScreen(f"Let the check {name} fail?", detail, yes="let it fail", no="hold to it")
        self.app.push_screen(screen, partial(self._allow, name))

    def _allow(self, name: str, yes: bool | None) -> None:
        if yes:
            self._allowed[name] = None
            self._say()

    # what it says

    @on(Input.Changed)
    @on(What.Changed)
    def _changed(self) -> None:
        self._say()

    def on_descendant_focus(self) -> None:
        """Say which keys work here: in a field letters are text."""
        here = () if isinstance(self.focused, Input) else (("space", "pilot"), ("p", "check"), ("o", "allow"))
        keys = (("enter", "start"), *here, ("tab", "next field"), ("esc", "leave it"))
        said = Text("  ").join(Text.assemble((key, "bold"), f" {what}") for key, what in keys)
        self.query_one("#keys", Static).update(said)

    def _say(self, hint: str = "") -> None:
        try:
            wanted = self._wanted()
            said = changes(self._known, wanted)
        except StratosError as error:
            said = Text("✗ ", style=WARN).append_text(literal(str(error)))
            wanted = None
        self.query_one("#changes", Static).update(said)
        self.query_one("#checks", Static).update(self._checks(wanted, hint))

    def _checks(self, wanted: Wanted | None, hint: str) -> Text:
        """Return how the preflight of just this stands, and which checks may fail."""
        text = Text("checks  ", style=DIM)
        measured = failing(self._job, self._known.build.id, wanted) if wanted is not None else None
        found = [each for each in self._failing() if each.name not in self._allowed]
        same = self._job is not None and wanted is not None and is_about(self._job, self._known.build.id, wanted)
        if hint:
            text.append(hint, style=WARN)
        elif self._job is not None and self._job.state in ("queued", "running"):
            text.append("being measured…" if same else "others are being measured", style=DIM)
        elif self._job is not None and self._job.state == "failed" and same:
            text.append(f"✗ could not be measured: {one_line(self._job.error)}", style=BAD)
        elif found:
            text.append(f"✗ {', '.join(one_line(each.name) for each in found)}", style=BAD)
            text.append(f": {one_line(found[0].why)}" if len(found) == 1 else "", style=DIM)
        elif measured is not None:
            text.append("✓ all others pass" if self._allowed else "✓ all pass", style=GOOD)
        else:
            text.append("not measured for just this", style=DIM)
        if self._allowed:
            text.append("\nmay fail  ", style=DIM).append(", ".join(map(one_line, self._allowed)), style=WARN)
        return text

    def _failing(self) -> list[Failing]:
        """Return the checks that are known to fail: measured for just this, or by the run before."""
        try:
            found = failing(self._job, self._known.build.id, self._wanted())
        except StratosError:
            found = None
        if found is None:
            return [self._blocked] if self._blocked is not None else []
        return found

    def _wanted(self) -> Wanted:
        base = self.query_one("#base", Input).value.strip()
        if not base:
            raise StratosError("name a base")
        found = settings(self.query_one("#settings", Input).value)
        return Wanted(base, found, tuple(self._allowed), self.query_one(What).pilot)
