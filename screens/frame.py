"""The frame around every phase's screen: phases above, then the screen's own body, what runs, and the keys.

How to write a phase screen::

    class ThingsScreen(PhaseScreen[Snapshot]):
        PHASE = "things"                         # its name in stratos_tui/app.py: PHASES
        HELP = "What this screen is for, in one or two sentences (shown by ?)."
        CSS_PATH = "things.tcss"                 # its styles, beside the module
        BINDINGS = [Binding("r", "main", "build")]   # its own keys; the label is one or two words

        def compose_body(self) -> ComposeResult: ...       # its panes
        def load(self) -> Snapshot: ...                    # in a worker thread: read the store, touch no widget
        def show(self, data: Snapshot) -> None: ...        # on the interface's thread: update widgets, read nothing

        def action_main(self) -> None:
            self.background(lambda: build(self.store), self.built, again="r")

``load`` then ``show`` run when the screen is first shown, when it is shown again, and whenever anybody (a job, another
terminal, the screen itself) commits to the store; never twice at once, and less often where loading is slow. Every
:class:`ListingTable` on the screen is refreshed at the same moments, by itself.

The screen has the class ``-narrow`` below 100 columns and ``-wide`` from there on; hide or stack panes by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from screens.host import Host
from screens.render import WARN, literal
from screens.widgets.bars import JobLine, KeyBar, PhaseBar
from screens.widgets.listing_table import ListingTable
from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled
from stratos_tui.store.db import Store

ANSWER_SECONDS = 8.0
"""How long a short answer stays; an error stays until escape or the next answer."""

Data = TypeVar("Data")
Result = TypeVar("Result")


class Notice(Static):
    """One line above the job line: an error (what happened, what was kept, which key tries again) or a short answer."""

    DEFAULT_CSS = """
    Notice { height: auto; max-height: 3; padding: 0 1; display: none; background: $surface; }
    Notice.-on { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._fade: Timer | None = None

    def say(self, text: Text | None, seconds: float | None = None) -> None:
        """Show a line, or nothing; with ``seconds`` it goes by itself."""
        if self._fade:
            self._fade.stop()
            self._fade = None
        self.set_class(text is not None, "-on")
        self.update(text or Text())
        if text is not None and seconds is not None:
            self._fade = self.set_timer(seconds, lambda: self.say(None))


class PhaseScreen(Screen[None], Generic[Data]):
    """One phase's screen inside the frame. The module's docstring shows how to write one."""

    PHASE: ClassVar[str] = ""
    AUTO_FOCUS = "#body *"
    # Textual declares it on the instance; it is never changed
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", show=False, tooltip="Close what is open, or leave the field"),
        Binding("u", "undo", "undo", tooltip="Take back the last change made on this screen"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._undos: list[tuple[str, Callable[[], object]]] = []
        self._loading = False
        self._stale = False
        self._shown = False

    def compose(self) -> ComposeResult:
        """The frame, with :meth:`compose_body` in the middle."""
        yield PhaseBar(self.PHASE)
        with Container(id="body"):
            yield from self.compose_body()
        yield Notice()
        yield JobLine()
        yield KeyBar()

    # for each screen to fill in

    def compose_body(self) -> ComposeResult:
        """Yield the panes between the bars."""
        raise NotImplementedError

    def load(self) -> Data:
        """Read what the screen shows, in a worker thread. The default reads nothing."""
        return cast("Data", None)

    def show(self, data: Data) -> None:
        """Put what was read into the widgets."""

    # for each screen to use

    @property
    def host(self) -> Host:
        """The app, typed."""
        return cast("Host", self.app)

    @property
    def store(self) -> Store:
        """The open store."""
        return self.host.store

    def background(
        self, work: Callable[[], Result], then: Callable[[Result], object] | None = None, *, again: str = ""
    ) -> None:
        """Run ``work`` in a thread, then ``then(result)`` on the interface's thread.

        A StratosError becomes the error line; ``again`` is the key that tries again. For what takes under a few
        seconds; longer work is a job (:func:`stratos_tui.jobs.spawn`).
        """

        def run() -> None:
            try:
                result = work()
            except Canceled:
                self.app.call_from_thread(self.say, "stopped; what was done is kept")
            except StratosError as error:
                self.app.call_from_thread(self.fail, str(error), again)
            except Exception as error:
                self.app.call_from_thread(self.fail, f"{type(error).__name__}: {error}; nothing stored was lost", again)
            else:
                if then is not None and self.is_attached:
                    self.app.call_from_thread(then, result)

        self.run_worker(run, thread=True, exit_on_error=False, group="background")

    def fail(self, text: str, again: str = "") -> None:
        """Show what went wrong until the next success or escape."""
        line = Text("✗ ", style=WARN).append_text(literal(text))
        if again:
            line.append(f" · {again} tries again", style="bold")
        self.query_one(Notice).say(line)

    def say(self, text: str | Text) -> None:
        """Show a short answer for a few seconds where errors show; an empty one clears the line.

        Over a store that is not watched nothing moves by itself: there it stays.
        """
        words = literal(text) if isinstance(text, str) else text
        self.query_one(Notice).say(words if words else None, ANSWER_SECONDS if self.host.live else None)

    def did(self, label: str, undo: Callable[[], object]) -> None:
        """Say what was just done, and how ``u`` takes it back; ``undo`` runs in a worker thread."""
        self._undos.append((label, undo))
        self.say(Text("✓ ").append_text(literal(label)).append(" · u takes it back", style="dim"))
        self.refresh_bindings()

    def reload(self) -> None:
        """Load and show again, and refresh the tables; at once, or when the load under way has ended."""
        if not self.is_current_phase:
            self._stale = True
            return
        if self._shown:
            # on the first occasion they are reading already
            for table in self.query(ListingTable):
                table.reload()
        self._shown = True
        if self._loading:
            self._stale = True
            return
        self._loading, self._stale = True, False
        self.run_worker(self._load, thread=True, exit_on_error=False, group="load")

    @property
    def is_current_phase(self) -> bool:
        """Whether this is the phase on show (a dialog may be over it)."""
        return bool(self.app.screen_stack) and self.app.screen_stack[0] is self

    # the frame's own

    def on_screen_resume(self) -> None:
        """Show what is true now."""
        self.reload()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide ``u`` while there is nothing to undo."""
        return bool(self._undos) if action == "undo" else True

    def action_undo(self) -> None:
        """Take back the last change made on this screen."""
        if self._undos:
            label, undo = self._undos.pop()
            self.background(undo, lambda _: self.say(f"taken back: {label}"))
            self.refresh_bindings()

    def action_back(self) -> None:
        """Clear the notice; a screen with something open closes that first."""
        self.say("")

    def _load(self) -> None:
        began = time.monotonic()
        try:
            data = self.load()
        except Exception as error:
            words = str(error) if isinstance(error, StratosError) else f"{type(error).__name__}: {error}"
            self.app.call_from_thread(self._loaded, None, words, time.monotonic() - began)
        else:
            self.app.call_from_thread(self._loaded, lambda: self.show(data), "", time.monotonic() - began)

    def _loaded(self, show: Callable[[], None] | None, error: str, took: float) -> None:
        self._loading = False
        if not self.is_attached:
            return
        if show is None:
            self.fail(error)
        else:
            try:
                show()
            except Exception as problem:  # raised here it would end in the worker, and nobody would see a word of it
                self.fail(f"cannot show what was read ({type(problem).__name__}: {problem})")
        if self._stale:
            # a slow load takes at most a tenth of the time, so that keys and jobs keep theirs
            self._stale = False
            self.set_timer(max(10 * took, 0.01), self.reload)
