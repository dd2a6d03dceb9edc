"""Text from outside loses what a terminal, a model or SQLite would obey or choke on, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.text import one_line, plain


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x00b\x07c\x9b", "abc"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("abc\u202eegpj.exe", "abcegpj.exe"),
        ("tag\U000e0041", "tag"),
        ("half \ud83d emoji", "half  emoji"),
        ("[b]bold[/b] <b>x</b> <|im_end|>", "[b]bold[/b] <b>x</b> <|im_end|>"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("Cafe\u0301 غلابة 😀", "Café غلابة 😀"),
    ],
)
def test_what_is_left(hostile: str, left: str) -> None:
    assert plain(hostile) == left


@given(st.text(alphabet=st.characters()))
def test_cleaning_is_done_once_and_for_all(text: str) -> None:
    clean = plain(text)
    assert plain(clean) == clean
    clean.encode()
    assert "\n" not in one_line(text)
    assert one_line(one_line(text)) == one_line(text)
