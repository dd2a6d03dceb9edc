"""Draws one article's sheet: profiles by their keys, the operator's scores, and whoever else's beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from screens.render import DIM, WARN, one_line, provenance, score_text
from screens.widgets.score_entry import ScoreEntry
from stratos_tui.prism.bands import points
from stratos_tui.records import Profile
from stratos_tui.store.pairs import Reference

SLOTS = 10
"""Profiles on one sheet: one for each digit."""
DISAGREES_TENTHS = 20
"""Two scores of one pair that differ by as much as a contrast pair's (decisions.md, definitions)."""
WIDE = 66
"""Cells from which kinds and bars have room."""
SOURCE = 10
"""Cells of one other source's column."""


@dataclass(frozen=True, slots=True)
class SheetState:
    """What the sheet shows. ``given`` are the operator's scores in tenths.

    ``blind`` hides others' scores of a profile until the operator has given one.
    """

    profiles: tuple[Profile, ...] = ()
    given: Mapping[str, int] = field(default_factory=dict)
    theirs: Mapping[str, Sequence[Reference]] = field(default_factory=dict)
    cursor: int = 0
    entry: ScoreEntry | None = None
    blind: bool = False

    @property
    def missing(self) -> list[Profile]:
        """The profiles without a score of the operator's."""
        return [profile for profile in self.profiles if profile.id not in self.given]


def key_of(slot: int) -> str:
    """Return the digit that stands for a place on the sheet, from 0: 1 to 9, then 0."""
    return str((slot + 1) % SLOTS)


class LabelSheet(Widget):
    """One line a profile; under them, what is being typed."""

    DEFAULT_CSS = "LabelSheet { height: auto; }"

    class Picked(Message):
        """A line was clicked."""

        def __init__(self, slot: int) -> None:
            super().__init__()
            self.slot = slot

    state: reactive[SheetState] = reactive(SheetState())

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines it takes: head, profiles, a blank one, two for what is typed, and the contrast."""
        return len(self.state.profiles) + 5

    def watch_state(self, old: SheetState, new: SheetState) -> None:
        """Take more or less room where the number of profiles has changed."""
        if len(old.profiles) != len(new.profiles):
            self.refresh(layout=True)

    def on_click(self, event: events.Click) -> None:
        """Choose the profile under the mouse."""
        if 1 <= event.y <= len(self.state.profiles):
            self.post_message(self.Picked(event.y - 1))

    def render(self) -> Text:
        """Draw the sheet for the width that there is."""
        state, shape = self.state, _Shape(self.size.width)
        sources = self._sources()[: shape.sources]
        head = Text("   ", style=DIM).append(_fit("profile", shape.name))
        head.append(_fit("kind", shape.kind)).append(_fit("yours", shape.yours))
        for source in sources:
            named = provenance(source)
            named.truncate(SOURCE - 1, overflow="ellipsis", pad=True)
            head.append_text(Text.assemble(named, " "))
        lines = [head, *(self._line(slot, sources, shape) for slot in range(len(state.profiles)))]
        for line in lines:
            line.truncate(shape.width, overflow="ellipsis")
        prompt = list(self._prompt().wrap(self.app.console, shape.width))[:2]
        lines += [Text(""), *prompt, *[Text("")] * (2 - len(prompt)), contrast(list(state.given.values()))]
        return Text("\n", no_wrap=True).join(lines)

    def _sources(self) -> list[str]:
        """Return who else has scored a profile of this sheet: labels first, in the order in which they were read."""
        found = [each for profile in self.state.profiles for each in self.state.theirs.get(profile.id, ())]
        return list(dict.fromkeys(each.source for each in sorted(found, key=lambda each: each.kind != "label")))

    def _line(self, slot: int, sources: Sequence[str], shape: _Shape) -> Text:
        state, profile = self.state, self.state.profiles[slot]
        own, here = state.given.get(profile.id), slot == state.cursor
        line = Text("▌" if here else " ").append(f"{key_of(slot)} ", style="bold")
        line.append(_fit(profile.id, shape.name))
        line.append(_fit(profile.kind, shape.kind), style=DIM)
        if state.entry is not None and state.entry.slot == slot:
            line.append(f"{state.entry.typed:>4} ", style="bold reverse").append(" " * (shape.yours - 5))
        elif own is None:
            line.append("   —".ljust(shape.yours), style=DIM)
        else:
            given = score_text(own, cells=shape.bar)
            line.append_text(given).append(" " * (shape.yours - given.cell_len))
        others = {each.source: each.tenths for each in state.theirs.get(profile.id, ())}
        for source in sources:
            line.append_text(self._other(others.get(source), own))
        if here:
            line.stylize(Style(bold=True))
        return line

    def _other(self, tenths: int | None, own: int | None) -> Text:
        if tenths is None:
            return Text("     —".ljust(SOURCE), style=DIM)
        if self.state.blind and own is None:
            return Text("  hidden".ljust(SOURCE), style=DIM)
        differs = own is not None and abs(own - tenths) >= DISAGREES_TENTHS
        cell = Text("≠ " if differs else "  ", style=f"bold {WARN}")
        cell = Text.assemble(cell, score_text(tenths, cells=0))
        return cell.append(" " * (SOURCE - cell.cell_len))

    def _prompt(self) -> Text:
        state = self.state
        if state.entry is not None and state.entry.slot < len(state.profiles):
            name = one_line(state.profiles[state.entry.slot].id)
            score = state.entry.score
            taken = f"enter takes {score if '.' in score else score + '.0'}" if score else "type a score, or a band"
            return Text.assemble((f"{name} ◂ {state.entry.typed or '…'}", "bold"), (f"  {taken} · esc no score", DIM))
        rest = len(state.missing)
        if not state.profiles:
            return Text("no profiles: press 2, then n", style=DIM)
        if not rest:
            return Text("every profile here has a score", style=DIM)
        others = "all" if rest == len(state.profiles) else "the other"
        return Text(f"a profile's key, then its score or band · . noise for {others} {rest}", style=DIM)


def contrast(given: Sequence[int]) -> Text:
    """Return how far the operator's scores of one article lie apart, in points, and how many pairs contrast."""
    if len(given) < 2:
        return Text("two scores make a contrast", style=DIM)
    ordered = sorted(given)
    apart = sum(high - low >= DISAGREES_TENTHS for at, low in enumerate(ordered) for high in ordered[at + 1 :])
    spread = ordered[-1] - ordered[0]
    pairs = len(given) * (len(given) - 1) // 2
    return Text.assemble(
        ("contrast ", DIM), (f"{points(spread)} points", "bold"), (f" · {apart} of {pairs} pairs", DIM)
    )


class _Shape:
    """How many cells each column of the sheet has, in a width."""

    def __init__(self, width: int) -> None:
        self.width = max(width, 1)
        wide = width >= WIDE
        self.kind, self.yours, self.bar = (9, 13, 5) if wide else (0, 7, 0)
        self.name = 27 if wide else max(width - 3 - self.yours - SOURCE, 8)
        self.sources = max((width - 3 - self.name - self.kind - self.yours) // SOURCE, 1)


def _fit(text: str, cells: int) -> str:
    fitted = Text(one_line(text))
    fitted.truncate(max(cells - 1, 0), overflow="ellipsis", pad=True)
    return f"{fitted.plain} " if cells else ""
