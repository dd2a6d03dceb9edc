"""Starts the rehearsal server as a process of its own, finds one that runs already, restarts one that died."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from stratos_tui.errors import StratosError
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

PORT_FILE = "server.json"
START_SECONDS = 20.0
"""How long a server may take to start on a busy machine."""
HEALTH_SECONDS = 2.0


def folder_of(store_path: Path) -> Path:
    """Return where a store's rehearsal keeps its batches and its address."""
    return Path(f"{store_path}.models") / "rehearsal"


class Rehearsal:
    """The rehearsal server of one folder: one that this process started, or one that it found. Use it with ``with``.

    A server that this process started ends with it, at the latest when it notices that it was orphaned.
    """

    def __init__(self, folder: Path, settings: RehearsalSettings) -> None:
        self.folder = folder
        self.settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._base_url = ""

    def __enter__(self) -> Rehearsal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def base_url(self) -> str:
        """Return the address of a running server, finding or starting one where needed.

        Raises:
            StratosError: the server does not start.
        """
        if not self._base_url:
            self._base_url = self._found() or self._start()
        return self._base_url

    def revive(self) -> None:
        """Make sure that a server runs, after a call has failed; its address may be another one then."""
        if not self._answers(self._base_url):
            self._base_url = ""
            self.base_url()

    def close(self) -> None:
        """Stop the server if this process started it."""
        self._base_url = ""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def _found(self) -> str:
        try:
            address = str(json.loads((self.folder / PORT_FILE).read_text("utf-8"))["base_url"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return address if address.startswith("http://127.0.0.1:") and self._answers(address) else ""

    def _answers(self, base_url: str) -> bool:
        # a proxy from the environment must not stand between us and our own machine
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{base_url}/health", timeout=HEALTH_SECONDS) as response:
                health = json.load(response)
        except (OSError, ValueError, urllib.error.URLError):
            return False
        own = {"folder": str(self.folder.resolve()), "settings": self.settings.dump()}
        return isinstance(health, dict) and own.items() <= health.items()

    def _start(self) -> str:
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "server.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stratos_tui.teachers.rehearsal"),
                    *(str(self.folder), self.settings.dump(), str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # the interrupt key of a terminal goes to us, and we end the server
                start_new_session=True,
            )
        self._process = process
        # readline has no time limit of its own: a server that hangs while it starts is ended, which ends the line
        limit = threading.Timer(START_SECONDS, process.kill)
        limit.start()
        assert process.stdout is not None
        line = process.stdout.readline()
        limit.cancel()
        try:
            return str(json.loads(line)["base_url"])
        except (ValueError, KeyError):
            self.close()
            said = log.read_text("utf-8", "replace").strip().split("\n")[-1]
            raise StratosError(f"the rehearsal server does not start: {said or 'it says nothing'} ({log})") from None


def write_address(path: Path, base_url: str) -> None:
    """Write where a server listens, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps({"base_url": base_url, "pid": os.getpid()}), "utf-8")
    part.replace(path)
