"""Reads the files of ``data/`` and the Modelfile, from a checkout or from an installed wheel."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_PACKAGED = files("stratos_tui") / "_data"
_CHECKOUT = Path(__file__).resolve().parent.parent / "data"


def data() -> Traversable:
    """Return the folder that holds what ships: ``profiles.json``, ``teacher_prompt.md``, ``articles/*.jsonl``."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def read_text(name: str) -> str:
    """Return the text of one shipped file, as UTF-8."""
    return (data() / name).read_text(encoding="utf-8")


def modelfile() -> str:
    """Return the text of the shipped Modelfile, which stands beside ``data/`` in a checkout."""
    packaged = _PACKAGED / "Modelfile"
    return (packaged if packaged.is_file() else _CHECKOUT.parent / "Modelfile").read_text(encoding="utf-8")
