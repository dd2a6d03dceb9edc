"""``stratos profiles``: list, show, import, export and lint the profiles that articles are scored for."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from stratos_tui.commands.door import Door, door_options, group, table, write_file
from stratos_tui.prism.prompts import WORDINGS, system_prompt
from stratos_tui.scoring.lookup import known_profiles
from stratos_tui.store import profiles as stored


@group()
def profiles() -> None:
    """List, show, import, export and lint profiles."""


@profiles.command("list")
@door_options
def list_profiles(door: Door) -> None:
    """List every profile."""
    with door.store() as store:
        found = stored.load(store)
    rows = [(p.id, p.kind, p.seniority, p.location, p.role) for p in found]
    text = table(("profile", "kind", "seniority", "location", "role"), rows)
    door.answer({"profiles": [asdict(profile) for profile in found]}, text)


@profiles.command("show")
@click.argument("profile_id")
@door_options
def show(door: Door, profile_id: str) -> None:
    """Show one profile and the system prompts that it renders to, in every wording."""
    with door.store() as store:
        [profile] = known_profiles(store, [profile_id])
    prompts = [system_prompt(profile, wording) for wording in range(WORDINGS)]
    text = [f"wording {number}:\n{prompt}\n" for number, prompt in enumerate(prompts)]
    door.answer({"profile": asdict(profile), "prompts": prompts}, text)


@profiles.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@door_options
def import_file(door: Door, file: Path) -> None:
    """Import profiles from a JSON file, all or none."""
    from stratos_tui.profiles.files import import_profiles

    with door.store(create=True) as store:
        done = import_profiles(store, file)
    counts = f"{len(done.added)} added, {len(done.changed)} changed, {len(done.unchanged)} unchanged"
    door.answer(asdict(done), counts)


@profiles.command("export")
@click.argument("profile_ids", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), help="Write to a file instead of standard output.")
@door_options
def export(door: Door, profile_ids: tuple[str, ...], out: Path | None) -> None:
    """Export all profiles, or those named, as the JSON that import reads."""
    from stratos_tui.profiles import files

    with door.store() as store:
        wanted = known_profiles(store, profile_ids) if profile_ids else stored.load(store)
    written = files.export(wanted)
    if out is None:
        click.echo(written, nl=False)
        return
    write_file(out, written)
    door.answer({"file": str(out), "profiles": len(wanted)}, f"{len(wanted)} profiles written to {out}")


@profiles.command("lint")
@door_options
def lint(door: Door) -> int:
    """Check every profile for contradictions; exits 1 where there are any."""
    from stratos_tui.profiles.lint import lint_all

    with door.store() as store:
        found = lint_all(stored.load(store))
    text = table(("profile", "field", "finding"), [(f.profile_id, f.field, f.message) for f in found])
    door.answer({"findings": [asdict(finding) for finding in found]}, text if found else "nothing to mend")
    return 1 if found else 0
