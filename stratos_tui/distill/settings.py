"""The settings of distillation, each with its default and where that comes from, and what an operator set of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from stratos_tui.distill.judge import Limits
from stratos_tui.errors import StratosError
from stratos_tui.store import settings
from stratos_tui.store.db import Store
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

SETTING = "distill.settings"
"""``{name: value}`` of what an operator has set; what is not in it has its default."""
EFFORTS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """How pairs are sent, waited for, and asked again.

    - ``batch_size``: counts of a batch stay at zero until all of it has ended, so live progress needs several.
    - ``attempts``: how often a run asks a pair at most, the first time included; an operator may ask beyond that.
    - ``max_tokens``: bounds what one answer can cost; 180 words are about 300 tokens, and unseen thinking counts too.
    - ``effort``: how deeply a current Claude model thinks (``output_config``); the trace itself is in the answer.
    - ``poll_seconds``: a paid batch takes minutes to hours; a rehearsal is looked at more often.
    - ``settle_seconds``: how long a creation that nobody confirmed may still turn up in the server's list.
    - ``skew_seconds``: how far the server's clock may be from ours when a batch of ours is looked for.
    - ``patience_seconds``: how long a server may be out of reach before watching gives up; nothing is lost by it.
    - ``live_concurrency``: questions at once where each is asked by itself; Ollama answers few at a time anyway.
    - ``live_failures``: failures in a row after which a server that is asked so is left alone.
    - ``busy_seconds``: how long to wait where a busy server does not say; ``patience_seconds`` in all.
    - ``context``: tokens of the window that an Ollama server is asked for; changing it reloads the model.
    """

    batch_size: int = 200
    attempts: int = 3
    max_tokens: int = 2_000
    effort: str = "low"
    poll_seconds: float = 20.0
    rehearsal_poll_seconds: float = 0.1
    settle_seconds: float = 60.0
    rehearsal_settle_seconds: float = 1.0
    skew_seconds: float = 86_400.0
    patience_seconds: float = 600.0
    stream_attempts: int = 5
    live_concurrency: int = 4
    live_failures: int = 5
    busy_seconds: float = 5.0
    context: int = 8_192
    limits: Limits = field(default_factory=Limits)
    rehearsal: RehearsalSettings = field(default_factory=RehearsalSettings)

    def asking(self) -> str:
        """Write, as JSON, what decides about an answer: kept with every request."""
        return json.dumps({"max_tokens": self.max_tokens, "effort": self.effort}, sort_keys=True)

    def as_asked(self, asking: str) -> DistillSettings:
        """Return these settings with what decided about an earlier answer, as :meth:`asking` wrote it."""
        said = {name: value for name, value in json.loads(asking).items() if name in ("max_tokens", "effort")}
        return replace(self, **said)

    def settle_for(self, teacher: Teacher) -> float:
        """Return how long an unconfirmed creation may still turn up at this teacher's server, in seconds."""
        return self.rehearsal_settle_seconds if teacher.simulated else self.settle_seconds

    def poll_for(self, teacher: Teacher) -> float:
        """Return how long to wait between two looks at this teacher's server, in seconds."""
        return self.rehearsal_poll_seconds if teacher.simulated else self.poll_seconds


@dataclass(frozen=True, slots=True)
class Settable:
    """A setting that an operator may set: what it is, and the least and the most that it takes."""

    about: str
    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()


SETTABLE: Mapping[str, Settable] = {
    "batch_size": Settable("questions in a batch; a batch's counts stay at zero until all of it has ended", 1, 10_000),
    "effort": Settable("how deeply a model that thinks does so, which is billed as output", choices=EFFORTS),
    "max_tokens": Settable("tokens that an answer may have, thinking included; bounds its cost", 256, 64_000),
    "attempts": Settable("how often a run asks a pair at most", 1, 10),
    "live_concurrency": Settable("questions at once where each is asked by itself", 1, 64),
    "live_failures": Settable("failures in a row after which such a server is left alone", 1, 100),
    "patience_seconds": Settable("how long a server may be out of reach before the watch gives up", 0, 86_400),
    "poll_seconds": Settable("how long to wait between two looks at a paid batch", 1, 3_600),
    "context": Settable("tokens of the window that an Ollama server is asked for", 1_024, 1_048_576),
}
"""What an operator may set, by name; the rest only a test changes."""


def settings_of(store: Store) -> DistillSettings:
    """Return the settings as this workspace has set them."""
    # another version may have set what this one does not know
    return replace(DistillSettings(), **{name: each for name, each in given(store).items() if name in SETTABLE})


def given(store: Store) -> dict[str, Any]:
    """Return what an operator has set in this workspace, by name."""
    found: dict[str, Any] = settings.get(store, SETTING) or {}
    return found


def set_all(store: Store, wanted: Mapping[str, str]) -> DistillSettings:
    """Set settings as a person writes them, all or none, and return what then holds; ``default`` sets one back.

    Raises:
        StratosError: no such setting, or no value of its kind.
    """
    read = {name: _read(name, text) for name, text in wanted.items()}
    with store.write():
        changed = given(store) | read
        default = asdict(DistillSettings())
        kept = {name: each for name, each in changed.items() if each is not None and each != default.get(name)}
        settings.put(store, SETTING, kept or None)
    return settings_of(store)


def _read(name: str, text: str) -> Any:
    """Read a setting's value; None stands for its default."""
    about = SETTABLE.get(name)
    if about is None:
        raise StratosError(f"there is no setting {name}; there are {', '.join(SETTABLE)}")
    if text == "default":
        return None
    if about.choices:
        if text in about.choices:
            return text
        raise StratosError(f"{name} takes {', '.join(about.choices)}, or default; not {text!r}")
    kind = type(getattr(DistillSettings(), name))
    try:
        value = kind(text.replace(",", "").replace("_", ""))
    except ValueError:
        value = None
    # "nan" is a number that compares as false with everything
    if value is None or not about.least <= value <= about.most:
        what = "a whole number" if kind is int else "a number"
        raise StratosError(f"{name} takes {what} from {about.least:,} to {about.most:,}, or default; not {text!r}")
    return value
