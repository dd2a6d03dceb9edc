"""Asks planned questions one at a time, several at once, under the same journal, budget and provenance as batches.

A sitting holds, for each of its questions, the most that it can cost. Each is marked as sent before it is sent, and its
answer is stored, settled and judged as soon as it comes. One that was sent and brought no answer may have been paid: a
paid teacher's is stored as lost at the most that it can have cost, and can be asked again as a further attempt; a free
teacher's waits again.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from stratos_tui.distill.budget import fitting, live_bill, most_cost
from stratos_tui.distill.ingest import answer_of, judge_waiting
from stratos_tui.distill.judge import LOST
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.pausing import is_paused
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import Sent, came_to, pricing_of, sending, unsent
from stratos_tui.distill.texts import Texts
from stratos_tui.prism import prompts
from stratos_tui.progress import Report, silent
from stratos_tui.store import events, live
from stratos_tui.store.answers import Answer
from stratos_tui.store.batches import Intent, Purpose
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.store.requests import Request
from stratos_tui.teachers.batches import Busy, InDoubt, NotTaken, Unreachable
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.live import LiveClient, Question, errored
from stratos_tui.teachers.prices import dollars
from stratos_tui.teachers.wire import Outcome, new_run_token

LOOK_SECONDS = 0.1
"""How often a wish to stop is looked for while answers are waited for."""
GRACE_SECONDS = 30.0
"""How long questions that are in flight when the work is stopped may still bring their answers."""
IN_FLIGHT = "in flight when the asking ended: it may have been paid"


def answer_live(
    store: Store,
    client: LiveClient,
    settings: DistillSettings,
    caps: Caps,
    report: Report,
    only: set[Pair] | None = None,
    purpose: Purpose = "example",
) -> Sent:
    """Ask a teacher its planned questions, or those of ``only`` these pairs, as far as the caps allow, and judge.

    What an interrupted sitting left behind is put in order first; a paused workspace asks nothing more. Questions go
    profile by profile, so that a server with a prefix cache reads each profile once.

    Raises:
        NotTaken: the server refuses to be asked, or is busy for longer than the settings' patience.
        Unreachable: the server failed as often in a row as the settings bear.
        Canceled: asked to stop. Whatever ended it: answers that came are kept, the rest waits or is lost, as above.
    """
    teacher = client.teacher
    sittings = asked = 0
    paused = False
    with sending(store, report, lock_of(teacher)):
        _recover(store, teacher, settings)
        waiting = _in_order(unsent(store, teacher, only, purpose))
        texts = Texts(store, waiting)
        while waiting:
            if paused := is_paused(store):
                break
            portion = [_ask_of(teacher, texts, each, settings) for each in waiting[: settings.batch_size]]
            portion = portion[: fitting(store, teacher, [each.held for each in portion], caps)]
            if not portion:
                break
            batch_id = _begin(store, teacher, portion, settings, caps, purpose)
            if batch_id is None:
                # another process took a question, or money: what is left of both tells whether any can be asked
                waiting = _in_order(unsent(store, teacher, only, purpose))
                texts = Texts(store, waiting)
                continue
            try:
                left = _Sitting(store, client, batch_id, settings, report).run(portion)
            finally:
                _end(store, teacher, batch_id, settings)
            done = {each.request_id for each in portion} - {each.request_id for each in left}
            waiting = [each for each in waiting if each.id not in done]
            sittings += 1
            asked += len(done)
        needs = sum(_ask_of(teacher, texts, each, settings).held for each in waiting)
    return came_to(store, teacher, Sent(sittings, asked, len(waiting), needs, paused))


def recover(store: Store, teacher: Teacher, settings: DistillSettings, report: Report) -> None:
    """Put in order what an interrupted sitting of this teacher left behind, once nobody asks it any more.

    Raises:
        Canceled: asked to stop while another process asks this teacher.
    """
    if live.open_sittings(store, teacher.name):
        with sending(store, report, lock_of(teacher)):
            _recover(store, teacher, settings)


def lock_of(teacher: Teacher) -> str:
    """Return the name of the lock under which single questions are asked: one process at a time for each teacher."""
    return f"live-{sha256(teacher.name.encode()).hexdigest()[:12]}"


def question_of(texts: Texts, request: Request, settings: DistillSettings) -> Question:
    """Render a planned question: the teacher's prompt, then profile, article and what to repair."""
    profile, article = texts.profiles[request.profile_digest], texts.articles[request.article_id]
    return Question(
        custom_id=request.custom_id,
        system=prompts.teacher_system(),
        user=prompts.teacher_user(profile, article, request.reference_date, request.repair),
        max_tokens=settings.max_tokens,
        effort=settings.effort,
    )


def most_of(teacher: Teacher, question: Question) -> int:
    """Return the most that asking a question once can cost, in nanodollars."""
    return most_cost(teacher, question.system, question.user, question.max_tokens, live=True)


@dataclass(frozen=True, slots=True)
class _Ask:
    """One question on its way: ``held`` is the most that it can cost, in nanodollars."""

    request_id: int
    question: Question
    held: int


_Came = tuple[_Ask, Outcome | Exception]


class _Sitting:
    """Asks the questions of one sitting from a few threads; all that is stored is stored by the thread that runs it."""

    def __init__(self, store: Store, client: LiveClient, batch_id: int, settings: DistillSettings, report: Report):
        self._store = store
        self._client = client
        self._batch_id = batch_id
        self._settings = settings
        self._report = report
        self._to_ask: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._came: queue.SimpleQueue[_Came] = queue.SimpleQueue()
        self._in_flight = 0
        self._failures = 0
        self._answered = 0
        self._not_before = 0.0
        self._busy_since: float | None = None

    def run(self, asks: Sequence[_Ask]) -> Sequence[_Ask]:
        """Ask the questions in order and return those that are left: none, unless the workspace is paused.

        Whatever ends it, what was in flight then had its time to come in.
        """
        threads = min(self._settings.live_concurrency, len(asks))
        for _ in range(threads):
            # a daemon: a call that hangs must not hold up the end of the process
            threading.Thread(target=self._work, daemon=True).start()
        waiting = deque(asks)
        try:
            while waiting or self._in_flight:
                if (paused := is_paused(self._store)) and not self._in_flight:
                    break
                while waiting and not paused and self._in_flight < threads and time.monotonic() >= self._not_before:
                    self._send(waiting.popleft())
                self._report(self._answered, len(asks), f"asking {self._client.teacher.name}")
                if (came := self._next(LOOK_SECONDS)) is not None and (again := self._take(*came)):
                    waiting.appendleft(again)
        finally:
            for _ in range(threads):
                self._to_ask.put(None)
            self._drain()
        return waiting

    def _send(self, ask: _Ask) -> None:
        live.sending(self._store, ask.request_id)
        self._in_flight += 1
        self._to_ask.put(ask)

    def _next(self, seconds: float) -> _Came | None:
        try:
            came = self._came.get(timeout=seconds)
        except queue.Empty:
            return None
        self._in_flight -= 1
        return came

    def _drain(self) -> None:
        until = time.monotonic() + GRACE_SECONDS
        while self._in_flight and (left := until - time.monotonic()) > 0:
            if (came := self._next(left)) is not None:
                self._store_only(*came)

    def _take(self, ask: _Ask, said: Outcome | Exception) -> _Ask | None:
        """Store what came of a question and judge it; return the question where it has to be asked again.

        Raises:
            NotTaken, Unreachable: nothing more is to be asked.
        """
        self._store_only(ask, said)
        if isinstance(said, Busy):
            self._wait(said)
            return ask
        if isinstance(said, Exception) and not isinstance(said, InDoubt):
            raise said
        judge_waiting(self._store, self._client.teacher.name, self._settings, silent)
        self._busy_since = None
        self._answered += 1
        if isinstance(said, Outcome) and said.result_type == "succeeded":
            self._failures = 0
            return None
        self._failures += 1
        if self._failures >= self._settings.live_failures:
            why = said.detail if isinstance(said, Outcome) else str(said)
            raise Unreachable(
                f"{self._client.teacher.name}: {self._failures} questions failed in a row, the last by: {why};"
                " run the same again to go on"
            )
        return None

    def _store_only(self, ask: _Ask, said: Outcome | Exception) -> None:
        teacher = self._client.teacher
        if isinstance(said, NotTaken):
            live.not_taken(self._store, ask.request_id)
            return
        if isinstance(said, Outcome):
            answer = answer_of(ask.request_id, said, live_bill(teacher, said, ask.held))
        elif ask.held:
            answer = _lost(ask.request_id, str(said), ask.held)
        else:
            answer = answer_of(ask.request_id, errored(ask.question, "in_doubt", str(said)), None)
        live.keep(self._store, self._batch_id, answer, pricing_of(teacher))

    def _wait(self, busy: Busy) -> None:
        now = time.monotonic()
        events.add(self._store, self._client.teacher.name, "busy", str(busy), self._batch_id)
        self._busy_since = self._busy_since or now
        wait = self._settings.busy_seconds if busy.wait is None else busy.wait
        if now + wait - self._busy_since > self._settings.patience_seconds:
            raise busy
        self._not_before = max(self._not_before, now + wait)

    def _work(self) -> None:
        while (ask := self._to_ask.get()) is not None:
            try:
                self._came.put((ask, self._client.ask(ask.question)))
            except Exception as error:  # whatever went wrong is for the thread that runs the sitting to judge
                self._came.put((ask, error))


def _in_order(waiting: Sequence[Request]) -> list[Request]:
    return sorted(waiting, key=lambda each: (each.profile_id, each.profile_digest, each.reference_date, each.id))


def _ask_of(teacher: Teacher, texts: Texts, request: Request, settings: DistillSettings) -> _Ask:
    question = question_of(texts, request, settings)
    return _Ask(request.id, question, most_of(teacher, question))


def _begin(
    store: Store, teacher: Teacher, asks: Sequence[_Ask], settings: DistillSettings, caps: Caps, purpose: Purpose
) -> int | None:
    intent = Intent(
        teacher=teacher.name,
        model=teacher.model,
        run_token=new_run_token(os.urandom(16)),
        request_ids=[each.request_id for each in asks],
        prompt_fingerprint=prompts.fingerprint("teacher"),
        settings=settings.asking(),
        reservation=0,
        purpose=purpose,
    )
    held = [each.held for each in asks]
    batch_id = live.begin(store, intent, held, pricing_of(teacher), caps)
    if batch_id is not None:
        said = f"{len(asks)} questions one by one, at most ${dollars(sum(held)):.4f}"
        events.add(store, teacher.name, "asking", said, batch_id)
    return batch_id


def _recover(store: Store, teacher: Teacher, settings: DistillSettings) -> None:
    for batch_id in live.open_sittings(store, teacher.name):
        _end(store, teacher, batch_id, settings)
    judge_waiting(store, teacher.name, settings, silent)


def _end(store: Store, teacher: Teacher, batch_id: int, settings: DistillSettings) -> None:
    gone = {each: held for each, held in live.unanswered(store, batch_id).items() if held}
    for request_id, held in gone.items():
        live.keep(store, batch_id, _lost(request_id, IN_FLIGHT, held), pricing_of(teacher))
    if gone:
        said = f"{len(gone)} questions were in flight: at most ${dollars(sum(gone.values())):.4f} counts as spent"
        events.add(store, teacher.name, "lost", said, batch_id)
    judge_waiting(store, teacher.name, settings, silent)
    live.end(store, batch_id)


def _lost(request_id: int, why: str, held: int) -> Answer:
    return Answer(request_id, LOST, "", why, "", "", "", 0, 0, 0, 0, held)
