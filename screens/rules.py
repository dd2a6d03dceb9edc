"""A window with the rules that judge answers: switch them and set their limits, then have all be judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.dialogs import PromptScreen
from screens.rejection_text import name_of
from screens.render import DIM, WARN, count, literal
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.distill.rulebook import LIMITS, RULES, Rule, Rules
from stratos_tui.distill.switches import limit_of, written
from stratos_tui.errors import StratosError

AROUND = 10
"""Lines of the window that are not the table's."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different: rules to switch off and on, and limits by name as a person writes them."""

    off: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)

    def back(self, rules: Rules) -> Changes:
        """Return what takes these changes back, where ``rules`` held before them."""
        return Changes(self.on, self.off, {name: written(rules.limits, name) for name in self.limits})

    def words(self) -> str:
        """Say what changes, in a few words."""
        said = [f"off: {name_of(each)}" for each in self.off] + [f"on: {name_of(each)}" for each in self.on]
        return ", ".join(said + [f"{name} {value}" for name, value in self.limits.items()])


class RulesScreen(ModalScreen[Changes | None]):
    """The rules that judge answers: ``space`` switches, ``e`` sets limits, ``enter`` applies, escape leaves."""

    HELP = (
        "The rules that judge answers, each with how many it rejects now. Space switches one, e sets its limits. Enter "
        "applies the changes: every stored answer is judged again, which costs nothing. What you decided stays. Rules "
        "without which an answer cannot be used are always on."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", "switch"),
        Binding("e", "limits", "limits"),
        Binding("enter", "apply", "apply", priority=True),
        Binding("escape", "leave", "leave"),
    ]
    CSS = """
    RulesScreen { align: center middle; background: $background 60%; }
    RulesScreen > .dialog { width: 104; max-width: 100%; height: auto; max-height: 100%; padding: 0 1; }
    RulesScreen VirtualTable { margin: 1 0 0 0; }
    RulesScreen #about { height: 2; margin: 1 0 0 0; }
    """

    def __init__(self, rules: Rules, counts: Mapping[str, int]) -> None:
        """``counts`` is how many answers each rule rejects now."""
        super().__init__()
        self._rules = rules
        self._counts = counts
        self._off = set(rules.off)
        self._limits: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The rules, what the one under the cursor finds, keys."""
        with Vertical(classes="dialog"):
            yield Static(literal("Which rules judge answers?", "bold"))
            yield VirtualTable(
                [
                    Column("rule", 16),
                    Column("", 6),
                    Column("rejects", 7, align="right"),
                    Column("limits", 20, flex=1),
                ],
                empty="no rule",
                markable=False,
                openable=False,
            )
            yield Static("", id="about", markup=False)
            keys = (("space", "bold"), " switch    ", ("e", "bold"), " limits    ", ("enter", "bold"))
            yield Static(Text.assemble(*keys, " apply and judge again    ", ("esc", "bold"), " leave"), classes="keys")

    def on_mount(self) -> None:
        """Show them: first those that can be switched."""
        self._show()
        self.query_one(VirtualTable).focus()

    def on_resize(self, event: events.Resize) -> None:
        """Give the table what the lines around it leave."""
        self.query_one(VirtualTable).styles.height = max(min(len(RULES) + 1, event.size.height - AROUND), 3)

    def _show(self) -> None:
        ordered = [*(rule for rule in RULES if not rule.hard), *(rule for rule in RULES if rule.hard)]
        rows = [Row(rule.code, self._cells(rule)) for rule in ordered]
        self.query_one(VirtualTable).set_source(ListSource(rows), keep=True)

    def _cells(self, rule: Rule) -> tuple[str | Text, ...]:
        off, was_off = rule.code in self._off, rule.code in self._rules.off
        state = Text("always", style=DIM) if rule.hard else Text("– off" if off else "✓ on")
        if off != was_off:
            state.stylize(f"bold {WARN}")
        limits = Text("  ").join(
            Text(f"{name} {self._limit(name)}", style=f"bold {WARN}" if name in self._limits else "")
            for name in rule.limits
        )
        number = self._counts.get(rule.code, 0)
        return name_of(rule.code), state, count(number) if number else "", limits

    def _limit(self, name: str) -> str:
        return self._limits.get(name) or written(self._rules.limits, name)

    @property
    def _rule(self) -> Rule | None:
        row = self.query_one(VirtualTable).row
        return next((rule for rule in RULES if row is not None and rule.code == row.key), None)

    @on(VirtualTable.Highlighted)
    def _about(self, event: VirtualTable.Highlighted) -> None:
        event.stop()
        rule = self._rule
        if rule is not None:
            why = " An answer is of no use otherwise: it cannot be switched off." if rule.hard else ""
            self.query_one("#about", Static).update(literal(f"It finds that {rule.checks}.{why}"))

    def action_switch(self) -> None:
        """Switch the rule under the cursor."""
        rule = self._rule
        if rule is not None and not rule.hard:
            self._off ^= {rule.code}
            self._show()

    def action_limits(self) -> None:
        """Set the limits of the rule under the cursor."""
        rule = self._rule
        if rule is None or not rule.limits:
            self.query_one("#about", Static).update("This rule has no limit.")
            return

        def take(text: str | None) -> None:
            if text is not None:
                for name, value in _limits(text).items():
                    self._limits.pop(name, None)
                    if value != written(self._rules.limits, name):
                        self._limits[name] = value
                self._show()

        value = " ".join(f"{name}={self._limit(name)}" for name in rule.limits)
        hint = "NAME=VALUE with spaces between; NAME=default sets one back."
        self.app.push_screen(
            PromptScreen(f"Limits of “{name_of(rule.code)}”?", value=value, hint=hint, check=_wrong), take
        )

    def action_apply(self) -> None:
        """Close with what is to change."""
        before = self._rules.off
        changes = Changes(tuple(sorted(self._off - before)), tuple(sorted(before - self._off)), dict(self._limits))
        self.dismiss(changes if changes != Changes() else None)

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)


def _limits(text: str) -> dict[str, str]:
    """Read limits; raise StratosError where one is wrong."""
    found = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or name not in LIMITS:
            raise StratosError(f"{word}: write NAME=VALUE; there are {', '.join(LIMITS)}")
        limit_of(name, value)
        found[name] = value
    return found


def _wrong(text: str) -> str:
    try:
        _limits(text)
    except StratosError as error:
        return str(error)
    return ""
