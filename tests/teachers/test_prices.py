from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.errors import StratosError
from stratos_tui.teachers.prices import PRICES, Usage, batch_cost, dollars, nanodollars, price_of
from stratos_tui.teachers.tokens import estimate

OPUS = PRICES["claude-opus-5-5"]
HAIKU = PRICES["claude-haiku-5-5"]


def test_a_batch_halves_the_list_price() -> None:
    assert batch_cost(OPUS, Usage(tokens_in=1_000_000)) == nanodollars(2.0)
    assert batch_cost(OPUS, Usage(tokens_out=1_000_000)) == nanodollars(10.0)


def test_the_plan_of_5900_requests_costs_what_todays_prices_say() -> None:
    plan = sum(batch_cost(OPUS, Usage(tokens_in=700, tokens_out=200)) for _ in range(5_900))
    nearer = sum(batch_cost(OPUS, Usage(tokens_in=1_100, tokens_out=260)) for _ in range(5_900))
    assert round(dollars(plan), 2) == 20.06
    assert round(dollars(nearer), 2) == 28.32


def test_cached_tokens_stack_with_the_batch_discount() -> None:
    assert batch_cost(OPUS, Usage(cache_write=1_000)) == 1_000 * 2_000 * 5 // 4
    assert batch_cost(OPUS, Usage(cache_read=1_000)) == 1_000 * 100
    # one cached token read in a batch on the cheapest model
    assert batch_cost(HAIKU, Usage(cache_read=1)) == 5


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_cost_is_exact_and_rounded_up_once(plain: int, written: int, read: int, out: int) -> None:
    exact = plain * 50 + written * 62.5 + read * 5 + out * 250
    assert 0 <= batch_cost(HAIKU, Usage(plain, written, read, out)) - exact < 1


def test_a_model_without_a_price_is_refused_by_name() -> None:
    with pytest.raises(StratosError, match="no price is known for the model 'claude-next'"):
        price_of("claude-next")


def test_every_price_has_a_date_and_a_source() -> None:
    assert all(price.date and price.source for price in PRICES.values())


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("word", 1), ("words", 2), ("é" * 4, 2), ("\ud800", 1)])
def test_tokens_are_estimated_from_bytes(text: str, tokens: int) -> None:
    assert estimate(text) == tokens
