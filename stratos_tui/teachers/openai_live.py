"""Asks any OpenAI-compatible server over the ``openai`` SDK: OpenAI itself, vLLM, llama-server, LM Studio and others.

Servers differ in where they put a model's thinking: ``reasoning``, ``reasoning_content``, or the text itself.
Source: the vendor's Chat Completions reference and the servers' own documentation, November 2026.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from stratos_tui.teachers.batches import Busy, InDoubt, NotTaken, retry_after
from stratos_tui.teachers.catalog import Teacher, is_own
from stratos_tui.teachers.keys import OPENAI, find_key, hide, need_key
from stratos_tui.teachers.live import CONNECT_SECONDS, SILENT_SECONDS, Question, errored, refused, unsent, with_thinking
from stratos_tui.teachers.prices import Usage
from stratos_tui.teachers.wire import Outcome, at, count, words
from stratos_tui.text import one_line, plain

NO_KEY = "none"
"""Sent to a server of one's own that asks for no key: the SDK wants one."""
_STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
_VENDOR = "api.openai.com"


class OpenAILive:
    """The Chat Completions API of one server, at the teacher's ``url``."""

    def __init__(self, teacher: Teacher) -> None:
        import httpx2
        import openai

        self._teacher = teacher
        parts = urlsplit(teacher.url)
        self._host = parts.hostname or ""
        own = is_own(self._host)
        found = find_key(OPENAI)
        self._client = openai.OpenAI(
            api_key=found[0] if found else NO_KEY if own else need_key(OPENAI, teacher.name),
            base_url=teacher.url if parts.path.strip("/") else f"{teacher.url}/v1",
            max_retries=0,
            # no proxy stands between us and our own machine, and nothing leads a key to another server
            http_client=httpx2.Client(
                trust_env=not own,
                follow_redirects=False,
                timeout=httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
            ),
        )

    @property
    def teacher(self) -> Teacher:
        """Whom it asks."""
        return self._teacher

    def ask(self, question: Question) -> Outcome:
        """Ask one question, once: the SDK's own retries are off."""
        import openai

        # the vendor's own reasoning models refuse the older name, other servers may not know the newer one
        limit = "max_completion_tokens" if self._host == _VENDOR else "max_tokens"
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=self._teacher.model,
                messages=[
                    {"role": "system", "content": question.system},
                    {"role": "user", "content": question.user},
                ],
                extra_body={limit: question.max_tokens},
            )
            return _outcome(question, answer.text)
        except openai.RateLimitError as error:
            if error.code == "insufficient_quota":
                raise NotTaken(f"{self._teacher.name}: the quota is used up: {_said(error)}") from error
            raise Busy(f"{self._teacher.name}: {_said(error)}", retry_after(error)) from error
        except openai.APIStatusError as error:
            return refused(self._teacher, question, error.status_code, _said(error))
        except openai.APIConnectionError as error:
            raise unsent(self._teacher, error.__cause__) or InDoubt(_said(error)) from error
        except (openai.APIError, ValueError, RecursionError) as error:
            raise InDoubt(f"{self._teacher.name}: the server's answer cannot be read") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _outcome(question: Question, raw: str) -> Outcome:
    answer = json.loads(raw)
    choices = at(answer, "choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = at(choice, "message")
    if not isinstance(message, dict):
        if said := at(at(answer, "error"), "message"):
            return errored(question, "api_error", str(said))
        raise ValueError("no message")
    stop, refusal = words(at(choice, "finish_reason")), words(at(message, "refusal"))
    thinking = _text(at(message, "reasoning")) or _text(at(message, "reasoning_content"))
    return Outcome(
        wire_id=question.custom_id,
        result_type="succeeded",
        reason="refusal" if refusal else _STOPS.get(stop, stop),
        detail=refusal,
        model=words(at(answer, "model")),
        text=plain(with_thinking(thinking, _text(at(message, "content")))),
        usage=_usage(at(answer, "usage")),
        raw=raw,
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = [at(part, "text") for part in content] if isinstance(content, list) else []
    return "".join(part for part in parts if isinstance(part, str))


def _usage(usage: Any) -> Usage:
    cached = count(at(at(usage, "prompt_tokens_details"), "cached_tokens"))
    return Usage(
        tokens_in=max(count(at(usage, "prompt_tokens")) - cached, 0),
        cache_read=cached,
        tokens_out=count(at(usage, "completion_tokens")),
        thinking=count(at(at(usage, "completion_tokens_details"), "reasoning_tokens")),
    )


def _said(error: Any) -> str:
    return one_line(hide(error.message))[:200]
