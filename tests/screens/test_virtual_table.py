from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from screens import themes
from screens.widgets.columns import GAP, fit_columns
from screens.widgets.paging import PAGE_ROWS, PAGES_KEPT, PageCache
from screens.widgets.rows import Column, ListSource, Row, RowSource
from screens.widgets.virtual_table import VirtualTable

COLUMNS = (Column("name", 10, flex=1), Column("size", 6, align="right", drop=1), Column("note", 12, drop=2))


class Numbers:
    """A source of any length that makes its rows; ``gate`` holds pages back until it is set."""

    def __init__(self, count: int, *, gate: threading.Event | None = None) -> None:
        self.rows = count
        self.gate = gate
        self.pages: list[int] = []
        self.closed = False

    def count(self) -> int:
        return self.rows

    def page(self, first: int, n: int) -> list[Row]:
        if self.gate is not None and first:
            self.gate.wait(5)
        self.pages.append(first)
        return [Row(at, (f"row {at}", str(at), "note")) for at in range(first, min(first + n, self.rows))]

    def position(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) and key < self.rows else None

    def close(self) -> None:
        self.closed = True


class TableApp(App[None]):
    def __init__(self, source: RowSource, columns: Sequence[Column] = COLUMNS) -> None:
        super().__init__()
        self.table = VirtualTable(columns, empty="nothing yet: press n")
        self.source = source
        self.heard: list[tuple[str, Hashable]] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.defaults(dark=True)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()
        self.table.set_source(self.source)

    def on_virtual_table_highlighted(self, event: VirtualTable.Highlighted) -> None:
        self.heard.append(("highlighted", event.row.key if event.row else None))

    def on_virtual_table_selected(self, event: VirtualTable.Selected) -> None:
        self.heard.append(("selected", event.row.key))

    def on_virtual_table_failed(self, event: VirtualTable.Failed) -> None:
        self.heard.append(("failed", event.text))


async def settled(pilot: Pilot[None]) -> None:
    for _ in range(3):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def shown(table: VirtualTable) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


async def test_keys_move_over_a_million_rows_and_only_a_few_pages_are_read() -> None:
    source = Numbers(1_000_000)
    app = TableApp(source)
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        await pilot.press("j", "j", "k")
        assert app.table.cursor == 1
        await pilot.press("G")
        await settled(pilot)
        assert app.table.cursor == 999_999
        assert "row 999999" in shown(app.table)[-1]
        await pilot.press("pageup", "up")
        await settled(pilot)
        assert app.table.cursor == 999_999 - 18 - 1
        await pilot.press("g")
        await settled(pilot)
        assert (app.table.cursor, app.heard[-1]) == (0, ("highlighted", 0))
        assert len(source.pages) < 10


async def test_a_line_whose_page_is_on_the_way_shows_and_keys_still_answer() -> None:
    gate = threading.Event()
    app = TableApp(Numbers(10_000, gate=gate))
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause(0.1)
        await pilot.press("G", "k")
        await pilot.pause()
        assert app.table.cursor == 9_998
        assert app.table.row is None
        assert "···" in shown(app.table)[-1]
        gate.set()
        await settled(pilot)
        assert "row 9999" in shown(app.table)[-1]
        assert app.heard[-1] == ("highlighted", 9_998)


def test_the_page_that_was_out_of_sight_for_longest_is_let_go_of() -> None:
    cache = PageCache()
    for page in range(PAGES_KEPT):
        cache.put(page, [Row(page * PAGE_ROWS, ("first",))])
    in_sight = PAGE_ROWS // 2
    assert cache.missing([in_sight, PAGES_KEPT * PAGE_ROWS]) == [PAGES_KEPT]
    cache.put(PAGES_KEPT, [Row("new", ("new",))])
    assert cache.row(0) is not None
    assert cache.row(PAGE_ROWS) is None
    assert cache.row(PAGES_KEPT * PAGE_ROWS) == Row("new", ("new",))
    assert cache.row(1) is None


async def test_marks_survive_a_refresh_and_the_cursor_stays_on_its_row() -> None:
    app = TableApp(Numbers(500))
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        await pilot.press("space", "j", "space")
        assert sorted(map(str, app.table.targets())) == ["0", "2"]
        assert "✓row 0" in shown(app.table)[1]
        first = app.source
        app.table.move_to(300)
        rows = [Row(f"new {at}", ("new", "", "")) for at in range(40)]
        rows += [Row(at, (f"row {at}", "", "")) for at in range(500)]
        await settled(pilot)
        app.table.set_source(ListSource(rows), keep=True)
        await settled(pilot)
        assert app.table.cursor == 340
        assert app.table.row is not None
        assert app.table.row.key == 300
        assert isinstance(first, Numbers)
        assert first.closed
        await pilot.press("space")
        app.table.clear_marks()
        assert app.table.targets() == [301]


async def test_a_refresh_does_not_take_back_where_the_cursor_went_meanwhile() -> None:
    class Slow(ListSource):
        def count(self) -> int:
            gate.wait(5)
            return super().count()

    gate = threading.Event()
    app = TableApp(Numbers(500))
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        app.table.move_to(200)
        await settled(pilot)
        line = 200 - app.table.scroll_offset.y
        rows = [Row(f"new {at}", ("new", "", "")) for at in range(3)]
        app.table.set_source(Slow(rows + [Row(at, (f"row {at}", "", "")) for at in range(500)]), keep=True)
        await pilot.press("k", "k")
        gate.set()
        await settled(pilot)
        assert app.table.row is not None
        assert app.table.row.key == 198
        assert app.table.cursor - app.table.scroll_offset.y == line - 2


async def test_enter_and_a_double_click_open_a_click_moves() -> None:
    app = TableApp(Numbers(50))
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(pilot)
        await pilot.click(VirtualTable, offset=(5, 4))
        assert app.table.cursor == 3
        await pilot.press("enter")
        await pilot.click(VirtualTable, offset=(5, 6), times=2)
        await pilot.pause()
        assert [key for what, key in app.heard if what == "selected"] == [3, 5]


async def test_cells_from_outside_are_literal_and_wide_letters_keep_the_columns_straight() -> None:
    rows = [
        Row(0, ("[red]x[/] \x1b[31m", "1", "a\nb")),
        Row(1, ("日本語の長い題名がここにある", "22", Text("styled", style="red"))),
    ]
    app = TableApp(ListSource(rows))
    async with app.run_test(size=(50, 8)) as pilot:
        await settled(pilot)
        lines = [app.table.render_line(y) for y in range(3)]
        assert {line.cell_length for line in lines} == {app.table.size.width}
        assert "[red]x[/] ␛[31m" in lines[1].text
        assert "\x1b" not in lines[1].text
        assert "a b" in lines[1].text
        assert "…" in lines[2].text


async def test_an_empty_table_says_what_belongs_there() -> None:
    app = TableApp(ListSource([]))
    async with app.run_test(size=(60, 8)) as pilot:
        await settled(pilot)
        await pilot.press("j", "G", "enter", "space", "pagedown")
        assert "nothing yet: press n" in "\n".join(shown(app.table))
        assert app.table.targets() == []


async def test_a_source_that_fails_says_so_and_the_app_lives() -> None:
    class Broken(Numbers):
        def page(self, first: int, n: int) -> list[Row]:
            raise OSError("the file is gone")

    app = TableApp(Broken(10))
    async with app.run_test(size=(60, 8)) as pilot:
        await settled(pilot)
        assert ("failed", "the file is gone") in app.heard
        assert "the file is gone" in "\n".join(shown(app.table))


async def test_a_narrow_terminal_drops_columns_and_keeps_the_cursor_in_view() -> None:
    app = TableApp(Numbers(500))
    async with app.run_test(size=(60, 30)) as pilot:
        await settled(pilot)
        await pilot.press("pagedown")
        await settled(pilot)
        assert "note" in shown(app.table)[0]
        await pilot.resize_terminal(24, 10)
        await settled(pilot)
        lines = shown(app.table)
        assert "note" not in lines[0]
        assert any("row 28" in line for line in lines)


@pytest.mark.parametrize("width", [12, 20, 34, 80, 200])
def test_columns_fill_the_width_and_the_highest_drop_goes_first(width: int) -> None:
    fitted = fit_columns(COLUMNS, width)
    names = [column.title for _, column, _ in fitted]
    assert names[0] == "name"
    assert "size" in names or "note" not in names
    if width >= 12:
        assert sum(cells + GAP for _, _, cells in fitted) == width
