"""Scores one pair: the judgement, and the sentence that gives its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stratos_tui.prism.rubric.article import Read, read_article
from stratos_tui.prism.rubric.calibrate import Appeal, Verdict, calibrate
from stratos_tui.prism.rubric.profile import CompiledProfile
from stratos_tui.prism.rubric.signals import Signals, find_signals
from stratos_tui.records import Article

IDLE_KINDS = frozenset(
    {"celebrity and entertainment news", "sports report", "crime report", "job opening", "offer or promotion"}
)
"""Kinds of article that are worth nothing to who does not follow their subject."""

CONCERN_KINDS = frozenset(
    {"policy or regulation news", "conflict or diplomacy news", "scientific result", "opinion or analysis"}
)
"""Kinds of article that concern many a little."""


def appeal_of(kind: str) -> Appeal:
    """Tell whether articles of a kind are idle, of general concern, or neither."""
    return "idle" if kind in IDLE_KINDS else "concern" if kind in CONCERN_KINDS else ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score in tenths with every signal behind it. The trace is written only when asked for."""

    tenths: int
    kind: str
    signals: Signals
    verdict: Verdict
    reference_date: date

    @property
    def reason(self) -> str:
        """One sentence naming the strongest factor."""
        from stratos_tui.prism.rubric.explaining import reason_of

        return reason_of(self.tenths, self.kind, self.signals, self.verdict)


def score(compiled: CompiledProfile, article: Article, reference_date: date) -> Judgement:
    """Score an article for a profile."""
    return score_tokens(compiled, read_article(article), reference_date)


def score_tokens(compiled: CompiledProfile, read: Read, reference_date: date) -> Judgement:
    """Score an article that was read before: one reading serves many profiles."""
    signals = find_signals(compiled, read, reference_date)
    verdict = calibrate(signals, compiled.profile.kind, read.opening, appeal_of(read.kind))
    return Judgement(verdict.tenths, read.kind, signals, verdict, reference_date)
