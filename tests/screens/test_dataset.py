from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from screens.dialogs import PromptScreen
from screens.frame import Notice, PhaseScreen
from screens.widgets.chooser import ChooseScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.app import StratosApp
from stratos_tui.dataset.build import build, plan_build
from stratos_tui.dataset.rebalance import STRATEGIES
from stratos_tui.store import datasets, jobs, lengths
from stratos_tui.store.db import Store
from stratos_tui.store.jobs import Job
from stratos_tui.store.lengths import Length

Settle = Callable[[Pilot[None]], Awaitable[None]]
Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
SNAPSHOTS = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])


@pytest.fixture
def built(prepared: Store) -> int:
    """A real build of the prepared store's accepted traces, made at a fixed time."""
    dataset = build(prepared, "rehearsal")
    with prepared.write() as connection:
        connection.execute("UPDATE datasets SET created_at = '2026-11-12T13:30:00.000+00:00' WHERE id = ?", (dataset,))
    return dataset


def pane(app: StratosApp, name: str) -> str:
    return str(app.screen.query_one(f"#{name}", TextPane).query_one(Static).content)


def reload(app: StratosApp) -> None:
    cast("PhaseScreen[Any]", app.screen).reload()


def notice(app: StratosApp) -> str:
    return str(app.screen.query_one(Notice).content)


def ended(store: Store, kind: str) -> list[Job]:
    """The jobs of a kind that are over, however they ended."""
    return [job for job in jobs.latest(store) if job.kind == kind and job.ended_at]


def offered(app: StratosApp) -> str:
    """The keys of the screen's own actions that do something now."""
    own = [each for each in app.screen.active_bindings.values() if each.node is app.screen and each.enabled]
    return "".join(each.binding.key for each in own if each.binding.key in "rxsmectEwy")


async def test_bands_stand_beside_the_target_and_what_it_cost(
    prepared: Store, built: int, app: StratosApp, settle: Settle
) -> None:
    found = datasets.get(prepared, built)
    assert found is not None
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        bands = pane(app, "bands")
        for words in ("25 %", "30 %", "15 %", "curriculum", "critical"):
            assert words in bands
        proofs = pane(app, "proofs")
        assert "✓ 0 articles on both sides" in proofs
        assert found.digest[:16] in proofs
        assert found.order_digest[:16] in proofs
        assert f"{found.summary['dropped']} pairs" in proofs
        assert f"{found.summary['repeated']} rows" in proofs
        assert "rehearsal" in proofs
        assert "32 m ago" in proofs


async def test_a_leak_stands_out(prepared: Store, built: int, app: StratosApp, settle: Settle) -> None:
    with prepared.write() as connection:
        connection.execute("UPDATE datasets SET summary = json_set(summary, '$.leaks', 2) WHERE id = ?", (built,))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        assert "✗ 2 articles on both sides" in pane(app, "proofs")


async def test_the_examples_stand_in_order_and_show_where_training_begins(
    prepared: Store, built: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("enter", "j")
        await settle(pilot)
        row = datasets.row(prepared, built, "train", 1)
        assert row is not None
        shown = pane(app, "example")
        prompt, boundary, completion = shown.partition(" the prompt ends here; only what follows is trained on ")
        assert boundary
        assert "<|im_start|>assistant" in prompt
        assert row.completion in completion
        assert row.profile_id in prompt
        await pilot.press("G")
        await settle(pilot)
        assert "eval" in pane(app, "example").splitlines()[1]


async def test_another_build_can_be_chosen(built: int, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)
        assert str(app.screen.query_one("#proofs").border_title) == f"build {built - 1}"
        assert app.screen.query_one("#examples", ListingTable).table.row_count == 203


async def test_r_builds_in_a_process_of_its_own(prepared: Store, app: StratosApp, settle: Settle, until: Until) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        await until(pilot, lambda: ended(prepared, "dataset"))
        assert [(job.state, job.error) for job in ended(prepared, "dataset")] == [("done", "")]
        reload(app)
        await settle(pilot)
        newest = datasets.latest(prepared)
        assert newest is not None
        assert str(app.screen.query_one("#proofs").border_title) == f"build {newest.id}"


@pytest.mark.parametrize(("key", "field"), [("e", "messages"), ("E", "completion")])
async def test_export_writes_both_splits(
    prepared: Store, built: int, app: StratosApp, settle: Settle, tmp_path: Path, key: str, field: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press(key)
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "out.jsonl")
        await pilot.press("enter")
        await settle(pilot)
        assert "out.train.jsonl" in notice(app)
    for split in ("train", "eval"):
        lines = (tmp_path / f"out.{split}.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == datasets.count(prepared, built, "train" if split == "train" else "eval")
        assert field in json.loads(lines[0])


async def test_export_overwrites_nothing(built: int, app: StratosApp, settle: Settle, tmp_path: Path) -> None:
    (tmp_path / "out.eval.jsonl").write_text("mine", encoding="utf-8")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("e")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "out.jsonl")
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, PromptScreen)
        assert "exists already" in "".join(str(each.content) for each in app.screen.query(Static))
    assert (tmp_path / "out.eval.jsonl").read_text(encoding="utf-8") == "mine"


async def test_without_a_build_it_says_which_key_makes_one(store: Store, settle: Settle) -> None:
    app = StratosApp(store, live=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        assert "r builds one" in pane(app, "bands")
        # nothing can be done with a build, so nothing is offered
        assert offered(app) == "rs"
        await pilot.press("e")
        await settle(pilot)
        assert app.screen_stack == [app.screen]


async def test_only_keys_that_do_something_are_offered(
    prepared: Store, built: int, app: StratosApp, settle: Settle
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        assert sorted(offered(app)) == sorted("rsmectEwy")
        # while something is built or counted it can be stopped, and nothing else is begun
        job = jobs.add(prepared, "dataset", {})
        jobs.start(prepared, job)
        reload(app)
        await settle(pilot)
        assert sorted(offered(app)) == sorted("xmectEwy")
        await pilot.press("x")
        await settle(pilot)
        assert f"asked job {job} to stop" in notice(app)


async def test_a_strategy_is_chosen_by_what_it_costs(
    prepared: Store, built: int, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        assert isinstance(app.screen, ChooseScreen)
        table = app.screen.query_one(VirtualTable)
        costs = {name: plan_build(prepared, "rehearsal", strategy=name) for name in STRATEGIES}
        for name, cost in costs.items():
            assert table.row is not None
            assert [str(cell) for cell in table.row.cells][:4] == [
                name,
                f"{cost.rows:,}",
                f"{cost.dropped:,}",
                f"{cost.repeated:,}",
            ]
            await pilot.press("down")
            await settle(pilot)
        await pilot.press(*"weights", "enter")
        await settle(pilot)
        # a small build may be over before its beginning is read
        assert any(said in notice(app) for said in ("building from the traces of rehearsal", "dataset build is done"))
        await until(pilot, lambda: ended(prepared, "dataset"))
        newest = datasets.latest(prepared)
        assert newest is not None
        assert newest.params["strategy"] == "weights"
        reload(app)
        await settle(pilot)
        proofs = pane(app, "proofs")
        assert "a trainer that does not read them" in proofs
        assert f"{costs['weights'].effective:,.0f} different pairs" in proofs


async def test_two_builds_are_compared(prepared: Store, built: int, app: StratosApp, settle: Settle) -> None:
    other = build(prepared, "rehearsal", strategy="down_sample")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("c")
        await settle(pilot)
        assert isinstance(app.screen, ChooseScreen)
        await pilot.press("enter")
        await settle(pilot)
        assert str(app.screen.query_one("#example").border_title) == f"build {other} against {built}"
        shown = pane(app, "example")
        assert "strategy" in shown
        assert "mixed → down_sample" in shown
        assert "removed" in shown
        assert f"build {built}" in shown


async def test_lengths_leaks_and_what_was_set_aside_are_named(
    prepared: Store, built: int, app: StratosApp, settle: Settle
) -> None:
    lengths.keep_lengths(
        prepared,
        built,
        "[red]base[/]",
        [
            Length(split, at, 100, at)
            for split in ("train", "eval")
            for at in range(datasets.count(prepared, built, split))
        ],
    )
    leak = [{"kind": "near", "held_out": "held", "trained": "trained-on"}]
    aside = {
        "over_long": {"count": 30, "pairs": [{"article": "long", "profile": "p", "split": "train", "tokens": 9_999}]}
    }
    with prepared.write() as connection:
        connection.execute(
            "UPDATE datasets SET summary = json_set(summary, '$.leak_report', json(?), '$.set_aside', json(?))"
            " WHERE id = ?",
            (json.dumps(leak), json.dumps(aside), built),
        )
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        proofs = pane(app, "proofs")
        assert "tokens [red]base[/]" in proofs
        assert f"longest {100 + datasets.count(prepared, built, 'train') - 1}" in proofs
        assert "held = trained-on near" in proofs
        assert "set aside, over-long: 30 pairs" in proofs
        assert "long × p train, 9,999 tokens" in proofs
        assert "hold-out against all training pairs" in proofs


async def test_tokens_are_counted_for_a_base(
    prepared: Store, built: int, app: StratosApp, settle: Settle, until: Until
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("t")
        await pilot.pause()
        app.screen.query_one(Input).value = "/no/such/base"
        await pilot.press("enter")
        await settle(pilot)
        await until(pilot, lambda: ended(prepared, "lengths"))
        assert [job.state for job in ended(prepared, "lengths")] == ["failed"]
        assert lengths.tokenizers(prepared, built) == []


async def test_export_makes_a_hugging_face_directory(
    prepared: Store, built: int, app: StratosApp, settle: Settle, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="the training stack is not installed")
    (tmp_path / "taken").mkdir()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        await pilot.press("w")
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "taken")
        await pilot.press("enter")
        await settle(pilot)
        assert "exists already" in "".join(str(each.content) for each in app.screen.query(Static))
        app.screen.query_one(Input).value = str(tmp_path / "hf")
        await pilot.press("enter")
        await settle(pilot)
        rows = sum(datasets.count(prepared, built, split) for split in ("train", "eval"))
        assert f"wrote {rows} rows" in notice(app)
    assert (tmp_path / "hf" / "dataset_dict.json").is_file()


@SNAPSHOTS
def test_it_looks_right(snap_compare: Any, built: int, app: StratosApp, settle: Settle, size: tuple[int, int]) -> None:
    async def there(pilot: Pilot[None]) -> None:
        await pilot.press("6")
        await settle(pilot)
        if size[0] > 100:
            await pilot.press("enter", "j")
            await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=there)


async def test_enter_goes_in_and_escape_comes_back(built: int, app: StratosApp, settle: Settle) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await settle(pilot)
        builds = app.screen.query_one("#builds", ListingTable).table
        assert app.focused is builds
        await pilot.press("enter")
        assert app.focused is app.screen.query_one("#examples", ListingTable).table
        await pilot.press("enter")
        assert app.focused is app.screen.query_one("#example")
        await pilot.press("escape")
        assert app.focused is builds
