"""Labels in the store: the first of an origin stays, and the operator's steps can be undone."""

from __future__ import annotations

import pytest

from stratos_tui.records import Article, Label, Profile
from stratos_tui.store import articles, labels, profiles
from stratos_tui.store.db import Store, open_store
from stratos_tui.store.labels import LabelChange


@pytest.fixture
def pairs(store: Store) -> Store:
    for profile_id in ("p", "q"):
        profiles.save(store, Profile(profile_id, "career", "r", "l", "student", "c"), "operator")
    articles.add_many(store, [Article("a", "A", ""), Article("b", "B", "")], "imported", "a test")
    return store


def test_labels_come_by_article_and_profile(pairs: Store) -> None:
    wanted = [Label(article, profile, "imported", 50, "why", "t", "old") for article in "ab" for profile in "pq"]
    assert labels.put_many(pairs, list(reversed(wanted)), "a test") == 4
    assert labels.load(pairs, "imported") == wanted
    assert labels.load(pairs, "expected") == []
    assert labels.for_article(pairs, "b") == wanted[2:]
    assert labels.counts(pairs) == {"imported": 4}


def test_the_first_score_of_a_pair_stays_unless_replaced(pairs: Store) -> None:
    first, second = Label("a", "p", "expected", 10), Label("a", "p", "expected", 20)
    assert labels.put_many(pairs, [first, second], "a test") == 1
    assert labels.load(pairs, "expected") == [first]
    assert labels.put_many(pairs, [second], "a test", replace=True) == 1
    assert labels.put_many(pairs, [second], "a test", replace=True) == 0
    assert labels.load(pairs, "expected") == [second]


def test_origins_do_not_disturb_each_other(pairs: Store) -> None:
    labels.put_many(pairs, [Label("a", "p", "expected", 10)], "a test")
    labels.set_operator_label(pairs, "a", "p", 90)
    assert [(each.origin, each.tenths) for each in labels.for_article(pairs, "a")] == [
        ("expected", 10),
        ("operator", 90),
    ]


def test_operator_steps_are_undone_last_first_across_sessions(pairs: Store) -> None:
    assert labels.set_operator_label(pairs, "a", "p", 90)
    assert not labels.set_operator_label(pairs, "a", "p", 90)
    assert len(labels.set_operator_labels(pairs, "a", {"p": 5, "q": 5})) == 2
    assert labels.set_operator_label(pairs, "a", "q", None)
    path = pairs.path
    pairs.close()
    later = open_store(path)
    assert labels.undo_operator_label(later) == [LabelChange("a", "q", 5, None)]
    assert labels.undo_operator_label(later) == [LabelChange("a", "p", 90, 5), LabelChange("a", "q", None, 5)]
    assert [(each.profile_id, each.tenths) for each in labels.load(later, "operator")] == [("p", 90)]
    assert labels.undo_operator_label(later) == [LabelChange("a", "p", None, 90)]
    assert labels.undo_operator_label(later) == []
    assert labels.load(later, "operator") == []
    later.close()


def test_a_label_after_an_undo_is_the_next_to_be_undone(pairs: Store) -> None:
    labels.set_operator_label(pairs, "a", "p", 10)
    labels.set_operator_label(pairs, "a", "p", 20)
    labels.undo_operator_label(pairs)
    labels.set_operator_label(pairs, "a", "p", 30)
    assert labels.undo_operator_label(pairs) == [LabelChange("a", "p", 10, 30)]
    assert labels.undo_operator_label(pairs) == [LabelChange("a", "p", None, 10)]


def test_the_next_incomplete_article_goes_round_once(pairs: Store) -> None:
    assert labels.next_incomplete(pairs, ["p", "q"], None) == "a"
    assert labels.next_incomplete(pairs, ["p", "q"], "a") == "b"
    assert labels.next_incomplete(pairs, ["p", "q"], "b") == "a"
    labels.set_operator_labels(pairs, "a", {"p": 10, "q": 10})
    assert labels.next_incomplete(pairs, ["p", "q"], "b") == "b"
    labels.set_operator_labels(pairs, "b", {"p": 10})
    assert labels.next_incomplete(pairs, ["p", "q"], None) == "b"
    assert labels.next_incomplete(pairs, ["p"], None) is None
