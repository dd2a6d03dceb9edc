from __future__ import annotations

from typing import Any

import pytest

from stratos_tui.distill.weak import WeakBand, weak_bands, wishes_for
from stratos_tui.errors import StratosError
from stratos_tui.store import evaluations
from stratos_tui.store.db import Store
from stratos_tui.store.evaluations import EvaluatedPair
from tests import builds

FULL = {"target": 0.3, "share": 0.3, "limited": False}


def built(store: Store, name: str, shares: dict[str, Any], rebalance: dict[str, Any] | None = None) -> int:
    return builds.add(
        store,
        [],
        digest=name,
        order_digest="",
        teacher="rehearsal",
        params={},
        summary={"shares": shares, "rebalance": rebalance or {}},
        prompt_fingerprint="",
    )


def evaluated(store: Store, dataset: int | None, per_band: dict[str, float | None], pairs: list[EvaluatedPair]) -> int:
    return evaluations.add(
        store,
        fingerprint=f"{dataset} {per_band} {len(pairs)}",
        scorer="student:1",
        dataset_id=dataset,
        run_id=None,
        verdict="partial",
        result={"per_band": per_band},
        evaluated=pairs,
    )


def test_nothing_to_read_is_nothing_weak(seeded: Store) -> None:
    assert weak_bands(seeded) == []
    with pytest.raises(StratosError, match="no build and no evaluation shows a weak band"):
        wishes_for(seeded, [], 3)


def test_a_band_below_its_share_of_the_newest_build_is_weak(seeded: Store) -> None:
    built(seeded, "old", {"critical": {"target": 0.15, "share": 0.0, "limited": True}})
    newest = built(
        seeded,
        "new",
        {
            "noise+low": {"target": 0.25, "share": 0.20, "limited": True},
            "moderate": {"target": 0.30, "share": 0.12, "limited": True},
            "high": {"target": 0.30, "share": 0.29, "limited": False},
        },
    )
    found = weak_bands(seeded)
    assert [(each.band, each.measure, each.figure) for each in found] == [
        ("moderate", "share", 0.12),
        ("low", "share", 0.20),
    ]
    assert found[0].why == f"moderate: 12% of the training rows, 30% wanted (dataset {newest})"


def test_a_band_that_is_mostly_copies_is_weak(seeded: Store) -> None:
    built(
        seeded,
        "new",
        {"moderate": FULL, "high": FULL},
        {
            "moderate": {"had": 50, "rows": 100, "dropped": 0, "repeated": 50},
            "high": {"had": 90, "rows": 100, "dropped": 0, "repeated": 10},
            "critical": {"had": 0, "rows": 0, "dropped": 0, "repeated": 0},
        },
    )
    (found,) = weak_bands(seeded)
    assert (found.band, found.measure, found.figure) == ("moderate", "repeats", 0.5)


def test_bands_far_from_the_teacher_and_profiles_not_told_apart_are_weak(seeded: Store) -> None:
    build = built(seeded, "new", {"moderate": FULL})
    pairs = [
        # the nurse's articles are told apart from everybody's but the engineer's, whom the student gives the same
        pair
        for number in range(12)
        for pair in (
            EvaluatedPair(f"a{number}", "texas_nurse", 80, 82),
            EvaluatedPair(f"a{number}", "kuwait_cpeg", 5, 5),
            EvaluatedPair(f"a{number}", "munich_mecheng", 5, None if number % 2 else 82),
        )
    ]
    own = evaluated(seeded, build, {"noise": 3.0, "low": 1.0, "moderate": None, "high": 2.5, "critical": 1.5}, pairs)
    evaluated(seeded, None, {"low": 9.0}, [])
    found = {(each.band, each.profile_ids): each for each in weak_bands(seeded)}
    # the engineer has no article above noise, so drafts for him begin with high
    assert set(found) == {("moderate", ()), ("high", ()), ("high", ("texas_nurse",)), ("high", ("munich_mecheng",))}
    assert found["high", ()].why == f"high: MAE 2.50, 1.50 wanted (evaluation {own} of student:1)"
    assert "no held-out pair to measure" in found["moderate", ()].why
    assert found["high", ("texas_nurse",)].figure == 0.5


def test_few_contrast_pairs_say_nothing_of_a_profile(seeded: Store) -> None:
    build = built(seeded, "new", {})
    pairs = [EvaluatedPair("a", "texas_nurse", 90, 0), EvaluatedPair("a", "kuwait_cpeg", 0, 0)]
    evaluated(seeded, build, {"high": 0.1}, pairs)
    assert weak_bands(seeded) == []


def test_wishes_take_weak_bands_in_turn_and_profiles_in_a_seeded_order(seeded: Store) -> None:
    weak = [
        WeakBand("moderate", (), "share", 0.1, 0.3, "dataset 1"),
        WeakBand("high", ("texas_nurse",), "psr", 0.5, 0.6, "evaluation 1"),
    ]
    wishes = wishes_for(seeded, weak, 24)
    assert [each.band for each in wishes] == ["moderate", "high"] * 12
    assert {each.profile_ids for each in wishes if each.band == "high"} == {("texas_nurse",)}
    moderate = [each.profile_ids for each in wishes if each.band == "moderate"]
    assert len(set(moderate)) == 10
    assert moderate[:2] == moderate[10:]
    assert wishes_for(seeded, weak, 24) == wishes
    assert wishes_for(seeded, weak, 24, seed=1) != wishes
