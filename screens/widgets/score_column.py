"""One profile's side of a comparison: who scored, the score, the reason, and the trace as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from screens import teacher_text
from screens.render import DIM, WARN, clean, count, one_line, provenance, score_text
from screens.teacher_text import Taught
from screens.widgets.trace_view import TraceView
from stratos_tui.prism.bands import BAND_SIGNS, band_of, points
from stratos_tui.prism.trace import render_score
from stratos_tui.records import Profile, Scored
from stratos_tui.store.pairs import Reference

TICK_SECONDS = 0.1
"""How often the seconds go on while an answer is awaited."""
BAR_FROM = 44
"""Cells from which the score has its bar of ten."""


class ScoreColumn(Vertical):
    """What a scorer says of the article for one profile, beside what others said and what a teacher is asked."""

    HELP = "One profile's side. Left and right take another profile, enter chooses it from a list; j k scroll."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "other(1)", "profile", key_display="← →", tooltip="The next profile on this side"),
        Binding("left", "other(-1)", "the profile before", show=False),
        Binding("enter", "choose", "choose", tooltip="Choose this side's profile from the list"),
    ]
    DEFAULT_CSS = """
    ScoreColumn { width: 1fr; height: 1fr; }
    ScoreColumn > Static { height: auto; max-height: 4; }
    ScoreColumn > .teacher { display: none; text-wrap: nowrap; text-overflow: ellipsis; }
    ScoreColumn > .teacher.-on { display: block; }
    ScoreColumn > TraceView { height: 1fr; margin: 1 0 0 0; }
    """

    class Other(Message):
        """Another profile is wanted on this side: the next one, the one before, or (``by`` 0) one to be chosen."""

        def __init__(self, column: ScoreColumn, by: int) -> None:
            super().__init__()
            self.column = column
            self.by = by

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="pane")
        self.profile: Profile | None = None
        self.scored: Scored | None = None
        self._scorer = ""
        self._waits = ""
        self._began = 0.0
        self._failed = False
        self._taught: Taught | str | None = None

    def compose(self) -> ComposeResult:
        """Score and reason over the trace over what others said, the teacher last."""
        yield Static(classes="score", markup=False)
        yield TraceView()
        yield Static(classes="references", markup=False)
        yield Static(classes="teacher", markup=False)

    def on_mount(self) -> None:
        """Let the seconds go on while an answer is awaited."""
        self.set_interval(TICK_SECONDS, self._tick)

    def on_resize(self) -> None:
        """The bar comes and goes with the width."""
        self._draw()

    # what the screen tells

    def of(self, profile: Profile | None, scorer: str) -> None:
        """Show another profile or scorer, not scored yet."""
        self.profile, self._scorer = profile, scorer
        self.scored, self._waits, self._failed = None, "", False
        self.teach(None)
        parts = (profile.id, profile.kind, one_line(profile.location)) if profile else ("no profile",)
        self.border_title = Content(" · ".join(parts))
        self.query_one(TraceView).put("")
        self._draw()

    def wait(self, why: str) -> None:
        """Say what is waited for; seconds count from the first call on."""
        if not self._waits:
            self._began = monotonic()
        self._waits = why
        self._draw()

    def write(self, piece: str) -> None:
        """Append a piece of the answer."""
        if self._waits != "writing":
            self._began = monotonic()
            self._waits = "writing"
            # the teacher's may stand there already; it comes back under the whole answer
            self.query_one(TraceView).put("")
        self.query_one(TraceView).write(piece)

    def finish(self, scored: Scored) -> None:
        """Show the whole answer."""
        self.scored, self._waits = scored, ""
        self._put_traces()
        self._draw()

    def fail(self) -> None:
        """Show that no answer comes; the screen says why."""
        if self._waits == "writing" and isinstance(self._taught, Taught):
            self.query_one(TraceView).write(f"\n\n{teacher_text.trace(self._taught)}")
        self._waits, self._failed = "", True
        self._draw()

    def refer(self, references: Sequence[Reference]) -> None:
        """Show what others said of this pair."""
        text = Text()
        for reference in references:
            # not the usual dot, which is noise's sign
            text.append("   " if text else "")
            text.append_text(provenance(reference.source))
            text.append(f" {points(reference.tenths)} {BAND_SIGNS[band_of(reference.tenths)]}")
        self.query_one(".references", Static).update(text if text else Text("nobody else scored this pair", style=DIM))

    def teach(self, taught: Taught | str | None) -> None:
        """Show what a teacher said of this pair, or the name of the one that is being asked."""
        if taught == self._taught:
            return
        self._taught = taught
        line = self.query_one(".teacher", Static)
        line.set_class(taught is not None, "-on")
        if isinstance(taught, Taught):
            line.update(teacher_text.summary(taught))
            if self._waits != "writing":
                self._put_traces()
        elif taught is not None:
            line.update(teacher_text.asking(taught))

    def as_text(self) -> str:
        """Return what is shown, to copy."""
        if self.profile is None:
            return ""
        text = ""
        if self.scored is not None and self.scored.tenths is not None:
            score = render_score(self.scored.tenths, self.scored.reason)
            text = f"{self.profile.id} by {self._scorer}\n{clean(self.scored.trace)}\n{score}\n"
        return text + (teacher_text.copied(self._taught, self.profile.id) if isinstance(self._taught, Taught) else "")

    # keys

    def action_other(self, by: int) -> None:
        """Ask for a neighbour."""
        self.post_message(self.Other(self, by))

    def action_choose(self) -> None:
        """Ask for the list."""
        self.post_message(self.Other(self, 0))

    # drawing

    def _put_traces(self) -> None:
        """Show the scorer's trace from its beginning, and the teacher's under it."""
        scored = self.scored
        own = "" if scored is None else scored.trace if scored.tenths is not None else scored.raw
        taught = teacher_text.trace(self._taught) if isinstance(self._taught, Taught) else ""
        self.query_one(TraceView).put("\n\n".join(each for each in (own, taught) if each))

    def _tick(self) -> None:
        if self._waits:
            self._draw()

    def _draw(self) -> None:
        line = Text.assemble(provenance(self._scorer), "  ")
        scored, cells = self.scored, 10 if self.size.width >= BAR_FROM else 0
        if scored is None:
            if self._waits:
                line.append(f"{self._waits}  {monotonic() - self._began:.1f} s", style=DIM)
            else:
                line.append("no answer" if self._failed else "not scored", style=DIM)
        else:
            line.append_text(score_text(scored.tenths, cells=cells)).append(f"  {taken(scored.latency_ms)}", style=DIM)
            if scored.tokens_out:
                line.append(f"  {count(scored.tokens_out)} tok", style=DIM)
            if scored.tenths is None:
                line.append(f"\n{one_line(scored.error)}", style=WARN)
            else:
                line.append(f"\n{one_line(scored.reason)}", style="bold")
        self.query_one(".score", Static).update(line)


def taken(milliseconds: float) -> str:
    """Return how long an answer took: ``0.4 ms``, ``120 ms``, ``1.9 s``."""
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
