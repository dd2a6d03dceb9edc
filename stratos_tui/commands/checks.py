"""What ``stratos doctor`` looks at: what is installed, reachable and configured, and what each part is for."""

from __future__ import annotations

import http.client
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
from stratos_tui.store.distill import teachers
from stratos_tui.teachers.catalog import address_of
from stratos_tui.teachers.keys import ANTHROPIC, OPENAI, find_key
from stratos_tui.teachers.ollama_live import ollama_url
from stratos_tui.teachers.prices import LIBRARY, prices_date

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
    """Look at everything once; loads no model. Servers are asked whether they are there, without a key."""
    return [
        Check("python", True, platform.python_version(), "everything", True),
        _store(store_path),
        _disk(store_path),
        *(
            _package(name, "the app and the commands", needed=True)
            for name in ("textual", "anthropic", "openai", "scipy")
        ),
        *(
            _package(name, "training and the local student: pip install 'stratos-tui[train]'", needed=True)
            for name in ("torch", "transformers", "trl", "peft")
        ),
        _gpu(),
        _prices(),
        _key("anthropic key", ANTHROPIC, "teachers claude:MODEL"),
        _key("openai key", OPENAI, "teachers openai:MODEL@URL that ask for one"),
        *_servers(store_path),
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


def _prices() -> Check:
    try:
        date, source = prices_date(), f"{LIBRARY} {importlib.metadata.version(LIBRARY)}"
    except importlib.metadata.PackageNotFoundError:
        return Check("prices", False, f"{LIBRARY} is not installed", "paid teachers", False)
    return Check("prices", True, f"{source} of {date}", "what paid teachers cost", False)


def _key(label: str, name: str, enables: str) -> Check:
    try:
        found = find_key(name)
    except StratosError as error:
        return Check(label, False, str(error), enables, False)
    value = f"{name} in the {found[1]}" if found else f"{name} is neither set nor in the system keyring"
    return Check(label, found is not None, value, enables, False)


def _servers(path: Path) -> list[Check]:
    """Look at the OpenAI-compatible servers that this environment or this store names."""
    urls = {os.environ.get("OPENAI_BASE_URL", "")} | set(_named_servers(path))
    enables = "teachers openai:MODEL@URL"
    if not (named := sorted(filter(None, urls))):
        return [Check("openai server", False, "none is named, by a teacher or OPENAI_BASE_URL", enables, False)]
    return [_reach("openai server", url, f"{url.rstrip('/')}/models", enables) for url in named]


def _named_servers(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        store = open_store(path, create=False)
    except StratosError:
        return []
    try:
        return [url for name in teachers(store) if (url := address_of(name))]
    finally:
        store.close()


def _ollama() -> Check:
    url = ollama_url()
    return _reach("ollama", url, f"{url.rstrip('/')}/api/version", "teachers ollama:MODEL; serving a published model")


def _reach(label: str, url: str, asked: str, enables: str) -> Check:
    shown = url.rpartition("@")[2]
    try:
        with urllib.request.urlopen(asked, timeout=REACH_SECONDS):
            pass
    except urllib.error.HTTPError:
        # it wants a key, or knows no such page: there is somebody
        pass
    except (urllib.error.URLError, OSError, ValueError, http.client.HTTPException):
        return Check(label, False, f"no answer at {shown}", enables, False)
    return Check(label, True, f"answers at {shown}", enables, False)
