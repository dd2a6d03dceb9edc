"""The mask lens: any example of a build token by token, as a base's tokenizer sees it, and which tokens carry loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.types import CSSPathType
from textual.widgets import Static

from screens import mask_text
from screens.dialogs import HelpScreen, PromptScreen
from screens.host import Host
from screens.render import DIM, WARN, count, literal, one_line
from screens.widgets.rows import ListSource
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets

if TYPE_CHECKING:
    from stratos_tui.training.mask import Token
    from stratos_tui.training.mask_worker import MaskReader

BEHIND = 6
"""Tokens behind the prompt that are seen when one goes to its end."""
KEYS = (
    *(("n p", "example"), ("e", "by number"), ("s", "split"), ("b", "boundary")),
    *(("tab", "panes"), ("?", "help"), ("esc", "back")),
)


class MaskScreen(ModalScreen[None]):
    """One example at a time: every token with its id and a sign, the prompt and the completion as they run, the totals.

    The tokenizer is loaded once, by a process of its own that lives as long as the lens is open, so that this one stays
    light. ``position`` counts from 0, what is shown from 1.
    """

    HELP = (
        "Green tokens with a + carry loss, grey ones with a · carry none: the model learns the completion and its end "
        "of turn, never the prompt. n and p go through the examples, e goes to one by its number."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = "mask.tcss"
    AUTO_FOCUS = "#tokens"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "next example"),
        Binding("p", "step(-1)", "previous example"),
        Binding("e", "example", "example by number"),
        Binding("s", "split", "the other split"),
        Binding("b", "boundary", "where the prompt ends"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("escape,q", "leave", "back"),
    ]

    def __init__(
        self,
        dataset_id: int,
        base: str,
        settings: Mapping[str, object],
        split: Split = "train",
        position: int = 0,
    ) -> None:
        """``settings`` are those that differ from the base's own recipe."""
        super().__init__()
        self._dataset_id = dataset_id
        self._base = base
        self._settings = settings
        self._at: tuple[Split, int] = (split, position)
        self._known: dict[tuple[Split, int], list[Token]] = {}
        self._counts: dict[Split, int] = {}
        self._reader: MaskReader | None = None
        self._left = False

    @property
    def made_of(self) -> tuple[int, str, Mapping[str, object]]:
        """The build, the base and the settings that the tokens are read by."""
        return self._dataset_id, self._base, self._settings

    def compose(self) -> ComposeResult:
        """The totals, the tokens beside the two texts, and the keys."""
        with Vertical(id="lens", classes="pane"):
            yield Static("", id="totals", markup=False)
            with Horizontal():
                yield VirtualTable(mask_text.COLUMNS, empty="", markable=False, openable=False, id="tokens")
                with Vertical(id="texts"):
                    yield TextPane("prompt", id="prompt")
                    yield TextPane("completion", id="completion")
            yield Static(Text("  ").join(Text.assemble((key, "bold"), f" {what}") for key, what in KEYS), id="keys")

    def on_mount(self) -> None:
        """Show the first example."""
        from stratos_tui.training.mask_worker import MaskReader

        store = cast("Host", self.app).store
        self._reader = MaskReader(store.path.resolve(), self._dataset_id, self._base, self._settings)
        self._go(self._at)

    def on_unmount(self) -> None:
        """End the process that nobody asks any more."""
        self._left = True
        if self._reader is not None:
            self._reader.close()

    # what the keys do

    def action_step(self, by: int) -> None:
        """Show the next example, or the one before; round at the ends."""
        split, position = self._at
        if self._counts.get(split):
            self._go((split, (position + by) % self._counts[split]))

    def action_split(self) -> None:
        """Show the first example of the other split."""
        self._go(("eval" if self._at[0] == "train" else "train", 0))

    def action_example(self) -> None:
        """Ask for an example's number."""
        split, position = self._at
        last = self._counts.get(split, 0)

        def check(text: str) -> str:
            number = int(text) if text.strip().isdecimal() and len(text) < 12 else 0
            return "" if 1 <= number <= last else f"a number from 1 to {count(last)}"

        screen = PromptScreen(
            f"Which {split} example?", value=str(position + 1), hint=f"from 1 to {count(last)}", check=check
        )
        self.app.push_screen(screen, lambda text: self._go((split, int(text) - 1)) if text else None)

    def action_boundary(self) -> None:
        """Go to where the prompt ends."""
        start = mask_text.first_supervised(self._known.get(self._at, []))
        if start is not None:
            table = self.query_one("#tokens", VirtualTable)
            # so far that what comes after it is seen too
            table.move_to(start + BEHIND)
            table.move_to(start)
            table.focus()

    def action_help(self) -> None:
        """Explain the signs and keys."""
        self.app.push_screen(HelpScreen(cast("Screen[object]", self)))

    def action_leave(self) -> None:
        """Close the lens."""
        self.dismiss(None)

    # reading and showing

    def _go(self, at: tuple[Split, int]) -> None:
        self._at = at
        if at in self._known:
            self._title()
            self._show(at)
            return
        # once the tokenizer is there an example takes no longer than a look: what is shown stays until then
        if not self._known:
            self._title()
            said = "reading the tokens: the tokenizer takes a moment…"
            self.query_one("#totals", Static).update(Text(said, style=DIM))
        self.run_worker(partial(self._read, at), thread=True, exit_on_error=False, group="mask")

    def _read(self, at: tuple[Split, int]) -> None:
        """Have the tokens told by the process; in a worker thread."""
        split, position = at
        try:
            if split not in self._counts:
                self._counts[split] = datasets.count(cast("Host", self.app).store, self._dataset_id, split)
            # whoever leafs on does not wait for what was passed by
            if self._left or at != self._at or self._reader is None:
                return
            tokens = self._reader.tokens(split, position)
        except (StratosError, OSError) as error:
            self._tell(at, None, str(error))
        else:
            self._tell(at, tokens, "")

    def _tell(self, at: tuple[Split, int], tokens: list[Token] | None, error: str) -> None:
        # whoever went on to another example, or left, is told nothing of this one
        if not self._left and self.app.is_running and (tokens is not None or at == self._at):
            self.app.call_from_thread(self._told, at, tokens, error)

    def _told(self, at: tuple[Split, int], tokens: list[Token] | None, error: str) -> None:
        if tokens is not None:
            self._known[at] = tokens
        if not self.is_attached or at != self._at:
            return
        self._title()
        if tokens is None:
            self.query_one("#totals", Static).update(Text("✗ ", style=WARN).append_text(literal(error)))
            self.query_one("#tokens", VirtualTable).set_source(ListSource([]))
            for name in ("prompt", "completion"):
                self.query_one(f"#{name}", TextPane).put(Text())
        else:
            self._show(at)

    def _show(self, at: tuple[Split, int]) -> None:
        tokens = self._known[at]
        self.query_one("#totals", Static).update(mask_text.totals(tokens))
        self.query_one("#tokens", VirtualTable).set_source(ListSource(mask_text.rows(tokens)))
        for name, supervised in (("prompt", False), ("completion", True)):
            number = sum(token.supervised == supervised for token in tokens)
            sign = mask_text.SUPERVISED if supervised else mask_text.UNSUPERVISED
            said = "carry loss" if supervised else "carry none"
            pane = self.query_one(f"#{name}", TextPane)
            pane.put(mask_text.running(tokens, supervised=supervised), title=f"{sign} {count(number)} {said}", top=True)

    def _title(self) -> None:
        split, position = self._at
        of = f" of {count(self._counts[split])}" if split in self._counts else ""
        title = f"mask lens · {split} example {count(position + 1)}{of} · dataset {self._dataset_id} · {self._base}"
        self.query_one("#lens").border_title = Content(one_line(title)).markup
