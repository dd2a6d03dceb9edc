"""Near-duplicates: what repeats an earlier article nearly word for word, exactly as comparing all pairs would find."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.articles import near_duplicates
from stratos_tui.profiles.shipped import shipped_articles
from stratos_tui.progress import Canceled
from stratos_tui.records import Article

STORY = (
    "the last quadrupoles beside atlas reached 1.9 kelvin on monday closing a rebuild that began after the third run"
)


def found(*bodies: str) -> dict[str, str]:
    return near_duplicates.find([Article(str(number), "", body) for number, body in enumerate(bodies)])


def test_a_story_under_another_headline_is_found() -> None:
    articles = [
        Article("a", "Rebuild closes", STORY),
        Article("b", "Copper falls", "copper fell for a third day in lima as stocks grew and buyers waited for news"),
        Article("c", "CERN is ready", STORY.upper() + "!"),
    ]
    assert near_duplicates.find(articles) == {"c": "a"}


def test_sharing_a_few_phrases_is_not_enough() -> None:
    assert (
        found(STORY, "on monday closing a rebuild that began in lima copper fell as buyers waited for fresh news") == {}
    )


def test_chains_are_one_cluster_named_by_its_first() -> None:
    words = [f"w{number}" for number in range(40)]
    chain = [" ".join(words[start : start + 25]) for start in (0, 6, 12)]
    assert found("something else", *chain) == {"2": "1", "3": "1"}
    assert found(chain[0], chain[2]) == {}


def test_short_and_wordless_texts() -> None:
    assert found("one two", "one two", "one", "", "", "!?") == {"1": "0", "4": "3", "5": "3"}
    assert near_duplicates.find([]) == {}


def test_languages_without_spaces_are_compared_by_character() -> None:
    text = "量子コンピュータの新しい研究成果が東京大学から発表された"
    assert found(text, text.replace("東京", "京都"), "全く別の話題についての短い記事です") == {"1": "0"}


def test_none_of_the_shipped_articles_repeats_another() -> None:
    assert near_duplicates.find([article for article, _ in shipped_articles()]) == {}


def test_it_can_be_stopped() -> None:
    def stop(done: int, total: int, note: str) -> None:
        raise Canceled

    with pytest.raises(Canceled):
        near_duplicates.find([Article("a", "t", "b")], stop)


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join), max_size=12))
def test_the_index_finds_what_comparing_all_pairs_finds(bodies: list[str]) -> None:
    sets = []
    for body in bodies:
        words = body.split() or [""]
        words += [""] * (3 - len(words))
        sets.append({*zip(words, words[1:], words[2:], strict=False)})
    cluster = list(range(len(bodies)))
    for one, other in combinations(range(len(bodies)), 2):
        common = len(sets[one] & sets[other])
        if common >= near_duplicates.MIN_JACCARD * len(sets[one] | sets[other]):
            joined = {cluster[one], cluster[other]}
            cluster = [min(joined) if each in joined else each for each in cluster]
    assert found(*bodies) == {str(own): str(first) for own, first in enumerate(cluster) if own != first}
