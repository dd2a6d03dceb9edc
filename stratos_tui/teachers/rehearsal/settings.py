"""How the rehearsal server behaves: how long it takes, and how often and how it answers badly."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from stratos_tui.errors import StratosError

BAD_KINDS: tuple[str, ...] = (
    "too_short",
    "too_long",
    "no_score",
    "five",
    "refusal",
    "max_tokens",
    "errored",
    "expired",
)
"""The ways in which an answer can be bad. ``five`` scores exactly 5.0; the last two are no answer at all."""


@dataclass(frozen=True, slots=True)
class RehearsalSettings:
    """``bad_share`` of the answers, from 0 to 1, are bad, spread evenly over ``bad_kinds``.

    A batch ends ``latency_seconds`` plus ``seconds_per_request`` for each of its requests after the batch before it:
    the server works on one at a time, so several in flight show progress.
    """

    bad_share: float = 0.06
    bad_kinds: tuple[str, ...] = BAD_KINDS
    latency_seconds: float = 0.1
    seconds_per_request: float = 0.0005

    def __post_init__(self) -> None:
        unknown = sorted(set(self.bad_kinds) - set(BAD_KINDS))
        if unknown or not self.bad_kinds:
            raise StratosError(f"rehearsal: bad answers are of the kinds {', '.join(BAD_KINDS)}, not {unknown}")
        if not 0 <= self.bad_share <= 1:
            raise StratosError(f"rehearsal: the share of bad answers lies between 0 and 1, not {self.bad_share}")
        if min(self.latency_seconds, self.seconds_per_request) < 0:
            raise StratosError("rehearsal: times are not negative")

    def dump(self) -> str:
        """Write the settings as JSON: the same text for the same settings."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> RehearsalSettings:
        """Read what :meth:`dump` wrote."""
        fields = json.loads(text)
        return cls(**(fields | {"bad_kinds": tuple(fields["bad_kinds"])}))
