"""Single questions under the journal: each is asked once, as far as the money goes, and the ledger is exact."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.asking import ask_one
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.pausing import pause, resume
from stratos_tui.distill.pilot import extrapolate
from stratos_tui.distill.plan import keep, plan
from stratos_tui.distill.run import distill, stop
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import answer_live
from stratos_tui.errors import StratosError
from stratos_tui.jobs import run_here
from stratos_tui.progress import Canceled, Report, silent
from stratos_tui.store import batches, events, jobs, ledger, requests
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.prices import Usage, live_cost
from stratos_tui.teachers.rehearsal.reading import read_pair

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply
    from tests.distill.live.conftest import Answer, AskAll, ClientOf, EachMost, Exact, Planned, States, Users

USED = Usage(tokens_in=900, cache_read=300, tokens_out=111)


def test_a_question_that_another_process_takes_holds_nothing_back(
    seeded: Store, live: DistillSettings, teacher: Teacher, planned: Planned, ask: AskAll, assert_exact: Exact
) -> None:
    taken: list[int] = []

    def take(done: int, total: int, note: str) -> None:
        if not taken:
            # one that is not part of the sitting that is under way
            *_, last = requests.unsent(seeded, teacher.name)
            pair, day = Pair(last.article_id, last.profile_id), last.reference_date + timedelta(days=1)
            taken.append(keep(seeded, plan(seeded, teacher.name, [pair], as_of=day), live))

    planned(seeded, teacher, live, 10)
    sent = ask(seeded, teacher, replace(live, batch_size=5), Caps(total=10**10), take)
    assert (taken, sent.requests, sent.held_back) == ([1], 10, 0)
    assert_exact(seeded, teacher, live)


def test_every_question_is_asked_once_and_judged(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    planned: Planned,
    ask: AskAll,
    users: Users,
    states: States,
    assert_exact: Exact,
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


def test_what_is_free_leaves_no_money_behind(
    seeded: Store, live: DistillSettings, free: Teacher, planned: Planned, ask: AskAll, states: States
) -> None:
    planned(seeded, free, live)
    assert ask(seeded, free, live).requests == 30
    assert states(seeded) == {"accepted": 30}
    assert seeded.value("SELECT coalesce(sum(nanodollars), 0) FROM ledger") == 0


def test_questions_go_profile_by_profile(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, free: Teacher, planned: Planned, ask: AskAll
) -> None:
    planned(seeded, free, live)
    ask(seeded, free, replace(live, live_concurrency=1))
    order = [read_pair(body["messages"][1]["content"]).profile.id for body in chat_server.asked]
    assert order == sorted(order)
    assert len(set(order)) > 3


def test_a_few_are_asked_at_once_and_no_more(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    free: Teacher,
    well: Answer,
    planned: Planned,
    ask: AskAll,
    states: States,
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
    seeded: Store,
    live: DistillSettings,
    teacher: Teacher,
    planned: Planned,
    ask: AskAll,
    each_most: EachMost,
    assert_exact: Exact,
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
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    planned: Planned,
    ask: AskAll,
    each_most: EachMost,
) -> None:
    planned(seeded, teacher, live, 5)
    most = each_most(seeded, teacher, live)
    sent = ask(seeded, teacher, live, Caps(total=min(most.values()) - 1))
    assert (sent.requests, sent.held_back, sent.needs) == (0, 5, sum(most.values()))
    assert chat_server.asked == []
    assert batches.load(seeded) == []


def test_a_stop_lets_what_is_in_flight_come_in_and_goes_on_later(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    planned: Planned,
    ask: AskAll,
    users: Users,
    states: States,
    assert_exact: Exact,
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
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    states: States,
    assert_exact: Exact,
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
    seeded: Store, live: DistillSettings, teacher: Teacher, planned: Planned, client_of: ClientOf
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


def test_two_processes_do_not_ask_one_teacher_at_once(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    free: Teacher,
    well: Answer,
    planned: Planned,
    ask: AskAll,
    users: Users,
    states: States,
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
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    pair: tuple[Any, Any, date],
    planned: Planned,
    ask: AskAll,
    users: Users,
    states: States,
    assert_exact: Exact,
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
