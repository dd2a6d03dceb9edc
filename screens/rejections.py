"""Phase 5, Rejections: why answers were not accepted, each with its offending part marked, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.types import CSSPathType

from screens import rejection_text
from screens.figures import plural
from screens.in_order import InOrder
from screens.render import count, provenance, score_text
from screens.views import ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column, ListSource, Row
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.errors import StratosError
from stratos_tui.records import Article, Profile
from stratos_tui.store import articles, phase_views, profiles, rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.pages import Record
from stratos_tui.store.rejections import RejectedAnswer

EVERY = ""
"""The key of the row that stands for every reason."""
NOTHING = "No rejected answer under the cursor."


@dataclass(frozen=True, slots=True)
class Detail:
    """One rejected answer with what it is about."""

    answer: RejectedAnswer
    article: Article | None
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Reasons with their counts, and the answer under the cursor."""

    reasons: dict[str, int]
    detail: Detail | None


class RejectionsScreen(ViewsScreen[Shown]):
    """Why answers were rejected: accept one as it is, discard it, or ask again."""

    PHASE = "rejections"
    HELP = (
        "Answers that broke a rule: reasons on the left, then the answers, then the one under the cursor with its "
        "offending part between ⟦ and ⟧. a accepts it as it is, x gives its pair up, r asks again; u takes it back."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "rejections.tcss"]
    AUTO_FOCUS = "#list VirtualTable"
    VIEWS = ("answer", "about", "reasons")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "accept", "accept", tooltip="Accept the marked answers, or the one under the cursor, as they are"),
        Binding("x", "discard", "discard", tooltip="Give their pairs up: they are not asked again, and not missed"),
        Binding("r", "requeue", "ask again", tooltip="Plan a further attempt at their pairs; phase 4 sends it"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._chosen: int | None = None
        self._drawn: tuple[int, bool] | None = None
        self._reads = InOrder(self)

    def compose_body(self) -> ComposeResult:
        """Reasons, the list, and on the right the answer over what it is about."""
        yield VirtualTable(
            [Column("reason", 11, flex=1), Column("n", 5, align="right")],
            empty="no reason yet",
            markable=False,
            id="reasons",
            classes="pane",
        )
        yield ListingTable(
            "rejections",
            [
                Column("article", 14, flex=2),
                Column("profile", 10, flex=1, drop=2),
                Column("score", 6, drop=1),
                Column("by", 9, drop=3),
            ],
            self._cells,
            empty="No rejected answers. They come from phase 4.",
            id="list",
            classes="pane",
        )
        with Vertical(id="right"):
            yield TextPane("answer", id="answer")
            yield TextPane("article and profile", id="about")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#reasons").border_title = "reasons"
        self.query_one("#list").border_title = "rejected answers"

    def _cells(self, record: Record) -> tuple[str | Text, ...]:
        return (
            f"↻ {record['title']}" if record["resolved"] else record["title"],
            record["profile_id"],
            score_text(record["tenths"], cells=0),
            provenance(record["teacher"]),
        )

    def load(self) -> Shown:
        """Read the reasons and the answer under the cursor."""
        return Shown(phase_views.rejection_counts(self.store), self._read(self._chosen))

    def show(self, data: Shown) -> None:
        """Show the reasons, and the answer again where it changed."""
        rows = [Row(EVERY, (Text("all", style="bold"), count(sum(data.reasons.values()))))]
        rows += [Row(code, (rejection_text.name_of(code), count(n))) for code, n in data.reasons.items()]
        reasons = self.query_one("#reasons", VirtualTable)
        reasons.set_source(ListSource(rows if data.reasons else []), keep=True)
        self._show_detail(data.detail)

    @on(VirtualTable.Highlighted)
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        if event.control.id == "reasons":
            if event.row is not None:
                self._listing.set_scope(code=str(event.row.key) or None)
            return
        if event.row is None and self._listing.table.row_count:
            return
        self._chosen = None if event.row is None else int(str(event.row.key))
        self._reads.do(partial(self._read, self._chosen), self._show_detail, kind="detail")

    @on(VirtualTable.Selected)
    def _opened(self, event: VirtualTable.Selected) -> None:
        """Go from a reason to its answers, and from an answer to its text."""
        if event.control.id == "reasons":
            self._listing.table.focus()
        elif self.compact:
            self.turn_to("answer")
        else:
            self.query_one("#answer", TextPane).focus()

    @property
    def _listing(self) -> ListingTable:
        return self.query_one("#list", ListingTable)

    def _read(self, request_id: int | None) -> Detail | None:
        answer = None if request_id is None else rejections.one(self.store, request_id)
        if answer is None:
            return None
        about = answer.rejection
        return Detail(answer, articles.get(self.store, about.article_id), profiles.get(self.store, about.profile_id))

    def _show_detail(self, detail: Detail | None) -> None:
        answer, about = self.query_one("#answer", TextPane), self.query_one("#about", TextPane)
        if detail is None:
            self._drawn = None
            answer.put(Text(NOTHING, style="dim"), title="answer", top=True)
            about.put(Text())
            return
        found = detail.answer.rejection
        key = (found.request_id, found.resolved)
        if key == self._drawn:
            return
        self._drawn = key
        answer.put(
            rejection_text.answer(detail.answer), title=f"answer {found.request_id} · attempt {found.attempt}", top=True
        )
        answer.reveal(rejection_text.lines_before_span(detail.answer, answer.room))
        about.put(rejection_text.about(detail.article, detail.profile, detail.answer.reference_date), top=True)

    # what the keys do

    def action_accept(self) -> None:
        """Accept answers as they are."""
        from stratos_tui.distill import decide
        from stratos_tui.distill.settings import DistillSettings

        settings = DistillSettings()
        self._decide(
            lambda store, request_id: decide.accept(store, request_id, settings),
            lambda store, done: [decide.undo(store, settings, each) for each in done],
            ("accepted", "a"),
        )

    def action_discard(self) -> None:
        """Give the pairs of answers up."""
        from stratos_tui.distill import decide
        from stratos_tui.distill.settings import DistillSettings

        settings = DistillSettings()
        self._decide(
            lambda store, request_id: decide.discard(store, request_id, settings),
            lambda store, done: [decide.undo(store, settings, each) for each in done],
            ("discarded", "x"),
        )

    def action_requeue(self) -> None:
        """Plan a further attempt at the pairs of answers."""
        from stratos_tui.distill.requeue import requeue_requests
        from stratos_tui.distill.settings import DistillSettings

        settings = DistillSettings()
        self._decide(
            lambda store, request_id: requeue_requests(store, [request_id], settings),
            requests.withdraw,
            ("planned again", "r"),
        )

    def _decide(
        self,
        one: Callable[[Store, int], object],
        undo: Callable[[Store, list[int]], object],
        words: tuple[str, str],
    ) -> None:
        """Do ``one`` to every answer it is about; what cannot be done is said, what was done can be taken back."""
        did, key = words
        targets = [int(str(each)) for each in self._listing.targets()]
        if not targets:
            self.say(NOTHING)
            return

        def work() -> tuple[list[int], list[str]]:
            done: list[int] = []
            refused: list[str] = []
            for request_id in targets:
                try:
                    one(self.store, request_id)
                except StratosError as error:
                    refused.append(str(error))
                else:
                    done.append(request_id)
            return done, refused

        def take_back(done: list[int]) -> None:
            undo(self.store, done)
            self.app.call_from_thread(self.reload)

        def then(result: tuple[list[int], list[str]]) -> None:
            done, refused = result
            if done:
                self._listing.table.clear_marks()
                self.did(f"{did}: {_answers(done)}", partial(take_back, done))
            if refused:
                more = f" (and {count(len(refused) - 1)} more)" if len(refused) > 1 else ""
                begun = f"{did}: {_answers(done)}; but " if done else ""
                self.fail(f"{begun}{refused[0]}{more}")
            self.reload()

        self.background(work, then, again=key)


def _answers(done: Sequence[int]) -> str:
    return f"answer {done[0]}" if len(done) == 1 else plural(len(done), "answer")
