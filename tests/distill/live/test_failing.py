"""Single questions to servers that fail, hang or refuse, and a process that is killed: each is paid once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import recover
from stratos_tui.progress import Canceled, silent
from stratos_tui.store import batches, ledger
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Spend
from stratos_tui.teachers.batches import Busy, NotTaken, Unreachable
from stratos_tui.teachers.catalog import Teacher

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply
    from tests.distill.live.conftest import Answer, AskAll, EachMost, Exact, Lost, Planned, States, Users


def test_a_question_without_an_answer_is_lost_at_its_most_and_asked_again_as_another(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    reply: type[Reply],
    planned: Planned,
    ask: AskAll,
    states: States,
    lost: Lost,
    assert_exact: Exact,
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
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    planned: Planned,
    ask: AskAll,
    each_most: EachMost,
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
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    reply: type[Reply],
    planned: Planned,
    ask: AskAll,
    states: States,
    assert_exact: Exact,
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
    planned: Planned,
    ask: AskAll,
    states: States,
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
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    free: Teacher,
    reply: type[Reply],
    planned: Planned,
    ask: AskAll,
    states: States,
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "told to"}}, 500)
    planned(seeded, free, live)
    with pytest.raises(Unreachable, match=r"5 questions failed in a row, the last by: .*told to"):
        ask(seeded, free, live)
    assert 5 <= len(chat_server.asked) < 5 + 2 * live.live_concurrency
    assert states(seeded) == {"errored": len(chat_server.asked), "planned": 30 - len(chat_server.asked)}


def test_what_never_comes_back_is_not_waited_for(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    well: Answer,
    monkeypatch: pytest.MonkeyPatch,
    planned: Planned,
    ask: AskAll,
    states: States,
    lost: Lost,
    assert_exact: Exact,
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
    planned: Planned,
    ask: AskAll,
    users: Users,
    states: States,
    lost: Lost,
    assert_exact: Exact,
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


def test_the_key_is_written_nowhere(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    reply: type[Reply],
    monkeypatch: pytest.MonkeyPatch,
    planned: Planned,
    ask: AskAll,
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
