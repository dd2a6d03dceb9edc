"""Labelling: one article against ten profiles at a time, by keys, each step stored at once and undone for good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message

from screens.article_text import whole
from screens.in_order import InOrder
from screens.render import count, one_line
from screens.sitting import Place, Sitting, neighbour, next_to_label, sit, take_back
from screens.widgets.label_sheet import SLOTS, LabelSheet, SheetState
from screens.widgets.label_summary import coverage_text, disagreements_text
from screens.widgets.reading_pane import ReadingPane
from screens.widgets.score_entry import ScoreEntry
from stratos_tui.articles import labelling
from stratos_tui.errors import StratosError
from stratos_tui.store.pages import Listing

if TYPE_CHECKING:
    from screens.frame import PhaseScreen


TITLE_CELLS = 60
"""How much of a title is named when its article is done."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A score that was typed: shown at once, stored as soon as the store takes it."""

    number: int
    article_id: str
    profile_id: str
    tenths: int | None


class Labelling(Container, can_focus=True):
    """Score an article for ten profiles by keys: a profile's key, then a score or a band."""

    HELP = (
        "Type a profile's key, then its score: 9 5 is 9.5, as is 9 . 5; enter takes 9 as 9.0. A band's letter gives "
        "the band's score to that profile, or to the one under the cursor: n noise, l low, m moderate, h high, "
        "c critical. "
        "A full stop gives noise to all that are left. When every profile has a score, the next article comes. "
        "u takes the last step back, also one of an earlier day."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "press('digit', '1')", "profile", key_display="1-9 0", tooltip="Choose a profile, then its score"),
        *(Binding(digit, f"press('digit', '{digit}')", show=False) for digit in "234567890"),
        Binding(
            "n",
            "press('band', 'noise')",
            "band",
            key_display="n l m h c",
            tooltip="A band: noise 0.5, low 3.5, moderate 6.2, high 8.0, critical 9.5",
        ),
        Binding("l", "press('band', 'low')", "low, 3.5", show=False),
        Binding("m", "press('band', 'moderate')", "moderate, 6.2", show=False),
        Binding("h", "press('band', 'high')", "high, 8.0", show=False),
        Binding("c", "press('band', 'critical')", "critical, 9.5", show=False),
        Binding("full_stop", "press('point')", "rest noise", key_display=".", tooltip="Noise for all that are left"),
        Binding("u", "press('undo')", "undo", tooltip="Take the last labelling step back"),
        Binding("escape", "press('escape')", "articles", tooltip="Drop the typed score, or go back to the articles"),
        Binding("x", "press('remove')", "remove", tooltip="Remove the score under the cursor"),
        Binding("right", "press('step', '1')", "next", tooltip="The next article, labelled or not"),
        Binding("left", "press('step', '-1')", "the article before", show=False),
        Binding("b", "press('blind')", "blind", tooltip="Hide others' scores until yours is given"),
        Binding("tab", "press('sheet', '1')", "other ten", tooltip="The next ten profiles"),
        Binding("shift+tab", "press('sheet', '-1')", "previous ten", show=False),
        Binding("j,down", "press('move', '1')", "down", show=False),
        Binding("k,up", "press('move', '-1')", "up", show=False),
        Binding("enter", "press('enter')", "take the score", show=False),
        Binding("backspace", "press('shorten')", "take a digit back", show=False),
        Binding("pagedown", "scroll_article(1)", "scroll the article", show=False),
        Binding("pageup", "scroll_article(-1)", "scroll the article back", show=False),
    ]

    class Closed(Message):
        """The operator goes back to the articles; ``article_id`` is the one that was shown last."""

        def __init__(self, article_id: str) -> None:
            super().__init__()
            self.article_id = article_id

    def __init__(self) -> None:
        super().__init__(id="labelling")
        self._listing: Listing | None = None
        self._sitting: Sitting | None = None
        self._article_id = ""
        self._sheet_number = 0
        self._unread: list[_Written] = []
        self._number = 0
        self._moving = False
        self._held: list[tuple[str, str]] = []
        self._took = False

    def compose(self) -> ComposeResult:
        """The article beside the sheet; below, how labelling stands."""
        with Horizontal(id="labelling-top"):
            yield ReadingPane(id="labelling-article", classes="pane")
            with Vertical(id="labelling-sheet", classes="pane"):
                yield LabelSheet()
        with Horizontal(id="labelling-below"):
            yield ReadingPane(id="labelling-coverage", classes="pane")
            yield ReadingPane(id="labelling-disagreements", classes="pane")

    def on_mount(self) -> None:
        """The panes only show: the keys are this widget's."""
        for pane in self.query(ReadingPane):
            pane.can_focus = False
        self._errands = InOrder(self._screen)

    def on_unmount(self) -> None:
        """Let go of the listing."""
        self._close_listing()

    # what the screen asks

    def open(self, article_id: str, *, filter: str = "", order: str = "") -> None:
        """Begin with an article; the others follow as the listing with this filter and order has them."""
        self._close_listing()
        self._listing = Listing(self._screen.store, "articles", filter=filter, order=order)
        self._sheet_number, self._took, self._held = 0, False, []
        self._go(lambda: Place(article_id))

    def read_again(self) -> None:
        """Show what is true now: somebody committed."""
        if self._sitting is not None and not self._moving:
            self._read()

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that page through profiles where one sheet holds them all."""
        if parameters[:1] == ("sheet",):
            return self._sitting is not None and self._sitting.of > SLOTS
        return True

    def action_press(self, name: str, what: str = "") -> None:
        """Answer a key; one that is typed while another article is on its way waits for it."""
        if self._moving:
            self._held.append((name, what))
            return
        took, self._took = self._took, False
        if name == "enter" and took:
            # the score was complete before enter: pressing it from habit must not choose another profile
            return
        getattr(self, f"_do_{name}")(what)

    def action_scroll_article(self, by: int) -> None:
        """Scroll the article by a screenful."""
        pane = self.query_one("#labelling-article", ReadingPane)
        pane.scroll_relative(y=by * max(pane.size.height - 1, 1), animate=False)

    def _do_digit(self, digit: str) -> None:
        state = self._state
        if state.entry is not None:
            self._type(state.entry.digit(digit))
        elif (slot := (int(digit) - 1) % SLOTS) < len(state.profiles):
            self._set(cursor=slot, entry=ScoreEntry(slot))

    def _do_point(self, _: str) -> None:
        if (entry := self._state.entry) is not None:
            self._type(entry.point())
        elif rest := [profile.id for profile in self._state.missing]:
            store, article_id = self._screen.store, self._article_id
            noise = labelling.BAND_TENTHS["noise"]
            self._give(dict.fromkeys(rest, noise), lambda: labelling.noise_for_rest(store, article_id, rest))

    def _do_enter(self, _: str) -> None:
        entry = self._state.entry
        if entry is None:
            if self._state.profiles:
                self._set(entry=ScoreEntry(self._state.cursor))
        elif entry.score:
            self._score(entry.slot, entry.score)

    def _do_band(self, band: str) -> None:
        if self._state.profiles:
            entry = self._state.entry
            self._score(entry.slot if entry else self._state.cursor, band)

    def _do_shorten(self, _: str) -> None:
        if entry := self._state.entry:
            self._set(entry=entry.shorter())

    def _do_remove(self, _: str) -> None:
        state = self._state
        if state.profiles and (profile := state.profiles[state.cursor]).id in state.given:
            self._set(entry=None)
            self._label(profile.id, None)
            self._screen.say(f"✓ {profile.id}: your score is removed · u gives it back")

    def _do_move(self, by: str) -> None:
        last = max(len(self._state.profiles) - 1, 0)
        self._set(cursor=min(max(self._state.cursor + int(by), 0), last), entry=None)

    def _do_blind(self, _: str) -> None:
        self._set(blind=not self._state.blind)

    def _do_sheet(self, by: str) -> None:
        if self._sitting is not None:
            self._sheet_number = (self._sheet_number + int(by)) % -(-self._sitting.of // SLOTS)
            place = Place(self._article_id)
            self._go(lambda: place)

    def _do_step(self, by: str) -> None:
        listing, here = self._listing, self._article_id
        if listing is not None:
            self._go(lambda: neighbour(listing, here, int(by)), none="there is no further article in this list")

    def _do_undo(self, _: str) -> None:
        store = self._screen.store
        self._go(lambda: take_back(store), none="there is nothing to take back")

    def _do_escape(self, _: str) -> None:
        if self._state.entry is not None:
            self._set(entry=None)
        else:
            self._close_listing()
            self.post_message(self.Closed(self._article_id))

    @on(LabelSheet.Picked)
    def _picked(self, event: LabelSheet.Picked) -> None:
        event.stop()
        if not self._moving:
            self._set(cursor=event.slot, entry=None)

    # scores

    def _type(self, entry: ScoreEntry) -> None:
        self._set(entry=entry)
        if entry.complete:
            self._score(entry.slot, entry.score)

    def _score(self, slot: int, text: str) -> None:
        try:
            tenths = labelling.read_score(text)
        except StratosError as error:
            self._screen.fail(str(error))
            return
        self._took = True
        self._label(self._state.profiles[slot].id, tenths)

    def _label(self, profile_id: str, tenths: int | None) -> None:
        store, article_id = self._screen.store, self._article_id
        self._give({profile_id: tenths}, lambda: labelling.set_label(store, article_id, profile_id, tenths))

    def _give(self, scores: dict[str, int | None], write: Callable[[], object]) -> None:
        """Show scores at once, store them in turn, and go on where the last one is missing no more."""
        was_complete = not self._state.missing
        self._screen.say("")
        self._number += 1
        self._unread += [_Written(self._number, self._article_id, *score) for score in scores.items()]
        self._show_given()
        state = self._state
        if None not in scores.values():
            ahead = [*range(state.cursor + 1, len(state.profiles)), *range(state.cursor)]
            free = [slot for slot in ahead if state.profiles[slot].id not in state.given]
            self._set(cursor=free[0] if free else state.cursor, entry=None)
        if was_complete or state.missing:
            self._errands.do(write, lost=self._lost)
            self._read()
        else:
            self._next(write)

    def _next(self, write: Callable[[], object]) -> None:
        """Store the article's last missing scores and go on to the next article that misses some."""
        listing, here, store = self._listing, self._article_id, self._screen.store
        ids = [profile.id for profile in self._state.profiles]
        title = Text(one_line(self._sitting.article.title if self._sitting else ""))
        title.truncate(TITLE_CELLS, overflow="ellipsis")

        def onwards() -> Place | None:
            write()
            return next_to_label(store, listing, here, ids) if listing is not None else None

        self._go(
            onwards,
            none="✓ every article of this list has a score for each of these profiles",
            said=f"✓ done: {title.plain} · u takes the last step back",
        )

    def _lost(self) -> None:
        """Nothing was stored: show what is, and forget what was typed for what should have come."""
        self._unread.clear()
        self._held.clear()
        self._moving = False
        if self._article_id:
            self._read()

    # reading and showing

    def _go(self, find: Callable[[], Place | None], *, none: str = "", said: str = "") -> None:
        """Move to the article that ``find`` (run in a thread) names; keys typed meanwhile wait."""
        store, sheet, here = self._screen.store, self._sheet_number, self._article_id
        self._moving = True

        def read() -> tuple[Place | None, Sitting | None]:
            place = find()
            article_id = place.article_id if place else here
            return place, sit(store, article_id, sheet) if article_id else None

        self._errands.do(read, lambda found: self._arrived(*found, none, said), lost=self._lost)

    def _arrived(self, place: Place | None, sitting: Sitting | None, none: str, said: str) -> None:
        self._unread.clear()
        if sitting is not None:
            self._show(sitting)
        if place is None:
            self._screen.say(none)
        elif sitting is not None:
            if place.done or said:
                self._screen.say(place.done or said)
            self.query_one("#labelling-article", ReadingPane).scroll_home(animate=False)
            state = self._state
            wanted = [slot for slot, profile in enumerate(state.profiles) if profile.id == place.profile_id]
            free = [slot for slot, profile in enumerate(state.profiles) if profile.id not in state.given]
            self._set(cursor=[*wanted, *free, 0][0], entry=None)
        self._settle()

    def _settle(self) -> None:
        """Answer the keys that waited, until one of them moves on."""
        self._moving = False
        while self._held and not self._moving:
            self.action_press(*self._held.pop(0))

    def _read(self) -> None:
        store, article_id, sheet = self._screen.store, self._article_id, self._sheet_number
        seen = self._number

        def shown(sitting: Sitting) -> None:
            # what was typed before this read was asked for is in it, what came since is not
            self._unread = [each for each in self._unread if each.number > seen]
            if sitting.article.id == self._article_id and not self._moving:
                self._show(sitting)

        self._errands.do(lambda: sit(store, article_id, sheet), shown, kind="sit")

    def _show(self, sitting: Sitting) -> None:
        self._sitting, self._article_id = sitting, sitting.article.id
        today = self._screen.host.clock().date()
        article = self.query_one("#labelling-article", ReadingPane)
        article.border_title = Content(sitting.article.id)
        article.put(Text.assemble((one_line(sitting.article.title), "bold"), "\n", whole(sitting.article, today)))
        articles = f"{count(sitting.labelled_articles)} of {count(sitting.articles)} articles"
        title = f"{count(sitting.labelled_pairs)} labelled, on {articles}"
        if sitting.of > SLOTS:
            first = sitting.sheet * SLOTS
            title = f"profiles {first + 1}-{first + len(sitting.profiles)} of {sitting.of} · {title}"
        self.query_one("#labelling-sheet").border_title = Content(title)
        self._set(profiles=sitting.profiles, theirs=sitting.theirs)
        self._show_given()
        coverage = self.query_one("#labelling-coverage", ReadingPane)
        coverage.border_title = "coverage: articles labelled, by band"
        coverage.put(coverage_text(sitting.coverage))
        disagreements = self.query_one("#labelling-disagreements", ReadingPane)
        disagreements.border_title = Content(
            f"you and the expected score differ by a point: {len(sitting.disagreements)}"
        )
        disagreements.put(disagreements_text(sitting.disagreements))
        self.refresh_bindings()

    def _show_given(self) -> None:
        given = dict(self._sitting.given) if self._sitting else {}
        for each in self._unread:
            if each.article_id == self._article_id:
                if each.tenths is None:
                    given.pop(each.profile_id, None)
                else:
                    given[each.profile_id] = each.tenths
        self._set(given=given)

    @property
    def _state(self) -> SheetState:
        return self.query_one(LabelSheet).state

    def _set(self, **changes: Any) -> None:
        sheet = self.query_one(LabelSheet)
        sheet.state = replace(sheet.state, **changes)

    @property
    def _screen(self) -> PhaseScreen[Any]:
        return cast("PhaseScreen[Any]", self.screen)

    def _close_listing(self) -> None:
        listing, self._listing = self._listing, None
        if listing is not None:
            listing.close()
