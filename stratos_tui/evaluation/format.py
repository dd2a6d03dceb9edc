"""Whether completions keep the plan's format, and whether their depth follows their score (plan, section 6, phase 6).

Format: a closed think block, the sections that its tier needs, SCORE and REASON, by the rules that judge a teacher.
Depth: words in the trace, by the tier of its score. The two are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from stratos_tui.distill.judge import RULES, Limits, Rules, judge
from stratos_tui.prism.trace import render_completion
from stratos_tui.records import Article, Scored, Tier
from stratos_tui.store.answers import Unjudged

FORMAT = Rules(
    off=frozenset(rule.code for rule in RULES if not rule.hard) - {"section_missing", "signal_vocabulary"},
)
"""The judge's rules that are about the format: not those on length, which are depth, nor those on what is said."""
DEPTH = Limits()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a scorer wrote of one pair: all of it, the trace in it, and the article where it is at hand."""

    raw: str
    trace: str
    article: Article | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """The traces of one tier: how many, their mean words, and the share within the tier's and the general limits."""

    n: int
    mean_words: float
    within_limits: float


@dataclass(frozen=True, slots=True)
class Format:
    """``share`` of n completions keep the format, ``faults`` counts why the others do not, by the judge's codes.

    ``depth`` is over those that keep it, by tier; ``depth_share`` is their share within limits, None without any.
    """

    n: int
    share: float
    faults: dict[str, int]
    depth: dict[str, Depth]
    depth_share: float | None


def completion_of(scored: Scored, article: Article | None) -> Completion:
    """Return the completion behind a score."""
    return Completion(scored.raw, scored.trace, article)


def completion_from(trace: str, tenths: int | None, article: Article | None = None) -> Completion:
    """Return the completion that a trace and a score would make; without a score there is only the trace.

    Somebody else's rows hold no reason, so that part of the format is taken as kept.
    """
    whole = render_completion(trace, tenths or 0, "-")
    return Completion(whole if tenths is not None else whole.partition("SCORE:")[0], trace, article)


def read_format(completions: Iterable[Completion]) -> Format | None:
    """Check completions; None where there are none."""
    faults: Counter[str] = Counter()
    words: dict[Tier, list[int]] = {tier: [] for tier in get_args(Tier)}
    total = 0
    for completion in completions:
        total += 1
        found = judge(_answer(completion), FORMAT)
        if found.code:
            faults[found.code] += 1
        elif found.tier is not None:
            words[found.tier].append(found.words)
    if not total:
        return None
    good = {tier: [_fits(tier, count) for count in counts] for tier, counts in words.items()}
    kept = total - faults.total()
    depth = {
        str(tier): Depth(len(counts), sum(counts) / len(counts), sum(good[tier]) / len(counts))
        for tier, counts in words.items()
        if counts
    }
    return Format(
        n=total,
        share=kept / total,
        faults=dict(faults.most_common()),
        depth=depth,
        depth_share=sum(map(sum, good.values())) / kept if kept else None,
    )


def _answer(completion: Completion) -> Unjudged:
    return Unjudged(request_id=0, result_type="succeeded", stop_reason="end_turn", detail="", text=completion.raw)


def _fits(tier: Tier, words: int) -> bool:
    least, most = DEPTH.of_tier(tier)
    return max(least, DEPTH.least_words) <= words <= min(most, DEPTH.most_words)
