"""Text that waits on disk until its row is written, so that a build's memory does not grow with its text."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path

from stratos_tui.errors import StratosError


class Spool:
    """Texts by their place, in a nameless file in ``folder`` that goes with the process, however that ends.

    Write first, then read: what is put after the first :meth:`read` is not seen.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError as error:
            raise StratosError(f"{folder}: cannot be written ({error.strerror}); check its permissions") from error
        self._starts = array("q", [0])
        self._reading = False

    def put(self, texts: Sequence[bytes]) -> range:
        """Keep texts and return their places.

        Raises:
            StratosError: the disk is full.
        """
        first = len(self._starts) - 1
        with _explained():
            self._file.write(b"".join(texts))
        self._starts.extend(list(accumulate(map(len, texts), initial=self._starts[-1]))[1:])
        return range(first, first + len(texts))

    def read(self, places: Sequence[int]) -> list[str]:
        """Return the texts at rising places, with everything between them read at once.

        Raises:
            StratosError: the disk is full, or gave back less than was written.
        """
        if not places:
            return []
        if not self._reading:
            with _explained():
                self._file.flush()
            self._reading = True
        starts, begin = self._starts, self._starts[places[0]]
        size = starts[places[-1] + 1] - begin
        with _explained():
            whole = os.pread(self._file.fileno(), size, begin)
        if len(whole) != size:
            raise StratosError(f"a build's text came back short ({len(whole):,} of {size:,} bytes); nothing was stored")
        return [whole[starts[at] - begin : starts[at + 1] - begin].decode() for at in places]

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
