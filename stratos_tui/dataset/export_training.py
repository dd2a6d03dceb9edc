"""Writes a build as JSONL that other trainers read: chat messages, or prompt and completion; traces are kept.

The third form, a Hugging Face dataset directory, is :mod:`stratos_tui.dataset.export_hf`'s.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.db import Store

Format = Literal["messages", "prompt-completion"]
FORMATS: tuple[Format, ...] = get_args(Format)

_SYSTEM = "<|im_start|>system\n"
_USER = "<|im_end|>\n<|im_start|>user\n"
_ASSISTANT = "<|im_end|>\n<|im_start|>assistant\n"


def export(store: Store, dataset_id: int, path: Path, form: Format, split: Split = "train") -> int:
    """Write one split of a build, a row a line in its order, whole or not at all; return how many rows.

    Where the build has weights, every line has its row's as ``weight``.

    Raises:
        StratosError: there is no such build, or the file cannot be written.
    """
    build = datasets.get(store, dataset_id)
    if build is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    weighted = "weights" in build.summary
    draft = path.parent / f".{path.name}.{os.getpid()}.part"
    written = 0
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            for row in datasets.rows(store, dataset_id, split):
                line: dict[str, Any] = (
                    {"messages": messages_of(row.prompt, row.completion)}
                    if form == "messages"
                    else {"prompt": row.prompt, "completion": row.completion}
                )
                if weighted:
                    line["weight"] = row.weight
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                written += 1
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StratosError(f"{path}: cannot be written ({error.strerror}); nothing was changed there") from error
    finally:
        # it is gone where all went well; where its folder is none, the reason was given above
        with suppress(OSError):
            draft.unlink()
    return written


def messages_of(prompt: str, completion: str) -> list[dict[str, Any]]:
    """Return the chat turns that a rendered prompt and completion stand for; Qwen3's template renders them back."""
    system, _, rest = prompt.removeprefix(_SYSTEM).partition(_USER)
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": rest.removesuffix(_ASSISTANT)},
        {"role": "assistant", "content": completion},
    ]
