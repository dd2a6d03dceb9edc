from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.teachers.wire import custom_id, new_run_token, own_id_of, read_line, run_token_of, wire_id

USAGE = {
    "input_tokens": 10,
    "output_tokens": 20,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": None,
}


def line(result: Any, custom: Any = "t-x-1") -> bytes:
    return json.dumps({"custom_id": custom, "result": result}).encode()


def message(content: Any, **more: Any) -> dict[str, Any]:
    fields = {"model": "m", "content": content, "stop_reason": "end_turn", "usage": USAGE} | more
    return {"type": "succeeded", "message": fields}


@given(st.text(), st.text(), st.text(), st.integers(1, 99), st.binary())
def test_an_id_is_legal_and_tells_creation_and_question_apart(
    teacher: str, article: str, profile: str, attempt: int, entropy: bytes
) -> None:
    teacher, article, profile = (text.encode("utf-8", "replace").decode() for text in (teacher, article, profile))
    own, token = custom_id(teacher, article, profile, attempt), new_run_token(entropy)
    sent = wire_id(token, own)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent)
    assert (run_token_of(sent), own_id_of(sent)) == (token, own)
    assert own != custom_id(teacher, article, profile, attempt + 1)


def test_text_is_taken_by_type_wherever_it_stands() -> None:
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "one "},
        {"type": "text", "text": "two"},
    ]
    outcome = read_line(line(message(content)))
    assert outcome is not None
    assert outcome.text == "one two"
    usage = outcome.usage
    assert (usage.tokens_in, usage.tokens_out, usage.cache_read, usage.cache_write) == (10, 20, 30, 0)


def test_thinking_is_counted_where_the_server_says_so_and_no_count_is_made_up() -> None:
    details = {"output_tokens_details": {"thinking_tokens": 15}, "input_tokens": True, "cache_read_input_tokens": -4}
    outcome = read_line(line(message([], usage=USAGE | details)))
    assert outcome is not None
    usage = outcome.usage
    assert (usage.tokens_in, usage.tokens_out, usage.cache_read, usage.thinking) == (0, 20, 0, 15)


def test_a_refusal_is_a_success_with_its_category() -> None:
    details = {"type": "refusal", "category": "frontier_llm"}
    outcome = read_line(line(message([], stop_reason="refusal", stop_details=details)))
    assert outcome is not None
    assert (outcome.result_type, outcome.reason, outcome.detail) == ("succeeded", "refusal", "frontier_llm")


def test_an_error_keeps_its_type_and_words() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "broke"}}
    outcome = read_line(line({"type": "errored", "error": error}))
    assert outcome is not None
    assert (outcome.result_type, outcome.reason, outcome.detail) == ("errored", "api_error", "broke")


def test_an_unknown_result_keeps_its_own_name() -> None:
    outcome = read_line(line({"type": "postponed"}))
    assert outcome is not None
    assert outcome.result_type == "postponed"


@pytest.mark.parametrize(
    "bad",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, line(None), line({"type": 3}), line({"type": "x"}, 7)],
)
def test_a_line_that_is_no_result_is_none(bad: bytes) -> None:
    assert read_line(bad) is None


def test_hostile_text_can_be_stored() -> None:
    outcome = read_line(line(message([{"type": "text", "text": "a\ud800b\x1b[31mc\u2028d"}])))
    assert outcome is not None
    assert outcome.text.encode()
    assert "\x1b" not in outcome.text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
shapes = st.fixed_dictionaries(
    {"type": st.sampled_from(["succeeded", "errored", "canceled", "new"])},
    optional={
        "message": json_values
        | st.fixed_dictionaries(
            {"content": json_values, "usage": json_values | st.fixed_dictionaries({"input_tokens": json_values})}
        ),
        "error": json_values,
    },
)


@given(shapes)
def test_no_shape_of_a_result_raises(result: dict[str, Any]) -> None:
    outcome = read_line(line(result))
    assert outcome is not None
    assert 0 <= outcome.usage.tokens_in <= 2**53
