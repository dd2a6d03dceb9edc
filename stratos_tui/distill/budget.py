"""The hard caps on money: the workspace's own, which is stored, and those that one call is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.store import ledger, settings
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Spend
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import Usage, batch_cost, dollars, in_dollars, live_cost, nanodollars
from stratos_tui.teachers.tokens import FRAME_TOKENS, at_most
from stratos_tui.teachers.wire import Outcome

CAP = "distill.cap"


@dataclass(frozen=True, slots=True)
class Bound:
    """The cap that leaves the least: its name, what raises it, and what of it is settled and held (nanodollars)."""

    name: str
    raised_by: str
    cap: int
    known: Spend

    @property
    def left(self) -> int:
        """How much more may be held under it, in nanodollars."""
        return self.cap - self.known.settled - self.known.held

    def holds_back(self, what: str, needs: int) -> str:
        """Say that it holds something back that can take ``needs`` more, in nanodollars."""
        spent, held = in_dollars(self.known.settled), in_dollars(self.known.held)
        total = in_dollars(self.known.settled + self.known.held + needs)
        return (
            f"{self.name} of {in_dollars(self.cap)} holds {what} back: {spent} of it is spent and {held} held, and"
            f" sending them can take up to {total} in all; raise {self.raised_by}"
        )


_CAP_COMMAND = {False: "`stratos distill cap`", True: "`stratos distill cap --simulated`"}


def cap_name(*, simulated: bool) -> str:
    """Return the name of the setting that caps one kind of money."""
    return f"{CAP}.{'simulated' if simulated else 'paid'}"


def workspace_cap(store: Store, *, simulated: bool) -> float | None:
    """Return the most that this store may ever spend in one kind of money, in dollars; None where it is not set."""
    found: Any = settings.get(store, cap_name(simulated=simulated))
    return None if found is None else float(found)


def set_workspace_cap(store: Store, amount: float | None, *, simulated: bool) -> None:
    """Set the most that this store may ever spend, in dollars; None takes the cap away.

    Raises:
        StratosError: more is spent and held already.
    """
    known = ledger.spend(store, simulated=simulated)
    if amount is not None and nanodollars(amount) < known.settled + known.held:
        raise StratosError(
            f"${dollars(known.settled + known.held):.4f} is spent or held already: a cap below that cannot be kept"
        )
    settings.put(store, cap_name(simulated=simulated), amount)


def caps_of(
    store: Store, teacher: Teacher, budget_usd: float | None, own_usd: float | None = None, sitting: str = ""
) -> Caps:
    """Return what bounds a call.

    ``budget_usd`` bounds all that the store has settled and holds in this teacher's kind of money, so that a call that
    was killed can be repeated as it was; the workspace's cap bounds it further. ``own_usd`` bounds what the batches of
    ``sitting`` alone come to.
    """
    given = [each for each in (budget_usd, workspace_cap(store, simulated=teacher.simulated)) if each is not None]
    return Caps(
        total=nanodollars(min(given)) if given else None,
        own=None if own_usd is None else nanodollars(own_usd),
        sitting=sitting,
    )


def binding(store: Store, teacher: Teacher, caps: Caps) -> Bound | None:
    """Return which cap leaves a teacher the least; None where nothing bounds it."""
    simulated = teacher.simulated
    found = []
    if caps.total is not None:
        workspace = workspace_cap(store, simulated=simulated)
        own = workspace is not None and nanodollars(workspace) == caps.total
        name, raised_by = ("the workspace's cap", _CAP_COMMAND[simulated]) if own else ("the budget", "--budget")
        found.append(Bound(name, raised_by, caps.total, ledger.spend(store, simulated=simulated)))
    if caps.own is not None:
        known = ledger.spend_of_sitting(store, caps.sitting, simulated=simulated)
        found.append(Bound("the job's own budget", "--job-budget", caps.own, known))
    return min(found, key=lambda bound: bound.left, default=None)


def most_cost(teacher: Teacher, system: str, user: str, max_tokens: int, *, live: bool) -> int:
    """Return the most that one question can cost, live or in a batch, in nanodollars: what is held before it is sent.

    No tokenizer and no cache exceeds it: a token is at least one byte of the prompt, all of it is written to the cache,
    and the answer, thinking included, runs to ``max_tokens``.
    """
    if teacher.price is None:
        return 0
    cost = live_cost if live else batch_cost
    tokens = at_most(system) + at_most(user) + FRAME_TOKENS
    dearest = Usage(cache_write=tokens) if teacher.price.cache_write > 1 else Usage(tokens_in=tokens)
    return cost(teacher.price, dearest) + cost(teacher.price, Usage(tokens_out=max_tokens))


def live_bill(teacher: Teacher, outcome: Outcome, most: int) -> int | None:
    """Return what an answer to a question that was asked by itself cost, in nanodollars; None where nothing is billed.

    A server that does not count leaves only the ``most`` that it can have been.
    """
    if outcome.result_type != "succeeded" or teacher.price is None:
        return None
    return live_cost(teacher.price, outcome.usage) if outcome.usage != Usage() else most


def fitting(store: Store, teacher: Teacher, most: Sequence[int], caps: Caps) -> int:
    """Return how many questions from the front fit under the caps, by the most that each can cost (nanodollars)."""
    left = ledger.room(store.read, caps, simulated=teacher.simulated)
    if left is None:
        return len(most)
    fits = 0
    for amount in most:
        left -= amount
        if left < 0:
            break
        fits += 1
    return fits


def needs_budget(store: Store, teacher: Teacher, budget_usd: float | None, own_usd: float | None = None) -> None:
    """Make sure that a paid teacher is bounded by something.

    Raises:
        StratosError: nothing bounds it.
    """
    if teacher.price is None or teacher.simulated:
        return
    if budget_usd is None and own_usd is None and workspace_cap(store, simulated=False) is None:
        raise StratosError(f"{teacher.name} is paid: give the most that it may spend with --budget USD")
