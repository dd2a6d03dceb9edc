"""``python -m stratos_tui.teachers.rehearsal FOLDER SETTINGS PARENT``: serves until told to stop or orphaned.

Prints its address as one line when it can be asked, and writes it to ``server.json`` for others to find.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from stratos_tui.teachers.rehearsal.process import PORT_FILE, write_address
from stratos_tui.teachers.rehearsal.server import RehearsalServer
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

ORPHAN_SECONDS = 0.25
"""How often the server looks whether the process that started it is still there."""


def main() -> None:
    """Serve."""
    folder, settings, parent = Path(sys.argv[1]), RehearsalSettings.parse(sys.argv[2]), int(sys.argv[3])
    server = RehearsalServer(folder, settings)
    threading.Thread(target=_end_when_orphaned, args=(parent,), daemon=True).start()
    write_address(folder / PORT_FILE, server.base_url)
    print(json.dumps({"base_url": server.base_url}), flush=True)
    server.serve_forever(poll_interval=0.1)


def _end_when_orphaned(parent: int) -> None:
    # a parent's death gives the process another parent; a pipe would stay open in whatever else inherited it
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os._exit(0)


main()
