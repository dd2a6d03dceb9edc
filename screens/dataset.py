"""Phase 6, Dataset: builds of training examples, their bands, proofs and order, and every example in full."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.types import CSSPathType

from screens import dataset_text
from screens.dialogs import PromptScreen
from screens.figures import age
from screens.follow import Followed
from screens.in_order import InOrder
from screens.launch import launch
from screens.render import count, provenance, score_text
from screens.views import ViewsScreen
from screens.widgets.listing_table import ListingTable
from screens.widgets.rows import Column
from screens.widgets.text_pane import TextPane
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.records import Split
from stratos_tui.store import datasets, distill, jobs, phase_views
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.jobs import Job
from stratos_tui.store.pages import Record
from stratos_tui.teachers.catalog import REHEARSAL

BUCKETS = 40
NOTHING = "No build yet. r builds one from the accepted traces."
SPLITS: tuple[Split, ...] = ("train", "eval")

Form = Literal["messages", "prompt-completion"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One build with the course of its curriculum, whose traces ``r`` would build from, and the job that builds."""

    build: Dataset | None
    newest: int | None
    distances: list[float]
    teacher: str
    job: Job | None


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
        Binding("e", "export('messages')", "export", tooltip="Write both splits as messages rows, JSONL"),
        Binding(
            "E", "export('prompt-completion')", "export pairs", tooltip="Write both splits as prompt and completion"
        ),
        Binding("y", "copy", "copy", tooltip="Copy the example that is shown"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._row = Followed()
        self._drawn: int | None = None
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
        return Shown(
            build,
            newest.id if newest else None,
            phase_views.curriculum(self.store, build.id, BUCKETS) if build else [],
            asked[-1] if asked else REHEARSAL,
            phase_views.active_job(self.store, "dataset"),
        )

    def show(self, data: Shown) -> None:
        """Write every pane; a build never changes, so the same one stays as it is."""
        self._data = data
        self._row.loaded(data.newest, self.query_one("#builds", ListingTable))
        build = data.build
        if build is None:
            self.query_one("#bands", TextPane).put(Text(NOTHING, style="dim"))
            return
        if build.id == self._drawn:
            return
        self._drawn = build.id
        proofs = dataset_text.proofs(build, self.host.clock())

        def bands(width: int) -> Text:
            drawn = dataset_text.bands(build, data.distances, width)
            # where panes take turns there is room under the bands, and one turn less to take
            return drawn.append("\n\n").append_text(proofs) if self.compact else drawn

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
        if row is None:
            return
        pane = self.query_one("#example", TextPane)
        pane.put(partial(dataset_text.example, row), title=f"example {row.split} {count(row.position + 1)}", top=True)

    # what the keys do

    def action_build(self) -> None:
        """Build from the accepted traces."""
        data = self._data
        if data is None:
            return
        if data.job is not None:
            self.say(f"job {data.job.id} is building; x stops it")
            return
        self._row.newest(self.query_one("#builds", ListingTable))
        arguments = ["dataset", "build", "--teacher", data.teacher]
        launch(self, arguments, f"building from the traces of {data.teacher}", again="r")

    def action_stop(self) -> None:
        """Stop the build that is under way."""
        job = self._data.job if self._data is not None else None
        if job is None:
            self.say("nothing is being built")
            return
        said = f"asked job {job.id} to stop; nothing of it is stored"
        self.background(lambda: jobs.request_cancel(self.store, job.id), lambda _: self.say(said), again="x")

    def action_export(self, form: Form) -> None:
        """Ask for a path, and write both splits there."""
        build = self._data.build if self._data is not None else None
        if build is None:
            self.fail("there is nothing to export yet: r builds a dataset", "e")
            return
        screen = PromptScreen(
            f"Export build {build.id} as {form} to which file?",
            value=f"dataset-{build.id}.jsonl",
            hint="Train goes to NAME.train.jsonl and eval to NAME.eval.jsonl, beside each other.",
            check=_unusable,
        )
        self.app.push_screen(screen, partial(self._export, build.id, form))

    def _export(self, dataset_id: int, form: Form, text: str | None) -> None:
        if not text:
            return
        files = _files(text)

        def work() -> list[int]:
            from stratos_tui.dataset.export_training import export

            pairs = zip(SPLITS, files, strict=True)
            return [export(self.store, dataset_id, path=file, form=form, split=split) for split, file in pairs]

        def then(written: list[int]) -> None:
            parts = [f"{count(n)} rows to {file.name}" for n, file in zip(written, files, strict=True)]
            self.say(f"wrote {' and '.join(parts)} in {files[0].parent.absolute()}")

        self.background(work, then, again="e" if form == "messages" else "E")

    def action_copy(self) -> None:
        """Copy the example that is shown."""
        if self._example is None:
            self.say("no example is shown")
            return
        self.app.copy_to_clipboard(self._example.prompt + self._example.completion)
        self.say(f"copied example {self._example.split} {count(self._example.position + 1)}")


def _files(text: str) -> list[Path]:
    out = Path(text.strip()).expanduser()
    stem = out.name.removesuffix(".jsonl")
    return [out.with_name(f"{stem}.{split}.jsonl") for split in SPLITS]


def _unusable(text: str) -> str:
    if not text.strip() or not Path(text.strip()).name:
        return "name a file"
    files = _files(text)
    if not files[0].parent.is_dir():
        return f"the folder {files[0].parent} does not exist"
    taken = [file.name for file in files if file.exists()]
    return f"{taken[0]} exists already; choose another name" if taken else ""
