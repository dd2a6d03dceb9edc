"""Drafts by a teacher: money and journal, what is lost and what is settled."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill import review
from stratos_tui.distill.candidates import Wish, draft, most_of_drafts
from stratos_tui.distill.pausing import pause, resume
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.weak import wishes_of
from stratos_tui.errors import StratosError
from stratos_tui.prism.drafting import drafting_fingerprint
from stratos_tui.progress import Canceled
from stratos_tui.store import articles, batches, candidates, events, ledger, profiles
from stratos_tui.store.candidates import Candidate
from stratos_tui.store.db import Store, open_store
from stratos_tui.teachers.prices import Usage, live_cost, nanodollars
from stratos_tui.teachers.rehearsal.desk import Refusal
from stratos_tui.teachers.rehearsal.server import Handler
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply
    from tests.distill.conftest import Serve

Paid = Callable[..., AbstractContextManager[list[int]]]

DAY = date(2026, 11, 22)
CLAUDE = "claude:claude-haiku-5-5"
GOOD = DistillSettings(rehearsal=RehearsalSettings(bad_share=0.0, latency_seconds=0.0))
NURSE = wishes_of(["texas_nurse"], "critical", 3)


def asked(store: Store, settings: DistillSettings = GOOD, wishes: list[Wish] = NURSE, **more: Any) -> dict[str, Any]:
    return draft(store, "rehearsal", wishes, settings=settings, as_of=DAY, **more)


def states(store: Store) -> list[str]:
    return [row["state"] for row in store.rows("SELECT state FROM candidates ORDER BY id")]


def only(store: Store) -> Candidate:
    (found,) = candidates.load(store)
    return found


def ledger_of(store: Store) -> dict[str, int]:
    rows = store.rows("SELECT kind, sum(nanodollars) AS amount FROM ledger GROUP BY kind")
    return {row["kind"]: row["amount"] for row in rows}


def bad(kind: str) -> DistillSettings:
    return replace(GOOD, rehearsal=RehearsalSettings(bad_share=1.0, bad_kinds=(kind,), latency_seconds=0.0))


# asking


def test_drafts_come_into_the_queue_and_not_into_the_data(seeded: Store) -> None:
    before = articles.count(seeded)
    result = asked(seeded)
    assert (result["asked"], result["waiting"], result["errored"], result["lost"]) == (3, 3, 0, 0)
    assert articles.count(seeded) == before
    found = candidates.load(seeded)
    assert {each.state for each in found} == {"waiting"}
    assert len({each.title for each in found}) == 3
    for each in found:
        assert (each.teacher, each.model, each.band, each.profile_ids) == (
            *("rehearsal", "rehearsal", "critical"),
            ("texas_nurse",),
        )
        assert each.prompt_fingerprint == drafting_fingerprint()
        assert each.as_of == DAY
        assert json.loads(each.raw)["id"].startswith("msg_rehearsal_")
    (batch,) = batches.load(seeded)
    assert (batch.purpose, batch.way, batch.state, batch.simulated) == ("candidates", "live", "ingested", True)
    assert (batch.request_count, batch.succeeded, batch.errored) == (3, 3, 0)


def test_money_is_held_first_settled_once_and_let_go(seeded: Store) -> None:
    asked(seeded)
    known = ledger_of(seeded)
    (price,) = {row["priced_as"] for row in seeded.rows("SELECT DISTINCT priced_as FROM ledger")}
    assert price
    assert known["reserve"] == known["release"] == most_of_drafts(seeded, "rehearsal", NURSE, GOOD)[1]
    assert 0 < known["settle"] < known["reserve"]
    assert seeded.value("SELECT count(*) FROM ledger WHERE kind = 'settle' AND request_id IS NULL") == 3
    assert ledger.spend(seeded, simulated=True).held == 0


def test_a_server_of_ones_own_is_asked_for_the_window_that_is_set(
    seeded: Store, chat_server: ChatServer, reply: type[Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", chat_server.url)
    said = {"model": "writer", "message": {"role": "assistant", "content": "{}"}, "done": True, "done_reason": "stop"}
    chat_server.answer = lambda body: reply(lines=[said])
    result = draft(seeded, "ollama:writer", NURSE[:1], settings=replace(GOOD, context=12_000), as_of=DAY)
    assert (result["asked"], result["errored"]) == (1, 1)
    (body,) = chat_server.asked
    assert body["options"]["num_ctx"] == 12_000


def test_the_same_again_asks_for_further_drafts(seeded: Store) -> None:
    asked(seeded)
    first = {each.custom_id for each in candidates.load(seeded)}
    result = asked(seeded)
    assert result["asked"] == 3
    assert len({each.custom_id for each in candidates.load(seeded)} - first) == 3


def test_what_is_composed_is_the_same_in_another_store(seeded: Store, seeded_file: Any, tmp_path: Any) -> None:
    asked(seeded)
    other = open_store(tmp_path / "other.db")
    other.close()
    (tmp_path / "other.db").write_bytes(seeded_file.read_bytes())
    other = open_store(tmp_path / "other.db")
    asked(other)
    assert [each.body for each in candidates.load(other)] == [each.body for each in candidates.load(seeded)]
    other.close()


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("too_short", "too_short: "),
        ("too_long", "too_long: "),
        ("no_score", "not_json: "),
        ("five", "title_missing: "),
        ("refusal", "refusal: reasoning_extraction"),
        ("max_tokens", "truncated: cut off after "),
    ],
)
def test_a_bad_answer_is_paid_named_and_never_reviewed(seeded: Store, kind: str, fault: str) -> None:
    result = asked(seeded, bad(kind), NURSE[:1])
    assert result["faults"] == {fault.partition(":")[0]: 1}
    assert only(seeded).fault.startswith(fault)
    assert only(seeded).raw
    assert ledger_of(seeded)["settle"] > 0
    assert any(each.what == "no draft" for each in events.latest(seeded))
    with pytest.raises(StratosError, match="does not wait"):
        review.accept(seeded, only(seeded).id)


def test_two_profiles_are_asked_for_at_once(seeded: Store) -> None:
    asked(seeded, wishes=wishes_of(["kuwait_cpeg", "munich_mecheng"], "high", 2))
    for each in candidates.load(seeded):
        assert review.by_rubric(each, profiles.load(seeded)).lands


@pytest.mark.parametrize(
    ("wishes", "match"),
    [
        ([], "nothing is wanted"),
        (wishes_of(["nobody"], "high", 1), "no profile 'nobody'"),
        (wishes_of(["texas_nurse", "texas_nurse"], "high", 1), "one or two profiles"),
        (wishes_of(["texas_nurse", "kuwait_cpeg", "dc_cybersec"], "high", 1), "one or two profiles"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_before_anything_is_held(
    seeded: Store, wishes: list[Wish], match: str
) -> None:
    with pytest.raises(StratosError, match=match):
        asked(seeded, wishes=wishes)
    assert not states(seeded)
    assert not ledger_of(seeded)


def test_the_rubric_writes_no_articles(seeded: Store) -> None:
    with pytest.raises(StratosError, match="writes none"):
        draft(seeded, "rubric", NURSE)


@pytest.mark.parametrize("cap", ["budget_usd", "own_usd"])
def test_what_does_not_fit_the_budget_is_not_begun(seeded: Store, cap: str) -> None:
    with pytest.raises(StratosError, match="3 drafts can take up to"):
        draft(seeded, "rehearsal", NURSE, settings=GOOD, **{cap: 0.01})  # type: ignore[arg-type]
    assert not states(seeded)
    assert not ledger_of(seeded)


def test_a_stop_keeps_what_came_and_forgets_what_was_not_asked(seeded: Store) -> None:
    def report(done: int, total: int, note: str) -> None:
        if done == 1 and total == 3:
            raise Canceled

    with pytest.raises(Canceled):
        asked(seeded, report=report)
    assert states(seeded) == ["waiting"]
    assert ledger.spend(seeded, simulated=True).held == 0


# a paid teacher over the real client, and what a server may do wrong


class Claude(Handler):
    """Claude's messages, answered by the rehearsal; ``before(number)`` may make the n-th question fail."""

    before: Callable[[int], None]
    seen: list[int]
    first: list[dict[str, Any]]
    parrot = False
    counts = True
    wait = "0.05"
    code = 200

    def _live(self, body: Any) -> dict[str, Any]:
        self.seen.append(len(self.seen) + 1)
        type(self).before(len(self.seen))
        answer = super()._live(body | {"model": "rehearsal"}) | {"model": body["model"]}
        if not self.counts:
            del answer["usage"]
        self.first.append(answer)
        return self.first[0] if self.parrot else answer

    def send_response(self, code: int, message: str | None = None) -> None:
        self.code = code
        super().send_response(code, message)

    def end_headers(self) -> None:
        if self.code == 429:
            self.send_header("Retry-After", self.wait)
        super().end_headers()


@pytest.fixture
def paid(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Paid:
    @contextmanager
    def served(before: Callable[[int], None] = lambda number: None, **odd: Any) -> Iterator[list[int]]:
        seen: list[int] = []
        own = type("Own", (Claude,), {"before": staticmethod(before), "seen": seen, "first": [], **odd})
        with serve(own, GOOD.rehearsal) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
            monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-key")
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            yield seen

    return served


def paid_drafts(store: Store, count: int = 3, **more: Any) -> dict[str, Any]:
    wishes = wishes_of(["texas_nurse"], "critical", count)
    return draft(store, CLAUDE, wishes, settings=GOOD, as_of=DAY, **({"budget_usd": 1.0, "accept_terms": True} | more))


def test_a_paid_teacher_needs_terms_then_a_budget_then_a_key(seeded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(StratosError, match=r"restrict training models.*--accept-terms"):
        paid_drafts(seeded, accept_terms=False)
    with pytest.raises(StratosError, match="--budget"):
        paid_drafts(seeded, budget_usd=None)
    with pytest.raises(StratosError, match="ANTHROPIC_API_KEY"):
        paid_drafts(seeded)
    assert not ledger_of(seeded)


def test_paid_drafts_are_settled_at_the_live_price(seeded: Store, paid: Paid) -> None:
    with paid():
        result = paid_drafts(seeded)
    assert not result["simulated"]
    who, _ = most_of_drafts(seeded, CLAUDE, NURSE)
    assert who.price is not None
    found = candidates.load(seeded)
    worked_out = 0
    for each in found:
        usage = json.loads(each.raw)["usage"]
        counted = Usage(
            usage["input_tokens"],
            usage["cache_creation_input_tokens"],
            usage["cache_read_input_tokens"],
            usage["output_tokens"],
        )
        worked_out += live_cost(who.price, counted)
        assert each.model == "claude-haiku-5-5"
        assert each.tokens_in == counted.tokens_in + counted.cache_write + counted.cache_read
    spend = ledger.spend(seeded, simulated=False)
    assert spend.settled == worked_out == nanodollars(result["spent"])
    assert spend.held == 0


def test_a_draft_that_repeats_another_is_paid_and_not_reviewed(seeded: Store, paid: Paid) -> None:
    with paid(parrot=True):
        result = paid_drafts(seeded, 2)
    assert result["faults"] == {"repeats": 1}
    first, second = sorted(candidates.load(seeded), key=lambda each: each.id)
    assert second.fault == f"repeats: nearly word for word candidate {first.id}"
    assert second.state == "errored"
    assert seeded.value("SELECT count(*) FROM ledger WHERE kind = 'settle'") == 2


def test_an_answer_that_does_not_come_may_have_been_paid(seeded: Store, paid: Paid) -> None:
    def before(number: int) -> None:
        if number == 2:
            raise Refusal(500, "api_error", "a bad day")

    with paid(before) as seen:
        result = paid_drafts(seeded)
    assert len(seen) == 3
    assert result["faults"] == {"no_answer": 1}
    (lost,) = candidates.load(seeded, ("errored",))
    assert "a bad day" in lost.fault
    assert "may have been paid" in lost.fault
    settled = [row["nanodollars"] for row in seeded.rows("SELECT nanodollars FROM ledger WHERE kind = 'settle'")]
    assert settled.count(most_of_drafts(seeded, CLAUDE, NURSE[:1], GOOD)[1]) == 1
    assert len(settled) == 3
    assert ledger.spend(seeded, simulated=False).held == 0


def test_a_server_that_answers_nothing_is_not_asked_on_and_on(seeded: Store, paid: Paid) -> None:
    def before(number: int) -> None:
        raise Refusal(502, "api_error", "gone")

    with paid(before) as seen, pytest.raises(StratosError, match="did not answer 3 questions in a row"):
        paid_drafts(seeded, 6)
    assert len(seen) == 3
    assert states(seeded) == ["errored"] * 3
    assert batches.load(seeded)[0].state == "failed"
    assert ledger.spend(seeded, simulated=False).held == 0


def test_a_busy_server_is_asked_again_and_one_that_refuses_is_not(seeded: Store, paid: Paid) -> None:
    def before(number: int) -> None:
        if number == 1:
            raise Refusal(429, "rate_limit_error", "slow down")
        if number == 3:
            raise Refusal(403, "permission_error", "not you")

    with paid(before) as seen, pytest.raises(StratosError, match="not you"):
        paid_drafts(seeded)
    assert len(seen) == 3
    # neither was taken by the server: neither is paid, and what was never sent is forgotten
    assert states(seeded) == ["waiting"]
    assert seeded.value("SELECT count(*) FROM ledger WHERE kind = 'settle'") == 1
    assert ledger.spend(seeded, simulated=False).held == 0


def test_a_server_that_counts_nothing_is_settled_at_the_most(seeded: Store, paid: Paid) -> None:
    with paid(counts=False):
        result = paid_drafts(seeded, 2)
    assert (result["waiting"], result["errored"]) == (2, 0)
    most = most_of_drafts(seeded, CLAUDE, NURSE[:2], GOOD)[1]
    assert most > 0
    assert ledger.spend(seeded, simulated=False) == ledger.Spend(most, 0)
    assert nanodollars(result["spent"]) == most


def test_a_paused_workspace_drafts_nothing(seeded: Store, paid: Paid) -> None:
    pause(seeded)
    with paid() as seen, pytest.raises(StratosError, match="paused"):
        paid_drafts(seeded)
    assert seen == []
    assert not ledger_of(seeded)


@pytest.mark.parametrize("wait", ["0.01", "3000"])
def test_a_pause_while_the_server_is_busy_ends_the_drafting(seeded: Store, paid: Paid, wait: str) -> None:
    def before(number: int) -> None:
        if number == 2:
            pause(seeded)
            raise Refusal(429, "rate_limit_error", "slow down")

    with paid(before, wait=wait) as seen:
        with pytest.raises(StratosError, match="paused"):
            paid_drafts(seeded)
        assert len(seen) == 2
        assert states(seeded) == ["waiting"]
        assert seeded.value("SELECT count(*) FROM ledger WHERE kind = 'settle'") == 1
        assert ledger.spend(seeded, simulated=False).held == 0
        resume(seeded)
        assert paid_drafts(seeded, 1)["waiting"] == 1


def test_a_pause_between_two_drafts_ends_the_drafting(seeded: Store, paid: Paid) -> None:
    def report(done: int, total: int, note: str) -> None:
        if done == 1 and total == 3:
            pause(seeded)

    with paid() as seen, pytest.raises(StratosError, match="paused"):
        paid_drafts(seeded, report=report)
    assert len(seen) == 1
    assert states(seeded) == ["waiting"]
    assert ledger.spend(seeded, simulated=False).held == 0


CHILD = """
import os, signal, sys
from datetime import date
from anthropic.resources.messages import Messages
from stratos_tui.distill.candidates import draft
from stratos_tui.distill.weak import wishes_of
from stratos_tui.store.db import open_store

point, store, create, asked = sys.argv[1], open_store(sys.argv[2]), Messages.create, 0

def die_around(self, **wanted):
    global asked
    asked += 1
    if asked == 2 and point == "before the answer":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = create(self, **wanted)
    if asked == 2 and point == "after the answer":
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

def report(done, total, note):
    if total and done == 1 and point == "between two":
        os.kill(os.getpid(), signal.SIGKILL)

Messages.create = die_around
draft(store, sys.argv[3], wishes_of(["texas_nurse"], "critical", 3), budget_usd=1.0, accept_terms=True,
      as_of=date(2026, 11, 22), report=report)
"""


@pytest.mark.parametrize(("point", "lost"), [("before the answer", 1), ("after the answer", 1), ("between two", 0)])
def test_after_kill_9_nothing_is_asked_twice_and_what_may_have_been_paid_is_settled(
    seeded: Store, paid: Paid, point: str, lost: int
) -> None:
    with paid() as seen:
        ended = subprocess.run([sys.executable, "-c", CHILD, point, str(seeded.path), CLAUDE], timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL
        asked_before = len(seen)
        assert ledger.spend(seeded, simulated=False).held > 0
        # as the killed one left them: journalled before it was sent
        assert states(seeded) == ["waiting", "submitted" if lost else "planned", "planned"]
        result = paid_drafts(seeded, 1)
        assert len(seen) == asked_before + 1
    assert result["lost"] == lost
    assert states(seeded) == ["waiting", *["errored"] * lost, "waiting"]
    spend = ledger.spend(seeded, simulated=False)
    assert spend.held == 0
    _, each = most_of_drafts(seeded, CLAUDE, NURSE[:1])
    settled = [row["nanodollars"] for row in seeded.rows("SELECT nanodollars FROM ledger WHERE kind = 'settle'")]
    assert settled.count(each) == lost
    assert len(settled) == 2 + lost
