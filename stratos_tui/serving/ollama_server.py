"""Speaks to an Ollama server through its own client: blobs, models, what it renders and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.progress import Report
from stratos_tui.text import one_line

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 600.0
"""How long one answer may take: a server loads a model of 8 GB from disk before the first."""

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``thinking`` is the trace where the server split it off; ``finished`` is False where it was cut."""

    content: str
    thinking: str
    finished: bool
    seconds: float
    tokens_in: int
    tokens_out: int


class OllamaServer:
    """One server; ``host`` as the client takes it, None for ``OLLAMA_HOST`` or this machine."""

    def __init__(self, host: str | None = None) -> None:
        import httpx
        import ollama

        self._client: Any = ollama.Client(host, timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS))

    @property
    def url(self) -> str:
        """Where it is asked."""
        return str(self._client._client.base_url).rstrip("/")

    def version(self) -> str:
        """Return the server's version."""
        return str(self._json("GET", "/api/version", "its version").get("version", "unknown"))

    def has_blob(self, digest: str) -> bool:
        """Tell whether the server holds a file (``sha256:…``) already."""
        return self._there("a file", lambda: self._client._request_raw("HEAD", f"/api/blobs/{digest}"))

    def upload(self, path: Path, digest: str) -> None:
        """Send a file, unless the server holds it.

        Raises:
            StratosError: it cannot be sent, or its bytes are not what ``digest`` says.
        """
        if self.has_blob(digest):
            return
        with self._explained("the upload"):
            sent = self._client.create_blob(path)
        if sent != digest:
            raise StratosError(f"{path}: its bytes changed since it was converted; delete it and repeat")

    def create(
        self, model: str, digest: str, template: str, parameters: Mapping[str, Any], report: Report, *, steps: int
    ) -> None:
        """Make a model of an uploaded file; the server must say that it succeeded.

        ``report`` is called with 0 of ``steps`` and the server's words.
        """
        last = ""
        with self._explained(f"creating {model}"):
            for each in self._client.create(
                model, files={"student.gguf": digest}, template=template, parameters=dict(parameters), stream=True
            ):
                last = one_line(each.status or "")
                report(0, steps, f"creating: {last}")
        if last != "success":
            raise StratosError(f"Ollama at {self.url}: creating {model} ended with {last or 'nothing'!r}; repeat")

    def has_model(self, model: str) -> bool:
        """Tell whether the server has a model of this name."""
        return self._there(f"showing {model}", lambda: self._client.show(model))

    def rendered(self, model: str, messages: Messages) -> str | None:
        """Return the prompt that the server would give the model, or None where it does not say.

        Nothing is cut: a conversation longer than the context is an error.
        """
        answer = self._chat(model, messages, _debug_render_only=True)
        info = answer.get("_debug_info")
        found = info.get("rendered_template") if isinstance(info, dict) else None
        return found if isinstance(found, str) else None

    def chat(self, model: str, messages: Messages, seed: int) -> Reply:
        """Answer a conversation with the model's own parameters and a seed; nothing is cut."""
        answer = self._chat(model, messages, options={"seed": seed})
        message = answer.get("message")
        if not isinstance(message, dict):
            raise StratosError(f"Ollama at {self.url}: {model} answered without a message; update the server")
        return Reply(
            content=str(message.get("content") or ""),
            thinking=str(message.get("thinking") or ""),
            finished=answer.get("done_reason") == "stop",
            seconds=float(answer.get("total_duration") or 0) / 1e9,
            tokens_in=int(answer.get("prompt_eval_count") or 0),
            tokens_out=int(answer.get("eval_count") or 0),
        )

    def copy(self, source: str, destination: str) -> None:
        """Give a model a further name, in place of whatever had it."""
        with self._explained(f"naming {source} {destination}"):
            self._client.copy(source, destination)

    def delete(self, model: str) -> None:
        """Take a model away."""
        with self._explained(f"deleting {model}"):
            self._client.delete(model)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _chat(self, model: str, messages: Messages, **more: Any) -> dict[str, Any]:
        # the client's chat() has no truncate, and an over-long prompt would be cut in silence
        asked = {"model": model, "messages": [dict(each) for each in messages], "stream": False, "truncate": False}
        return self._json("POST", "/api/chat", f"asking {model}", json={**asked, **more})

    def _there(self, what: str, ask: Callable[[], object]) -> bool:
        import ollama

        with self._explained(what):
            try:
                ask()
            except ollama.ResponseError as error:
                if error.status_code != 404:
                    raise
                return False
        return True

    def _json(self, method: str, path: str, what: str, **given: Any) -> dict[str, Any]:
        with self._explained(what):
            answer = self._client._request_raw(method, path, **given).json()
            if not isinstance(answer, dict):
                raise ValueError("no JSON object")
            if answer.get("error"):
                raise StratosError(f"Ollama at {self.url}: {what}: {one_line(str(answer['error']))[:300]}")
        return answer

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        import httpx
        import ollama

        try:
            yield
        except ollama.ResponseError as error:
            raise StratosError(f"Ollama at {self.url}: {what}: {one_line(str(error.error))[:300]}") from error
        except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise StratosError(
                f"no Ollama server answers at {self.url}; start one with `ollama serve`, or set OLLAMA_HOST"
            ) from error
        except httpx.TransportError as error:
            cause = one_line(str(error)) or type(error).__name__
            raise StratosError(f"Ollama at {self.url}: {what}: the connection broke ({cause}); repeat") from error
        except ValueError as error:
            raise StratosError(f"Ollama at {self.url}: {what}: no readable answer ({one_line(str(error))})") from error


@contextmanager
def open_server(host: str | None = None) -> Iterator[OllamaServer]:
    """Open a server's client; nobody is asked yet."""
    server = OllamaServer(host)
    try:
        yield server
    finally:
        server.close()
