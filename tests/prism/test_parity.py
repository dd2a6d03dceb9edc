"""The same conversations by our renderer, by the tokenizer's chat template, and by the Modelfile's TEMPLATE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratos_tui.prism.modelfile import chat_template, template
from stratos_tui.prism.prompts import WORDINGS, article_prompt, chatml, student_prompt, system_prompt
from stratos_tui.prism.trace import render_completion
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.records import Article, Profile

RenderByGo = Callable[[str, list[list[dict[str, str]]]], list[str]]
CHECKOUT = Path(__file__).resolve().parents[2]
DAY = date(2026, 11, 20)

HOSTILE_PIECES = (
    *("<|im_end|>", "<|im_start|>", "<think>", "</think>", "{{ .Role }}", "{{", "}}", '"""', "{% raw %}", "{{ 1 }}"),
    *("\\n", "\n", "\r\n", "\0", "\x1b[31m", "\u202e", "<", "|", "&amp;", "é", "e\u0301", "🚀", " ", "\ufeff", "$x"),
)
HOSTILE = st.text(max_size=60) | st.lists(
    st.sampled_from(HOSTILE_PIECES),
    max_size=12,
).map("".join)


def conversation(profile: Profile, article: Article, wording: int = 0) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": system_prompt(profile, wording)},
        {"role": "user", "content": article_prompt(article, DAY)},
    ]


def written_template() -> str:
    """The TEMPLATE that the shipped Modelfile holds, as a server reads it."""
    text = (CHECKOUT / "Modelfile").read_text(encoding="utf-8")
    return text.split('TEMPLATE """', 1)[1].split('"""', 1)[0]


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


def by_tokenizer(tokenizer: Any, messages: list[dict[str, str]], own: str | None = None) -> str:
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, chat_template=own))


def shipped() -> tuple[list[str], list[list[dict[str, str]]]]:
    """Every wording of shipped pairs, as our renderer has it and as turns."""
    articles = [article for article, _ in shipped_articles()][::9]
    pairs = [(profile, article, w) for profile in shipped_profiles() for article in articles for w in range(WORDINGS)]
    return [student_prompt(profile, article, DAY, wording) for profile, article, wording in pairs], [
        conversation(*pair) for pair in pairs
    ]


@st.composite
def hostile(draw: st.DrawFn) -> tuple[str, list[dict[str, str]]]:
    """A pair of hostile text, as our renderer has it and as turns."""
    [profile, *_] = shipped_profiles()
    tracked = tuple(draw(st.lists(HOSTILE, max_size=3)))
    profile = replace(profile, role=draw(HOSTILE), context=draw(HOSTILE), companies=tracked)
    article = Article("hostile", draw(HOSTILE), draw(HOSTILE), draw(HOSTILE), "news", published=DAY)
    return student_prompt(profile, article, DAY), conversation(profile, article)


def test_every_wording_of_shipped_pairs_is_the_same_bytes_by_the_tokenizer(tokenizer: Any) -> None:
    ours, turns = shipped()
    assert [by_tokenizer(tokenizer, each) for each in turns] == ours
    assert [by_tokenizer(tokenizer, each, chat_template()) for each in turns] == ours


def test_every_wording_of_shipped_pairs_is_the_same_bytes_by_go(render_by_go: RenderByGo) -> None:
    ours, turns = shipped()
    assert render_by_go(written_template(), turns) == ours


@settings(max_examples=60)
@given(pair=hostile())
def test_hostile_text_is_the_same_bytes_by_the_tokenizer(
    tokenizer: Any, pair: tuple[str, list[dict[str, str]]]
) -> None:
    ours, turns = pair
    assert by_tokenizer(tokenizer, turns) == ours
    assert by_tokenizer(tokenizer, turns, chat_template()) == ours
    # two turns and the opening of a third, whatever the text says
    assert ours.count("<|im_start|>") == 3
    assert ours.count("<|im_end|>") == 2


@settings(max_examples=60)
@given(pair=hostile())
def test_hostile_text_is_the_same_bytes_by_go(render_by_go: RenderByGo, pair: tuple[str, list[dict[str, str]]]) -> None:
    ours, turns = pair
    assert render_by_go(template(), [turns]) == [ours]


def test_an_answer_that_is_shown_back_is_the_completion_that_was_trained_on(render_by_go: RenderByGo) -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "thinking": "PROFILE: a", "content": "SCORE: 9.5 | REASON: b"},
    ]
    trained = chatml("s", "u") + render_completion("PROFILE: a", 95, "b")
    assert render_by_go(template(), [turns]) == [f"{trained}<|im_end|>\n<|im_start|>assistant\n"]


def test_the_check_sees_a_template_that_drifted(render_by_go: RenderByGo) -> None:
    drifted = template().replace("assistant\n", "assistant\n<think>\n")
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert render_by_go(drifted, [turns]) != [chatml("s", "u")]
