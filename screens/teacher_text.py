"""Writes what a teacher says of a pair for the comparison, and what asking it comes to."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from screens.figures import facts, plural
from screens.rejection_text import name_of
from screens.render import DIM, WARN, clean, count, dollars, literal, one_line, provenance, score_text
from stratos_tui.distill.offering import Offer, Quote
from stratos_tui.prism.bands import BAND_SIGNS, band_of, points
from stratos_tui.prism.trace import render_score
from stratos_tui.store.live import Said
from stratos_tui.teachers.catalog import TERMS_NOTICE, Teacher

NAME_CELLS = 24
"""Cells of a teacher's name beside its score; its trace has the whole name over it."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What a teacher says of a pair; ``stored`` tells that it was known and nobody was asked."""

    teacher: Teacher
    said: Said
    stored: bool


def summary(taught: Taught) -> Text:
    """Return an answer in two or three lines: who, the score, the reason; the verdict on a bad one; cost and tokens."""
    said = taught.said
    score = "—" if said.tenths is None else f"{points(said.tenths)} {BAND_SIGNS[band_of(said.tenths)]}"
    text = Text.assemble(_short(taught.teacher.name), f" {score} ", (one_line(said.reason), "bold"))
    if not said.accepted:
        text.append(f"\n✗ {name_of(said.code)}: {one_line(said.measured)}", style=WARN)
    text.append("\n").append_text(_cost(said.cost, taught.teacher))
    return text.append(f" · {count(said.tokens_in)} → {count(said.tokens_out)} tok · {_when(taught)}", style=DIM)


def asking(name: str) -> Text:
    """Return that a teacher is being asked, by its name."""
    return _short(name).append(" is being asked…", style=DIM)


def trace(taught: Taught) -> str:
    """Return an answer as it stands under the scorer's trace: whose it is, the trace, the score. May be hostile."""
    return f"── {provenance(taught.teacher.name).plain} · {_when(taught)} ──\n{_words(taught.said)}"


def copied(taught: Taught, profile_id: str) -> str:
    """Return an answer as text to copy."""
    return f"{profile_id} by {provenance(taught.teacher.name).plain}\n{clean(_words(taught.said))}\n"


def asks(offer: Offer) -> str:
    """Return the question that comes before anything is sent."""
    number, name = len(offer.to_ask), one_line(offer.teacher.name)
    if number:
        return f"Ask {name} {plural(number, 'time')}?"
    if any(each.said for each in offer.quotes):
        return f"Show what {name} said? It answered before, so nothing is asked."
    return f"{name} has the questions already: their answers come with their batches."


def detail(offer: Offer) -> Text:
    """Return what stands under the question: each pair, what it costs at most, the bound, terms, what forbids it."""
    teacher = offer.teacher
    items: list[tuple[str, str | Text]] = [(each.profile.id, _pair(each, teacher)) for each in offer.quotes]
    if offer.to_ask and teacher.price is not None:
        items += [
            ("together", Text("at most ").append_text(_cost(offer.most, teacher))),
            ("cap", "none" if offer.cap is None else f"${offer.cap:,.2f} for all that this workspace spends"),
            ("so far", f"{dollars(offer.spend.settled)} spent, {dollars(offer.spend.held)} held"),
        ]
    text = facts(items)
    if offer.to_ask and teacher.simulated:
        text.append("\n\nA rehearsal: a local server answers by the rubric, and nobody pays.", style=WARN)
    if offer.to_ask and teacher.needs_terms:
        state = "You agreed to this before." if offer.agreed else "Asking means that you agree; it is recorded."
        text.append(f"\n\n{TERMS_NOTICE}\n").append(state, style="bold")
    if offer.refusal:
        text.append("\n\n").append_text(literal(f"✗ {offer.refusal}", WARN))
    return text


def _short(name: str) -> Text:
    who = provenance(name)
    who.truncate(NAME_CELLS, overflow="ellipsis")
    return who


def _words(said: Said) -> str:
    return said.text if said.tenths is None else f"{said.trace}\n{render_score(said.tenths, said.reason)}"


def _when(taught: Taught) -> str:
    return f"stored, {taught.said.reference_date}" if taught.stored else "asked now"


def _pair(quote: Quote, teacher: Teacher) -> Text:
    if quote.said is not None:
        verdict = "" if quote.said.accepted else f"  ✗ {name_of(quote.said.code)}"
        return score_text(quote.said.tenths, cells=0).append(f"  stored, {quote.said.reference_date}{verdict}", DIM)
    if quote.on_its_way:
        return Text("on its way: a batch brings its answer", style=DIM)
    if teacher.price is None:
        return Text("to be asked, which costs nothing")
    return Text("to be asked, at most ").append_text(_cost(quote.most, teacher))


def _cost(amount: int, teacher: Teacher) -> Text:
    """Return an amount in nanodollars and whether anybody pays it."""
    if teacher.price is None:
        return Text("costs nothing", style=DIM)
    # one answer costs cents: with fewer places the sides do not add up
    text = Text(f"${amount / 1e9:,.4f}")
    return text.append(" simulated", style=WARN) if teacher.simulated else text.append(" paid", style="bold")
