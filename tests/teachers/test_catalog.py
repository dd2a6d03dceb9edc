from __future__ import annotations

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.teachers.catalog import teacher_of


def test_a_rehearsal_is_billed_in_simulated_money_and_needs_no_terms() -> None:
    teacher = teacher_of("rehearsal")
    assert (teacher.model, teacher.simulated, teacher.needs_terms) == ("rehearsal", True, False)
    assert teacher.price is not None


def test_claude_is_paid_and_needs_the_terms() -> None:
    teacher = teacher_of("claude:claude-haiku-5-5")
    assert (teacher.model, teacher.simulated, teacher.needs_terms) == ("claude-haiku-5-5", False, True)


def test_the_rubric_costs_nothing() -> None:
    assert teacher_of("rubric").price is None


@pytest.mark.parametrize("name", ["", "opus", "claude:", "openai:gpt@http://x", "ollama:qwen3"])
def test_another_name_lists_what_there_is(name: str) -> None:
    with pytest.raises(StratosError, match=r"rehearsal, rubric, claude:claude-opus-5-5"):
        teacher_of(name)


def test_a_claude_without_a_price_is_refused() -> None:
    with pytest.raises(StratosError, match="no price"):
        teacher_of("claude:claude-1")
