"""The rules by which answers are judged: their codes, what each checks, its limits, and which are switched off."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from stratos_tui.prism.trace import DIMENSIONS, SIGNAL_WORDS
from stratos_tui.records import Tier

LOST = "lost"
"""The result type of a request whose batch ended without a line for it."""

SECTIONS: dict[Tier, tuple[str, ...]] = {
    1: ("PROFILE", "CONTENT", "ANALYSIS"),
    2: ("PROFILE", "CONTENT", "ANALYSIS", "CALIBRATION"),
    3: ("PROFILE", "CONTENT", "ANALYSIS", "CALIBRATION"),
}
"""The sections that a trace needs, by tier (decisions.md, 8)."""

_REVISION = 2
"""Raised when a rule finds something else in the same text: stored verdicts are then out of date."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for which an answer is not accepted.

    ``limits`` names what can be set of it. A ``hard`` one is about an answer that nothing can be made of, whatever
    anybody would accept: it cannot be switched off.
    """

    code: str
    checks: str
    limits: tuple[str, ...] = ()
    hard: bool = False


RULES: tuple[Rule, ...] = (
    Rule("errored", "the server answered with an error", hard=True),
    Rule("expired", "the batch ended before the question was answered", hard=True),
    Rule("canceled", "the batch was canceled before the question was answered", hard=True),
    Rule(LOST, "the batch ended without a line for the question", hard=True),
    Rule("unknown_result", "the result is of a kind that is not known", hard=True),
    Rule("refusal", "the teacher refused to answer", hard=True),
    Rule("truncated", "the answer was cut off at its length limit", hard=True),
    Rule("empty", "the answer has no text", hard=True),
    Rule("think_missing", "there is no trace", hard=True),
    Rule("think_unclosed", "the trace has no end", hard=True),
    Rule("score_missing", "there is no SCORE:", hard=True),
    Rule("score_not_a_number", "the score is no number", hard=True),
    Rule("score_decimals", "the score has more than one decimal", hard=True),
    Rule("score_out_of_range", "the score is not between 0.0 and 10.0", hard=True),
    Rule("reason_missing", "there is no REASON:", hard=True),
    Rule("score_forbidden", "the score is exactly 5.0", hard=True),
    Rule("too_short", "the trace has too few words", ("least_words",)),
    Rule("too_long", "the trace has too many words", ("most_words",)),
    Rule("section_missing", "a section or dimension that the score's tier needs is not there"),
    Rule("signal_vocabulary", "a dimension has a signal that is none of its words"),
    Rule("tier_1_length", "the trace of a score below 2.0 is too long or too short", ("tier_1", "tolerance")),
    Rule("tier_2_length", "the trace of a score of 2.0 to 8.9 is too long or too short", ("tier_2", "tolerance")),
    Rule("tier_3_length", "the trace of a score from 9.0 is too long or too short", ("tier_3", "tolerance")),
    Rule("trace_contradicts", "CALIBRATION states another score, range or band than the score", ("disagreement",)),
    Rule("score_above_source", "the score is above what its source supports", ("blog_cap", "unknown_cap")),
    Rule("score_above_expiry", "what can be acted on has expired, and the score is above Low", ("expired_cap",)),
    Rule("echo", "the trace copies the article's text", ("echo_share",)),
    Rule("loop", "the trace repeats itself", ("loop_share",)),
    Rule("language", "the trace is not in English", ("foreign_share",)),
)
"""Every rule, in the order in which they are tried: from "no answer at all" over "cannot be read" to "reads well, but
is not what was asked for"."""

CODES: tuple[str, ...] = tuple(rule.code for rule in RULES)
"""Every reason for which an answer is not accepted, in the order in which the rules are tried."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rules measure against. Words are counted in the trace, scores are in tenths, shares go from 0 to 1.

    - ``least_words``, ``most_words``: of any trace (plan, section 6).
    - ``tier_1`` to ``tier_3``: of a trace of that tier, widened by ``tolerance`` (decisions.md, 8).
    - ``disagreement``: how far the score may be from the one that CALIBRATION states.
    - ``blog_cap``, ``unknown_cap``: the highest score that such a source supports (plan, section 5; decisions.md, 18).
    - ``expired_cap``: the highest score of an opportunity that is over, which is the highest of band low.
    - ``echo_share``: of the trace's 8-word runs, how many may stand in the article's body. The rubric's traces have
      none there; 2,156 older traces that quote the title had at most 0.145, titles included.
    - ``loop_share``: of the trace's 4-word runs, how many may have stood in it before. The rubric has at most 0.09.
    - ``foreign_share``: how much of the trace may be in another language, names and quotes included.
    """

    least_words: int = 15
    most_words: int = 200
    tier_1: tuple[int, int] = (0, 50)
    tier_2: tuple[int, int] = (80, 150)
    tier_3: tuple[int, int] = (120, 180)
    tolerance: float = 0.2
    disagreement: int = 5
    blog_cap: int = 80
    unknown_cap: int = 89
    expired_cap: int = 54
    echo_share: float = 0.25
    loop_share: float = 0.2
    foreign_share: float = 0.5

    def of_tier(self, tier: Tier) -> tuple[int, int]:
        """Return the fewest and the most words that a trace of this tier may have, tolerance included."""
        least, most = {1: self.tier_1, 2: self.tier_2, 3: self.tier_3}[tier]
        return round(least * (1 - self.tolerance)), round(most * (1 + self.tolerance))


LimitKind = Literal["words", "range", "share", "points"]
LIMITS: dict[str, LimitKind] = {
    "least_words": "words",
    "most_words": "words",
    "tier_1": "range",
    "tier_2": "range",
    "tier_3": "range",
    "tolerance": "share",
    "disagreement": "points",
    "blog_cap": "points",
    "unknown_cap": "points",
    "expired_cap": "points",
    "echo_share": "share",
    "loop_share": "share",
    "foreign_share": "share",
}
"""Every limit's kind: a number of words, two of them, a share from 0 to 1, or a score, which is kept in tenths."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an answer is judged by: the limits, and the codes of the rules that are switched off."""

    limits: Limits = field(default_factory=Limits)
    off: frozenset[str] = frozenset()


@cache
def fingerprint(rules: Rules) -> str:
    """Return 12 hex digits over the rules, their limits and which are off: what a verdict was reached by."""
    basis = (_REVISION, CODES, rules.limits, sorted(rules.off), DIMENSIONS, SIGNAL_WORDS, SECTIONS)
    return hashlib.sha256(repr(basis).encode()).hexdigest()[:12]
