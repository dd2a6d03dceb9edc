"""Writes one example of a build token by token: which tokens carry loss, where the prompt ends, and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from screens.figures import percent
from screens.render import DIM, WARN, clean, count
from screens.widgets.rows import Column, Row

if TYPE_CHECKING:
    from stratos_tui.training.mask import Token

SUPERVISED, UNSUPERVISED = "+", "·"
STYLES = {True: "#2f9e5b", False: DIM}
COLUMNS = (
    Column("#", 5, align="right"),
    Column("", 1),
    Column("id", 6, align="right"),
    Column("token", 12, flex=1),
)
BOUNDARY = "boundary"
"""The key of the row between the last token of the prompt and the first that is trained on."""


def first_supervised(tokens: Sequence[Token]) -> int | None:
    """Return the position of the first token that carries loss: the prompt is what comes before it."""
    return next((at for at, token in enumerate(tokens) if token.supervised), None)


def totals(tokens: Sequence[Token]) -> Text:
    """Return how many tokens carry loss, where the prompt ends, and the token that ends the turn."""
    supervised = sum(token.supervised for token in tokens)
    start = first_supervised(tokens)
    text = Text.assemble(
        (f"{SUPERVISED} {count(supervised)} supervised", f"bold {STYLES[True]}"),
        ("   ", ""),
        (f"{UNSUPERVISED} {count(len(tokens) - supervised)} not", STYLES[False]),
        f"   {count(len(tokens))} in all, {percent(supervised / len(tokens) if tokens else None)}",
    )
    if start is None:
        return text.append("   ✗ nothing carries loss: it would teach nothing", style=WARN)
    text.append(f"   prompt ends at {count(start)}, {shown(tokens[start].text)} … {shown(tokens[-1].text)}")
    if any(not token.supervised for token in tokens[start:]):
        text.append("   ✗ tokens behind the prompt carry no loss", style=WARN)
    return text


def rows(tokens: Sequence[Token]) -> list[Row]:
    """Return a row a token, with one more where the prompt ends."""
    start = first_supervised(tokens)
    found = []
    for at, token in enumerate(tokens):
        if at == start:
            found.append(Row(BOUNDARY, ("", "", "", Text("── prompt ends ──", style="bold"))))
        style = STYLES[token.supervised]
        sign = Text(SUPERVISED if token.supervised else UNSUPERVISED, style=f"bold {style}")
        found.append(Row(at, (count(at), sign, Text(str(token.id), style=DIM), Text(shown(token.text), style=style))))
    return found


def running(tokens: Sequence[Token], *, supervised: bool) -> Text:
    """Return the text of the tokens that carry loss, or of those that carry none, as it runs."""
    return Text(clean("".join(token.text for token in tokens if token.supervised == supervised)), STYLES[supervised])


def shown(text: str) -> str:
    """Return what a token stands for on one line, with its spaces and line ends to be seen."""
    return clean(text.replace("\t", "⇥")).replace("\n", "⏎").replace(" ", "␣")
