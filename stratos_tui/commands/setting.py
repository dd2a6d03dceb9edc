"""``stratos distill settings``: how questions are sent, waited for and asked again in this workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stratos_tui.commands.door import Door, door_options, table
from stratos_tui.errors import StratosError

if TYPE_CHECKING:
    from stratos_tui.store.db import Store


@click.command("settings")
@click.argument("changes", nargs=-1, metavar="[NAME=VALUE]...")
@door_options
def settings(door: Door, changes: tuple[str, ...]) -> None:
    """List the settings of distillation, and set some; NAME=default sets one back. Jobs read them when they start."""
    from stratos_tui.distill.settings import set_all

    wanted = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise StratosError(f"{change}: write NAME=VALUE")
        wanted[name] = value
    with door.store() as store:
        if wanted:
            set_all(store, wanted)
        found = _document(store)
    rows = [(each["name"], each["value"], each["default"], each["source"], each["about"]) for each in found]
    door.answer({"settings": found}, table(("setting", "value", "default", "source", "what it is"), rows))


def _document(store: Store) -> list[dict[str, Any]]:
    from stratos_tui.distill.settings import SETTABLE, DistillSettings, given, settings_of

    now, default, set_here = settings_of(store), DistillSettings(), given(store)
    return [
        {
            "name": name,
            "value": getattr(now, name),
            "default": getattr(default, name),
            "source": "this workspace" if name in set_here else "default",
            "about": each.about,
        }
        for name, each in SETTABLE.items()
    ]
