"""Reads somebody else's predictions: JSON lines, one pair a row, without any store.

A row has ``article_id``, ``profile_id``, ``teacher_score``, ``score`` (null is a parse failure) and optionally
``kind``, ``trace`` and ``train``; other fields are ignored. Scores are 0.0 to 10.0 and are taken to the nearest
tenth; a 5.0 is kept (decisions.md, 17).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import MAX_TENTHS, to_tenths
from stratos_tui.records import Kind

MAX_LINE_BYTES = 4_000_000
"""A longer line is no prediction: the longest trace that a model may write is under a hundredth of this."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row; scores are tenths, ``tenths`` None for a parse failure. ``train``: the scorer has seen this pair."""

    article_id: str
    profile_id: str
    teacher: int
    tenths: int | None
    kind: Kind | None = None
    trace: str = ""
    train: bool = False


def read_predictions(path: Path) -> list[Prediction]:
    """Read a predictions file.

    Raises:
        StratosError: the file cannot be read, holds no held-out row, or has a bad row; names the line and the field.
    """
    rows: list[Prediction] = []
    lines: dict[tuple[str, str], int] = {}
    kinds: dict[str, tuple[Kind, int]] = {}
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                where = f"{path}: line {number}"
                if len(line) > MAX_LINE_BYTES:
                    raise StratosError(f"{where}: longer than {MAX_LINE_BYTES:,} bytes; a row is one short JSON object")
                if line.isspace():
                    continue
                row = _row(_object(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, where), where)
                key = row.article_id, row.profile_id
                if (first := lines.setdefault(key, number)) != number:
                    raise StratosError(f"{where}: article_id and profile_id repeat line {first}; a pair has one row")
                if row.kind is not None:
                    kind, said = kinds.setdefault(row.profile_id, (row.kind, number))
                    if kind != row.kind:
                        raise StratosError(f"{where}: kind: {row.kind} here, {kind} on line {said} for this profile")
                rows.append(row)
    except OSError as error:
        raise StratosError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not rows:
        raise StratosError(f"{path}: holds no rows; a prediction is one JSON object a line")
    if all(row.train for row in rows):
        raise StratosError(f"{path}: train: every row is marked train, so nothing held out is left to evaluate")
    return rows


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise StratosError(f"{where}: is not UTF-8 text (byte {error.start + 1})") from error
    except json.JSONDecodeError as error:
        raise StratosError(f"{where}: is not JSON ({error.msg}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise StratosError(f"{where}: is not usable JSON (a number too long, or nested too deep)") from error
    if not isinstance(found, dict):
        raise StratosError(f"{where}: is not a JSON object")
    return found


def _row(found: dict[str, Any], where: str) -> Prediction:
    train = found.get("train")
    if train is not None and not isinstance(train, bool):
        raise StratosError(f"{where}: train: must be true or false")
    kind = found.get("kind")
    if kind is not None and kind not in get_args(Kind):
        raise StratosError(f"{where}: kind: must be career or interest")
    trace = found.get("trace")
    if trace is not None and not isinstance(trace, str):
        raise StratosError(f"{where}: trace: must be a string")
    if "score" not in found:
        raise StratosError(f"{where}: score: is missing; write null for a score that could not be parsed")
    return Prediction(
        article_id=_name(found, "article_id", where),
        profile_id=_name(found, "profile_id", where),
        teacher=_tenths(found, "teacher_score", where),
        tenths=None if found["score"] is None else _tenths(found, "score", where),
        kind=kind,
        trace=trace or "",
        train=bool(train),
    )


def _name(found: dict[str, Any], field: str, where: str) -> str:
    value = found.get(field)
    if not isinstance(value, str) or not value.strip():
        raise StratosError(f"{where}: {field}: must be a string that is not empty")
    if not value.isprintable():
        raise StratosError(f"{where}: {field}: holds control characters")
    return value


def _tenths(found: dict[str, Any], field: str, where: str) -> int:
    value = found.get(field)
    # bool is an int to Python; NaN fails the comparison
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value * 10 <= MAX_TENTHS:
        raise StratosError(f"{where}: {field}: must be a number from 0.0 to 10.0")
    return to_tenths(value)
