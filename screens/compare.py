"""Phase 9, Compare: one article, two profiles side by side, their traces as they are written, and the gap."""

from __future__ import annotations

from typing import ClassVar, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from screens.article_text import dateline
from screens.compare_choose import (
    SIDES,
    Side,
    Snapshot,
    beside,
    gap_text,
    profiles_window,
    read,
    scorers_window,
)
from screens.compare_find import CompareCommands, FindArticleScreen
from screens.compare_teacher import TeacherDesk
from screens.frame import PhaseScreen
from screens.in_order import InOrder
from screens.live_scores import LiveScores
from screens.render import DIM, clean, count, one_line, provenance
from screens.teacher_text import Taught
from screens.widgets.reading_pane import ReadingPane
from screens.widgets.score_column import ScoreColumn
from screens.widgets.score_matrix import ScoreMatrix
from screens.widgets.trace_view import TraceView
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.evaluation.sanity import APART_ARTICLE, DOWN_PROFILE, UP_PROFILE
from stratos_tui.prism.prompts import reference_date_of
from stratos_tui.records import Article, Profile, Scored
from stratos_tui.scoring.compare import gap_tenths
from stratos_tui.scoring.scorer_adaptive import Task
from stratos_tui.scoring.scorers import RUBRIC
from stratos_tui.store import articles
from stratos_tui.store.pairs import Reference

LEAF = Binding.Group("leaf")
"""The keys that leaf through the articles."""


class CompareScreen(PhaseScreen[Snapshot]):
    """The same article for two readers: do their scores part, and does the trace say why?"""

    TITLE = "Compare"
    PHASE = "compare"
    CSS_PATH = "compare.tcss"
    AUTO_FOCUS = "#left TraceView"
    COMMANDS = PhaseScreen.COMMANDS | {CompareCommands}
    HELP = (
        "One article scored live for two profiles. n and p leaf through the articles, / finds one, tab goes to the "
        "other side, left and right take another profile there, enter chooses it from the list. s changes the scorer, "
        "m shows every profile, t swaps the sides, r asks again. T asks a teacher about both sides, after it has shown "
        "what that can cost; what it answered before is shown as it is stored."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "next", tooltip="The next article", group=LEAF),
        Binding("p", "step(-1)", "previous", tooltip="The article before", group=LEAF),
        Binding("s", "scorer", "scorer", tooltip="Choose who scores: the rubric or a finished run"),
        Binding("m", "matrix", "matrix", tooltip="Score every profile on this article"),
        Binding("T", "teacher", "teacher", tooltip="Ask a teacher about both sides, after showing the price"),
        Binding("r", "again", "score now", tooltip="Ask the scorer again"),
        Binding("slash", "find", "find", key_display="/", tooltip="Find an article by its title or source"),
        Binding("t", "swap", "swap", tooltip="Swap the two sides"),
        Binding("y", "copy", "copy", tooltip="Copy both traces and scores"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._data: Snapshot | None = None
        self._article_id = APART_ARTICLE
        self._sides: dict[Side, str] = {"left": UP_PROFILE, "right": DOWN_PROFILE}
        self._scorer = RUBRIC
        self._asked: object = None
        self._rubric: dict[str, Reference] = {}
        self._errands = InOrder(self)
        self._desk = TeacherDesk(self, self.reload)

    def compose_body(self) -> ComposeResult:
        """The article over two columns, or the matrix, over the gap."""
        yield ReadingPane(id="article", classes="pane")
        with Horizontal(id="sides"):
            yield ScoreColumn(id="left")
            yield ScoreColumn(id="right")
        with Vertical(id="all"):
            yield ScoreMatrix(id="matrix", classes="pane")
            yield TraceView(id="trace")
        yield Static("", id="gap", markup=False)

    def on_mount(self) -> None:
        """Be ready to score; nothing is started yet."""
        self._scores = LiveScores(self, self)

    async def on_unmount(self) -> None:
        """End the scoring process."""
        await self._scores.close()

    # reading

    def load(self) -> Snapshot:
        """Read the article on show, or another one where there is none of that id; who can score; what others said."""
        return read(self.store, self._article_id)

    def show(self, data: Snapshot) -> None:
        """Show the article, and have it scored where it, a side or the scorer has changed."""
        self._data = data
        if data.article is not None:
            self._article_id = data.article.id
        if self._scorer not in data.scorers:
            self._scorer = RUBRIC
        for side in SIDES:
            if self._sides[side] not in data.profiles:
                free = [each for each in data.profiles if each not in self._sides.values()]
                self._sides[side] = free[0] if free else ""
        self._show_article(data)
        self._choose()

    def _show_article(self, data: Snapshot) -> None:
        pane = self.query_one("#article", ReadingPane)
        if data.article is None:
            pane.border_title = ""
            pane.put(Text("No articles. Press 3, then i to import a file.", style=DIM))
            return
        pane.border_title = Content(one_line(data.article.title))
        pane.border_subtitle = f"{count(data.place)} of {count(data.of)}"
        text = dateline(data.article, self.host.clock().date())
        pane.put(text.append("\n").append(clean(data.article.body)))

    # scoring

    def _choose(self, *, again: bool = False) -> None:
        """Show what is chosen; ask for what is not scored yet. What was being scored for another choice is dropped."""
        data = self._data
        if data is None:
            return
        article, matrix = data.article, self.has_class("-matrix")
        sides = [data.profiles.get(self._sides[side]) for side in SIDES]
        wanted = (article, tuple(data.profiles.values()) if matrix else tuple(sides), self._scorer, matrix)
        if wanted == self._asked and not again:
            self._refer()
            return
        self._asked, self._rubric = wanted, {}
        for side, profile in zip(SIDES, sides, strict=True):
            self._column(side).of(profile, self._scorer)
        self.query_one(ScoreMatrix).of(list(data.profiles.values()))
        self._refer()
        self._say_gap()
        if article is not None:
            chosen = [profile for profile in sides if profile is not None]
            rest = [profile for profile in data.profiles.values() if matrix and profile not in chosen]
            self._scores.ask(self._scorer, [self._pair(profile, article) for profile in chosen + rest], again=again)

    def _pair(self, profile: Profile, article: Article) -> Task:
        return Task(profile, article, reference_date_of(article, self.host.clock().date()))

    def waiting(self, profile_ids: list[str], why: str) -> None:
        """Say what the answers for these profiles wait for."""
        for column in self._columns_of(profile_ids):
            column.wait(why)

    def wrote(self, profile_id: str, piece: str) -> None:
        """Append a piece of the answer for a profile."""
        for column in self._columns_of([profile_id]):
            column.write(piece)

    def answered(self, scored: Scored) -> None:
        """Show a whole answer."""
        for column in self._columns_of([scored.profile_id]):
            column.finish(scored)
        matrix = self.query_one(ScoreMatrix)
        matrix.put(scored)
        if matrix.row is not None and matrix.row.key == scored.profile_id:
            self.query_one("#trace", TraceView).put(scored.trace or scored.raw)
        self._say_gap()

    def rubric_answered(self, scored: Scored) -> None:
        """Show the rubric's score beside the other scorer's."""
        if scored.tenths is not None:
            self._rubric[scored.profile_id] = Reference(
                scored.profile_id, "scorer", RUBRIC, scored.tenths, scored.reason
            )
            self._refer()

    def unanswered(self, profile_ids: list[str], message: str) -> None:
        """Show that no answer comes, and why."""
        for column in self._columns_of(profile_ids):
            column.fail()
        self.fail(message, again="r")

    def _refer(self) -> None:
        """Show what others said: labels, teachers, and other scorers than the one that is asked."""
        references = self._data.references if self._data else {}
        article = self._data.article if self._data else None
        for column in self.query(ScoreColumn):
            profile = column.profile
            taught = self._desk.of(self._pair(profile, article)) if profile and article else None
            column.teach(taught)
            told = {self._scorer, RUBRIC, taught.teacher.name if isinstance(taught, Taught) else ""}
            others = [each for each in references.get(profile.id if profile else "", ()) if each.source not in told]
            rubric = self._rubric.get(profile.id) if profile else None
            column.refer(others if rubric is None else [*others, rubric])
        self.query_one(ScoreMatrix).refer(references)

    def _column(self, side: Side) -> ScoreColumn:
        return self.query_one(f"#{side}", ScoreColumn)

    def _columns_of(self, profile_ids: list[str]) -> list[ScoreColumn]:
        return [each for each in self.query(ScoreColumn) if each.profile and each.profile.id in profile_ids]

    def _say_gap(self) -> None:
        if self.has_class("-matrix"):
            said = list(self.query_one(ScoreMatrix).said.values())
            gap = gap_tenths([each for each in said if each.tenths is not None])
            what = "widest gap"
        else:
            both = [self._column(side).scored for side in SIDES]
            gap = gap_tenths([each for each in both if each is not None]) if None not in both else None
            what = "gap" if gap is not None or None in both else "an answer has no score: gap"
        self.query_one("#gap", Static).update(gap_text(what, gap).append("  ").append_text(provenance(self._scorer)))

    # keys

    def action_step(self, by: Literal[-1, 1]) -> None:
        """Go to the next article, or the one before."""
        self._errands.do(lambda: articles.beside(self.store, self._article_id, by), self._go_to)

    def _go_to(self, article_id: str | None) -> None:
        if article_id is None:
            self.say("there is no further article")
        else:
            self.say("")
            self._article_id = article_id
            self.reload()

    def action_find(self) -> None:
        """Find an article in the listing."""

        def found(article_id: str | None) -> None:
            if article_id is not None:
                self._go_to(article_id)

        self.app.push_screen(FindArticleScreen(), found)

    def action_swap(self) -> None:
        """Swap the sides."""
        self._sides = {"left": self._sides["right"], "right": self._sides["left"]}
        self._choose()

    def action_matrix(self) -> None:
        """Show every profile, or the two sides again."""
        self.toggle_class("-matrix")
        matrix = self.has_class("-matrix")
        (self.query_one(ScoreMatrix) if matrix else self.query_one("#left TraceView")).focus()
        self._choose()

    def action_again(self) -> None:
        """Ask the scorer again."""
        self.say("")
        self._choose(again=True)

    def action_teacher(self) -> None:
        """Ask a teacher about the two sides."""
        article = self._data.article if self._data else None
        shown = [each.profile for each in self.query(ScoreColumn) if each.profile is not None]
        if self.has_class("-matrix"):
            self.say("a teacher is asked about two sides: m shows them")
        elif article is None or not shown:
            self.say("there is no pair to ask about")
        else:
            self._desk.ask([self._pair(profile, article) for profile in shown])

    def action_scorer(self) -> None:
        """Choose who scores."""
        if self._data is None:
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                self.use_scorer(name)

        self.app.push_screen(scorers_window(self._data, self._scorer), chosen)

    def action_copy(self) -> None:
        """Copy what both sides show."""
        article = self._data.article if self._data else None
        parts = [text for side in SIDES if (text := self._column(side).as_text())]
        if article is not None and parts:
            self.app.copy_to_clipboard("\n".join([clean(article.title), *parts]))
            self.say("✓ copied")

    def action_back(self) -> None:
        """Leave the matrix, then clear the notice."""
        if self.has_class("-matrix"):
            self.action_matrix()
        else:
            super().action_back()

    # choosing, also from the palette

    @property
    def choices(self) -> Snapshot | None:
        """What there is to choose from."""
        return self._data

    def use_scorer(self, name: str) -> None:
        """Have another scorer score."""
        self._scorer = name
        self._choose()

    def use_profile(self, side: Side, profile_id: str) -> None:
        """Put a profile on a side; one that is on the other side changes places."""
        other: Side = "right" if side == "left" else "left"
        if self._sides[other] == profile_id:
            self._sides[other] = self._sides[side]
        self._sides[side] = profile_id
        self._choose()

    @on(ScoreColumn.Other)
    def _other(self, event: ScoreColumn.Other) -> None:
        side: Side = "left" if event.column.id == "left" else "right"
        data = self._data
        if data is None or not data.profiles:
            self.say("no profiles: press 2, then n")
        elif event.by:
            taken = self._sides["right" if side == "left" else "left"]
            self.use_profile(side, beside(data, self._sides[side], taken, event.by))
        else:

            def chosen(profile_id: str | None) -> None:
                if profile_id is not None:
                    self.use_profile(side, profile_id)

            self.app.push_screen(profiles_window(data, side, self._sides[side]), chosen)

    @on(VirtualTable.Highlighted, "#matrix")
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        scored = self.query_one(ScoreMatrix).said.get(str(event.row.key)) if event.row else None
        self.query_one("#trace", TraceView).put((scored.trace or scored.raw) if scored else "")

    @on(VirtualTable.Selected, "#matrix")
    def _picked(self, event: VirtualTable.Selected) -> None:
        if event.row.key not in self._sides.values():
            self._sides = {"left": str(event.row.key), "right": self._sides["left"]}
        self.action_matrix()
