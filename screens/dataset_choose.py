"""Lists of the dataset screen to choose from: a strategy by what it costs, and the build to compare with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from screens import dataset_text
from screens.figures import age
from screens.widgets.chooser import ChooseScreen
from screens.widgets.rows import Column, Row
from stratos_tui.store import datasets
from stratos_tui.store.datasets import Dataset

if TYPE_CHECKING:
    from screens.frame import PhaseScreen
    from stratos_tui.dataset.compare import Difference
    from stratos_tui.dataset.rebalance import Cost

STRATEGY_COLUMNS = (
    Column("strategy", 11),
    Column("rows", 9, align="right"),
    Column("dropped", 8, align="right"),
    Column("repeated", 8, align="right"),
    Column("worth", 8, align="right"),
    Column("shares", 13, flex=1),
)
BUILD_COLUMNS = (
    Column("#", 4, align="right"),
    Column("teacher", 16, flex=1),
    Column("when", 6),
    Column("digest", 16, drop=1),
)


def ask_strategy(screen: PhaseScreen[Any], teacher: str, chosen: Callable[[str | None], None]) -> None:
    """Show what each strategy costs on a teacher's traces, and hand over the one that is chosen."""

    def work() -> list[Cost]:
        from stratos_tui.dataset.build import plan_build
        from stratos_tui.dataset.rebalance import STRATEGIES

        return [plan_build(screen.store, teacher, strategy=each) for each in STRATEGIES]

    def then(costs: list[Cost]) -> None:
        rows = [Row(cost.strategy, dataset_text.cost_cells(cost)) for cost in costs]
        groups = " / ".join(costs[0].shares)
        question = f"Build by which strategy? Shares are {groups}"
        screen.app.push_screen(ChooseScreen(question, STRATEGY_COLUMNS, rows, at="mixed"), chosen)

    screen.background(work, then, again="s")


def ask_compare(screen: PhaseScreen[Any], build: Dataset, found: Callable[[Difference], object]) -> None:
    """Ask which build to compare one with, and hand over how it differs from that."""

    def then(builds: list[Dataset]) -> None:
        others = [each for each in builds if each.id != build.id]
        before = next((each for each in others if each.id < build.id), others[0])
        now = screen.host.clock()
        rows = [
            Row(str(each.id), (str(each.id), each.teacher, age(each.created_at, now), each.digest[:16]))
            for each in others
        ]
        question = f"Compare build {build.id} with which?"
        chooser = ChooseScreen(question, BUILD_COLUMNS, rows, at=str(before.id))
        screen.app.push_screen(chooser, partial(_compare, screen, build, found))

    screen.background(lambda: datasets.load(screen.store), then, again="c")


def _compare(
    screen: PhaseScreen[Any], build: Dataset, found: Callable[[Difference], object], other: str | None
) -> None:
    if not other:
        return

    def work() -> Difference:
        from stratos_tui.dataset.compare import compare

        first = datasets.get(screen.store, int(other))
        assert first is not None
        return compare(screen.store, first, build)

    screen.background(work, found, again="c")
