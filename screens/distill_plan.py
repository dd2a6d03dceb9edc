"""The form that says what a teacher is asked: whom, which pairs, as of which day, with which pilot and which bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, cast, get_args

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from screens.render import WARN, count, literal
from stratos_tui.distill.choosing import RUBRIC, Wanted
from stratos_tui.distill.pilot import SIZE
from stratos_tui.errors import StratosError
from stratos_tui.records import BANDS, Band, LabelOrigin
from stratos_tui.teachers.catalog import CLAUDE_MODELS, REHEARSAL

ORIGINS: tuple[str, ...] = get_args(LabelOrigin)
TEACHERS = (REHEARSAL, RUBRIC, *(f"claude:{model}" for model in CLAUDE_MODELS), "openai:", "ollama:")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator wants asked: whom, which pairs, how large a pilot (0: none), and what one job may spend.

    ``own`` is in dollars; None leaves the job bounded by the workspace's cap alone.
    """

    teacher: str
    wanted: Wanted = field(default_factory=Wanted)
    pilot: int = SIZE
    own: float | None = None

    @property
    def narrowed(self) -> list[str]:
        """What narrows the pairs down, in a few words each."""
        wanted = self.wanted
        said = []
        if wanted.profiles:
            said.append(", ".join(wanted.profiles) if len(wanted.profiles) < 3 else f"{len(wanted.profiles)} profiles")
        if wanted.articles:
            said.append(wanted.articles[0] if len(wanted.articles) == 1 else f"{len(wanted.articles)} articles")
        if wanted.label:
            said.append(f"labelled {wanted.label}")
        if wanted.bands:
            said.append(f"{' or '.join(wanted.bands)} by {wanted.scored_by}")
        return said + ([f"as of {wanted.as_of}"] if wanted.as_of else [])


@dataclass(frozen=True, slots=True)
class _Field:
    """One line of the form: its name, what belongs there, and what can be completed."""

    name: str
    hint: str
    known: tuple[str, ...] = ()


FIELDS = (
    _Field(
        "teacher", "rehearsal and rubric cost nothing; claude:MODEL is paid; openai:MODEL@URL, ollama:MODEL", TEACHERS
    ),
    _Field("price", "IN/OUT in dollars per million tokens, for a model without a list price; it is kept"),
    _Field("pairs", "at most how many of the missing pairs, in proportion; empty: all. What is answered stays"),
    _Field("profiles", "only these, by id, with spaces between; empty: all but imported ones"),
    _Field("articles", "only these, by id, with spaces between; empty: all"),
    _Field("label", f"only pairs with such a label: {', '.join(ORIGINS)}", ORIGINS),
    _Field("bands", f"only pairs in these bands: {', '.join(BANDS)}", BANDS),
    _Field("by", "whose bands: rubric, a teacher, or any scorer with stored scores", (RUBRIC,)),
    _Field("as of", "judge every article on this day, YYYY-MM-DD; empty: each on its own"),
    _Field("pilot", "pairs that are asked first, to measure what the rest costs; 0: no pilot"),
    _Field("job cap", "the most that this one job may spend, in dollars; empty: the workspace's cap alone"),
)


class PlanScreen(ModalScreen[Choice | None]):
    """What is to be asked, a line each; enter takes it, escape leaves it as it was."""

    HELP = (
        "What is to be asked. Tab, up and down go from line to line, the right arrow completes, enter takes all of it, "
        "escape leaves it as it was. Nothing is sent by this: r asks, with the price."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("down", "app.focus_next", "next line", show=False),
        Binding("up", "app.focus_previous", "line before", show=False),
    ]
    CSS = """
    PlanScreen { align: center middle; background: $background 60%; }
    PlanScreen > .dialog { width: 88; max-width: 100%; max-height: 100%; padding: 0 2; }
    PlanScreen Horizontal { height: 1; }
    PlanScreen .name { width: 10; color: $text-muted; }
    PlanScreen > .dialog Input, PlanScreen > .dialog Input:focus {
        height: 1; width: 1fr; border: none; padding: 0; margin: 0;
    }
    PlanScreen #first { margin: 1 0 0 0; }
    PlanScreen #said { height: 2; margin: 1 0 0 0; }
    """

    def __init__(self, choice: Choice, check: Callable[[Choice, str], object]) -> None:
        """``check`` is given the choice and a price, in a worker thread, and raises StratosError where it cannot be."""
        super().__init__()
        self._start = choice
        self._check = check

    def compose(self) -> ComposeResult:
        """A line a field, what belongs there or is wrong, keys."""
        values = written(self._start)
        with Vertical(classes="dialog"):
            yield Static(literal("What is to be asked?", "bold"), classes="question")
            for at, line in enumerate(FIELDS):
                with Horizontal(id="first" if at == 0 else None):
                    yield Static(line.name, classes="name", markup=False)
                    yield Input(
                        values[line.name],
                        compact=True,
                        select_on_focus=False,
                        suggester=SuggestFromList(line.known) if line.known else None,
                        id=_id(line.name),
                    )
            yield Static("", id="said", markup=False)
            keys = (("enter", "bold"), " take    ", ("tab", "bold"), " next line    ", ("esc", "bold"), " leave it")
            yield Static(Text.assemble(*keys), classes="keys")

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Say what belongs into the line."""
        self._say()

    @on(Input.Changed)
    def _say(self) -> None:
        focused = self.focused
        line = next((each for each in FIELDS if focused is not None and focused.id == _id(each.name)), FIELDS[0])
        try:
            read(self._values())
        except StratosError as error:
            self._wrong(str(error))
        else:
            self.query_one("#said", Static).update(literal(line.hint))

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        values = self._values()
        try:
            choice = read(values)
        except StratosError:
            # what is wrong with it stands there already
            return

        def check() -> None:
            try:
                self._check(choice, values["price"].strip())
            except StratosError as error:
                self.app.call_from_thread(self._wrong, str(error))
            else:
                self.app.call_from_thread(self.dismiss, choice)

        self.query_one("#said", Static).update("looking whether that can be asked…")
        self.run_worker(check, thread=True, exclusive=True)

    def _wrong(self, why: str) -> None:
        self.query_one("#said", Static).update(Text("✗ ", style=WARN).append_text(literal(why)))

    def _values(self) -> dict[str, str]:
        return {line.name: self.query_one(f"#{_id(line.name)}", Input).value for line in FIELDS}

    def action_leave(self) -> None:
        """Leave things as they were."""
        self.dismiss(None)


def written(choice: Choice) -> dict[str, str]:
    """Return a choice as the form's lines."""
    wanted = choice.wanted
    return {
        "teacher": choice.teacher,
        "price": "",
        "pairs": "" if wanted.limit is None else count(wanted.limit),
        "profiles": " ".join(wanted.profiles),
        "articles": " ".join(wanted.articles),
        "label": wanted.label or "",
        "bands": " ".join(wanted.bands),
        "by": wanted.scored_by,
        "as of": wanted.as_of.isoformat() if wanted.as_of else "",
        "pilot": str(choice.pilot),
        "job cap": "" if choice.own is None else f"{choice.own:.2f}",
    }


def read(values: Mapping[str, str]) -> Choice:
    """Read the form's lines.

    Raises:
        StratosError: a line is wrong; says which, and what belongs there.
    """
    bands = tuple(_words(values["bands"]))
    label = values["label"].strip()
    if unknown := [each for each in bands if each not in BANDS]:
        raise StratosError(f"bands: there is no {unknown[0]}; there are {', '.join(BANDS)}")
    if label and label not in ORIGINS:
        raise StratosError(f"label: there are {', '.join(ORIGINS)}")
    for name, wrong in (("pairs", wrong_pairs), ("job cap", wrong_budget)):
        if why := wrong(values[name]):
            raise StratosError(f"{name}: {why}")
    pilot = values["pilot"].strip() or "0"
    if not pilot.isdecimal():
        raise StratosError("pilot: a whole number, or 0 for none")
    day = values["as of"].strip()
    try:
        as_of = date.fromisoformat(day) if day else None
    except ValueError:
        raise StratosError("as of: a day as YYYY-MM-DD, or nothing") from None
    wanted = Wanted(
        limit=pairs_of(values["pairs"]),
        articles=tuple(_words(values["articles"])),
        profiles=tuple(_words(values["profiles"])),
        label=cast(LabelOrigin, label) if label else None,
        bands=cast(tuple[Band, ...], bands),
        scored_by=values["by"].strip() or RUBRIC,
        as_of=as_of,
    )
    return Choice(values["teacher"].strip() or REHEARSAL, wanted, int(pilot), amount_of(values["job cap"]))


def wrong_pairs(text: str) -> str:
    """Return what is wrong with a number of pairs, or nothing."""
    word = text.strip().replace(",", "")
    return "" if not word or (word.isdecimal() and int(word) > 0) else "a whole number above 0, or nothing"


def pairs_of(text: str) -> int | None:
    """Return a number of pairs as it was typed; None for nothing."""
    word = text.strip().replace(",", "")
    return int(word) if word else None


def wrong_budget(text: str) -> str:
    """Return what is wrong with an amount, or nothing."""
    try:
        amount = amount_of(text)
    except ValueError:
        return "an amount in dollars, such as 25 or 7.50, or nothing"
    return "" if amount is None or 0 < amount < 1e6 else "an amount above 0, or nothing"


def amount_of(text: str) -> float | None:
    """Return an amount in dollars as it was typed; None for nothing."""
    word = text.strip().lstrip("$").replace(",", "")
    return float(word) if word else None


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _id(name: str) -> str:
    return f"plan-{name.replace(' ', '-')}"
