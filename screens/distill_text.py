"""Writes the distillation's plan, its batches and its events as text, and works out what asking costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from screens.figures import Part, facts, legend, plural, stacked_bar, table
from screens.render import BAND_COLOURS, DIM, WARN, absolute, count, dollars, meter, one_line, parse_time, provenance
from stratos_tui.store.batches import Batch
from stratos_tui.store.distill import Totals
from stratos_tui.store.jobs import Job
from stratos_tui.store.ledger import Spend
from stratos_tui.store.phase_views import BatchEvent
from stratos_tui.teachers.catalog import TERMS_NOTICE, teacher_of
from stratos_tui.teachers.prices import NANO, nanodollars

if TYPE_CHECKING:
    from stratos_tui.distill.plan import CostEstimate
    from stratos_tui.store.db import Store

Check = Callable[[str], str]

TEACHER_HINT = "rehearsal or rubric cost nothing; claude:MODEL is paid and needs a budget."
BUDGET_HINT = (
    "Bounds all that this store has spent and holds in this kind of money. Empty: no bound (not for a paid teacher)."
)

_BAR = 12
_GREEN, _RED = BAND_COLOURS["high"], "#d65d5d"
_STATES = {
    "planned": ("·", "waits"),
    "submitted": ("→", "out"),
    "answered": ("←", "came back"),
    "accepted": ("✓", "accepted"),
    "rejected": ("✗", "rejected"),
    "errored": ("!", "error"),
    "expired": ("⌛", "expired"),
    "canceled": ("■", "canceled"),
    "discarded": ("–", "given up"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator wants asked: whom, how many pairs at most (None: all), the most to spend in dollars."""

    teacher: str
    pairs: int | None = None
    budget: float | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """What a choice comes to: requests that are missing, their batches, and what asking costs."""

    choice: Choice
    requests: int
    batches: int
    shortfall: int
    cost: CostEstimate


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the chosen teacher's requests and money stand. ``pairs`` counts every article with every profile."""

    pairs: int
    totals: Totals
    spend: Spend
    in_flight: int


def price(store: Store, choice: Choice) -> Priced:
    """Work out what is missing for a choice, and what asking costs; takes a moment for many articles."""
    from stratos_tui.distill.plan import choose_pairs, plan

    pairs = choose_pairs(store, limit=choice.pairs, missing_for=choice.teacher)
    found = plan(store, choice.teacher, pairs, wanted=choice.pairs)
    return Priced(
        choice,
        len(found.requests) + found.unsent,
        found.batches,
        found.shortfall,
        found.cost_estimate,
    )


def needs_budget(choice: Choice) -> bool:
    """Tell whether this teacher is really paid and no bound is given."""
    who = teacher_of(choice.teacher)
    return who.price is not None and not who.simulated and choice.budget is None


def command(choice: Choice) -> list[str]:
    """Return the command that does what was chosen, from plan to judged answers."""
    arguments = ["distill", "run", "--teacher", choice.teacher]
    if choice.pairs is not None:
        arguments += ["--pairs", str(choice.pairs)]
    if choice.budget is not None:
        arguments += ["--budget", f"{choice.budget:.2f}"]
    return arguments + (["--accept-terms"] if teacher_of(choice.teacher).needs_terms else [])


def written(choice: Choice, field: str) -> str:
    """Return one field of a choice as it is typed."""
    value = getattr(choice, field)
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


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
            ("price", cost_text(priced, simulated=who.simulated)),
        ]
    if who.price is not None and not brief:
        items.append(("rates", Text(f"{who.price.model}, {who.price.date}", style=DIM)))
    items.append(("budget", "no bound" if choice.budget is None else f"${choice.budget:,.2f}"))
    text = _in_pairs(items) if brief else facts(items)
    text.append("\n").append_text(_money(choice, standing.spend, simulated=who.simulated, width=width))
    text.append("\n" if brief else "\n\n").append_text(_progress(standing.totals, width, brief=brief))
    if job is not None and not brief:
        share = f"{meter(job.done, job.total)} {count(job.done)} of {count(job.total)}" if job.total else "starts"
        text.append(f"\n\njob {job.id} ", style="bold").append(f"{one_line(job.kind)} {share}\n{one_line(job.note)}")
    return text


def cost_text(priced: Priced, *, simulated: bool) -> Text:
    """Return what asking costs, as a range around what is expected; simulated money says so."""
    cost = priced.cost
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
            ("price", cost_text(priced, simulated=who.simulated)),
            (
                "budget",
                "no bound" if choice.budget is None else f"${choice.budget:,.2f} for all that this store spends",
            ),
            ("so far", f"{dollars(standing.spend.settled)} spent, {dollars(standing.spend.held)} held"),
        ]
    )
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


def batch_cells(batch: Batch, states: dict[str, int], cost: int) -> tuple[str | Text, ...]:
    """Return one batch as cells: number, teacher, state, bar, how many came back, how many were bad, cost."""
    parts = [part for _, part in _parts(states)]
    back = sum(n for state, n in states.items() if state not in ("planned", "submitted"))
    bad = sum(states.get(state, 0) for state in ("rejected", "errored", "expired", "canceled", "discarded"))
    signs = {"intended": "…", "submitted": "→", "ended": "←", "ingested": "✓", "failed": "✗"}
    state = Text(f"{signs[batch.state]} {batch.state}", style=_RED if batch.state == "failed" else "")
    shown = "" if not cost else "<$0.01" if cost < NANO // 100 else dollars(cost)
    money = Text(shown, style=WARN if batch.simulated else "bold")
    return (
        str(batch.id),
        provenance(batch.teacher),
        state,
        stacked_bar(parts, _BAR),
        f"{count(back)}/{count(batch.request_count)}",
        Text(count(bad) if bad else "", style=WARN),
        money,
    )


def request_state(state: str) -> Text:
    """Return a request's state as a sign and a word."""
    sign, name = _STATES.get(state, ("?", one_line(state)))
    style = {"accepted": _GREEN, "rejected": WARN, "errored": _RED, "expired": _RED}.get(state, "")
    return Text(f"{sign} {name}", style=style)


def events(happened: Sequence[BatchEvent], width: int) -> Text:
    """Return what happened to batches, the newest first, a line each; a new day begins with its date."""
    if not happened:
        return Text("Nothing was sent yet.", style=DIM)
    rows: list[list[str | Text]] = []
    day = ""
    for event in happened:
        if (today := absolute(event.at)[:10]) != day:
            day = today
            rows.append([Text(day[5:], style=DIM), *([""] * 5)])
        rows.append(
            [
                Text(f"{parse_time(event.at):%H:%M:%S}", style=DIM),
                f"batch {event.batch_id}",
                Text(event.what, style=_RED if event.what == "failed" else "bold"),
                count(event.requests),
                provenance(event.teacher),
                Text(one_line(event.detail), style=DIM),
            ]
        )
    return table(rows, "lllrll", gap=1, width=width)


def _in_pairs(items: Sequence[tuple[str, str | Text]]) -> Text:
    """Return facts two in a line, where lines are scarcer than columns."""
    cells = [cell for name, value in items for cell in (Text(name, style=DIM), value)]
    rows = [cells[at : at + 4] + [""] * (4 - len(cells[at : at + 4])) for at in range(0, len(cells), 4)]
    return table(rows, "llll")


def _money(choice: Choice, spend: Spend, *, simulated: bool, width: int) -> Text:
    kind = "simulated" if simulated else "paid"
    words = Text().append(f"{dollars(spend.settled)} spent", style="bold").append(f", {dollars(spend.held)} held ")
    words.append(kind, style=WARN if simulated else "bold")
    if choice.budget is None:
        return words
    bound = nanodollars(choice.budget)
    free = max(bound - spend.settled - spend.held, 0)
    style = WARN if simulated else _GREEN
    parts = [Part(spend.settled, "█", style), Part(spend.held, "▒", style), Part(free, "░", DIM)]
    return Text("\n").join([stacked_bar(parts, max(width, 8)), words])


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


def _parts(states: dict[str, int]) -> list[tuple[str, Part]]:
    failed = sum(states.get(state, 0) for state in ("errored", "expired", "canceled"))
    return [
        ("accepted", Part(states.get("accepted", 0), "█", _GREEN)),
        ("came back", Part(states.get("answered", 0), "▓", "")),
        ("rejected", Part(states.get("rejected", 0) + states.get("discarded", 0), "▒", WARN)),
        ("failed", Part(failed, "▚", _RED)),
        ("out", Part(states.get("submitted", 0) + states.get("planned", 0), "░", DIM)),
    ]
