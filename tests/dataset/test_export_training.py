from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.articles.importing import import_files
from stratos_tui.dataset.build import build
from stratos_tui.dataset.export_hf import COLUMNS, export_hf
from stratos_tui.dataset.export_training import FORMATS, Format, export
from stratos_tui.errors import StratosError
from stratos_tui.prism.prompts import chatml
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.records import Split
from stratos_tui.store import articles, datasets, labels
from stratos_tui.store.db import Store, open_store

if TYPE_CHECKING:
    from tests.dataset.conftest import Accept


@pytest.fixture
def built(seeded: Store, accept: Accept, hold_out: Callable[[Store, int, int], tuple[list[str], list[str]]]) -> int:
    train, held_out = hold_out(seeded, 4, 2)
    readers = ("kuwait_cpeg", "texas_nurse")
    accept(
        seeded,
        [(article, reader, 7 + 30 * at) for at, reader in enumerate(readers) for article in (*train, *held_out)],
    )
    return build(seeded, "rubric")


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("split", ["train", "eval"])
def test_an_export_reads_back_as_the_build(
    seeded: Store, built: int, tmp_path: Path, form: Format, split: Split
) -> None:
    out = tmp_path / "out.jsonl"
    rows = list(datasets.rows(seeded, built, split))
    assert export(seeded, built, out, form, split) == len(rows) > 0
    found = read(out)
    if form == "messages":
        assert [[turn["role"] for turn in each["messages"]] for each in found] == [
            ["system", "user", "assistant"] for _ in rows
        ]
        turns = [[turn["content"] for turn in each["messages"]] for each in found]
        assert [(chatml(system, user), said) for system, user, said in turns] == [
            (row.prompt, row.completion) for row in rows
        ]
    else:
        assert found == [{"prompt": row.prompt, "completion": row.completion} for row in rows]
    # the trace is kept: version 18 was trained on answers alone
    assert all("<think>\\n" in line and "</think>\\n\\nSCORE: " in line for line in out.read_text("utf-8").splitlines())


def test_an_export_replaces_a_file_whole_and_leaves_nothing_beside_it(
    seeded: Store, built: int, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    out = folder / "out.jsonl"
    out.write_text("what was there before, much longer than what comes\n" * 10_000)
    export(seeded, built, out, "messages", "eval")
    assert len(read(out)) == 4
    assert [each.name for each in folder.iterdir()] == ["out.jsonl"]


def test_an_export_that_is_interrupted_leaves_the_file_that_was_there(
    seeded: Store, built: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "exports" / "out.jsonl"
    out.parent.mkdir()
    out.write_text("before\n")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StratosError, match=r"out\.jsonl: cannot be written \(No space left on device\)"):
        export(seeded, built, out, "prompt-completion")
    assert out.read_text() == "before\n"
    assert [each.name for each in out.parent.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("where", ["missing/out.jsonl", "file/out.jsonl", "folder", ".", "locked/out.jsonl"])
def test_a_path_that_cannot_be_written_is_one_clear_error(
    seeded: Store, built: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()
    (tmp_path / "locked").mkdir(mode=0o500)
    if where.startswith("locked") and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("this user may write everywhere")
    before = sorted(each.name for each in tmp_path.iterdir())
    with pytest.raises(StratosError) as refused:
        export(seeded, built, Path(where), "messages")
    assert str(refused.value).startswith(f"{where}: cannot be written")
    assert "\n" not in str(refused.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == before


def test_a_build_that_is_not_there_is_named(seeded: Store, tmp_path: Path) -> None:
    with pytest.raises(StratosError, match="there is no dataset 7"):
        export(seeded, 7, tmp_path / "out.jsonl", "messages")
    assert not (tmp_path / "out.jsonl").exists()


def test_what_was_exported_is_imported_as_the_same_pairs(seeded: Store, built: int, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    export(seeded, built, out, "messages")
    fresh = open_store(tmp_path / "fresh.db")
    load_shipped(fresh)
    result = import_files(fresh, [out])
    assert not result.rejected
    rows = {(row.article_id, row.profile_id): row for row in datasets.rows(seeded, built, "train")}
    known = {article.id: article for article in articles.load(seeded)}
    found = labels.load(fresh, "imported")
    titles = {article.id: article.title for article in articles.load(fresh)}
    assert {(titles[each.article_id], each.profile_id, each.tenths) for each in found} == {
        (known[article].title, profile, row.tenths) for (article, profile), row in rows.items()
    }
    assert {each.grammar for each in found} == {"prism"}
    fresh.close()


@pytest.fixture
def weighted(seeded: Store, built: int, accept: Accept) -> int:
    row = datasets.row(seeded, built, "train", 0)
    assert row is not None
    accept(seeded, [(row.article_id, "munich_mecheng", 95)])
    return build(seeded, "rubric", strategy="weights")


def test_a_weighted_build_keeps_its_weights_in_every_line(seeded: Store, weighted: int, tmp_path: Path) -> None:
    for form in FORMATS:
        export(seeded, weighted, tmp_path / "out.jsonl", form)
        found = [line["weight"] for line in read(tmp_path / "out.jsonl")]
        assert found == [row.weight for row in datasets.rows(seeded, weighted, "train")]
        assert set(found) != {1.0}


def test_a_hugging_face_directory_opens_as_the_build(seeded: Store, weighted: int, tmp_path: Path) -> None:
    opened = pytest.importorskip("datasets", reason="the training stack is not installed")
    assert export_hf(seeded, weighted, tmp_path / "out") == {"train": 9, "eval": 4}
    found = opened.load_from_disk(str(tmp_path / "out"))
    assert list(found) == ["train", "eval"]
    splits: tuple[Split, ...] = ("train", "eval")
    for split in splits:
        rows = list(datasets.rows(seeded, weighted, split))
        assert list(found[split]) == [{name: getattr(row, name) for name in COLUMNS} for row in rows]
        assert str(found[split].split) == split
    assert set(found["train"]["weight"]) != {1.0}
    # it is an ordinary dataset from there on
    assert found["train"].filter(lambda row: row["tenths"] > 20, load_from_cache_file=False).num_rows == 5
    assert sorted(each.name for each in tmp_path.iterdir() if "out" in each.name) == ["out"]


def test_a_hugging_face_directory_overwrites_nothing_and_is_written_whole(
    seeded: Store, built: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="the training stack is not installed")
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(StratosError, match="exists already"):
        export_hf(seeded, built, taken)
    assert not list(taken.iterdir())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StratosError, match=r"new: cannot be written \(No space left on device\)"):
            export_hf(seeded, built, tmp_path / "new")
    with pytest.raises(StratosError, match="cannot be written"):
        export_hf(seeded, built, tmp_path / "missing" / "new")
    with pytest.raises(StratosError, match="there is no dataset 7"):
        export_hf(seeded, 7, tmp_path / "new")
    assert not [each.name for each in tmp_path.iterdir() if "new" in each.name]
