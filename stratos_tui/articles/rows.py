"""Reads rows out of JSONL and CSV files from outside, one at a time, whatever is in them."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from stratos_tui.errors import StratosError
from stratos_tui.text import one_line

MAX_LINE_BYTES = 10_000_000
"""A longer line is refused unread: no article is 10 MB, and a file need not fit into memory."""
HEAD_BYTES = 65_536
"""How much of a file is looked at to tell text from binary."""
MAX_UNDECODABLE = 0.1
"""A head with a larger share of undecodable characters is no text; a few bad lines are refused one by one instead."""

CSV_SUFFIXES = (".csv", ".tsv")
_DELIMITERS = ",;\t"
_TOO_LONG = "\udc00"  # stands for a line left unread; surrogateescape makes only U+DC80 to U+DCFF


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its first line's number, from 1, and its values, or (None) the reason it cannot be read.

    ``offset`` is how many bytes of the file are read.
    """

    line: int
    values: dict[str, Any] | None
    fault: str
    offset: int


def check(path: Path) -> int:
    """Return the size of a text file in bytes.

    Raises:
        StratosError: it is missing, not a file, cannot be read, or is binary.
    """
    name = one_line(str(path))
    try:
        if not path.exists():
            raise StratosError(f"{name}: there is no such file")
        if not path.is_file():
            raise StratosError(f"{name}: is not a file")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise StratosError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise StratosError(f"{name}: is UTF-16 text; save it as UTF-8")
    text = head.decode("utf-8", errors="replace")
    if b"\0" in head or text.count("\ufffd") > len(text) * MAX_UNDECODABLE:
        raise StratosError(f"{name}: is a binary file, or not in UTF-8; JSONL or CSV text in UTF-8 is wanted")
    return size


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file: CSV by its suffix (``.csv``, ``.tsv``), JSONL otherwise. Blank lines are no rows.

    Raises:
        StratosError: a CSV file's header has no column ``title``, or the file cannot be read.
    """
    name = one_line(str(path))
    try:
        with path.open("rb") as file:
            yield from _csv(file, name) if path.suffix.lower() in CSV_SUFFIXES else _jsonl(file)
    except OSError as error:
        raise StratosError(f"{name}: cannot be read further ({error.strerror}); what was read is kept") from error


def _jsonl(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(_lines(file), 1):
        text = line.removeprefix("\ufeff") if number == 1 else line
        if not text.strip():
            continue
        values: dict[str, Any] | None = None
        fault = _unreadable(text)
        if not fault:
            try:
                parsed = json.loads(text)
            except RecursionError:
                fault = "not JSON: nested too deeply"
            except ValueError as error:
                fault = f"not JSON: {one_line(str(error))[:120]}"
            else:
                values, fault = (parsed, "") if isinstance(parsed, dict) else (None, "not a JSON object")
        yield Row(number, values, fault, file.tell())


def _csv(file: BinaryIO, name: str) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    # a lone carriage return inside a line is an error to the csv module, and white space to everyone else
    lines = (line.replace("\r", " ") for line in _lines(file))
    header = next(lines, "").removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=header.count)
    names = [cell.strip().casefold() for cell in next(csv.reader([header], delimiter=delimiter), [])]
    if header and "title" not in names:
        raise StratosError(f"{name}: its first line names no column title; it must name the columns")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, None, f"not CSV: {error}", file.tell())
            continue
        if not any(cells):
            continue
        fault = next((found for cell in cells if (found := _unreadable(cell))), "")
        if not fault and any(cells[len(names) :]):
            fault = f"{len(cells)} cells, but the first line names {len(names)} columns"
        values = None if fault else dict(reversed([*zip(names, cells, strict=False)]))
        yield Row(line, values, fault, file.tell())


def _unreadable(text: str) -> str:
    if _TOO_LONG in text:
        return f"longer than {MAX_LINE_BYTES // 1_000_000} MB"
    if any("\udc80" <= character <= "\udcff" for character in text):
        return "not UTF-8 text"
    return "holds NUL bytes" if "\0" in text else ""


def _lines(file: BinaryIO) -> Iterator[str]:
    """Yield lines; bytes that are not UTF-8 become surrogates, and a line that is too long becomes a mark."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES:
            yield line.decode("utf-8", errors="surrogateescape")
            continue
        quotes = line.count(b'"')
        while not line.endswith(b"\n") and (line := file.readline(MAX_LINE_BYTES)):
            quotes += line.count(b'"')
        # an odd number of quotes opens or closes a CSV field: the mark does the same, so that the rows after it hold
        yield f'"{_TOO_LONG}\n' if quotes % 2 else f"{_TOO_LONG}\n"
