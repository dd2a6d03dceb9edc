"""The teachers by name: how each is reached, what it costs, and whether anybody pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stratos_tui.errors import StratosError
from stratos_tui.teachers.prices import PRICES, Price, price_of

REHEARSAL = "rehearsal"
RUBRIC = "rubric"
REHEARSAL_PRICED_AS = "claude-opus-5-5"
"""Whose list price a rehearsal is billed at, in a ledger marked simulated."""

TERMS_SUBJECT = "anthropic-training-terms"
TERMS_NOTICE = (
    "Anthropic's published terms restrict training models on Claude's output without its authorization. "
    "Sending these requests is your decision and your responsibility; the teachers rehearsal and rubric"
    " work without Claude."
)
"""What an operator agrees to before the first paid submission (decisions.md, 14)."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """Whatever writes traces. ``price`` is None where an answer costs nothing; ``simulated`` money nobody pays.

    ``thinks`` says that the model reasons unseen before it answers, which is billed as output.
    """

    name: str
    model: str
    way: Literal["batches", "direct"]
    simulated: bool = False
    price: Price | None = None
    needs_terms: bool = False
    thinks: bool = False


def teacher_of(name: str) -> Teacher:
    """Return the teacher that an operator named.

    Raises:
        StratosError: there is no such teacher, or its price is not known.
    """
    if name == REHEARSAL:
        price = price_of(REHEARSAL_PRICED_AS)
        return Teacher(name, REHEARSAL, "batches", simulated=True, price=price)
    if name == RUBRIC:
        return Teacher(name, RUBRIC, "direct")
    kind, _, model = name.partition(":")
    if kind == "claude" and model:
        return Teacher(name, model, "batches", price=price_of(model), needs_terms=True, thinks=True)
    available = ", ".join([REHEARSAL, RUBRIC, *(f"claude:{model}" for model in PRICES)])
    raise StratosError(f"there is no teacher {name!r} here; choose one of {available}")
