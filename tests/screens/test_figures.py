from __future__ import annotations

import pytest
from rich.text import Text

from screens.figures import Part, facts, legend, plural, share_bar, sparkline, stacked_bar, table


@pytest.mark.parametrize(
    ("share", "bar"), [(0.0, "    "), (0.5, "██  "), (0.53125, "██▏ "), (1.0, "████"), (1.7, "████")]
)
def test_a_share_is_drawn_in_eighths_of_a_cell(share: float, bar: str) -> None:
    assert share_bar(share, 4).plain == bar


def test_a_target_stands_where_it_is() -> None:
    assert share_bar(0.25, 8, target=0.5).plain == "██  ┃   "
    assert share_bar(0.25, 8, target=1.0).plain == "██     ┃"


@pytest.mark.parametrize(
    ("amounts", "bar"),
    [
        ((50, 50), "aaaaabbbbb"),
        ((999, 1), "aaaaaaaaab"),
        ((1, 999), "abbbbbbbbb"),
        ((0, 7), "bbbbbbbbbb"),
        ((0, 0), "──────────"),
        ((1, 2), "aaabbbbbbb"),
    ],
)
def test_parts_fill_the_bar_and_none_that_is_there_vanishes(amounts: tuple[int, int], bar: str) -> None:
    assert stacked_bar([Part(amounts[0], "a"), Part(amounts[1], "b")], 10).plain == bar


def test_more_parts_than_cells_still_fit() -> None:
    assert len(stacked_bar([Part(1, sign) for sign in "abcdef"], 4).plain) == 4


def test_a_sparkline_goes_from_the_least_to_the_most() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 0, 7, 7], 2) == "▁█"
    assert sparkline([], 8) == ""


def test_a_table_aligns_and_keeps_markup_literal() -> None:
    rows = [["a", "1.0"], ["[red]long[/] name", "10.25"]]
    assert table(rows, "lr", head=["name", "value"]).plain.split("\n") == [
        "name               value",
        "a                    1.0",
        "[red]long[/] name  10.25",
    ]


def test_a_table_takes_what_does_not_fit_from_one_column() -> None:
    rows = [["ok", "a rather long explanation", "9"]]
    assert table(rows, "llr", width=20, flex=1).plain == "ok  a rather lon…  9"


def test_a_column_that_would_say_nothing_goes() -> None:
    assert table([["a wide first column", "a note"]], "ll", width=20).plain == "a wide first column"


def test_cells_hold_no_newlines_and_no_escapes() -> None:
    assert table([["a\nb", Text("c")]], "ll").plain == "a b  c"
    assert "\x1b" not in facts([("name", "\x1b[31mred")]).plain


def test_a_legend_breaks_between_its_entries() -> None:
    parts = [("accepted", Part(203, "█")), ("nothing", Part(0, "x")), ("rejected", Part(1_700, "▒"))]
    assert legend(parts, 40).plain == "█ accepted 203  ▒ rejected 1,700"
    assert legend(parts, 20).plain == "█ accepted 203\n▒ rejected 1,700"


def test_nouns_follow_their_counts() -> None:
    assert [plural(n, "batch", "batches") for n in (0, 1, 2_000)] == ["0 batches", "1 batch", "2,000 batches"]
    assert plural(2, "row") == "2 rows"
