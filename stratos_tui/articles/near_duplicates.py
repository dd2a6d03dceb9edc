"""Finds articles that repeat an earlier one nearly word for word, so that both land in one split."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from stratos_tui.progress import Report, silent
from stratos_tui.records import Article

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Shingles = NDArray[np.int64]

SHINGLE_WORDS = 3
MIN_JACCARD = 0.5
"""The share of word 3-shingles that makes two articles near-duplicates.

Among 4,800 scraped articles, pairs from 0.5 up are one story under two headlines, or one form letter with a name
changed; most pairs from 0.3 to 0.5 have only a site's boilerplate in common.
"""

# Chinese and Japanese have no spaces: there each character counts as a word
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_WORD_BITS = 21
_REPORT_EVERY = 2_000


def find(articles: Sequence[Article], report: Report = silent) -> dict[str, str]:
    """Return, for each article that nearly repeats another, the id of the first article of its cluster.

    Clusters are closed: where A repeats B and B repeats C, all three are one. The first of a cluster, in the order
    given, is not in the answer itself. Exact, by prefix filtering (Bayardo, Ma, Srikant, "Scaling Up All Pairs
    Similarity Search", 2007): two sets that overlap enough share one of their rarest members.
    """
    words: dict[str, int] = {}
    documents = [_shingles(article, words) for article in articles]
    prefixes, ranks = _rarest_first(documents)
    cluster = list(range(len(articles)))
    seen: dict[int, list[int]] = defaultdict(list)
    sets: dict[int, frozenset[int]] = {}
    for own, prefix in enumerate(prefixes):
        if own % _REPORT_EVERY == 0:
            report(own, len(articles), "looking for near-duplicates")
        for other in _candidates(prefix, seen):
            if _root(cluster, own) == _root(cluster, other):
                continue
            if _similar(_members(ranks, own, sets), _members(ranks, other, sets)):
                first, second = sorted((_root(cluster, own), _root(cluster, other)))
                cluster[second] = first
        for shingle in prefix:
            seen[shingle].append(own)
    return {
        article.id: articles[first].id for own, article in enumerate(articles) if (first := _root(cluster, own)) != own
    }


def _shingles(article: Article, words: dict[str, int]) -> Shingles:
    """Return the article's distinct shingles, each as one number made of its words' numbers."""
    import numpy as np

    found = _WORD.findall(f"{article.title} {article.body}".casefold()) or [""]
    numbers = np.array([words.setdefault(word, len(words) + 1) for word in found], dtype=np.int64)
    # a text shorter than a shingle is one shingle, padded with the number that no word has
    numbers = np.pad(numbers, (0, max(0, SHINGLE_WORDS - len(numbers))))
    numbers &= (1 << _WORD_BITS) - 1
    shingles: Shingles = np.unique((numbers[:-2] << 2 * _WORD_BITS) | (numbers[1:-1] << _WORD_BITS) | numbers[2:])
    return shingles


def _rarest_first(documents: Sequence[Shingles]) -> tuple[list[list[int]], list[Shingles]]:
    """Rank all shingles from rare to frequent; return each document's prefix and its ranks.

    A prefix is short of the members that two near-duplicates may differ in, and of those that nobody else has.
    """
    import numpy as np

    if not documents:
        return [], []
    _, places, counts = np.unique(np.concatenate(documents), return_inverse=True, return_counts=True)
    rank_of = np.empty(len(counts), dtype=np.int64)
    rank_of[np.argsort(counts, kind="stable")] = np.arange(len(counts))
    lonely = int((counts == 1).sum())
    ends = np.cumsum([len(document) for document in documents])
    ranks = [np.sort(part) for part in np.split(rank_of[places], ends[:-1])]
    prefixes = [part[: len(part) - ceil(MIN_JACCARD * len(part)) + 1] for part in ranks]
    return [prefix[prefix >= lonely].tolist() for prefix in prefixes], ranks


def _candidates(prefix: Iterable[int], seen: dict[int, list[int]]) -> list[int]:
    return sorted({other for shingle in prefix for other in seen.get(shingle, ())})


def _members(ranks: Sequence[Shingles], own: int, sets: dict[int, frozenset[int]]) -> frozenset[int]:
    if own not in sets:
        sets[own] = frozenset(ranks[own].tolist())
    return sets[own]


def _similar(one: frozenset[int], other: frozenset[int]) -> bool:
    smaller, larger = sorted((len(one), len(other)))
    if smaller < MIN_JACCARD * larger:
        return False
    common = len(one & other)
    return common >= MIN_JACCARD * (smaller + larger - common)


def _root(cluster: list[int], own: int) -> int:
    while cluster[own] != own:
        cluster[own] = cluster[cluster[own]]
        own = cluster[own]
    return own
