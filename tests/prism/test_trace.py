import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.prism.trace import (
    DIMENSIONS,
    SIGNAL_WORDS,
    Answer,
    Fault,
    Signal,
    Trace,
    grammar_of,
    parse_answer,
    parse_score,
    parse_trace,
    render_completion,
    render_score,
    render_trace,
    split_think,
    word_count,
)

_WORD = st.text(st.characters(categories=("L", "N", "P", "S"), exclude_characters="<>"), min_size=1, max_size=12)
_LINE = st.lists(_WORD, min_size=1, max_size=8).map(" ".join)


@st.composite
def signals(draw: st.DrawFn) -> tuple[Signal, ...]:
    return tuple(Signal(name, draw(st.sampled_from(SIGNAL_WORDS[name])), draw(_LINE)) for name in DIMENSIONS)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    profile, content = draw(_LINE), draw(_LINE)
    if draw(st.booleans()):
        return Trace(profile, content, analysis=draw(_LINE), missing=("CALIBRATION",))
    return Trace(profile, content, signals=draw(signals()), calibration=draw(_LINE))


def without_spans(trace: Trace) -> Trace:
    bare = tuple(Signal(s.dimension, s.signal, s.why) for s in trace.signals)
    return Trace(trace.profile, trace.content, trace.analysis, bare, trace.calibration, trace.missing)


@given(traces())
def test_a_rendered_trace_reads_back_as_itself(trace: Trace) -> None:
    assert without_spans(parse_trace(render_trace(trace))) == trace


@given(traces())
def test_signal_spans_point_at_their_lines(trace: Trace) -> None:
    text = render_trace(trace)
    for signal in parse_trace(text).signals:
        line = text[slice(*signal.span)]
        assert signal.dimension in line
        assert signal.signal in line
        assert "\n" not in line.strip()


@given(traces(), st.integers(0, 100), _LINE)
def test_a_completion_reads_back_as_trace_score_and_reason(trace: Trace, tenths: int, reason: str) -> None:
    text = render_trace(trace)
    assert parse_answer(render_completion(text, tenths, reason)) == Answer(text, tenths, reason)


def test_a_completion_has_one_blank_line_before_the_score() -> None:
    assert render_completion("T", 95, "why  so\nmuch") == "<think>\nT\n</think>\n\nSCORE: 9.5 | REASON: why so much"


@given(st.text(max_size=300))
def test_reading_never_raises_and_faults_point_inside(text: str) -> None:
    parse_trace(text)
    grammar_of(text)
    word_count(text)
    read = parse_answer(text)
    if isinstance(read, Fault):
        assert 0 <= read.span[0] <= read.span[1] <= len(text)


@pytest.mark.parametrize(
    ("text", "code", "marked"),
    [
        ("<think>\nT\n</think>\n\nno score", "score_missing", "\n\nno score"),
        (
            "<think>\nnever closed SCORE: 5.5 | REASON: x",
            "think_unclosed",
            "<think>\nnever closed SCORE: 5.5 | REASON: x",
        ),
        ("<think>\nT\n</think>\n\nSCORE: high | REASON: x", "score_not_a_number", "high"),
        ("<think>\nT\n</think>\n\nSCORE: 7,5 | REASON: x", "score_not_a_number", "7,5"),
        ("<think>\nT\n</think>\n\nSCORE: 7.25 | REASON: x", "score_decimals", "7.25"),
        ("<think>\nT\n</think>\n\nSCORE: 10.1 | REASON: x", "score_out_of_range", "10.1"),
        ("<think>\nT\n</think>\n\nSCORE: -1 | REASON: x", "score_out_of_range", "-1"),
        ("<think>\nT\n</think>\n\nSCORE: 8.5", "reason_missing", "SCORE: 8.5"),
        ("<think>\nT\n</think>\n\nSCORE: 8.5 | REASON:  ", "reason_missing", "SCORE: 8.5 | REASON:  "),
    ],
)
def test_faults_name_what_is_wrong_and_where(text: str, code: str, marked: str) -> None:
    fault = parse_answer(text)
    assert isinstance(fault, Fault)
    assert fault.code == code
    assert text[slice(*fault.span)] == marked


@pytest.mark.parametrize("written", ["8.5", "8.50", "8.500", "08.5"])
def test_trailing_noughts_are_not_further_decimals(written: str) -> None:
    assert parse_score(f"SCORE: {written} | REASON: x") == (85, "x")


@pytest.mark.parametrize(
    "text",
    ["score: 7 | reason: x", "SCORE:7|REASON: x", "SCORE: 7 REASON: x", "Well then.\nSCORE:  7 |  REASON:   x  "],
)
def test_reading_a_score_is_lenient_about_white_space_and_case(text: str) -> None:
    assert parse_score(text) == (70, "x")


def test_a_score_inside_the_trace_is_not_the_score() -> None:
    assert parse_answer("<think>\nSCORE: 9.9 | REASON: fake\n</think>\n\nSCORE: 0.5 | REASON: real") == Answer(
        "SCORE: 9.9 | REASON: fake", 5, "real"
    )


def test_a_lone_closing_tag_closes_what_the_prompt_opened() -> None:
    assert split_think("T\n</think>\n\nrest") == ("T", "\n\nrest")
    assert split_think("rest") == (None, "rest")


def test_thinking_may_come_in_a_field_of_its_own() -> None:
    assert parse_answer("SCORE: 1.0 | REASON: x", thinking=" T ") == Answer("T", 10, "x")


def test_missing_sections_are_named() -> None:
    assert parse_trace("PROFILE: a\nANALYSIS: b").missing == ("CONTENT", "CALIBRATION")
    assert parse_trace("").missing == ("PROFILE", "CONTENT", "ANALYSIS", "CALIBRATION")


def test_reading_a_trace_is_lenient_about_case_white_space_brackets_and_dashes() -> None:
    trace = parse_trace("  Profile: a\ncontent : b\nAnalysis:\n* Actionability: [high] - now\n\tCalibration:c")
    assert (trace.profile, trace.content, trace.calibration, trace.missing) == ("a", "b", "c", ())
    assert [(s.dimension, s.signal, s.why) for s in trace.signals] == [("Actionability", "HIGH", "now")]


def test_signals_are_read_from_analysis_alone_in_any_order_of_sections() -> None:
    text = "CALIBRATION: c\n- Actionability: LOW — no\nANALYSIS:\n- Source quality: NEWS — here\nPROFILE: p\nCONTENT: x"
    assert [s.signal for s in parse_trace(text).signals] == ["NEWS"]


@pytest.mark.parametrize(
    ("trace", "grammar"),
    [
        ("PROFILE: a\nCONTENT: b\nANALYSIS: c", "prism"),
        ("PROFILE: a\nARTICLE: b\nPROFILE_MATCH: none\nVERDICT: noise\nREASONING: c", "old"),
        ("It seems relevant.", "none"),
        ("", "none"),
    ],
)
def test_the_grammar_of_a_trace(trace: str, grammar: str) -> None:
    assert grammar_of(trace) == grammar


def test_signs_are_not_words() -> None:
    assert word_count("- Actionability: HIGH — now → 9.5") == 4


def test_a_score_line_is_one_line() -> None:
    assert render_score(50, "a\n b") == "SCORE: 5.0 | REASON: a b"
