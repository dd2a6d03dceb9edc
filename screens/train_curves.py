"""The curves of a run over those of other runs, each of which has a letter and a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.style import Style

from screens.train_data import Rival, Telling
from screens.widgets.curve import Line, decimate
from stratos_tui.store.runs import Point

KEPT_POINTS = 400
"""A curve is kept this many buckets wide: more than any terminal has dots across."""
TRAIN_STYLE = Style(color="#5f87af")
EVAL_STYLE = Style(color="#d7af5f", bold=True)
RIVAL_COLOURS = ("#d6408f", "#8f6fd6", "#d9822b", "#1f9e9e", "#bd5f3f", "#858d98")
"""A letter tells runs apart too, so that colour is not needed."""


@dataclass(frozen=True, slots=True)
class Overlaid:
    """Another run with what marks its curves: a small letter on its loss, the capital where it was evaluated."""

    rival: Rival
    letter: str
    style: Style

    @property
    def name(self) -> str:
        """What a legend calls it."""
        return f"run {self.rival.run_id}"

    @property
    def sign(self) -> str:
        """What stands at each evaluation."""
        return self.letter.upper()


def overlaid(rivals: Sequence[Rival]) -> list[Overlaid]:
    """Give each run a letter and a colour; there are as many as runs that are read."""
    return [
        Overlaid(rival, chr(ord("a") + at), Style(color=colour))
        for at, (rival, colour) in enumerate(zip(rivals, RIVAL_COLOURS[: len(rivals)], strict=True))
    ]


def lines(telling: Telling) -> list[Line]:
    """Return the curves of a run and, below them, of what is laid under it."""
    found = [
        Line("train", decimate(_curve(telling.train), KEPT_POINTS), TRAIN_STYLE),
        Line("eval", decimate(_curve(telling.held_out), KEPT_POINTS), EVAL_STYLE, sign="◆"),
    ]
    for each in overlaid(telling.rivals):
        train = decimate(_curve(each.rival.train), KEPT_POINTS)
        held_out = decimate(_curve(each.rival.held_out), KEPT_POINTS)
        found.append(Line(each.name, train, each.style, sign=each.letter, joined=True))
        found.append(Line("its eval", held_out, each.style, sign=each.sign))
    return found


def _curve(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(point.step), point.loss) for point in points if point.loss is not None]
