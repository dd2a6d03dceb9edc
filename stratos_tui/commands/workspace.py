"""The commands about the whole workspace: init, doctor, status and pipeline."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from stratos_tui.commands.door import Door, door_options, progress, table


@click.command()
@door_options
def init(door: Door) -> None:
    """Make the store and load what ships; safe to repeat."""
    from stratos_tui.profiles.shipped import load_shipped
    from stratos_tui.store import articles, profiles

    with door.store(create=True) as store:
        load_shipped(store)
        counts = {"profiles": len(profiles.load(store)), "articles": articles.count(store)}
    door.answer(
        {"db": str(door.path), **counts}, f"{door.path}: {counts['profiles']} profiles, {counts['articles']:,} articles"
    )


@click.command()
@door_options
def doctor(door: Door) -> int:
    """Say what is installed, reachable and configured; exits 1 where the embedded default cannot work."""
    from stratos_tui.commands.checks import run_checks

    checks = run_checks(door.path)
    rows = [("ok" if c.ok else "MISSING" if c.needed else "–", c.name, c.value, c.enables) for c in checks]
    door.answer({"checks": [asdict(c) for c in checks]}, table(("", "part", "found", "for"), rows))
    return 0 if all(c.ok for c in checks if c.needed) else 1


@click.command()
@door_options
def status(door: Door) -> None:
    """Show every phase, the latest jobs and what was spent."""
    from stratos_tui.store import jobs, overview

    with door.store() as store:
        jobs.active(store)
        seen = overview.overview(store)
    phases = table(
        ("phase", "state", "count", "", ""), [(p.name, p.state, f"{p.count:,}", p.unit, p.detail) for p in seen.phases]
    )
    rows = [(job.id, job.kind, job.state, f"{job.done:,}/{job.total:,}", job.error or job.note) for job in seen.jobs]
    text = [*phases, "", f"next: {seen.next.sentence}"]
    if seen.verdict:
        text.append(f"verdict of {seen.verdict.scorer}: {seen.verdict.verdict}")
    text.append(f"spent: ${seen.spend.paid / 1e9:.4f} paid, ${seen.spend.simulated / 1e9:.4f} simulated")
    if rows:
        text += ["", *table(("job", "kind", "state", "done", "note"), rows)]
    door.answer(asdict(seen), text)


@click.command()
@click.option("--pairs", type=click.IntRange(min=1), help="Score at most this many pairs; 1,000 unless said.")
@click.option("--articles", "wanted", help="How many articles, or their ids separated by commas.")
@door_options
def pipeline(door: Door, pairs: int | None, wanted: str | None) -> None:
    """Run every phase on the embedded default, to a verdict. Run again, it finds what is finished and goes on."""
    from stratos_tui.jobs import run_here
    from stratos_tui.pipeline import Wanted, run

    choice = Wanted.parse(pairs, wanted)
    with door.store(create=True) as store, progress("pipeline") as report:
        result = run_here(store, "pipeline", choice.as_params(), lambda tell: run(store, choice, tell), report)
    door.answer(result, _verdict_lines(result))


def _verdict_lines(result: dict[str, Any]) -> list[str]:
    from stratos_tui.commands.scoring import evaluation_lines

    lines = [f"dataset {result['dataset']['id']}, run {result['model']['run']}"]
    lines += [result["shortfall"]] if result["shortfall"] else []
    return lines + evaluation_lines(result["evaluation"])
