from __future__ import annotations

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.db import Store
from stratos_tui.training.mask import IGNORED, encode, mask


@pytest.mark.parametrize("split", ["train", "eval"])
def test_the_prompt_carries_no_loss_and_the_completion_with_its_end_does(built: Store, split: Split) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    row = datasets.row(built, 1, split, 0)
    assert row is not None
    tokens = mask(built, 1, split, 0, "nano")
    supervised = [token.supervised for token in tokens]
    start = supervised.index(True)
    assert supervised == [False] * start + [True] * (len(tokens) - start)
    assert "".join(token.text for token in tokens[:start]) == row.prompt
    assert "".join(token.text for token in tokens[start:]) == row.completion + "<|im_end|>"
    assert tokens[start].text == "<think>"
    assert tokens[-1].text == "<|im_end|>"
    assert [token.text for token in tokens].count("</think>") == 1


def test_the_boundary_is_where_the_prompts_own_tokens_end(built: Store) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training import bases
    from stratos_tui.training.recipes import recipe_for

    tokenizer = bases.load_tokenizer(built, 1, "nano", recipe_for("nano"))
    clean = encode(tokenizer, "<|im_start|>assistant\n", "<think>\nx\n</think>")
    assert clean.labels.count(IGNORED) == len(tokenizer("<|im_start|>assistant\n")["input_ids"])
    assert [label for label in clean.labels if label != IGNORED] == clean.ids[clean.labels.count(IGNORED) :]
    # a word that the completion finishes is one token, which the prompt alone does not have
    merged = encode(tokenizer, "<|im_start|>user\nScor", "e this article.")
    assert merged.labels.count(IGNORED) < len(tokenizer("<|im_start|>user\nScor")["input_ids"])
    assert merged.labels[merged.labels.count(IGNORED)] == tokenizer("Score")["input_ids"][0]


def test_an_example_that_is_not_there_is_named(built: Store) -> None:
    last = datasets.count(built, 1, "train") - 1
    with pytest.raises(StratosError, match=f"dataset 1 has no train example {last + 1}; they go from 0 to {last}"):
        mask(built, 1, "train", last + 1, "nano")


@pytest.mark.parametrize("base", ["/nowhere/at/all", "folder"])
def test_a_base_that_is_not_there_is_one_clear_error(built: Store, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(built.path.parent)
    (built.path.parent / "folder").mkdir()
    with pytest.raises(StratosError) as refused:
        mask(built, 1, "train", 0, base)
    assert str(refused.value).startswith(f"base {base}: ")
    assert "\n" not in str(refused.value)
