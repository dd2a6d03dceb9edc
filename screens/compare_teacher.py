"""Asks a teacher live about the pairs on show: what it can cost first, one question, then answer by answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import get_current_worker

from screens import teacher_text
from screens.dialogs import PromptScreen
from screens.frame import PhaseScreen
from screens.render import literal, one_line
from screens.teacher_text import Taught
from stratos_tui.distill.asking import ask_one
from stratos_tui.distill.budget import caps_of
from stratos_tui.distill.offering import Offer, Quote, last_teacher, offer
from stratos_tui.distill.settings import settings_of
from stratos_tui.distill.submit import agree
from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled
from stratos_tui.scoring.scorer_adaptive import Task
from stratos_tui.store.live import Said
from stratos_tui.store.scores import ScoreKey

KEY = "T"
"""Asks, and tries again."""
HINT = "rehearsal costs nothing; claude:MODEL is paid and needs a cap; openai:MODEL@URL and ollama:MODEL."

Answer = Literal["ask", "other"]


class OfferScreen(ModalScreen[Answer | None]):
    """What asking comes to: ``y`` asks, ``t`` takes another teacher, ``n`` or escape leaves things as they are."""

    HELP = "What asking the teacher can cost at most. y asks, t takes another teacher, n leaves things as they are."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer('ask')", "ask"),
        Binding("t", "answer('other')", "another teacher"),
        Binding("n,escape", "leave", "leave"),
    ]
    CSS = """
    OfferScreen { align: center middle; background: $background 60%; }
    OfferScreen > .dialog { max-height: 100%; }
    """

    def __init__(self, about: Offer) -> None:
        super().__init__()
        self._offer = about
        self._can = not about.refusal and (bool(about.to_ask) or any(each.said for each in about.quotes))

    def compose(self) -> ComposeResult:
        """Question, what it costs, keys."""
        keys = Text.assemble(("t", "bold"), " another teacher    ", ("n", "bold"), " leave")
        if self._can:
            keys = Text.assemble(("y", "bold"), " ask    " if self._offer.to_ask else " show    ", keys)
        with Vertical(classes="dialog"):
            yield Static(literal(teacher_text.asks(self._offer), "bold"), classes="question")
            yield Static(teacher_text.detail(self._offer), classes="detail")
            yield Static(keys, classes="keys")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take no yes to what cannot be done."""
        return self._can if parameters == ("ask",) else True

    def action_answer(self, answer: Answer) -> None:
        """Close with the answer."""
        self.dismiss(answer)

    def action_leave(self) -> None:
        """Close without one."""
        self.dismiss(None)


class TeacherDesk:
    """The teacher's answers for one screen, by pair; ``changed`` is called whenever one comes or is waited for.

    Use it on the interface's thread. Pairs are asked one after another, so that a failure leaves the rest unasked.
    """

    def __init__(self, screen: PhaseScreen[Any], changed: Callable[[], object]) -> None:
        self._screen = screen
        self._changed = changed
        self._teacher = ""
        self._said: dict[ScoreKey, Taught] = {}
        self._waiting: dict[ScoreKey, str] = {}

    def of(self, task: Task) -> Taught | str | None:
        """Return what a teacher said of a pair, the name of the one that is being asked, or None."""
        return self._waiting.get(task.key) or self._said.get(task.key)

    def ask(self, tasks: Sequence[Task]) -> None:
        """Work out what asking about these pairs comes to, and ask the operator once."""
        if self._waiting:
            self._screen.say(f"{one_line(self._teacher)} is being asked; its answers come by themselves")
            return
        self._make_offer(list(tasks), self._teacher)

    def _make_offer(self, tasks: list[Task], teacher: str) -> None:
        store = self._screen.store
        pairs = [(task.profile, task.article, task.day) for task in tasks]
        self._screen.background(
            lambda: offer(store, teacher or last_teacher(store), pairs, settings_of(store)),
            partial(self._show_offer, tasks),
            again=KEY,
        )

    def _show_offer(self, tasks: list[Task], made: Offer) -> None:
        if self._waiting or isinstance(self._screen.app.screen, OfferScreen):
            # the key was pressed again before the window came
            return
        self._screen.say("")
        self._teacher = made.teacher.name
        self._screen.app.push_screen(OfferScreen(made), partial(self._answered, tasks, made))

    def _answered(self, tasks: list[Task], made: Offer, answer: Answer | None) -> None:
        if answer is None:
            self._screen.say("nothing was asked")
        elif answer == "other":
            screen = PromptScreen("Ask which teacher?", value=made.teacher.name, hint=HINT)
            self._screen.app.push_screen(screen, partial(self._other, tasks))
        else:
            waiting = []
            for task, quote in zip(tasks, made.quotes, strict=True):
                if quote.said is not None:
                    self._said[task.key] = Taught(made.teacher, quote.said, stored=True)
                elif quote.open:
                    waiting.append((task, quote))
            self._waiting = {task.key: made.teacher.name for task, _ in waiting}
            self._ask_next(made, waiting)

    def _other(self, tasks: list[Task], name: str | None) -> None:
        if name is not None:
            self._make_offer(tasks, name.strip())

    def _ask_next(self, made: Offer, waiting: list[tuple[Task, Quote]]) -> None:
        self._screen.host.awaited = one_line(made.teacher.name) if waiting else ""
        self._changed()
        if not waiting:
            return
        (task, quote), rest = waiting[0], waiting[1:]

        def then(said: Said | str) -> None:
            name = one_line(made.teacher.name)
            if isinstance(said, Said) and said.result_type == "succeeded":
                del self._waiting[task.key]
                self._said[task.key] = Taught(made.teacher, said, stored=False)
                self._ask_next(made, rest)
                return
            self._waiting = {}
            self._screen.host.awaited = ""
            self._changed()
            if isinstance(said, Said):
                cost = " (it may have been paid, and counts at the most it can cost)" if said.cost else ""
                said = f"{name} did not answer about {task.profile.id}: {said.code}, {said.measured}{cost}"
            self._screen.fail(f"{said}; answers that came are kept", KEY)

        self._screen.background(partial(self._attempt, made, quote), then)

    def _attempt(self, made: Offer, quote: Quote) -> Said | str:
        """Ask about one pair, in a thread; return the answer, or what went wrong."""
        store, worker = self._screen.store, get_current_worker()

        def report(_done: int, _total: int, _note: str) -> None:
            # the app is left: what is in flight has its time to come in
            if worker.is_cancelled:
                raise Canceled

        try:
            agree(store, made.teacher, accept_terms=True)
            caps = caps_of(store, made.teacher, None)
            settings = settings_of(store)
            return ask_one(store, made.teacher, quote.profile, quote.article, quote.day, caps, settings, report)
        except StratosError as error:
            return str(error)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
