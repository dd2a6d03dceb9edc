from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store
from stratos_tui.teachers.prices import (
    REHEARSAL_PRICE,
    Usage,
    batch_cost,
    dollars,
    give_price,
    given_price,
    live_cost,
    nanodollars,
    price_at,
    price_of,
    prices_date,
    read_price,
)
from stratos_tui.teachers.tokens import at_most, estimate

OPUS = price_of("claude-opus-5-5")
HAIKU = price_of("claude-haiku-5-5")


@pytest.mark.parametrize(
    ("model", "million_in", "million_out", "read"),
    [
        ("claude-opus-5-5", 4.0, 20.0, Fraction(1, 20)),
        ("claude-sonnet-5-5", 2.0, 10.0, Fraction(1, 20)),
        # up to 100,000 tokens of prompt
        ("claude-haiku-5-5", 0.1, 0.5, Fraction(1, 10)),
    ],
)
def test_the_library_says_what_the_vendors_page_said(
    model: str, million_in: float, million_out: float, read: Fraction
) -> None:
    price = price_of(model)
    assert live_cost(price, Usage(tokens_in=1_000_000)) == nanodollars(million_in)
    assert live_cost(price, Usage(tokens_out=1_000_000)) == nanodollars(million_out)
    assert (price.cache_read, price.cache_write, price.batch) == (read, Fraction(5, 4), Fraction(1, 2))
    assert price.source.startswith("genai-prices ")
    assert price.date == prices_date()


def test_a_rehearsal_is_billed_by_the_price_of_what_it_stands_in_for() -> None:
    assert replace(REHEARSAL_PRICE, date=OPUS.date, source=OPUS.source) == OPUS


def test_the_library_is_read_no_earlier_than_a_price_is_asked_for() -> None:
    code = (
        "import sys; from stratos_tui.teachers.catalog import find_teacher; find_teacher(None, 'rehearsal');"
        "import stratos_tui.distill.asking, stratos_tui.scoring.scorers;"
        "sys.exit(bool({'genai_prices', 'openai', 'ollama', 'anthropic', 'keyring'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_a_price_that_is_no_whole_number_of_nanodollars_stays_exact() -> None:
    price = price_at("deepseek-chat", "https://api.deepseek.com/v1")
    share = Fraction(live_cost(price, Usage(cache_read=10**9)), 10**9)
    assert share == price.input * price.cache_read
    assert live_cost(price, Usage(cache_read=1)) >= share


@pytest.mark.parametrize("model", ["claude-next", "gpt-4o-mini", "", "\x1b[31mclaude\n"])
def test_a_model_without_a_price_is_refused_in_one_line(model: str) -> None:
    with pytest.raises(StratosError, match=r"no price is known for the model .* --price IN/OUT") as refusal:
        price_of(model)
    assert "\n" not in str(refusal.value)
    assert "\x1b" not in str(refusal.value)


def test_a_given_price_is_kept_with_its_day(store: Store) -> None:
    assert given_price(store, "own") is None
    price = give_price(store, "own", " 0.145/2.5 ")
    assert given_price(store, "own") == price
    assert (int(price.input), int(price.output)) == (145, 2_500)
    assert (price.date, price.source) == (datetime.now(UTC).date().isoformat(), "given by the operator")
    # nothing is known of its cached tokens, so they cost as much as others
    assert live_cost(price, Usage(cache_read=1_000)) == 145_000


@given(st.integers(0, 999_999), st.integers(0, 999_999), st.integers(0, 999_999), st.integers(0, 999_999))
def test_any_price_is_read_exactly(whole_in: int, part_in: int, whole_out: int, part_out: int) -> None:
    price = read_price("m", f"{whole_in}.{part_in:06}/{whole_out}.{part_out:06}", "2026-11-01")
    assert price.input == Fraction(whole_in * 10**6 + part_in, 1_000)
    assert price.output == Fraction(whole_out * 10**6 + part_out, 1_000)


@pytest.mark.parametrize("text", ["", "4", "4/", "/4", "4/5/6", "-1/2", "a/b", "1e3/2", "nan/1", "4/5\x1b[31m", "٣/٤"])
def test_what_is_no_price_is_refused_and_not_kept(store: Store, text: str) -> None:
    with pytest.raises(StratosError, match="IN/OUT in US dollars per million tokens"):
        give_price(store, "own", text)
    assert given_price(store, "own") is None


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("word", 1), ("words", 2), ("é" * 4, 2), ("\ud800", 1)])
def test_tokens_are_estimated_from_bytes(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


@given(st.text())
def test_no_text_has_more_tokens_than_bytes(text: str) -> None:
    assert estimate(text) <= at_most(text)
