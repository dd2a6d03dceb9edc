"""The command line: which commands exist, and how they end (the command contract: exit codes 0, 1, 2, 130)."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from stratos_tui import __version__
from stratos_tui.commands.door import Door, door_options
from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled
from stratos_tui.text import one_line

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("workspace", "Make the store and load what ships."),
    "doctor": ("workspace", "Say what is installed, reachable and configured."),
    "status": ("workspace", "Show every phase, job and what was spent."),
    "pipeline": ("workspace", "Run every phase to a verdict."),
    "profiles": ("profiles", "List, show, import, export and lint profiles."),
    "articles": ("articles", "Import, list and label articles."),
    "distill": ("distilling", "Ask a teacher for traces: plan, submit, watch, ingest, cancel."),
    "rejections": ("rejecting", "Answers that were rejected: list, requeue, accept, edit, discard, undo."),
    "dataset": ("datasets", "Build, show and export training examples."),
    "train": ("training", "Preflight, mask, start, watch, stop and resume a run."),
    "publish": ("publishing", "Merge, convert and serve a run: gguf, ollama, list, rollback."),
    "score": ("scoring", "Score articles for a profile."),
    "compare": ("scoring", "Score one article for several profiles."),
    "evaluate": ("scoring", "Measure a scorer against the teacher and reach a verdict."),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is used, so that ``--version`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"stratos_tui.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, invoke_without_command=True)
@click.version_option(__version__, prog_name="stratos")
@door_options
def cli(door: Door) -> None:
    """Distil chain-of-thought relevance scoring into a small local model. Without a command: open the app."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        names = ", ".join(COMMANDS)
        raise StratosError(f"the app needs a terminal and there is none here; use a command: {names} (see --help)")
    from stratos_tui.app import run_app

    sys.exit(run_app(door.path))


def main() -> None:
    """Run the command line and exit with the contract's code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every foreseeable error is one line on standard error."""
    try:
        code = cli.main(arguments, prog_name="stratos", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort, Canceled):
        print(
            "stratos: interrupted; what was done is kept, run the same command again to go on",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # the reader went away: standard output must not be flushed into the closed pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "stratos"
        print(f"{where}: {one_line(error.format_message())} (see {where} --help)", file=sys.stderr)
        return 2
    except (StratosError, click.ClickException) as error:
        print(f"stratos: {one_line(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"stratos: {one_line(str(error))}; what was stored before is kept", file=sys.stderr)
        return 2
