"""Exports a build's examples as JSONL: ``messages`` or prompt/completion, with the trace kept (plan, phase 4)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store

Form = Literal["messages", "prompt-completion"]

_TURN = re.compile(r"<\|im_start\|>(system|user)\n(.*?)<\|im_end\|>\n", re.S)


def export(store: Store, dataset_id: int, split: Split, form: Form, out: Path) -> int:
    """Write one split as JSONL, whole or not at all, in the curriculum's order; return how many rows.

    Raises:
        StratosError: the file cannot be written; names it.
    """
    part = out.with_name(f".{out.name}.part")
    count = 0
    try:
        with part.open("w", encoding="utf-8") as file:
            for line in lines(store, dataset_id, split, form):
                file.write(line + "\n")
                count += 1
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StratosError(f"{out}: cannot be written ({error.strerror})") from error
    return count


def lines(store: Store, dataset_id: int, split: Split, form: Form) -> Iterator[str]:
    """Yield one JSON document a row."""
    for row in datasets.rows(store, dataset_id, split):
        pair = {"article_id": row.article_id, "profile_id": row.profile_id}
        body = {"prompt": row.prompt, "completion": row.completion} if form == "prompt-completion" else _messages(row)
        yield json.dumps({**body, **pair}, ensure_ascii=False)


def _messages(row: DatasetRow) -> dict[str, list[dict[str, str]]]:
    turns = [{"role": turn[1], "content": turn[2]} for turn in _TURN.finditer(row.prompt)]
    return {"messages": [*turns, {"role": "assistant", "content": row.completion}]}
