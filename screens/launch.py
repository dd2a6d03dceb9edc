"""Starts a command as a process of its own, and says on the screen how it ended."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stratos_tui.jobs import spawn
from stratos_tui.store import jobs
from stratos_tui.store.jobs import Job

if TYPE_CHECKING:
    from textual.app import App

    from screens.frame import PhaseScreen


def launch(screen: PhaseScreen[Any], arguments: list[str], said: str, *, again: str) -> None:
    """Start ``stratos ARGUMENTS`` and say ``said``, and how it ended; ``again`` is the key that tries again.

    The command shows its progress in its job's row, and goes on when the app is left. One that ends with an error
    before it made a row would leave nobody a word: the screen says that too.
    """

    def begin() -> tuple[subprocess.Popen[bytes], int]:
        newest = jobs.latest(screen.store, 1)
        return spawn(screen.store, arguments), newest[0].id if newest else 0

    def begun(started: tuple[subprocess.Popen[bytes], int]) -> None:
        screen.say(said)
        # a daemon: leaving the app waits for no job
        threading.Thread(target=_follow, args=(screen.app, screen, arguments, *started, again), daemon=True).start()

    screen.background(begin, begun, again=again)


def _follow(
    app: App[Any],
    screen: PhaseScreen[Any],
    arguments: list[str],
    process: subprocess.Popen[bytes],
    before: int,
    again: str,
) -> None:
    code = process.wait()
    if not app.is_running:
        return
    # the app may be left while the last words are on their way
    with suppress(RuntimeError, CancelledError):
        _say_how_it_ended(app, screen, arguments, (code, process.pid), before, again)


def _say_how_it_ended(
    app: App[Any], screen: PhaseScreen[Any], arguments: list[str], ended: tuple[int, int], before: int, again: str
) -> None:
    code, pid = ended
    own = next((job for job in jobs.latest(screen.store) if job.id > before and job.pid == pid), None)
    if own is not None and own.state == "failed":
        app.call_from_thread(screen.fail, own.error, again)
    elif own is not None and own.state == "canceled":
        app.call_from_thread(screen.say, f"{own.kind} stopped; what was done is kept, {again} goes on")
    elif own is None and code:
        words = f"it ended at once (code {code}) and left nothing; `stratos {' '.join(arguments)}` shows why"
        app.call_from_thread(screen.fail, words, again)
    elif code:
        # it ran to its end, and the answer is no (a check failed, a model was refused)
        app.call_from_thread(screen.fail, f"{' '.join(arguments[:2])}: the answer is no; what failed stands here")
    elif own is not None and (held := _held_back(own)):
        app.call_from_thread(screen.fail, f"{' '.join(arguments[:2])} is done, but {held}")
    else:
        app.call_from_thread(screen.say, f"✓ {' '.join(arguments[:2])} is done{_came_to(own) if own else ''}")


def _came_to(job: Job) -> str:
    """Return what judging again turned, in words; empty for other jobs, whose screens show what they did."""
    if job.kind != "rejudge":
        return ""
    turned = (f"{job.result[name]:,} {name.partition('_')[2]} now" for name in ("now_accepted", "now_rejected"))
    return f": {job.result['judged']:,} answers judged again, {', '.join(turned)}"


def _held_back(job: Job) -> str:
    """Return what a job that ended well could not send, and why, where it says so; empty where nothing was."""
    number = job.result.get("held_back")
    if not number:
        return ""
    if job.result.get("paused"):
        return f"{number:,} requests wait: this workspace is paused"
    return str(job.result.get("held_by") or f"{number:,} requests wait")
