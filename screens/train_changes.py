"""What a run would be made of: base, settings and checks that may fail, and how that differs from an earlier run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text

from screens.render import DIM, WARN, count, one_line
from stratos_tui.errors import StratosError
from stratos_tui.store import datasets
from stratos_tui.store.datasets import Dataset
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job
from stratos_tui.store.runs import Run

CHANGED = "bold #bd8f10"
_BLOCKED = re.compile(r"preflight (\w+): (.*?), wanted (.*?); (.*?)(?:; `--override \w+` lets it fail)?", re.DOTALL)
"""What a run says that a check ended (``train_lora``)."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The settings of a run that are not its recipe's own, by name, and the checks that it lets fail."""

    settings: dict[str, object]
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asked for: a base, the settings that are not the recipe's own, checks that may fail, and
    whether it is a pilot."""

    base: str
    settings: dict[str, object]
    allowed: tuple[str, ...] = ()
    pilot: bool = False

    @property
    def overrides(self) -> dict[str, object]:
        """What replaces the recipe's own settings."""
        return self.settings | ({"overridden": sorted(self.allowed)} if self.allowed else {})


@dataclass(frozen=True, slots=True)
class Known:
    """What a run would be made of; and the run it is compared with, the build it was made of, and what it replaced."""

    build: Dataset
    rows: int
    last: Run | None
    last_build: Dataset | None
    replaced: Replaced


@dataclass(frozen=True, slots=True)
class Failing:
    """A check that failed: what was measured, what it needs, and why it exists."""

    name: str
    value: str
    threshold: str
    why: str


def read(store: Store, dataset_id: int, last: Run | None) -> Known:
    """Read what a run on a build is compared with."""
    build = datasets.get(store, dataset_id)
    assert build is not None
    rows = datasets.count(store, dataset_id, "train")
    if last is None:
        return Known(build, rows, None, None, Replaced({}))
    last_rows = datasets.count(store, last.dataset_id, "train")
    return Known(build, rows, last, datasets.get(store, last.dataset_id), replaced(last, last_rows))


def replaced(run: Run, rows: int) -> Replaced:
    """Return what a run on ``rows`` training rows has otherwise than its base's own recipe.

    The thousand rows of a pilot are left out: what comes after it is trained on all.
    """
    from stratos_tui.training.recipes import as_now

    own, had = _flat(_stored(run.base, rows, {})), _flat(as_now(run.params))
    found = {name: had[name] for name in own if name in had and had[name] != own[name]}
    allowed = tuple(map(str, found.pop("overridden", ())))
    if found.get("examples") == had.get("pilot_examples", own["pilot_examples"]):
        found.pop("examples", None)
    return Replaced(found, allowed)


def blocked_by(run: Run) -> Failing | None:
    """Return the check that ended a run before its first step, if one did."""
    found = _BLOCKED.fullmatch(run.error) if run.state == "failed" else None
    return None if found is None else Failing(*found.groups())


def failing(job: Job | None, dataset_id: int, wanted: Wanted) -> list[Failing] | None:
    """Return the checks that failed when just this was measured; None where the job measured something else."""
    if job is None or job.state != "done" or not is_about(job, dataset_id, wanted):
        return None
    names = ("name", "value", "threshold", "why")
    return [
        Failing(*(str(check.get(name, "")) for name in names))
        for check in job.result.get("checks", [])
        if not check.get("ok")
    ]


def is_about(job: Job, dataset_id: int, wanted: Wanted) -> bool:
    """Tell whether a preflight measures a run of this build, base and settings."""
    about = (job.params.get("dataset"), job.params.get("base"), job.params.get("settings", {}))
    return about == (dataset_id, wanted.base, json.loads(json.dumps(wanted.settings)))


def arguments(dataset_id: int, base: str, settings: Mapping[str, object]) -> list[str]:
    """Return the words behind ``stratos train preflight`` that measure a run of this build, base and settings."""
    replaced = [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    return ["--dataset", str(dataset_id), "--base", base, *replaced]


def settings(typed: str) -> dict[str, object]:
    """Read ``NAME=VALUE NAME=VALUE`` as settings; a value that is not JSON is text.

    Raises:
        StratosError: a word without ``=``, or checks that may fail: they are allowed one by one.
    """
    from stratos_tui.training.recipes import read_settings

    found = read_settings(typed.split())
    if "overridden" in found:
        raise StratosError("overridden: o lets a failing check fail, by its name")
    return found


def typed(found: Mapping[str, object]) -> str:
    """Write settings as :func:`settings` reads them."""
    return " ".join(f"{name}={_value(value)}" for name, value in found.items())


def planned_params(known: Known, wanted: Wanted) -> dict[str, Any]:
    """Return every setting of the run that would be started, as it would be stored.

    Raises:
        StratosError: a setting does not exist, or its value is of another type.
    """
    return _stored(wanted.base, known.rows, wanted.overrides, pilot=wanted.pilot)


def overrides(known: Known, wanted: Wanted) -> dict[str, object]:
    """Return what replaces the recipe's own settings, and by name too what a run that goes on could otherwise keep.

    Raises:
        StratosError: a setting does not exist, or its value is of another type.
    """
    from stratos_tui.training.recipes import KEEPS_LOSS

    params = planned_params(known, wanted)
    return {name: params[name] for name in KEEPS_LOSS} | wanted.overrides


def changes(known: Known, wanted: Wanted) -> Text:
    """Return what a run would change against the one it is compared with: its build, its base, and each setting.

    Raises:
        StratosError: a setting does not exist, or its value is of another type.
    """
    params, last = planned_params(known, wanted), known.last
    if last is None:
        return Text(f"The first run: {count(len(params))} settings, all the recipe's own", style=DIM).append(
            "".join(f"\n  {name} = {params[name]}" for name in wanted.settings if name in params), style=CHANGED
        )
    from stratos_tui.training.recipes import KEEPS_LOSS, as_now

    found = [*_build_changes(known), *_differences({"base": last.base}, {"base": wanted.base})]
    found += _differences(_flat(as_now(last.params)), _flat(params))
    if all(name in KEEPS_LOSS for name, *_ in found):
        same = f"Nothing changed since run {last.id}: the same build, base and settings are the same run"
        if last.state == "done":
            return Text(f"{same}, which is done; change something to train again.", style=WARN)
        with_these = "".join(f", {name} {before} → {after}" for name, before, after in found)
        return Text(f"{same}, which goes on{with_these}.", style=WARN)
    text = Text.assemble((f"Changed since run {last.id}", "bold underline"))
    for name, before, after in found:
        text.append(f"\n{name}  ", style=DIM).append(before).append(" → ", style=DIM).append(after, style=CHANGED)
    return text


def _stored(base: str, rows: int, overrides: Mapping[str, object], *, pilot: bool = False) -> dict[str, Any]:
    from stratos_tui.training.launch import planned

    recipe = planned(base, rows, overrides)
    if pilot:
        recipe = replace(recipe, examples=recipe.examples or recipe.pilot_examples)
    # by way of JSON, as a stored run's settings came: a tuple is a list there
    params: dict[str, Any] = json.loads(json.dumps(recipe.params()))
    return params


def _build_changes(known: Known) -> list[tuple[str, str, str]]:
    assert known.last is not None
    before, after = known.last_build, known.build
    if before is not None and before.digest == after.digest:
        return []
    was = f"{before.id} ({before.digest[:12]})" if before is not None else f"{known.last.dataset_id}, which is gone"
    return [("dataset", was, f"{after.id} ({after.digest[:12]})")]


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    names = sorted({*before, *after})
    return [
        (one_line(name), _word(before, name), _word(after, name))
        for name in names
        if before.get(name) != after.get(name) or (name in before) != (name in after)
    ]


def _flat(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those inside a shape beside the others, as ``shape.hidden``."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def _word(params: Mapping[str, Any], name: str) -> str:
    return one_line(json.dumps(params[name], ensure_ascii=False)) if name in params else "—"


def _value(value: object) -> str:
    # what JSON would read as something else than this text keeps its quotes
    if isinstance(value, str) and value.isidentifier() and value not in ("true", "false", "null"):
        return value
    # words end at a space
    return json.dumps(value, separators=(",", ":")).replace(" ", "\\u0020")
