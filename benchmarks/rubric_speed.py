"""Prints the rubric's speed on one core: pairs per second without and with trace text, beside a naive scorer.

    python benchmarks/rubric_speed.py [seconds]

The naive scorer searches the article with one regular expression per profile item, which is what the rubric's index
replaces. Articles are headline-length; each is read once and scored against ten profiles, as a feed does it.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from datetime import date

from stratos_tui.prism.rubric import compile_profile, explain, read_article, score, score_tokens
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.records import Article, Profile

DAY = date(2026, 11, 1)
TARGET = 20_000
"""Pairs a second on one core, without trace text, that the rubric must reach."""


def main(seconds: float) -> None:
    """Time each way of scoring for about ``seconds`` and print the rates."""
    profiles = shipped_profiles()
    articles = [headline(article) for article, _ in shipped_articles()]
    compiled = [compile_profile(profile) for profile in profiles]
    patterns = [[re.compile(rf"\b{re.escape(item)}\b", re.I) for item in every_item(profile)] for profile in profiles]
    pairs = len(articles) * len(compiled)

    def warm() -> None:
        for article in articles:
            for profile in compiled:
                score(profile, article, DAY)

    def cold() -> None:
        read_article.cache_clear()
        for article in articles:
            read = read_article(article)
            for profile in compiled:
                score_tokens(profile, read, DAY)

    def traced() -> None:
        for article in articles:
            for profile in compiled:
                explain(profile, article, score(profile, article, DAY))

    def naive() -> None:
        for article in articles:
            text = f"{article.title} {article.body}"
            for items in patterns:
                sum(pattern.search(text) is not None for pattern in items)

    print(
        f"{len(articles)} headlines × {len(compiled)} profiles = {pairs} pairs; rates in pairs per second on one core"
    )
    baseline = rate(naive, pairs, seconds)
    for name, work in (
        ("score, article read before", warm),
        ("score, reading each article once", cold),
        ("score and trace text", traced),
    ):
        value = rate(work, pairs, seconds)
        note = f"  target {TARGET:,}: {'met' if value >= TARGET else 'MISSED'}" if work is warm else ""
        print(f"{name:36} {value:12,.0f}   {value / baseline:6.2f} × naive{note}")
    print(f"{'naive: one regex per item, no score':36} {baseline:12,.0f}     1.00 × naive")


def headline(article: Article) -> Article:
    """Cut an article to a headline and the first words of its text, as feeds deliver it."""
    return Article(
        article.id,
        article.title,
        " ".join(article.body.split()[:20]),
        article.source,
        article.source_type,
        published=article.published,
        fetched=article.fetched,
        deadline=article.deadline,
    )


def every_item(profile: Profile) -> list[str]:
    """List what a naive scorer would look for."""
    return [
        profile.location,
        *profile.companies,
        *profile.institutions,
        *profile.interests,
        *profile.industries,
    ]


def rate(work: Callable[[], None], pairs: int, seconds: float) -> float:
    """Run work repeatedly after one warm-up and return the best rate of its rounds."""
    work()
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        work()
        best = max(best, pairs / (time.perf_counter() - started))
    return best


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
