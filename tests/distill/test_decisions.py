"""Decisions on many answers, edited texts, repair notes, searches, and the steps in which they are taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stratos_tui.distill.decide import accept_all, accept_edited, discard_all, undo_all, undo_step
from stratos_tui.distill.judge import CODES
from stratos_tui.distill.repair import in_words, repair_note
from stratos_tui.distill.requeue import Repair, requeue_all
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.prism.trace import render_completion
from stratos_tui.store import rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import examples
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

TRACE = (
    "PROFILE: A nurse in Houston who follows hospitals.\nCONTENT: A grid operator warns of a storm.\n"
    "ANALYSIS: Nothing that is tracked is named, and nothing can be done about it."
)


@pytest.fixture
def rejected(seeded: Store, quick: DistillSettings) -> list[int]:
    """Eight rejected answers, each pair asked once: some too short, some without a score."""
    bad = RehearsalSettings(
        bad_share=1.0, bad_kinds=("too_short", "no_score"), latency_seconds=0.0, seconds_per_request=0.0
    )
    distill(seeded, "rehearsal", limit=8, settings=replace(quick, rehearsal=bad, attempts=1))
    return rejections.ids(seeded)


def state(store: Store, request_id: int) -> str:
    found = requests.get(store, request_id)
    assert found is not None
    return found.state


def test_an_edited_text_becomes_the_example_and_the_answer_stays(
    seeded: Store, quick: DistillSettings, rejected: list[int]
) -> None:
    first = rejected[0]
    before = rejections.one(seeded, first)
    text = render_completion(TRACE, 12, "No tracked entity is in it")
    decided, breaks = accept_edited(seeded, first, text + "\r\n", quick, editor="mara")
    assert (decided.edited, decided.editor, decided.decided_by, breaks) == (text, "mara", "operator", "")
    assert [(each.tenths, each.reason, each.trace) for each in examples(seeded, "rehearsal")] == [
        (12, "No tracked entity is in it", TRACE)
    ]
    after = rejections.one(seeded, first)
    assert before is not None
    assert after is not None
    assert (after.text, after.span, after.rejection.code) == (before.text, before.span, before.rejection.code)
    assert undo_step(seeded, quick) == ("decided", 1)
    assert examples(seeded, "rehearsal") == []
    assert replace(rejections.one(seeded, first), rejection=before.rejection) == before  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no trace here\nSCORE: 1.0 | REASON: none", "line 1: The answer had no trace"),
        (f"<think>\n{TRACE}\n</think>\n\nSCORE: 5.0 | REASON: even", "line 7: The score was 5.0"),
        (f"<think>\n{TRACE}\n</think>\n\nSCORE: 12 | REASON: much", "line 7: The score was out of range: 12"),
        (f"<think>\n{TRACE}\n</think>\n\nSCORE: 1.0", "line 7: The score had no reason"),
        ("", "had no text"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_its_line(
    seeded: Store, quick: DistillSettings, rejected: list[int], text: str, says: str
) -> None:
    with pytest.raises(StratosError, match=says):
        accept_edited(seeded, rejected[0], text, quick)
    assert state(seeded, rejected[0]) == "rejected"


def test_many_are_decided_as_one_step_and_those_that_cannot_are_named(
    seeded: Store, quick: DistillSettings, rejected: list[int]
) -> None:
    readable = rejections.ids(seeded, code="too_short")
    assert 0 < len(readable) < len(rejected)
    discard_all(seeded, rejected[:1], quick)
    undo_all(seeded, rejected[:1], quick)
    found = accept_all(seeded, [*rejected, 999], quick)
    assert sorted(found.done) == readable
    assert found.refused.keys() == {*rejected, 999} - set(readable)
    assert "no request 999" in found.refused[999]
    assert undo_step(seeded, quick) == ("decided", len(readable))
    assert rejections.ids(seeded) == rejected
    assert undo_step(seeded, quick) is None


def test_steps_are_taken_back_from_the_last_to_the_first(
    seeded: Store, quick: DistillSettings, rejected: list[int]
) -> None:
    discard_all(seeded, rejected[:2], quick)
    requeue_all(seeded, rejected[2:5], quick)
    assert undo_step(seeded, quick) == ("planned", 3)
    assert requests.unsent(seeded, "rehearsal") == []
    assert undo_step(seeded, quick) == ("decided", 2)
    assert rejections.ids(seeded) == rejected


def test_accepting_withdraws_the_attempt_that_waits_to_be_sent(
    seeded: Store, quick: DistillSettings, rejected: list[int]
) -> None:
    first = rejections.ids(seeded, code="too_short")[0]
    requeue_all(seeded, [first], quick)
    accept_all(seeded, [first], quick)
    assert requests.unsent(seeded, "rehearsal") == []


def test_a_teacher_is_told_what_was_wrong(seeded: Store, quick: DistillSettings, rejected: list[int]) -> None:
    found = requeue_all(seeded, rejected, quick, Repair())
    assert (sorted(found.done), found.refused) == (rejected, {})
    told = {(each.article_id, each.profile_id): each.repair for each in requests.unsent(seeded, "rehearsal")}
    for each in rejections.page(seeded):
        assert told[each.article_id, each.profile_id] == repair_note(each.code, each.measured, each.limits)
    assert undo_step(seeded, quick) == ("planned", len(rejected))
    requeue_all(seeded, rejected[:1], quick, Repair("Name the city."))
    assert [each.repair for each in requests.unsent(seeded, "rehearsal")] == ["Name the city."]


def test_what_is_not_there_is_named_and_does_not_hold_up_the_others(
    seeded: Store, quick: DistillSettings, rejected: list[int]
) -> None:
    found = requeue_all(seeded, [rejected[0], 999], quick)
    assert found.done == rejected[:1]
    assert "no request 999" in found.refused[999]
    assert len(requests.unsent(seeded, "rehearsal")) == 1


def test_a_question_for_the_noise_floor_is_never_decided_on(
    seeded: Store, quick: DistillSettings, rejected: list[int]
) -> None:
    with seeded.write() as connection:
        connection.execute("UPDATE requests SET purpose = 'noise' WHERE id = ?", (rejected[0],))
    found = accept_all(seeded, rejected[:1], quick)
    assert "noise floor" in found.refused[rejected[0]]


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_put_into_words(code: str) -> None:
    said = in_words(code, "8 words {limits}", "at least 15")
    assert "{measured}" not in said
    assert said[0].isupper() or said[0].isdigit()
    assert "rule" not in said, "it has words of its own"
    note = repair_note(code, "8 words", "at least 15")
    assert note == "" or (said.count(".") and "could not be used" in note)


def test_a_code_that_nobody_knows_is_said_as_it_is() -> None:
    assert (
        in_words("brand_new", "a\x1b[2J\nb", "at most 3")
        == "The rule brand new was broken: a b; the limit is at most 3."
    )
    assert repair_note("brand_new", "9", "at most 3").endswith("Keep to this: at most 3.")


def test_a_search_needs_every_word_somewhere(seeded: Store, rejected: list[int]) -> None:
    first, second, *_ = rejected
    with seeded.write() as connection:
        connection.execute("UPDATE answers SET text = text || ' Quokka 100%' WHERE request_id = ?", (first,))
        connection.execute("UPDATE judgements SET reason = 'a quokka_reserve' WHERE request_id = ?", (second,))

    def found(**wanted: Any) -> list[int]:
        assert [each.request_id for each in rejections.page(seeded, **wanted)] == rejections.ids(seeded, **wanted)
        return rejections.ids(seeded, **wanted)

    assert found(search="quokka") == sorted([first, second])
    assert found(search="100% QUOKKA") == [first]
    assert found(search="quokka_") == [second]
    assert found(search="%") == [first]
    assert found(search="' OR 1=1 --") == []
    seen = rejections.one(seeded, first)
    assert seen is not None
    assert first in found(search=seen.rejection.title)
    assert found(search="quokka", code="refusal") == []
