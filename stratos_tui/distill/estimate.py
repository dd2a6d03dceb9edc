"""What asking will cost, before anything is sent: tokens by part, and a price range for each model.

A pilot measures what is assumed here (:mod:`stratos_tui.distill.pilot`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.bands import band_of
from stratos_tui.records import Article, Profile
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import Price, Usage, batch_cost, dollars, live_cost
from stratos_tui.teachers.tokens import NEWER_TOKENIZERS, estimate_bytes
from stratos_tui.teachers.wire import message_params

NOISE_TOKENS_OUT = 90
"""A trace of 30 to 50 words and a score (plan, section 3.4), at four bytes a token."""
PLAN_TOKENS_OUT = 200
"""What the plan reckons with for every answer (section 6, phase 2)."""
MOST_TOKENS_OUT = 260
"""A trace of 180 words and a score (decisions.md, 6)."""
THINKING: dict[str, tuple[int, int, int]] = {
    "low": (0, 250, 500),
    "medium": (250, 500, 1_000),
    "high": (500, 1_000, 2_000),
}
"""Unseen thinking of a model that thinks, in tokens an answer: low, expected, high. decisions.md, 6 reckons with 500;
the rest is assumed until a pilot has measured it."""
CACHE_HITS = (0.98, 0.64, 0.30)
"""Share of a batch's requests that find the shared prompt cached: best, middle, worst (vendor's figure: 30 to 98 %)."""
PLAN_SAYS = (7.0, 10.0)
PLAN_REQUESTS = 5_900
"""The plan's own figure: $7 to $10 for about 5,900 requests (sections 6 and 10)."""
SAMPLE = 500
"""Pairs that the rubric reads to say how much noise to expect."""
COUNTED = 20
"""Prompts that the server counts, where it can be asked: counting is free but limited in rate."""

Count = Callable[[dict[str, Any]], int]
"""Counts the input tokens of message parameters."""
Three = tuple[float, float, float]
"""Low, expected, high."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What asking costs, in dollars: at best, as expected, at worst."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """Input tokens a request: ``system`` is shared and cacheable, ``profile`` and ``article`` are means.

    ``factor`` is what the server counted over what was estimated, from ``counted`` prompts; 1.0 and 0 without a server.
    """

    system: int
    profile: float
    article: float
    factor: float
    counted: int

    @property
    def request(self) -> float:
        """All input tokens of a mean request."""
        return self.system + self.profile + self.article


@dataclass(frozen=True, slots=True)
class ModelEstimate:
    """One model's price range, with its shared prompt cached as far as the vendor says, and not at all."""

    model: str
    price_date: str
    cached: CostEstimate
    uncached: CostEstimate


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known before asking.

    ``cost`` is what this teacher would take, ``models`` what each compared one would; ``tokens_out`` and ``thinking``
    are low, expected, high for one answer; ``noise_share`` is the rubric's guess, None without pairs. ``plan_says`` is
    the plan's own figure for as many requests, in dollars.
    """

    requests: int
    cost: CostEstimate
    tokens: Tokens
    noise_share: float | None
    tokens_out: tuple[float, float, float]
    thinking: tuple[int, int, int]
    effort: str
    models: list[ModelEstimate]
    plan_says: tuple[float, float]


def estimate(
    teacher: Teacher,
    wanted: Sequence[Pair],
    readers: Mapping[str, Profile],
    pool: Mapping[str, Article],
    settings: DistillSettings,
    day: date,
    count: Count | None = None,
    compared: Sequence[Price] = (),
) -> Estimate:
    """Say in full what asking these pairs is reckoned to cost, by this teacher and at the ``compared`` prices.

    ``count`` asks a server to count the tokens of a sample of prompts; without it four bytes of UTF-8 are a token.
    ``day`` is the reference date of articles that have none.
    """
    tokens = count_tokens(wanted, readers, pool)
    if count is not None and wanted:
        tokens = _counted(tokens, teacher, wanted, readers, pool, settings, day, count)
    noise = _noise_share(wanted, readers, pool, day)
    expected_out = PLAN_TOKENS_OUT if noise is None else noise * NOISE_TOKENS_OUT + (1 - noise) * PLAN_TOKENS_OUT
    out = (float(NOISE_TOKENS_OUT), float(expected_out), float(MOST_TOKENS_OUT))
    thinking = THINKING.get(settings.effort, THINKING["high"])
    models = [_of_model(price, len(wanted), tokens, out, thinking) for price in compared]
    share = len(wanted) / PLAN_REQUESTS
    return Estimate(
        requests=len(wanted),
        cost=_of_teacher(teacher, len(wanted), tokens, out, thinking if teacher.thinks else (0, 0, 0)),
        tokens=tokens,
        noise_share=noise,
        tokens_out=out,
        thinking=thinking,
        effort=settings.effort,
        models=models,
        plan_says=(PLAN_SAYS[0] * share, PLAN_SAYS[1] * share),
    )


def count_tokens(wanted: Sequence[Pair], readers: Mapping[str, Profile], pool: Mapping[str, Article]) -> Tokens:
    """Estimate the input tokens of these pairs by the size of their parts, without rendering every pair."""
    empty, any_day = Article("", "", ""), date(2026, 1, 1)
    bare = _size(prompts.article_prompt(empty, any_day))
    of_profile = {
        each: estimate_bytes(_size(prompts.teacher_user(readers[each], empty, any_day)) - bare)
        for each in {pair.profile_id for pair in wanted}
    }
    of_article = {
        each: estimate_bytes(_size(prompts.article_prompt(pool[each], any_day)))
        for each in {pair.article_id for pair in wanted}
    }
    number = max(len(wanted), 1)
    return Tokens(
        system=estimate_bytes(len(prompts.teacher_system().encode())),
        profile=sum(of_profile[pair.profile_id] for pair in wanted) / number,
        article=sum(of_article[pair.article_id] for pair in wanted) / number,
        factor=1.0,
        counted=0,
    )


def _counted(
    tokens: Tokens,
    teacher: Teacher,
    wanted: Sequence[Pair],
    readers: Mapping[str, Profile],
    pool: Mapping[str, Article],
    settings: DistillSettings,
    day: date,
    count: Count,
) -> Tokens:
    sample = sample_of(wanted, COUNTED)
    counted = 0
    for pair in sample:
        article = pool[pair.article_id]
        params = message_params(
            teacher.model,
            readers[pair.profile_id],
            article,
            prompts.reference_date_of(article, day),
            max_tokens=settings.max_tokens,
            effort=settings.effort,
        )
        counted += count(params)
    guessed = count_tokens(sample, readers, pool).request * len(sample)
    return _scaled(tokens, counted / guessed, len(sample))


def sample_of(wanted: Sequence[Pair], size: int, seed: int = 0) -> list[Pair]:
    """Return a seeded sample of pairs, the same on every machine."""
    return sorted(wanted, key=lambda pair: _hash(seed, pair))[:size]


def _noise_share(
    wanted: Sequence[Pair], readers: Mapping[str, Profile], pool: Mapping[str, Article], day: date
) -> float | None:
    if not wanted:
        return None
    sample = sample_of(wanted, SAMPLE)
    compiled = {each: rubric.compile_profile(readers[each]) for each in {pair.profile_id for pair in sample}}
    read = {each: rubric.read_article(pool[each]) for each in {pair.article_id for pair in sample}}
    noise = 0
    for pair in sample:
        on = prompts.reference_date_of(pool[pair.article_id], day)
        tenths = rubric.score_tokens(compiled[pair.profile_id], read[pair.article_id], on).tenths
        noise += band_of(tenths) == "noise"
    return noise / len(sample)


def _of_teacher(teacher: Teacher, requests: int, tokens: Tokens, out: Three, thinking: Three) -> CostEstimate:
    if teacher.price is None:
        return CostEstimate(0.0, 0.0, 0.0)
    return _range(teacher.price, requests, tokens, out, thinking, CACHE_HITS, batches=teacher.way == "batches")


def _of_model(price: Price, requests: int, tokens: Tokens, out: Three, thinking: Three) -> ModelEstimate:
    return ModelEstimate(
        model=price.model,
        price_date=price.date,
        cached=_range(price, requests, tokens, out, thinking, CACHE_HITS),
        uncached=_range(price, requests, tokens, out, thinking, (None, None, None)),
    )


def _range(
    price: Price,
    requests: int,
    tokens: Tokens,
    out: Three,
    thinking: Three,
    hits: tuple[float | None, ...],
    *,
    batches: bool = True,
) -> CostEstimate:
    # where the server counted, its own tokenizer has spoken; where we guessed, newer tokenizers may count more
    most = tokens if tokens.counted else _scaled(tokens, NEWER_TOKENIZERS)
    low, middle, high = (
        _total(price, requests, size, hits[at], out[at] + thinking[at], batches=batches)
        for at, size in enumerate((tokens, tokens, most))
    )
    return CostEstimate(low, middle, high)


def _total(
    price: Price, requests: int, tokens: Tokens, hits: float | None, tokens_out: float, *, batches: bool
) -> float:
    """Return dollars. ``hits`` is the share of requests that read the shared prompt cached, None without caching."""
    own = tokens.profile + tokens.article
    usage = Usage(
        tokens_in=round(requests * (own if hits is not None else own + tokens.system)),
        cache_write=round(requests * tokens.system * (1 - hits)) if hits is not None else 0,
        cache_read=round(requests * tokens.system * hits) if hits is not None else 0,
        tokens_out=round(requests * tokens_out),
    )
    return dollars((batch_cost if batches else live_cost)(price, usage))


def _scaled(tokens: Tokens, factor: float, counted: int = 0) -> Tokens:
    return Tokens(round(tokens.system * factor), tokens.profile * factor, tokens.article * factor, factor, counted)


def _hash(seed: int, pair: Pair) -> bytes:
    return hashlib.sha256(f"{seed}\0{pair.article_id}\0{pair.profile_id}".encode()).digest()


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
