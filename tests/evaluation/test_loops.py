from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.evaluation.loops import count_repetition
from stratos_tui.records import Article

ARTICLE = Article(
    "a",
    "Equate opens CPEG graduate program in Kuwait",
    "Twenty-four computer engineering graduates will join the petrochemical producer in March for an eighteen-month"
    " rotation through distributed control systems, plant networks and process data at Shuaiba.",
)
TRACE = """PROFILE: CPEG graduate in Kuwait, tracks oil and gas companies.
CONTENT: Equate opens CPEG graduate program in Kuwait, on 12 November, in jobs.
ANALYSIS:
- Role/interest relevance: STRONG — computer engineering = computer engineering? yes
- Location relevance: STRONG — Kuwait = Kuwait? yes
- Entity relevance: STRONG — Equate = Equate? yes → tracked
- Topic relevance: WEAK — petrochemicals = oil and gas? no; petrochemicals = petrochemicals? yes
- Actionability: HIGH — deadline 30 December
- Source quality: OFFICIAL — Equate itself
CALIBRATION: Strongest signal is Equate hiring this degree. It maps to 9.0-10.0."""


def looping(trace: str) -> bool:
    return count_repetition([(trace, None)]).looping == 1


@pytest.mark.parametrize(
    "trace",
    [
        "the " * 12,
        "PROFILE: nurse. " + "zero overlap with the profile " * 4,
        f"{TRACE}\n" * 2,
        "a b c d e f " + "it is what it is and " * 5 + "so on",
    ],
    ids=["word", "sentence", "trace", "clause"],
)
def test_loops_are_found(trace: str) -> None:
    assert looping(trace)


@pytest.mark.parametrize("trace", [TRACE, "no, no, no, no", "the " * 11, "zero overlap with the profile " * 3, "word"])
def test_what_is_said_a_few_times_is_no_loop(trace: str) -> None:
    assert not looping(trace)


@given(st.integers(1, 60), st.integers(0, 30), st.integers(0, 10_000))
def test_any_phrase_said_over_and_over_is_found_wherever_it_stands(length: int, before: int, seed: int) -> None:
    pick = random.Random(seed)
    phrase = [f"w{pick.randrange(1000)}" for _ in range(length)]
    words = [f"x{i}" for i in range(before)] + phrase * max(4, -(-12 // length)) + ["end"]
    assert looping(" ".join(words))


def test_copies_of_the_article_are_found() -> None:
    found = count_repetition([(f"PROFILE: x. CONTENT: {ARTICLE.title} {ARTICLE.body}", ARTICLE), (TRACE, ARTICLE)])
    assert (found.traces, found.looping, found.copying, found.share) == (2, 0, 1, 0.5)


def test_copying_is_not_measured_without_articles_and_empty_traces_are_no_traces() -> None:
    found = count_repetition([(TRACE, None), ("", None), ("  ", ARTICLE)])
    assert (found.traces, found.copying, found.share) == (1, None, 0.0)
    assert count_repetition([]).share is None
