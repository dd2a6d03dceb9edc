"""How values look: scores, provenance, times, counts, money, and text from outside made harmless.

Everything that came from outside (titles, feeds, model output, file names, error texts that quote them) passes through
:func:`clean`, :func:`one_line` or :func:`literal` before a widget sees it. They return plain ``str`` or literal
:class:`rich.text.Text`, never markup. Give a widget a ``Text``, or construct it with ``markup=False``: a bare ``str``
given to ``Static``, ``notify``, a border title or a tooltip is parsed as markup.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from rich.style import Style
from rich.text import Text

from stratos_tui.prism.bands import BAND_SIGNS, band_of, bar, points
from stratos_tui.records import Band

# mid tones: at least 3:1 against the dark and the light background, so one set serves every theme
BAND_COLOURS: dict[Band, str] = {
    "noise": "#858d98",
    "low": "#4a90d9",
    "moderate": "#bd8f10",
    "high": "#2f9e5b",
    "critical": "#d6408f",
}
DIM = "#858d98"
WARN = "#d9822b"

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(value: str) -> str:
    """Return text with nothing left that a terminal could obey: control characters become visible pictures.

    Newlines stay, tabs become spaces; direction overrides, C1 controls and lone surrogates become ``�``.
    """
    return _UNSAFE.sub(_picture, value.replace("\r\n", "\n").expandtabs(4))


def one_line(value: str) -> str:
    """Return :func:`clean` text on one line: runs of white space become one space."""
    return " ".join(clean(value).split())


def literal(value: str, style: str | Style = "") -> Text:
    """Return text from outside as a literal ``Text``: brackets and escapes show as themselves."""
    return Text(clean(value), style=style)


@lru_cache(maxsize=512)
def band_style(band: Band) -> Style:
    """Return the colour of a band."""
    return Style(color=BAND_COLOURS[band])


def score_text(tenths: int | None, *, cells: int = 10) -> Text:
    """Return a score as a number, a sign and a bar: ``9.5 ● █████████▌``, in its band's colour.

    ``tenths`` is None where no score could be parsed. ``cells=0`` leaves the bar out.
    """
    if tenths is None:
        return Text("  — ✗".ljust(6 + cells + (cells > 0)), style=DIM)
    band = band_of(tenths)
    tail = f" {bar(tenths, cells)}" if cells else ""
    return Text(f"{points(tenths):>4} {BAND_SIGNS[band]}{tail}", style=band_style(band))


def band_text(band: Band) -> Text:
    """Return a band as its sign and name in its colour."""
    return Text(f"{BAND_SIGNS[band]} {band}", style=band_style(band))


def provenance(source: str) -> Text:
    """Return who made a score or a trace: ``rehearsal``, ``rubric``, ``claude-opus-5-5``, ``run 7``.

    Takes a teacher or scorer name (``claude:MODEL``, ``student:RUN``, ``hf:PATH``…). A rehearsal stands out, so that
    it is never mistaken for the real thing.
    """
    kind, _, rest = one_line(source).partition(":")
    if kind in ("rehearsal", "rubric"):
        return Text(kind if not rest else f"{kind} {rest}", style=f"bold {WARN}" if kind == "rehearsal" else "italic")
    if kind == "student" and rest:
        return Text(f"run {rest}", style="italic")
    if kind == "claude" and rest:
        return Text(rest, style="italic")
    return Text(one_line(source), style="italic")


def count(number: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{number:,}"


def share(fraction: float, places: int = 1) -> str:
    """Return a fraction from 0 to 1 as per cent."""
    return f"{fraction * 100:.{places}f} %"


def dollars(nanodollars: int) -> str:
    """Return money held in integer nanodollars as dollars and cents; below a cent with four places."""
    amount = nanodollars / 1e9
    return f"${amount:,.4f}" if 0 < abs(amount) < 0.01 else f"${amount:,.2f}"


def meter(done: float, total: float, cells: int = 10) -> str:
    """Return progress as a bar of ``cells`` cells: ``━━━━╸─────``."""
    filled = 0.0 if total <= 0 else min(max(done / total, 0.0), 1.0) * cells
    whole = int(filled)
    half = "╸" if filled - whole >= 0.5 else ""
    return ("━" * whole + half).ljust(cells, "─")


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: ``41 s``, ``14 m``, ``2 h 05 m``, ``3 d 4 h``."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} m {rest:02d} s" if minutes < 10 else f"{minutes} m"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def parse_time(stamp: str) -> datetime:
    """Return a time as the store writes it (ISO 8601, UTC) as an aware datetime."""
    moment = datetime.fromisoformat(stamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def ago(stamp: str | None, now: datetime) -> str:
    """Return how long ago a stored time was: ``now``, ``41 s ago``, ``3 h 20 m ago``; empty for None."""
    if not stamp:
        return ""
    seconds = (now - parse_time(stamp)).total_seconds()
    return "now" if seconds < 1 else f"{duration(seconds)} ago"


def absolute(stamp: str | None) -> str:
    """Return a stored time as day and time, UTC: ``2026-11-12 14:02 UTC``; empty for None."""
    return f"{parse_time(stamp).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if stamp else ""


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return " " if code in (0x2028, 0x2029) else "\N{REPLACEMENT CHARACTER}"
