"""docs/training.md says what the code does: every check and every setting stands in it, in order, and no other."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from stratos_tui.training.check import NAMES
from stratos_tui.training.recipes import Recipe

DOCUMENT = Path(__file__).parents[2] / "docs" / "training.md"


def rows(heading: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    part = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| `(\w+)` \|", part)


@pytest.mark.parametrize(
    ("heading", "names"), [("The checks", list(NAMES)), ("Settings", [each.name for each in fields(Recipe)])]
)
def test_every_name_stands_in_the_document(heading: str, names: list[str]) -> None:
    assert rows(heading) == names
