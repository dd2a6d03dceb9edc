"""The app: opens a store, knows which phases there are, and shows one screen at a time."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.screen import Screen

from screens.host import Clock, Host, Phase
from screens.themes import THEMES
from stratos_tui.store.db import Store, open_store

PHASES: tuple[Phase, ...] = tuple(
    phase
    for phase in (
        Phase("1", "overview", "Overview", "Over", "screens.overview", "OverviewScreen"),
        Phase("2", "profiles", "Profiles", "Prof", "screens.profiles", "ProfilesScreen"),
        Phase("3", "articles", "Articles", "Art", "screens.articles", "ArticlesScreen"),
        Phase("4", "distill", "Distil", "Dist", "screens.distill", "DistillScreen"),
        Phase("5", "rejections", "Rejections", "Rej", "screens.rejections", "RejectionsScreen"),
        Phase("6", "dataset", "Dataset", "Data", "screens.dataset", "DatasetScreen"),
        Phase("7", "train", "Train", "Train", "screens.train", "TrainScreen"),
        Phase("8", "validate", "Validate", "Valid", "screens.validate", "ValidateScreen"),
        Phase("9", "compare", "Compare", "Comp", "screens.compare", "CompareScreen"),
    )
    if find_spec(phase.module)
)
"""The phases in order, as far as their screens exist."""


class StratosApp(Host):
    """The workbench: a screen a phase, over one store."""

    TITLE = "stratos"
    ENABLE_COMMAND_PALETTE = True
    phases = PHASES
    MODES: ClassVar[dict[str, Any]] = {phase.name: phase.build for phase in PHASES}
    DEFAULT_MODE = "overview"
    _warned = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(phase.key, f"go('{phase.name}')", phase.title, show=False) for phase in PHASES),
        Binding("left_square_bracket", "step(-1)", "previous phase", show=False, key_display="["),
        Binding("right_square_bracket", "step(1)", "next phase", show=False, key_display="]"),
        Binding("question_mark", "help", "help about what is focused", show=False, key_display="?"),
        Binding("q,ctrl+q", "quit", "quit (jobs go on)", show=False),
    ]

    def __init__(self, store: Store, *, clock: Clock | None = None, live: bool = True) -> None:
        super().__init__(store, clock=clock, live=live)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = THEMES[0].name

    def get_driver_class(self) -> type[Driver]:
        """Return the platform's driver, made deaf to mouse reports that are not text."""
        from screens.terminal import tolerant

        return tolerant(super().get_driver_class())

    def go(self, name: str) -> None:
        """Show a phase's screen."""
        self.switch_mode(name)

    def step(self, by: int) -> None:
        """Show the neighbour of the phase that is shown, going round at the ends."""
        names = [phase.name for phase in self.phases]
        self.go(names[(names.index(self.current_mode) + by) % len(names)])

    def action_go(self, name: str) -> None:
        """Show a phase's screen."""
        self.go(name)

    def action_step(self, by: int) -> None:
        """Show a neighbour."""
        self.step(by)

    def action_help(self) -> None:
        """Explain what is focused."""
        from screens.dialogs import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    async def action_quit(self) -> None:
        """Leave; where an answer is on its way, say first what leaving now would mean."""
        from screens.frame import PhaseScreen

        if self.awaited and not self._warned and isinstance(base := self.screen_stack[0], PhaseScreen):
            self._warned = True
            base.fail(f"{self.awaited} is answering: q again leaves, and waits up to 30 s for what may be paid")
            return
        await super().action_quit()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer every phase and every action of the screen in the palette, before Textual's own commands."""
        for phase in self.phases:
            yield SystemCommand(f"Go to {phase.key} {phase.title}", f"key {phase.key}", partial(self.go, phase.name))
        spoken = set()
        for active in screen.active_bindings.values():
            binding = active.binding
            if active.node is self or not active.enabled or not binding.show or binding.action in spoken:
                continue
            spoken.add(binding.action)
            yield SystemCommand(
                binding.description.capitalize(),
                f"{binding.tooltip or 'here'} (key {self.get_key_display(binding)})",
                partial(self.run_action, binding.action, active.node),
            )
        yield SystemCommand("Help", "Explain what is focused", self.action_help)
        # Textual's own command for keys opens a second help beside ours
        yield from (command for command in super().get_system_commands(screen) if command.title != "Keys")


def run_app(db_path: Path) -> int:
    """Open the store and run the app until it is left; return the exit code of the process.

    Raises:
        StratosError: the store cannot be opened.
    """
    store = open_store(db_path)
    # collecting while everything is being made finds nothing; the host turns it on again after the first frame
    gc.disable()
    app = StratosApp(store)
    try:
        app.run()
    finally:
        gc.enable()
        app.close()
        store.close()
    # Textual leaves by itself after a crash too: its code says so, and the caller must pass it on
    return app.return_code or 0
