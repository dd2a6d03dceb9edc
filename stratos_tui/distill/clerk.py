"""A process that only judges stored answers: it is told requests, reads their answers, and says the verdicts.

Started as ``python -m stratos_tui.distill.clerk STORE LIMITS`` and spoken to by :class:`Clerk`, a line of JSON each
way. It writes nothing to the store, and ends when the process that started it does, however that ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import Any

from stratos_tui.distill.judge import judge
from stratos_tui.distill.rulebook import Limits
from stratos_tui.distill.switches import rules_of, with_limits
from stratos_tui.store import answers
from stratos_tui.store.answers import Judgement
from stratos_tui.store.db import Store, open_store

_FIELDS = attrgetter(*Judgement.__dataclass_fields__)
_SPAN = tuple(Judgement.__dataclass_fields__).index("span")


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
            OSError, ValueError: the process is gone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(list(request_ids)).encode() + b"\n")
        self._process.stdin.flush()
        return [_verdict(row) for row in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def _verdict(row: list[Any]) -> Judgement:
    row[_SPAN] = tuple(row[_SPAN])
    return Judgement(*row)


def main(path: str, limits: str) -> None:
    """Answer until nobody asks any more."""
    store = open_store(path, create=False)
    base = with_limits(Limits(), json.loads(limits))
    for line in sys.stdin.buffer:
        verdicts = judge_stored(store, json.loads(line), base)
        sys.stdout.buffer.write(json.dumps([_FIELDS(each) for each in verdicts]).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
