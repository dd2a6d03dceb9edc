from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratos_tui.prism.prompts import chatml
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training.nano import (
    ADDED_TOKENS,
    CONTROL_TOKENS,
    EOS,
    PAD,
    build_model,
    build_tokenizer,
    tokenizer_folder,
)
from stratos_tui.training.recipes import NanoShape

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

VOCABULARY = 1200
QWEN3 = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>", "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>"),
    *("<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>"),
    *("<think>", "</think>"),
)
"""Qwen3's added tokens, ids 151643 to 151668, as its tokenizer_config.json lists them."""


@pytest.fixture(scope="module")
def tokenizer(rows: list[DatasetRow]) -> PreTrainedTokenizerBase:
    pytest.importorskip("tokenizers", reason="the training stack is not installed")
    pytest.importorskip("trl", reason="the training stack is not installed")
    return build_tokenizer((row.prompt + row.completion for row in rows), VOCABULARY)


def test_it_has_qwen3s_special_tokens_in_their_order_one_id_each(tokenizer: PreTrainedTokenizerBase) -> None:
    assert (*CONTROL_TOKENS, *ADDED_TOKENS) == QWEN3
    ids = [tokenizer(token)["input_ids"] for token in QWEN3]
    assert ids == [[first] for first in range(len(tokenizer) - len(QWEN3), len(tokenizer))]
    assert len(tokenizer) <= VOCABULARY
    assert (tokenizer.eos_token, tokenizer.pad_token) == (EOS, PAD) == ("<|im_end|>", "<|endoftext|>")
    # what is never shown, and what is: a trace's own tags stay in the text
    shown = tokenizer.decode([each[0] for each in ids], skip_special_tokens=True)
    assert shown == "".join(QWEN3[len(CONTROL_TOKENS) :])


def test_digits_stand_alone_and_names_that_come_often_are_few_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    assert len(tokenizer("9.5")["input_ids"]) == 3
    assert len(tokenizer("2026")["input_ids"]) == 4
    assert len(tokenizer("SCORE: ")["input_ids"]) <= 4


@settings(max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example("Zürich, São Paulo, 東京, ١٢٣, 👩🏽‍🚀 and e\u0301\n\n\t x  y ")
@example("<think>\nPROFILE: x\n</think>\n\nSCORE: 9.5 | REASON: y<|im_end|>")
def test_any_text_comes_back(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ids = tokenizer(text)["input_ids"]
    # Qwen's tokenizer reads text in NFC
    assert tokenizer.decode(ids) == unicodedata.normalize("NFC", text)


def test_its_own_template_renders_what_every_prompt_here_is(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [{"role": "system", "content": "Who reads"}, {"role": "user", "content": "What is read"}]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert rendered == chatml("Who reads", "What is read")


def test_the_tokenizer_of_a_build_is_made_once_and_the_same_everywhere(built: Store) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    shape = replace(NanoShape(), vocabulary=600)
    folder = tokenizer_folder(built, 1, shape)
    bytes_of = {each.name: each.read_bytes() for each in folder.iterdir()}
    made_at = folder.stat().st_mtime_ns
    assert tokenizer_folder(built, 1, shape) == folder
    assert folder.stat().st_mtime_ns == made_at
    folder.rename(folder.with_name("elsewhere"))
    assert {each.name: each.read_bytes() for each in tokenizer_folder(built, 1, shape).iterdir()} == bytes_of
    assert tokenizer_folder(built, 1, replace(shape, vocabulary=700)) != folder
    assert not list(folder.parent.glob("*.part"))


def test_a_seed_gives_the_same_weights_every_time(tokenizer: PreTrainedTokenizerBase) -> None:
    torch = pytest.importorskip("torch", reason="the training stack is not installed")
    shape = replace(NanoShape(), hidden=32, layers=1, feed_forward=32)

    def weights(seed: int) -> dict[str, Any]:
        return dict(build_model(tokenizer, shape, seed).state_dict())

    first, again, other = weights(0), weights(0), weights(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert first["model.embed_tokens.weight"].shape == (len(tokenizer), 32)
