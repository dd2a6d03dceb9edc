"""The form before a run: which base with which settings, and what that changes against the last run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from screens.figures import plural
from screens.render import DIM, WARN, count, literal, one_line
from stratos_tui.errors import StratosError
from stratos_tui.store import datasets, phase_views
from stratos_tui.store.datasets import Dataset
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Run

CHANGED = "bold #bd8f10"


@dataclass(frozen=True, slots=True)
class Known:
    """What a run would be made of, and the last run with the build it was made of."""

    build: Dataset
    rows: int
    last: Run | None
    last_build: Dataset | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for: a base, and the settings that are not the recipe's own."""

    base: str
    settings: dict[str, object]


def read(store: Store, dataset_id: int) -> Known:
    """Read what a run on a build is compared with."""
    build = datasets.get(store, dataset_id)
    assert build is not None
    last = phase_views.latest_run(store)
    last_build = datasets.get(store, last.dataset_id) if last is not None else None
    return Known(build, datasets.count(store, dataset_id, "train"), last, last_build)


class StartScreen(ModalScreen[Wanted | None]):
    """Ask for base and settings, and say what they change while they are typed; enter starts, escape does not."""

    HELP = (
        "What will be trained. Settings are NAME=VALUE with spaces between; what is not named is the recipe's own. "
        "The same build, base and settings are the same run."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave it")]
    CSS = """
    StartScreen { align: center middle; background: $background 60%; }
    StartScreen > .dialog { width: 84; max-width: 100%; }
    StartScreen .name { height: 1; margin: 1 0 0 0; color: $text-muted; }
    StartScreen Input { height: 1; border: none; padding: 0; margin: 0; }
    StartScreen VerticalScroll { height: auto; max-height: 12; margin: 1 0 0 0; }
    StartScreen #changes { height: auto; }
    """

    def __init__(self, known: Known, base: str) -> None:
        super().__init__()
        self._known = known
        self._base = base

    def compose(self) -> ComposeResult:
        """Base, settings, what they change, keys."""
        build = self._known.build
        question = f"Train on dataset {build.id} ({plural(self._known.rows, 'row')})?"
        with Vertical(classes="dialog"):
            yield Static(literal(question, "bold"), classes="question")
            yield Static("base: nano, a folder with a model's config.json, or a model's name", classes="name")
            yield Input(self._base, id="base", compact=True)
            yield Static("settings, as epochs=3 learning_rate=0.001; empty takes the recipe's own", classes="name")
            yield Input("", id="settings", compact=True)
            with VerticalScroll(can_focus=False):
                yield Static("", id="changes", markup=False)
            keys = (("enter", "bold"), " start    ", ("tab", "bold"), " next field    ", ("esc", "bold"), " leave it")
            yield Static(Text.assemble(*keys), classes="keys")

    def on_mount(self) -> None:
        """Say what starting as it stands would change."""
        self.query_one("#settings", Input).focus()
        self._say_changes()

    @on(Input.Changed)
    def _say_changes(self) -> None:
        try:
            wanted = self._wanted()
            said = changes(self._known, wanted)
        except StratosError as error:
            said = Text("✗ ", style=WARN).append_text(literal(str(error)))
        self.query_one("#changes", Static).update(said)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            wanted = self._wanted()
            planned_params(self._known, wanted)
        except StratosError:
            # what is wrong with it stands there already
            return
        self.dismiss(wanted)

    def action_leave(self) -> None:
        """Start nothing."""
        self.dismiss(None)

    def _wanted(self) -> Wanted:
        base = self.query_one("#base", Input).value.strip()
        if not base:
            raise StratosError("name a base")
        return Wanted(base, settings(self.query_one("#settings", Input).value))


def settings(typed: str) -> dict[str, object]:
    """Read ``NAME=VALUE NAME=VALUE`` as settings; a value that is not JSON is text.

    Raises:
        StratosError: a word without ``=``.
    """
    found: dict[str, object] = {}
    for word in typed.split():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise StratosError(f"{word}: write NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def planned_params(known: Known, wanted: Wanted) -> dict[str, Any]:
    """Return every setting of the run that would be started, as it would be stored.

    Raises:
        StratosError: a setting does not exist, or its value is of another type.
    """
    from stratos_tui.training.launch import planned

    # by way of JSON, as a stored run's settings came: a tuple is a list there
    params: dict[str, Any] = json.loads(json.dumps(planned(wanted.base, known.rows, wanted.settings).params()))
    return params


def changes(known: Known, wanted: Wanted) -> Text:
    """Return what a run would change against the last one: its build, its base, and each setting.

    Raises:
        StratosError: a setting does not exist, or its value is of another type.
    """
    params, last = planned_params(known, wanted), known.last
    if last is None:
        return Text(f"The first run: {count(len(params))} settings, all the recipe's own", style=DIM).append(
            "".join(f"\n  {name} = {params[name]}" for name in wanted.settings if name in params), style=CHANGED
        )
    found = [*_build_changes(known), *_differences({"base": last.base}, {"base": wanted.base})]
    found += _differences(_flat(last.params), _flat(params))
    if not found:
        same = f"Nothing changed since run {last.id}: the same build, base and settings are the same run"
        what = "which is done; change something to train again" if last.state == "done" else "which goes on"
        return Text(f"{same}, {what}.", style=WARN)
    text = Text.assemble((f"Changed since run {last.id}", "bold underline"))
    for name, before, after in found:
        text.append(f"\n{name}  ", style=DIM).append(before).append(" → ", style=DIM).append(after, style=CHANGED)
    return text


def _build_changes(known: Known) -> list[tuple[str, str, str]]:
    assert known.last is not None
    before, after = known.last_build, known.build
    if before is not None and before.digest == after.digest:
        return []
    was = f"{before.id} ({before.digest[:12]})" if before is not None else f"{known.last.dataset_id}, which is gone"
    return [("dataset", was, f"{after.id} ({after.digest[:12]})")]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    names = sorted({*before, *after})
    return [
        (one_line(name), _word(before, name), _word(after, name))
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those inside a shape beside the others, as ``shape.hidden``."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def _word(params: Mapping[str, Any], name: str) -> str:
    return one_line(json.dumps(params[name], ensure_ascii=False)) if name in params else "—"
