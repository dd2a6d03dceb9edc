"""The data that ships: a hundred polarizing articles, the ten profiles and the teacher prompt."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from stratos_tui import resources
from stratos_tui.records import KINDS, SENIORITIES, SOURCE_TYPES

CAREER = ("kuwait_cpeg", "texas_nurse", "london_finance", "munich_mecheng", "bangalore_ds", "dc_cybersec")
INTEREST = (
    "seoul_gamer_investor",
    "ankara_politics_physics",
    "portland_retired_space",
    "lagos_student_entrepreneur",
)
PROFILES = CAREER + INTEREST
CROSS = "cross_profile"
TEXT_KEYS = ("id", "title", "body", "source", "source_type", "category")
ROW_KEYS = (*TEXT_KEYS, "published", "fetched", "deadline", "expected")

# Scores in whole tenths, as everywhere in stratos.
LOW, LOW_TOP, MODERATE, MODERATE_TOP, HIGH, CRITICAL = 20, 54, 55, 69, 70, 90
FORBIDDEN = 50
BLOG_CAP, UNKNOWN_CAP = 80, 89
FIRST_DAY, LAST_DAY = date(2026, 9, 15), date(2026, 11, 20)

SHARED_TRIGRAMS_AT_MOST = 0.20
PROMPT_CHARACTERS = 2811
PLAN = Path(__file__).resolve().parents[3] / "shared" / "plan" / "stratos-v19-plan.md"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ``data/articles``, parsed; ``tenths`` holds each profile's expected score in tenths."""

    file: str
    id: str
    title: str
    body: str
    source: str
    source_type: str
    category: str
    published: date
    fetched: date
    deadline: date | None
    tenths: dict[str, int]
    reasons: dict[str, str]

    @property
    def expired(self) -> bool:
        return self.deadline is not None and self.deadline < self.fetched

    @property
    def strong(self) -> tuple[str, ...]:
        """The profiles for which the article is high or critical."""
        return tuple(profile for profile, tenths in self.tenths.items() if tenths >= HIGH)


@cache
def raw_rows() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Every line of every article file as (file stem, decoded object)."""
    found: list[tuple[str, dict[str, Any]]] = []
    for stem in (*PROFILES, CROSS):
        lines = resources.read_text(f"articles/{stem}.jsonl").splitlines()
        found.extend((stem, json.loads(line)) for line in lines)
    return tuple(found)


@cache
def rows() -> tuple[Row, ...]:
    """Every shipped article, in file order."""
    return tuple(
        Row(
            file=stem,
            id=raw["id"],
            title=raw["title"],
            body=raw["body"],
            source=raw["source"],
            source_type=raw["source_type"],
            category=raw["category"],
            published=date.fromisoformat(raw["published"]),
            fetched=date.fromisoformat(raw["fetched"]),
            deadline=None if raw["deadline"] is None else date.fromisoformat(raw["deadline"]),
            tenths={profile: round(pair["score"] * 10) for profile, pair in raw["expected"].items()},
            reasons={profile: pair["reason"] for profile, pair in raw["expected"].items() if "reason" in pair},
        )
        for stem, raw in raw_rows()
    )


@cache
def profiles() -> tuple[dict[str, Any], ...]:
    """The shipped profiles as plain objects."""
    return tuple(json.loads(resources.read_text("profiles.json")))


def by_id(article_id: str) -> Row:
    """Return the one article of that id."""
    (row,) = (row for row in rows() if row.id == article_id)
    return row


def sentences(text: str) -> int:
    """Count sentences: an end mark, then the end or a space and something that opens a sentence."""
    text = re.sub(r"\b(?:(Dr|Mr|Mrs|Ms|St|vs|U\.S|e\.g|i\.e)\.(?=\s)|(No)\.(?=\s\d))", r"\1\2", text)
    count = 0
    for end in re.finditer(r"[.!?…][\"'”’»)]*(?=\s|$)", text):
        rest = text[end.end() :].lstrip().lstrip("\"'“‘«(")
        count += not rest or not rest[0].islower()
    return count


def masked_trigrams(text: str) -> frozenset[tuple[str, str, str]]:
    """Word trigrams with every capitalised word and every number replaced by a placeholder."""
    words: list[str] = []
    for word in re.findall(r"[^\W_]+(?:['’\-][^\W_]+)*", text):
        if any(character.isdigit() for character in word):
            words.append("<number>")
        elif word[0].isupper():
            words.append("<name>")
        else:
            words.append(word)
    return frozenset(zip(words, words[1:], words[2:], strict=False))


# The files as a whole


def test_there_are_a_hundred_articles_nine_a_profile_and_ten_across() -> None:
    assert len(rows()) == 100
    for stem in PROFILES:
        assert sum(row.file == stem for row in rows()) == 9, stem
    assert sum(row.file == CROSS for row in rows()) == 10


def test_no_article_file_is_left_unread() -> None:
    folder = resources.data() / "articles"
    shipped = {entry.name for entry in folder.iterdir() if entry.name.endswith(".jsonl")}
    assert shipped == {f"{stem}.jsonl" for stem in (*PROFILES, CROSS)}


def test_every_row_has_exactly_the_agreed_keys_in_order() -> None:
    wrong = [(stem, raw.get("id")) for stem, raw in raw_rows() if tuple(raw) != ROW_KEYS]
    assert wrong == []


def test_ids_are_unique_and_safe_as_file_names() -> None:
    ids = [row.id for row in rows()]
    assert sorted(ids) == sorted(set(ids))
    assert [i for i in ids if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", i) or len(i) > 80] == []


def test_titles_are_unique_and_texts_are_plain() -> None:
    titles = [row.title for row in rows()]
    assert len(set(titles)) == len(titles)
    for row in rows():
        for text in (row.title, row.body, row.source, row.category, *row.reasons.values()):
            assert text, row.id
            assert text == text.strip(), row.id
            assert text.isprintable(), row.id
            assert not re.search(r"</?[a-z]|\[/?[a-z]|\*\*|https?://|`", text), (row.id, text)


def test_bodies_have_two_to_four_sentences() -> None:
    wrong = {row.id: sentences(row.body) for row in rows() if not 2 <= sentences(row.body) <= 4}
    assert wrong == {}


def test_dates_are_in_the_season_and_fetched_within_four_days() -> None:
    wrong = [
        row.id
        for row in rows()
        if not (FIRST_DAY <= row.published <= row.fetched <= LAST_DAY)
        or row.fetched - row.published > timedelta(days=4)
    ]
    assert wrong == []


def test_sources_are_named_and_typed() -> None:
    assert [row.id for row in rows() if row.source_type not in SOURCE_TYPES] == []


# Scores


def test_all_ten_profiles_are_scored_in_the_order_of_the_profiles() -> None:
    wrong = [row.id for row in rows() if tuple(row.tenths) != PROFILES]
    assert wrong == []


def test_scores_have_one_decimal_and_are_never_five() -> None:
    for stem, raw in raw_rows():
        for profile, pair in raw["expected"].items():
            score = pair["score"]
            where = (stem, raw["id"], profile, score)
            assert isinstance(score, float), where
            assert 0.0 <= score <= 10.0, where
            assert score == round(score, 1), where
            assert round(score * 10) != FORBIDDEN, where


def test_a_reason_is_given_exactly_where_there_is_something_to_explain() -> None:
    for stem, raw in raw_rows():
        for profile, pair in raw["expected"].items():
            allowed = {"score", "reason"} if pair["score"] * 10 >= LOW else {"score"}
            assert set(pair) == allowed, (stem, raw["id"], profile)
    assert [row.id for row in rows() for reason in row.reasons.values() if len(reason) < 15] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_about_ten_articles_are_high_or_critical_for_each_profile(profile: str) -> None:
    assert 8 <= sum(profile in row.strong for row in rows()) <= 14


SENIOR_TRAPS = {"knpc-chief-control-engineer", "wipro-principal-data-scientist"}
"""A tracked employer hires, but for a level that its fresh graduate does not have."""


def test_live_articles_are_strong_for_one_or_two_profiles_only() -> None:
    wrong: dict[str, tuple[str, ...]] = {}
    for row in rows():
        if row.expired or row.id in SENIOR_TRAPS:
            continue
        two_of_any = row.file == CROSS and len(row.strong) == 2
        own = row.file in row.strong and len(row.strong) <= 2
        if not (two_of_any or own):
            wrong[row.id] = row.strong
    assert wrong == {}


def test_senior_openings_are_low_for_a_fresh_graduate() -> None:
    traps = [row for row in rows() if row.id in SENIOR_TRAPS]
    assert len(traps) == len(SENIOR_TRAPS)
    assert all(LOW <= row.tenths[row.file] <= 54 for row in traps)


def test_most_pairs_are_noise_as_polarizing_articles_should_be() -> None:
    scores = [tenths for row in rows() for tenths in row.tenths.values()]
    assert sum(tenths < LOW for tenths in scores) / len(scores) > 0.7


def test_noise_scores_vary() -> None:
    noise = {tenths for row in rows() for tenths in row.tenths.values() if tenths < LOW}
    assert len(noise) >= 8


# Time and sources


def test_expired_opportunities_are_low_at_most_for_everyone() -> None:
    expired = [row for row in rows() if row.expired]
    assert len(expired) >= 8
    assert [row.id for row in expired if max(row.tenths.values()) > LOW_TOP] == []
    assert [row.id for row in expired if row.file != CROSS and row.tenths[row.file] < LOW] == []


def test_blogs_are_capped() -> None:
    blogs = [row for row in rows() if row.source_type == "blog"]
    assert len(blogs) >= 8
    assert [row.id for row in blogs if max(row.tenths.values()) > BLOG_CAP] == []


def test_unknown_sources_are_capped() -> None:
    unknown = [row for row in rows() if row.source_type == "unknown"]
    assert unknown
    assert [row.id for row in unknown if max(row.tenths.values()) > UNKNOWN_CAP] == []


def test_critical_needs_a_credible_source_and_a_live_opportunity() -> None:
    critical = [row for row in rows() if max(row.tenths.values()) >= CRITICAL]
    assert critical
    assert [row.id for row in critical if row.expired or row.source_type not in ("official", "news")] == []


# The plan's own examples


def expect_plan_example(article_id: str, title: str, profile: str, tenths: int) -> list[int]:
    """Check title, score and that seven of the nine others have the plan's 0.5; return those nine."""
    row = by_id(article_id)
    assert row.title == title
    assert row.tenths[profile] == tenths
    others = [score for other, score in row.tenths.items() if other != profile]
    assert others.count(5) >= 7
    return others


def test_plan_example_of_equate_is_noise_to_everyone_else() -> None:
    title = "Equate opens CPEG graduate program in Kuwait"
    others = expect_plan_example("equate-cpeg-graduate-programme", title, "kuwait_cpeg", 95)
    assert set(others) == {5}


def test_plan_example_of_houston_methodist_is_noise_to_everyone_else() -> None:
    title = "Houston Methodist ER department expanding, hiring travel nurses"
    others = expect_plan_example("houston-methodist-er-expansion", title, "texas_nurse", 90)
    assert set(others) == {5}


def test_plan_example_of_the_collider_is_noise_to_most_others() -> None:
    title = "CERN announces High-Luminosity LHC upgrade completion"
    others = expect_plan_example("cern-hilumi-lhc-upgrade-complete", title, "ankara_politics_physics", 85)
    assert max(others) <= LOW_TOP


def test_plan_example_of_the_exoplanets_is_noise_to_most_others() -> None:
    title = "New NASA exoplanet catalog released via JWST data"
    others = expect_plan_example("nasa-jwst-exoplanet-catalog", title, "portland_retired_space", 85)
    assert max(others) <= LOW_TOP


def test_plan_example_of_the_game_engine_is_moderate_for_the_data_scientist() -> None:
    title = "Epic Games announces Unreal Engine 6 with free student license"
    expect_plan_example("epic-unreal-engine-6-student-license", title, "seoul_gamer_investor", 80)
    row = by_id("epic-unreal-engine-6-student-license")
    assert MODERATE <= row.tenths["bangalore_ds"] <= MODERATE_TOP


def test_plan_example_of_the_sandbox_can_still_be_applied_for() -> None:
    title = "Nigeria Central Bank launches mobile fintech sandbox"
    others = expect_plan_example("cbn-mobile-fintech-sandbox", title, "lagos_student_entrepreneur", 90)
    assert max(others) <= LOW_TOP
    assert by_id("cbn-mobile-fintech-sandbox").deadline is not None
    assert not by_id("cbn-mobile-fintech-sandbox").expired


# Variety


def test_no_two_articles_share_more_than_a_fifth_of_their_masked_trigrams() -> None:
    trigrams = {row.id: masked_trigrams(f"{row.title}. {row.body}") for row in rows()}
    close: dict[tuple[str, str], float] = {}
    for (first, ours), (second, theirs) in combinations(trigrams.items(), 2):
        share = len(ours & theirs) / min(len(ours), len(theirs))
        if share > SHARED_TRIGRAMS_AT_MOST:
            close[first, second] = round(share, 2)
    assert close == {}


def test_masking_hides_names_and_numbers() -> None:
    ours = masked_trigrams("Equate hires 40 engineers in Kuwait this year")
    theirs = masked_trigrams("Bosch hires 900 engineers in Munich this year")
    assert ours == theirs
    assert ours != masked_trigrams("Bosch fires 900 engineers in Munich this year")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two.", 2),
        ("It cost 1.5 million at 4 p.m. on Friday. Nobody paid!", 2),
        ("'Is it true?' asked Dr. Okafor. She laughed. 'No.'", 3),
        ("„Şeref was here.” Éva agreed.", 2),
    ],
)
def test_sentences_are_counted_as_a_reader_would(text: str, count: int) -> None:
    assert sentences(text) == count


# The teacher prompt and the profiles


def test_teacher_prompt_has_the_length_of_the_plan_and_a_final_newline() -> None:
    prompt = resources.read_text("teacher_prompt.md")
    assert len(prompt) == PROMPT_CHARACTERS + 1
    assert prompt.endswith("\n")
    assert prompt == prompt.strip() + "\n"


def test_teacher_prompt_is_the_plans_word_for_word() -> None:
    if not PLAN.is_file():
        pytest.skip(f"the plan is not beside this checkout: {PLAN}")
    section = PLAN.read_text(encoding="utf-8").partition("\n## 5. ")[2].partition("\n## 6. ")[0]
    block = re.search(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert block is not None
    assert resources.read_text("teacher_prompt.md") == block[1]


def test_profiles_are_the_ten_of_the_plan_six_career_and_four_interest() -> None:
    assert tuple(profile["id"] for profile in profiles()) == PROFILES
    assert tuple(profile["id"] for profile in profiles() if profile["kind"] == KINDS[0]) == CAREER
    assert tuple(profile["id"] for profile in profiles() if profile["kind"] == KINDS[1]) == INTEREST
    assert all(profile["seniority"] in SENIORITIES for profile in profiles())


def test_the_bangalore_graduate_is_never_called_experienced_or_senior() -> None:
    (graduate,) = (profile for profile in profiles() if profile["id"] == "bangalore_ds")
    assert graduate["seniority"] == "graduate"
    assert "fresh graduate" in graduate["role"]
    text = json.dumps(graduate, ensure_ascii=False)
    assert re.search(r"\b(experienced|senior|seniority level|veteran)\b", text, re.IGNORECASE) is None
