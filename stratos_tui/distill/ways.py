"""The ways in which a teacher is asked: in batches, one question at a time, or, for the rubric, here and now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stratos_tui.distill.ingest import judge_waiting
from stratos_tui.distill.judging import CHUNK
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import answer_live
from stratos_tui.distill.submit import Sent, send
from stratos_tui.distill.texts import Texts
from stratos_tui.distill.watch import Progress, watch
from stratos_tui.prism import rubric
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Report
from stratos_tui.store import answers, requests
from stratos_tui.store.answers import Answer
from stratos_tui.store.batches import Purpose
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.store.requests import Request
from stratos_tui.teachers.batches import open_client
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.live import open_live


@dataclass(frozen=True, slots=True)
class Way:
    """How one teacher is asked. ``send`` asks the planned questions of some pairs, as far as the caps allow.

    ``watch`` waits until all that was sent is answered and judged. One that does not ``waver`` says the same of a pair
    every time, so that nothing is asked again.
    """

    send: Callable[[set[Pair] | None, Purpose], Sent]
    watch: Callable[[], None]
    wavers: bool = True


@contextmanager
def open_way(store: Store, teacher: Teacher, settings: DistillSettings, caps: Caps, report: Report) -> Iterator[Way]:
    """Open the way to a teacher.

    Raises:
        StratosError: a key is needed and there is none.
    """
    progress = Progress(store, teacher, report)
    if teacher.way == "direct":
        yield Way(lambda only, _: _answer_directly(store, teacher, settings, only, progress), _nothing, wavers=False)
    elif teacher.way == "live":
        with open_live(teacher, store.path, settings.rehearsal, context=settings.context) as live:
            yield Way(
                lambda only, purpose: answer_live(store, live, settings, caps, progress.within, only, purpose), _nothing
            )
    else:
        with open_client(teacher, store.path, settings.rehearsal) as client:
            yield Way(
                lambda only, purpose: send(store, client, settings, caps, progress.within, only, purpose),
                lambda: watch(store, client, settings, report),
            )


def _nothing() -> None:
    """What was asked is answered already."""


def _answer_directly(
    store: Store, teacher: Teacher, settings: DistillSettings, only: set[Pair] | None, progress: Progress
) -> Sent:
    """Answer the planned questions by the rubric, in this process."""
    judge_waiting(store, teacher.name, settings, progress.within)
    unsent = requests.unsent(store, teacher.name)
    waiting = [each for each in unsent if only is None or Pair(each.article_id, each.profile_id) in only]
    texts = Texts(store, waiting)
    for start in range(0, len(waiting), CHUNK):
        chunk = [_by_rubric(texts, request) for request in waiting[start : start + CHUNK]]
        answers.keep(store, None, chunk, None)
        judge_waiting(store, teacher.name, settings, progress.within)
        progress("answering")
    return Sent(0, len(waiting), 0, 0)


def _by_rubric(texts: Texts, request: Request) -> Answer:
    profile, article = texts.profiles[request.profile_digest], texts.articles[request.article_id]
    said = rubric.answer(profile, article, request.reference_date)
    text = render_completion(said.trace, said.tenths, said.reason)
    model = f"rubric {rubric.RUBRIC_VERSION}"
    return Answer(request.id, "succeeded", "end_turn", "", model, text, text, 0, 0, 0, 0, None)
