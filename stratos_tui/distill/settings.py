"""The settings of distillation, each with its default and where that comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from stratos_tui.distill.judge import Limits
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings


@dataclass(frozen=True, slots=True)
class DistillSettings:
    """How pairs are sent, waited for, and asked again.

    - ``batch_size``: counts of a batch stay at zero until all of it has ended, so live progress needs several.
    - ``attempts``: how often a pair is asked at most, the first time included.
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

    def settle_for(self, teacher: Teacher) -> float:
        """Return how long an unconfirmed creation may still turn up at this teacher's server, in seconds."""
        return self.rehearsal_settle_seconds if teacher.simulated else self.settle_seconds

    def poll_for(self, teacher: Teacher) -> float:
        """Return how long to wait between two looks at this teacher's server, in seconds."""
        return self.rehearsal_poll_seconds if teacher.simulated else self.poll_seconds
