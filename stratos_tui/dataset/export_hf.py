"""Writes a build as a directory that ``datasets.load_from_disk`` opens: both splits, with ids and weights as columns.

The layout is that of ``DatasetDict.save_to_disk`` (datasets 5.2): a folder a split with one Arrow stream, its features
and its state. Only ``pyarrow`` is needed to write it, and rows go through a batch at a time.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from stratos_tui.dataset.lengths import SPLITS
from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.db import Store

COLUMNS: dict[str, str] = {
    "prompt": "string",
    "completion": "string",
    "weight": "float64",
    "article_id": "string",
    "profile_id": "string",
    "tenths": "int16",
    "position": "int32",
    "repeat": "int16",
    "wording": "int16",
    "request_id": "int64",
}
"""The columns and their Arrow types; ``tenths`` is the score in tenths of a point."""
_DATA = "data-00000-of-00001.arrow"
_BATCH = 2_000


def export_hf(store: Store, dataset_id: int, folder: Path) -> dict[Split, int]:
    """Write both splits of a build into a new folder, whole or not at all; return how many rows each has.

    Raises:
        StratosError: there is no such build, ``pyarrow`` is not installed, or the folder exists or cannot be made.
    """
    build = datasets.get(store, dataset_id)
    if build is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    if folder.exists():
        raise StratosError(f"{folder}: exists already; name a folder that does not, nothing was changed there")
    draft = folder.parent / f".{folder.name}.{os.getpid()}.part"
    try:
        draft.mkdir()
        try:
            written = {split: _write_split(store, build, split, draft / split) for split in SPLITS}
            _write_json(draft / "dataset_dict.json", {"splits": list(SPLITS)})
            draft.rename(folder)
        finally:
            # it is gone where all went well
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise StratosError(f"{folder}: cannot be written ({error.strerror}); nothing was changed there") from error
    return written


def _write_split(store: Store, build: Dataset, split: Split, folder: Path) -> int:
    try:
        import pyarrow as pa
    except ImportError:
        raise StratosError(
            "a Hugging Face directory needs pyarrow: pip install 'stratos-tui[train]', or export messages"
        ) from None
    folder.mkdir()
    features = {name: {"dtype": kind, "_type": "Value"} for name, kind in COLUMNS.items()}
    schema = pa.schema(
        [pa.field(name, getattr(pa, kind)()) for name, kind in COLUMNS.items()],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    written = 0
    with (folder / _DATA).open("wb") as file:
        with pa.ipc.new_stream(file, schema) as stream:
            for batch in _batches(datasets.rows(store, build.id, split)):
                columns = [[getattr(row, name) for row in batch] for name in COLUMNS]
                arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
                stream.write_batch(pa.record_batch(arrays, schema=schema))
                written += len(batch)
        file.flush()
        os.fsync(file.fileno())
    about = f"stratos build {build.id} by {build.teacher}, digest {build.digest}, order {build.order_digest}"
    _write_json(
        folder / "dataset_info.json", {"citation": "", "description": about, "features": features, "license": ""}
    )
    _write_json(
        folder / "state.json",
        {
            "_data_files": [{"filename": _DATA}],
            "_fingerprint": build.digest[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": split,
        },
    )
    return written


def _batches(rows: Iterator[DatasetRow]) -> Iterator[list[DatasetRow]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
