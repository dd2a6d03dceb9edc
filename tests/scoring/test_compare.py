from __future__ import annotations

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.records import Scored
from stratos_tui.scoring.compare import compare, gap_tenths, matrix
from stratos_tui.scoring.lookup import known_article, known_profiles
from stratos_tui.scoring.scorers import rubric_scorer
from stratos_tui.store import profiles
from stratos_tui.store.db import Store


def said(tenths: int | None) -> Scored:
    return Scored("a", "p", tenths, "", "", "", "", 0.0, 0, 0)


def test_the_plans_example_is_far_apart(shipped: Store) -> None:
    article = known_article(shipped, "equate-cpeg-graduate-programme")
    both = known_profiles(shipped, ["kuwait_cpeg", "texas_nurse"])
    found = compare(shipped, rubric_scorer(), article, both)
    assert found["gap"] > 3
    assert [*found["scores"]] == ["kuwait_cpeg", "texas_nurse"]
    assert found["gap"] == pytest.approx(found["scores"]["kuwait_cpeg"] - found["scores"]["texas_nurse"])
    assert [pair["score"] for pair in found["pairs"]] == [*found["scores"].values()]
    assert all(pair["trace"].startswith("PROFILE: ") for pair in found["pairs"])


def test_the_matrix_has_every_profile(shipped: Store) -> None:
    found = matrix(shipped, rubric_scorer(), known_article(shipped, "nasa-jwst-exoplanet-catalog"))
    assert [each.profile_id for each in found] == [profile.id for profile in profiles.load(shipped)]
    best = max(found, key=lambda each: each.tenths or 0)
    assert best.profile_id == "portland_retired_space"


@pytest.mark.parametrize(
    ("scores", "gap"), [([5, 95], 90), ([95, 5, 50], 90), ([5, 5], 0), ([5, None], None), ([5], None), ([], None)]
)
def test_the_gap_needs_every_score(scores: list[int | None], gap: int | None) -> None:
    assert gap_tenths([said(each) for each in scores]) == gap


def test_what_is_not_stored_is_named(shipped: Store) -> None:
    with pytest.raises(StratosError, match="there is no article 'nothing'"):
        known_article(shipped, "nothing")
    with pytest.raises(StratosError, match="there is no profile 'nobody'; there are kuwait_cpeg, "):
        known_profiles(shipped, ["texas_nurse", "nobody"])


def test_an_empty_store_says_so(store: Store) -> None:
    with pytest.raises(StratosError, match="none yet"):
        known_profiles(store, ["nobody"])
