"""The operator's word on rejected answers: accept them as they are or edited, give their pairs up, take that back."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from stratos_tui.distill.judge import Rules, judge, state_of
from stratos_tui.distill.repair import in_words
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.switches import rules_of
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import FORBIDDEN_TENTHS
from stratos_tui.store import answers, decisions, requests
from stratos_tui.store.answers import Judgement, Unjudged
from stratos_tui.store.db import Store, now
from stratos_tui.store.requests import RequestState

CHUNK = 1_000
"""Decisions in one transaction: small enough for other writers, large enough to be quick."""

_UNREADABLE = (
    *("empty", "think_missing", "think_unclosed"),
    *("score_missing", "score_not_a_number", "score_decimals", "score_out_of_range", "reason_missing"),
    "score_forbidden",
)
"""Faults for which a text cannot be an example, whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision on several answers: the requests it was made for, and why not for the others."""

    done: list[int]
    refused: dict[int, str]


def accept_all(store: Store, request_ids: Sequence[int], settings: DistillSettings) -> Decided:
    """Accept, as one step, all of these answers that can be."""
    return _decide_all(store, request_ids, settings, _acceptable, "accepted")


def discard_all(store: Store, request_ids: Sequence[int], settings: DistillSettings) -> Decided:
    """Give, as one step, the pairs of all of these answers up."""
    return _decide_all(store, request_ids, settings, _given_up, "discarded")


def accept_edited(
    store: Store, request_id: int, text: str, settings: DistillSettings, editor: str | None = None
) -> tuple[Judgement, str]:
    """Accept a text of the operator's in a rejected answer's place; the answer stays as it came.

    ``editor`` is who wrote it, the user of this process unless it is given.

    Returns:
        What is stored: the rules' verdict on the answer, with the edited score, reason and trace. And which rule the
        edited text still breaks, in words, empty for none: the operator's word stands above the rules.

    Raises:
        StratosError: there is no such answer, or the text cannot be read as a trace, a score and a reason; says where.
    """
    verdict = _verdict(store, request_id, settings)
    written = text.replace("\r\n", "\n").strip()
    [answer] = answers.to_judge(store, [request_id])
    read = read_edited(answer, written, rules_of(store, settings.limits))
    decided = replace(
        verdict,
        accepted=True,
        tenths=read.tenths,
        reason=read.reason,
        trace=read.trace,
        tier=read.tier,
        words=read.words,
        decided_by="operator",
        edited=written,
        editor=editor or getpass.getuser(),
    )
    _store(store, [(decided, "accepted")], now())
    return decided, in_words(read.code, read.measured, read.limits) if read.code else ""


def read_edited(answer: Unjudged, text: str, rules: Rules) -> Judgement:
    """Return the rules' verdict on a text that an operator wrote in the place of an answer; stores nothing.

    Raises:
        StratosError: it cannot be read as a trace, a score other than 5.0 and a reason; names the line.
    """
    written = replace(answer, result_type="succeeded", stop_reason="end_turn", detail="", text=text)
    verdict = judge(written, rules)
    if verdict.code in _UNREADABLE:
        line = text.count("\n", 0, verdict.span[0]) + 1
        words = in_words(verdict.code, verdict.measured, verdict.limits)
        raise StratosError(f"line {line}: {words} Nothing was accepted")
    return verdict


def undo_all(store: Store, request_ids: Sequence[int], settings: DistillSettings) -> int:
    """Take the decisions on these requests back; return how many there were."""
    taken = 0
    for chunk in _chunks(request_ids):
        rules = rules_of(store, settings.limits)
        verdicts = [judge(each, rules) for each in answers.to_judge(store, chunk)]
        answers.judge(store, [(each, state_of(each)) for each in verdicts])
        taken += len(verdicts)
    return taken


def undo_step(store: Store, settings: DistillSettings) -> tuple[str, int] | None:
    """Take back what was done last, as one: decisions, or further attempts that wait to be sent.

    Return what it was (``decided`` or ``planned``) and how many requests it was about; None where nothing is left.
    """
    step = decisions.last_step(store)
    if step is None:
        return None
    if step.what == "decided":
        return step.what, undo_all(store, step.request_ids, settings)
    return step.what, decisions.withdraw(store, step.request_ids)


def no_answer(request_id: int) -> str:
    """Say that a request was named which has no answer to decide on."""
    return f"there is no request {request_id} with an answer; `stratos rejections list` shows them"


def _decide_all(
    store: Store,
    request_ids: Sequence[int],
    settings: DistillSettings,
    decide: Callable[[Judgement], Judgement],
    state: RequestState,
) -> Decided:
    at = now()
    done: list[int] = []
    refused: dict[int, str] = {}
    for chunk in _chunks(request_ids):
        verdicts = []
        for request_id, verdict in _verdicts(store, chunk, settings).items():
            try:
                verdicts.append(decide(_found(verdict)))
            except StratosError as error:
                refused[request_id] = str(error)
        _store(store, [(each, state) for each in verdicts], at)
        done += [each.request_id for each in verdicts]
    return Decided(done, refused)


def _store(store: Store, verdicts: Sequence[tuple[Judgement, RequestState]], at: str) -> None:
    with store.write():
        answers.judge(store, verdicts, at)
        # a further attempt that waits to be sent would be paid for nothing
        requests.withdraw(store, [each.request_id for each, _ in verdicts])


def _acceptable(verdict: Judgement) -> Judgement:
    if verdict.tenths is None or verdict.tenths == FORBIDDEN_TENTHS or not verdict.trace or verdict.code == "refusal":
        raise StratosError(
            f"request {verdict.request_id} cannot be accepted as it is ({verdict.code or 'it is accepted already'}:"
            f" {verdict.measured}); edit it, ask again or discard it"
        )
    return replace(verdict, accepted=True, decided_by="operator")


def _given_up(verdict: Judgement) -> Judgement:
    return replace(verdict, accepted=False, decided_by="operator")


def _verdict(store: Store, request_id: int, settings: DistillSettings) -> Judgement:
    return _found(_verdicts(store, [request_id], settings)[request_id])


def _found(verdict: Judgement | str) -> Judgement:
    if isinstance(verdict, str):
        raise StratosError(verdict)
    return verdict


def _verdicts(store: Store, request_ids: Sequence[int], settings: DistillSettings) -> dict[int, Judgement | str]:
    """Return the rules' verdict on each of these answers, or why nothing can be decided about it."""
    known = decisions.load(store, request_ids)
    rules = rules_of(store, settings.limits)
    judged = {each.request_id: judge(each, rules) for each in answers.to_judge(store, request_ids)}
    found: dict[int, Judgement | str] = {}
    for request_id in request_ids:
        if request_id not in known:
            found[request_id] = no_answer(request_id)
        elif known[request_id].purpose != "example":
            found[request_id] = f"request {request_id} was asked for the noise floor: it never becomes an example"
        else:
            found[request_id] = judged[request_id]
    return found


def _chunks(request_ids: Sequence[int]) -> list[Sequence[int]]:
    return [request_ids[start : start + CHUNK] for start in range(0, len(request_ids), CHUNK)]
