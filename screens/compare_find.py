"""Finding things for the comparison: an article in a window, profiles and scorers in the palette."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.command import Hit, Hits, Provider
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.render import literal, provenance
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store.pages import Record

if TYPE_CHECKING:
    from screens.compare import CompareScreen


class FindArticleScreen(ModalScreen[str | None]):
    """Find an article: type to narrow, enter twice takes it; escape gives None."""

    HELP = "Type a part of a title or source, enter goes to the list, enter takes the article under the cursor."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "leave"),
        Binding("down", "into_list", "to the list", show=False),
    ]
    CSS = """
    FindArticleScreen { align: center middle; background: $background 60%; }
    FindArticleScreen > .dialog { width: 110; max-width: 96%; height: 30; max-height: 90%; }
    """

    def compose(self) -> ComposeResult:
        """The articles' listing in a window."""
        with Vertical(classes="dialog"):
            yield Static(literal("Compare which article?", "bold"))
            yield ListingTable(
                "articles",
                [Column("title", 30, flex=3), Column("source", 14, flex=1, drop=1), Column("type", 8, drop=2)],
                _cells,
                empty="No articles. Press 3, then i to import a file.",
            )

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(ListingTable).action_filter()

    def on_click(self, event: events.Click) -> None:
        """A click beside the window closes it."""
        if event.widget is self:
            self.dismiss(None)

    def action_into_list(self) -> None:
        """Go from the filter to the rows."""
        self.query_one(ListingTable).table.focus()

    def action_back(self) -> None:
        """Close without a choice."""
        self.dismiss(None)

    @on(VirtualTable.Selected)
    def _take(self, event: VirtualTable.Selected) -> None:
        self.dismiss(str(event.row.key))


class CompareCommands(Provider):
    """The palette's way to put a profile on a side, or to change the scorer."""

    async def search(self, query: str) -> Hits:
        """Offer what matches, the best first."""
        matcher = self.matcher(query)
        for words, command in self._commands():
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), command, help="compare")

    def _commands(self) -> Sequence[tuple[str, Callable[[], None]]]:
        screen = cast("CompareScreen", self.screen)
        choices = screen.choices
        if choices is None:
            return []
        found: list[tuple[str, Callable[[], None]]] = []
        for profile_id in choices.profiles:
            found.append((f"Left: {profile_id}", partial(screen.use_profile, "left", profile_id)))
            found.append((f"Right: {profile_id}", partial(screen.use_profile, "right", profile_id)))
        for name in choices.scorers:
            found.append((f"Scorer: {provenance(name).plain}", partial(screen.use_scorer, name)))
        return found


def _cells(record: Record) -> Sequence[str | Text]:
    return (record["title"], record["source"], record["source_type"])
