"""Asking a teacher one question at a time: what all such teachers have in common, and Claude's live messages.

A question that was sent and has no answer may have been billed: whoever asks journals it first, and nothing here sends
a question twice unless the server said that it did not take it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stratos_tui.prism.trace import THINK_CLOSE, THINK_OPEN
from stratos_tui.teachers.batches import SPEND_LIMIT, Busy, InDoubt, NotTaken, connected, retry_after, words_of
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.keys import hide
from stratos_tui.teachers.prices import Usage
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.wire import Outcome, message_outcome, question_params, words

if TYPE_CHECKING:
    import anthropic

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 600.0
"""How long a server may say nothing: a local model may load for minutes before its first word."""
ITS_OWN_FAULT = {400: "invalid_request_error", 413: "request_too_large", 422: "invalid_request_error"}
"""Statuses by which a server refuses this question and not the next one, and the error that each stands for."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question: what is the same for many (``system``), and what is its own (``user``).

    ``custom_id`` names it in the journal; ``max_tokens`` bounds the answer, unseen thinking included.
    """

    custom_id: str
    system: str
    user: str
    max_tokens: int
    effort: str


class LiveClient(Protocol):
    """Whatever answers single questions. May be used by several threads at once."""

    @property
    def teacher(self) -> Teacher:
        """Whom it asks."""

    def ask(self, question: Question) -> Outcome:
        """Ask one question, once. A question that the server finds fault with comes back as ``errored``.

        Raises:
            NotTaken: the server refuses to be asked; ``Busy`` where it may take the question later.
            InDoubt: the connection or the server failed; the question may have been answered, and billed.
        """

    def close(self) -> None:
        """Close the connections."""


class ClaudeLive:
    """The Messages API of Claude, or of the rehearsal, over the ``anthropic`` SDK."""

    def __init__(self, teacher: Teacher, connect: Callable[[], anthropic.Anthropic]) -> None:
        self._teacher = teacher
        self._client = connect()

    @property
    def teacher(self) -> Teacher:
        """Whom it asks."""
        return self._teacher

    def ask(self, question: Question) -> Outcome:
        """Ask one question, once: the SDK's own retries are off."""
        import anthropic

        params = question_params(
            self._teacher.model,
            question.system,
            question.user,
            max_tokens=question.max_tokens,
            effort=question.effort,
        )
        try:
            message = self._client.with_options(max_retries=0).messages.create(**params)
            return message_outcome(question.custom_id, message.to_dict(), message.to_json(indent=None))
        except anthropic.RateLimitError as error:
            if error.error_code == SPEND_LIMIT:
                raise NotTaken(f"{self._teacher.name}: the spend limit is reached: {words_of(error)}") from error
            raise Busy(f"{self._teacher.name}: {words_of(error)}", retry_after(error)) from error
        except anthropic.APIStatusError as error:
            return refused(self._teacher, question, error.status_code, words_of(error))
        except anthropic.APIConnectionError as error:
            raise unsent(self._teacher, error.__cause__) or InDoubt(words_of(error)) from error
        except (anthropic.APIError, AttributeError, ValueError) as error:
            # an answer that is no message has none of a message's methods
            raise InDoubt(f"{self._teacher.name}: the server's answer cannot be read") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def open_live(
    teacher: Teacher, store_path: Path, rehearsal: RehearsalSettings | None = None, *, context: int | None = None
) -> Iterator[LiveClient]:
    """Open the live client of a teacher. ``context`` is the window in tokens that an Ollama server is asked for.

    Raises:
        StratosError: a key is needed and there is none.
    """
    # each client knows this module, so this module meets them no earlier than here
    from stratos_tui.teachers.ollama_live import CONTEXT, OllamaLive
    from stratos_tui.teachers.openai_live import OpenAILive

    client: LiveClient
    if teacher.way == "live":
        client = OpenAILive(teacher) if teacher.url else OllamaLive(teacher, context or CONTEXT)
        try:
            yield client
        finally:
            client.close()
        return
    with connected(teacher, store_path, rehearsal) as connect:
        client = ClaudeLive(teacher, connect)
        try:
            yield client
        finally:
            client.close()


def question_id(*parts: str) -> str:
    """Return the id of a question that is no pair: made from its content."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def with_thinking(thinking: str, content: str) -> str:
    """Return an answer as one text: what the server keeps apart as thinking becomes its think block.

    An answer that has a think block of its own, or the end of one that the prompt opened, stays as it is.
    """
    if not thinking.strip() or THINK_OPEN in content or THINK_CLOSE in content:
        return content
    return f"{THINK_OPEN}\n{thinking.strip()}\n{THINK_CLOSE}\n\n{content.lstrip()}"


def refused(teacher: Teacher, question: Question, status: int, said: str) -> Outcome:
    """Return the outcome of a question that the server finds fault with.

    Raises:
        NotTaken: the server refuses all questions alike.
        InDoubt: the status does not say that nothing was done.
    """
    if status in ITS_OWN_FAULT:
        return errored(question, ITS_OWN_FAULT[status], said)
    if status >= 500 or status in (408, 409):
        raise InDoubt(f"{teacher.name}: {said}")
    raise NotTaken(f"{teacher.name}: the server refuses the question: {said}")


def errored(question: Question, kind: str, said: str) -> Outcome:
    """Return the outcome of a question that got an error for an answer: nothing is billed for it."""
    return Outcome(question.custom_id, "errored", kind, words(hide(said)), "", "", Usage(), "")


def unsent(teacher: Teacher, cause: BaseException | None) -> Busy | None:
    """Return that a server can be asked later, where no connection to it was made; None where one was."""
    # by name: the clients are built on two packages that name their errors alike, and one must not load the other's
    if type(cause).__name__ in ("ConnectError", "ConnectTimeout"):
        return Busy(f"{teacher.name}: the server cannot be reached ({type(cause).__name__})", None)
    return None
