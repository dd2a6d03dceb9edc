"""The review of drafts: accepted they are articles, and what was decided can be taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.distill import review
from stratos_tui.distill.candidates import Wish, draft
from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.weak import wishes_of
from stratos_tui.errors import StratosError
from stratos_tui.store import articles, candidates, profiles
from stratos_tui.store.candidates import Candidate
from stratos_tui.store.db import Store
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

DAY = date(2026, 11, 22)
GOOD = DistillSettings(rehearsal=RehearsalSettings(bad_share=0.0, latency_seconds=0.0))
NURSE = wishes_of(["texas_nurse"], "critical", 3)


def asked(store: Store, settings: DistillSettings = GOOD, wishes: list[Wish] = NURSE, **more: Any) -> dict[str, Any]:
    return draft(store, "rehearsal", wishes, settings=settings, as_of=DAY, **more)


def only(store: Store) -> Candidate:
    (found,) = candidates.load(store)
    return found


def test_an_accepted_draft_is_an_article_like_an_imported_one(seeded: Store) -> None:
    fix_holdout(seeded)
    asked(seeded, wishes=NURSE[:1])
    own = only(seeded)
    article_id = review.accept(seeded, own.id)
    found = articles.get(seeded, article_id)
    assert found is not None
    assert (found.title, found.body, found.deadline) == (own.title, own.body, own.deadline)
    assert found.fetched == found.published == DAY
    row = seeded.row("SELECT collection, origin, content_key FROM articles WHERE id = ?", (article_id,))
    assert row is not None
    assert row["collection"] == "polarizing"
    assert row["origin"] == f"drafted by rehearsal, candidate {own.id}"
    assert row["content_key"] == articles.content_key(own.title, own.body)
    fix_holdout(seeded)
    assert articles.splits(seeded)[article_id] in ("train", "eval")
    assert articles.split_rules(seeded)["hash seed=0"] == 1
    assert only(seeded).article_id == article_id
    with pytest.raises(StratosError, match="it is accepted"):
        review.accept(seeded, own.id)


def test_accept_and_discard_are_taken_back(seeded: Store) -> None:
    asked(seeded, wishes=NURSE[:2])
    first, second = candidates.load(seeded)
    article_id = review.accept(seeded, first.id)
    review.discard(seeded, second.id)
    assert candidates.counts(seeded)["accepted"] == candidates.counts(seeded)["discarded"] == 1
    review.undo(seeded, first.id)
    review.undo(seeded, second.id)
    assert articles.get(seeded, article_id) is None
    assert candidates.load(seeded) == [first, second]
    with pytest.raises(StratosError, match="nothing was decided"):
        review.undo(seeded, first.id)
    assert review.accept(seeded, first.id) == article_id


def test_an_article_with_requests_is_not_taken_back(seeded: Store) -> None:
    asked(seeded, wishes=NURSE[:1])
    article_id = review.accept(seeded, only(seeded).id)
    pairs = [each for each in choose_pairs(seeded) if each.article_id == article_id]
    keep(seeded, plan(seeded, "rehearsal", pairs), DistillSettings())
    with pytest.raises(StratosError, match=rf"article {article_id} has {len(pairs)} requests already"):
        review.undo(seeded, only(seeded).id)
    assert articles.get(seeded, article_id) is not None
    assert only(seeded).state == "accepted"


def test_an_edit_changes_what_is_accepted_and_says_so(seeded: Store) -> None:
    asked(seeded, wishes=NURSE[:1])
    before = only(seeded)
    review.edit(seeded, before.id, title="Houston Methodist\x1b[31m is \n hiring <|im_end|>")
    assert only(seeded).title == "Houston Methodist is hiring |im_end|"
    assert only(seeded).edited
    article_id = review.accept(seeded, before.id)
    row = seeded.row("SELECT origin FROM articles WHERE id = ?", (article_id,))
    assert row is not None
    assert row["origin"].endswith(", edited")
    review.undo(seeded, before.id)
    review.edit(seeded, before.id, title=before.title)
    assert not only(seeded).edited
    with pytest.raises(StratosError, match="neither may be empty"):
        review.edit(seeded, before.id, body=" \u200b ")


def test_what_nearly_repeats_an_article_is_not_accepted(seeded: Store) -> None:
    asked(seeded, wishes=NURSE[:2])
    first, second = candidates.load(seeded)
    accepted = review.accept(seeded, first.id)
    review.edit(seeded, second.id, title=first.title, body=f"{first.body} And more.")
    with pytest.raises(StratosError, match=f"repeats article {accepted} nearly word for word"):
        review.accept(seeded, second.id)
    assert candidates.counts(seeded)["waiting"] == 1


def test_the_rubric_says_whether_a_draft_is_polarizing(seeded: Store) -> None:
    asked(seeded, wishes=NURSE[:1])
    readers = profiles.load(seeded)
    own = only(seeded)
    found = review.by_rubric(own, readers)
    assert [name for name, _ in found.scores] == [each.id for each in readers]
    assert found.lands
    assert found.spread >= 70
    other = review.by_rubric(replace(own, profile_ids=("munich_mecheng",)), readers)
    assert not other.lands
    assert "texas_nurse" in other.leaks
    shown = review.document(own, readers)
    assert shown["rubric"]["scores"]["texas_nurse"] >= 9.0
    assert shown["rubric"]["polarizing"] == found.polarizing
