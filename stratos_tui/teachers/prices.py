"""What a model costs: list prices with their date, and the cost of an answer in integer nanodollars."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from stratos_tui.errors import StratosError

NANO = 1_000_000_000
"""Nanodollars in a dollar. A cached token read in a batch can cost 5 of them, so money is never a float inside."""

BATCH_DISCOUNT = Fraction(1, 2)
"""The Message Batches API halves every price, cached tokens included (vendor's price page, November 2026)."""
CACHE_WRITE = Fraction(5, 4)
"""A five-minute cache write costs this much of an input token (vendor's price page, November 2026)."""


@dataclass(frozen=True, slots=True)
class Price:
    """A model's list price, in nanodollars a token (1 $ a million tokens is 1,000), and where it was read.

    ``cache_read`` is the share of an input token's price that a cached one costs.
    """

    model: str
    input: int
    output: int
    cache_read: Fraction
    date: str
    source: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer as its server counted them; ``tokens_in`` holds neither kind of cached token.

    ``thinking`` is the part of ``tokens_out`` that the model reasoned unseen, where the server says so.
    """

    tokens_in: int = 0
    cache_write: int = 0
    cache_read: int = 0
    tokens_out: int = 0
    thinking: int = 0


_PAGE = "Anthropic's price page, per million tokens"
PRICES: dict[str, Price] = {
    price.model: price
    for price in (
        Price("claude-opus-5-5", 4_000, 20_000, Fraction(1, 20), "2026-11", _PAGE),
        Price("claude-sonnet-5-5", 2_000, 10_000, Fraction(1, 20), "2026-11", _PAGE),
        Price("claude-haiku-5-5", 100, 500, Fraction(1, 10), "2026-11", _PAGE),
    )
}


def price_of(model: str) -> Price:
    """Return a model's list price.

    Raises:
        StratosError: no price is known, so no budget could hold.
    """
    if model not in PRICES:
        raise StratosError(f"no price is known for the model {model!r}; priced are {', '.join(PRICES)}")
    return PRICES[model]


def batch_cost(price: Price, usage: Usage) -> int:
    """Return what one request of a batch costs, in nanodollars, rounded up once."""
    return ceil(BATCH_DISCOUNT * _list_cost(price, usage))


def live_cost(price: Price, usage: Usage) -> int:
    """Return what one question asked by itself costs, in nanodollars, rounded up once."""
    return ceil(_list_cost(price, usage))


def _list_cost(price: Price, usage: Usage) -> Fraction:
    tokens = usage.tokens_in + usage.cache_write * CACHE_WRITE + usage.cache_read * price.cache_read
    return Fraction(tokens * price.input + usage.tokens_out * price.output)


def dollars(nanodollars: int) -> float:
    """Return an amount as dollars, for a door."""
    return nanodollars / NANO


def nanodollars(amount: float) -> int:
    """Return an amount in dollars from a door as nanodollars."""
    return round(amount * NANO)
