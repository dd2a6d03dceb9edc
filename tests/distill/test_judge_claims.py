"""What a trace claims of its score, in the ways in which teachers write it: few may be taken for a contradiction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.distill.claims import contradiction, over

DISAGREEMENT = 5

AGREE: list[tuple[str, int]] = [
    ("", 75),
    ("Strongest signal is the tracked company. Nothing else matters much.", 91),
    ("Strongest signal is the STRONG entity match. Maps to 9.0-10.0; official source and clear deadline.", 95),
    ("Strongest signal is entity (CERN): STRONG → high 7.0-8.9. Start 7.5, expired at most 3.4 = 3.4.", 34),
    ("Maps to the High band (7.0–8.9). Adjusted down because the source is a blog.", 64),
    ("Would be critical range, but the deadline has passed, so this is expired.", 31),
    ("Weak topical overlap sits in the Moderate band, pushed up by the local hiring.", 72),
    ("Strongest signal is WEAK topic: low range 2.0 to 5.4. A 9.0+ would need an opening.", 41),
    ("The score range is between 5.5 and 6.9 for WEAK matches; lands at 6.2.", 62),
    ("Score range 7-8, at the upper end of High.", 78),
    ("The fund closed 2.5-3.5 million dollars in 2-3 months. Tangential.", 28),
    ("GPA 3.0-3.5 GPA asked, 80-150 words, 2025-26 term; a HIGH actionability opening.", 93),
    ("High-level overview of a tracked topic, not actionable, low urgency.", 60),
    ("Entity match falls in high territory. Settled at 8.2.", 82),
    ("Final score 8.2 after the location multiplier.", 82),
    ("Roughly 6.9-7.0 borderline; the high band wins.", 71),
]
DISAGREE: list[tuple[str, int, str]] = [
    ("Strongest signal is the STRONG entity match. Maps to 9.0-10.0.", 62, "9.0-10.0"),
    ("Strongest signal is WEAK topic, which maps to low.", 85, "maps to low"),
    ("This sits in the Noise band.", 78, "Noise band"),
    ("Start 7.5, same place +0.3 = 7.8.", 30, "7.8"),
    ("High 7.0-8.9 at first sight. Final score is 8.2.", 71, "8.2"),
    ("WEAK matches only: 5.5 to 6.9.", 91, "5.5 to 6.9"),
    ("Critical range: tracked company hiring.", 45, "Critical range"),
]


@pytest.mark.parametrize(("calibration", "tenths"), AGREE)
def test_a_calibration_that_supports_or_explains_its_score_is_none(calibration: str, tenths: int) -> None:
    assert contradiction(calibration, tenths, DISAGREEMENT) is None


@pytest.mark.parametrize(("calibration", "tenths", "claimed"), DISAGREE)
def test_a_calibration_that_states_something_else_contradicts(calibration: str, tenths: int, claimed: str) -> None:
    claim = contradiction(calibration, tenths, DISAGREEMENT)
    assert claim is not None
    assert calibration[slice(*claim.span)] == claim.written == claimed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the posting has expired", "expired"),
        ("applications are already closed", "applications are already closed"),
        ("The deadline passed in May", "deadline passed"),
        ("the programme is no longer accepting entries", "no longer accepting"),
        ("this is a past event", "past event"),
    ],
)
def test_that_something_is_over_is_read(text: str, said: str) -> None:
    found = over(text)
    assert found is not None
    assert text[slice(*found)] == said


@pytest.mark.parametrize(
    "text",
    [
        "the posting has not expired",
        "apply before applications closed lists are drawn up",
        "no expired offer here; still open",
        "it hasn't yet expired",
        "the deal closed on Tuesday and the road is closed",
        "deadline 2026-10-14: act? yes; still open",
        "",
    ],
)
def test_what_is_open_or_no_opportunity_is_not_over(text: str) -> None:
    assert over(text) is None


@given(
    st.lists(
        st.sampled_from(["7.0-8.9", "= 7.5", "high band", "maps to low", "expired", "not ", "–", "9.0", " ", "score "])
        | st.text(max_size=5)
    ).map("".join),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_every_text_can_be_read_and_what_is_found_stands_in_it(text: str, tenths: int, disagreement: int) -> None:
    claim = contradiction(text, tenths, disagreement)
    if claim is not None:
        assert text[slice(*claim.span)] == claim.written
        assert not claim.low <= tenths <= claim.high or disagreement == 0
    found = over(text)
    if found is not None:
        assert 0 <= found[0] < found[1] <= len(text)
