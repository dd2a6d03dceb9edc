"""A process of its own that keeps a model loaded and answers requests from standard input, piece by piece.

``python -m stratos_tui.scoring.worker --db PATH`` reads requests and writes events as
:mod:`stratos_tui.scoring.protocol` has them. It writes nothing to the store, and ends when its standard input closes,
whatever it is doing.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from stratos_tui.errors import StratosError
from stratos_tui.scoring.protocol import (
    MAX_LINE_BYTES,
    Ask,
    Done,
    Event,
    Failed,
    Finished,
    Loading,
    Piece,
    read_ask,
    write_event,
)
from stratos_tui.scoring.scorer_adaptive import (
    model_of,
    pair_seed,
    produce,
    prompt_of,
    read_generation,
)
from stratos_tui.scoring.scorers import Scorer, find_scorer, sampling
from stratos_tui.store.db import Store, open_store


def answer(scorer: Scorer, ask: Ask) -> Iterator[Event]:
    """Yield the events of one request, all of its pairs streaming at once; without its ``Done``.

    Raises:
        StratosError: the model cannot be loaded, or a prompt leaves no room for an answer.
    """
    if scorer.path is None:
        for pair, task in enumerate(ask.tasks):
            scored = produce(scorer, [task])[0]
            yield Piece(pair, scored.raw)
            yield Finished(pair, scored)
        return
    from stratos_tui.inference import local

    yield Loading()
    model = model_of(scorer.path)
    prompts = [prompt_of(scorer, task) for task in ask.tasks]
    seeds = [pair_seed(scorer.seed, task) for task in ask.tasks]
    for pair, said in local.stream(model, prompts, seeds, sampling()):
        if isinstance(said, str):
            yield Piece(pair, said)
        else:
            yield Finished(pair, read_generation(ask.tasks[pair], said))


def main(arguments: list[str] | None = None) -> None:
    """Answer requests until standard input closes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--db", type=Path, required=True)
    path = parser.parse_args(arguments).db
    # libraries print: what they say must not land between our lines
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    asks: queue.SimpleQueue[Ask] = queue.SimpleQueue()
    canceled: set[int] = set()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asks.put, canceled.add), daemon=True).start()
    store = open_store(path, create=False)
    while True:
        _serve(store, asks.get(), canceled, out)


def _serve(store: Store, ask: Ask, canceled: set[int], out: BinaryIO) -> None:
    try:
        for event in answer(find_scorer(store, ask.scorer, style=ask.style, seed=ask.seed), ask):
            if ask.id in canceled:
                break
            out.write(write_event(ask.id, event))
    except StratosError as error:
        out.write(write_event(ask.id, Failed(str(error))))
    except Exception as error:  # whatever a model's library raises ends this request, not the process
        text = " ".join(str(error).split())
        out.write(write_event(ask.id, Failed(f"{ask.scorer} failed: {type(error).__name__}: {text}")))
    canceled.discard(ask.id)
    out.write(write_event(ask.id, Done()))


def _listen(source: BinaryIO, asked: Callable[[Ask], None], canceled: Callable[[int], None]) -> None:
    try:
        while line := source.readline(MAX_LINE_BYTES):
            read = read_ask(line)
            if isinstance(read, Ask):
                asked(read)
            else:
                canceled(read)
    finally:
        # at once, also while a model loads: nothing is written to the store here, so nothing is cut in half
        os._exit(0)


if __name__ == "__main__":
    main()
