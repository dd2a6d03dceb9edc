"""The HTTP of the rehearsal: the Message Batches paths that the ``anthropic`` client uses, on 127.0.0.1 only."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stratos_tui.teachers.rehearsal.answers import kind_of, message_of
from stratos_tui.teachers.rehearsal.desk import Desk, Refusal, question_of
from stratos_tui.teachers.rehearsal.reading import NotAPair
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings
from stratos_tui.teachers.tokens import estimate

HOST = "127.0.0.1"
MOST_BYTES = 256 * 1024 * 1024
PAGE = 20
MOST_PAGE = 1_000

_BATCH = re.compile(r"/v1/messages/batches/(?P<id>[^/]+)(?P<rest>/results|/cancel)?\Z")


class RehearsalServer(ThreadingHTTPServer):
    """The server over one folder of batches."""

    daemon_threads = True

    def __init__(self, folder: Path, settings: RehearsalSettings) -> None:
        super().__init__((HOST, 0), Handler)
        self.desk = Desk(folder, settings)
        self.settings = settings

    @property
    def base_url(self) -> str:
        """Where the server listens."""
        return f"http://{HOST}:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One connection. Every answer is JSON, except for results, which are JSON lines."""

    protocol_version = "HTTP/1.1"
    # without this each answer waits 40 ms for the client's acknowledgement
    disable_nagle_algorithm = True
    server: RehearsalServer

    def do_GET(self) -> None:
        """Answer health, list, retrieve and results."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Answer create, cancel, count_tokens and a live message."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: nobody reads it."""

    def _answer(self, respond: Any) -> None:
        try:
            answer = respond(urlsplit(self.path))
            if isinstance(answer, dict):
                self._send(200, answer)
            else:
                self._send_lines(answer)
        except Refusal as refusal:
            error = {"type": refusal.kind, "message": str(refusal)}
            self._send(refusal.status, {"type": "error", "error": error, "request_id": None})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _get(self, url: Any) -> dict[str, Any] | Iterator[bytes]:
        if url.path == "/health":
            folder = str(self.server.desk.folder.resolve())
            return {"pid": os.getpid(), "folder": folder, "settings": self.server.settings.dump()}
        self._authenticate()
        if url.path == "/v1/messages/batches":
            return self._listing(parse_qs(url.query))
        found = _BATCH.match(url.path)
        if not found or found["rest"] == "/cancel":
            raise Refusal(404, "not_found_error", "there is nothing here")
        desk, head = self.server.desk, self.server.desk.head(found["id"])
        shown = desk.batch(head, self.server.base_url)
        if not found["rest"]:
            return shown
        if shown["processing_status"] != "ended":
            raise Refusal(404, "not_found_error", "this batch has no results yet")
        return desk.results(head)

    def _post(self, url: Any) -> dict[str, Any]:
        body = self._body()
        self._authenticate()
        desk = self.server.desk
        if url.path == "/v1/messages/batches":
            return desk.batch(desk.create(body), self.server.base_url)
        if url.path == "/v1/messages/count_tokens":
            asked = question_of(body, "", "")
            return {"input_tokens": asked.system_tokens + estimate(asked.user)}
        if url.path == "/v1/messages":
            return self._live(body)
        found = _BATCH.match(url.path)
        if found and found["rest"] == "/cancel":
            return desk.batch(desk.cancel(found["id"]), self.server.base_url)
        raise Refusal(404, "not_found_error", "there is nothing here")

    def _live(self, body: Any) -> dict[str, Any]:
        user = question_of(body, "", "").user
        question = question_of(body, "", hashlib.sha256(user.encode("utf-8", "replace")).hexdigest()[:24])
        if question.fault or body.get("stream"):
            raise Refusal(400, "invalid_request_error", question.fault or "stream: the rehearsal does not stream")
        time.sleep(self.server.settings.latency_seconds)
        kind = kind_of(question.key, self.server.settings)
        if kind == "errored":
            raise Refusal(500, "api_error", "the rehearsal was asked to fail here")
        try:
            return message_of(question, kind)
        except NotAPair as error:
            raise Refusal(400, "invalid_request_error", f"no rendered pair: {error}") from error

    def _listing(self, query: dict[str, list[str]]) -> dict[str, Any]:
        heads = self.server.desk.heads()
        ids = [head.id for head in heads]
        limit = query.get("limit", [str(PAGE)])[0]
        most = min(max(int(limit), 1), MOST_PAGE) if limit.isdecimal() else PAGE
        after, before = query.get("after_id", [""])[0], query.get("before_id", [""])[0]
        if before in ids:
            first = max(0, ids.index(before) - most)
            page, more = heads[first : ids.index(before)], first > 0
        else:
            start = ids.index(after) + 1 if after in ids else 0
            page, more = heads[start : start + most], start + most < len(heads)
        return {
            "data": [self.server.desk.batch(head, self.server.base_url) for head in page],
            "has_more": more,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }

    def _authenticate(self) -> None:
        if not (self.headers.get("authorization") or self.headers.get("x-api-key")):
            raise Refusal(401, "authentication_error", "a key is needed; any will do here")
        if not self.headers.get("anthropic-version"):
            raise Refusal(400, "invalid_request_error", "anthropic-version: this header is needed")

    def _body(self) -> Any:
        size = self.headers.get("content-length", "0")
        if not size.isdecimal() or int(size) > MOST_BYTES:
            self.close_connection = True
            raise Refusal(413, "request_too_large", f"a request has at most {MOST_BYTES} bytes")
        data = self.rfile.read(int(size))
        if len(data) < int(size):
            raise ConnectionResetError
        try:
            return json.loads(data) if data else {}
        except (ValueError, RecursionError):
            raise Refusal(400, "invalid_request_error", "the body is not JSON") from None

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _send_lines(self, lines: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-jsonl")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.write(b"0\r\n\r\n")
