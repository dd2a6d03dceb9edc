"""Turns merged weights into one Q8_0 file that was checked: nothing half-written stays, and nothing is done twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.prism.modelfile import Q8_0_BYTES
from stratos_tui.progress import Report
from stratos_tui.serving import converter as converters
from stratos_tui.serving import folders, gguf_file
from stratos_tui.serving.merge import EOS, Merged

FILE = "student-q8_0.gguf"
REPORT = "gguf.json"
LOG = "convert.log"
METADATA_BYTES = 16_000_000
"""What a vocabulary of 152,000 tokens and its merges take in the file's head, generously."""
WEIGHTS_TOLERANCE = 0.001
"""A converter may add small tables (llama.cpp writes ``rope_freqs`` for some bases); a lost tensor is far more."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A checked file. ``sha256`` is over its bytes; ``pre_named`` says that the converter did not know the vocabulary.

    ``source`` is the run's fingerprint, ``tensors`` counts them by type, ``eos_id`` is the id of ``<|im_end|>``.
    """

    source: str
    sha256: str
    size: int
    architecture: str
    tensors: dict[str, int]
    parameters: int
    pre_tokenizer: str
    pre_named: bool
    eos_id: int
    converter: str


def to_gguf(merged_folder: Path, merged: Merged, given: str | None, report: Report) -> tuple[Path, Converted]:
    """Return the Q8_0 file of merged weights and what was read back from it; one that is there is checked and kept.

    Raises:
        StratosError: there is no converter, it failed, its file is not what was asked for, or the disk is too small.
    """
    folder = merged_folder.parent
    target, written = folder / FILE, folder / REPORT
    found = _read(written, target, merged)
    if found is not None:
        return target, found
    converter = converters.find(given)
    expected = int(merged.parameters * Q8_0_BYTES) + METADATA_BYTES
    folders.need_space(folder, expected, "the GGUF file")
    # the report names the file that it is of: a new file must never stand beside an old report
    folders.remove(written)
    with folders.whole(target) as draft:
        named = _convert(converter, merged_folder, draft, folder / LOG, expected, report)
        report(expected, expected, "converting: checking the file")
        converted = _check(draft, merged_folder, merged, converter.version, pre_named=named)
    with folders.whole(written) as draft:
        draft.write_text(json.dumps(asdict(converted), indent=1), encoding="utf-8")
    return target, converted


def _convert(
    converter: converters.Converter, folder: Path, draft: Path, log: Path, expected: int, report: Report
) -> bool:
    """Run the converter; where it does not know the vocabulary but the splitting is Qwen2's, run it with that named."""
    try:
        converters.convert(converter, folder, draft, log, expected=expected, report=report)
    except converters.ConverterFailed as error:
        if converters.UNKNOWN_PRE not in str(error) or not converters.qwen2_splitting(folder):
            raise
        folders.remove(draft)
        converters.convert(converter, folder, draft, log, expected=expected, report=report, pre="qwen2")
        return True
    return False


def _check(draft: Path, folder: Path, merged: Merged, version: str, *, pre_named: bool) -> Converted:
    """Read a converted file back and hold it to the weights that it was made from."""
    if not draft.is_file():
        raise StratosError(f"the converter wrote no file, and said: {converters.last_words(draft.parent / LOG)}")
    read = gguf_file.read(draft)
    config = _json(folder / "config.json")
    tokens: list[str] = read.metadata.get("tokenizer.ggml.tokens", [])
    eos_id = int(read.metadata.get("tokenizer.ggml.eos_token_id", -1))
    eos = tokens[eos_id] if 0 <= eos_id < len(tokens) else "none"
    architecture = str(read.metadata.get("general.architecture", "none"))
    same_size = abs(read.parameters - merged.parameters) <= merged.parameters * WEIGHTS_TOLERANCE
    wrong = [
        text
        for ok, text in (
            (architecture == config.get("model_type"), f"architecture {architecture}, not {config.get('model_type')}"),
            (read.tensors.get("Q8_0", 0) > 0, "no tensor is Q8_0"),
            (same_size, f"{read.parameters:,} weights, not {merged.parameters:,}"),
            (eos == EOS, f"it ends a turn with {eos}, not {EOS}"),
            (bool(read.metadata.get("tokenizer.ggml.pre")), "it names no pre-tokenizer"),
        )
        if not ok
    ]
    if wrong:
        raise StratosError(f"the converted file is not the run's model: {'; '.join(wrong)}; it was not kept")
    with draft.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Converted(
        source=merged.source,
        sha256=digest,
        size=read.size,
        architecture=architecture,
        tensors=read.tensors,
        parameters=read.parameters,
        pre_tokenizer=str(read.metadata["tokenizer.ggml.pre"]),
        pre_named=pre_named,
        eos_id=eos_id,
        converter=version,
    )


def _read(written: Path, target: Path, merged: Merged) -> Converted | None:
    try:
        found = Converted(**_json(written))
        size = target.stat().st_size
    except (OSError, ValueError, TypeError):
        return None
    return found if found.source == merged.source and found.size == size else None


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
