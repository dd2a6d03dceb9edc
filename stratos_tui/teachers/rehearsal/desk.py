"""Keeps the rehearsal's batches in files, and says what each is: the protocol without the HTTP.

A batch is two files: its questions, written first, and its head, whose appearance makes the batch exist. What a batch
is at a moment follows from its head and the clock, and its answers from its questions: nothing is lost by a kill, and
two servers over one folder agree.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stratos_tui.teachers.rehearsal.answers import Question, result_of, result_type_of
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.tokens import estimate
from stratos_tui.teachers.wire import own_id_of

MOST_REQUESTS = 100_000
EXPIRY_SECONDS = 24 * 3600
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BATCH_ID = re.compile(r"msgbatch_rehearsal_[0-9a-f]{32}")
_REFUSED = ("temperature", "top_p", "top_k")


class Refusal(Exception):
    """The server's answer is an error: HTTP status, error type, message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a batch without its questions. Times are seconds since 1970.

    ``done`` is how many of its questions are answered rather than canceled, in the order in which they came.
    """

    id: str
    created: float
    begins: float
    ends: float
    requests: int
    done: int
    canceled: float | None
    settings: str


class Desk:
    """Takes, keeps and answers batches in one folder. Safe to share between threads."""

    def __init__(self, folder: Path, settings: RehearsalSettings) -> None:
        self.folder = folder
        self.settings = settings
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, body: Any) -> Head:
        """Take a batch.

        Raises:
            Refusal: the body is not what the protocol asks for. Each request's parameters are checked when it runs.
        """
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not 1 <= len(requests) <= MOST_REQUESTS:
            raise Refusal(400, "invalid_request_error", f"requests: a list of 1 to {MOST_REQUESTS} is needed")
        questions = [_question(number, request) for number, request in enumerate(requests)]
        if len({question.custom_id for question in questions}) < len(questions):
            raise Refusal(400, "invalid_request_error", "requests: each custom_id must be unique in its batch")
        own = f"msgbatch_rehearsal_{uuid.uuid4().hex}"
        lines = [json.dumps(asdict(question)) for question in questions]
        _write(self._questions_path(own), "\n".join(lines))
        with self._lock:
            now = time.time()
            begins = max([now, *(head.ends for head in self.heads())])
            work = self.settings.latency_seconds + self.settings.seconds_per_request * len(questions)
            head = Head(own, now, begins, begins + work, len(questions), len(questions), None, self.settings.dump())
            self._keep(head)
        return head

    def head(self, batch_id: str) -> Head:
        """Return one batch.

        Raises:
            Refusal: there is no such batch.
        """
        try:
            # an id is part of a path: only one of our own form gets that far
            if not _BATCH_ID.fullmatch(batch_id):
                raise FileNotFoundError
            return Head(**json.loads(self._head_path(batch_id).read_text("utf-8")))
        except FileNotFoundError:
            raise Refusal(404, "not_found_error", "there is no such batch") from None

    def heads(self) -> list[Head]:
        """Return every batch, newest first."""
        found = [Head(**json.loads(path.read_text("utf-8"))) for path in self.folder.glob("*.head.json")]
        return sorted(found, key=lambda head: (head.created, head.id), reverse=True)

    def cancel(self, batch_id: str) -> Head:
        """Stop a batch: what it has not got to yet is canceled. One that has ended stays as it is."""
        with self._lock:
            head = self.head(batch_id)
            now = time.time()
            if ended(head, now):
                return head
            share = max(0.0, (now - head.begins) / (head.ends - head.begins))
            done = int(head.requests * share)
            stopped = replace(head, canceled=now, ends=now, begins=min(head.begins, now), done=done)
            self._keep(stopped)
            return stopped

    def batch(self, head: Head, base_url: str) -> dict[str, Any]:
        """Return a batch as the protocol shows it: counts stay under ``processing`` until all of it has ended."""
        over = ended(head, time.time())
        counts = Counter(self._result_types(head)) if over else Counter({"processing": head.requests})
        return {
            "id": head.id,
            "type": "message_batch",
            "processing_status": "ended" if over else "in_progress",
            "request_counts": {
                kind: counts[kind] for kind in ("processing", "succeeded", "errored", "canceled", "expired")
            },
            "created_at": _moment(head.created),
            "expires_at": _moment(head.created + EXPIRY_SECONDS),
            "ended_at": _moment(head.ends) if over else None,
            "cancel_initiated_at": _moment(head.canceled) if head.canceled else None,
            "archived_at": None,
            "results_url": f"{base_url}/v1/messages/batches/{head.id}/results" if over else None,
        }

    def results(self, head: Head) -> Iterator[bytes]:
        """Yield the lines of a batch's results, in an order that is not the order of its requests."""
        settings = RehearsalSettings.parse(head.settings)
        numbered = sorted(enumerate(self._questions(head)), key=lambda each: each[1].key)
        for number, question in numbered:
            result = result_of(question, settings) if number < head.done else {"type": "canceled"}
            line = json.dumps({"custom_id": question.custom_id, "result": result}, ensure_ascii=False)
            yield line.encode("utf-8", "replace") + b"\n"

    def _result_types(self, head: Head) -> list[str]:
        settings = RehearsalSettings.parse(head.settings)
        answered = [result_type_of(question, settings) for question in self._questions(head)[: head.done]]
        return answered + ["canceled"] * (head.requests - head.done)

    def _questions(self, head: Head) -> list[Question]:
        lines = self._questions_path(head.id).read_text("utf-8").split("\n")
        return [Question(**json.loads(line)) for line in lines]

    def _keep(self, head: Head) -> None:
        _write(self._head_path(head.id), json.dumps(asdict(head)))

    def _head_path(self, batch_id: str) -> Path:
        return self.folder / f"{batch_id}.head.json"

    def _questions_path(self, batch_id: str) -> Path:
        return self.folder / f"{batch_id}.questions.jsonl"


def ended(head: Head, now: float) -> bool:
    """Tell whether a batch has ended at a moment."""
    return now >= head.ends


def question_of(params: Any, custom_id: str, key: str) -> Question:
    """Read message parameters into a question; what current models refuse becomes its ``fault``."""
    params = params if isinstance(params, dict) else {}
    messages = params.get("messages")
    turns = messages if isinstance(messages, list) else []
    users = [turn for turn in turns if isinstance(turn, dict) and turn.get("role") == "user"]
    blocks = _blocks(params.get("system"))
    most = params.get("max_tokens")
    fault = ""
    if refused := [name for name in _REFUSED if name in params]:
        fault = f"{', '.join(refused)}: this model takes no sampling parameters"
    elif len(turns) != 1 or not users:
        fault = "messages: one user turn is needed, and no prefill"
    elif not isinstance(most, int) or most < 1:
        fault = "max_tokens: a whole number of at least 1 is needed"
    elif params.get("model") != "rehearsal":
        fault = "model: this server rehearses and is no other model; ask for 'rehearsal'"
    return Question(
        custom_id=custom_id,
        key=key,
        user="".join(block.get("text", "") for block in _blocks(users[0].get("content"))) if users else "",
        system_tokens=sum(estimate(block.get("text", "")) for block in blocks),
        cached=any(block.get("cache_control") for block in blocks),
        max_tokens=most if isinstance(most, int) else 1,
        fault=fault,
    )


def _question(number: int, request: Any) -> Question:
    sent = request.get("custom_id") if isinstance(request, dict) else None
    if not isinstance(sent, str) or not _CUSTOM_ID.fullmatch(sent):
        raise Refusal(400, "invalid_request_error", f"requests.{number}.custom_id: must match ^[a-zA-Z0-9_-]{{1,64}}$")
    # the first part of an id tells one creation from another; the rest is the pair and the attempt
    return question_of(request.get("params"), sent, own_id_of(sent) or sent)


def _blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}]
    blocks = content if isinstance(content, list) else []
    return [block for block in blocks if isinstance(block, dict) and isinstance(block.get("text"), str)]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
