"""Phase 6, Dataset: builds of training examples, their bands, proofs and order, and every example in full."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType

from screens import dataset_choose, dataset_export, dataset_text
from screens.dataset_export import Form
from screens.dialogs import PromptScreen
from screens.figures import age
from screens.follow import Followed
from screens.in_order import InOrder
from screens.launch import launch
from screens.mask import MaskScreen
from screens.render import count, provenance, score_text
from screens.train_changes import replaced
from screens.views import ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.records import Split
from stratos_tui.store import datasets, distill, jobs, lengths, phase_views
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.jobs import Job
from stratos_tui.store.lengths import Lengths
from stratos_tui.store.pages import Record
from stratos_tui.teachers.catalog import REHEARSAL
from stratos_tui.training.recipes import NANO

if TYPE_CHECKING:
    from stratos_tui.dataset.compare import Difference

BUCKETS = 40
NOTHING = "No build yet. r builds one from the accepted traces."


@dataclass(frozen=True, slots=True)
class Shown:
    """One build with the course of its curriculum and its rows' lengths by tokenizer, how many builds there are, whose
    traces ``r`` would build from, the job that builds or counts, and what the last run was made of."""

    build: Dataset | None
    newest: int | None
    builds: int
    distances: list[float]
    lengths: tuple[Lengths, ...]
    teacher: str
    job: Job | None
    base: str
    settings: dict[str, object]


class DatasetScreen(ViewsScreen[Shown]):
    """Builds of training examples: bands against the target, leaks, digests, the curriculum, every example."""

    PHASE = "dataset"
    HELP = (
        "A build is fixed for good: its rows, their order and their digests. r builds from the accepted traces; the "
        "same traces give the same build. The examples stand in the order in which the first epoch sees them."
    )
    CSS_PATH: ClassVar[CSSPathType | None] = ["views.tcss", "dataset.tcss"]
    AUTO_FOCUS = "#builds VirtualTable"
    VIEWS = ("bands", "examples", "example", "builds")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "build", "build", tooltip="Build from the accepted traces of the teacher that was asked last"),
        Binding("x", "stop", "stop", tooltip="Stop the build that is under way; nothing of it is stored"),
        Binding("s", "strategy", "strategy", tooltip="See what each way to rebalance costs, and build by one of them"),
        Binding("m", "mask", "mask", tooltip="See the example token by token, as the last run's base does"),
        Binding("e", "export('messages')", "export", tooltip="Write both splits as messages rows, JSONL"),
        Binding("c", "compare", "compare", tooltip="Compare this build with another: pairs, bands, parameters, order"),
        Binding("t", "tokens", "tokens", tooltip="Count the rows' tokens with the tokenizer of a base"),
        Binding("E", "export('prompt-completion')", "pairs", tooltip="Write both splits as prompt and completion"),
        Binding("w", "export('hf')", "hf", tooltip="Write both splits as a Hugging Face dataset directory"),
        Binding("y", "copy", "copy", tooltip="Copy the example that is shown"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row = Followed()
        self._drawn: tuple[int, int] | None = None
        self._known: dict[tuple[int, str], Lengths] = {}
        self._data: Shown | None = None
        self._example: DatasetRow | None = None
        self._reads = InOrder(self)

    def compose_body(self) -> ComposeResult:
        """Builds over what proves them; bands over the examples and the one under the cursor."""
        with Vertical(id="left"):
            yield ListingTable(
                "datasets",
                [
                    Column("#", 3, align="right"),
                    Column("teacher", 9, flex=1),
                    Column("rows", 6, align="right"),
                    Column("when", 4, drop=1),
                ],
                self._build_cells,
                empty="No build yet: r builds one.",
                markable=False,
                id="builds",
                classes="pane",
            )
            yield TextPane("build", id="proofs")
        with Vertical(id="right"):
            yield TextPane("bands", id="bands")
            with Horizontal(id="bottom"):
                yield ListingTable(
                    "dataset_examples",
                    [Column("score", 6), Column("profile", 10, flex=1), Column("article", 12, flex=1, drop=1)],
                    self._example_cells,
                    empty="No example in this build.",
                    markable=False,
                    id="examples",
                    classes="pane",
                )
                yield TextPane("example", id="example")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#builds").border_title = "builds"
        self.query_one("#examples").border_title = "examples, in order"

    def _build_cells(self, record: Record) -> tuple[str | Text, ...]:
        when = age(record["created_at"], self.host.clock())
        return str(record["id"]), provenance(record["teacher"]), count(record["train"] + record["eval"]), when

    @staticmethod
    def _example_cells(record: Record) -> tuple[str | Text, ...]:
        held_out = Text("eval ", style="italic") if record["split"] == "eval" else Text()
        return score_text(record["tenths"], cells=0), held_out.append(record["profile_id"]), record["title"] or ""

    def load(self) -> Shown:
        """Read the chosen build, or the newest."""
        chosen, newest = self._row.chosen, datasets.latest(self.store)
        build = newest if chosen is None else datasets.get(self.store, chosen)
        asked = distill.teachers(self.store)
        last = phase_views.latest_run(self.store)
        made_of = replaced(last, datasets.count(self.store, last.dataset_id, "train")) if last is not None else None
        return Shown(
            build,
            newest.id if newest else None,
            len(datasets.load(self.store)),
            phase_views.curriculum(self.store, build.id, BUCKETS) if build else [],
            self._lengths(build.id) if build else (),
            asked[-1] if asked else REHEARSAL,
            phase_views.active_job(self.store, "dataset", "lengths"),
            last.base if last is not None else NANO,
            made_of.settings if made_of is not None else {},
        )

    def _lengths(self, dataset_id: int) -> tuple[Lengths, ...]:
        """Return how long a build's rows are; a build never changes, so what was read once is kept."""
        for name in lengths.tokenizers(self.store, dataset_id):
            if (dataset_id, name) not in self._known and (found := lengths.lengths(self.store, dataset_id, name)):
                self._known[dataset_id, name] = found
        return tuple(found for (own, _), found in self._known.items() if own == dataset_id)

    def show(self, data: Shown) -> None:
        """Write every pane; a build never changes, so the same one stays as it is."""
        self._data = data
        self.refresh_bindings()
        self._row.loaded(data.newest, self.query_one("#builds", ListingTable))
        build = data.build
        if build is None:
            self.query_one("#bands", TextPane).put(Text(NOTHING, style="dim"))
            # rows of a build that is being written belong to none yet
            self.query_one("#examples", ListingTable).set_scope(dataset=0)
            return
        if self._drawn == (build.id, len(data.lengths)):
            return
        self._drawn = build.id, len(data.lengths)

        def proofs(width: int) -> Text:
            return dataset_text.proofs(build, data.lengths, self.host.clock(), width)

        def bands(width: int) -> Text:
            drawn = dataset_text.bands(build, data.distances, width)
            # where panes take turns there is room under the bands, and one turn less to take
            return drawn.append("\n\n").append_text(proofs(width)) if self.compact else drawn

        self.query_one("#bands", TextPane).put(bands, title=f"bands of build {build.id}", top=True)
        self.query_one("#proofs", TextPane).put(proofs, title=f"build {build.id}", top=True)
        self.query_one("#examples", ListingTable).set_scope(dataset=build.id)

    @on(VirtualTable.Highlighted)
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        if event.row is None:
            return
        if event.control is self.query_one("#builds", ListingTable).table:
            if self._row.moved_to(event.row.key, event.index):
                self.reload()
            return
        dataset_id, split, position = str(event.row.key).split("/")
        which: Split = "eval" if split == "eval" else "train"
        self._reads.do(
            lambda: datasets.row(self.store, int(dataset_id), which, int(position)), self._show_example, kind="example"
        )

    @on(VirtualTable.Selected)
    def _opened(self, event: VirtualTable.Selected) -> None:
        """Go from a build to its examples, and from an example to its text."""
        builds = event.control is self.query_one("#builds", ListingTable).table
        if self.compact:
            self.turn_to("examples" if builds else "example")
        elif builds:
            self.query_one("#examples", ListingTable).table.focus()
        else:
            self.query_one("#example", TextPane).focus()

    def _show_example(self, row: DatasetRow | None) -> None:
        self._example = row
        self.refresh_bindings()
        if row is None:
            return
        pane = self.query_one("#example", TextPane)
        pane.put(partial(dataset_text.example, row), title=f"example {row.split} {count(row.position + 1)}", top=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what there is something for: nothing is offered that would only be refused."""
        data = self._data
        if data is None:
            return super().check_action(action, parameters)
        match action:
            case "build" | "strategy":
                return data.job is None
            case "stop":
                return data.job is not None
            case "compare":
                return data.builds > 1
            case "export" | "tokens":
                return data.build is not None
            case "mask" | "copy":
                return self._example is not None
        return super().check_action(action, parameters)

    # what the keys do

    def action_build(self) -> None:
        """Build from the accepted traces."""
        self._build()

    def _build(self, *options: str) -> None:
        data = self._data
        if data is None:
            return
        self._row.newest(self.query_one("#builds", ListingTable))
        arguments = ["dataset", "build", "--teacher", data.teacher, *options]
        launch(self, arguments, f"building from the traces of {data.teacher}", again="r")

    def action_strategy(self) -> None:
        """Show what each strategy costs, and build by the one that is chosen."""
        if self._data is not None:
            dataset_choose.ask_strategy(self, self._data.teacher, self._build_by)

    def _build_by(self, strategy: str | None) -> None:
        if strategy:
            self._build("--strategy", strategy)

    def action_compare(self) -> None:
        """Ask which build to compare the shown one with."""
        if self._data is not None and self._data.build is not None:
            dataset_choose.ask_compare(self, self._data.build, self._compared)

    def _compared(self, found: Difference) -> None:
        title = f"build {found.second} against {found.first}"
        pane = self.query_one("#example", TextPane)
        pane.put(partial(dataset_text.difference, found), title=title, top=True)
        if self.compact:
            self.turn_to("example")
        else:
            pane.focus()

    def action_tokens(self) -> None:
        """Ask for a base, and count the shown build's tokens with its tokenizer."""
        data = self._data
        if data is None or data.build is None:
            return
        build = data.build
        screen = PromptScreen(
            f"Count the tokens of build {build.id} for which base?",
            value=data.base,
            hint="nano, or the folder or name of a model. It is counted once for each base.",
            check=lambda text: "" if text.strip() else "name a base",
        )
        self.app.push_screen(screen, partial(self._tokens, build.id))

    def _tokens(self, dataset_id: int, base: str | None) -> None:
        if base:
            arguments = ["dataset", "show", str(dataset_id), "--base", base.strip()]
            launch(self, arguments, f"counting the tokens of build {dataset_id}", again="t")

    def action_stop(self) -> None:
        """Stop the build that is under way."""
        job = self._data.job if self._data is not None else None
        if job is None:
            return
        said = f"asked job {job.id} to stop; nothing of it is stored"
        self.background(lambda: jobs.request_cancel(self.store, job.id), lambda _: self.say(said), again="x")

    def action_export(self, form: Form) -> None:
        """Ask for a path, and write both splits there."""
        if self._data is not None and self._data.build is not None:
            dataset_export.ask(self, self._data.build.id, form)

    def action_mask(self) -> None:
        """Open the mask lens on the example that is shown."""
        data, example = self._data, self._example
        if data is not None and data.build is not None and example is not None:
            self.app.push_screen(MaskScreen(data.build.id, data.base, data.settings, example.split, example.position))

    def action_copy(self) -> None:
        """Copy the example that is shown."""
        if self._example is None:
            return
        self.app.copy_to_clipboard(self._example.prompt + self._example.completion)
        self.say(f"copied example {self._example.split} {count(self._example.position + 1)}")
