from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.distill import choosing
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.pilot import choose_pilot
from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, profiles, requests
from stratos_tui.store.db import Store

PLAIN = DistillSettings()


def add_articles(store: Store, count: int) -> list[str]:
    """Imported articles: one in four is about what a nurse in Houston follows, the others about nothing."""
    made = [
        Article(
            f"new-{number}",
            f"Houston Methodist opens emergency nursing posts {number}" if number % 4 == 0 else f"Bread {number}",
            f"Text number {number}.",
            fetched=date(2026, 11, 1),
        )
        for number in range(count)
    ]
    return [each.id for each in articles.add_many(store, made, "imported", "test")]


def test_whole_articles_are_taken_first_and_the_rest_comes_from_one_more(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=57)
    per_article = Counter(pair.article_id for pair in pairs)
    assert len(pairs) == len(set(pairs)) == 57
    assert sorted(per_article.values()) == [7, 10, 10, 10, 10, 10]


def test_a_smaller_choice_is_part_of_a_larger_one_and_the_same_every_time(seeded: Store) -> None:
    larger = choose_pairs(seeded, limit=300)
    assert choose_pairs(seeded, limit=300) == larger
    assert choose_pairs(seeded, limit=45) == larger[:45]
    assert choose_pairs(seeded, limit=300, seed=1) != larger


def test_without_a_limit_every_pair_is_taken(seeded: Store) -> None:
    assert len(choose_pairs(seeded)) == articles.count(seeded) * 10
    assert len(choose_pairs(seeded, limit=10**6)) == articles.count(seeded) * 10


def test_polarizing_articles_come_before_imported_ones_and_near_duplicates_last(seeded: Store) -> None:
    new = add_articles(seeded, 8)
    articles.set_near_duplicates(seeded, {new[1]: new[0]})
    order = list(dict.fromkeys(pair.article_id for pair in choose_pairs(seeded, limit=10**6)))
    assert set(order[-8:]) == set(new)
    assert order[-1] == new[1]


def test_bands_and_the_split_are_taken_in_proportion(seeded: Store) -> None:
    new = add_articles(seeded, 200)
    fix_holdout(seeded, share=0.2)
    taken = {pair.article_id for pair in choose_pairs(seeded, articles=new, limit=1000)}
    about_nursing = sum(int(each.split("-")[1]) % 4 == 0 for each in taken)
    splits = articles.splits(seeded)
    held_out = sum(splits[each] == "eval" for each in new)
    assert len(taken) == 100
    assert abs(about_nursing - 25) <= 2
    assert abs(sum(splits[each] == "eval" for each in taken) - held_out / 2) <= 2


def test_imported_profiles_are_asked_for_by_name_only(seeded: Store) -> None:
    profiles.save(seeded, Profile("old", "career", "founder", "Dubai", "senior", ""), "imported")
    profiles.save(seeded, Profile("mine", "interest", "reader", "Oslo", "none", ""), "operator")
    assert {pair.profile_id for pair in choose_pairs(seeded)} >= {"mine", "kuwait_cpeg"}
    assert "old" not in {pair.profile_id for pair in choose_pairs(seeded)}
    assert {pair.profile_id for pair in choose_pairs(seeded, profiles=["old"], limit=3)} == {"old"}


@pytest.mark.parametrize(("articles_", "profiles_"), [(["nowhere"], None), (None, ["nobody"])])
def test_an_unknown_id_is_named(seeded: Store, articles_: list[str] | None, profiles_: list[str] | None) -> None:
    with pytest.raises(StratosError, match=r"'(nowhere|nobody)'"):
        choose_pairs(seeded, articles=articles_, profiles=profiles_, limit=1)


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    with pytest.raises(StratosError, match="stratos init"):
        choose_pairs(store)


def test_a_plan_stores_nothing_until_it_is_kept_and_then_once(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=25)
    planned = plan(seeded, "rehearsal", pairs, wanted=30)
    assert requests.unsent(seeded, "rehearsal") == []
    assert (len(planned.requests), planned.shortfall, planned.batches) == (25, 5, 1)
    assert (keep(seeded, planned, PLAIN), keep(seeded, planned, PLAIN)) == (25, 0)
    again = plan(seeded, "rehearsal", pairs)
    assert (len(again.requests), again.unsent, again.cost_estimate) == (0, 25, planned.cost_estimate)


def test_what_is_planned_is_still_owed_and_what_is_accepted_is_not(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=20)
    keep(seeded, plan(seeded, "rubric", pairs), PLAIN)
    assert choose_pairs(seeded, limit=20, missing_for="rubric") == pairs
    distill(seeded, "rubric", pairs=pairs)
    assert not set(pairs) & set(choose_pairs(seeded, limit=20, missing_for="rubric"))
    assert choose_pairs(seeded, limit=20, missing_for="rehearsal") == pairs


def test_an_edited_profile_is_asked_again_and_its_old_answers_are_no_examples(seeded: Store) -> None:
    from stratos_tui.store.distill import examples

    pairs = choose_pairs(seeded, profiles=["texas_nurse"], limit=3)
    distill(seeded, "rubric", pairs=pairs)
    nurse = profiles.get(seeded, "texas_nurse")
    assert nurse is not None
    profiles.save(seeded, replace(nurse, location="Dallas, Texas, USA"), "operator")
    assert examples(seeded, "rubric") == []
    planned = plan(seeded, "rubric", pairs)
    assert [each.attempt for each in planned.requests] == [2, 2, 2]
    distill(seeded, "rubric", pairs=pairs)
    assert len(examples(seeded, "rubric")) == 3
    assert "Dallas" in examples(seeded, "rubric")[0].trace


def test_a_question_about_an_earlier_profile_is_not_sent(seeded: Store) -> None:
    pairs = choose_pairs(seeded, profiles=["texas_nurse"], limit=3)
    keep(seeded, plan(seeded, "rubric", pairs), PLAIN)
    nurse = profiles.get(seeded, "texas_nurse")
    assert nurse is not None
    profiles.save(seeded, replace(nurse, location="Dallas, Texas, USA"), "operator")
    keep(seeded, plan(seeded, "rubric", pairs), PLAIN)
    assert [each.attempt for each in requests.unsent(seeded, "rubric")] == [2, 2, 2]


def test_every_article_can_be_judged_on_one_day(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=12)
    days = {each.reference_date for each in plan(seeded, "rubric", pairs, as_of=date(2026, 12, 24)).requests}
    assert days == {date(2026, 12, 24)}


def test_what_waits_for_another_day_is_planned_anew_for_the_day_that_is_asked_for(seeded: Store) -> None:
    pairs, day = choose_pairs(seeded, limit=12), date(2026, 12, 24)
    keep(seeded, plan(seeded, "rehearsal", pairs), PLAIN)
    moved = plan(seeded, "rehearsal", pairs[:5], as_of=day)
    assert (len(moved.requests), moved.unsent, moved.in_flight, len(moved.to_send)) == (5, 0, 0, 5)
    assert keep(seeded, moved, PLAIN) == 5
    unsent = requests.unsent(seeded, "rehearsal")
    assert len(unsent) == 12
    assert {each.attempt for each in unsent} == {1}
    assert {Pair(each.article_id, each.profile_id) for each in unsent if each.reference_date == day} == set(pairs[:5])
    again = plan(seeded, "rehearsal", pairs[:5], as_of=day)
    assert (again.requests, again.unsent) == ([], 5)
    # where no day is named, what is planned keeps its own
    assert plan(seeded, "rehearsal", pairs).requests == []


def test_strata_and_bands_are_those_of_the_day_that_is_asked_for(seeded: Store) -> None:
    # long after every deadline more is of low worth
    late = date(2031, 1, 1)
    now, then = (choosing.in_bands(seeded, "rubric", ["low"], day) for day in (None, late))
    assert len(now) < len(then)
    found = choosing.choose(seeded, "rehearsal", choosing.Wanted(bands=("low",), as_of=late))
    assert set(found) == then
    pairs = choose_pairs(seeded)
    assert choose_pairs(seeded, limit=len(pairs), as_of=late) != choose_pairs(seeded, limit=len(pairs))
    assert choose_pilot(seeded, pairs, 50, late) != choose_pilot(seeded, pairs, 50)


def test_an_estimate_grows_with_the_pairs_and_thinking_costs(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=100)
    rehearsed = plan(seeded, "rehearsal", pairs).cost_estimate
    claude = plan(seeded, "claude:claude-opus-5-5", pairs).cost_estimate
    assert 0 < rehearsed.low < rehearsed.expected < rehearsed.high
    assert rehearsed.expected < claude.expected
    assert plan(seeded, "rehearsal", pairs[:50]).cost_estimate.expected == pytest.approx(
        rehearsed.expected / 2, rel=0.05
    )
    assert plan(seeded, "rubric", pairs).cost_estimate.high == 0.0


def test_a_pair_of_unknown_ids_is_refused(seeded: Store) -> None:
    with pytest.raises(StratosError, match="no pair of 'x' and 'texas_nurse'"):
        plan(seeded, "rubric", [Pair("x", "texas_nurse")])
