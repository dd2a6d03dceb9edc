"""Writes what an import did: counts, and every refused row with its reason."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from screens.render import DIM, WARN, count, one_line
from stratos_tui.store.jobs import Job

MOST = 200
"""Refused rows that are listed; the command lists all."""


def summary(job: Job) -> str:
    """Return one line: what was added, what was known, what was refused."""
    result: dict[str, Any] = job.result
    parts = [f"{count(result['added'])} added", f"{count(result['duplicate'])} duplicate"]
    parts.append(f"{count(len(result['rejected']))} rejected")
    if result["pairs_added"]:
        parts.append(f"{count(result['pairs_added'])} scored pairs")
    if result["profiles_added"]:
        parts.append(f"{count(result['profiles_added'])} profiles made for them")
    return ", ".join(parts)


def report(job: Job) -> Text:
    """Return the whole report of an import that has ended, or how far one is."""
    text = Text("import of ", style="bold").append(", ".join(one_line(str(each)) for each in job.params["files"]))
    text.append(f"\n{job.state}", style=DIM)
    if job.error:
        return text.append(f": {one_line(job.error)}", style=WARN)
    if job.state != "done":
        return text.append(f", {count(job.done)} of {count(job.total)} bytes")
    text.append(": ").append(summary(job))
    rejected: list[dict[str, Any]] = job.result["rejected"]
    for row in rejected[:MOST]:
        text.append(f"\nline {count(row['line'])}", style="bold").append(f"  {one_line(row['reason'])}")
        if len(job.params["files"]) > 1:
            text.append(f"  {one_line(row['file'])}", style=DIM)
    if len(rejected) > MOST:
        text.append(f"\n… and {count(len(rejected) - MOST)} more", style=DIM)
    return text
