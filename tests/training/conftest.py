"""What training's tests share: a small build, the settings of a tiny run, and one run that nobody disturbed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.dataset.build import build
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.run import distill
from stratos_tui.progress import silent
from stratos_tui.store import articles, datasets, profiles, runs
from stratos_tui.store.db import Store, open_store
from stratos_tui.store.runs import Point, Run

TEACHER = "rubric"
ARTICLES = {"train": 4, "eval": 1}
READERS = 8


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run from start to end: where its store lies, what its rows say, what it planned to do."""

    path: Path
    run: Run
    attached: int
    train: list[Point]
    eval: list[Point]


@pytest.fixture(scope="session")
def tiny() -> dict[str, object]:
    """Settings under which a run takes a second, besides the eight that its imports take."""
    return {
        "shape.hidden": 32,
        "shape.layers": 1,
        "shape.feed_forward": 64,
        "epochs": 2,
        "batch": 8,
        "micro_batch": 8,
        "evaluations": 4,
        "eval_examples": 8,
        "threads": 1,
        "probe_pairs": 2,
        "probe_tokens": 8,
    }


@pytest.fixture(scope="session")
def built_file(seeded_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store's file with forty pairs that the rubric answered, and dataset 1; to copy, never to open."""
    path = Path(shutil.copy(seeded_file, tmp_path_factory.mktemp("built") / "stratos.db"))
    store = open_store(path)
    fix_holdout(store)
    splits = articles.splits(store)
    readers = [profile.id for profile in profiles.load(store)][:READERS]
    pairs = [
        Pair(article_id, profile_id)
        for split, count in ARTICLES.items()
        for article_id in [each for each, own in splits.items() if own == split][:count]
        for profile_id in readers
    ]
    distill(store, TEACHER, pairs=pairs)
    # every pair once, whatever a build's defaults are: 32 rows to train on
    build(store, TEACHER, max_repeats=1, keep=1.0)
    store.close()
    return path


@pytest.fixture
def built(built_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own with dataset 1."""
    store = open_store(shutil.copy(built_file, tmp_path / "stratos.db"))
    yield store
    store.close()


@pytest.fixture(scope="session")
def rows(built_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[datasets.DatasetRow]:
    """The training rows of dataset 1."""
    store = open_store(shutil.copy(built_file, tmp_path_factory.mktemp("rows") / "stratos.db"))
    found = list(datasets.rows(store, 1, "train"))
    store.close()
    return found


@pytest.fixture(scope="session")
def undisturbed(built_file: Path, tmp_path_factory: pytest.TempPathFactory, tiny: dict[str, object]) -> Undisturbed:
    """A run of dataset 1 by the tiny settings that nobody disturbed; a second starter came while it was under way."""
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training import launch

    path = Path(shutil.copy(built_file, tmp_path_factory.mktemp("undisturbed") / "stratos.db"))
    store = open_store(path)
    run_id = launch.start(store, 1, "nano", tiny)
    attached = launch.start(store, 1, "nano", tiny)
    run = launch.wait(store, run_id, silent)
    found = Undisturbed(path, run, attached, runs.points(store, run_id, "train"), runs.points(store, run_id, "eval"))
    store.close()
    return found


@pytest.fixture(scope="session")
def base_file(rows: list[datasets.DatasetRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small untrained base with a tokenizer of its own; to copy, never to change."""
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training.nano import build_model, build_tokenizer
    from stratos_tui.training.recipes import NanoShape

    folder = tmp_path_factory.mktemp("bases") / "base"
    tokenizer = build_tokenizer((row.prompt + row.completion for row in rows), 1200)
    tokenizer.save_pretrained(str(folder))
    shape = NanoShape(vocabulary=1200, hidden=16, layers=1, heads=1, key_value_heads=1, head_dim=8, feed_forward=16)
    build_model(tokenizer, shape, seed=0).save_pretrained(str(folder))
    return folder


@pytest.fixture
def train_here(built: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Train dataset 1 in this process, as one does by hand, and return how the run ended."""
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training import launch, train_lora

    def do(settings: dict[str, object], base: str = "nano") -> Run:
        run_id = launch.create(built, 1, base, settings)
        monkeypatch.setattr(sys, "argv", ["train_lora", "--db", str(built.path), "--run", str(run_id)])
        with suppress(SystemExit):
            train_lora.main()
        run = runs.get(built, run_id)
        assert run is not None
        return run

    return do


HOLD = """
import os, time
from stratos_tui.store import runs

begin = runs.begin

def held(*what, **more):
    while not os.path.exists(os.environ["HOLD_UNTIL"]):
        time.sleep(0.05)
    begin(*what, **more)

runs.begin = held
"""


@pytest.fixture
def let_it_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Have training processes wait before they begin until this is called."""
    hook, go = tmp_path / "hold", tmp_path / "go"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOLD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.setenv("HOLD_UNTIL", str(go))
    return go.touch


@pytest.fixture(scope="session")
def weights() -> Callable[[Path], dict[str, Any]]:
    """Read a run's weights by name."""

    def read(folder: Path) -> dict[str, Any]:
        from safetensors.torch import load_file

        [file] = folder.glob("*.safetensors")
        return dict(load_file(file))

    return read
