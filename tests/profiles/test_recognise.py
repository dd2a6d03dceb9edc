"""Profiles recognised in system prompts: the ancestor's wording, ours, and hostile text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.profiles import recognise
from stratos_tui.profiles.shipped import shipped_profiles
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store

TAIL = "\n\nScore each article 0.0-10.0:\n9-10: Directly actionable\n\nReply ONLY with: SCORE: X.X | REASON: why"
STUDENT = "IMPORTANT: User is a student. Senior/Lead/Director roles requiring years of experience score 0-3."
EXPERIENCED = "IMPORTANT: User is an experienced professional. Entry-level/intern positions score low."
MINER = (
    "You are a relevance scorer for a Mining engineer at a copper mine in Santiago, Chile.\n"
    "User context: Managing open-pit operations, tracking lithium demand\n"
    "Tracked companies: Codelco, BHP, Tesla (Powerwall, Megapack), SQM\nTracked institutions: None\n"
    f"Tracked interests: copper mining, ESG compliance\nTracked industries: varied\n{EXPERIENCED}{TAIL}"
)


def found(store: Store, system: str) -> tuple[str, bool]:
    return recognise.find_or_make(store, recognise.readers(store), recognise.parse(system))


def test_the_ancestors_prompt_is_read_field_by_field() -> None:
    assert recognise.parse(MINER) == Profile(
        id="",
        kind="career",
        role="Mining engineer at a copper mine",
        location="Santiago, Chile",
        seniority="experienced",
        context="Managing open-pit operations, tracking lithium demand",
        companies=("Codelco", "BHP", "Tesla (Powerwall, Megapack)", "SQM"),
        interests=("copper mining", "ESG compliance"),
    )


@pytest.mark.parametrize("profile", shipped_profiles(), ids=lambda profile: profile.id)
@pytest.mark.parametrize("wording", range(prompts.WORDINGS))
def test_our_own_prompt_is_read_back_whole(profile: Profile, wording: int) -> None:
    assert replace(recognise.parse(prompts.system_prompt(profile, wording)), id=profile.id) == profile


def test_the_full_instructions_before_a_profile_do_not_hide_it() -> None:
    profile = shipped_profiles()[0]
    rendered = prompts.student_prompt(profile, Article("a", "t", "b"), date(2026, 1, 1), style="prism")
    system = rendered.removeprefix("<|im_start|>system\n").partition("<|im_end|>")[0]
    assert replace(recognise.parse(system), id=profile.id) == profile


@pytest.mark.parametrize(
    ("opening", "profile_id"),
    [
        ("You are a relevance scorer for a Computer Engineering (CPEG) fresh graduate in Kuwait.", "kuwait_cpeg"),
        ("you are a relevance scorer for an  computer engineering (cpeg) Fresh Graduate in KUWAIT", "kuwait_cpeg"),
        (
            "You are a relevance scorer for Cybersecurity analyst for the federal government in Washington D.C., USA",
            "dc_cybersec",
        ),
        ("You are a relevance scorer for a Investment banking associate in London, UK.", "london_finance"),
    ],
)
def test_shipped_readers_are_recognised_by_role_and_location(seeded: Store, opening: str, profile_id: str) -> None:
    system = f"{opening}\nUser context: something else entirely.\n{STUDENT}{TAIL}"
    assert found(seeded, system) == (profile_id, False)


def test_a_new_reader_is_made_once_with_a_readable_id(store: Store) -> None:
    assert found(store, MINER) == ("santiago_mining_engineer_copper", True)
    assert found(store, MINER) == ("santiago_mining_engineer_copper", False)
    assert profiles.origins(store) == {"santiago_mining_engineer_copper": "imported"}


def test_an_edited_profile_is_still_found(store: Store) -> None:
    made, _ = found(store, MINER)
    profiles.save(store, replace(recognise.parse(MINER), id=made, role="Geologist", location="Lima"), "operator")
    assert found(store, MINER) == (made, False)
    edited = profiles.get(store, made)
    assert edited is not None
    assert edited.role == "Geologist"


def test_which_in_parts_role_from_location_does_not_matter(store: Store) -> None:
    profiles.save(
        store, Profile("own", "career", "Expert", "wine in Porto", "senior", "c", interests=("wine",)), "operator"
    )
    assert found(store, f"You are a relevance scorer for a Expert in wine in Porto.\n{EXPERIENCED}") == ("own", False)


def test_two_readers_never_share_an_id(store: Store) -> None:
    ids = [
        found(store, f"You are a relevance scorer for a Mining engineer at copper {thing} in Santiago, Chile.")[0]
        for thing in ("mines", "smelters", "traders")
    ]
    assert ids == [f"santiago_mining_engineer_copper{suffix}" for suffix in ("", "_2", "_3")]


def test_an_id_is_safe_whatever_the_script(store: Store) -> None:
    made, _ = found(store, "You are a relevance scorer for a مهندس in الكويت.")
    assert articles.is_safe_id(made)
    assert found(store, "You are a relevance scorer for a São Paulo ../x in São Tomé/.")[0] == "sao_tome_sao_paulo_x"


def test_a_fuller_text_fills_empty_lists_until_somebody_edits(store: Store) -> None:
    bare = "\n".join(line for line in MINER.split("\n") if not line.startswith("Tracked"))
    made, _ = found(store, bare)
    assert found(store, MINER) == (made, False)
    filled = profiles.get(store, made)
    assert filled is not None
    assert filled.companies == recognise.parse(MINER).companies
    profiles.save(store, replace(filled, companies=()), "operator")
    found(store, MINER)
    assert profiles.get(store, made) == replace(filled, companies=())


@pytest.mark.parametrize(
    ("role", "context", "important", "seniority"),
    [
        ("Biology student at X", "", STUDENT, "student"),
        ("Mechanical Engineering fresh graduate", "", STUDENT, "graduate"),
        ("Data scientist", "Fresh MSc graduate with no experience yet", STUDENT, "graduate"),
        ("Data science MSc fresh graduate", "", EXPERIENCED, "graduate"),
        ("Teacher", "focused on improving student pass rates", EXPERIENCED, "experienced"),
        ("Senior auditor", "", EXPERIENCED, "senior"),
        ("Nurse practitioner", "Senior NP in a trauma center", EXPERIENCED, "senior"),
        ("Welder", "", "", "experienced"),
        ("Welder", "", STUDENT, "student"),
        ("Retired IT consultant", "", EXPERIENCED, "none"),
        ("Gardener", "No career angle, purely personal interests", EXPERIENCED, "none"),
    ],
)
def test_the_career_stage_is_what_the_text_says(role: str, context: str, important: str, seniority: str) -> None:
    profile = recognise.parse(
        f"You are a relevance scorer for a {role} in Oslo.\nUser context: {context}\n{important}{TAIL}"
    )
    assert profile.seniority == seniority
    assert profile.kind == ("interest" if seniority == "none" else "career")


@pytest.mark.parametrize(
    ("written", "items"),
    [
        ("A, B (c, d), E", ("A", "B (c, d)", "E")),
        ("A, a, , B,C", ("A", "B,C")),
        ("A (b, C, D", ("A (b", "C", "D")),
        ("None specific", ()),
        ("x, " * 9_000, ("x",)),
        ("(, " * 9_000, ("(",)),
    ],
    ids=["aliases", "repeats", "unclosed", "nothing", "many", "deep"],
)
def test_a_list_is_split_at_its_own_commas(written: str, items: tuple[str, ...]) -> None:
    profile = recognise.parse(f"You are a relevance scorer for a Baker in Oslo.\nTracked companies: {written}")
    assert profile.companies == items


def test_lists_inside_a_context_are_taken_out() -> None:
    profile = recognise.parse(
        "You are a relevance scorer for a Architect in Doha, Qatar.\n"
        "User context: Large projects. | Companies: AECOM, Foster + Partners. | Skills: Revit, LEED. |"
    )
    assert profile.companies == ("AECOM", "Foster + Partners")
    assert profile.context == "Large projects. | Skills: Revit, LEED."


@pytest.mark.parametrize(
    "system",
    ["", "You are a helpful assistant.", "You are a relevance scorer for a nurse.", "x" * 60_000, "in " * 16_000],
    ids=["empty", "no reader", "no place", "too long", "many ins"],
)
def test_what_describes_nobody_is_refused(system: str) -> None:
    with pytest.raises(StratosError, match=r"^system: "):
        recognise.parse(system)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for system in (text, f"You are a relevance scorer for a {text} in {text}.\nInterests: {text}\nIMPORTANT: {text}"):
        try:
            profile = recognise.parse(system)
        except StratosError:
            continue
        assert profile.role
        assert profile.location
        prompts.system_prompt(profile).encode()


_WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8).filter(lambda word: word.strip())
_ITEMS = st.lists(st.lists(_WORDS, min_size=1, max_size=3).map(" ".join), max_size=4).map(tuple)


@given(role=_WORDS, location=_WORDS, context=_WORDS, companies=_ITEMS, interests=_ITEMS, wording=st.integers(0, 3))
def test_a_prompt_names_its_profile_in_every_wording(
    role: str, location: str, context: str, companies: tuple[str, ...], interests: tuple[str, ...], wording: int
) -> None:
    profile = Profile("x", "career", role, location, "senior", context, companies, (), interests, ())
    parsed = recognise.parse(prompts.system_prompt(profile, wording))
    assert recognise.reader_key(parsed.role, parsed.location) == recognise.reader_key(role, location)
    assert parsed.seniority == "senior"
