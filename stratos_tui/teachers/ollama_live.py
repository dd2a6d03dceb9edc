"""Asks an Ollama server over the ``ollama`` client, by streaming ``/api/chat``.

What the server would do in silence is made visible: it is told its window (``num_ctx``) and not to cut prompts
(``truncate``), and an answer that filled the window counts as cut. An error may arrive midway under HTTP 200.
Source: the server's API documentation (0.33) and the client's source (0.6.3), November 2026.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stratos_tui.teachers.batches import Busy, InDoubt
from stratos_tui.teachers.catalog import Teacher, is_own
from stratos_tui.teachers.live import CONNECT_SECONDS, SILENT_SECONDS, Question, errored, refused, unsent, with_thinking
from stratos_tui.teachers.prices import Usage
from stratos_tui.teachers.wire import Outcome, count, words
from stratos_tui.text import one_line, plain

if TYPE_CHECKING:
    import ollama

CONTEXT = 8_192
"""Tokens of the window that is asked for unless said: a long article and an answer fit."""
LOCAL = "127.0.0.1"
PORT = 11434
_STOPS = {"stop": "end_turn", "length": "max_tokens"}
_BUSY = 503


class OllamaLive:
    """One model of the Ollama server at ``OLLAMA_HOST``, or on this machine; ``context`` is its window in tokens."""

    def __init__(self, teacher: Teacher, context: int = CONTEXT) -> None:
        import httpx
        import ollama

        self._teacher = teacher
        self._context = context
        self._client = ollama.Client(
            ollama_url(),
            # the client itself waits for ever
            timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS),
            # no proxy stands between us and our own machine
            trust_env=not is_own(urlsplit(ollama_url()).hostname or ""),
        )

    @property
    def teacher(self) -> Teacher:
        """Whom it asks."""
        return self._teacher

    def ask(self, question: Question) -> Outcome:
        """Ask one question, once."""
        import httpx
        import ollama

        try:
            return self._outcome(question, list(self._stream(question)))
        except ollama.ResponseError as error:
            if error.status_code == _BUSY:
                raise Busy(f"{self._teacher.name}: {one_line(error.error)[:200]}", None) from error
            if error.status_code < 0 or error.status_code >= 500:
                # the server itself says that it failed, midway or at once: there is no doubt about it
                return errored(question, "api_error", error.error)
            return refused(self._teacher, question, error.status_code, one_line(error.error)[:200])
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise unsent(self._teacher, error) or InDoubt(
                f"{self._teacher.name}: the answer stopped midway ({type(error).__name__})"
            ) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InDoubt(f"{self._teacher.name}: the server's answer cannot be read") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _stream(self, question: Question) -> Iterator[ollama.ChatResponse]:
        import ollama

        body = {
            "model": self._teacher.model,
            "messages": [
                {"role": "system", "content": question.system},
                {"role": "user", "content": question.user},
            ],
            "stream": True,
            "truncate": False,
            "options": {"num_ctx": self._context, "num_predict": question.max_tokens},
        }
        # the client's own chat() does not pass ``truncate`` on
        yield from self._client._request(ollama.ChatResponse, "POST", "/api/chat", json=body, stream=True)

    def _outcome(self, question: Question, parts: list[ollama.ChatResponse]) -> Outcome:
        last = parts[-1] if parts else None
        if last is None or not last.done:
            raise ValueError("the answer has no end")
        content = "".join(part.message.content or "" for part in parts)
        thinking = "".join(part.message.thinking or "" for part in parts)
        usage = Usage(tokens_in=count(last.prompt_eval_count), tokens_out=count(last.eval_count))
        stop = _STOPS.get(last.done_reason or "", last.done_reason or "")
        if usage.tokens_in + usage.tokens_out >= self._context:
            stop = "model_context_window_exceeded"
        whole: dict[str, Any] = last.model_dump(exclude_none=True)
        whole["message"] = {"role": "assistant", "content": content, "thinking": thinking}
        return Outcome(
            wire_id=question.custom_id,
            result_type="succeeded",
            reason=words(stop),
            detail="",
            model=words(last.model),
            text=plain(with_thinking(thinking, content)),
            usage=usage,
            raw=json.dumps(whole, ensure_ascii=False),
        )


def ollama_url() -> str:
    """Return where the Ollama server of this environment listens, as ``OLLAMA_HOST`` says."""
    host = os.environ.get("OLLAMA_HOST", "").strip() or LOCAL
    if "://" in host:
        return host
    return f"http://{host}" if urlsplit(f"//{host}").port else f"http://{host}:{PORT}"
