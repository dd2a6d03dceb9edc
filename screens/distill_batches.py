"""Writes batches as rows, one batch in full, and what happened, for the batch monitor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text
from textual.content import Content

from screens.figures import Part, decimals, percent, stacked_bar, table
from screens.render import BAND_COLOURS, DIM, WARN, absolute, count, dollars, duration, one_line, parse_time, provenance
from screens.widgets.rows import Column, Row
from stratos_tui.store import phase_views
from stratos_tui.store.batches import Batch
from stratos_tui.store.db import Store
from stratos_tui.store.phase_views import Happening, Usage, Whole
from stratos_tui.teachers.prices import NANO

COLUMNS = (
    Column("#", 3, align="right"),
    Column("state", 9, flex=1),
    Column("kind", 7, drop=6),
    Column("teacher", 9, flex=1, drop=4),
    Column("progress", 8, drop=5),
    Column("ok", 5, align="right"),
    Column("bad", 4, align="right"),
    Column("fail", 4, align="right"),
    Column("out", 4, align="right"),
    Column("took", 5, align="right"),
    Column("left", 5, align="right"),
    Column("cost", 6, align="right"),
    Column("cached", 6, align="right", drop=1),
    Column("think", 6, align="right", drop=2),
    Column("per min", 7, align="right", drop=3),
)
"""A row a batch; what a narrow table leaves out, the line over the requests says of the batch under the cursor."""

CLOSED = ("ingested", "failed")
_BAR = 8
_GREEN, _RED = BAND_COLOURS["high"], "#d65d5d"
_SIGNS = {
    "intended": "… sending",
    "submitted": "→ out",
    "ended": "← ended",
    "ingested": "✓ in",
    "failed": "✗ failed",
}
_KINDS = {"example": "traces", "pilot": "pilot", "noise": "noise", "candidates": "drafts"}
_REQUEST_STATES = {
    "planned": ("…", "sending"),
    "submitted": ("→", "out"),
    "answered": ("←", "came back"),
    "accepted": ("✓", "accepted"),
    "rejected": ("✗", "rejected"),
    "errored": ("!", "error"),
    "expired": ("⌛", "expired"),
    "canceled": ("■", "canceled"),
    "discarded": ("–", "given up"),
}


class BatchSource:
    """Batches as rows. What is summed over requests and answers is read for the rows in view only."""

    def __init__(self, store: Store, batches: Sequence[Batch], now: datetime) -> None:
        self._store = store
        self._batches = batches
        self._now = now

    def count(self) -> int:
        """Return how many batches there are."""
        return len(self._batches)

    def page(self, first: int, n: int) -> list[Row]:
        """Return batches ``first`` to ``first + n`` as rows."""
        seen = self._batches[first : first + n]
        ids = [batch.id for batch in seen]
        states = phase_views.batch_states(self._store, ids)
        costs = phase_views.batch_costs(self._store, ids)
        usage = phase_views.batch_usage(self._store, ids)
        return [
            Row(each.id, cells(each, states[each.id], costs.get(each.id, 0), usage.get(each.id), self._now))
            for each in seen
        ]

    def position(self, key: object) -> int | None:
        """Return where a batch is."""
        return next((at for at, batch in enumerate(self._batches) if batch.id == key), None)

    def close(self) -> None:
        """Nothing is held."""


def cells(
    batch: Batch, states: dict[str, int], cost: int, usage: Usage | None, now: datetime
) -> tuple[str | Text, ...]:
    """Return one batch as the cells of :data:`COLUMNS`; ``cost`` is what it has settled, in nanodollars."""
    ok, bad, failed, out = _counts(states)
    back = states.get("answered", 0)
    parts = [
        Part(ok, "█", _GREEN),
        Part(back, "▓", ""),
        Part(bad, "▒", WARN),
        Part(failed, "▚", _RED),
        Part(out, "░", DIM),
    ]
    shown = "" if not cost else "<$0.01" if cost < NANO // 100 else dollars(cost)
    return (
        str(batch.id),
        Text(_SIGNS[batch.state], style=_RED if batch.state == "failed" else ""),
        _KINDS[batch.purpose],
        provenance(batch.teacher),
        stacked_bar(parts, _BAR),
        count(ok) if ok else "",
        Text(count(bad) if bad else "", style=WARN),
        Text(count(failed) if failed else "", style=_RED),
        count(out + back) if out + back else "",
        _largest(took(batch, usage, now)),
        _largest(left(batch, now)),
        Text(shown, style=WARN if batch.simulated else "bold"),
        "" if usage is None else percent(usage.cache_hits, 0),
        count(usage.thinking) if usage and usage.thinking else "",
        decimals(per_minute(batch, usage), 0) if usage else "",
    )


def in_full(batch: Batch, cost: int, usage: Usage | None, now: datetime) -> Text:
    """Return the batch under the cursor: what kind, at whose server, how long, how much money and how many tokens."""
    text = Text().append(f"batch {batch.id}", style="bold").append(f" · {_KINDS[batch.purpose]} ")
    text.append("one by one" if batch.way == "live" else "by batch", style=DIM).append(" · ")
    text.append_text(provenance(batch.teacher)).append(f" · {count(batch.request_count)} requests")
    seconds = took(batch, usage, now)
    if seconds is not None:
        text.append(f" · {'for' if batch.state == 'submitted' else 'took'} {duration(seconds)}")
    if rate := per_minute(batch, usage):
        text.append(f" · {rate:,.0f} a minute")
    text.append("\n")
    money = f"{dollars(cost)} {'simulated' if batch.simulated else 'paid'}"
    text.append(money, style=WARN if batch.simulated else "bold")
    if usage and usage.answers:
        whole = usage.tokens_in + usage.cache_write + usage.cache_read
        text.append(f" · {count(whole)} tokens in, {percent(usage.cache_hits, 0)} cached")
        text.append(f" · {count(usage.tokens_out)} out, {count(usage.thinking)} thinking")
    text.append("\n")
    if batch.error:
        return text.append(one_line(batch.error), style=_RED)
    remaining = left(batch, now)
    if remaining is not None:
        text.append(f"expires in {duration(remaining)}, {absolute(batch.expires_at)} · ")
    if batch.polled_at and batch.state == "submitted":
        text.append(f"last looked at {parse_time(batch.polled_at):%H:%M:%S} · ", style=DIM)
    return text.append(one_line(batch.remote_id or "the server has not confirmed it"), style=DIM)


def whole(found: Whole) -> Content:
    """Return what all answers came to, in one line: the share from the cache, thinking tokens, answers a minute."""
    if not found.usage.answers:
        return Content()
    parts = [f"all: {count(found.usage.answers)} answers", f"{percent(found.usage.cache_hits, 0)} cached"]
    if found.usage.thinking:
        parts.append(f"{count(found.usage.thinking)} thinking")
    if rate := found.per_minute:
        parts.append(f"{rate:,.0f} a minute")
    return Content(" · ".join(parts))


def took(batch: Batch, usage: Usage | None, now: datetime) -> float | None:
    """Return for how long a batch has been out, or was, in seconds; None where it was never sent."""
    began = batch.submitted_at or (batch.intended_at if batch.way == "live" else None)
    if began is None or batch.state == "failed":
        return None
    ended = batch.ended_at or (usage.last_at if usage and batch.state in CLOSED else None)
    return max(((parse_time(ended) if ended else now) - parse_time(began)).total_seconds(), 0.0)


def left(batch: Batch, now: datetime) -> float | None:
    """Return how many seconds a batch that is out has before the server gives it up; None where none count."""
    if batch.expires_at is None or batch.state != "submitted":
        return None
    return max((parse_time(batch.expires_at) - now).total_seconds(), 0.0)


def per_minute(batch: Batch, usage: Usage | None) -> float | None:
    """Return how many answers came in a minute, from sending to the last one; None without any."""
    began = batch.submitted_at or batch.intended_at
    until = batch.ended_at or (usage.last_at if usage else None)
    if usage is None or not usage.answers or until is None:
        return None
    seconds = (parse_time(until) - parse_time(began)).total_seconds()
    return usage.answers / seconds * 60 if seconds > 0 else None


def request_state(state: str) -> Text:
    """Return a request's state as a sign and a word."""
    sign, name = _REQUEST_STATES.get(state, ("?", one_line(state)))
    style = {"accepted": _GREEN, "rejected": WARN, "errored": _RED, "expired": _RED}.get(state, "")
    return Text(f"{sign} {name}", style=style)


def happened(found: Sequence[Happening], width: int) -> Text:
    """Return what happened, the newest first, a line each; a new day begins with its date."""
    if not found:
        return Text("Nothing was sent yet.", style=DIM)
    several = len({each.teacher for each in found}) > 1
    columns = "lllll" if several else "llll"
    rows: list[list[str | Text]] = []
    day = ""
    for each in found:
        if (today := absolute(each.at)[:10]) != day:
            day = today
            rows.append([Text(day[5:], style=DIM), *([""] * (len(columns) - 1))])
        rows.append(
            [
                Text(f"{parse_time(each.at):%H:%M:%S}", style=DIM),
                "" if each.batch_id is None else f"batch {each.batch_id}",
                Text(one_line(each.what), style=_RED if each.what in ("failed", "refused") else "bold"),
                *([provenance(each.teacher)] if several else []),
                Text(one_line(each.detail), style=DIM),
            ]
        )
    return table(rows, columns, gap=1, width=width)


def _counts(states: dict[str, int]) -> tuple[int, int, int, int]:
    """Return how many requests were accepted, rejected or given up, failed, and are out."""
    ok = states.get("accepted", 0)
    bad = states.get("rejected", 0) + states.get("discarded", 0)
    failed = sum(states.get(state, 0) for state in ("errored", "expired", "canceled"))
    return ok, bad, failed, states.get("submitted", 0) + states.get("planned", 0)


def _largest(seconds: float | None) -> str:
    """Return a length of time in its largest unit: ``3 m``."""
    return "" if seconds is None else " ".join(duration(seconds).split()[:2])
