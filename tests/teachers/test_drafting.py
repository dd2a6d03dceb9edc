from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.prism.bands import band_of
from stratos_tui.prism.drafting import Draft, DraftFault, drafting_user, parse_draft
from stratos_tui.prism.rubric import compile_profile, read_article, score_tokens
from stratos_tui.profiles.shipped import shipped_profiles
from stratos_tui.records import BANDS, Article, Band, Profile
from stratos_tui.teachers.rehearsal.drafting import (
    AskedDraft,
    draft_of,
    is_draft_question,
    read_question,
    said,
    spoilt,
)
from stratos_tui.teachers.rehearsal.reading import NotAPair

DAY = date(2026, 11, 22)
EACH = 2


def asked_for(chosen: list[Profile], band: Band, number: int = 1, titles: list[str] | None = None) -> AskedDraft:
    others = [each for each in shipped_profiles() if each not in chosen]
    text = drafting_user(chosen, band, others, titles or [], number, DAY)
    assert is_draft_question(text)
    return read_question(text)


def tenths(draft: Draft, reader: Profile) -> int:
    article = Article(
        "draft",
        draft.title,
        draft.body,
        draft.source,
        draft.source_type,
        category=draft.category,
        published=DAY,
        fetched=DAY,
        deadline=draft.deadline,
    )
    return score_tokens(compile_profile(reader), read_article(article), DAY).tenths


def test_a_question_is_read_back_as_it_was_rendered() -> None:
    chosen = shipped_profiles()[:2]
    asked = asked_for(chosen, "high", titles=["One title", "Another: with a colon"])
    assert asked.chosen == tuple(chosen)
    assert asked.band == "high"
    assert asked.today == DAY
    assert asked.titles == {"One title", "Another: with a colon"}
    for read, other in zip(asked.others, shipped_profiles()[2:], strict=True):
        assert (read.id, read.kind, read.role, read.location) == (other.id, other.kind, other.role, other.location)
        assert read.interests == other.interests + other.industries
        assert read.companies == other.companies + other.institutions


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotAPair):
        read_question(text)


def test_a_draft_is_well_formed_and_the_same_every_time() -> None:
    for band in BANDS:
        for reader in shipped_profiles():
            draft = draft_of(asked_for([reader], band), "key")
            assert parse_draft(said(draft), DAY) == draft
            assert draft_of(asked_for([reader], band), "key") == draft
    assert draft != draft_of(asked_for([reader], band), "another key")


@pytest.mark.parametrize("band", ["critical", "high", "moderate", "low"])
def test_most_drafts_land_in_the_band_and_are_noise_for_the_rest(band: Band) -> None:
    drafts = [
        (reader, draft_of(asked_for([reader], band, number), f"{reader.id} {number}"))
        for reader in shipped_profiles()
        for number in range(EACH)
    ]
    lands = [band_of(tenths(draft, reader)) == band for reader, draft in drafts]
    noise = [
        all(band_of(tenths(draft, other)) == "noise" for other in shipped_profiles() if other != reader)
        for reader, draft in drafts
    ]
    assert sum(lands) / len(lands) >= 0.9
    assert sum(noise) / len(noise) >= 0.7


def test_a_deadline_is_ahead_where_the_reader_must_act_and_past_where_it_is_too_late() -> None:
    reader = shipped_profiles()[0]
    critical = draft_of(asked_for([reader], "critical"), "key").deadline
    assert critical is not None
    assert critical > DAY
    assert draft_of(asked_for([reader], "high"), "key").deadline is None
    passed = [draft_of(asked_for([reader], "low"), str(key)).deadline for key in range(12)]
    assert any(day is not None and day < DAY for day in passed)


def test_a_taken_title_is_not_written_again() -> None:
    reader = shipped_profiles()[3]
    first = draft_of(asked_for([reader], "high"), "key")
    assert draft_of(asked_for([reader], "high", titles=[first.title]), "key").title != first.title


@pytest.mark.parametrize(
    ("kind", "code"),
    [("too_short", "too_short"), ("too_long", "too_long"), ("no_score", "not_json"), ("five", "title_missing")],
)
def test_a_bad_answer_has_the_fault_that_it_rehearses(kind: str, code: str) -> None:
    draft = draft_of(asked_for([shipped_profiles()[0]], "high"), "key")
    found = parse_draft(spoilt(draft, kind), DAY)
    assert isinstance(found, DraftFault)
    assert found.code == code
    assert isinstance(parse_draft(spoilt(draft, "max_tokens"), DAY), DraftFault)
