"""Every profile's score of one article by one scorer, beside the expected and the teacher's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.timer import Timer

from screens.render import DIM, WARN, score_text
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.prism.bands import BAND_SIGNS, band_of, points
from stratos_tui.records import Profile, Scored
from stratos_tui.store.pairs import Reference

DRAW_SECONDS = 0.1
"""Answers that come closer together than this are drawn together."""


class ScoreMatrix(VirtualTable):
    """One row a profile. Enter puts a profile on the left side of the comparison."""

    HELP = "Every profile's score of this article. Enter compares the profile under the cursor with the left one."

    def __init__(self, *, id: str, classes: str) -> None:
        super().__init__(
            [
                Column("profile", 22, flex=1),
                Column("kind", 8, drop=3),
                Column("score", 17),
                Column("expected", 8, align="right"),
                Column("teacher", 8, align="right", drop=1),
                Column("reason", 20, flex=3, drop=2),
            ],
            empty="No profiles: press 2, then n.",
            id=id,
            classes=classes,
        )
        self.said: dict[str, Scored] = {}
        self._profiles: list[Profile] = []
        self._references: Mapping[str, Sequence[Reference]] = {}
        self._due: Timer | None = None

    def of(self, profiles: list[Profile]) -> None:
        """Show these profiles, not scored yet."""
        self._profiles = profiles
        self.said = {}
        self._soon()

    def refer(self, references: Mapping[str, Sequence[Reference]]) -> None:
        """Show what others said, by profile."""
        if references != self._references:
            self._references = references
            self._soon()

    def put(self, scored: Scored) -> None:
        """Show one answer."""
        self.said[scored.profile_id] = scored
        self._soon()

    def _soon(self) -> None:
        if self._due is None:
            self._due = self.set_timer(DRAW_SECONDS, self._draw)

    def _draw(self) -> None:
        self._due = None
        self.set_source(ListSource([self._row(profile) for profile in self._profiles]), keep=True)

    def _row(self, profile: Profile) -> Row:
        scored = self.said.get(profile.id)
        references = self._references.get(profile.id, ())
        expected = next((each.tenths for each in references if each.source == "expected"), None)
        teacher = next((each.tenths for each in references if each.kind == "teacher"), None)
        reason: str | Text = ""
        if scored is not None:
            reason = scored.reason if scored.tenths is not None else Text(scored.error, style=WARN)
        score = Text("   …", style=DIM) if scored is None else score_text(scored.tenths)
        return Row(profile.id, (profile.id, profile.kind, score, _other(expected), _other(teacher), reason))


def _other(tenths: int | None) -> Text:
    return Text("—", style=DIM) if tenths is None else Text(f"{points(tenths)} {BAND_SIGNS[band_of(tenths)]}")
