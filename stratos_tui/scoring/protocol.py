"""What the interface and the scoring process say to each other: one JSON object a line, and the records inside."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from stratos_tui.records import Article, Profile, Scored
from stratos_tui.scoring.scorer_adaptive import Task

MAX_LINE_BYTES = 64 * 1024 * 1024
"""The longest line that either side reads: one article of the longest body, escaped, several times over."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: pairs to score by a scorer's name. ``style`` and ``seed`` are as in ``find_scorer``."""

    id: int
    scorer: str
    tasks: tuple[Task, ...]
    style: str = "student"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Loading:
    """The model is being loaded; nothing is streamed until it is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A further piece of the raw completion of pair number ``pair``."""

    pair: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Pair number ``pair`` has its answer; latency is from the request's first token on."""

    pair: int
    scored: Scored


@dataclass(frozen=True, slots=True)
class Failed:
    """The request ends without an answer, for this reason."""

    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """The request has ended: answered, failed or canceled."""


Event = Loading | Piece | Finished | Failed | Done
_EVENTS: dict[str, type[Event]] = {each.__name__: each for each in (Loading, Piece, Finished, Failed, Done)}


def write_ask(ask: Ask) -> bytes:
    """Write a request as its line."""
    return _line({"op": "score", **asdict(ask)})


def write_cancel(ask_id: int) -> bytes:
    """Write the line that ends a request early."""
    return _line({"op": "cancel", "id": ask_id})


def write_event(ask_id: int, event: Event) -> bytes:
    """Write an event as its line."""
    return _line({"id": ask_id, "event": type(event).__name__, **asdict(event)})


def read_ask(line: bytes) -> Ask | int:
    """Read a request, or the number of the request to cancel.

    Raises:
        ValueError, KeyError, TypeError: the line is none of ours.
    """
    found = json.loads(line)
    if found.pop("op") == "cancel":
        return int(found["id"])
    return Ask(**{**found, "tasks": tuple(_task(each) for each in found["tasks"])})


def read_event(line: bytes) -> tuple[int, Event]:
    """Read an event and the number of the request that it belongs to."""
    found = json.loads(line)
    ask_id, kind = int(found.pop("id")), _EVENTS[found.pop("event")]
    if kind is Finished:
        return ask_id, Finished(found["pair"], Scored(**found["scored"]))
    return ask_id, kind(**found)


def _task(found: dict[str, Any]) -> Task:
    profile: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in found["profile"].items()
    }
    days = {field.name for field in fields(Article)} & {"published", "fetched", "deadline"}
    article: dict[str, Any] = {
        name: date.fromisoformat(value) if name in days and value else value for name, value in found["article"].items()
    }
    return Task(Profile(**profile), Article(**article), date.fromisoformat(found["day"]))


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, default=date.isoformat, separators=(",", ":")).encode() + b"\n"
