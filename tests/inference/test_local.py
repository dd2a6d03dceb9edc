"""Sampling from a local model, on an untrained one of a few thousand weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.inference import memory
from stratos_tui.inference.local import Generation, Sampling, generate, load, stream
from stratos_tui.prism.modelfile import STOP_TOKENS
from stratos_tui.prism.prompts import chatml

if TYPE_CHECKING:
    from stratos_tui.inference.local import LocalModel

CONTEXT = 256
PROMPTS = [
    chatml("You are a relevance scorer.", f"Score this article.\nTitle: {word}") for word in ("one", "two", "a b c")
]
SEEDS = [1, 2, 3]
SHORT = Sampling(max_new_tokens=24)
FLAT = Sampling(temperature=1.0, top_p=1.0, top_k=10_000, max_new_tokens=120)
"""Draws any token at all, an ending one now and then."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="the training stack is not installed")
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training.nano import build_model, build_tokenizer
    from stratos_tui.training.recipes import NanoShape

    shape = replace(NanoShape(), vocabulary=400, hidden=32, layers=1, feed_forward=32, context=CONTEXT)
    path = tmp_path_factory.mktemp("inference") / "tiny"
    tokenizer = build_tokenizer([*PROMPTS, "Zürich, 東京 and São Paulo"], shape.vocabulary)
    tokenizer.save_pretrained(str(path))
    build_model(tokenizer, shape, seed=0).save_pretrained(str(path))
    return path


@pytest.fixture(scope="session")
def model(folder: Path) -> LocalModel:
    return load(folder)


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"temperature": 0.01}, {"top_k": 1}])
def test_greedy_decoding_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(StratosError, match="greedy decoding"):
        Sampling(**settings)


@pytest.mark.parametrize("settings", [{"top_p": 0.0}, {"top_p": 1.1}, {"top_k": 0}, {"max_new_tokens": 0}])
def test_settings_that_draw_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(StratosError, match="top-p lies"):
        Sampling(**settings)


def test_the_same_batch_with_the_same_seeds_gives_the_same_texts(model: LocalModel) -> None:
    first, again = (generate(model, PROMPTS, SEEDS, SHORT) for _ in range(2))
    assert [each.text for each in first] == [each.text for each in again]
    assert [each.tokens_in for each in first] == [len(model.tokenizer(each)["input_ids"]) for each in PROMPTS]
    assert all(0 < each.tokens_out <= SHORT.max_new_tokens for each in first)


def test_a_seed_decides_its_own_text_and_no_other(model: LocalModel) -> None:
    first = generate(model, PROMPTS, SEEDS, SHORT)
    other = generate(model, PROMPTS, [SEEDS[0], 99, SEEDS[2]], SHORT)
    assert first[1].text != other[1].text
    assert (first[0].text, first[2].text) == (other[0].text, other[2].text)
    # one prompt drawn twice is two answers
    assert len({each.text for each in generate(model, [PROMPTS[0]] * 4, [1, 2, 3, 4], SHORT)}) == 4


def test_a_shorter_prompt_is_padded_without_being_read_differently(model: LocalModel) -> None:
    together = generate(model, [PROMPTS[0], PROMPTS[2] + "and " * 30], [5, 6], SHORT)
    assert together[0].text == generate(model, [PROMPTS[0]], [5], SHORT)[0].text


def test_the_stream_yields_what_generate_returns(model: LocalModel) -> None:
    prompts, seeds = PROMPTS * 3, list(range(9))
    texts = [""] * len(prompts)
    ended: dict[int, Generation] = {}
    for index, piece in stream(model, prompts, seeds, FLAT):
        assert index not in ended
        if isinstance(piece, str):
            assert piece
            texts[index] += piece
        else:
            ended[index] = piece
    assert texts == [ended[index].text for index in range(len(prompts))]
    assert {each.finished for each in ended.values()} == {True, False}
    whole = generate(model, prompts, seeds, FLAT)
    assert [replace(ended[index], seconds=0) for index in range(len(prompts))] == [replace(e, seconds=0) for e in whole]


def test_an_answer_ends_with_its_stop_token_and_another_one_is_cut(model: LocalModel) -> None:
    said = generate(model, PROMPTS * 6, list(range(18)), FLAT)
    assert {each.finished for each in said} == {True, False}
    for each in said:
        assert not any(token in each.text for token in STOP_TOKENS)
        assert each.finished or each.tokens_out == FLAT.max_new_tokens
    assert any(each.tokens_out < FLAT.max_new_tokens for each in said if each.finished)


def test_an_answer_fills_the_context_at_most_and_a_prompt_that_leaves_no_room_is_refused(model: LocalModel) -> None:
    assert model.context == CONTEXT
    unit = len(model.tokenizer("Zürich ")["input_ids"])
    long = "Zürich " * ((CONTEXT - 10) // unit)
    [said] = generate(model, [long], [1], SHORT)
    assert said.tokens_in + said.tokens_out <= CONTEXT
    assert said.tokens_out < SHORT.max_new_tokens
    with pytest.raises(StratosError, match=f"leaves no room in a context of {CONTEXT}"):
        generate(model, ["Zürich " * CONTEXT], [1], SHORT)
    assert generate(model, [], [], SHORT) == []


def test_a_model_that_memory_cannot_hold_is_refused_before_it_is_loaded(
    folder: Path, model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = model.model.num_parameters()
    monkeypatch.setattr(memory, "free_memory", lambda: weights * 4)
    with pytest.raises(StratosError, match=f"its {weights:,} weights in fp32 take"):
        load(folder)
    monkeypatch.setattr(memory, "free_memory", lambda: weights * 5)
    assert load(folder).context == CONTEXT


@pytest.mark.parametrize("broken", ["no folder", "no files", "no weights", "torn weights", "no end"])
def test_a_folder_that_holds_no_model_is_one_clear_error(folder: Path, tmp_path: Path, broken: str) -> None:
    path = tmp_path / "model"
    if broken != "no folder":
        shutil.copytree(folder, path)
    if broken == "no files":
        for each in path.iterdir():
            each.unlink()
    if broken == "no weights":
        (path / "model.safetensors").unlink()
    if broken == "torn weights":
        (path / "model.safetensors").write_bytes((path / "model.safetensors").read_bytes()[:1000])
    if broken == "no end":
        tokens = (path / "tokenizer.json").read_text("utf-8")
        for stop in STOP_TOKENS:
            tokens = tokens.replace(stop, stop.replace("|", "!"))
        (path / "tokenizer.json").write_text(tokens, "utf-8")
        config = (path / "tokenizer_config.json").read_text("utf-8")
        for stop in STOP_TOKENS:
            config = config.replace(stop, stop.replace("|", "!"))
        (path / "tokenizer_config.json").write_text(config, "utf-8")
    with pytest.raises(StratosError) as refused:
        load(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
