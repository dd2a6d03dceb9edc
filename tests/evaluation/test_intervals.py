from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from stratos_tui.evaluation.intervals import MEASURES, intervals
from stratos_tui.evaluation.metrics import measure
from stratos_tui.evaluation.pairs import FAILED, Pairs, make_pairs


def noisy(articles: int = 60, profiles: int = 10, seed: int = 1) -> Pairs:
    random = np.random.default_rng(seed)
    n = articles * profiles
    teacher = np.where(random.random(n) < 0.7, random.integers(0, 20, n), random.integers(20, 101, n))
    score = np.clip(teacher + random.integers(-30, 31, n), 0, 100)
    score[random.random(n) < 0.03] = FAILED
    return make_pairs(
        [f"a{i // profiles}" for i in range(n)],
        [f"p{i % profiles}" for i in range(n)],
        teacher.tolist(),
        [None if s == FAILED else s for s in score.tolist()],
    )


def one_by_one(pairs: Pairs, seed: int, resamples: int) -> dict[str, list[float]]:
    """The same bootstrap without any arithmetic shared with it: draw articles, stack their rows, measure."""
    random = np.random.default_rng(seed)
    articles = len(pairs.articles)
    drawn = random.integers(0, articles, (resamples, articles))
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for draw in drawn:
        rows = [np.flatnonzero(pairs.article == article) for article in draw]
        take = np.concatenate(rows)
        as_new = np.repeat(np.arange(articles), [len(each) for each in rows])
        sample = make_pairs(
            as_new.astype(str).tolist(),
            pairs.profile[take].astype(str).tolist(),
            pairs.teacher[take].tolist(),
            [None if s == FAILED else s for s in pairs.score[take].tolist()],
        )
        measured = measure(sample)
        for name in MEASURES:
            found[name].append(getattr(measured, name))
    return found


def test_intervals_are_those_of_resampling_articles_one_by_one() -> None:
    pairs = noisy(articles=12, profiles=6)
    found = intervals(pairs, seed=3, resamples=80)
    slow = one_by_one(pairs, seed=3, resamples=80)
    for name in MEASURES:
        assert found[name] == pytest.approx(tuple(np.percentile(slow[name], (2.5, 97.5)))), name


def test_the_point_lies_inside_and_the_seed_decides() -> None:
    pairs = noisy()
    point, found = measure(pairs), intervals(pairs)
    for name in MEASURES:
        interval = found[name]
        assert interval is not None
        assert interval[0] < getattr(point, name) < interval[1]
    assert intervals(pairs) == found
    assert intervals(pairs, seed=1) != found


def test_articles_are_the_unit() -> None:
    """Twenty copies of each row inside its article add no certainty; twenty times as many articles do."""
    random = np.random.default_rng(0)
    errors = random.integers(0, 40, 20).tolist()

    def width(copies: int, articles: int) -> float:
        ids = [f"a{i}" for i in range(20 * articles) for _ in range(copies)]
        profiles = [f"p{k}" for _ in range(20 * articles) for k in range(copies)]
        scores = [e for e in errors * articles for _ in range(copies)]
        found = intervals(make_pairs(ids, profiles, [0] * len(ids), scores))["mae"]
        assert found is not None
        return found[1] - found[0]

    assert width(20, 1) == pytest.approx(width(1, 1), rel=0.05)
    assert width(1, 20) < width(1, 1) / 3


def test_what_cannot_be_measured_has_no_interval() -> None:
    assert set(intervals(make_pairs(["a"], ["p"], [5], [5])).values()) == {None}
    assert set(intervals(make_pairs([], [], [], [])).values()) == {None}
    failed = intervals(make_pairs(["a", "b"], ["p", "p"], [5, 90], [None, None]))
    assert (failed["mae"], failed["spearman"], failed["psr"]) == (None, None, None)
    assert failed["direction"] == (0.0, 0.0)
    constant = intervals(make_pairs(["a", "b", "b"], ["p", "p", "q"], [5, 90, 3], [5, 5, 5]))
    assert constant["spearman"] is None
    assert constant["psr"] == (0.0, 0.0)


def test_rank_correlation_handles_ties_as_scipy_does() -> None:
    teacher, score = [0, 0, 10, 10, 50, 90], [5, 5, 5, 20, 20, 80]
    pairs = make_pairs(list("abcdef"), ["p"] * 6, teacher, score)
    assert measure(pairs).spearman == pytest.approx(float(spearmanr(teacher, score).statistic))
    assert intervals(pairs)["spearman"] is not None


def test_articles_that_a_mask_left_without_pairs_are_not_drawn() -> None:
    pairs = noisy(articles=30)
    half = pairs.where(pairs.article < 15)
    again = noisy(articles=30).where(pairs.article < 15)
    found = intervals(half)
    assert found == intervals(again)
    assert found["direction"] is not None
    assert found["direction"][0] > 0
