"""The form that edits one profile, with what the lint finds beside each field while it is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select, Static, TextArea

from screens.render import DIM, WARN, one_line
from stratos_tui.errors import StratosError
from stratos_tui.profiles.files import profile_of
from stratos_tui.profiles.lint import LISTS, Finding, lint_all
from stratos_tui.records import KINDS, SENIORITIES, Profile

BLANK = Profile(id="", kind="career", role="", location="", seniority="graduate", context="")
"""What a new profile starts from."""

_HINTS = dict.fromkeys(LISTS, "one a line (alias)") | {"context": "a few sentences about the reader"}


class Field(Vertical):
    """A field's name, what is wrong with it, and the control that holds it."""

    DEFAULT_CSS = """
    Field { height: auto; margin: 0 1 1 0; width: 1fr; }
    Field > Static { height: auto; }
    Field Input, Field Select { width: 1fr; }
    Field TextArea { height: 6; padding: 0 1; }
    """

    def __init__(self, name: str, control: Widget) -> None:
        super().__init__(id=f"field-{name}")
        self._called = name
        self.control = control

    def compose(self) -> ComposeResult:
        """Its name over its control."""
        yield Static(markup=False)
        yield self.control

    def on_mount(self) -> None:
        """Nothing is wrong yet."""
        self.blame(())

    def blame(self, findings: Sequence[str]) -> None:
        """Say what is wrong with the field, or what belongs there."""
        text = Text(self._called, style="bold")
        if findings:
            text.append("\n".join(f"  ✗ {one_line(each)}" for each in findings), style=f"not bold {WARN}")
        elif hint := _HINTS.get(self._called):
            text.append(f"  {hint}", style=f"not bold {DIM}")
        self.query_one(Static).update(text)


class ProfileForm(VerticalScroll, can_focus=False):
    """A profile as fields to fill in: lists have one item a line. ``ctrl+s`` saves, escape leaves without saving."""

    HELP = (
        "The profile's fields. Tab goes to the next. What the lint finds stands beside a field while you type. "
        "ctrl+s saves; with findings it asks for a second ctrl+s. Escape leaves without saving."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", key_display="^s", tooltip="Save the profile, keeping its earlier state"),
        Binding("ctrl+t", "screen.wording", "wording", key_display="^t", tooltip="Show the prompt's next wording"),
        Binding("escape", "leave", "leave", tooltip="Leave without saving"),
    ]
    DEFAULT_CSS = """
    ProfileForm { padding: 0 1; scrollbar-size-vertical: 1; }
    ProfileForm > Horizontal { height: auto; }
    """

    class Changed(Message):
        """The profile as typed so far, and what is wrong with it: hard faults in words, and the lint's findings."""

        def __init__(self, profile: Profile, fault: str, findings: list[Finding]) -> None:
            super().__init__()
            self.profile = profile
            self.fault = fault
            self.findings = findings

        def can_replace(self, message: Message) -> bool:
            """Only the last state matters."""
            return isinstance(message, ProfileForm.Changed)

    class Saved(Message):
        """The operator wants this profile stored."""

        def __init__(self, profile: Profile, new: bool) -> None:
            super().__init__()
            self.profile = profile
            self.new = new

    class Left(Message):
        """The operator wants to leave; ``changed`` tells whether anything would be lost."""

        def __init__(self, changed: bool) -> None:
            super().__init__()
            self.changed = changed

    class Refused(Message):
        """Saving was refused, for this reason."""

        def __init__(self, reason: str) -> None:
            super().__init__()
            self.reason = reason

    def __init__(self, profile: Profile, others: Sequence[Profile], *, new: bool) -> None:
        """``others`` are the other profiles: the lint compares readers, and a new id must be none of theirs."""
        super().__init__()
        self._start = profile
        self._others = list(others)
        self._new = new
        self._warned: Profile | None = None

    def compose(self) -> ComposeResult:
        """The fields, short ones side by side."""
        start = self._start
        with Horizontal():
            yield Field("id", Input(start.id, compact=True, select_on_focus=False, disabled=not self._new))
            yield Field("kind", Select.from_values(KINDS, value=start.kind, allow_blank=False, compact=True))
            yield Field(
                "seniority", Select.from_values(SENIORITIES, value=start.seniority, allow_blank=False, compact=True)
            )
        yield Field("role", Input(start.role, compact=True, select_on_focus=False))
        yield Field("location", Input(start.location, compact=True, select_on_focus=False))
        yield Field("context", TextArea(start.context, compact=True))
        for pair in (LISTS[:2], LISTS[2:]):
            with Horizontal():
                for name in pair:
                    yield Field(name, TextArea("\n".join(getattr(start, name)), compact=True))

    def on_mount(self) -> None:
        """Begin at the first field that can be typed into, and say how things stand."""
        self.query_one("#field-id Input" if self._new else "#field-role Input").focus()
        self._tell()

    def entry(self) -> dict[str, Any]:
        """Return the fields as typed."""
        values: dict[str, Any] = {"kind": self._chosen("kind"), "seniority": self._chosen("seniority")}
        values |= {name: self._control(name, Input).value for name in ("id", "role", "location")}
        values["context"] = self._control("context", TextArea).text
        for name in LISTS:
            values[name] = [line for line in self._control(name, TextArea).text.splitlines() if line.strip()]
        return values

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed)
    def _typed(self, event: Message) -> None:
        event.stop()
        self._tell()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def action_save(self) -> None:
        """Ask for the profile to be stored, unless something is wrong that a second press must confirm."""
        profile, fault, findings = self._judge()
        if fault:
            self.post_message(self.Refused(fault))
        elif findings and self._warned != profile:
            self._warned = profile
            self._field(findings[0].field).control.focus()
            what = "this finding" if len(findings) == 1 else f"these {len(findings)} findings"
            self.post_message(self.Refused(f"not saved yet: mend {what}, or press ^s again to save as it is"))
        else:
            self.post_message(self.Saved(profile, self._new))

    def action_leave(self) -> None:
        """Ask to leave."""
        self.post_message(self.Left(self._judge()[0] != self._start))

    def _tell(self) -> None:
        profile, fault, findings = self._judge()
        wrong: dict[str, list[str]] = {}
        for finding in findings:
            wrong.setdefault(finding.field, []).append(finding.message)
        for field in self.query(Field):
            field.blame(wrong.get(str(field.id).removeprefix("field-"), ()))
        self.post_message(self.Changed(profile, fault, findings))

    def _judge(self) -> tuple[Profile, str, list[Finding]]:
        """Return the profile as far as it can be read, why it cannot be stored, and what the lint finds."""
        entry = self.entry()
        fault = ""
        try:
            profile = profile_of(entry, "profile")
        except StratosError as error:
            fault = str(error)
            profile = Profile(**(entry | {name: tuple(entry[name]) for name in LISTS}))
        if self._new and any(profile.id == other.id for other in self._others):
            fault = f"profile ({profile.id}): field id: another profile has it"
        # the lint compares readers by role and place: those who live elsewhere cost time at every key for nothing
        place = profile.location.casefold().split()
        neighbours = [other for other in self._others if other.location.casefold().split() == place]
        together = lint_all([*neighbours, profile])
        return profile, fault, [finding for finding in together if finding.profile_id == profile.id]

    def _field(self, name: str) -> Field:
        return self.query_one(f"#field-{name}", Field)

    def _control(self, name: str, kind: type[Any]) -> Any:
        return cast("Any", self._field(name).query_one(kind))

    def _chosen(self, name: str) -> str:
        return str(self._control(name, Select).value)
