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
YOURS_WIDE, YOURS = 14, 8
"""Cells of the operator's score, with a bar and without."""


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
        state, width = self.state, self.size.width
        wide = width >= WIDE
        kind = "kind".ljust(10) if wide else ""
        yours = "yours".ljust(YOURS_WIDE if wide else YOURS)
        lines = [Text(f"   {_name('profile', width)}{kind}{yours}  theirs", style=f"bold {DIM}")]
        lines += [self._line(slot, profile, width, wide) for slot, profile in enumerate(state.profiles)]
        prompt = self._prompt()
        prompt.append("\n" * (2 - len(prompt.wrap(self.app.console, max(width, 1)))))
        return Text("\n").join([*lines, Text(""), prompt, contrast(list(state.given.values()))])

    def _line(self, slot: int, profile: Profile, width: int, wide: bool) -> Text:
        state = self.state
        here = slot == state.cursor
        armed = state.entry is not None and state.entry.slot == slot
        line = Text("▌" if here else " ", no_wrap=True, overflow="crop")
        line.append(f"{key_of(slot)} ", style="bold")
        line.append(_name(profile.id, width))
        if wide:
            line.append(profile.kind.ljust(10), style=DIM)
        own, cells = state.given.get(profile.id), YOURS_WIDE if wide else YOURS
        if armed and state.entry is not None:
            line.append(f"{state.entry.typed:>4} ", style="bold reverse").append(" " * (cells - 5))
        elif own is None:
            line.append("   —".ljust(cells), style=DIM)
        else:
            line.append_text(score_text(own, cells=5 if wide else 0)).append("  ")
        line.append_text(self._theirs(profile, own, wide))
        if here:
            line.stylize(Style(bold=True))
        return line

    def _theirs(self, profile: Profile, own: int | None, wide: bool) -> Text:
        references = self.state.theirs.get(profile.id, ())
        if self.state.blind and own is None and references:
            return Text("  hidden until you have one" if wide else "  hidden", style=DIM)
        text = Text()
        for reference in references[: 2 if wide else 1]:
            differs = own is not None and abs(own - reference.tenths) >= DISAGREES_TENTHS
            text.append("≠ " if differs else "  ", style=f"bold {WARN}")
            if wide:
                text.append_text(score_text(reference.tenths, cells=0)).append(" ")
            else:
                text.append(f"{points(reference.tenths)} ")
            text.append_text(provenance(reference.source))
        return text

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
    return Text.assemble(
        ("contrast ", DIM),
        (f"{points(spread)} points", "bold"),
        (f" · {apart} of {len(given) * (len(given) - 1) // 2} pairs 2.0+ apart", DIM),
    )


def _name(name: str, width: int) -> str:
    fitted = Text(one_line(name))
    fitted.truncate(27 if width >= WIDE else max(width - 27, 12), overflow="ellipsis", pad=True)
    return f"{fitted.plain} "
