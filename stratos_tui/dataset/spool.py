"""Text that waits on disk until its row is written, so that a build's memory does not grow with its text."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stratos_tui.errors import StratosError


class Spool:
    """Texts by their place, in a nameless file in ``folder`` that goes with the process, however that ends.

    Write first, then read: what is put after the first :meth:`get` is not seen.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError as error:
            raise StratosError(f"{folder}: cannot be written ({error.strerror}); check its permissions") from error
        self._starts = array("q", [0])
        self._reading = False

    def put(self, text: bytes) -> int:
        """Keep a text and return its place.

        Raises:
            StratosError: the disk is full.
        """
        with _explained():
            self._file.write(text)
        self._starts.append(self._starts[-1] + len(text))
        return len(self._starts) - 2

    def get(self, place: int) -> str:
        """Return the text at a place.

        Raises:
            StratosError: the disk is full.
        """
        if not self._reading:
            with _explained():
                self._file.flush()
            self._reading = True
        start = self._starts[place]
        return os.pread(self._file.fileno(), self._starts[place + 1] - start, start).decode()

    def close(self) -> None:
        """Let go of the file."""
        # what could not be written is not wanted any more
        with suppress(OSError):
            self._file.close()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StratosError(f"a build's text cannot be kept ({error.strerror}); nothing was stored") from error
