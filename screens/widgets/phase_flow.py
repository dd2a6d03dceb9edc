"""Every phase with its state and count: side by side from left to right, or one a line where that is too narrow."""

from __future__ import annotations

from textwrap import wrap

from rich.cells import set_cell_size
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.widget import Widget

from screens.host import host, phase_named
from screens.render import DIM, count, one_line
from stratos_tui.store.overview import PhaseState

SIGNS = {"empty": "○", "ready": "▷", "running": "◐", "done": "✓"}
_STYLES = {"empty": DIM, "ready": "bold", "running": "bold", "done": ""}
CARD_CELLS, CARD_LINES = 13, 5
"""The least width of a phase beside others, and its lines: title, state, count, and two of detail."""


class PhaseFlow(Widget):
    """The pipeline at a glance: what each phase holds and whether it waits for you. Click one to go there."""

    HELP = (
        "Each phase: ○ nothing to do it with yet, ▷ ready, ◐ running, ✓ done. Press its number or click it to go there."
    )
    ALLOW_SELECT = False
    DEFAULT_CSS = "PhaseFlow { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._phases: tuple[PhaseState, ...] = ()

    def show(self, phases: tuple[PhaseState, ...]) -> None:
        """Show these phases."""
        if phases != self._phases:
            relayout = len(phases) != len(self._phases)
            self._phases = phases
            self.refresh(layout=relayout)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Five lines side by side; else a line a phase."""
        return CARD_LINES if self._beside(width) else len(self._phases)

    def render(self) -> Text:
        """Draw the cards or the lines."""
        if not self._phases:
            return Text()
        width = self.content_size.width
        lines = self._cards(width) if self._beside(width) else [self._line(phase) for phase in self._phases]
        return Text("\n", no_wrap=True, overflow="crop", end="").join(lines)

    def on_click(self, event: events.Click) -> None:
        """Go to the phase under the mouse."""
        if self._beside(self.content_size.width):
            at = (event.x - self.styles.padding.left) // (self.content_size.width // max(len(self._phases), 1))
        else:
            at = event.y - self.styles.padding.top
        if 0 <= at < len(self._phases) and phase_named(host(self).phases, self._phases[at].name):
            host(self).go(self._phases[at].name)

    def _beside(self, width: int) -> bool:
        return width // max(len(self._phases), 1) >= CARD_CELLS

    def _title(self, phase: PhaseState) -> str:
        known = phase_named(host(self).phases, phase.name)
        return f"{known.key} {known.title}" if known else phase.name.capitalize()

    def _cards(self, width: int) -> list[Text]:
        card = width // len(self._phases)
        lines = [Text(no_wrap=True, end="") for _ in range(CARD_LINES)]
        for at, phase in enumerate(self._phases):
            style = _STYLES[phase.state]
            arrow = "→ " if at + 1 < len(self._phases) else "  "
            room = card - len(arrow)
            lines[0].append(set_cell_size(self._title(phase), card), style=f"bold {style}")
            lines[1].append(set_cell_size(f"{SIGNS[phase.state]} {phase.state}", room), style=style)
            lines[1].append(arrow, style=DIM)
            lines[2].append(set_cell_size(_holds(phase), card - 1) + " ", style=style)
            said = wrap(one_line(phase.detail), card - 1, max_lines=2, placeholder=" …")
            for line, part in zip(lines[3:], (*said, "", "")[:2], strict=True):
                line.append(set_cell_size(part, card), style=DIM)
        return lines

    def _line(self, phase: PhaseState) -> Text:
        style = _STYLES[phase.state]
        return Text.assemble(
            (f"{self._title(phase):14}", f"bold {style}"),
            (f"{SIGNS[phase.state]} {phase.state:8}", style),
            (f"{_holds(phase):20}", style),
            (one_line(phase.detail), DIM),
            no_wrap=True,
            end="",
        )


def _holds(phase: PhaseState) -> str:
    unit = phase.unit.removesuffix("s") if phase.count == 1 else phase.unit
    return f"{count(phase.count)} {unit}"
