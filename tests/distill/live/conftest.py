"""What the tests of single questions share: a priced teacher on a loopback server, and what came of its questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import answer_live, most_of, question_of
from stratos_tui.distill.submit import Sent
from stratos_tui.distill.texts import Texts
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Report, silent
from stratos_tui.store import articles, ledger, profiles, requests
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Spend
from stratos_tui.teachers.catalog import Teacher, find_teacher, price_teacher
from stratos_tui.teachers.live import LiveClient, open_live
from stratos_tui.teachers.prices import Usage, live_cost
from stratos_tui.teachers.rehearsal.reading import read_pair

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply

Answer = Callable[[dict[str, Any]], "Reply"]
Planned = Callable[..., list[str]]
AskAll = Callable[..., Sent]
Users = Callable[["ChatServer"], Counter[str]]
EachMost = Callable[[Store, Teacher, DistillSettings], dict[int, int]]
States = Callable[[Store], dict[str, int]]
Lost = Callable[[Store], list[int]]
Exact = Callable[[Store, Teacher, DistillSettings], None]
ClientOf = Callable[[Store, Teacher], AbstractContextManager[LiveClient]]
PRICE = "0.15/0.6"
USED = Usage(tokens_in=900, cache_read=300, tokens_out=111)


@pytest.fixture
def live(quick: DistillSettings) -> DistillSettings:
    return replace(quick, batch_size=20, max_tokens=400, busy_seconds=0.02)


@pytest.fixture
def well(reply: type[Reply]) -> Answer:
    """Answers as the rubric does, and counts the same tokens for each."""

    def answer(body: dict[str, Any]) -> Reply:
        asked = read_pair(body["messages"][1]["content"])
        said = rubric.answer(asked.profile, asked.article, asked.reference_date)
        message = {"role": "assistant", "content": render_completion(said.trace, said.tenths, said.reason)}
        return reply(
            {
                "model": "served",
                "choices": [{"message": message, "finish_reason": "stop"}],
                "usage": {
                    "prompt_tokens": USED.tokens_in + USED.cache_read,
                    "prompt_tokens_details": {"cached_tokens": USED.cache_read},
                    "completion_tokens": USED.tokens_out,
                },
            }
        )

    return answer


@pytest.fixture
def teacher(seeded: Store, chat_server: ChatServer, well: Answer, monkeypatch: pytest.MonkeyPatch) -> Teacher:
    """A teacher on a server of one's own, with a price: all money in these tests is real to the ledger."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    chat_server.answer = well
    name = f"openai:served@{chat_server.url}"
    price_teacher(seeded, name, PRICE)
    return find_teacher(seeded, name)


@pytest.fixture
def free(teacher: Teacher) -> Teacher:
    return replace(teacher, price=None)


@pytest.fixture
def pair(seeded: Store) -> tuple[Any, Any, date]:
    article = articles.load(seeded)[0]
    return profiles.load(seeded)[0], article, prompts.reference_date_of(article, date(2026, 11, 1))


def planned(store: Store, teacher: Teacher, settings: DistillSettings, pairs: int = 30) -> list[str]:
    """Plan questions; return their ids."""
    keep(store, plan(store, teacher.name, choose_pairs(store, limit=pairs), settings=settings), settings)
    return [each.custom_id for each in requests.unsent(store, teacher.name)]


def ask(
    store: Store, teacher: Teacher, settings: DistillSettings, caps: Caps | None = None, report: Report = silent
) -> Sent:
    with client_of(store, teacher) as client:
        return answer_live(store, client, settings, caps or Caps(), report)


def users(server: ChatServer) -> Counter[str]:
    """How often each question reached the server."""
    return Counter(body["messages"][1]["content"] for body in server.asked)


def each_most(store: Store, teacher: Teacher, settings: DistillSettings) -> dict[int, int]:
    asked = [requests.get(store, row["id"]) for row in store.rows("SELECT id FROM requests ORDER BY id")]
    known = [each for each in asked if each is not None]
    texts = Texts(store, known)
    return {each.id: most_of(teacher, question_of(texts, each, settings)) for each in known}


def states(store: Store) -> dict[str, int]:
    return {row["state"]: row["n"] for row in store.rows("SELECT state, count(*) AS n FROM requests GROUP BY state")}


def lost(store: Store) -> list[int]:
    return [row["request_id"] for row in store.rows("SELECT request_id FROM answers WHERE result_type = 'lost'")]


def assert_exact(store: Store, teacher: Teacher, settings: DistillSettings) -> None:
    """Every answer is settled at its usage, every lost question at its most, and nothing is held any more."""
    assert teacher.price is not None
    most = each_most(store, teacher, settings)
    gone = lost(store)
    came = store.value("SELECT count(*) FROM answers WHERE result_type = 'succeeded'")
    known = ledger.spend(store, simulated=False)
    assert known == Spend(came * live_cost(teacher.price, USED) + sum(most[each] for each in gone), 0)
    assert store.value("SELECT count(*) FROM ledger WHERE kind = 'settle'") == came + len(gone)


@contextmanager
def client_of(store: Store, teacher: Teacher) -> Iterator[LiveClient]:
    with open_live(teacher, store.path) as client:
        yield client


@pytest.fixture(name="planned")
def _planned() -> Planned:
    return planned


@pytest.fixture(name="ask")
def _ask() -> AskAll:
    return ask


@pytest.fixture(name="users")
def _users() -> Users:
    return users


@pytest.fixture(name="each_most")
def _each_most() -> EachMost:
    return each_most


@pytest.fixture(name="states")
def _states() -> States:
    return states


@pytest.fixture(name="lost")
def _lost() -> Lost:
    return lost


@pytest.fixture(name="assert_exact")
def _assert_exact() -> Exact:
    return assert_exact


@pytest.fixture(name="client_of")
def _client_of() -> ClientOf:
    return client_of
