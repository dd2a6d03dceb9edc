"""Writes the distillation's plan as text, and works out what asking costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from screens.distill_plan import Choice
from screens.figures import Part, facts, legend, plural, stacked_bar, table
from screens.render import BAND_COLOURS, DIM, WARN, count, dollars, meter, one_line, provenance
from stratos_tui.distill.choosing import choose
from stratos_tui.distill.pilot import SIZE
from stratos_tui.distill.settings import settings_of
from stratos_tui.store.distill import Totals
from stratos_tui.store.jobs import Job
from stratos_tui.store.ledger import Spend
from stratos_tui.teachers.catalog import TERMS_NOTICE, Teacher
from stratos_tui.teachers.prices import nanodollars

if TYPE_CHECKING:
    from stratos_tui.distill.estimate import CostEstimate
    from stratos_tui.distill.plan import Plan
    from stratos_tui.distill.settings import DistillSettings
    from stratos_tui.store.db import Store

TEACHER_HINT = (
    "rehearsal and rubric cost nothing; claude:MODEL is paid and needs a budget; openai:MODEL@URL and ollama:MODEL."
)
BUDGET_HINT = (
    "The hard cap on all that this workspace spends in this kind of money, ever; work that would pass it is not sent."
    " Empty: no cap (not for a paid teacher)."
)

_GREEN, _RED = BAND_COLOURS["high"], "#d65d5d"


@dataclass(frozen=True, slots=True)
class Priced:
    """What a choice comes to: requests that are missing, their batches, and what asking costs.

    ``first`` is how many of them go first as a pilot, ``pilot`` what asking costs by what one measured; None without.
    ``attempts`` is how often a pair is asked at most by itself.
    """

    choice: Choice
    first: int
    requests: int
    batches: int
    shortfall: int
    attempts: int
    cost: CostEstimate
    pilot: CostEstimate | None = None

    @property
    def most(self) -> int:
        """The upper end of the price, in nanodollars."""
        return nanodollars((self.pilot or self.cost).high)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the chosen teacher's requests and money stand. ``pairs`` counts every article with every profile.

    ``in_flight`` counts its batches; ``cap`` is the workspace's, in dollars, of the teacher's kind of money.
    """

    teacher: Teacher
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
    """Work out what is missing for a choice, and what asking costs; takes a moment for many articles.

    Raises:
        StratosError: there is no such teacher, its price is not known, a name is not stored, or nothing is left.
    """
    from stratos_tui.distill.pilot import extrapolate

    who, settings, found = _planned(store, choice)
    number = len(found.to_send)
    return Priced(
        choice,
        _goes_first(store, who, choice, number),
        number,
        found.batches,
        found.shortfall,
        settings.attempts,
        found.cost_estimate,
        extrapolate(store, who, number, settings) if number and who.price else None,
    )


def in_full(store: Store, choice: Choice) -> list[str]:
    """Return everything that is known of the price before anything is sent: tokens by part, models, caching, thinking.

    A paid teacher's server counts a sample of the prompts, which costs nothing.

    Raises:
        StratosError: as for :func:`price`.
    """
    from stratos_tui.distill.estimate_text import lines_of
    from stratos_tui.distill.pilot import pilot_said
    from stratos_tui.distill.pricing import price_plan

    who, settings, found = _planned(store, choice)
    estimate, counted = price_plan(store, found, settings)
    number = len(found.to_send)
    said = pilot_said(store, who, number, settings)
    return lines_of(found, estimate, counted, _goes_first(store, who, choice, number), said)


def _planned(store: Store, choice: Choice) -> tuple[Teacher, DistillSettings, Plan]:
    from stratos_tui.distill.plan import plan as plan_pairs

    settings, wanted = settings_of(store), choice.wanted
    pairs = choose(store, choice.teacher, wanted)
    found = plan_pairs(store, choice.teacher, pairs, wanted=wanted.limit, as_of=wanted.as_of, settings=settings)
    return found.teacher, settings, found


def _goes_first(store: Store, teacher: Teacher, choice: Choice, number: int) -> int:
    """Return how many pairs go first as a pilot; it is chosen only when it is sent, which takes a moment."""
    from stratos_tui.distill.pilot import WORTH_IT, measured

    if not choice.pilot or teacher.price is None or number < WORTH_IT * choice.pilot:
        return 0
    return 0 if measured(store, teacher, settings_of(store)) else choice.pilot


def needs_budget(choice: Choice, standing: Standing) -> bool:
    """Tell whether this teacher is really paid and nothing bounds what it may cost."""
    who = standing.teacher
    return who.price is not None and not who.simulated and standing.cap is None and choice.own is None


def command(choice: Choice, teacher: Teacher) -> list[str]:
    """Return the command that does what was chosen, from plan to judged answers; the workspace's cap bounds it."""
    wanted = choice.wanted
    given = [
        *(("--pairs", str(wanted.limit)) if wanted.limit is not None else ()),
        *(word for each in wanted.articles for word in ("--article", each)),
        *(word for each in wanted.profiles for word in ("--profile", each)),
        *(("--label", wanted.label) if wanted.label else ()),
        *(word for each in wanted.bands for word in ("--band", each)),
        *(("--scored-by", wanted.scored_by) if wanted.bands else ()),
        *(("--as-of", wanted.as_of.isoformat()) if wanted.as_of else ()),
        *(("--pilot", str(choice.pilot)) if choice.pilot != SIZE else ()),
        *(("--job-budget", f"{choice.own}") if choice.own is not None else ()),
        *(("--accept-terms",) if teacher.needs_terms else ()),
    ]
    return ["distill", "run", "--teacher", choice.teacher, *given]


def plan(
    choice: Choice, standing: Standing, priced: Priced | None, job: Job | None, *, brief: bool, width: int
) -> Text:
    """Return the plan: whom to ask, what is missing, what it costs, what was spent, how the requests ended.

    While a job runs, what is missing and its price change all the time: what the job has done stands in their place.
    """
    who, wanted = standing.teacher, choice.wanted
    limit = "all" if wanted.limit is None else f"at most {count(wanted.limit)}"
    items: list[tuple[str, str | Text]] = [
        ("teacher", provenance(choice.teacher)),
        ("pairs", f"{limit} of {count(standing.pairs)}"),
    ]
    if choice.narrowed:
        items.append(("only", " · ".join(choice.narrowed)))
    if job is None:
        items += _priced_items(priced, who, brief=brief)
    if who.price is not None and not brief:
        items.append(("rates", Text(f"{one_line(who.price.model)}, {who.price.date}", style=DIM)))
    kind = ("simulated", WARN) if who.simulated else ("paid", "bold")
    bounds = [Text("none") if standing.cap is None else Text.assemble(f"${standing.cap:,.2f} ", kind)]
    if choice.own is not None:
        bounds.append(Text(f"${choice.own:,.2f} a job"))
    items.append(("cap", Text(", ").join(bounds)))
    text = Text("⏸ paused: nothing is sent until p\n", style=f"bold {WARN}") if standing.paused else Text()
    text.append_text(_in_pairs(items, width) if brief else facts(items))
    text.append("\n").append_text(_money(standing, simulated=who.simulated, width=width))
    if job is None and priced is not None and (held := _held_back(priced, standing)):
        text.append("\n").append_text(held)
    text.append("\n" if brief else "\n\n").append_text(_progress(standing.totals, width, brief=brief))
    if job is not None and not brief:
        share = f"{meter(job.done, job.total)} {count(job.done)} of {count(job.total)}" if job.total else "starts"
        line = Text(f"job {job.id} ", style="bold").append(f"{one_line(job.kind)} {share}", style="not bold")
        note = Text(one_line(job.note))
        for each in (line, note):
            each.truncate(max(width, 8), overflow="ellipsis")
        text.append("\n\n").append_text(line).append("\n").append_text(note)
    return text


def _priced_items(priced: Priced | None, who: Teacher, *, brief: bool) -> list[tuple[str, str | Text]]:
    if priced is None:
        return [("missing", Text("reckoning…", style=DIM))]
    missing = f"{count(priced.requests)}" + (
        f" in {plural(priced.batches, 'batch', 'batches')}" if priced.batches else ""
    )
    short = f" ({count(priced.shortfall)} fewer than wanted)" if priced.shortfall else ""
    items: list[tuple[str, str | Text]] = [("missing", Text(missing + short, style="bold"))]
    if priced.first and not brief:
        items.append(("pilot", f"{count(priced.first)} of them first"))
    if priced.pilot is None or not brief:
        items.append(("price", cost_text(priced.cost, simulated=who.simulated)))
    if priced.pilot is not None:
        items.append(("by pilot", cost_text(priced.pilot, simulated=who.simulated)))
    return items


def cost_text(cost: CostEstimate, *, simulated: bool) -> Text:
    """Return what asking costs, as a range around what is expected; simulated money says so."""
    if not cost.high:
        return Text("nothing")
    low, middle, high = (dollars(nanodollars(each)) for each in (cost.low, cost.expected, cost.high))
    text = Text().append(middle, style="bold").append(f" ({low} – {high})")
    return text.append(" simulated", style=WARN) if simulated else text.append(" paid", style="bold")


def question(priced: Priced, standing: Standing, *, agreed: bool) -> tuple[str, Text]:
    """Return what is asked before anything is sent, and what stands under it: the price, the bound, the terms."""
    choice, who, totals = priced.choice, standing.teacher, standing.totals
    if priced.requests:
        asks = f"Ask {choice.teacher} {plural(priced.requests, 'time')}?"
    elif totals.out:
        asks = f"Go on with the {plural(totals.out, 'request')} that {'is' if totals.out == 1 else 'are'} out?"
    else:
        asks = f"Send the {plural(totals.waiting, 'request')} that {'waits' if totals.waiting == 1 else 'wait'}?"
    cap = "none" if standing.cap is None else f"${standing.cap:,.2f} for all that this workspace spends"
    bounds = [cap, *([f"${choice.own:,.2f} for this job"] if choice.own is not None else [])]
    items: list[tuple[str, str | Text]] = [
        *([("only", " · ".join(choice.narrowed))] if choice.narrowed else []),
        ("price", cost_text(priced.cost, simulated=who.simulated)),
        *([("by pilot", cost_text(priced.pilot, simulated=who.simulated))] if priced.pilot else []),
        ("cap", "; ".join(bounds)),
        ("so far", f"{dollars(standing.spend.settled)} spent, {dollars(standing.spend.held)} held"),
    ]
    if priced.first:
        capped = standing.cap is not None or choice.own is not None
        then = "the rest goes if it then fits" if capped else "they show what the rest costs"
        said = f"{count(priced.first)} pairs first; {then} (e: no pilot)"
        items.append(("pilot", said))
    detail = facts(items)
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
        f"\n\nA pair that fails is asked {plural(priced.attempts, 'time')} in all. It goes on when the app is left.",
        style=DIM,
    )
    return asks, detail


def cancel_question(choice: Choice, standing: Standing) -> tuple[str, str]:
    """Return what is asked before requests are canceled, and what becomes of them."""
    totals = standing.totals
    waits = f"{plural(totals.waiting, 'request')} that {'waits' if totals.waiting == 1 else 'wait'} to be sent"
    if not totals.out and not standing.in_flight:
        return f"Forget the {waits}?", "Nothing is out. They count as missing again, and may be asked later."
    forgotten = f" The {waits} {'is' if totals.waiting == 1 else 'are'} forgotten." if totals.waiting else ""
    return f"Cancel what {choice.teacher} has in flight?", (
        f"{plural(standing.in_flight, 'batch', 'batches')}, {plural(totals.out, 'request')}. Answers that were made"
        f" come back and count; the others may be asked again.{forgotten}"
    )


def _in_pairs(items: Sequence[tuple[str, str | Text]], width: int) -> Text:
    """Return facts two in a line, where lines are scarcer than columns."""
    cells = [cell for name, value in items for cell in (Text(name, style=DIM), value)]
    rows = [cells[at : at + 4] + [""] * (4 - len(cells[at : at + 4])) for at in range(0, len(cells), 4)]
    return table(rows, "llll", width=width)


def _money(standing: Standing, *, simulated: bool, width: int) -> Text:
    spend = standing.spend
    words = Text().append(f"{dollars(spend.settled)} spent", style="bold").append(f" · {dollars(spend.held)} held")
    if standing.free is not None:
        words.append(f" · {dollars(standing.free)} free")
    kind = " simulated" if simulated else " paid"
    if standing.free is None or words.cell_len + len(kind) <= width:
        # beside a cap that says it already, it may go
        words.append(kind, style=WARN if simulated else "bold")
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
    """Return what it would take where a cap holds work back: the workspace's, or the job's own."""
    own = priced.choice.own
    bounds = [*([standing.free] if standing.free is not None else []), *([] if own is None else [nanodollars(own)])]
    if not bounds or priced.most <= min(bounds) or not priced.requests:
        return None
    key = "b" if standing.free is not None and standing.free == min(bounds) else "e"
    return Text(
        f"▲ the cap holds work back: it may take {dollars(priced.most)}, {dollars(priced.most - min(bounds))} more than"
        f" is free; {key} raises it",
        style=WARN,
    )


def _progress(totals: Totals, width: int, *, brief: bool) -> Text:
    named = [
        ("accepted", Part(totals.accepted, "█", _GREEN)),
        ("out", Part(totals.out, "▓", "")),
        ("waits", Part(totals.waiting, "░", DIM)),
        ("rejected", Part(totals.rejected + totals.refused, "▒", WARN)),
        ("failed", Part(totals.errored + totals.expired + totals.canceled, "▚", _RED)),
        ("given up", Part(totals.discarded, "╌", DIM)),
    ]
    text = Text() if brief else Text.assemble(("requests so far ", DIM), (count(totals.requests), "bold"), "\n")
    text.append_text(stacked_bar([part for _, part in named], max(width, 8))).append("\n")
    return text.append_text(legend(named, width))
