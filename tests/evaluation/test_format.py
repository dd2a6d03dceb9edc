from __future__ import annotations

import pytest

from stratos_tui.evaluation.format import Completion, completion_from, read_format

SIX = """- Role/interest relevance: STRONG — nurse = nurse? yes
- Location relevance: NONE — Houston = Kuwait? no
- Entity relevance: NONE — none named
- Topic relevance: WEAK — care, in passing
- Actionability: LOW — nothing to do
- Source quality: NEWS — a paper"""
LONG = " ".join(f"word{i}" for i in range(60))
STANDARD = f"PROFILE: {LONG}\nCONTENT: this\nANALYSIS:\n{SIX}\nCALIBRATION: strongest signal is role"
QUICK = (
    "PROFILE: an ER nurse in Houston, Texas.\nCONTENT: celebrity gossip.\nANALYSIS: zero overlap, clear noise for her."
)


def one(raw: str) -> str:
    found = read_format([Completion(raw, "")])
    assert found is not None
    return next(iter(found.faults), "")


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (f"<think>\n{QUICK}\n</think>\n\nSCORE: 0.5 | REASON: gossip", ""),
        (f"<think>\n{STANDARD}\n</think>\n\nSCORE: 6.5 | REASON: care", ""),
        # brevity is depth, not format
        ("<think>\nPROFILE: a\nCONTENT: b\nANALYSIS: c\n</think>\n\nSCORE: 0.5 | REASON: gossip", ""),
        (f"<think>\n{QUICK}\n</think>\n\nSCORE: 6.5 | REASON: needs every section", "section_missing"),
        (f"<think>\n{STANDARD.replace('- Topic', '- Other')}\n</think>\n\nSCORE: 6.5 | REASON: x", "section_missing"),
        (f"<think>\n{QUICK}\n\nSCORE: 0.5 | REASON: gossip", "think_unclosed"),
        ("SCORE: 0.5 | REASON: gossip", "think_missing"),
        (f"<think>\n{QUICK}\n</think>\n\nIt is noise.", "score_missing"),
        (f"<think>\n{QUICK}\n</think>\n\nSCORE: 0.5", "reason_missing"),
        (f"<think>\n{QUICK}\n</think>\n\nSCORE: 50 | REASON: x", "score_out_of_range"),
        (f"<think>\n{STANDARD}\n</think>\n\nSCORE: 5.0 | REASON: x", "score_forbidden"),
        ("", "empty"),
    ],
)  # fmt: skip
def test_what_breaks_the_format(raw: str, fault: str) -> None:
    assert one(raw) == fault


def test_depth_is_counted_by_tier_and_apart_from_format() -> None:
    quick = Completion(f"<think>\n{QUICK}\n</think>\n\nSCORE: 0.5 | REASON: gossip", QUICK)
    wordy = Completion(f"<think>\n{QUICK} {LONG}\n</think>\n\nSCORE: 0.5 | REASON: gossip", QUICK)
    standard = Completion(f"<think>\n{STANDARD}\n</think>\n\nSCORE: 6.5 | REASON: care", STANDARD)
    broken = Completion("no", "")
    found = read_format([quick, wordy, standard, broken])
    assert found is not None
    assert (found.n, found.share, found.faults) == (
        4,
        0.75,
        {"score_missing": 1} if one("no") == "score_missing" else {one("no"): 1},
    )
    assert set(found.depth) == {"1", "2"}
    assert (found.depth["1"].n, found.depth["1"].within_limits) == (2, 0.5)
    assert found.depth["2"].within_limits == 1.0
    assert found.depth_share == pytest.approx(2 / 3)


def test_nothing_written_has_no_format() -> None:
    assert read_format([]) is None


def test_somebody_elses_trace_and_score() -> None:
    found = read_format([completion_from(QUICK, 5), completion_from(QUICK, None)])
    assert found is not None
    assert (found.share, found.faults) == (0.5, {"score_missing": 1})
