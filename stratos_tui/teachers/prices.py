"""What a model costs: list prices with their date, and the cost of an answer in integer nanodollars.

Prices come from the kept library ``genai-prices``, offline, or from the operator: none is written here but the one
that a rehearsal is billed at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from math import ceil, lcm
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.store import settings
from stratos_tui.store.db import Store
from stratos_tui.text import one_line

NANO = 1_000_000_000
"""Nanodollars in a dollar. A cached token read in a batch can cost 5 of them, so money is never a float inside."""
PER_MILLION = 1_000
"""Nanodollars a token in one dollar per million tokens."""

BATCH_DISCOUNT = Fraction(1, 2)
"""The Message Batches API halves every price, cached tokens included (vendor's price page, November 2026)."""
CACHE_WRITE = Fraction(5, 4)
"""A five-minute cache write costs this much of an input token (vendor's price page, November 2026)."""
CACHE_READ = Fraction(1)
"""Where nobody says what a cached token costs, it costs as much as any other: nothing is undercounted."""

LIBRARY = "genai-prices"
RELEASED = {"0.2.3": "2026-11-10"}
"""When a release of the library came out, by the package index: its data carry no date of their own."""
GIVEN = "price."
"""The settings that hold the operator's own prices are named by this and the model."""
GIVEN_SOURCE = "given by the operator"

_GIVEN = re.compile(r"(?P<input>[0-9]{1,6}(?:\.[0-9]{1,6})?)/(?P<output>[0-9]{1,6}(?:\.[0-9]{1,6})?)")


@dataclass(frozen=True, slots=True)
class Price:
    """A model's list price, in nanodollars a token (1 $ a million tokens is 1,000), and where it was read.

    ``cache_read`` and ``cache_write`` are shares of an input token's price, ``batch`` of the whole price.
    """

    model: str
    input: Fraction
    output: Fraction
    cache_read: Fraction
    date: str
    source: str
    cache_write: Fraction = CACHE_WRITE
    batch: Fraction = BATCH_DISCOUNT


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


REHEARSAL_PRICE = Price(
    *("claude-opus-5-5", Fraction(4_000), Fraction(20_000), Fraction(1, 20), "2026-11"),
    source="Anthropic's price page, per million tokens",
)
"""What a rehearsal is billed at, in simulated money: fixed, so that it repeats, and starts without the library."""


@cache
def price_of(model: str) -> Price:
    """Return the list price of one of Anthropic's models.

    Raises:
        StratosError: no price is known, so no budget could hold.
    """
    return _listed(model, "anthropic", None)


@cache
def price_at(model: str, url: str) -> Price:
    """Return the list price of a model at the vendor whose server this is.

    Raises:
        StratosError: no price is known, so no budget could hold.
    """
    return _listed(model, None, url)


def prices_date() -> str:
    """Return when the library's prices were released, or which release they are where that is not known here."""
    installed = _version()
    return RELEASED.get(installed, f"release {installed}")


def given_price(store: Store, model: str) -> Price | None:
    """Return the price that the operator gave for a model, if any."""
    found = settings.get(store, f"{GIVEN}{model}")
    return None if found is None else read_price(model, found["usd_per_million"], found["date"])


def give_price(store: Store, model: str, text: str) -> Price:
    """Keep the operator's own price of a model, with today's date: ``IN/OUT`` in US dollars per million tokens.

    It counts before the library's.

    Raises:
        StratosError: the text is no such price; nothing is kept.
    """
    today = datetime.now(UTC).date().isoformat()
    price = read_price(model, text, today)
    settings.put(store, f"{GIVEN}{model}", {"usd_per_million": text.strip(), "date": today})
    return price


def read_price(model: str, text: str, day: str) -> Price:
    """Read a price that an operator gave on a day: ``IN/OUT`` in US dollars per million tokens.

    Raises:
        StratosError: the text is none.
    """
    found = _GIVEN.fullmatch(text.strip())
    if found is None:
        raise StratosError(
            f"a price is IN/OUT in US dollars per million tokens, such as 4/20 or 0.25/1.5, not {one_line(text)[:40]!r}"
        )
    each_in, each_out = (Fraction(found[side]) * PER_MILLION for side in ("input", "output"))
    return Price(model, each_in, each_out, CACHE_READ, day, GIVEN_SOURCE)


def batch_cost(price: Price, usage: Usage) -> int:
    """Return what one request of a batch costs, in nanodollars, rounded up once."""
    return ceil(price.batch * _list_cost(price, usage))


def batch_costs(price: Price) -> Callable[[Usage], int]:
    """Return :func:`batch_cost` for one price, worked out in whole numbers: for many answers."""
    each_in = price.batch * price.input
    rates = (each_in, each_in * price.cache_write, each_in * price.cache_read, price.batch * price.output)
    below = lcm(*(rate.denominator for rate in rates))
    of_in, of_write, of_read, of_out = (int(rate * below) for rate in rates)

    def cost(usage: Usage) -> int:
        whole = of_in * usage.tokens_in + of_write * usage.cache_write + of_read * usage.cache_read
        return -(-(whole + of_out * usage.tokens_out) // below)

    return cost


def live_cost(price: Price, usage: Usage) -> int:
    """Return what one question asked by itself costs, in nanodollars, rounded up once."""
    return ceil(_list_cost(price, usage))


def dollars(nanodollars: int) -> float:
    """Return an amount as dollars, for a door."""
    return nanodollars / NANO


def in_dollars(nanodollars: int) -> str:
    """Return an amount in words: to a hundredth of a cent, or as far as it takes to see that it is not nothing."""
    digits = f"{dollars(nanodollars):,.4f}"
    if nanodollars and float(digits.replace(",", "")) == 0:
        digits = f"{dollars(nanodollars):.9f}"
    whole, _, part = digits.partition(".")
    return f"${whole}.{part[:2]}{part[2:].rstrip('0')}"


def nanodollars(amount: float) -> int:
    """Return an amount in dollars from a door as nanodollars."""
    return round(amount * NANO)


def _list_cost(price: Price, usage: Usage) -> Fraction:
    tokens = usage.tokens_in + usage.cache_write * price.cache_write + usage.cache_read * price.cache_read
    return Fraction(tokens * price.input + usage.tokens_out * price.output)


def _listed(model: str, provider: str | None, url: str | None) -> Price:
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, url)
    except LookupError:
        found = None
    at = datetime.now(UTC)
    each = found and found.get_prices(at)
    each_in, each_out = _per_token(each, "input_mtok"), _per_token(each, "output_mtok")
    if found is None or each_in is None or each_out is None:
        raise StratosError(
            f"no price is known for the model {one_line(model)!r}: give its price with --price IN/OUT,"
            " in US dollars per million tokens"
        )
    batch_in = _per_token(found.get_prices(at, {"processing": "batch"}), "input_mtok")
    return Price(
        model=found.id,
        input=each_in,
        output=each_out,
        cache_read=_share(_per_token(each, "cache_read_mtok"), each_in, CACHE_READ),
        date=prices_date(),
        source=f"{LIBRARY} {_version()}",
        cache_write=_share(_per_token(each, "cache_write_mtok"), each_in, CACHE_WRITE),
        batch=_share(batch_in if batch_in != each_in else None, each_in, BATCH_DISCOUNT),
    )


def _version() -> str:
    from importlib.metadata import version

    return version(LIBRARY)


def _per_token(prices: Any, name: str) -> Fraction | None:
    price = getattr(prices, name, None)
    # a price by length of the prompt: that of the shortest ones (Haiku 5.5: up to 100,000 tokens)
    price = getattr(price, "base", price)
    return None if price is None else Fraction(price) * PER_MILLION


def _share(part: Fraction | None, whole: Fraction, otherwise: Fraction) -> Fraction:
    return otherwise if part is None or not whole else part / whole
