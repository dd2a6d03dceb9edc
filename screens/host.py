"""What every screen may ask of the app: the store, the clock, the phases, and what is going on.

The app class itself is in ``stratos_tui/app.py``; screens and widgets know it as :class:`Host`.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import App
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from screens import themes
from stratos_tui.store import overview
from stratos_tui.store.db import Store
from stratos_tui.store.overview import Activity

if TYPE_CHECKING:
    from screens.frame import PhaseScreen

PULSE_SECONDS = 0.5
"""How often the store is looked at while the app is open; less often where a look costs more than a tenth of that."""

AGES_SECONDS = 30.0
"""How often a screen over which nothing changed is shown again, so that its relative times stay true."""

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase's place in the bar and where its screen is; the module is imported when first shown."""

    key: str
    name: str
    title: str
    short: str
    module: str
    screen: str

    def build(self) -> PhaseScreen[Any]:
        """Import the module and make the screen."""
        return cast("PhaseScreen[Any]", getattr(import_module(self.module), self.screen)())


class Host(App[None]):
    """An app over one store. ``activity`` is what runs now, looked up twice a second by a thread of its own."""

    # absolute, since a subclass in another folder would look for it there
    CSS_PATH = Path(__file__).with_name("frame.tcss")

    activity: reactive[Activity | None] = reactive(None, always_update=True)
    phases: ClassVar[tuple[Phase, ...]] = ()
    awaited = ""
    """Whose answers are on their way to this process, and may be paid: leaving waits for them."""

    class Beat(Message):
        """The store was looked at; ``changed`` tells whether somebody committed since the last look."""

        def __init__(self, activity: Activity, changed: bool) -> None:
            super().__init__()
            self.activity = activity
            self.changed = changed

    def __init__(self, store: Store, *, clock: Clock | None = None, live: bool = True) -> None:
        """``clock`` gives the time that relative times count from; without ``live`` the store is looked at once."""
        super().__init__()
        self.store = store
        self.clock = clock or (lambda: datetime.now(UTC))
        self.live = live
        self._reloaded_at = time.monotonic()
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch_store, name="watch the store", daemon=True)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give the cursor line's colours to themes that do not know them."""
        return themes.defaults(self.current_theme.dark)

    def on_mount(self) -> None:
        """Begin to watch the store, once the first frame is drawn."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._watcher.start()
        # what the start made stays until the end: a full collection that looks through it stops the keys for 50 ms
        gc.freeze()
        gc.enable()
        if self.live:
            threading.Thread(target=self._read_ahead, name="read ahead", daemon=True).start()

    def on_unmount(self) -> None:
        """Stop watching."""
        self._stop.set()

    def on_host_beat(self, event: Beat) -> None:
        """Pass on what the watcher saw."""
        from screens.frame import PhaseScreen

        self.activity = event.activity
        moment = time.monotonic()
        if event.changed or moment - self._reloaded_at >= AGES_SECONDS:
            self._reloaded_at = moment
            if self.screen_stack and isinstance(base := self.screen_stack[0], PhaseScreen):
                base.reload()

    def go(self, name: str) -> None:
        """Show a phase's screen."""
        raise NotImplementedError

    def step(self, by: int) -> None:
        """Show the neighbour of the phase that is shown."""
        raise NotImplementedError

    def close(self, seconds: float = 2.0) -> None:
        """Wait for the watcher to let go of the store."""
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join(seconds)

    def _read_ahead(self) -> None:
        """Import the other screens while nobody waits: the first visit to each is then a tenth of a second quicker."""
        for phase in self.phases:
            # a screen that cannot be imported says so when it is opened
            with suppress(Exception):
                import_module(phase.module)

    def _watch_store(self) -> None:
        version: int | None = None
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                seen, now = overview.data_version(self.store), overview.activity(self.store)
            except Exception as error:  # a locked or vanished file must not end the watch
                self.log.error(f"cannot look at the store: {error}")
            else:
                self.post_message(self.Beat(now, version is not None and seen != version))
                version = seen
            if not self.live:
                return
            self._stop.wait(max(PULSE_SECONDS, 10 * (time.monotonic() - began)))


def host(widget: Widget) -> Host:
    """Return the app that a widget or screen belongs to."""
    return cast("Host", widget.app)


def phase_named(phases: Sequence[Phase], name: str) -> Phase | None:
    """Return the phase with this name."""
    return next((phase for phase in phases if phase.name == name), None)
