from __future__ import annotations

import math

import pytest
from rich.style import Style
from textual.app import App, ComposeResult

from screens.widgets.curve import Curve, Line, decimate

PLAIN = Style()


class Holder(App[None]):
    def __init__(self, *lines: Line) -> None:
        super().__init__()
        self.lines = lines

    def compose(self) -> ComposeResult:
        yield Curve(empty="nothing was measured")

    def on_mount(self) -> None:
        self.query_one(Curve).set_lines(self.lines)


def drawn(app: App[None]) -> list[str]:
    curve = app.query_one(Curve)
    return [curve.render_line(y).text for y in range(curve.size.height)]


def test_decimating_keeps_every_peak_and_the_ends() -> None:
    points = [(float(x), 1.0 + (50.0 if x == 7_777 else 0.0) - (9.0 if x == 123 else 0.0)) for x in range(100_000)]
    kept = decimate(points, 100)
    assert len(kept) <= 400
    assert {(7_777.0, 51.0), (123.0, -8.0), points[0], points[-1]} <= set(kept)
    assert kept == sorted(kept)


def test_decimating_leaves_out_what_is_no_number() -> None:
    assert decimate([(1.0, math.nan), (2.0, 0.5), (3.0, math.inf)], 10) == [(2.0, 0.5)]


async def test_a_falling_curve_goes_from_the_top_left_to_the_bottom_right() -> None:
    app = Holder(Line("train", [(float(x), 10.0 - x) for x in range(11)], PLAIN))
    async with app.run_test(size=(60, 12)):
        lines = drawn(app)
    dots = [(y, x) for y, line in enumerate(lines) for x, mark in enumerate(line) if 0x2800 < ord(mark) < 0x2900]
    top, bottom = min(dots), max(dots)
    assert top[0] == 1
    assert top[1] == 8
    assert bottom[0] == 10
    assert bottom[1] == 59
    assert "10.0┤" in lines[1]
    assert "0.000┤" in lines[10]
    assert "step 5" in lines[11]


async def test_signs_stand_at_their_points_over_the_dots() -> None:
    held_out = Line("eval", [(5.0, 5.0), (10.0, 0.0)], PLAIN, sign="◆")
    app = Holder(Line("train", [(float(x), 10.0 - x) for x in range(11)], PLAIN), held_out)
    async with app.run_test(size=(60, 12)):
        lines = drawn(app)
    assert sum(line.count("◆") for line in lines[1:]) == 2
    assert lines[10].rstrip().endswith("◆")
    assert "◆ eval 0.000" in lines[0]


async def test_the_reading_line_says_the_values_where_it_stands() -> None:
    app = Holder(Line("train", [(float(x), 10.0 - x) for x in range(11)], PLAIN))
    async with app.run_test(size=(60, 12)) as pilot:
        app.query_one(Curve).focus()
        await pilot.press("left")
        assert "train 0.000 at step 10" in drawn(app)[0]
        await pilot.press(*["left"] * 10)
        assert "train 2.000 at step 8" in drawn(app)[0]


async def test_the_logarithmic_scale_has_the_geometric_mean_in_the_middle() -> None:
    app = Holder(Line("train", [(0.0, 100.0), (1.0, 0.01)], PLAIN))
    async with app.run_test(size=(40, 13)) as pilot:
        linear = drawn(app)
        app.query_one(Curve).focus()
        await pilot.press("l")
        logarithmic = drawn(app)
    assert linear[6].split("┤")[0].strip() == "50.0"
    assert logarithmic[6].split("┤")[0].strip() == "1.000"
    assert "log scale" in logarithmic[0]


@pytest.mark.parametrize("points", [[], [(1.0, math.nan)]])
async def test_without_a_point_it_says_so(points: list[tuple[float, float]]) -> None:
    app = Holder(Line("train", points, PLAIN))
    async with app.run_test(size=(40, 8)):
        assert "nothing was measured" in "".join(drawn(app))


async def test_one_point_and_a_flat_line_are_drawn() -> None:
    app = Holder(Line("train", [(3.0, 0.5), (4.0, 0.5)], PLAIN))
    async with app.run_test(size=(40, 8)):
        assert any(0x2800 < ord(mark) < 0x2900 for line in drawn(app) for mark in line)


async def test_the_axis_goes_on_to_where_the_curve_will_end() -> None:
    app = Holder()
    async with app.run_test(size=(48, 12)):
        app.query_one(Curve).set_lines([Line("train", [(0.0, 2.0), (10.0, 1.0)], PLAIN)], until=40)
        lines = drawn(app)
    assert lines[11].rstrip().endswith("40")
    last = max(x for line in lines for x, mark in enumerate(line) if 0x2800 < ord(mark) < 0x2900)
    assert last == 8 + 10
