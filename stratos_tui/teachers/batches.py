"""The client side of Message Batches, over the ``anthropic`` SDK: one path for Claude and for the rehearsal.

Creating a batch has no idempotency key, so nothing here creates twice: the SDK's retries are off for it, and every
failure says whether the server refused (:class:`NotTaken`, :class:`Busy`) or may have taken it (:class:`InDoubt`).
Sources: the SDK's source (2.12) and the vendor's Message Batches reference, November 2026.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from email.utils import mktime_tz, parsedate_tz
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from stratos_tui.errors import StratosError
from stratos_tui.teachers.catalog import Teacher
from stratos_tui.teachers.keys import ANTHROPIC, hide, need_key
from stratos_tui.teachers.rehearsal.process import Rehearsal, folder_of
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.text import one_line

if TYPE_CHECKING:
    import anthropic
    import openai
    from anthropic.types.messages import MessageBatch

Answer = TypeVar("Answer")

PAGE = 100
"""Batches a listing asks for at once; the API gives 20 where it is not told, and 1,000 at most."""
REHEARSAL_TIMEOUT = 60.0
STALL_SECONDS = 120.0
"""How long results may stay silent before the stream counts as cut; the SDK's own ten minutes would hold up others."""
LONGEST_WAIT = 3_600.0
"""No server is waited for longer than this at a time, whatever it asks."""
SPEND_LIMIT = "enforced_spend_limit_reached"
"""The error code of a 429 that lasts until the next month: asking again soon is pointless (vendor's errors page)."""
_LINE = b"\n"


class NotTaken(StratosError):
    """The server said no: nothing was created."""


class Busy(NotTaken):
    """The server has no room now: nothing was created. ``wait`` is how many seconds it asks for, if it says."""

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


class InDoubt(Exception):
    """Nobody knows whether the server created the batch: look before creating again.

    ``wait`` is how many seconds the server asks to be left alone, if it says.
    """

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Gone(StratosError):
    """The server does not know the batch, or keeps its results no longer."""


class Unreachable(StratosError):
    """The server cannot be asked now. What was stored is kept, and asking again later is safe."""


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as its server shows it, by the server's clock. The counts are zero until all of it has ended.

    ``state`` is the server's word for where it is; it is given up at ``expires`` where it has not ended by then.
    """

    id: str
    state: str
    created: datetime
    expires: datetime | None
    requests: int
    succeeded: int
    errored: int
    expired: int
    canceled: int

    @property
    def ended(self) -> bool:
        """Whether all of it is answered, or never will be."""
        return self.state == "ended"


class BatchClient:
    """Asks one teacher's server. ``connect`` gives a client of the SDK; ``revive`` is tried when a call fails.

    Results that are silent for ``stall_seconds`` count as cut.
    """

    def __init__(
        self,
        teacher: Teacher,
        connect: Callable[[], anthropic.Anthropic],
        revive: Callable[[], None] | None = None,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self.teacher = teacher
        self._stall_seconds = stall_seconds
        self._connect = connect
        self._revive = revive
        self._client: anthropic.Anthropic | None = None

    def create(self, requests: list[dict[str, Any]]) -> RemoteBatch:
        """Create a batch, once: ``requests`` are dicts of ``custom_id`` and ``params``.

        Raises:
            NotTaken: the server refused; ``Busy`` where it may take it later.
            InDoubt: the connection or the server failed; the batch may exist.
        """
        import anthropic

        try:
            once = self._connected().with_options(max_retries=0)
            answer = once.messages.batches.with_raw_response.create(requests=requests)  # type: ignore[arg-type]
        except anthropic.RateLimitError as error:
            if error.error_code == SPEND_LIMIT:
                raise NotTaken(f"{self.teacher.name}: the spend limit is reached: {words_of(error)}") from error
            raise Busy(f"{self.teacher.name}: {words_of(error)}", retry_after(error)) from error
        except anthropic.APIStatusError as error:
            # a 5xx does not say that nothing was created, and a 408 or 409 says it no better. Nor does a 529, with or
            # without a time to wait: it is documented as "temporarily overloaded", no more, and the SDK files it under
            # server errors. Looking first costs a minute, creating twice costs the batch
            if error.status_code >= 500 or error.status_code in (408, 409):
                raise InDoubt(words_of(error), retry_after(error)) from error
            raise NotTaken(f"{self.teacher.name}: the server refuses the batch: {words_of(error)}") from error
        except anthropic.APIError as error:
            raise InDoubt(words_of(error)) from error
        try:
            return _remote(answer.parse())
        except (anthropic.APIError, *_UNREADABLE) as error:
            raise InDoubt("the server's answer cannot be read") from error

    def count(self, params: dict[str, Any]) -> int:
        """Return the input tokens of message parameters, as the server counts them: free, and limited in rate.

        Raises:
            Unreachable: the server cannot be asked now.
        """
        told = {name: params[name] for name in ("model", "system", "messages", "output_config")}
        return self._ask(lambda client: client.messages.count_tokens(**told).input_tokens)

    def status(self, remote_id: str) -> RemoteBatch:
        """Return one batch.

        Raises:
            Gone: the server does not know the batch.
            Unreachable: the server cannot be asked now.
        """
        return self._ask(lambda client: _remote(client.messages.batches.retrieve(remote_id)))

    def since(self, moment: datetime) -> list[RemoteBatch]:
        """Return the batches created since a moment, newest first.

        Raises:
            Unreachable: the server cannot be asked now.
        """

        def listed(client: anthropic.Anthropic) -> list[RemoteBatch]:
            found = []
            for each in client.messages.batches.list(limit=PAGE):
                batch = _remote(each)
                if batch.created < moment:
                    break
                found.append(batch)
            return found

        return self._ask(listed)

    def cancel(self, remote_id: str) -> RemoteBatch:
        """Ask for a batch to be canceled; what is already answered stays answered, and billed.

        Raises:
            Gone: the server does not know the batch.
            Unreachable: the server cannot be asked now.
        """
        return self._ask(lambda client: _remote(client.messages.batches.cancel(remote_id)))

    @contextmanager
    def results(self, remote_id: str) -> Iterator[Iterator[bytes]]:
        """Open the results of a batch as their lines, in any order, as they came.

        The address is made here: a ``results_url`` would be followed to any host, with the key. Lines are split at
        newlines alone, since other line separators may stand inside a JSON text.

        Raises:
            Gone: the results are kept no longer (29 days from creation).
            Unreachable: the server cannot be asked, or the stream was cut; lines yielded before stay good.
        """
        import httpx2

        def opened(client: anthropic.Anthropic) -> httpx2.Response:
            path = f"/v1/messages/batches/{quote(remote_id, safe='')}/results"
            patient = client.with_options(timeout=self._stall_seconds)
            return patient.get(path, cast_to=httpx2.Response, stream=True)

        response = self._ask(opened)
        try:
            yield _lines(response.iter_bytes())
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise Unreachable(f"{self.teacher.name}: the results stopped midway ({type(error).__name__})") from error
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def revive(self) -> None:
        """Make sure that the server runs, where that is ours to do; the next call connects anew."""
        if self._revive is not None:
            self._revive()
            self.close()

    def _connected(self) -> anthropic.Anthropic:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _ask(self, call: Callable[[anthropic.Anthropic], Answer]) -> Answer:
        import anthropic

        try:
            try:
                return call(self._connected())
            except anthropic.APIConnectionError:
                if self._revive is None:
                    raise
                self.revive()
                return call(self._connected())
        except anthropic.NotFoundError as error:
            raise Gone(f"{self.teacher.name}: {words_of(error)}") from error
        except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as error:
            raise StratosError(f"{self.teacher.name}: the server refuses the key: {words_of(error)}") from error
        except anthropic.APIError as error:
            raise Unreachable(f"{self.teacher.name}: {words_of(error)}; run the same again to go on") from error
        except _UNREADABLE as error:
            raise Unreachable(
                f"{self.teacher.name}: the server's answer cannot be read; run the same again to go on"
            ) from error


@contextmanager
def open_client(
    teacher: Teacher, store_path: Path, rehearsal: RehearsalSettings | None = None
) -> Iterator[BatchClient]:
    """Open the client of a teacher that works by batches; a rehearsal's server is found or started at first use.

    Raises:
        StratosError: a key is needed and the environment holds none.
    """
    keeper: AbstractContextManager[Rehearsal | None] = nullcontext()
    if teacher.simulated:
        keeper = Rehearsal(folder_of(store_path), rehearsal or RehearsalSettings())
    with keeper as server:
        if server is None:
            _key()
            client = BatchClient(teacher, _claude)
        else:
            client = BatchClient(teacher, lambda: _rehearsing(server), server.revive)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def connected(
    teacher: Teacher, store_path: Path, rehearsal: RehearsalSettings | None = None
) -> Iterator[Callable[[], anthropic.Anthropic]]:
    """Give a maker of the SDK's clients for a teacher; a rehearsal's server is found or started, and let go after.

    Raises:
        StratosError: a key is needed and there is none.
    """
    if not teacher.simulated:
        _key()
        yield _claude
        return
    with Rehearsal(folder_of(store_path), rehearsal or RehearsalSettings()) as server:
        yield lambda: _rehearsing(server)


def _rehearsing(server: Rehearsal) -> anthropic.Anthropic:
    import anthropic
    import httpx2

    return anthropic.Anthropic(
        api_key="rehearsal",
        base_url=server.base_url(),
        max_retries=0,
        # a proxy from the environment must not stand between us and our own machine; the SDK's own
        # DefaultHttpxClient takes it whatever trust_env says
        http_client=httpx2.Client(trust_env=False, timeout=REHEARSAL_TIMEOUT),
    )


def _claude() -> anthropic.Anthropic:
    import anthropic

    return anthropic.Anthropic(
        # the base URL comes from ANTHROPIC_BASE_URL or is the vendor's: the SDK reads it itself
        api_key=_key(),
        # nothing leads our questions to another server: left to itself the SDK would post a whole batch there again
        http_client=anthropic.DefaultHttpxClient(follow_redirects=False),
    )


def _key() -> str:
    return need_key(ANTHROPIC, "Claude")


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    for chunk in chunks:
        *whole, rest = chunk.split(_LINE)
        for line in whole:
            yield b"".join([*parts, line])
            parts = []
        if rest:
            parts.append(rest)
    if parts:
        yield b"".join(parts)


_UNREADABLE = (ValueError, TypeError, AttributeError)
"""What the SDK, which checks no answer, and :func:`_remote` make of one that is not what the protocol says."""


def _remote(batch: MessageBatch) -> RemoteBatch:
    counts = batch.request_counts
    numbers = (counts.processing, counts.succeeded, counts.errored, counts.expired, counts.canceled)
    if not isinstance(batch.id, str) or not isinstance(batch.created_at, datetime):
        raise TypeError("no batch")
    return RemoteBatch(
        id=batch.id,
        state=one_line(batch.processing_status),
        created=batch.created_at,
        expires=batch.expires_at if isinstance(batch.expires_at, datetime) else None,
        requests=sum(numbers),
        succeeded=counts.succeeded,
        errored=counts.errored,
        expired=counts.expired,
        canceled=counts.canceled,
    )


def retry_after(error: anthropic.APIStatusError | openai.APIStatusError) -> float | None:
    """Return how many seconds a busy server asks to wait, if it says; never more than ``LONGEST_WAIT``."""
    said = error.response.headers.get("retry-after", "")
    try:
        wait = float(said)
    except ValueError:
        moment = parsedate_tz(said)
        if moment is None:
            return None
        wait = mktime_tz(moment) - time.time()
    return None if isnan(wait) else min(max(wait, 0.0), LONGEST_WAIT)


def words_of(error: anthropic.APIError) -> str:
    """Return what a server said, as one safe line."""
    return one_line(hide(getattr(error, "api_message", None) or error.message))[:200]
