"""Teachers as scorers: free ones read the student's prompt, paid ones go through the journal and the cap."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.budget import set_workspace_cap
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts, rubric
from stratos_tui.prism.prompts import PromptStyle
from stratos_tui.prism.trace import render_completion
from stratos_tui.records import Article, Profile
from stratos_tui.scoring.scorer_adaptive import produce, score_pairs, tasks_of
from stratos_tui.scoring.scorers import find_scorer
from stratos_tui.store import ledger, scores
from stratos_tui.store.db import Store
from stratos_tui.store.distill import examples
from stratos_tui.teachers.batches import NotTaken, Unreachable
from stratos_tui.teachers.catalog import price_teacher
from stratos_tui.teachers.rehearsal.reading import read_pair

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply

Pairs = list[tuple[Profile, Article]]
SAID = render_completion("PROFILE: a reader\nCONTENT: an article\nANALYSIS: they share copper.", 42, "Copper.")


@pytest.fixture
def pairs(some_profiles: list[Profile], some_articles: list[Article]) -> Pairs:
    return [(profile, article) for article in some_articles[:3] for profile in some_profiles]


@pytest.fixture
def ollama_reply(reply: type[Reply]) -> Callable[..., Reply]:
    def made(text: str = SAID, **end: Any) -> Reply:
        last = {"done": True, "done_reason": "stop", "prompt_eval_count": 70, "eval_count": 9, **end}
        return reply(lines=[{"model": "m", "message": {"role": "assistant", "content": text}, **last}])

    return made


@pytest.fixture
def served(chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    monkeypatch.setenv("OLLAMA_HOST", chat_server.url)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return chat_server


@pytest.mark.parametrize("style", ["student", "prism"])
def test_a_served_model_reads_the_students_prompt_and_is_not_asked_twice(
    shipped: Store, served: ChatServer, pairs: Pairs, ollama_reply: Callable[..., Reply], style: str
) -> None:
    served.answer = lambda body: ollama_reply()
    scorer = find_scorer(shipped, "ollama:m", style=style)
    said = score_pairs(shipped, scorer, pairs)
    assert [(each.tenths, each.reason, each.error) for each in said] == [(42, "Copper.", "")] * 9
    assert {(each.tokens_in, each.tokens_out) for each in said} == {(70, 9)}
    assert all(each.latency_ms > 0 for each in said)
    prompt: PromptStyle = "student" if style == "student" else "prism"
    expected = {prompts.chatml(*(turn["content"] for turn in body["messages"])) for body in served.asked}
    assert expected == {
        prompts.student_prompt(task.profile, task.article, task.day, style=prompt) for task in tasks_of(pairs)
    }
    assert score_pairs(shipped, scorer, pairs) == said
    assert len(served.asked) == 9
    assert scorer.row.prompt_fingerprint == prompts.fingerprint(prompt)
    assert shipped.value("SELECT count(*) FROM requests") == 0


def test_what_a_served_model_cannot_say_is_a_failure_of_its_pair(
    shipped: Store, served: ChatServer, pairs: Pairs, ollama_reply: Callable[..., Reply], reply: type[Reply]
) -> None:
    odd = [
        ollama_reply("no score at all"),
        ollama_reply("<think>\nPRO", done_reason="length"),
        # one that loops can hold a score, and be cut off behind it
        ollama_reply("<think>\nP\n</think>\n\nSCORE: 0.5 | REASON: None. None. None.", done_reason="length"),
        reply({"error": "prompt exceeds the context"}, 400),
    ]
    errors = ("score_missing", "truncated: max_tokens", "truncated: max_tokens", "errored: prompt exceeds")
    for answer, error in zip(odd, errors, strict=True):
        served.answer = lambda body, answer=answer: answer  # type: ignore[misc]
        [said] = produce(find_scorer(shipped, "ollama:m"), tasks_of(pairs[:1]))
        assert said.tenths is None
        assert said.error.startswith(error)


def test_a_server_that_fails_stops_the_scoring_and_stores_no_failure(
    shipped: Store, served: ChatServer, pairs: Pairs, reply: type[Reply]
) -> None:
    scorer = find_scorer(shipped, "ollama:m")
    for answer, error in (
        (reply(lines=[], drop=True), Unreachable),
        (reply({"error": "the runner died"}, 500), Unreachable),
        (reply({"error": "model 'm' not found"}, 404), NotTaken),
    ):
        served.answer = lambda body, answer=answer: answer  # type: ignore[misc]
        with pytest.raises(error):
            score_pairs(shipped, scorer, pairs)
    assert scores.counts(shipped) == {}


def test_a_paid_scorer_needs_the_workspaces_cap_and_is_an_answer_like_any_other(
    shipped: Store, served: ChatServer, pairs: Pairs, reply: type[Reply]
) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        asked = read_pair(body["messages"][1]["content"])
        said = rubric.answer(asked.profile, asked.article, asked.reference_date)
        message = {"role": "assistant", "content": render_completion(said.trace, said.tenths, said.reason)}
        usage = {"prompt_tokens": 1_000, "completion_tokens": 100}
        return reply({"model": "m", "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})

    served.answer = answer
    name = f"openai:m@{served.url}"
    price_teacher(shipped, name, "1/10")
    scorer = find_scorer(shipped, name)
    assert scorer.row.prompt_fingerprint == prompts.fingerprint("teacher")
    with pytest.raises(StratosError, match="stratos distill cap USD"):
        score_pairs(shipped, scorer, pairs)
    with pytest.raises(StratosError, match="stored pairs only"):
        produce(scorer, tasks_of(pairs))
    assert served.asked == []
    set_workspace_cap(shipped, 1.0, simulated=False)
    said = score_pairs(shipped, scorer, pairs)
    assert [each.tenths for each in said] == [
        rubric.answer(t.profile, t.article, t.day).tenths for t in tasks_of(pairs)
    ]
    assert ledger.spend(shipped, simulated=False) == ledger.Spend(9 * (1_000 * 1_000 + 100 * 10_000), 0)
    assert len(examples(shipped, name)) == 9
    assert score_pairs(shipped, scorer, pairs) == said
    # also where the scores are gone, the answers are there: nothing is paid twice
    with shipped.write() as connection:
        connection.execute("DELETE FROM scores")
    again = score_pairs(shipped, scorer, pairs)
    assert [each.tenths for each in again] == [each.tenths for each in said]
    assert len(served.asked) == 9


def test_claude_scores_only_under_the_terms(shipped: Store, pairs: Pairs) -> None:
    set_workspace_cap(shipped, 1.0, simulated=False)
    with pytest.raises(StratosError, match=r"restrict training models.*agree once"):
        score_pairs(shipped, find_scorer(shipped, "claude:claude-opus-5-5"), pairs[:1])


def test_scorers_of_one_model_differ_by_what_decides(shipped: Store) -> None:
    price_teacher(shipped, "ollama:paid", "1/1")
    named = [
        find_scorer(shipped, name, style=style)
        for name in ("ollama:m", "ollama:n", "openai:m@http://localhost:1")
        for style in ("student", "prism")
    ]
    assert len({each.row.identity for each in named}) == 6
    # a paid one reads the teacher's prompt, whatever the style
    paid = [find_scorer(shipped, "ollama:paid", style=style).row.identity for style in ("student", "prism")]
    assert paid[0] == paid[1]
