"""Single questions under the journal: whatever happens, each is paid once, and the ledger is exact."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.asking import ask_one
from stratos_tui.distill.pausing import pause, resume
from stratos_tui.distill.pilot import extrapolate
from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.run import distill, stop
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import answer_live, most_of, question_of, recover
from stratos_tui.distill.submit import Sent
from stratos_tui.distill.texts import Texts
from stratos_tui.errors import StratosError
from stratos_tui.jobs import run_here
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Canceled, Report, silent
from stratos_tui.store import acknowledgements, articles, batches, events, jobs, ledger, profiles, requests
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Spend
from stratos_tui.teachers.batches import Busy, NotTaken, Unreachable
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, Teacher, find_teacher, price_teacher
from stratos_tui.teachers.live import LiveClient, open_live
from stratos_tui.teachers.prices import Usage, live_cost
from stratos_tui.teachers.rehearsal.reading import read_pair

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply

Answer = Callable[[dict[str, Any]], "Reply"]
PRICE = "0.15/0.6"
USED = Usage(tokens_in=900, cache_read=300, tokens_out=111)


@pytest.fixture
def live(quick: DistillSettings) -> DistillSettings:
    return replace(quick, batch_size=20, max_tokens=400, busy_seconds=0.02, patience_seconds=5.0)


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


@contextmanager
def client_of(store: Store, teacher: Teacher) -> Iterator[LiveClient]:
    with open_live(teacher, store.path) as client:
        yield client


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


def test_every_question_is_asked_once_and_judged(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher
) -> None:
    planned(seeded, teacher, live)
    sent = ask(seeded, teacher, live)
    assert (sent.batches, sent.requests, sent.held_back, sent.needs) == (2, 30, 0, 0)
    assert states(seeded) == {"accepted": 30}
    assert set(users(chat_server).values()) == {1}
    assert_exact(seeded, teacher, live)
    rows = batches.load(seeded, teacher.name)[::-1]
    assert [(each.way, each.state, each.request_count, each.succeeded) for each in rows] == [
        ("live", "ingested", 20, 20),
        ("live", "ingested", 10, 10),
    ]
    assert all(each.remote_id == f"live-{each.run_token}" and each.ended_at for each in rows)
    row = seeded.row("SELECT model, raw, tokens_in, tokens_cache_read, tokens_out FROM answers LIMIT 1")
    assert row is not None
    assert (row["model"], row["tokens_in"], row["tokens_cache_read"], row["tokens_out"]) == ("served", 900, 300, 111)
    assert '"choices"' in row["raw"]
    assert {tuple(each) for each in seeded.rows("SELECT priced_as, price_date, simulated FROM ledger")} == {
        ("served", teacher.price.date if teacher.price else "", 0)
    }
    assert ask(seeded, teacher, live).requests == 0


def test_what_is_free_leaves_no_money_behind(seeded: Store, live: DistillSettings, free: Teacher) -> None:
    planned(seeded, free, live)
    assert ask(seeded, free, live).requests == 30
    assert states(seeded) == {"accepted": 30}
    assert seeded.value("SELECT coalesce(sum(nanodollars), 0) FROM ledger") == 0


def test_questions_go_profile_by_profile(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, free: Teacher
) -> None:
    planned(seeded, free, live)
    ask(seeded, free, replace(live, live_concurrency=1))
    order = [read_pair(body["messages"][1]["content"]).profile.id for body in chat_server.asked]
    assert order == sorted(order)
    assert len(set(order)) > 3


def test_a_few_are_asked_at_once_and_no_more(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, free: Teacher, well: Answer
) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    # none is answered before three are there: two at once would wait here for good, and break it
    all_there = threading.Barrier(3, timeout=60)

    def together(body: dict[str, Any]) -> Reply:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        all_there.wait()
        with lock:
            now[0] -= 1
        return well(body)

    chat_server.answer = together
    planned(seeded, free, live)
    ask(seeded, free, replace(live, live_concurrency=3, batch_size=15))
    assert most == [3]
    assert states(seeded) == {"accepted": 30}


def test_a_budget_is_never_passed_and_is_used_as_answers_come(
    seeded: Store, live: DistillSettings, teacher: Teacher
) -> None:
    planned(seeded, teacher, live)
    most = max(each_most(seeded, teacher, live).values())
    assert teacher.price is not None
    all_of_it = 30 * live_cost(teacher.price, USED)
    cap = all_of_it + 2 * most
    seen: list[int] = []

    def look(done: int, total: int, note: str) -> None:
        known = ledger.spend(seeded, simulated=False)
        seen.append(known.settled + known.held)

    sent = ask(seeded, teacher, live, Caps(total=cap), look)
    assert max(seen) <= cap
    assert (sent.requests, sent.held_back) == (30, 0)
    assert sent.batches > 2
    assert_exact(seeded, teacher, live)


def test_what_does_not_fit_waits_and_says_what_it_takes(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher
) -> None:
    planned(seeded, teacher, live, 5)
    most = each_most(seeded, teacher, live)
    sent = ask(seeded, teacher, live, Caps(total=min(most.values()) - 1))
    assert (sent.requests, sent.held_back, sent.needs) == (0, 5, sum(most.values()))
    assert chat_server.asked == []
    assert batches.load(seeded) == []


def test_a_question_without_an_answer_is_lost_at_its_most_and_asked_again_as_another(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, well: Answer, reply: type[Reply]
) -> None:
    dropped = {0: reply(drop=True), 5: reply({"error": {"message": "told to"}}, 500)}
    number = count()

    def sometimes(body: dict[str, Any]) -> Reply:
        return dropped.get(next(number) % 10) or well(body)

    chat_server.answer = sometimes
    planned(seeded, teacher, live)
    ask(seeded, teacher, live)
    assert len(lost(seeded)) == 6
    assert states(seeded) == {"accepted": 24, "errored": 6}
    assert_exact(seeded, teacher, live)
    chat_server.answer = well
    planned(seeded, teacher, live)
    ask(seeded, teacher, live)
    assert states(seeded) == {"accepted": 30, "errored": 6}
    assert seeded.value("SELECT count(*) FROM requests WHERE attempt = 2") == 6
    assert_exact(seeded, teacher, live)


def test_a_server_that_does_not_count_is_settled_at_the_most(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, well: Answer
) -> None:
    def uncounted(body: dict[str, Any]) -> Reply:
        said = well(body)
        del said.body["usage"]
        return said

    chat_server.answer = uncounted
    planned(seeded, teacher, live, 3)
    ask(seeded, teacher, live)
    most = each_most(seeded, teacher, live)
    assert ledger.spend(seeded, simulated=False) == Spend(sum(most.values()), 0)


def test_a_busy_server_is_waited_for(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, well: Answer, reply: type[Reply]
) -> None:
    def crowded(body: dict[str, Any]) -> Reply:
        if len(chat_server.asked) % 3 == 1:
            return reply({"error": {"message": "slow down"}}, 429, {"retry-after": "0.03"})
        return well(body)

    chat_server.answer = crowded
    planned(seeded, teacher, live)
    assert ask(seeded, teacher, live).requests == 30
    assert states(seeded) == {"accepted": 30}
    assert_exact(seeded, teacher, live)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [(429, {"retry-after": "9999"}, Busy), (429, {}, Busy), (401, {}, NotTaken)],
    ids=["asks for too long", "stays busy", "refuses"],
)
def test_a_server_that_will_not_be_asked_leaves_everything_waiting(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    reply: type[Reply],
    status: int,
    headers: dict[str, str],
    error: type[Exception],
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "told to"}}, status, headers)
    planned(seeded, teacher, live, 10)
    with pytest.raises(error, match="told to"):
        ask(seeded, teacher, replace(live, patience_seconds=0.1))
    assert states(seeded) == {"planned": 10}
    assert seeded.value("SELECT count(*) FROM requests WHERE batch_id IS NOT NULL") == 0
    assert ledger.spend(seeded, simulated=False) == Spend(0, 0)
    assert [each.state for each in batches.load(seeded)] == ["failed"]


def test_a_server_that_fails_every_time_is_left_alone(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, free: Teacher, reply: type[Reply]
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "told to"}}, 500)
    planned(seeded, free, live)
    with pytest.raises(Unreachable, match=r"5 questions failed in a row, the last by: .*told to"):
        ask(seeded, free, live)
    assert 5 <= len(chat_server.asked) < 5 + 2 * live.live_concurrency
    assert states(seeded) == {"errored": len(chat_server.asked), "planned": 30 - len(chat_server.asked)}


def test_a_stop_lets_what_is_in_flight_come_in_and_goes_on_later(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, well: Answer
) -> None:
    def slowly(body: dict[str, Any]) -> Reply:
        time.sleep(0.05)
        return well(body)

    def impatient(done: int, total: int, note: str) -> None:
        if done >= 6:
            raise Canceled

    chat_server.answer = slowly
    planned(seeded, teacher, live)
    with pytest.raises(Canceled):
        ask(seeded, teacher, live, report=impatient)
    first = len(chat_server.asked)
    assert 6 <= first <= 6 + 2 * live.live_concurrency
    assert states(seeded) == {"accepted": first, "planned": 30 - first}
    assert_exact(seeded, teacher, live)
    ask(seeded, teacher, live)
    assert states(seeded) == {"accepted": 30}
    assert set(users(chat_server).values()) == {1}
    assert_exact(seeded, teacher, live)


def test_stopping_a_teacher_ends_the_job_that_asks_it(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, well: Answer
) -> None:
    number, heard = count(), threading.Event()

    def waits(body: dict[str, Any]) -> Reply:
        # from the fifth on only what is in flight when the job hears that it is to stop is answered
        if next(number) >= 4:
            heard.wait(60)
        return well(body)

    def work(report: Report) -> dict[str, Any]:
        def tell(done: int, total: int, note: str) -> None:
            try:
                report(done, total, note)
            except Canceled:
                heard.set()
                raise

        return distill(seeded, teacher.name, limit=30, budget_usd=10.0, settings=live, report=tell)

    chat_server.answer = waits
    ended: list[type[BaseException]] = []

    def ask_all() -> None:
        try:
            run_here(seeded, "distill", {"teacher": teacher.name}, work)
        except Canceled:
            ended.append(Canceled)

    asking = threading.Thread(target=ask_all)
    asking.start()
    while len(chat_server.asked) < 5:
        time.sleep(0.02)
    result = stop(seeded, teacher.name, settings=live)
    asking.join()
    assert ended == [Canceled]
    assert jobs.latest(seeded)[0].state == "canceled"
    first = len(chat_server.asked)
    assert 5 <= first <= 4 + live.live_concurrency
    assert states(seeded) == {"accepted": first}
    assert (result["open"], result["stopped"]["dropped"]) == (0, 30 - first)
    assert_exact(seeded, teacher, live)


def test_a_pilot_of_single_questions_is_extrapolated_at_the_live_price(
    seeded: Store, live: DistillSettings, teacher: Teacher
) -> None:
    planned(seeded, teacher, live, 12)
    with client_of(seeded, teacher) as client:
        answer_live(seeded, client, live, Caps(), silent, purpose="pilot")
    said = extrapolate(seeded, teacher, 100, live)
    assert said is not None
    assert teacher.price is not None
    assert teacher.price.batch < 1
    # nobody halves the price of a question that is asked by itself, the longest one's neither
    assert said == extrapolate(seeded, replace(teacher, price=replace(teacher.price, batch=Fraction(1))), 100, live)
    assert said.high > 100 * live_cost(teacher.price, USED) / 1e9


def test_what_never_comes_back_is_not_waited_for(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hung, number = threading.Event(), count()

    def hangs(body: dict[str, Any]) -> Reply:
        if next(number) == 2:
            hung.wait()
        return well(body)

    def impatient(done: int, total: int, note: str) -> None:
        # all but the one that hangs are in
        if done == 9:
            raise Canceled

    monkeypatch.setattr("stratos_tui.distill.sitting.GRACE_SECONDS", 0.1)
    chat_server.answer = hangs
    planned(seeded, teacher, live, 10)
    with pytest.raises(Canceled):
        ask(seeded, teacher, live, report=impatient)
    hung.set()
    assert len(lost(seeded)) == 1
    assert states(seeded) == {"accepted": 9, "errored": 1}
    assert_exact(seeded, teacher, live)


CHILD = """
import os, signal, sys
from dataclasses import replace
from itertools import count
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import answer_live
from stratos_tui.progress import silent
from stratos_tui.store import answers, live
from stratos_tui.store.db import open_store
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.live import open_live
from stratos_tui.teachers.openai_live import OpenAILive

point, path, name, paid = sys.argv[1:]
store = open_store(path)
ask, judge, keep, numbers = OpenAILive.ask, answers.judge_by_rules, live.keep, count(1)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def ask_and_die(self, question):
    number = next(numbers)
    if number == 8 and point == "before it is sent":
        die()
    said = ask(self, question)
    if number >= 8 and point == "before it is stored":
        die()
    return said

def keep_and_die(*given):
    kept = keep(*given)
    if store.value("SELECT count(*) FROM answers") == 8 and point == "before it is judged":
        die()
    return kept

OpenAILive.ask, live.keep = ask_and_die, keep_and_die
teacher = find_teacher(store, name)
if paid == "free":
    teacher = replace(teacher, price=None)
settings = DistillSettings(batch_size=20, max_tokens=400)
with open_live(teacher, store.path) as client:
    answer_live(store, client, settings, Caps(), silent)
"""


@pytest.mark.parametrize("point", ["before it is sent", "before it is stored", "before it is judged"])
@pytest.mark.parametrize("paid", ["paid", "free"])
def test_the_process_that_asks_is_killed(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    free: Teacher,
    point: str,
    paid: str,
) -> None:
    who = teacher if paid == "paid" else free
    planned(seeded, who, live)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, point, str(seeded.path), who.name, paid], capture_output=True, timeout=60
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    in_flight = seeded.value("SELECT count(*) FROM requests WHERE state = 'submitted'")
    assert 0 < in_flight <= live.live_concurrency
    assert [each.state for each in batches.load(seeded)] == ["submitted"]
    held = ledger.spend(seeded, simulated=False).held
    recover(seeded, who, live, silent)
    assert [each.state for each in batches.load(seeded)] == ["ingested"]
    if paid == "paid":
        assert held > 0
        assert len(lost(seeded)) == in_flight
        assert states(seeded)["errored"] == in_flight
        assert_exact(seeded, who, live)
        planned(seeded, who, live)
    else:
        assert lost(seeded) == []
    ask(seeded, who, live)
    assert states(seeded).get("accepted") == 30
    again = Counter(users(chat_server).values())
    # what was in flight may have been asked before; nothing else was asked twice
    assert set(again) <= {1, 2}
    assert again[2] <= in_flight
    assert sum(again.values()) == 30
    if paid == "paid":
        assert_exact(seeded, who, live)


def test_two_processes_do_not_ask_one_teacher_at_once(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, free: Teacher, well: Answer
) -> None:
    def slowly(body: dict[str, Any]) -> Reply:
        time.sleep(0.02)
        return well(body)

    chat_server.answer = slowly
    planned(seeded, free, live)
    other = threading.Thread(target=ask, args=(seeded, free, live))
    other.start()
    ask(seeded, free, live)
    other.join()
    assert states(seeded) == {"accepted": 30}
    assert set(users(chat_server).values()) == {1}


def test_a_paused_workspace_asks_nothing_more(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, pair: tuple[Any, Any, date]
) -> None:
    def paused(done: int, total: int, note: str) -> None:
        if done == 5:
            pause(seeded)

    planned(seeded, teacher, live)
    sent = ask(seeded, teacher, live, report=paused)
    first = len(chat_server.asked)
    assert 5 <= first <= 5 + live.live_concurrency
    assert (sent.paused, sent.requests, sent.held_back) == (True, first, 30 - first)
    assert states(seeded) == {"accepted": first, "planned": 30 - first}
    assert_exact(seeded, teacher, live)
    assert ask(seeded, teacher, live).requests == 0
    with pytest.raises(StratosError, match="paused"):
        ask_one(seeded, teacher, pair[0], pair[1], date(2030, 1, 1), Caps(total=10**9), live)
    resume(seeded)
    ask(seeded, teacher, live)
    assert set(users(chat_server).values()) == {1}
    assert [each.what for each in events.latest(seeded)][::-1][:2] == ["asking", "paused"]


# one pair


@pytest.fixture
def pair(seeded: Store) -> tuple[Any, Any, date]:
    article = articles.load(seeded)[0]
    return profiles.load(seeded)[0], article, prompts.reference_date_of(article, date(2026, 11, 1))


def test_one_pair_is_asked_once(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, pair: tuple[Any, Any, date]
) -> None:
    caps = Caps(total=10**9)
    said = ask_one(seeded, teacher, *pair, caps, live)
    expected = rubric.answer(*pair)
    assert (said.tenths, said.reason, said.accepted, said.code) == (expected.tenths, expected.reason, True, "")
    assert teacher.price is not None
    assert (said.cost, said.tokens_in, said.tokens_out) == (live_cost(teacher.price, USED), 1_200, 111)
    assert ask_one(seeded, teacher, *pair, caps, live) == said
    assert len(chat_server.asked) == 1
    later = date(2030, 1, 1)
    assert ask_one(seeded, teacher, *pair[:2], later, caps, live).reference_date == later
    assert len(chat_server.asked) == 2
    assert_exact(seeded, teacher, live)


def test_one_pair_needs_a_budget_that_holds_it(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, pair: tuple[Any, Any, date]
) -> None:
    with pytest.raises(StratosError, match="is paid"):
        ask_one(seeded, teacher, *pair, Caps(), live)
    with pytest.raises(StratosError, match=r"can take up to \$0\.\d+, which passes the budget"):
        ask_one(seeded, teacher, *pair, Caps(total=10), live)
    assert chat_server.asked == []
    assert ask_one(seeded, teacher, *pair, Caps(own=10**9, sitting="x"), live).accepted


def test_one_pair_that_failed_is_asked_again(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    pair: tuple[Any, Any, date],
    well: Answer,
    reply: type[Reply],
) -> None:
    caps = Caps(total=10**9)
    chat_server.answer = lambda body: reply(drop=True)
    said = ask_one(seeded, teacher, *pair, caps, live)
    assert (said.result_type, said.code, said.tenths) == ("lost", "lost", None)
    chat_server.answer = well
    assert ask_one(seeded, teacher, *pair, caps, live).accepted
    assert_exact(seeded, teacher, live)


def test_one_pair_is_asked_only_where_it_can_be_journalled(
    seeded: Store, live: DistillSettings, free: Teacher, pair: tuple[Any, Any, date]
) -> None:
    profile, article, day = pair
    for odd in ((replace(profile, context="nobody"), article), (profile, replace(article, id="nowhere"))):
        with pytest.raises(StratosError, match="stored pairs only"):
            ask_one(seeded, free, *odd, day, Caps(), live)
    with pytest.raises(StratosError, match="not asked live"):
        ask_one(seeded, find_teacher(seeded, "rubric"), *pair, Caps(), live)
    assert states(seeded) == {}


def test_claude_live_needs_the_terms_and_a_rehearsal_rehearses_it(
    seeded: Store, live: DistillSettings, pair: tuple[Any, Any, date], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    claude = find_teacher(seeded, "claude:claude-opus-5-5")
    with pytest.raises(StratosError, match="restrict training models"):
        ask_one(seeded, claude, *pair, Caps(total=10**9), live)
    acknowledgements.give(seeded, TERMS_SUBJECT, TERMS_NOTICE)
    with pytest.raises(StratosError, match="ANTHROPIC_API_KEY"):
        ask_one(seeded, claude, *pair, Caps(total=10**9), live)
    good = replace(live, rehearsal=replace(live.rehearsal, bad_share=0.0), max_tokens=2_000)
    said = ask_one(seeded, find_teacher(seeded, "rehearsal"), *pair, Caps(), good)
    assert said.accepted
    assert said.cost == ledger.spend(seeded, simulated=True).settled > 0
    assert ledger.spend(seeded, simulated=False) == Spend(0, 0)


def test_a_pair_in_a_batch_is_on_its_way(
    seeded: Store, live: DistillSettings, free: Teacher, pair: tuple[Any, Any, date]
) -> None:
    profile, article, _ = pair
    chosen = [each for each in choose_pairs(seeded) if (each.article_id, each.profile_id) == (article.id, profile.id)]
    keep(seeded, plan(seeded, free.name, chosen, settings=live), live)
    with seeded.write() as connection:
        connection.execute("UPDATE requests SET state = 'submitted'")
    with pytest.raises(StratosError, match="on its way"):
        ask_one(seeded, free, *pair, Caps(), live)


def test_the_key_is_written_nowhere(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    reply: type[Reply],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    chat_server.answer = lambda body: reply({"error": {"message": "you sent sk-very-secret"}}, 400)
    planned(seeded, teacher, live, 3)
    ask(seeded, teacher, live)
    assert "you sent [key]" in seeded.value("SELECT detail FROM answers LIMIT 1")
    seeded.close()
    files = [path for path in seeded.path.parent.rglob("*") if path.is_file()]
    assert seeded.path in files
    assert not [path for path in files if b"very-secret" in path.read_bytes()]
