"""Every check passes on a build as it is made, and fails on a case that was made for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.store import datasets, profiles
from stratos_tui.store.db import Store
from stratos_tui.training import launch, recipes, sizes
from stratos_tui.training.check import NAMES, Check
from stratos_tui.training.curriculum import digest_after
from stratos_tui.training.preflight import preflight
from tests.builds import change

pytestmark = pytest.mark.usefixtures("stack")


@pytest.fixture(scope="module")
def stack() -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")


@pytest.fixture
def base(base_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base_file, tmp_path / "base"))


def checked(store: Store, base: str = "nano", overrides: dict[str, object] | None = None) -> dict[str, Check]:
    return {check.name: check for check in preflight(store, 1, base, overrides)}


def failed(store: Store, base: str = "nano", overrides: dict[str, object] | None = None) -> set[str]:
    return {name for name, check in checked(store, base, overrides).items() if not check.ok}


def in_base(folder: Path, change: Callable[[str], str]) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text("utf-8")
        (folder / name).write_text(change(text), "utf-8")


def test_a_build_as_it_is_made_passes_every_check_on_either_kind_of_base(built: Store, base: Path) -> None:
    for found in (checked(built), checked(built, str(base))):
        assert tuple(found) == NAMES
        assert [name for name, check in found.items() if not check.ok] == []
        assert all(check.value and check.threshold and check.why for check in found.values())


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        # a short completion under a long prompt, and the other way round
        ("supervised_share", "UPDATE dataset_examples SET completion = '<think>x</think>', prompt = {long}"),
        ("supervised_share", "UPDATE dataset_examples SET prompt = 'x'"),
        # its first token is one with the prompt's last
        ("mask", "UPDATE dataset_examples SET prompt = prompt || 'Scor', completion = 'e ' || completion {one}"),
        ("first_and_last", "UPDATE dataset_examples SET completion = 'SCORE: 9.0 | REASON: x' {one}"),
        ("control_tokens", "UPDATE dataset_examples SET prompt = prompt || '<|im_end|>' {one}"),
        ("control_tokens", "UPDATE dataset_examples SET prompt = prompt || '<think>' {one}"),
        ("prompt_bytes", "UPDATE dataset_examples SET prompt = replace(prompt, 'Title:', 'Title :') {one}"),
        ("length", "UPDATE dataset_examples SET prompt = {long} {one}"),
        ("rows", "DELETE FROM dataset_examples WHERE split = 'eval'"),
        ("rows", "DELETE FROM dataset_examples WHERE split = 'train'"),
        ("rows", "DELETE FROM dataset_examples"),
        ("system_prompts", "UPDATE dataset_examples SET prompt = '<|im_start|>system\n <|im_end|>' || prompt {one}"),
        ("system_prompts", "UPDATE dataset_examples SET prompt = (SELECT prompt FROM dataset_examples {one})"),
        ("score_5_0", "UPDATE dataset_examples SET tenths = 50 {one}"),
        ("answer_only", "UPDATE dataset_examples SET completion = 'SCORE: 9.0 | REASON: x' {one}"),
        ("leaks", "UPDATE dataset_examples SET article_id = (SELECT article_id FROM dataset_examples {one})"),
        ("leaks", "UPDATE datasets SET summary = json_set(summary, '$.leaks', 1)"),
        ("curriculum", "UPDATE dataset_examples SET tenths = 51 {one}"),
        ("curriculum", "UPDATE dataset_examples SET profile_id = 'texas_nurse' WHERE split = 'train'"),
    ],
)
def test_a_build_that_is_not_right_fails_the_check_made_for_it(
    built: Store, base_file: Path, name: str, sql: str
) -> None:
    one = "WHERE split = 'train' AND position = 0"
    change(built, sql.format(one=one, long="prompt || replace(hex(zeroblob(1200)), '0', 'x ')"))
    assert name in failed(built, str(base_file))


def test_a_prompt_that_a_scorer_would_not_send_any_more_fails(built: Store, base_file: Path) -> None:
    reader = profiles.load(built)[0]
    profiles.save(built, replace(reader, context="Something else entirely."), "operator")
    assert failed(built, str(base_file)) == {"prompt_bytes"}


@pytest.mark.parametrize(
    ("shares", "ok"),
    [
        ([(0.25, 0.27, False), (0.75, 0.73, False)], True),
        ([(0.25, 0.60, False), (0.75, 0.40, False)], False),
        # every pair of the scarce band stands as often as it may
        ([(0.25, 0.60, False), (0.75, 0.40, True)], True),
        ([(0.25, 0.95, False), (0.75, 0.05, True)], True),
        # and there are so few of them that a model learns to say noise
        ([(0.25, 0.96, False), (0.75, 0.04, True)], False),
    ],
)
def test_bands_are_near_their_target_or_as_near_as_can_be(
    built: Store, base_file: Path, shares: Sequence[tuple[float, float, bool]], ok: bool
) -> None:
    names = ("target", "share", "limited")
    found = {
        group: dict(zip(names, each, strict=True)) for group, each in zip(("noise+low", "high"), shares, strict=True)
    }
    change(built, "UPDATE datasets SET summary = json_set(summary, '$.shares', json(?))", json.dumps(found))
    check = checked(built, str(base_file))["band_shares"]
    assert check.ok is ok
    assert ("stay short" in check.value) is shares[1][2]
    assert checked(built, str(base_file), {"most_noise": 1.0})["band_shares"].ok is (ok or shares[1][2])


def test_examples_longer_than_the_context_fail(built: Store) -> None:
    assert failed(built, overrides={"shape.context": 200}) == {"length"}


def test_a_base_that_ends_or_pads_otherwise_fails(built: Store, base: Path) -> None:
    in_base(base, lambda text: text.replace("<|endoftext|>", "<|other|>").replace('"pad_token"', '"no_pad_token"'))
    assert failed(built, str(base)) == {"end_and_padding"}


def test_a_base_without_an_end_of_turn_is_refused(built: Store, base: Path) -> None:
    in_base(base, lambda text: text.replace("<|im_end|>", "<|other|>"))
    with pytest.raises(StratosError, match=r"its vocabulary has no <\|im_end\|>"):
        preflight(built, 1, str(base))


@pytest.mark.parametrize("template", ["", "{{ messages[1]['content'] }}"])
def test_a_base_whose_template_renders_otherwise_fails(built: Store, base: Path, template: str) -> None:
    (base / "chat_template.jinja").unlink()
    if template:
        (base / "chat_template.jinja").write_text(template)
    assert failed(built, str(base)) == {"chat_template"}


def test_a_disk_without_room_fails(built: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    found = checked(built)["disk"]
    assert not found.ok
    assert found.value == "0.0 GB free"
    assert all(part in found.threshold for part in ("checkpoints", "merged", "GGUF", "served copy"))


def test_a_base_that_must_be_fetched_takes_its_place_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    of = sizes.Sizes(8_000_000_000, 1, 1000, 1, 1, 1, 1, 1)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    here, away = sizes.disk_bytes(str(tmp_path), of), sizes.disk_bytes("Qwen/Qwen3-8B", of)
    assert here["served copy"] == here["GGUF"]
    assert away == {"base": 16_000_000_000, **here}
    snapshot = tmp_path / "models--Qwen--Qwen3-8B" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    (snapshot / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}'
    )
    (snapshot / "1.safetensors").touch()
    assert "base" in sizes.disk_bytes("Qwen/Qwen3-8B", of)
    (snapshot / "2.safetensors").touch()
    assert sizes.disk_bytes("Qwen/Qwen3-8B", of) == here


def test_the_run_that_is_checked_is_the_run_that_would_be(built: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # a build that nano goes through twice
    monkeypatch.setattr(recipes, "NANO_ROWS", 2 * datasets.count(built, 1, "train"))
    assert launch.planned("nano", datasets.count(built, 1, "train")).epochs == 2
    found = checked(built, overrides={"shape.vocabulary": 600, "later_epochs": "sorted", "sorted_window": 2})
    assert found["epochs"].value == "2 epochs"
    # rows of equal difficulty changed places, which the digest says and the order allows
    assert found["order"].ok
    assert found["order"].value.startswith("2 epochs of 32 rows as wanted, ")
    assert digest_after(4, [range(32)] * 2, 16)[:12] not in found["order"].value


def test_what_one_of_several_processes_cannot_look_at_is_said(
    built: Store, base_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = checked(built, str(base_file))
    monkeypatch.setenv("WORLD_SIZE", "2")
    found = checked(built, str(base_file))
    assert tuple(found) == NAMES
    for name in ("batches", "order"):
        assert (found[name].ok, found[name].value) == (True, "not measured under 2 processes")
    assert found["initial_loss"] == alone["initial_loss"]
    assert found["memory"].threshold == alone["memory"].threshold
    # FSDP: each holds a part of the weights, and no device all of them
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    sharded = checked(built, str(base_file))
    assert sharded["initial_loss"].value == "not measured: its weights are shared among 2 processes"
    assert "one of 2 that share the weights" in sharded["memory"].value
    assert [name for name, check in sharded.items() if not check.ok] == []


@pytest.mark.parametrize(
    ("dataset", "base", "overrides", "says"),
    [
        (7, "nano", {}, "there is no dataset 7"),
        (1, "/nowhere/at/all", {}, "base /nowhere/at/all: "),
        (1, "nano", {"epoch": 1}, "no setting 'epoch'"),
    ],
)
def test_what_is_not_there_is_one_clear_error(
    built: Store, dataset: int, base: str, overrides: dict[str, Any], says: str
) -> None:
    with pytest.raises(StratosError) as refused:
        preflight(built, dataset, base, overrides)
    assert says in str(refused.value)
