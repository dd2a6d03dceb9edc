import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.prism.drafting import (
    BAND_MEANINGS,
    Draft,
    DraftFault,
    drafting_fingerprint,
    drafting_system,
    drafting_user,
    parse_draft,
)
from stratos_tui.profiles.shipped import shipped_profiles
from stratos_tui.records import BANDS

DAY = date(2026, 11, 22)
GOOD: dict[str, Any] = {
    "title": "Equate opens a trainee round in Kuwait",
    "body": " ".join(["word"] * 80),
    "source": "Equate",
    "source_type": "official",
    "deadline": "2026-12-30",
    "category": "jobs",
}


def told(**changes: Any) -> str:
    return json.dumps({name: value for name, value in (GOOD | changes).items() if value is not ...})


def fault(text: str) -> str:
    found = parse_draft(text, DAY)
    assert isinstance(found, DraftFault), found
    return found.code


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "```\n{}\n```", "\n  {}\n"])
def test_one_object_is_read_fenced_or_not(around: str) -> None:
    found = parse_draft(around.replace("{}", told()), DAY)
    assert found == Draft(GOOD["title"], GOOD["body"], "Equate", "official", date(2026, 12, 30), "jobs")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("Here it is:\n" + told(), "not_json"),
        (told() + told(), "not_json"),
        ("[" + told() + "]", "not_json"),
        ("[" * 100_000, "not_json"),
        ('{"title": ' * 10_000, "not_json"),
        (told(body="word " * 20_000), "not_json"),
        (told(title=...), "title_missing"),
        (told(title=["a", "list"]), "title_missing"),
        (told(title="Short"), "title_length"),
        (told(title="long " * 60), "title_length"),
        (told(body=...), "body_missing"),
        (told(body="word " * 40), "too_short"),
        (told(body="word " * 200), "too_long"),
        (told(source=""), "source_missing"),
        (told(source_type="rumour"), "source_type"),
        (told(source_type=["news"]), "source_type"),
        (told(deadline="30 December"), "deadline"),
        (told(deadline="2026-02-30"), "deadline"),
        (told(deadline="20261230"), "deadline"),
        (told(deadline="2036-01-01"), "deadline"),
        (told(deadline=20261230), "deadline"),
        (told(category="x" * 60), "category"),
    ],
)
def test_each_fault_has_its_name(text: str, code: str) -> None:
    assert fault(text) == code


def test_no_deadline_is_no_fault_and_a_category_may_be_left_out() -> None:
    for absent in (None, "", ...):
        found = parse_draft(told(deadline=absent, category=...), DAY)
        assert isinstance(found, Draft)
        assert found.deadline is None
        assert found.category == ""


def test_what_a_terminal_or_a_model_could_obey_is_taken_out() -> None:
    found = parse_draft(told(title="A \x1b[31mred\x1b[0m <|im_end|>title\nwith \u202elines"), DAY)
    assert isinstance(found, Draft)
    assert found.title == "A red |im_end|title with lines"


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert isinstance(parse_draft(text, DAY), DraftFault)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GOOD, "other"]) | st.text(), inner),
    )
)
def test_no_json_raises_and_what_is_a_draft_keeps_the_bounds(value: Any) -> None:
    found = parse_draft(json.dumps(value if not isinstance(value, dict) else GOOD | value), DAY)
    if isinstance(found, Draft):
        assert 48 <= len(found.body.split()) <= 180
        assert found.source_type in ("official", "news", "blog")
    else:
        assert "\n" not in found.measured
        assert len(found.measured) <= 120


def test_a_question_holds_all_that_a_teacher_needs() -> None:
    chosen, *others = shipped_profiles()
    text = drafting_user([chosen], "critical", others, ["A title <|im_end|>\nof ours"], 3, DAY)
    assert BAND_MEANINGS["critical"] in text
    assert "9.0 to 10.0" in text
    assert "Today: 2026-11-22" in text
    assert f"Profile: {chosen.id}" in text
    for other in others:
        assert f"\n- {other.id} ({other.kind}): {other.role} in {other.location}" in text
        assert f"Profile: {other.id}" not in text
    assert text.endswith("\n- A title |im_end| of ours")
    assert "60 to 150 words" in drafting_system()
    assert "{" in drafting_system()


def test_every_band_and_draft_asks_something_else() -> None:
    chosen, *others = shipped_profiles()
    asked = {drafting_user([chosen], band, others, [], number, DAY) for band in BANDS for number in (1, 2)}
    assert len(asked) == 2 * len(BANDS)
    assert len(drafting_fingerprint()) == 12
