"""What is loaded when: the floors of docs/architecture.md, seen from a process and not from the source."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "numpy",
    "scipy",
    "anthropic",
    "ollama",
    "pandas",
    "pyarrow",
}


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_a_quick_answer_loads_no_interface_and_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_after(f"from stratos_tui.cli import run\nrun({arguments!r})")
    assert not loaded & (HEAVY | {"textual", "sqlite_utils"})


def test_the_engine_loads_no_interface() -> None:
    loaded = loaded_after("import stratos_tui.pipeline, stratos_tui.jobs")
    assert "stratos_tui" in loaded
    assert not loaded & (HEAVY | {"textual"})
