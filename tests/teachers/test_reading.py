from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.prism import prompts, rubric
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.records import KINDS, SENIORITIES, SOURCE_TYPES, Article, Profile
from stratos_tui.teachers.rehearsal.reading import NotAPair, read_pair

TODAY = date(2026, 11, 20)

anything = st.text(max_size=60)
said = anything.filter(lambda text: prompts.neutralise(text))
days = st.none() | st.dates()
# in the text a comma outside parentheses parts two items, and a parenthesis pairs with the next one
item = said.filter(lambda text: not set(",()") & set(prompts.neutralise(text)))
items = st.lists(item | item.map(lambda text: f"{text} (a, b)"), max_size=3).map(tuple)
role = said
location = said.filter(lambda text: " in " not in f" {prompts.neutralise(text)} ")
profiles = st.builds(
    Profile,
    id=st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True),
    kind=st.sampled_from(KINDS),
    role=role,
    location=location,
    seniority=st.sampled_from(SENIORITIES),
    context=anything,
    companies=items,
    institutions=items,
    interests=items,
    industries=items,
)
articles = st.builds(
    Article,
    id=st.just("a"),
    title=anything,
    body=anything,
    source=anything,
    source_type=st.sampled_from(SOURCE_TYPES),
    published=days,
    deadline=days,
)


def clean(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(prompts.neutralise, texts))


@given(profiles, articles, st.dates())
def test_what_is_rendered_is_read_back(profile: Profile, article: Article, day: date) -> None:
    asked = read_pair(prompts.teacher_user(profile, article, day))

    read = asked.profile
    assert (read.id, read.kind, read.seniority) == (profile.id, profile.kind, profile.seniority)
    assert (read.role, read.location) == clean((profile.role, profile.location))
    assert read.context == prompts.neutralise(profile.context)
    assert read.companies == clean(profile.companies)
    assert read.institutions == clean(profile.institutions)
    assert read.interests == clean(profile.interests)
    assert read.industries == clean(profile.industries)
    assert (asked.article.title, asked.article.body) == clean((article.title, article.body))
    source = prompts.neutralise(article.source)
    assert asked.article.source == ("" if source == "unnamed" else source)
    assert asked.article.source_type == article.source_type
    assert (asked.article.published, asked.article.deadline) == (article.published, article.deadline)
    assert asked.reference_date == day


def test_the_rubric_says_the_same_of_what_is_read_as_of_what_was_stored() -> None:
    differing = [
        (article.id, profile.id)
        for article, _ in shipped_articles()
        for profile in shipped_profiles()
        for day in [prompts.reference_date_of(article, TODAY)]
        for asked in [read_pair(prompts.teacher_user(profile, article, day))]
        if rubric.answer(asked.profile, asked.article, asked.reference_date) != rubric.answer(profile, article, day)
    ]
    assert differing == []


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotAPair):
        read_pair(text)


@pytest.mark.parametrize("missing", ["Profile: ", "User: ", "Level: ", "Today: ", "Title: ", "Source: ", "Content: "])
def test_a_missing_line_is_named(missing: str) -> None:
    profile, (article, _) = shipped_profiles()[0], next(iter(shipped_articles()))
    lines = prompts.teacher_user(profile, article, TODAY).split("\n")
    cut = "\n".join(line for line in lines if not line.startswith(missing))
    with pytest.raises(NotAPair, match=missing.strip()):
        read_pair(cut)
