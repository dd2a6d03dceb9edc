"""A process of its own that loads a base's tokenizer once and tells one example after the other, token by token.

``python -m stratos_tui.training.mask_worker STORE DATASET BASE SETTINGS`` reads a JSON object a line (``split``,
``position``) and answers each with a line: ``tokens`` as (id, text, supervised), or ``error``. It is spoken to by
:class:`MaskReader`. It writes nothing to the store, and ends when its standard input closes, however whoever started it
ends.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store.db import open_store
from stratos_tui.training import bases
from stratos_tui.training.mask import Token, known_row, tokens_of
from stratos_tui.training.recipes import recipe_for


class MaskReader:
    """The other process, from this side: started by the first question, and kept for the next ones.

    It may be asked from any thread; questions are answered one after the other. Close it when done.
    """

    def __init__(self, path: Path, dataset_id: int, base: str, settings: Mapping[str, object]) -> None:
        self._command = [sys.executable, "-m", __name__, str(path), str(dataset_id), base, json.dumps(settings)]
        self._process: subprocess.Popen[str] | None = None
        self._asking = threading.Lock()
        self._closed = False

    def tokens(self, split: Split, position: int) -> list[Token]:
        """Return one example of the build, token by token; waits until it is told.

        Raises:
            StratosError: there is no such example or base, or the process is gone.
        """
        question = json.dumps({"split": split, "position": position}) + "\n"
        with self._asking:
            # one that was killed meanwhile is started again, once
            answer = self._ask(question) or self._ask(question)
        if answer is None:
            raise StratosError("the process that reads tokens ended without an answer")
        if "error" in answer:
            raise StratosError(str(answer["error"]))
        return [Token(int(number), str(text), bool(supervised)) for number, text, supervised in answer["tokens"]]

    def close(self) -> None:
        """End the process; whoever waits for an answer gets none."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _ask(self, question: str) -> dict[str, Any] | None:
        """Return the process's answer; None where it ended without one."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(question)
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
        except (OSError, ValueError):
            process.kill()
            process.wait()
            return None
        return answer

    def _running(self) -> subprocess.Popen[str]:
        if self._closed:
            raise StratosError("the process that reads tokens was ended")
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="ascii",
                # a ctrl-c in the terminal is the interface's to answer
                start_new_session=True,
            )
            if self._closed:
                self._process.kill()
        return self._process


def main(path: str, dataset_id: int, base: str, settings: str) -> None:
    """Answer until nobody asks any more."""
    # libraries print: what they say must not land between our lines
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, asked), daemon=True).start()
    store = open_store(path, create=False)
    tokenizer: Any = None
    while True:
        question = json.loads(asked.get())
        try:
            row = known_row(store, dataset_id, question["split"], question["position"])
            if tokenizer is None:
                tokenizer = bases.load_tokenizer(store, dataset_id, base, recipe_for(base, json.loads(settings)))
            answer: dict[str, Any] = {"tokens": [astuple(token) for token in tokens_of(tokenizer, row)]}
        except StratosError as error:
            answer = {"error": str(error)}
        except Exception as error:  # whatever a tokenizer's library raises ends this answer, not the process
            answer = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()


def _listen(source: IO[str], asked: queue.SimpleQueue[str]) -> None:
    try:
        for line in source:
            asked.put(line)
    finally:
        # at once, also while a tokenizer loads: nothing is written to the store here
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
