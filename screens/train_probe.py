"""The pane beside the loss: what each probe found of paired profiles, and whether the student tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from screens.figures import decimals, percent
from screens.render import DIM
from screens.train_curves import Overlaid
from screens.widgets.curve import Curve, Line
from stratos_tui.store.probes import Probe

GAP_STYLE = Style(color="#2f9e5b", bold=True)
PSR_STYLE = Style(color="#4a90d9", bold=True)
NEEDED_STYLE = Style(color=DIM)
BAD, GOOD = "bold #d65d5d", "#2f9e5b"


class ProbePane(Vertical):
    """The gap over the PSR of a run's probes, by step, under one line that says what the last one means."""

    HELP: ClassVar[str | None] = (
        "Contrast pairs of held-out articles, scored at each evaluation. The gap is the mean difference in the "
        "teacher's direction, in points, over the dotted line that it must pass; PSR is the share of pairs that differ "
        "so by 1.0 or more. Low loss with no gap is a student that ignores its profile."
    )

    def compose(self) -> ComposeResult:
        """What the last probe means; the gap; the PSR."""
        yield Static("", id="probe-said", markup=False)
        yield Curve(empty="No gap was measured yet.", id="gap")
        yield Curve(empty="", id="psr")

    def on_mount(self) -> None:
        """Name the pane."""
        self.border_title = "paired-profile probe"

    def put(
        self, found: Sequence[Probe], least_gap: float, until: float | None, rivals: Sequence[Overlaid] = ()
    ) -> None:
        """Show a run's probes over other runs'; ``least_gap`` is what the gap needs, in points, ``until`` the last step
        to come."""
        self.query_one("#probe-said", Static).update(said(found[-1] if found else None, least_gap))
        gaps = _gaps(found)
        needed = [(gaps[0][0], least_gap), (max(gaps[-1][0], until or 0.0), least_gap)] if gaps else []
        others = [Line(each.name, _gaps(each.rival.probes), each.style, sign=each.sign) for each in rivals]
        self.query_one("#gap", Curve).set_lines(
            [Line("gap", gaps, GAP_STYLE, sign="▲"), *others, Line("", needed, NEEDED_STYLE)], until=until
        )
        others = [Line(each.name, _shares(each.rival.probes), each.style, sign=each.sign) for each in rivals]
        self.query_one("#psr", Curve).set_lines(
            [Line("PSR %", _shares(found), PSR_STYLE, sign="●"), *others], until=until
        )


def _gaps(found: Sequence[Probe]) -> list[tuple[float, float]]:
    return [(float(probe.step), probe.gap) for probe in found if probe.gap is not None]


def _shares(found: Sequence[Probe]) -> list[tuple[float, float]]:
    return [(float(probe.step), probe.psr * 100) for probe in found if probe.psr is not None]


def said(probe: Probe | None, least_gap: float, *, brief: bool = False) -> Text:
    """Return what a run's last probe means, in one line."""
    if probe is None:
        return Text("not probed yet", style=DIM)
    if probe.gap is None:
        return Text(f"✗ {'no pair' if brief else f'none of {probe.pairs} pairs could be'} read", style=BAD)
    text = Text()
    if probe.gap < least_gap:
        text.append("✗ " if brief else "✗ no profile sensitivity: ", style=BAD)
    else:
        text.append("✓ ", style=GOOD)
    return text.append(f"gap {decimals(probe.gap, 1)} · PSR {percent(probe.psr, 0)}")
