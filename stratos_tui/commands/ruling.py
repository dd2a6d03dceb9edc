"""``stratos rejections rules``: the rules that judge answers; a change of them judges stored answers again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from stratos_tui.commands.door import Door, door_options, group, progress, table

if TYPE_CHECKING:
    from stratos_tui.distill.rulebook import Rules
    from stratos_tui.store.db import Store


@group()
def rules() -> None:
    """The rules that judge answers: list, off, on, limit, judge."""


@rules.command("list")
@door_options
def list_rules(door: Door) -> None:
    """Show each rule: what it checks, whether it is on, its limits, and whether it can be switched off."""
    from stratos_tui.distill.switches import rules_of

    with door.store() as store:
        found = _document(rules_of(store))
    rows = [(each["code"], each["state"], _limits(each["limits"]), each["checks"]) for each in found]
    door.answer({"rules": found}, table(("rule", "state", "limits", "what it finds"), rows))


@rules.command("off")
@click.argument("names", nargs=-1, required=True)
@door_options
def off(door: Door, names: tuple[str, ...]) -> None:
    """Switch rules off, and judge stored answers again: those that only they rejected are accepted."""
    from stratos_tui.distill.switches import switch

    _change(door, lambda store: switch(store, names, on=False), f"off: {', '.join(names)}")


@rules.command("on")
@click.argument("names", nargs=-1, required=True)
@door_options
def on(door: Door, names: tuple[str, ...]) -> None:
    """Switch rules on, and judge stored answers again."""
    from stratos_tui.distill.switches import switch

    _change(door, lambda store: switch(store, names, on=True), f"on: {', '.join(names)}")


@rules.command("limit")
@click.argument("name")
@click.argument("value")
@door_options
def limit(door: Door, name: str, value: str) -> None:
    """Set a limit, or set it back with `default`, and judge stored answers again."""
    from stratos_tui.distill.switches import set_limit

    _change(door, lambda store: set_limit(store, name, value), f"{name}: {value}")


@rules.command("judge")
@door_options
def judge(door: Door) -> None:
    """Judge stored answers again by the rules as they are; it goes on where an interrupted change left off."""
    from stratos_tui.distill.switches import rules_of

    _change(door, rules_of, "judged by the rules as they are")


def _change(door: Door, change: Callable[[Store], Rules], what: str) -> None:
    from stratos_tui.distill.rejudge import rejudge
    from stratos_tui.jobs import run_here

    with door.store() as store, progress("rejudge") as watching:
        changed = change(store)
        result = run_here(store, "rejudge", {}, lambda tell: dict(rejudge(store, tell)), watching)
    lines = [
        what,
        f"{result['judged']:,} answers judged again: {result['now_accepted']:,} accepted now,"
        f" {result['now_rejected']:,} rejected now",
    ]
    if result["kept_by_operator"]:
        lines.append(f"{result['kept_by_operator']:,} stay as an operator decided")
    door.answer(result | {"rules": _document(changed)}, lines)


def _document(found: Rules) -> list[dict[str, Any]]:
    from stratos_tui.distill.rulebook import RULES
    from stratos_tui.distill.switches import written

    return [
        {
            "code": rule.code,
            "checks": rule.checks,
            "hard": rule.hard,
            "on": rule.code not in found.off,
            "state": "always" if rule.hard else "off" if rule.code in found.off else "on",
            "limits": {name: written(found.limits, name) for name in rule.limits},
        }
        for rule in RULES
    ]


def _limits(limits: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in limits.items())
