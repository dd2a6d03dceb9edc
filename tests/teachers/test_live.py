"""Single questions through the real clients: what each protocol says, and what servers do wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store
from stratos_tui.teachers.batches import Busy, InDoubt, NotTaken
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.live import LiveClient, Question, open_live, with_thinking
from stratos_tui.teachers.prices import Usage
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply
    from tests.teachers.conftest import Requests

QUESTION = Question("own-1", "the system", "the user", 300, "low")
TRACE = "<think>\nPROFILE: x\n</think>\n\nSCORE: 1.0 | REASON: y"
Open = Callable[..., LiveClient]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Clients of teachers, closed at the end."""
    with ExitStack() as stack:
        yield lambda teacher, **more: stack.enter_context(open_live(teacher, tmp_path / "stratos.db", **more))


@pytest.fixture
def openai_client(store: Store, chat_server: ChatServer, opened: Open, monkeypatch: pytest.MonkeyPatch) -> LiveClient:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return opened(find_teacher(store, f"openai:org/model@{chat_server.url}"))


@pytest.fixture
def ollama_client(store: Store, chat_server: ChatServer, opened: Open, monkeypatch: pytest.MonkeyPatch) -> LiveClient:
    monkeypatch.setenv("OLLAMA_HOST", chat_server.url)
    return opened(find_teacher(store, "ollama:qwen3:8b"), context=4_096)


def completion(message: dict[str, Any], stop: str = "stop", **more: Any) -> dict[str, Any]:
    usage = {
        "prompt_tokens": 120,
        "completion_tokens": 40,
        "total_tokens": 160,
        "prompt_tokens_details": {"cached_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 15},
    }
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": stop}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "org/model-1", "choices": [choice]}
    return {**body, "usage": usage, **more}


def chunk(content: str = "", thinking: str | None = None, **last: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content} | ({} if thinking is None else {"thinking": thinking})
    return {"model": "qwen3:8b", "created_at": "2026-11-22T10:00:00Z", "message": message, "done": False, **last}


END: dict[str, Any] = {"done": True, "done_reason": "stop", "prompt_eval_count": 700, "eval_count": 90}


# OpenAI-compatible servers


def test_a_completion_is_read_with_its_usage(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply]
) -> None:
    chat_server.answer = lambda body: reply(completion({"content": TRACE}))
    said = openai_client.ask(QUESTION)
    assert (said.wire_id, said.result_type, said.reason, said.text) == ("own-1", "succeeded", "end_turn", TRACE)
    assert said.model == "org/model-1"
    assert said.usage == Usage(tokens_in=20, cache_read=100, tokens_out=40, thinking=15)
    assert '"finish_reason":"stop"' in said.raw.replace(" ", "")
    (asked,) = chat_server.asked
    assert asked["path"] == "/v1/chat/completions"
    assert [each["role"] for each in asked["messages"]] == ["system", "user"]
    assert (asked["model"], asked["max_tokens"]) == ("org/model", 300)
    assert not {"temperature", "top_p"} & set(asked)
    assert chat_server.headers[0]["authorization"] == "Bearer none"


def test_an_address_with_a_path_is_taken_as_it_is(
    store: Store, chat_server: ChatServer, opened: Open, reply: type[Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")
    chat_server.answer = lambda body: reply(completion({"content": TRACE}))
    opened(find_teacher(store, f"openai:m@{chat_server.url}/api/v3/")).ask(QUESTION)
    assert chat_server.asked[0]["path"] == "/api/v3/chat/completions"
    assert chat_server.headers[0]["authorization"] == "Bearer sk-test-key"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_in_a_field_of_its_own_becomes_the_think_block(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply], field: str
) -> None:
    chat_server.answer = lambda body: reply(completion({"content": "SCORE: 1.0 | REASON: y", field: "PROFILE: x\n"}))
    assert openai_client.ask(QUESTION).text == TRACE
    chat_server.answer = lambda body: reply(completion({"content": TRACE, field: "something else"}))
    assert openai_client.ask(QUESTION).text == TRACE


@pytest.mark.parametrize(
    ("message", "stop", "reason", "detail", "text"),
    [
        ({"content": "<think>\nPRO"}, "length", "max_tokens", "", "<think>\nPRO"),
        ({"content": None, "reasoning": "PRO"}, "length", "max_tokens", "", "<think>\nPRO\n</think>\n\n"),
        ({"content": None, "refusal": "I cannot"}, "stop", "refusal", "I cannot", ""),
        ({"content": ""}, "content_filter", "refusal", "", ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, 3]}, "stop", "end_turn", "", "a"),
        ({"content": "a\x1b[31mb"}, "stop", "end_turn", "", "ab"),
    ],
)
def test_how_a_completion_ends(
    chat_server: ChatServer,
    openai_client: LiveClient,
    reply: type[Reply],
    message: dict[str, Any],
    stop: str,
    reason: str,
    detail: str,
    text: str,
) -> None:
    chat_server.answer = lambda body: reply(completion(message, stop))
    said = openai_client.ask(QUESTION)
    assert (said.reason, said.detail, said.text) == (reason, detail, text)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "many", "completion_tokens": -4}, "free"])
def test_usage_that_cannot_be_read_is_none(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply], usage: Any
) -> None:
    chat_server.answer = lambda body: reply(completion({"content": TRACE}, usage=usage))
    assert openai_client.ask(QUESTION).usage == Usage()


@pytest.mark.parametrize(("said", "wait"), [("7", 7.0), ("", None), ("soon", None)])
def test_a_busy_server_says_how_long_to_wait(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply], said: str, wait: float | None
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "slow down"}}, 429, {"retry-after": said})
    with pytest.raises(Busy, match="slow down") as busy:
        openai_client.ask(QUESTION)
    assert busy.value.wait == wait
    assert len(chat_server.asked) == 1


def test_a_quota_that_is_used_up_is_no_reason_to_wait(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply]
) -> None:
    error = {"message": "you exceeded your quota", "code": "insufficient_quota"}
    chat_server.answer = lambda body: reply({"error": error}, 429)
    with pytest.raises(NotTaken, match="quota") as refusal:
        openai_client.ask(QUESTION)
    assert not isinstance(refusal.value, Busy)


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_failing_server_is_asked_once_and_leaves_doubt(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply], status: int
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "told to"}}, status)
    with pytest.raises(InDoubt, match="told to"):
        openai_client.ask(QUESTION)
    assert len(chat_server.asked) == 1


@pytest.mark.parametrize("broken", ["dropped", "cut", "html", "empty", "no choices"])
def test_an_answer_that_does_not_come_whole_leaves_doubt(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply], broken: str
) -> None:
    answers = {
        "dropped": reply(drop=True),
        "cut": reply(lines=[completion({"content": TRACE})], drop=True),
        "html": reply("<html>", headers={"Content-Type": "text/html"}),
        "empty": reply({}),
        "no choices": reply({**completion({}), "choices": []}),
    }
    chat_server.answer = lambda body: answers[broken]
    with pytest.raises(InDoubt):
        openai_client.ask(QUESTION)
    assert len(chat_server.asked) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_question_that_is_refused_is_an_error_of_its_own(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply], status: int
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "prompt is too long"}}, status)
    said = openai_client.ask(QUESTION)
    assert (said.result_type, said.usage) == ("errored", Usage())
    assert "prompt is too long" in said.detail


def test_an_error_under_a_good_status_is_an_error(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply]
) -> None:
    chat_server.answer = lambda body: reply({"error": {"message": "upstream is down"}})
    said = openai_client.ask(QUESTION)
    assert (said.result_type, said.detail) == ("errored", "upstream is down")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses_everybody_says_so_and_a_key_is_never_shown(
    store: Store,
    chat_server: ChatServer,
    opened: Open,
    reply: type[Reply],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    chat_server.answer = lambda body: reply({"error": {"message": "bad key sk-very-secret"}}, status)
    with pytest.raises(NotTaken, match=r"bad key \[key\]"):
        opened(find_teacher(store, f"openai:m@{chat_server.url}")).ask(QUESTION)


def test_a_key_follows_no_one_to_another_server(
    chat_server: ChatServer, openai_client: LiveClient, reply: type[Reply]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        thief.settimeout(0.2)
        elsewhere = f"http://127.0.0.1:{thief.getsockname()[1]}/v1/chat/completions"
        chat_server.answer = lambda body: reply({}, 307, {"Location": elsewhere})
        with pytest.raises(NotTaken):
            openai_client.ask(QUESTION)
        with pytest.raises(TimeoutError):
            thief.accept()


def test_nobody_there_is_no_doubt(store: Store, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("OLLAMA_HOST", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    for name in (f"openai:m@{url}", "ollama:m", "claude:claude-opus-5-5"):
        with pytest.raises(Busy, match="cannot be reached"):
            opened(find_teacher(store, name)).ask(QUESTION)


def test_a_public_server_needs_a_key(store: Store, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(StratosError, match="OPENAI_API_KEY"):
        opened(find_teacher(store, "openai:gpt-4o-mini@https://api.openai.com/v1"))


# Ollama


def test_a_stream_is_put_together(chat_server: ChatServer, ollama_client: LiveClient, reply: type[Reply]) -> None:
    chat_server.answer = lambda body: reply(
        lines=[chunk(thinking="PROFILE: "), chunk(thinking="x"), chunk("SCORE: 1.0 "), chunk("| REASON: y", **END)]
    )
    said = ollama_client.ask(QUESTION)
    assert (said.wire_id, said.result_type, said.reason, said.text) == ("own-1", "succeeded", "end_turn", TRACE)
    assert said.usage == Usage(tokens_in=700, tokens_out=90)
    assert '"thinking": "PROFILE: x"' in said.raw
    (asked,) = chat_server.asked
    assert (asked["path"], asked["model"], asked["stream"], asked["truncate"]) == ("/api/chat", "qwen3:8b", True, False)
    assert asked["options"] == {"num_ctx": 4_096, "num_predict": 300}


@pytest.mark.parametrize("text", [TRACE, TRACE.removeprefix("<think>\n")], ids=["inline", "a lone end"])
def test_a_trace_in_the_text_stays_there(
    chat_server: ChatServer, ollama_client: LiveClient, reply: type[Reply], text: str
) -> None:
    chat_server.answer = lambda body: reply(lines=[chunk(text), chunk("", "", **END)])
    assert ollama_client.ask(QUESTION).text == text


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ({"done_reason": "length"}, "max_tokens"),
        ({"prompt_eval_count": 4_006}, "model_context_window_exceeded"),
        ({"prompt_eval_count": 4_005}, "end_turn"),
        ({"prompt_eval_count": None, "eval_count": None}, "end_turn"),
    ],
)
def test_an_answer_or_a_prompt_that_was_cut_is_known(
    chat_server: ChatServer, ollama_client: LiveClient, reply: type[Reply], end: dict[str, Any], reason: str
) -> None:
    chat_server.answer = lambda body: reply(lines=[chunk(TRACE, **{**END, **end})])
    assert ollama_client.ask(QUESTION).reason == reason


def test_an_error_midway_under_a_good_status_is_an_error(
    chat_server: ChatServer, ollama_client: LiveClient, reply: type[Reply]
) -> None:
    chat_server.answer = lambda body: reply(lines=[chunk("SCORE: 9"), {"error": "the runner ran out of memory"}])
    said = ollama_client.ask(QUESTION)
    assert (said.result_type, said.text) == ("errored", "")
    assert "out of memory" in said.detail


@pytest.mark.parametrize(
    "lines",
    [[chunk("SCORE")], [], [chunk("a"), ["no", "object"]], [{"done": True}]],
    ids=["cut", "none", "odd", "bare"],
)
@pytest.mark.parametrize("drop", [True, False], ids=["dropped", "ended"])
def test_a_stream_without_an_end_leaves_doubt(
    chat_server: ChatServer, ollama_client: LiveClient, reply: type[Reply], lines: list[Any], drop: bool
) -> None:
    chat_server.answer = lambda body: reply(lines=lines, drop=drop)
    with pytest.raises(InDoubt):
        ollama_client.ask(QUESTION)


def test_how_ollama_refuses(chat_server: ChatServer, ollama_client: LiveClient, reply: type[Reply]) -> None:
    chat_server.answer = lambda body: reply({"error": "model 'qwen3:8b' not found"}, 404)
    with pytest.raises(NotTaken, match="not found"):
        ollama_client.ask(QUESTION)
    chat_server.answer = lambda body: reply({"error": "maximum pending requests exceeded"}, 503)
    with pytest.raises(Busy, match="pending"):
        ollama_client.ask(QUESTION)
    chat_server.answer = lambda body: reply({"error": "prompt exceeds the context"}, 400)
    assert ollama_client.ask(QUESTION).reason == "invalid_request_error"
    chat_server.answer = lambda body: reply({"error": "the runner died"}, 500)
    assert "the runner died" in ollama_client.ask(QUESTION).detail


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("10.0.0.3:8080", "http://10.0.0.3:8080"),
        ("https://box.example.org", "https://box.example.org"),
    ],
)
def test_where_ollama_listens(monkeypatch: pytest.MonkeyPatch, said: str, url: str) -> None:
    from stratos_tui.teachers.ollama_live import ollama_url

    monkeypatch.setenv("OLLAMA_HOST", said)
    assert ollama_url() == url


# Claude, rehearsed


def test_a_rehearsal_answers_single_questions(store: Store, opened: Open, requests_of: Requests) -> None:
    params = requests_of(1)[0]["params"]
    asked = Question("own-1", params["system"][0]["text"], params["messages"][0]["content"], 2_000, "low")
    teacher = find_teacher(store, "rehearsal")
    good = opened(teacher, rehearsal=RehearsalSettings(bad_share=0.0, latency_seconds=0.0)).ask(asked)
    assert (good.result_type, good.reason) == ("succeeded", "end_turn")
    assert good.text.startswith("<think>\n")
    assert good.usage.tokens_out > 0
    # what is no pair is this question's fault
    odd = opened(teacher, rehearsal=RehearsalSettings(latency_seconds=0.0)).ask(QUESTION)
    assert (odd.result_type, odd.reason) == ("errored", "invalid_request_error")


def test_text_without_thinking_stays_as_it_is() -> None:
    assert with_thinking(" \n", "SCORE: 1.0 | REASON: y") == "SCORE: 1.0 | REASON: y"
    assert with_thinking("a", "\n\nb") == "<think>\na\n</think>\n\nb"
