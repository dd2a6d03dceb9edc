"""The teachers by name: how each is reached, what it costs, and whether anybody pays."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store
from stratos_tui.teachers.prices import REHEARSAL_PRICE, Price, give_price, given_price, price_at, price_of
from stratos_tui.text import one_line

REHEARSAL = "rehearsal"
RUBRIC = "rubric"
CLAUDE_MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
"""The models that are offered by name; any other that has a price can be named too."""

TERMS_SUBJECT = "anthropic-training-terms"
TERMS_NOTICE = (
    "Anthropic's published terms restrict training models on Claude's output without its authorization. "
    "Sending these requests is your decision and your responsibility; the teachers rehearsal and rubric"
    " work without Claude."
)
"""What an operator agrees to before the first paid submission (decisions.md, 14)."""

_SERVED = re.compile(r"(?P<model>.+?)@(?P<url>https?://.*)")
_OWN_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Teacher:
    """Whatever writes traces. ``price`` is None where an answer costs nothing; ``simulated`` money nobody pays.

    ``way`` is how it is asked: by batches, one question at a time, or in this process. ``thinks`` says that the model
    reasons unseen before it answers, which is billed as output. ``url`` is where an OpenAI-compatible server listens.
    """

    name: str
    model: str
    way: Literal["batches", "live", "direct"]
    simulated: bool = False
    price: Price | None = None
    needs_terms: bool = False
    thinks: bool = False
    url: str = ""


def find_teacher(store: Store, name: str) -> Teacher:
    """Return the teacher that an operator named, by the prices that this workspace was given, else by list prices.

    Raises:
        StratosError: there is no such teacher, or its price is not known.
    """
    return _teacher(name, lambda model: given_price(store, model))


def price_teacher(store: Store, name: str, text: str) -> Price:
    """Keep the operator's own price of a teacher's model: ``IN/OUT`` in US dollars per million tokens.

    Raises:
        StratosError: there is no such teacher, nobody is paid for it, or the text is no price.
    """
    if name in (REHEARSAL, RUBRIC):
        raise StratosError(f"the teacher {name} takes no price: nobody is paid for it")
    # any price will do to resolve a name whose own price is not known yet
    return give_price(store, _teacher(name, lambda _: REHEARSAL_PRICE).model, text)


def address_of(name: str) -> str:
    """Return the address in the name of a teacher ``openai:MODEL@URL``; empty for the others."""
    kind, _, rest = name.partition(":")
    served = _SERVED.fullmatch(rest) if kind == "openai" else None
    return served["url"] if served else ""


def is_own(host: str) -> bool:
    """Tell whether a host is this machine or in a private network, where nobody sends a bill."""
    try:
        address = ip_address(host)
    except ValueError:
        # a name without a dot is one of this network's; a number without one is an address written oddly
        return host.endswith(_OWN_SUFFIXES) or ("." not in host and not host[:1].isdigit())
    return address.is_loopback or address.is_private or address.is_link_local


def _teacher(name: str, given: Callable[[str], Price | None]) -> Teacher:
    if name == REHEARSAL:
        return Teacher(name, REHEARSAL, "batches", simulated=True, price=REHEARSAL_PRICE)
    if name == RUBRIC:
        return Teacher(name, RUBRIC, "direct")
    kind, _, model = name.partition(":")
    if kind == "claude" and model:
        price = given(model) or price_of(model)
        return Teacher(name, model, "batches", price=price, needs_terms=True, thinks=True)
    if kind == "ollama" and model:
        return Teacher(name, model, "live", price=given(model))
    if kind == "openai" and (served := _SERVED.fullmatch(model)):
        return _served(name, served["model"], served["url"], given)
    offered = ", ".join([REHEARSAL, RUBRIC, *(f"claude:{model}" for model in CLAUDE_MODELS)])
    raise StratosError(
        f"there is no teacher {one_line(name)!r} here; choose one of {offered}, openai:MODEL@URL, ollama:MODEL"
    )


def _served(name: str, model: str, url: str, given: Callable[[str], Price | None]) -> Teacher:
    host = _host(name, url)
    own = is_own(host)
    if not own and not url.startswith("https://"):
        raise StratosError(f"teacher {one_line(name)}: {host} is a public server, so a key would travel: use https://")
    # the vendor's terms hold by whatever door its model is reached
    terms = "claude" in model.lower() or host.endswith("anthropic.com")
    price = given(model) or (None if own else price_at(model, url))
    return Teacher(name, model, "live", price=price, needs_terms=terms, url=url.rstrip("/"))


def _host(name: str, url: str) -> str:
    if "@" in url or "?" in url or "#" in url:
        # a teacher's name is stored and shown, so it may carry no secret
        raise StratosError("the address of a server has no user, password or query: keys come from the environment")
    try:
        host, _ = urlsplit(url).hostname, urlsplit(url).port
    except ValueError:
        host = None
    if not host or not url.isascii() or any(map(str.isspace, url)):
        raise StratosError(f"teacher {one_line(name)}: {one_line(url)!r} is no address of a server")
    return host
