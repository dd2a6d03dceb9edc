"""Chooses what a teacher is asked, prices it, asks the operator once, and starts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from screens import distill_text
from screens.dialogs import ConfirmScreen, PromptScreen, TextScreen
from screens.distill_plan import Choice, PlanScreen, amount_of, pairs_of, wrong_budget, wrong_pairs
from screens.distill_text import BUDGET_HINT, TEACHER_HINT, Priced, Standing
from screens.launch import launch
from stratos_tui.errors import StratosError
from stratos_tui.store import acknowledgements, distill
from stratos_tui.store.jobs import Job
from stratos_tui.teachers.catalog import REHEARSAL, TERMS_NOTICE, TERMS_SUBJECT, find_teacher, price_teacher

if TYPE_CHECKING:
    from screens.frame import PhaseScreen
    from stratos_tui.store.db import Store


class PlanDesk:
    """What the operator wants asked on one screen, and what that comes to; ``changed`` is called when either changes.

    Use it on the interface's thread, but for :meth:`begin`, which reads the store.
    """

    def __init__(self, screen: PhaseScreen[Any], changed: Callable[[], object]) -> None:
        self._screen = screen
        self._changed = changed
        self._pricing: object = None
        self.choice: Choice | None = None
        self.priced: Priced | None = None
        self.standing: Standing | None = None
        self.job: Job | None = None

    def begin(self, store: Store) -> Choice:
        """Return what is chosen: at first all that is missing for the teacher that was asked last."""
        if self.choice is None:
            # another version may have asked a teacher that this one does not know
            known = [name for name in distill.teachers(store) if not _wrong_teacher(store, name)]
            self.choice = Choice(known[-1] if known else REHEARSAL)
        return self.choice

    def stands(self, standing: Standing, job: Job | None) -> None:
        """Take note of where things stand, and work the price out again unless a job changes it all the time."""
        self.standing, self.job = standing, job
        choice = self.choice
        made_from = (choice, standing.pairs, standing.totals)
        if job is not None or made_from == self._pricing or not standing.pairs or choice is None:
            return
        self._pricing = made_from
        self._screen.background(lambda: distill_text.price(self._screen.store, choice), self._priced_now)

    def _priced_now(self, priced: Priced) -> None:
        if priced.choice == self.choice:
            self.priced = priced
            self._changed()

    # the choices

    def edit(self) -> None:
        """Edit the whole plan in a form."""
        if self.choice is None:
            return
        store = self._screen.store

        def check(choice: Choice, price: str) -> None:
            if price:
                price_teacher(store, choice.teacher, price)
            distill_text.price(store, choice)

        def edited(choice: Choice | None) -> None:
            if choice is not None:
                self._chose(choice)

        self._screen.app.push_screen(PlanScreen(self.choice, check), edited)

    def in_full(self) -> None:
        """Show all that is known of the price."""
        choice = self.choice
        if choice is None:
            return

        def show(lines: list[str]) -> None:
            self._screen.say("")
            self._screen.app.push_screen(TextScreen(f"What asking {choice.teacher} comes to", "\n".join(lines)))

        self._screen.say("working the price out in full…")
        self._screen.background(lambda: distill_text.in_full(self._screen.store, choice), show, again="d")

    def choose_teacher(self) -> None:
        """Choose the teacher alone."""
        if self.choice is not None:
            wrong = partial(_wrong_teacher, self._screen.store)
            self._ask("Which teacher?", self.choice.teacher, TEACHER_HINT, wrong, self._chose_teacher)

    def _chose_teacher(self, text: str) -> None:
        if self.choice is not None:
            self._chose(replace(self.choice, teacher=text or REHEARSAL))

    def choose_pairs(self) -> None:
        """Choose how many pairs to ask for."""
        if self.choice is not None:
            limit = self.choice.wanted.limit
            hint = "Empty: every pair that is missing. e narrows them down."
            value = "" if limit is None else str(limit)
            self._ask("How many pairs at most?", value, hint, wrong_pairs, self._chose_pairs)

    def _chose_pairs(self, text: str) -> None:
        if self.choice is not None:
            self._chose(replace(self.choice, wanted=replace(self.choice.wanted, limit=pairs_of(text))))

    def choose_cap(self) -> None:
        """Set the cap of this workspace."""
        if self.standing is not None:
            simulated = self.standing.teacher.simulated
            cap = self.standing.cap
            value = "" if cap is None else f"{cap:.2f}"
            kind = "simulated dollars" if simulated else "dollars"
            question = f"The most that this workspace may ever spend, in {kind}?"
            self._ask(question, value, BUDGET_HINT, wrong_budget, partial(self._set_cap, simulated))

    def _set_cap(self, simulated: bool, text: str) -> None:
        screen = self._screen
        before = self.standing.cap if self.standing else None
        amount = amount_of(text)

        def put(value: float | None) -> None:
            from stratos_tui.distill.budget import set_workspace_cap

            set_workspace_cap(screen.store, value, simulated=simulated)

        def undo() -> None:
            put(before)
            screen.app.call_from_thread(screen.reload)

        def then(_: None) -> None:
            screen.did(f"cap: {'none' if amount is None else f'${amount:,.2f}'}", undo)
            screen.reload()

        screen.background(partial(put, amount), then, again="b")

    def _ask(
        self, question: str, value: str, hint: str, check: Callable[[str], str], then: Callable[[str], None]
    ) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                then(text.strip())

        self._screen.app.push_screen(PromptScreen(question, value=value, hint=hint, check=check), answered)

    def _chose(self, choice: Choice) -> None:
        self.choice = choice
        self.priced = None
        self._pricing = None
        self._screen.reload()

    # asking

    def run(self) -> None:
        """Work the price out and ask once."""
        choice, standing, screen = self.choice, self.standing, self._screen
        if choice is None or standing is None:
            return
        if self.job is not None:
            screen.say(f"job {self.job.id} ({self.job.kind}) is running; x stops it")
        elif not standing.pairs:
            screen.fail("there is no pair to ask about: press 1, then r, or import articles in phase 3", "r")
        elif choice.teacher == standing.teacher.name and distill_text.needs_budget(choice, standing):
            screen.fail(
                f"{choice.teacher} is paid: press b and give the most that it may spend, or e for the cap of one job",
                "r",
            )
        else:
            screen.say("working out the price…")
            screen.background(partial(self._offer, choice), self._confirm, again="r")

    def _offer(self, choice: Choice) -> tuple[Priced, bool]:
        store = self._screen.store
        return distill_text.price(store, choice), acknowledgements.given(store, TERMS_SUBJECT, TERMS_NOTICE)

    def _confirm(self, offer: tuple[Priced, bool]) -> None:
        priced, agreed = offer
        self._screen.say("")
        self._priced_now(priced)
        if self.standing is None or self.standing.teacher.name != priced.choice.teacher:
            # the teacher was changed, and where things stand with it is not read yet
            self._screen.say("that changed in the meantime: press r again")
            return
        totals = self.standing.totals
        if not priced.requests and not totals.open:
            self._screen.say(f"{priced.choice.teacher} has answered every pair that was asked for: nothing is missing")
            return
        question, detail = distill_text.question(priced, self.standing, agreed=agreed)
        screen = ConfirmScreen(question, detail, yes="ask", no="do not")
        self._screen.app.push_screen(screen, partial(self._answered, priced.choice))

    def _answered(self, choice: Choice, yes: bool | None) -> None:
        if not yes or self.standing is None:
            self._screen.say("nothing was sent")
            return
        launch(
            self._screen,
            distill_text.command(choice, self.standing.teacher),
            f"asking {choice.teacher}: the line below shows how far it is",
            again="r",
        )


def _wrong_teacher(store: Store, text: str) -> str:
    try:
        find_teacher(store, text.strip())
    except StratosError as error:
        return str(error)
    return ""
