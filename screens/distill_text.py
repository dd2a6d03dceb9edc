"""Writes the distillation's plan as text, and works out what asking costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from screens.figures import Part, facts, legend, plural, stacked_bar, table
from screens.render import BAND_COLOURS, DIM, WARN, count, dollars, meter, one_line, provenance
from stratos_tui.store.distill import Totals
from stratos_tui.store.jobs import Job
from stratos_tui.store.ledger import Spend
from stratos_tui.teachers.catalog import TERMS_NOTICE, teacher_of
from stratos_tui.teachers.prices import nanodollars

if TYPE_CHECKING:
    from stratos_tui.distill.estimate import CostEstimate
    from stratos_tui.store.db import Store

Check = Callable[[str], str]

TEACHER_HINT = (
    "rehearsal and rubric cost nothing; claude:MODEL is paid and needs a budget; openai:MODEL@URL and ollama:MODEL."
)
BUDGET_HINT = (
    "The hard cap on all that this workspace spends in this kind of money, ever; work that would pass it is not sent."
    " Empty: no cap (not for a paid teacher)."
)

_GREEN, _RED = BAND_COLOURS["high"], "#d65d5d"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator wants asked: whom, and how many pairs at most (None: all)."""

    teacher: str
    pairs: int | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """What a choice comes to: requests that are missing, their batches, and what asking costs.

    ``pilot`` is what asking costs by what a pilot measured; None without one.
    """

    choice: Choice
    requests: int
    batches: int
    shortfall: int
    cost: CostEstimate
    pilot: CostEstimate | None = None

    @property
    def most(self) -> int:
        """The upper end of the price, in nanodollars."""
        return nanodollars((self.pilot or self.cost).high)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the chosen teacher's requests and money stand. ``pairs`` counts every article with every profile.

    ``cap`` is the workspace's, in dollars, of the teacher's kind of money.
    """

    pairs: int
    totals: Totals
    spend: Spend
    in_flight: int
    cap: float | None = None
    paused: bool = False

    @property
    def free(self) -> int | None:
        """What may still be held, in nanodollars; None where nothing is capped."""
        if self.cap is None:
            return None
        return max(nanodollars(self.cap) - self.spend.settled - self.spend.held, 0)


def price(store: Store, choice: Choice) -> Priced:
    """Work out what is missing for a choice, and what asking costs; takes a moment for many articles."""
    from stratos_tui.distill.pilot import extrapolate
    from stratos_tui.distill.plan import choose_pairs, plan
    from stratos_tui.distill.settings import DistillSettings

    who = teacher_of(choice.teacher)
    pairs = choose_pairs(store, limit=choice.pairs, missing_for=choice.teacher)
    found = plan(store, choice.teacher, pairs, wanted=choice.pairs)
    number = len(found.requests) + found.unsent
    return Priced(
        choice,
        number,
        found.batches,
        found.shortfall,
        found.cost_estimate,
        extrapolate(store, who, number, DistillSettings()) if number and who.price else None,
    )


def needs_budget(choice: Choice, standing: Standing) -> bool:
    """Tell whether this teacher is really paid and no cap is set."""
    who = teacher_of(choice.teacher)
    return who.price is not None and not who.simulated and standing.cap is None


def command(choice: Choice) -> list[str]:
    """Return the command that does what was chosen, from plan to judged answers; the workspace's cap bounds it."""
    arguments = ["distill", "run", "--teacher", choice.teacher]
    if choice.pairs is not None:
        arguments += ["--pairs", str(choice.pairs)]
    return arguments + (["--accept-terms"] if teacher_of(choice.teacher).needs_terms else [])


def plan(
    choice: Choice, standing: Standing, priced: Priced | None, job: Job | None, *, brief: bool, width: int
) -> Text:
    """Return the plan: whom to ask, what is missing, what it costs, what was spent, how the requests ended."""
    who = teacher_of(choice.teacher)
    limit = "all" if choice.pairs is None else f"at most {count(choice.pairs)}"
    items: list[tuple[str, str | Text]] = [
        ("teacher", provenance(choice.teacher)),
        ("pairs", f"{limit} of {count(standing.pairs)}"),
    ]
    if priced is None:
        items.append(("missing", Text("reckoned when the job ends" if job else "reckoning…", style=DIM)))
    else:
        missing = f"{count(priced.requests)}" + (
            f" in {plural(priced.batches, 'batch', 'batches')}" if priced.batches else ""
        )
        short = f" ({count(priced.shortfall)} fewer than wanted)" if priced.shortfall else ""
        items += [
            ("missing", Text(missing + short, style="bold")),
            ("price", cost_text(priced.cost, simulated=who.simulated)),
        ]
        if priced.pilot is not None:
            items.append(("by pilot", cost_text(priced.pilot, simulated=who.simulated)))
    if who.price is not None and not brief:
        items.append(("rates", Text(f"{who.price.model}, {who.price.date}", style=DIM)))
    items.append(("cap", "none" if standing.cap is None else f"${standing.cap:,.2f}"))
    text = Text("⏸ paused: nothing is sent until p\n", style=f"bold {WARN}") if standing.paused else Text()
    text.append_text(_in_pairs(items) if brief else facts(items))
    text.append("\n").append_text(_money(standing, simulated=who.simulated, width=width))
    if priced is not None and (held := _held_back(priced, standing)):
        text.append("\n").append_text(held)
    text.append("\n" if brief else "\n\n").append_text(_progress(standing.totals, width, brief=brief))
    if job is not None and not brief:
        share = f"{meter(job.done, job.total)} {count(job.done)} of {count(job.total)}" if job.total else "starts"
        text.append(f"\n\njob {job.id} ", style="bold").append(f"{one_line(job.kind)} {share}\n{one_line(job.note)}")
    return text


def cost_text(cost: CostEstimate, *, simulated: bool) -> Text:
    """Return what asking costs, as a range around what is expected; simulated money says so."""
    if not cost.high:
        return Text("nothing")
    low, middle, high = (dollars(nanodollars(each)) for each in (cost.low, cost.expected, cost.high))
    text = Text().append(middle, style="bold").append(f" ({low} – {high})")
    return text.append(" simulated", style=WARN) if simulated else text.append(" paid", style="bold")


def question(priced: Priced, standing: Standing, *, agreed: bool) -> tuple[str, Text]:
    """Return what is asked before anything is sent, and what stands under it: the price, the bound, the terms."""
    choice, who = priced.choice, teacher_of(priced.choice.teacher)
    if priced.requests:
        asks = f"Ask {choice.teacher} {plural(priced.requests, 'time')}?"
    else:
        asks = f"Go on with the {count(standing.totals.open)} requests that are out?"
    detail = facts(
        [
            ("price", cost_text(priced.cost, simulated=who.simulated)),
            *([("by pilot", cost_text(priced.pilot, simulated=who.simulated))] if priced.pilot else []),
            ("cap", "none" if standing.cap is None else f"${standing.cap:,.2f} for all that this workspace spends"),
            ("so far", f"{dollars(standing.spend.settled)} spent, {dollars(standing.spend.held)} held"),
        ]
    )
    if held := _held_back(priced, standing):
        detail.append("\n").append_text(held)
    if standing.paused:
        detail.append("\nSending is paused: nothing goes out until p on this screen.", style=WARN)
    if who.simulated:
        detail.append("\n\nA rehearsal: a local server answers by the rubric, and nobody pays.", style=WARN)
    if who.needs_terms:
        state = "You agreed to this before." if agreed else "Asking means that you agree; it is recorded."
        detail.append(f"\n\n{TERMS_NOTICE}\n").append(state, style="bold")
    detail.append(
        "\n\nFailed pairs are asked again, at most three times in all. It goes on when the app is left.", style=DIM
    )
    return asks, detail


def cancel_question(choice: Choice, standing: Standing) -> tuple[str, str]:
    """Return what is asked before requests are canceled, and what becomes of them."""
    out = f"{plural(standing.in_flight, 'batch', 'batches')}, {plural(standing.totals.open, 'request')}."
    return f"Cancel what {choice.teacher} has in flight?", (
        f"{out} Answers that were made come back and count; the others may be asked again. What waits to be sent is "
        "forgotten."
    )


def _in_pairs(items: Sequence[tuple[str, str | Text]]) -> Text:
    """Return facts two in a line, where lines are scarcer than columns."""
    cells = [cell for name, value in items for cell in (Text(name, style=DIM), value)]
    rows = [cells[at : at + 4] + [""] * (4 - len(cells[at : at + 4])) for at in range(0, len(cells), 4)]
    return table(rows, "llll")


def _money(standing: Standing, *, simulated: bool, width: int) -> Text:
    spend = standing.spend
    words = Text().append(f"{dollars(spend.settled)} spent", style="bold").append(f" · {dollars(spend.held)} held")
    if standing.free is not None:
        words.append(f" · {dollars(standing.free)} free")
    words.append(" simulated" if simulated else " paid", style=WARN if simulated else "bold")
    if standing.free is None:
        return words
    style = WARN if simulated else _GREEN
    parts = [
        Part(spend.settled, "█", style),
        Part(spend.held, "▒", style),
        Part(standing.free, "░", DIM),
    ]
    return Text("\n").join([stacked_bar(parts, max(width, 8)), words])


def _held_back(priced: Priced, standing: Standing) -> Text | None:
    """Return what it would take where the cap holds work back."""
    free = standing.free
    if free is None or priced.most <= free or not priced.requests:
        return None
    return Text(
        f"▲ the cap holds work back: it may take {dollars(priced.most)}, {dollars(priced.most - free)} more than is"
        " free; b raises it",
        style=WARN,
    )


def _progress(totals: Totals, width: int, *, brief: bool) -> Text:
    named = [
        ("accepted", Part(totals.accepted, "█", _GREEN)),
        ("out", Part(totals.open, "░", DIM)),
        ("rejected", Part(totals.rejected + totals.refused, "▒", WARN)),
        ("failed", Part(totals.errored + totals.expired + totals.canceled, "▚", _RED)),
        ("given up", Part(totals.discarded, "╌", DIM)),
    ]
    text = Text() if brief else Text.assemble(("requests so far ", DIM), (count(totals.requests), "bold"), "\n")
    text.append_text(stacked_bar([part for _, part in named], max(width, 8))).append("\n")
    return text.append_text(legend(named, width))
