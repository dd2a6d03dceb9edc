from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.text import Text

from screens.render import (
    BAND_COLOURS,
    absolute,
    ago,
    clean,
    count,
    dollars,
    duration,
    literal,
    meter,
    one_line,
    provenance,
    score_text,
    share,
)

NOW = datetime(2026, 11, 12, 14, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tenths", "shown"),
    [(0, " 0.0 · "), (19, " 1.9 · █▉"), (55, " 5.5 ▪ █████▌"), (89, " 8.9 ▲ ████████▉"), (100, "10.0 ● ██████████")],
)
def test_a_score_is_a_number_a_sign_and_a_bar_of_one_width(tenths: int, shown: str) -> None:
    text = score_text(tenths)
    assert text.plain == shown.ljust(17)
    assert cell_len(text.plain) == cell_len(score_text(None).plain) == 17
    assert score_text(tenths, cells=0).plain == shown[:6]


def test_every_band_has_a_colour_that_reads_on_both_backgrounds() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in BAND_COLOURS.values():
        for ground in ("#11141a", "#fbfbf9"):
            high, low = sorted((luminance(colour), luminance(ground)), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= 2.8, (colour, ground)


def test_text_from_outside_cannot_command_the_terminal() -> None:
    hostile = "a\x1b]0;owned\x07b\x9b31mc\u202edlrow\r\nnext\ud800\ttab\x7f"
    assert not any(ord(letter) < 32 and letter != "\n" for letter in clean(hostile))
    assert not any(0x7F <= ord(letter) < 0xA0 or 0xD800 <= ord(letter) < 0xE000 for letter in clean(hostile))
    assert "\u202e" not in clean(hostile)
    assert clean(hostile).encode()
    assert one_line(" a\n\n b\t c ") == "a b c"
    assert literal("[red]x[/]").plain == "[red]x[/]"
    assert literal("[red]x[/]").spans == []


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rehearsal", "rehearsal"),
        ("rubric", "rubric"),
        ("student:7", "run 7"),
        ("claude:claude-opus-5-5", "claude-opus-5-5"),
        ("openai:m@http://x", "openai:m@http://x"),
        ("hf:[red]/\x1bpath", "hf:[red]/␛path"),
    ],
)
def test_provenance_names_who_made_a_score(source: str, shown: str) -> None:
    assert provenance(source).plain == shown


def test_numbers_have_separators_and_units() -> None:
    assert count(1234567) == "1,234,567"
    assert share(0.6124) == "61.2 %"
    assert (dollars(6_100_000_000), dollars(5_000_000), dollars(0)) == ("$6.10", "$0.0050", "$0.00")
    assert [duration(s) for s in (41, 185, 3_000, 7_500, 300_000)] == [
        "41 s",
        "3 m 05 s",
        "50 m",
        "2 h 05 m",
        "3 d 11 h",
    ]
    assert (meter(0, 0), meter(5, 10), meter(20, 10)) == ("──────────", "━━━━━─────", "━━━━━━━━━━")


def test_times_are_relative_and_absolute() -> None:
    stamp = "2026-11-12T13:10:00.000+00:00"
    assert (ago(stamp, NOW), ago(None, NOW), ago("2026-11-12T14:02:00.500+00:00", NOW)) == ("52 m ago", "", "now")
    assert absolute(stamp) == "2026-11-12 13:10 UTC"


def test_literal_text_keeps_its_style() -> None:
    assert literal("x", "bold") == Text("x", style="bold")
