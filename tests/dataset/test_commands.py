from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from stratos_tui.cli import cli
from stratos_tui.store import datasets, jobs
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    from tests.dataset.conftest import Accept

READERS = ("kuwait_cpeg", "texas_nurse", "portland_retired_space")


@pytest.fixture
def run(
    seeded: Store, accept: Accept, hold_out: Callable[[Store, int, int], tuple[list[str], list[str]]]
) -> Callable[..., Result]:
    train, held_out = hold_out(seeded, 6, 2)
    accept(
        seeded,
        [
            (article, reader, (95, 62, 8)[at] if place % 3 == 0 else 5 + place)
            for place, article in enumerate([*train, *held_out])
            for at, reader in enumerate(READERS)
        ],
    )

    def do(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["dataset", *arguments, "--db", str(seeded.path)])

    return do


def answer(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_dry_run_says_what_a_build_costs_and_builds_nothing(seeded: Store, run: Callable[..., Result]) -> None:
    cost = answer(run("build", "--teacher", "rubric", "--strategy", "down_sample", "--dry-run", "--json"))
    assert datasets.load(seeded) == []
    assert jobs.latest(seeded) == []
    made = answer(run("build", "--teacher", "rubric", "--strategy", "down_sample", "--json"))
    assert made["rebalance"] == {
        band: {"had": each["available"], "rows": each["rows"], "dropped": each["dropped"], "repeated": each["repeated"]}
        for band, each in cost["bands"].items()
    }
    assert {name: cost[name] for name in ("dropped", "repeated", "effective")} == {
        name: made[name] for name in ("dropped", "repeated", "effective")
    }
    assert {"digest", "bands", "splits", "leaks", "order_digest"} <= made.keys()
    text = run("build", "--teacher", "rubric", "--strategy", "weights", "--dry-run").stdout
    assert "strategy weights: 18 rows" in text
    assert "nothing was built" in text
    noise = next(line.split() for line in text.splitlines() if line.startswith("noise"))
    assert noise[1:5] == ["14", "0", "0", "14"]
    assert 0 < float(noise[5]) < 1


def test_builds_are_compared(seeded: Store, run: Callable[..., Result]) -> None:
    one = answer(run("build", "--teacher", "rubric", "--json"))["id"]
    two = answer(run("build", "--teacher", "rubric", "--strategy", "weights", "--json"))["id"]
    found = answer(run("compare", str(one), str(two), "--json"))
    assert (found["added"]["count"], found["removed"]["count"]) == (0, 0)
    assert found["params"]["strategy"] == ["mixed", "weights"]
    text = run("compare", str(one), str(two)).stdout
    assert "strategy: mixed → weights" in text
    assert "order differs" in text
    missing = run("compare", str(one), "9")
    assert missing.exit_code != 0


def test_lengths_are_shown_once_they_were_counted(seeded: Store, run: Callable[..., Result]) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    answer(run("build", "--teacher", "rubric", "--json"))
    assert answer(run("show", "--json"))["lengths"] == []
    counted = run("show", "--base", "nano", "--json")
    [found] = json.loads(counted.stdout.splitlines()[-1])["lengths"]
    assert found["tokenizer"] == "nano"
    assert found["p50"] <= found["p95"] <= found["p99"] <= found["longest"]
    assert "tokens by nano: p50" in run("show").stdout
    assert [job.kind for job in jobs.latest(seeded)] == ["lengths", "dataset"]
    run("show", "--base", "nano")
    assert len(jobs.latest(seeded)) == 2


def test_a_weighted_build_says_so(run: Callable[..., Result]) -> None:
    text = run("build", "--teacher", "rubric", "--strategy", "weights").stdout
    assert "a trainer that does not read them" in text
    assert "held out and trained differ most in" in text


def test_a_hugging_face_directory_is_exported(run: Callable[..., Result], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the training stack is not installed")
    made = answer(run("build", "--teacher", "rubric", "--json"))
    found = answer(run("export", "--format", "hf", "--out", str(tmp_path / "hf"), "--json"))
    assert found["rows"] == sum(made["splits"].values())
    assert (tmp_path / "hf" / "dataset_dict.json").is_file()
