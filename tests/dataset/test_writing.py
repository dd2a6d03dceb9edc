from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.dataset.spool import Spool
from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.datasets import PAGE, DatasetRow
from stratos_tui.store.db import Store, open_store
from tests import builds

ABOUT: dict[str, Any] = {
    "order_digest": "o", "teacher": "t", "params": {}, "summary": {}, "prompt_fingerprint": "p",
}  # fmt: skip
ROWS = 2 * PAGE + 10

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.dataset.test_writing import ABOUT, rows
from stratos_tui.store.db import open_store
from tests import builds

def dying():
    for each in rows():
        if each.position == {at}:
            print("dying", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        yield each

builds.add(open_store(sys.argv[1]), dying(), digest="killed", **ABOUT)
"""


def rows(split: Split = "train", count: int = ROWS) -> Iterator[DatasetRow]:
    for at in range(count):
        yield DatasetRow(
            split, at, f"article{at // 5}", f"profile{at % 5}", at + 1, 0, 1, 10, f"prompt {at}", "said", 0.5
        )


def stored(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM dataset_examples"))


def test_rows_come_back_as_they_were_written(store: Store) -> None:
    wanted = list(rows())
    made = builds.add(store, iter(wanted), digest="a", **ABOUT)
    assert list(datasets.rows(store, made, "train")) == wanted
    assert datasets.find(store, "a") == made
    assert builds.add(store, iter(()), digest="a", **ABOUT) == made
    assert datasets.find(store, "b") is None


def test_a_build_is_seen_whole_or_not_at_all_and_others_write_meanwhile(store: Store) -> None:
    first = builds.add(store, rows(count=10), digest="first", **ABOUT)

    def watched() -> Iterator[DatasetRow]:
        for each in rows():
            if each.position % PAGE == PAGE - 1:
                assert [each.id for each in datasets.load(store)] == [first]
                with store.write() as connection:
                    connection.execute("INSERT INTO settings VALUES (?, '1', '')", (f"during {each.position}",))
            yield each

    second = builds.add(store, watched(), digest="second", **ABOUT)
    assert [each.id for each in datasets.load(store)] == [second, first]
    assert datasets.count(store, second, "train") == ROWS
    assert store.value("SELECT count(*) FROM settings") == 2


def test_an_error_on_the_way_leaves_nothing(store: Store) -> None:
    def failing() -> Iterator[DatasetRow]:
        yield from rows()
        raise RuntimeError("the last row cannot be made")

    with pytest.raises(RuntimeError, match="the last row"):
        builds.add(store, failing(), digest="a", **ABOUT)
    assert (stored(store), datasets.load(store)) == (0, [])


@pytest.mark.parametrize("at", [3, PAGE + 3, ROWS - 1])
def test_a_builder_that_is_killed_leaves_no_half_build(tmp_path: Path, at: int) -> None:
    path = tmp_path / "stratos.db"
    store = open_store(path)
    kept = builds.add(store, rows(count=10), digest="kept", **ABOUT)
    done = subprocess.run(
        [sys.executable, "-c", KILLED.replace("{at}", str(at)), str(path)],
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"dying\n")
    assert [each.id for each in datasets.load(store)] == [kept]
    assert datasets.find(store, "killed") is None
    again = builds.add(store, rows(count=20), digest="again", **ABOUT)
    assert stored(store) == 30
    assert [row.position for row in datasets.rows(store, again, "train")] == list(range(20))
    store.close()


def test_two_builders_take_turns(store: Store) -> None:
    other = open_store(store.path)
    began, go = threading.Event(), threading.Event()

    def slow() -> Iterator[DatasetRow]:
        for each in rows():
            if each.position == PAGE + 1:
                began.set()
                assert go.wait(30)
            yield each

    found: list[int] = []
    one = threading.Thread(target=lambda: found.append(builds.add(store, slow(), digest="one", **ABOUT)))
    two = threading.Thread(target=lambda: found.append(builds.add(other, rows(count=7), digest="two", **ABOUT)))
    one.start()
    assert began.wait(30)
    two.start()
    two.join(0.3)
    assert two.is_alive()
    go.set()
    one.join()
    two.join()
    assert [datasets.count(store, each, "train") for each in found] == [ROWS, 7]
    assert found == [1, 2]
    other.close()


def test_a_folder_that_cannot_be_written_is_one_clear_error(store: Store) -> None:
    Path(f"{store.path}.building").mkdir()
    with pytest.raises(StratosError, match=r"stratos\.db\.building: cannot be written"):
        builds.add(store, rows(), digest="a", **ABOUT)
    assert stored(store) == 0


def test_text_waits_on_disk_and_leaves_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    texts = ["one", "", "zwei ü 三", "x" * 100_000]
    places = [*spool.put([text.encode() for text in texts[:2]]), *spool.put([text.encode() for text in texts[2:]])]
    assert [spool.read([place]) for place in reversed(places)] == [[text] for text in reversed(texts)]
    assert spool.read(places[::2]) == texts[::2]
    assert not list(tmp_path.iterdir())
    spool.close()
    with pytest.raises(StratosError, match="missing: cannot be written"):
        Spool(tmp_path / "missing")


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    limited = """
import resource, signal, sys
from pathlib import Path
from stratos_tui.dataset.spool import Spool
from stratos_tui.errors import StratosError
from tests import builds
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
spool = Spool(Path(sys.argv[1]))
try:
    spool.read(spool.put([b"x" * 5000]))
except StratosError as error:
    print(error)
spool.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", limited, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout == "a build's text cannot be kept (File too large); nothing was stored\n"
