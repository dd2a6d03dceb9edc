"""Where what is published of a run goes, and how that is written: whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Run

SPARE = 1.05
"""How much more than what is to be written must be free on the disk."""


def serving_folder(store: Store, run: Run) -> Path:
    """Return the folder of what is published of a run: merged weights, GGUF, Modelfile, the converter's log."""
    folder = runs.folder_of(store, run.id) / "serving"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StratosError(f"{folder}: cannot be made ({error.strerror}); check its permissions") from error
    return folder


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, so that two commands do not publish the same run at the same time.

    Raises:
        StratosError: another process holds it.
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StratosError(f"{folder}: another process is publishing this run; wait until it is done") from error
        yield
    finally:
        os.close(handle)


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Give a draft's path to write a file or a folder at; it becomes ``target`` when the block ends without an error.

    What an earlier, killed attempt left is taken away first, and the draft goes when the block fails.
    """
    draft = target.with_name(f"{target.name}.part")
    remove(draft)
    try:
        yield draft
        remove(target)
        draft.rename(target)
    except BaseException:
        remove(draft)
        raise


def remove(path: Path) -> None:
    """Take a file or a folder away, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def need_space(folder: Path, size: float, what: str) -> None:
    """Check the disk before ``size`` bytes are written.

    Raises:
        StratosError: there is too little room.
    """
    free = shutil.disk_usage(folder).free
    if free < size * SPARE:
        raise StratosError(
            f"{folder}: {what} takes {size * SPARE / 1e9:.1f} GB and {free / 1e9:.1f} GB are free;"
            " free space and repeat"
        )
