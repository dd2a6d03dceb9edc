"""The held-out articles: whole, fixed for good, near-duplicates together, and standing for all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from stratos_tui.articles import holdout
from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.progress import Canceled
from stratos_tui.records import Article
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store, open_store

WORDS = ("copper", "nurse", "space", "telescope", "bank", "kuwait", "engine", "lima", "oslo", "bread", "garden", "chip")


def story(number: int) -> Article:
    chance = random.Random(number)
    body = " ".join(chance.choice(WORDS) + str(chance.randrange(50)) for _ in range(30))
    return Article(f"s{number}", f"Story {number}", body)


def repost(article: Article) -> Article:
    return replace(article, id=f"{article.id}-again", title=f"{article.title} again")


def add(store: Store, wanted: Sequence[Article]) -> None:
    articles.add_many(store, wanted, "imported", "a test")


def held_out(store: Store) -> set[str]:
    return {article_id for article_id, split in articles.splits(store).items() if split == "eval"}


def test_a_tenth_of_the_shipped_articles_is_held_out(seeded: Store) -> None:
    done = fix_holdout(seeded)
    assert (done.assigned, done.train, done.held_out, done.near_duplicates) == (100, 90, 10, 0)
    assert done.rules == {"stratified seed=0": 100}


def test_the_choice_is_the_seeds_and_not_the_runs(seeded: Store, store: Store) -> None:
    fix_holdout(seeded)
    other = open_store(seeded.path.with_name("other.db"))
    for profile in profiles.load(seeded):
        profiles.save(other, profile, "shipped")
    articles.add_many(other, articles.load(seeded), "polarizing", "shipped")
    fix_holdout(other)
    assert held_out(other) == held_out(seeded)
    other.close()


def test_held_out_articles_stand_for_all(seeded: Store) -> None:
    fix_holdout(seeded)
    deviation = holdout.deviation(seeded)
    assert (deviation.held_out, deviation.articles) == (10, 100)
    assert deviation.collections == {"polarizing": (10, 100)}
    assert sum(deviation.overall.everything.values()) == pytest.approx(1)
    # ten articles are a hundred pairs: a share moves by 1 in 100, and one profile's by 1 in 10
    assert deviation.overall.worst <= 0.03
    assert max(shares.worst for shares in deviation.by_profile) <= 0.1
    assert [shares.name for shares in deviation.by_profile] == [profile.id for profile in profiles.load(seeded)]


def test_the_choice_is_closer_than_chance(seeded: Store) -> None:
    fix_holdout(seeded)
    chosen = holdout.deviation(seeded).overall.worst
    ids = [article.id for article in articles.load(seeded)]
    by_chance = []
    for seed in range(9):
        drawn = set(random.Random(seed).sample(ids, 10))
        store = open_store(seeded.path.with_name(f"chance-{seed}.db"))
        for profile in profiles.load(seeded):
            profiles.save(store, profile, "shipped")
        articles.add_many(store, articles.load(seeded), "polarizing", "shipped")
        articles.set_splits(store, {each: "eval" if each in drawn else "train" for each in ids}, "chance")
        by_chance.append(holdout.deviation(store).overall.worst)
        store.close()
    assert chosen < sorted(by_chance)[len(by_chance) // 2]


def test_once_fixed_nothing_moves(seeded: Store) -> None:
    fix_holdout(seeded)
    before = articles.splits(seeded)
    add(seeded, [story(number) for number in range(200)])
    for profile in profiles.load(seeded)[:3]:
        profiles.save(seeded, replace(profile, interests=("bread",)), "operator")
    assert fix_holdout(seeded).assigned == 200
    after = articles.splits(seeded)
    assert {each: after[each] for each in before} == before
    assert None not in after.values()
    assert fix_holdout(seeded, share=0.5, seed=7).assigned == 0
    assert articles.splits(seeded) == after


def test_later_articles_are_split_by_a_hash_whatever_company_they_come_in(seeded: Store) -> None:
    fix_holdout(seeded)
    other = open_store(seeded.path.with_name("other.db"))
    add(other, [story(-1)])
    fix_holdout(other)
    add(seeded, [story(number) for number in range(1_000)])
    for start in range(0, 1_000, 250):
        add(other, [story(number) for number in range(start, start + 250)])
        fix_holdout(other)
    done = fix_holdout(seeded)
    assert done.rules == {"hash seed=0": 1_000, "stratified seed=0": 100}
    later = {article_id for article_id in held_out(seeded) if article_id.startswith("s")} - {"s-1"}
    assert 70 <= len(later & {f"s{number}" for number in range(1_000)}) <= 130
    assert later & {f"s{number}" for number in range(1_000)} == held_out(other) & {f"s{n}" for n in range(1_000)}
    other.close()


def test_near_duplicates_share_a_split_from_the_first_call(store: Store) -> None:
    stories = [story(number) for number in range(100)]
    add(store, [*stories, *map(repost, stories)])
    done = fix_holdout(store)
    assert (done.near_duplicates, done.held_out) == (100, 20)
    splits = articles.splits(store)
    assert all(splits[each.id] == splits[f"{each.id}-again"] for each in stories)
    assert articles.near_duplicates(store)["s5-again"] == "s5"


def test_a_later_near_duplicate_follows_the_first(seeded: Store) -> None:
    fix_holdout(seeded)
    reposts = [repost(article) for article in articles.load(seeded)]
    add(seeded, [*reposts, replace(repost(story(1)), id="free"), story(1)])
    done = fix_holdout(seeded)
    assert done.rules["near-duplicate"] == 100
    splits = articles.splits(seeded)
    assert all(splits[each.id] == splits[each.id.removesuffix("-again")] for each in reposts)
    assert splits["free"] == splits["s1"]


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0), (2, 1), (5, 1), (30, 3)])
def test_small_stores(store: Store, count: int, expected: int) -> None:
    add(store, [story(number) for number in range(count)])
    assert fix_holdout(store).held_out == expected
    assert holdout.deviation(store).held_out == expected


def test_stopped_or_killed_it_has_done_nothing(seeded: Store) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if "choosing" in note:
            raise Canceled

    with pytest.raises(Canceled):
        fix_holdout(seeded, stop)
    script = (
        "import os, signal, sys\n"
        "from stratos_tui.articles.holdout import fix_holdout\n"
        "from stratos_tui.store.db import open_store\n"
        "def die(done, total, note):\n"
        "    if 'choosing' in note: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fix_holdout(open_store(sys.argv[1]), die)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", script, str(seeded.path)]
    assert subprocess.run(arguments, env=environment, check=False).returncode == -signal.SIGKILL
    assert set(articles.splits(seeded).values()) == {None}
    assert articles.near_duplicates(seeded) == {}
