"""A process that only judges stored answers: it is told requests, reads their answers, and says the verdicts.

Started as ``python -m stratos_tui.distill.clerk STORE LIMITS`` and spoken to by :class:`Clerk`, in Python's own
``marshal`` form: both ends are the same program. It writes nothing to the store, and ends when the process that started
it does, however that ends.
"""

from __future__ import annotations

import gc
import json
import marshal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from stratos_tui.distill.judge import judge
from stratos_tui.distill.rulebook import Limits
from stratos_tui.distill.switches import rules_of, with_limits
from stratos_tui.store import answers
from stratos_tui.store.answers import Judgement
from stratos_tui.store.db import Store, open_store

_LENGTH = 8
_FIELDS = attrgetter(*Judgement.__dataclass_fields__)


def judge_stored(store: Store, request_ids: Sequence[int], limits: Limits) -> list[Judgement]:
    """Judge the stored answers of these requests by the workspace's rules as they are now; in order of request."""
    rules = rules_of(store, limits)
    return [judge(each, rules) for each in answers.to_judge(store, request_ids)]


class Clerk:
    """The other process, from this side."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(path), json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # an interrupt at the terminal is for the process that stores
            start_new_session=True,
        )

    def judge(self, request_ids: Sequence[int]) -> list[Judgement]:
        """Have the stored answers of these requests judged, and wait for the verdicts.

        Raises:
            OSError, ValueError, EOFError: the process is gone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _say(self._process.stdin, list(request_ids))
        return [Judgement(*row) for row in _hear(self._process.stdout)]

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _say(pipe: IO[bytes], what: Any) -> None:
    # whole, behind its length: marshal's own reading from a file asks for a few bytes at a time
    said = marshal.dumps(what)
    pipe.write(len(said).to_bytes(_LENGTH) + said)
    pipe.flush()


def _hear(pipe: IO[bytes]) -> Any:
    head = pipe.read(_LENGTH)
    said = pipe.read(int.from_bytes(head)) if len(head) == _LENGTH else b""
    return marshal.loads(said)


def main(path: str, limits: str) -> None:
    """Answer until nobody asks any more."""
    # nothing here makes cycles, and looking for them costs a tenth of the time
    gc.disable()
    store = open_store(path, create=False)
    base = with_limits(Limits(), json.loads(limits))
    with suppress(EOFError):
        while True:
            verdicts = judge_stored(store, _hear(sys.stdin.buffer), base)
            _say(sys.stdout.buffer, [_FIELDS(each) for each in verdicts])


if __name__ == "__main__":
    main(*sys.argv[1:])
