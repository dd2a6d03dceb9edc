"""Phase screens with more panes than a small terminal can show: there panes take turns, and ``v`` shows the next."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.types import CSSPathType
from textual.widget import Widget

from screens.frame import PhaseScreen

Data = TypeVar("Data")

VIEW = Binding("v", "view", "view", tooltip="Show the next pane")
"""For a screen to list where it stands by importance among its own keys."""
WIDE, TALL = 110, 34
"""Columns and lines from which on all panes of such a screen show at once."""


class ViewsScreen(PhaseScreen[Data]):
    """A phase screen whose panes named in ``VIEWS`` take turns where the terminal is small.

    The screen has the class ``-compact`` there, the pane whose turn it is ``-shown``; ``views.tcss`` hides the others.
    """

    VIEWS: ClassVar[tuple[str, ...]] = ()
    """The ids of the panes that take turns, the most useful first."""
    CSS_PATH: ClassVar[CSSPathType | None] = "views.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [VIEW]

    def on_mount(self) -> None:
        """Give the first pane its turn."""
        for pane in self._panes():
            pane.add_class("view")
            for holder in self._around(pane):
                holder.add_class("holder")
        self.turn_to(self.VIEWS[0], focus=False)

    def on_resize(self, event: events.Resize) -> None:
        """Show all panes, or one at a time, as the terminal's size has it."""
        compact = event.size.width < WIDE or event.size.height < TALL
        if compact != self.compact:
            self.set_class(compact, "-compact")
            self.refresh_bindings()
            if compact:
                self.call_after_refresh(self._keep_focus)

    @property
    def compact(self) -> bool:
        """Whether one pane shows at a time."""
        return self.has_class("-compact")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide ``v`` where every pane shows."""
        if action == "view":
            return self.compact
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """Go back to where the screen began, then clear the notice."""
        home = self.query(str(self.AUTO_FOCUS)).first(Widget)
        if self.focused is None or self.focused is home:
            super().action_back()
        elif home.focusable and home.size.area:
            home.focus()
        else:
            self.turn_to(self.VIEWS[0])

    def action_view(self) -> None:
        """Show the next pane, and let it have the keys."""
        shown = next(at for at, pane in enumerate(self._panes()) if pane.has_class("-shown"))
        self.turn_to(self.VIEWS[(shown + 1) % len(self.VIEWS)])

    def turn_to(self, name: str, *, focus: bool = True) -> None:
        """Give the pane with this id its turn, and the keys."""
        shown = self.query_one(f"#{name}")
        around = self._around(shown)
        for pane in self._panes():
            pane.set_class(pane is shown, "-shown")
        for holder in self.query(".holder"):
            holder.set_class(holder in around, "-holds")
        if focus:
            # what is hidden until now can take the focus only after it was laid out
            self.call_after_refresh(self._focus_in, shown)

    def _keep_focus(self) -> None:
        """Give the keys to the pane whose turn it is where what had them is hidden now."""
        if self.compact and (self.focused is None or not self.focused.display or self.focused.size.area == 0):
            self._focus_in(next(pane for pane in self._panes() if pane.has_class("-shown")))

    def _focus_in(self, pane: Widget) -> None:
        target = (
            pane if pane.can_focus else next((each for each in pane.query("*").results(Widget) if each.focusable), None)
        )
        if target is not None:
            target.focus()

    def _around(self, pane: Widget) -> list[Widget]:
        """Return the containers between a pane and the screen's body."""
        inside = self.query_one("#body").ancestors_with_self
        return [each for each in pane.ancestors if isinstance(each, Widget) and each not in inside]

    def _panes(self) -> list[Widget]:
        return [self.query_one(f"#{view}") for view in self.VIEWS]
