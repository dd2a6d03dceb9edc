"""The operator's word on a rejected answer: accept it as it is, give its pair up, or take such a decision back."""

from __future__ import annotations

from dataclasses import replace

from stratos_tui.distill.judge import judge, state_of
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import FORBIDDEN_TENTHS
from stratos_tui.store import answers, requests
from stratos_tui.store.answers import Judgement
from stratos_tui.store.db import Store


def accept(store: Store, request_id: int, settings: DistillSettings) -> Judgement:
    """Accept a rejected answer as it is.

    Raises:
        StratosError: it has no trace or no score that may be trained on.
    """
    verdict = _verdict(store, request_id, settings)
    if verdict.tenths is None or verdict.tenths == FORBIDDEN_TENTHS or not verdict.trace or verdict.code == "refusal":
        raise StratosError(
            f"request {request_id} cannot be accepted as it is ({verdict.code or 'it is accepted already'}:"
            f" {verdict.measured}); ask again or discard it"
        )
    decided = replace(verdict, accepted=True, decided_by="operator")
    answers.judge(store, [(decided, "accepted")])
    return decided


def discard(store: Store, request_id: int, settings: DistillSettings) -> Judgement:
    """Give the pair of a rejected answer up: it is not asked again, and not missed.

    Raises:
        StratosError: there is no such answer.
    """
    decided = replace(_verdict(store, request_id, settings), accepted=False, decided_by="operator")
    answers.judge(store, [(decided, "discarded")])
    return decided


def undo(store: Store, settings: DistillSettings, request_id: int | None = None) -> int | None:
    """Take the decision on one request back, or the last one made; return its request, or None if there is none.

    The rules' own verdict takes its place: the answer is still there to be judged.
    """
    found = answers.last_decision(store) if request_id is None else request_id
    if found is None:
        return None
    verdict = _verdict(store, found, settings)
    answers.judge(store, [(verdict, state_of(verdict))])
    return found


def _verdict(store: Store, request_id: int, settings: DistillSettings) -> Judgement:
    answer = answers.one(store, request_id)
    request = requests.get(store, request_id)
    if answer is None or request is None:
        raise StratosError(f"there is no answer to a request {request_id}; `stratos rejections list` shows them")
    return judge(answer, settings.limits)
