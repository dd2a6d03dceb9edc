from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.store import datasets
from stratos_tui.store.db import Store
from stratos_tui.training.mask import mask
from stratos_tui.training.mask_worker import MaskReader
from tests.builds import change

GIVE_UP_SECONDS = 600
HOSTILE = "[red]x[/] \x1b[31m \u202e \u2028 \ud7ff \U0001f980 \x00"
STARTER = """
import os, sys, time
from pathlib import Path
from stratos_tui.errors import StratosError
from stratos_tui.training.mask_worker import MaskReader

reader = MaskReader(Path(sys.argv[1]), 99, "nano", {})
try:
    reader.tokens("train", 0)
except StratosError as error:
    print(error, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def reader(built: Store) -> Iterator[MaskReader]:
    found = MaskReader(built.path, 1, "nano", {})
    yield found
    found.close()


def workers(store: Store) -> list[int]:
    """The processes that read tokens of a store."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "stratos_tui.training.mask_worker" in words and str(store.path) in words:
            found.append(int(each.parent.name))
    return found


def test_one_process_tells_one_example_after_the_other(built: Store, reader: MaskReader) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    change(
        built,
        "UPDATE dataset_examples SET completion = completion || ? WHERE split = 'train' AND position = 1",
        HOSTILE,
    )
    assert reader.tokens("train", 0) == mask(built, 1, "train", 0, "nano")
    [worker] = workers(built)
    hostile = reader.tokens("train", 1)
    row = datasets.row(built, 1, "train", 1)
    assert row is not None
    assert "".join(token.text for token in hostile if token.supervised) == f"{row.completion}<|im_end|>"
    # what is not there is said, and ends nothing
    with pytest.raises(StratosError, match="no eval example 999"):
        reader.tokens("eval", 999)
    assert reader.tokens("eval", 0) == mask(built, 1, "eval", 0, "nano")
    assert workers(built) == [worker]
    # one that was killed is started again by the next question
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(StratosError, match="no eval example 998"):
        reader.tokens("eval", 998)
    [another] = workers(built)
    assert another != worker
    reader.close()
    assert workers(built) == []
    with pytest.raises(StratosError, match="was ended"):
        reader.tokens("train", 0)


def test_its_tokenizer_is_made_by_the_settings(built: Store) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    small = MaskReader(built.path, 1, "nano", {"shape.vocabulary": 600})
    try:
        assert len(small.tokens("train", 0)) > len(mask(built, 1, "train", 0, "nano"))
    finally:
        small.close()


def test_it_ends_when_whoever_started_it_is_killed(built: Store) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(built.path)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    assert "dataset 99 has no train example 0" in starter.stdout.readline()
    assert len(workers(built)) == 1
    starter.kill()
    starter.wait()
    end = time.monotonic() + GIVE_UP_SECONDS
    while workers(built):
        assert time.monotonic() < end
        time.sleep(0.02)
