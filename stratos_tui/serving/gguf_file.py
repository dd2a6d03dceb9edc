"""Reads the head of a GGUF file: its metadata and its tensors, enough to tell a whole file from a broken one.

The format: little-endian; ``GGUF``, version, tensor count, key count; typed key-values; tensor entries; then the data,
aligned (ggml's documentation of GGUF, version 3).
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from stratos_tui.errors import StratosError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
MOST_ITEMS = 10_000_000
"""More keys, tensors or array items than this are a broken file, not a model."""
TYPE_SIZES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    8: ("Q8_0", 32, 34),
    30: ("BF16", 1, 2),
}
"""Tensor types that a Q8_0 conversion writes: name, weights a block, bytes a block."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Gguf:
    """The head of a file. ``tensors`` counts them by type."""

    version: int
    metadata: dict[str, Any]
    tensors: dict[str, int]
    parameters: int
    size: int


def read(path: Path) -> Gguf:
    """Read a file's head and check that the data which it promises is all there.

    Raises:
        StratosError: it is no GGUF file, is cut short, or holds tensors of a type that Q8_0 files do not have.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            return _head(file, size)
    except (EOFError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise StratosError(f"{path}: is no whole GGUF file ({error})") from error


def _head(file: BinaryIO, size: int) -> Gguf:
    if _bytes(file, 4) != MAGIC:
        raise ValueError("it does not begin with GGUF")
    version, tensors, keys = struct.unpack("<IQQ", _bytes(file, 20))
    if version not in VERSIONS:
        raise ValueError(f"its version is {version}")
    if max(tensors, keys) > MOST_ITEMS:
        raise ValueError("its counts are absurd")
    metadata = {}
    for _ in range(keys):
        name = _string(file)
        metadata[name] = _value(file, _number(file, "I"))
    counted: dict[str, int] = {}
    parameters = end = 0
    for _ in range(tensors):
        name = _string(file)
        shape = [_number(file, "Q") for _ in range(_number(file, "I"))]
        kind, offset = _number(file, "I"), _number(file, "Q")
        if kind not in TYPE_SIZES:
            raise ValueError(f"tensor {name} is of type {kind}")
        label, weights, block = TYPE_SIZES[kind]
        count = math.prod(shape)
        counted[label] = counted.get(label, 0) + 1
        parameters += count
        end = max(end, offset + -(-count // weights) * block)
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    start = -(-file.tell() // alignment) * alignment
    if start + end > size:
        raise ValueError(f"it has {size:,} of {start + end:,} bytes")
    return Gguf(version, metadata, counted, parameters, size)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, count = _number(file, "I"), _number(file, "Q")
        if count > MOST_ITEMS:
            raise ValueError("an array is absurdly long")
        return [_value(file, inner) for _ in range(count)]
    if kind not in _SCALARS:
        raise ValueError(f"a value has the unknown type {kind}")
    return _number(file, _SCALARS[kind])


def _number(file: BinaryIO, code: str) -> Any:
    [value] = struct.unpack(f"<{code}", _bytes(file, struct.calcsize(f"<{code}")))
    return value


def _string(file: BinaryIO) -> str:
    length = _number(file, "Q")
    if length > MOST_ITEMS:
        raise ValueError("a string is absurdly long")
    return _bytes(file, length).decode()


def _bytes(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) != count:
        raise EOFError("it ends in its head")
    return found
