"""What ``stratos doctor`` looks at: what is installed, reachable and configured, and what each part is for."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.store.db import open_store

FREE_BYTES = 2_000_000_000
"""A nano run with its checkpoints, and the store of some thousand pairs, fit in this (measured: under 0.3 GB)."""
REACH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``needed`` tells whether the embedded default works without it; ``enables`` what it is for."""

    name: str
    ok: bool
    value: str
    enables: str
    needed: bool


def run_checks(store_path: Path) -> list[Check]:
    """Look at everything once; takes about a second at most, loads no model, sends one question to this machine."""
    return [
        Check("python", True, platform.python_version(), "everything", True),
        _store(store_path),
        _disk(store_path),
        *(_package(name, "the app and the commands", needed=True) for name in ("textual", "anthropic", "scipy")),
        *(
            _package(name, "training and the local student: pip install 'stratos-tui[train]'", needed=True)
            for name in ("torch", "transformers", "trl", "peft")
        ),
        _gpu(),
        _key(),
        _ollama(),
    ]


def _store(path: Path) -> Check:
    if not path.exists():
        return Check("store", True, f"{path}: not there yet, made at first use", "all state", True)
    try:
        open_store(path, create=False).close()
    except StratosError as error:
        return Check("store", False, str(error), "all state", True)
    return Check("store", True, f"{path}", "all state", True)


def _disk(path: Path) -> Check:
    folder = path.resolve().parent
    if not folder.is_dir():
        return Check("disk", False, f"{folder} does not exist", "all state", True)
    free = shutil.disk_usage(folder).free
    return Check("disk", free >= FREE_BYTES, f"{free / 1e9:.1f} GB free", "checkpoints of a run", True)


def _package(name: str, enables: str, *, needed: bool) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name), enables, needed)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", enables, needed)


def _gpu() -> Check:
    tool = shutil.which("nvidia-smi") or shutil.which("rocm-smi")
    value = Path(tool).name + " found" if tool else "none found"
    return Check("gpu", bool(tool), value, "training Qwen3-8B; the nano base needs none", False)


def _key() -> Check:
    here = bool(os.environ.get("ANTHROPIC_API_KEY"))
    return Check(
        "anthropic key", here, "set" if here else "ANTHROPIC_API_KEY is not set", "teachers claude:MODEL", False
    )


def _ollama() -> Check:
    host = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
    url = host if "://" in host else f"http://{host}"
    try:
        with urllib.request.urlopen(f"{url}/api/version", timeout=REACH_SECONDS) as answer:
            return Check("ollama", answer.status == 200, f"answers at {url}", "serving a published model", False)
    except (urllib.error.URLError, OSError, ValueError):
        return Check("ollama", False, f"no answer at {url}", "serving a published model", False)
