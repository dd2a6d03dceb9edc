"""Phase 2, Profiles: who articles are scored for, what the lint says of them, and the prompts they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from screens.dialogs import ConfirmScreen
from screens.frame import PhaseScreen
from screens.in_order import InOrder
from screens.render import DIM, WARN, count, literal, one_line, provenance
from screens.widgets.listing_table import ListingTable
from screens.widgets.profile_form import BLANK, ProfileForm
from screens.widgets.reading_pane import ReadingPane
from screens.widgets.rows import Column
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.prism.prompts import CANONICAL_WORDING, WORDINGS, system_prompt
from stratos_tui.profiles.lint import LISTS, Finding, lint_all
from stratos_tui.records import Profile
from stratos_tui.store import pairs, profiles
from stratos_tui.store.pages import Record
from stratos_tui.store.pairs import Usage


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every profile with who wrote it and what the lint finds."""

    profiles: dict[str, Profile]
    origins: dict[str, str]
    findings: dict[str, list[Finding]]


class ProfilesScreen(PhaseScreen[Snapshot]):
    """Who articles are scored for: edit a profile and watch its prompts change."""

    TITLE = "Profiles"
    PHASE = "profiles"
    CSS_PATH = "profiles.tcss"
    HELP = (
        "The readers that articles are scored for. The right side shows what the student is told of the one under the "
        "cursor, in each wording. An edit keeps the earlier state; u brings it back, also after a restart."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", tooltip="Edit the profile under the cursor"),
        Binding("n", "new", "new", tooltip="Write a new profile"),
        Binding("v", "wording", "wording", tooltip="Show the prompt's next wording"),
        Binding("u", "undo", "undo", tooltip="Take back the last edit of this profile"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._data: Snapshot | None = None
        self._selected = ""
        self._usage: Usage | None = None
        self._wording = CANONICAL_WORDING
        self._draft: Profile | None = None
        self._errands = InOrder(self)

    def compose_body(self) -> ComposeResult:
        """The list; under it what is known of one profile, and its prompt. The form takes the list's place."""
        yield ListingTable(
            "profiles",
            [
                Column("profile", 18, flex=2),
                Column("kind", 8, drop=2),
                Column("level", 11, drop=1),
                Column("place", 14, flex=1),
                Column("role", 20, flex=3, drop=3),
                Column("lint", 4, align="right"),
            ],
            self._cells,
            empty="No profiles. n writes one; `stratos init` loads the ten that ship.",
            id="list",
            classes="pane",
        )
        with Horizontal(id="below"):
            yield ReadingPane(id="detail", classes="pane")
            yield ReadingPane(id="prompt", classes="pane")

    # reading

    def load(self) -> Snapshot:
        """Read and lint every profile."""
        stored = profiles.load(self.store)
        findings: dict[str, list[Finding]] = {profile.id: [] for profile in stored}
        for finding in lint_all(stored):
            findings[finding.profile_id].append(finding)
        return Snapshot({profile.id: profile for profile in stored}, dict(profiles.origins(self.store)), findings)

    def show(self, data: Snapshot) -> None:
        """Show it; the list has its lint from here."""
        known, self._data = self._data, data
        if known is None or known.findings != data.findings:
            self.query_one(ListingTable).reload()
        self._look()

    def _cells(self, record: Record) -> Sequence[str | Text]:
        found = len(self._data.findings.get(record["key"], ())) if self._data else 0
        return (
            record["id"],
            record["kind"],
            record["seniority"],
            record["location"],
            record["role"],
            Text(f"✗ {found}", style=f"bold {WARN}") if found else Text("ok", style=DIM),
        )

    @on(VirtualTable.Selected)
    def _opened(self) -> None:
        self.action_edit()

    @on(VirtualTable.Highlighted)
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        key = str(event.row.key) if event.row else ""
        if key != self._selected:
            self._selected, self._usage = key, None
            self._look(top=True)

    def _look(self, *, top: bool = False) -> None:
        """Show the profile under the cursor, and read how much is stored for it."""
        profile = self._profile
        self.refresh_bindings()
        if self._draft is not None:
            return
        self._draw(top=top)
        if profile is not None:
            self._errands.do(lambda: pairs.usage(self.store, profile.id), self._counted, kind="usage")

    def _counted(self, usage: Usage) -> None:
        if usage != self._usage:
            self._usage = usage
            self._draw()

    @property
    def _profile(self) -> Profile | None:
        return self._data.profiles.get(self._selected) if self._data else None

    # drawing

    def _draw(self, *, top: bool = False) -> None:
        profile = self._profile
        detail = self.query_one("#detail", ReadingPane)
        if profile is None or self._data is None:
            detail.put(Text(""))
            detail.border_title = ""
        else:
            detail.border_title = Content(profile.id)
            detail.put(
                described(
                    profile, self._data.origins.get(profile.id, ""), self._data.findings[profile.id], self._usage
                ),
                top=top,
            )
        self._draw_prompt(profile, top=top)

    def _draw_prompt(self, profile: Profile | None, *, top: bool = False) -> None:
        pane = self.query_one("#prompt", ReadingPane)
        canonical = " · used at inference" if self._wording == CANONICAL_WORDING else ""
        pane.border_title = f"system prompt, wording {self._wording + 1} of {WORDINGS}{canonical}"
        pane.put(literal(system_prompt(profile, self._wording)) if profile else Text(""), top=top)

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what does not apply: a form takes every key but those of its own."""
        if action in ("edit", "new", "undo"):
            return self._draft is None and (action == "new" or self._profile is not None)
        if action == "wording":
            return self._draft is not None or self._profile is not None
        return super().check_action(action, parameters)

    def action_wording(self) -> None:
        """Show the next wording; where only one pane fits, the prompt takes the profile's place, and gives it back."""
        if self.has_class("-narrow") and not self.has_class("-prompt") and self._draft is None:
            self.add_class("-prompt")
        else:
            self._wording = (self._wording + 1) % WORDINGS
            self.set_class(self._wording != CANONICAL_WORDING and self._draft is None, "-prompt")
        self._draw_prompt(self._draft or self._profile, top=True)

    def action_edit(self) -> None:
        """Open the form on the profile under the cursor."""
        if self._profile is not None:
            self._open(self._profile, new=False)

    def action_new(self) -> None:
        """Open an empty form."""
        self._open(BLANK, new=True)

    def action_undo(self) -> None:
        """Take back the last edit of the profile under the cursor."""
        if (profile := self._profile) is not None:
            self.background(lambda: profiles.undo(self.store, profile.id), lambda done: self._undone(profile, done))

    def _undone(self, profile: Profile, done: bool) -> None:
        self.say(f"✓ {profile.id} is as it was before" if done else f"{profile.id} has no earlier state")
        self.reload()

    def action_back(self) -> None:
        """Leave the form, or clear the notice."""
        if self._draft is not None:
            self.query_one(ProfileForm).action_leave()
        else:
            super().action_back()

    # the form

    def _open(self, profile: Profile, *, new: bool) -> None:
        others = [other for other in self._data.profiles.values() if other.id != profile.id] if self._data else []
        self.say("")
        self._draft = profile
        self.add_class("-editing")
        form = ProfileForm(profile, others, new=new)
        form.add_class("pane")
        form.border_title = Content("new profile" if new else f"edit {profile.id}")
        self.query_one("#below").mount(form, before=0)

    def _close(self) -> None:
        self._draft = None
        self.remove_class("-editing")
        self.query_one(ProfileForm).remove()
        self.query_one(ListingTable).table.focus()
        self._look()

    @on(ProfileForm.Changed)
    def _typed(self, event: ProfileForm.Changed) -> None:
        if self._draft is not None:
            self._draft = event.profile
            self._draw_prompt(event.profile)

    @on(ProfileForm.Refused)
    def _refused(self, event: ProfileForm.Refused) -> None:
        self.fail(event.reason)

    @on(ProfileForm.Left)
    def _left(self, event: ProfileForm.Left) -> None:
        def answered(leave: bool | None) -> None:
            if leave and self._draft is not None:
                self._close()

        if event.changed:
            self.app.push_screen(
                ConfirmScreen("Leave without saving?", "What was typed is lost.", yes="leave", no="go on editing"),
                answered,
            )
        else:
            self._close()

    @on(ProfileForm.Saved)
    def _save(self, event: ProfileForm.Saved) -> None:
        profile = event.profile
        self.background(
            lambda: profiles.save(self.store, profile, "operator"),
            lambda changed: self._saved(profile, changed, event.new),
            again="^s",
        )

    def _saved(self, profile: Profile, changed: bool, new: bool) -> None:
        self._close()
        if not changed:
            self.say(f"{profile.id}: nothing had changed")
        else:
            words = f"✓ {profile.id} is stored"
            self.say(words if new else f"{words} · u brings the earlier state back")
        if new:
            self.query_one(ListingTable).go_to(profile.id)
        self.reload()


def described(profile: Profile, origin: str, findings: Sequence[Finding], usage: Usage | None) -> Group:
    """Return what a profile says, what the lint finds in it, and how much is stored for it."""
    head = Text.assemble((one_line(profile.role), "bold"), "\n")
    head.append(" · ".join((profile.kind, profile.seniority, one_line(profile.location), origin)), style=DIM)
    head.append("\n").append_text(Text("…", style=DIM) if usage is None else _stored(usage))
    head.append(f"\n\n{one_line(profile.context)}\n")
    for finding in findings:
        head.append(f"\n✗ {finding.field} {one_line(finding.message)}", style=WARN)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=DIM)
    grid.add_column()
    if findings:
        grid.add_row("", "")
    for name in LISTS:
        grid.add_row(name, Text(", ").join(Text(one_line(item)) for item in getattr(profile, name)) or Text("—"))
    return Group(head, grid)


def _stored(usage: Usage) -> Text:
    parts = [
        Text.assemble((count(n), "bold"), " ", provenance(source), f" {name}")
        for name, found in (("labels", usage.labels), ("traces", usage.traces), ("scores", usage.scores))
        for source, n in found.items()
    ]
    return Text(" · ").join(parts) if parts else Text("no labels, traces or scores yet", style=DIM)
