from __future__ import annotations

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from screens.widgets.trace_view import FLUSH_SECONDS, TraceView


class OnePane(App[None]):
    def compose(self) -> ComposeResult:
        yield TraceView()


def lines(view: TraceView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


async def flushed(pilot: Pilot[None]) -> None:
    await pilot.pause(2 * FLUSH_SECONDS)


async def test_pieces_become_wrapped_lines_without_the_tags_around_a_trace() -> None:
    app = OnePane()
    async with app.run_test(size=(24, 12)) as pilot:
        view = app.query_one(TraceView)
        for piece in (
            "<thi",
            "nk>\nPROFILE: a b",
            "\nANALYSIS:\n- Topic rele",
            "vance: STRONG — CPEG = CPEG? yes\n</thi",
        ):
            view.write(piece)
        view.write("nk>\n\nSCORE: 9.5")
        await flushed(pilot)
        assert lines(view)[:7] == [
            "PROFILE: a b",
            "ANALYSIS:",
            "- Topic relevance:",
            "  STRONG — CPEG = CPEG?",
            "  yes",
            "",
            "SCORE: 9.5",
        ]
        assert (
            view.text
            == "<think>\nPROFILE: a b\nANALYSIS:\n- Topic relevance: STRONG — CPEG = CPEG? yes\n</think>\n\nSCORE: 9.5"
        )
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert lines(view)[2] == "- Topic relevance: STRONG — CPEG = CPEG? yes"
        view.put("CONTENT: another")
        assert lines(view)[:2] == ["CONTENT: another", ""]


async def test_what_a_model_writes_is_text() -> None:
    app = OnePane()
    async with app.run_test(size=(60, 8)) as pilot:
        view = app.query_one(TraceView)
        view.write("CONTENT: \x1b[31mred\x1b[0m [bold]x[/bold] \u202edlrow\n\x07\tend")
        await flushed(pilot)
        assert lines(view)[0] == "CONTENT: ␛[31mred␛[0m [bold]x[/bold] \N{REPLACEMENT CHARACTER}dlrow"
        assert lines(view)[1].startswith("␇")
        assert not any("\x1b" in line for line in lines(view))


async def test_it_follows_the_end_until_it_is_scrolled_away() -> None:
    app = OnePane()
    async with app.run_test(size=(30, 6)) as pilot:
        view = app.query_one(TraceView)
        view.focus()
        view.write("\n".join(f"line {number}" for number in range(40)))
        await flushed(pilot)
        assert lines(view)[-1] == "line 39"
        await pilot.press("g")
        await pilot.pause()
        view.write("\nline 40")
        await flushed(pilot)
        assert lines(view)[0] == "line 0"
        await pilot.press("G")
        await pilot.pause()
        view.write("\nline 41")
        await flushed(pilot)
        assert lines(view)[-1] == "line 41"
