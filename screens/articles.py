"""Phase 3, Articles: what is scored; browse, import, and label by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.types import CSSPathType

from screens.article_text import whole
from screens.dialogs import PromptScreen
from screens.frame import PhaseScreen
from screens.import_text import report, summary
from screens.in_order import InOrder
from screens.labelling import Labelling
from screens.render import DIM, one_line
from screens.widgets.listing_table import ListingTable
from screens.widgets.path_suggester import PathSuggester
from screens.widgets.reading_pane import ReadingPane
from screens.widgets.rows import Column
from screens.widgets.virtual_table import VirtualTable
from stratos_tui.jobs import spawn
from stratos_tui.records import Article
from stratos_tui.store import articles, jobs
from stratos_tui.store.jobs import Job
from stratos_tui.store.pages import Record

if TYPE_CHECKING:
    from screens.candidates import Candidates

IMPORT_LOOK_SECONDS = 0.5
"""How often an import of this screen's is looked at until it has ended."""


class ArticlesScreen(PhaseScreen[None]):
    """The articles that are scored: browse and filter them, import more, label them against the profiles."""

    TITLE = "Articles"
    PHASE = "articles"
    CSS_PATH: ClassVar[CSSPathType | None] = ["articles.tcss", "candidates.tcss"]
    HELP = (
        "The articles that are scored. / filters by title or source, o changes the order. Enter opens an article to "
        "label it against the profiles; i imports a file of articles or of scored pairs, l shows what the last import "
        "did. d opens the articles that a teacher drafted, for review."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("i", "import", "import", tooltip="Import JSONL, CSV or messages rows from a file"),
        Binding("l", "last_import", "report", tooltip="Show what the last import added and refused"),
        Binding("d", "review", "drafts", tooltip="Review the articles that a teacher drafted"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._previewed = ""
        self._errands = InOrder(self)
        self._import: subprocess.Popen[bytes] | None = None
        self._looking: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """The listing over a preview; labelling takes their place."""
        with Vertical(id="browse"):
            yield ListingTable(
                "articles",
                [
                    Column("title", 30, flex=3),
                    Column("source", 14, flex=1, drop=2),
                    Column("type", 8),
                    Column("date", 10),
                    Column("split", 5, drop=1),
                    Column("labels", 6, align="right"),
                ],
                cells,
                empty="No articles. i imports a file; `stratos init` loads the hundred that ship.",
                id="list",
                classes="pane",
            )
            yield ReadingPane(id="preview", classes="pane")
        yield Labelling()

    def show(self, data: None) -> None:
        """Somebody committed: labelling shows it too."""
        if self.labelling:
            self.query_one(Labelling).read_again()
        if self.reviewing:
            self._candidates.read_again()

    @property
    def labelling(self) -> bool:
        """Whether an article is being labelled."""
        return self.has_class("-labelling")

    @property
    def reviewing(self) -> bool:
        """Whether drafted articles are reviewed."""
        return self.has_class("-reviewing")

    # browsing

    @on(VirtualTable.Highlighted)
    def _moved(self, event: VirtualTable.Highlighted) -> None:
        key = str(event.row.key) if event.row else ""
        if key != self._previewed:
            self._previewed = key
            self._errands.do(lambda: articles.get(self.store, key), self._preview, kind="preview")

    def _preview(self, article: Article | None) -> None:
        pane = self.query_one("#preview", ReadingPane)
        pane.border_title = Content(one_line(article.title) if article else "")
        pane.put(whole(article, self.host.clock().date()) if article else Text(""), top=True)

    # labelling

    @on(VirtualTable.Selected)
    def _open(self, event: VirtualTable.Selected) -> None:
        listing = self.query_one(ListingTable)
        panel = self.query_one(Labelling)
        self.say("")
        self.add_class("-labelling")
        panel.open(str(event.row.key), filter=listing.filter, order=listing.order)
        panel.focus()
        self.refresh_bindings()

    @on(Labelling.Closed)
    def _left_labelling(self, event: Labelling.Closed) -> None:
        self.say("")
        self.remove_class("-labelling")
        listing = self.query_one(ListingTable)
        listing.table.focus()
        listing.go_to(event.article_id)
        self.refresh_bindings()

    # reviewing drafts

    async def action_review(self) -> None:
        """Open the queue of drafted articles; it is made when it is first wanted."""
        from screens.candidates import Candidates

        self.say("")
        if not self.query(Candidates):
            await self.query_one("#body").mount(Candidates())
        self.add_class("-reviewing")
        self._candidates.open()
        self.refresh_bindings()

    @property
    def _candidates(self) -> Candidates:
        from screens.candidates import Candidates

        return self.query_one(Candidates)

    def on_candidates_closed(self) -> None:
        """Show the articles again."""
        self.say("")
        self.remove_class("-reviewing")
        self.query_one(ListingTable).table.focus()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave every key to labelling, or to the review, while it is open."""
        if self.labelling and action in ("import", "last_import", "review", "undo"):
            return False
        if self.reviewing and action in ("import", "last_import", "review"):
            return False
        return super().check_action(action, parameters)

    # importing

    def action_import(self) -> None:
        """Ask for a file and import it in a process of its own."""
        if self._import is not None:
            self.say("an import is under way: the line below shows how far it is")
            return
        self.app.push_screen(
            PromptScreen(
                "Import which file?",
                hint="JSONL or CSV articles, or JSONL of messages rows with scores. Repeating an import adds nothing. "
                "The right arrow completes a path.",
                check=wrong_path,
                suggester=PathSuggester(),
            ),
            self._start_import,
        )

    def _start_import(self, typed: str | None) -> None:
        if typed is None:
            return
        # an absolute path cannot be read as an option
        path = Path(typed.strip()).expanduser().resolve()
        try:
            self._import = spawn(self.store, ["articles", "import", str(path)])
        except OSError as error:
            self.fail(f"the import could not be started ({error.strerror})", again="i")
            return
        self.say(f"importing {one_line(str(path))}")
        self._looking = self.set_interval(IMPORT_LOOK_SECONDS, self._look_at_import)

    def _look_at_import(self) -> None:
        process = self._import
        if process is not None and process.poll() is not None:
            self._import = None
            if self._looking is not None:
                self._looking.stop()
            self._errands.do(lambda: self._find_import(process.pid), lambda job: self._imported(process, job))

    def _find_import(self, pid: int | None) -> Job | None:
        found = [job for job in jobs.latest(self.store, 100) if job.kind == "import" and pid in (None, job.pid)]
        return found[0] if found else None

    def _imported(self, process: subprocess.Popen[bytes], job: Job | None) -> None:
        if job is None:
            self.fail(f"the import ended at once (exit code {process.returncode}); nothing was stored", again="i")
        elif job.state == "done":
            self.say(f"✓ import: {summary(job)} · l shows this again")
            self._show_report(job)
        else:
            self.fail(f"the import {job.state}: {job.error or 'what was stored before is kept'}", again="i")
            self._show_report(job)
        self.reload()

    def action_last_import(self) -> None:
        """Show what the last import did."""
        self._errands.do(lambda: self._find_import(None), self._found_import)

    def _found_import(self, job: Job | None) -> None:
        if job is None:
            self.say("nothing was imported yet: i imports a file")
        else:
            self._show_report(job)

    def _show_report(self, job: Job) -> None:
        pane = self.query_one("#preview", ReadingPane)
        pane.border_title = "last import"
        pane.put(report(job), top=True)


def cells(record: Record) -> Sequence[str | Text]:
    """Return an article's line in the listing."""
    labelled = record["labelled"]
    return (
        record["title"],
        record["source"],
        record["source_type"],
        record["published"] or record["fetched"] or "",
        record["split"] or "",
        Text(str(labelled)) if labelled else Text("—", style=DIM),
    )


def wrong_path(typed: str) -> str:
    """Return what is wrong with a path that was typed, or nothing."""
    if not typed.strip():
        return "type the path of a file, or press escape"
    try:
        path = Path(typed.strip()).expanduser()
        if path.is_dir():
            return f"{one_line(typed)} is a folder; name a file"
        return "" if path.is_file() else f"{one_line(typed)} is not there"
    except (OSError, ValueError, RuntimeError) as error:
        return f"{one_line(typed)} cannot be a path ({one_line(str(error))})"
