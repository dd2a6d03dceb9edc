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

from stratos_tui.teachers.batches import Busy, InDoubt, NotTaken, connected, retry_after, words_of
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.wire import Outcome, message_outcome, question_params

if TYPE_CHECKING:
    import anthropic


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
        """Ask one question, once.

        Raises:
            NotTaken: the server refused; ``Busy`` where it may take it later.
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
        except anthropic.RateLimitError as error:
            raise Busy(f"{self._teacher.name}: {words_of(error)}", retry_after(error)) from error
        except anthropic.APIStatusError as error:
            if error.status_code >= 500 or error.status_code in (408, 409):
                raise InDoubt(words_of(error)) from error
            raise NotTaken(f"{self._teacher.name}: the server refuses the question: {words_of(error)}") from error
        except anthropic.APIError as error:
            raise InDoubt(words_of(error)) from error
        return message_outcome(question.custom_id, message.to_dict(), message.to_json(indent=None))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def open_live(teacher: Teacher, store_path: Path, rehearsal: RehearsalSettings | None = None) -> Iterator[LiveClient]:
    """Open the live client of a teacher.

    Raises:
        StratosError: a key is needed and there is none.
    """
    with connected(teacher, store_path, rehearsal) as connect:
        client = ClaudeLive(teacher, connect)
        try:
            yield client
        finally:
            client.close()


def question_id(*parts: str) -> str:
    """Return the id of a question that is no pair: made from its content."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
