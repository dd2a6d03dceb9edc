"""Small windows over a screen: a question, a line of input, a text, and help about what is focused."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.host import phase_named
from screens.render import WARN, literal

AROUND = 7
"""Lines of a window that are not its detail's: two of the question, keys, frame and space between."""


class ConfirmScreen(ModalScreen[bool]):
    """Ask before something is paid or cannot be taken back: ``y`` does it, ``n`` or escape does not.

    Push it with a callback: ``self.app.push_screen(ConfirmScreen("Submit 5,900 pairs?", detail), self._answered)``.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
        Binding("j,down", "scroll(1)", "down", show=False),
        Binding("k,up", "scroll(-1)", "up", show=False),
    ]

    def __init__(self, question: str, detail: str | Text = "", *, yes: str = "yes", no: str = "no") -> None:
        """``detail`` goes under the question (price, what is kept); ``yes`` and ``no`` say what the keys do."""
        super().__init__()
        self._question = question
        self._detail = literal(detail) if isinstance(detail, str) else detail
        self._keys = Text.assemble(("y", "bold"), f" {yes}    ", ("n", "bold"), f" {no}")

    def compose(self) -> ComposeResult:
        """Question, detail, keys."""
        with Vertical(classes="dialog confirm"):
            yield Static(literal(self._question, "bold"), classes="question")
            with VerticalScroll(classes="detail", can_focus=False):
                yield Static(self._detail)
            yield Static(self._keys, classes="keys")

    def on_resize(self, event: events.Resize) -> None:
        """Keep the keys in view: a long detail scrolls."""
        self.query_one(VerticalScroll).styles.max_height = max(event.size.height - AROUND, 1)

    def action_scroll(self, by: int) -> None:
        """Scroll the detail."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class PromptScreen(ModalScreen[str | None]):
    """Ask for one line of text; escape gives None.

    ``check`` returns what is wrong with the text, or an empty string; a wrong one stays open and says it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]

    def __init__(
        self,
        question: str,
        *,
        value: str = "",
        hint: str = "",
        check: Callable[[str], str] = lambda _text: "",
        suggester: Suggester | None = None,
    ) -> None:
        """``suggester`` completes what is typed; the right arrow takes it."""
        super().__init__()
        self._suggester = suggester
        self._question = question
        self._value = value
        self._hint = hint
        self._check = check

    def compose(self) -> ComposeResult:
        """Question, input, and a line for what is wrong."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._question, "bold"), classes="question")
            yield Input(self._value, suggester=self._suggester)
            yield Static(literal(self._hint), classes="detail")
            yield Static(Text.assemble(("enter", "bold"), " take    ", ("esc", "bold"), " cancel"), classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with the text, unless it is wrong."""
        event.stop()
        if wrong := self._check(event.value):
            self.query_one(".detail", Static).update(literal(wrong, WARN))
        else:
            self.dismiss(event.value)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class TextScreen(ModalScreen[None]):
    """A text to read; escape, enter or q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close", "close")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Title, the text, scrolling."""
        with VerticalScroll(classes="dialog help"):
            yield Static(literal(self._title, "bold"), classes="question")
            yield Static(literal(self._text), classes="detail")

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)


class HelpScreen(ModalScreen[None]):
    """What is focused, what this screen is for, and every key that works there."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "close", "close")]

    def __init__(self, about: Screen[object]) -> None:
        super().__init__()
        self._title, self._text = _about(about)

    def compose(self) -> ComposeResult:
        """The text, scrolling."""
        with VerticalScroll(classes="dialog help"):
            yield Static(literal(self._title, "bold"), classes="question")
            yield Static(self._text, classes="detail")

    def on_click(self, event: events.Click) -> None:
        """A click beside the window closes it."""
        if event.widget is self:
            self.dismiss(None)

    def action_close(self) -> None:
        """Close."""
        self.dismiss(None)


_NOISE = ("scroll_", "page_left", "page_right", "screen.copy", "app.focus", "go(")
"""Keys that Textual gives every widget and nobody asks about, and the phases' numbers, which the bar shows."""
_WRAP_CELLS = 56


def help_of(node: DOMNode) -> str:
    """Return what a widget or screen says of itself: its ``HELP``, else the first paragraph of its docstring."""
    if node.HELP:
        return " ".join(node.HELP.split())
    return " ".join((type(node).__doc__ or "").partition("\n\n")[0].split())


def _about(screen: Screen[object]) -> tuple[str, Text]:
    phase = phase_named(getattr(screen.app, "phases", ()), getattr(screen, "PHASE", ""))
    title = f"{phase.key} {phase.title}" if phase else "Help"
    text = Text()
    focused: Widget | None = screen.focused
    if focused is not None:
        text.append("Focused: ", style="bold").append(help_of(focused)).append("\n\n")
    text.append("This screen: ", style="bold").append(help_of(screen)).append("\n")
    groups: dict[str, dict[tuple[int, str], tuple[list[str], str]]] = {"this screen": {}, "here": {}, "everywhere": {}}
    for active in screen.active_bindings.values():
        binding = active.binding
        if active.enabled and binding.description and not binding.action.startswith(_NOISE):
            where = "this screen" if active.node is screen else "everywhere" if active.node is screen.app else "here"
            keys, _ = groups[where].setdefault(
                (id(active.node), binding.action), ([], binding.tooltip or binding.description)
            )
            keys.append(screen.app.get_key_display(binding))
    for where, found in groups.items():
        if found:
            text.append(f"\nKeys, {where}\n", style="bold")
        if where == "everywhere":
            text.append("  1 … 9           ", style="bold").append("the phases\n")
        for keys, what in found.values():
            shown = " ".join(sorted(keys, key=len))
            text.append("  ").append(shown + " " * max(16 - cell_len(shown), 1), style="bold")
            text.append(("\n" + " " * 18).join(wrap(what, _WRAP_CELLS))).append("\n")
    return title, text
