"""Phase 8, Validate: the verdict on a scorer, what it rests on, and what the scorer cannot do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.types import CSSPathType

from screens import verdict_text
from screens.dialogs import ConfirmScreen
from screens.figures import age
from screens.follow import Followed
from screens.launch import launch
from screens.render import provenance
from screens.views import ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.store import evaluations, phase_views
from stratos_tui.store.evaluations import Evaluation
from stratos_tui.store.pages import Record

NOTHING = "No verdict yet. Train a student in phase 7, then press r here to measure it."


@dataclass(frozen=True, slots=True)
class Shown:
    """One evaluation, and what ``r`` would evaluate."""

    evaluation: Evaluation | None
    newest: int | None
    next: phase_views.Evaluable | None
    busy: bool


class ValidateScreen(ViewsScreen[Shown]):
    """The verdict on a scorer: each criterion beside the best trivial scorer, then where it is right and wrong."""

    PHASE = "validate"
    HELP = (
        "The verdict on a scorer against the teacher: each criterion with its interval beside the best trivial scorer, "
        "then bands and profiles. Choose another evaluation in the list; r measures the newest trained student."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "validate.tcss"]
    AUTO_FOCUS = "#evaluations VirtualTable"
    VIEWS = ("criteria", "baselines", "bands", "cannot", "evaluations")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "evaluate", "evaluate", tooltip="Measure the newest trained student against the teacher"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row = Followed()
        self._drawn: int | None = None
        self._data = Shown(None, None, None, False)

    def compose_body(self) -> ComposeResult:
        """The verdict and the list on top, then the criteria, then where it is right and wrong."""
        with Horizontal(id="top"):
            yield TextPane("verdict", id="verdict")
            yield ListingTable(
                "evaluations",
                [
                    Column("#", 3, align="right"),
                    Column("scorer", 8, flex=1),
                    Column("verdict", 8),
                    Column("when", 4, drop=1),
                ],
                self._cells,
                empty="No evaluation yet: r measures one.",
                markable=False,
                openable=False,
                id="evaluations",
                classes="pane",
            )
        yield TextPane("criteria", id="criteria")
        with Horizontal(id="bottom"):
            yield TextPane("beside the trivial scorers", id="baselines")
            yield TextPane("bands: teacher → scorer", id="bands")
            yield TextPane("what it cannot do", id="cannot")

    def on_mount(self) -> None:
        """Name the list."""
        self.query_one("#evaluations").border_title = "evaluations"

    def _cells(self, record: Record) -> tuple[str | Text, ...]:
        when = age(record["created_at"], self.host.clock())
        return str(record["id"]), provenance(record["scorer"]), record["verdict"], when

    def load(self) -> Shown:
        """Read the chosen evaluation, or the newest."""
        chosen, newest = self._row.chosen, phase_views.latest_evaluation(self.store)
        return Shown(
            newest if chosen is None else evaluations.get(self.store, chosen),
            newest.id if newest else None,
            phase_views.evaluable(self.store),
            phase_views.active_job(self.store, "evaluate") is not None,
        )

    def show(self, data: Shown) -> None:
        """Write every pane; the same evaluation stays as it is."""
        self._data = data
        self._row.loaded(data.newest, self.query_one(ListingTable))
        found = data.evaluation
        pane = self.query_one("#verdict", TextPane)
        if found is None:
            pane.put(Text(NOTHING, style="dim"))
            return
        if found.id == self._drawn:
            return
        self._drawn = found.id
        result = found.result
        pane.put(verdict_text.headline(found), title=f"verdict of evaluation {found.id}", top=True)
        self.query_one("#criteria", TextPane).put(partial(verdict_text.criteria, result), top=True)
        self.query_one("#baselines", TextPane).put(partial(verdict_text.baselines, result), top=True)
        self.query_one("#bands", TextPane).put(partial(verdict_text.bands_and_profiles, result), top=True)
        self.query_one("#cannot", TextPane).put(verdict_text.cannot(result), top=True)

    @on(VirtualTable.Highlighted)
    def _choose(self, event: VirtualTable.Highlighted) -> None:
        if event.row is not None and self._row.moved_to(event.row.key, event.index):
            self.reload()

    def action_evaluate(self) -> None:
        """Ask once, then measure the newest trained student."""
        found = self._data.next
        if self._data.busy:
            self.say("an evaluation is running: the line below shows how far it is")
        elif found is None:
            self.fail("there is no trained student yet: press 7, then r", "r")
        elif found.evaluated:
            again = f"run {found.run_id} was measured already, as evaluation {found.evaluated}"
            question = f"Measure run {found.run_id} on dataset {found.dataset_id} again?"
            detail = f"{again}. What is unchanged is found again, not stored twice."
            self.app.push_screen(ConfirmScreen(question, detail, yes="measure again"), partial(self._answered, found))
        else:
            self._answered(found, True)

    def _answered(self, found: phase_views.Evaluable, yes: bool | None) -> None:
        if not yes:
            return
        self._row.newest(self.query_one(ListingTable))
        arguments = ["evaluate", "--scorer", f"student:{found.run_id}", "--dataset", str(found.dataset_id)]
        said = f"measuring run {found.run_id} on dataset {found.dataset_id}: the line below shows how far it is"
        launch(self, arguments, said, again="r")
