"""Writes an evaluation's result as text: verdict, criteria, trivial scorers, bands, profiles, what it cannot do.

A result is the JSON object that ``stratos evaluate --json`` prints; what an older or partial one lacks is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.style import Style
from rich.text import Text

from screens.figures import decimals, ok_sign, percent, plural, share_bar, table
from screens.render import DIM, WARN, band_style, band_text, count, one_line, provenance
from stratos_tui.prism.bands import BAND_SIGNS
from stratos_tui.records import BANDS
from stratos_tui.store.evaluations import Evaluation

CLASS_STYLES = {
    "stretch": "bold #2f9e5b",
    "success": "bold #2f9e5b",
    "partial": "bold #bd8f10",
    "failure": "bold #d65d5d",
}
CLASS_SIGNS = {"stretch": "★", "success": "✓", "partial": "◐", "failure": "✗"}
_SHARES = ("psr", "traces")
"""Criteria whose values are shares from 0 to 1; the others are points."""

_ROOMY = 100
"""Cells from which on a criterion shows its interval and its note."""

Result = Mapping[str, Any]


def headline(evaluation: Evaluation) -> Text:
    """Return the verdict in one sentence with its class and marks, and what was measured on what."""
    result = evaluation.result
    verdict = result.get("verdict", {})
    name = one_line(str(verdict.get("class", evaluation.verdict)))
    marks = [one_line(str(mark)) for mark in verdict.get("marks", [])]
    text = Text().append(f"{CLASS_SIGNS.get(name, '·')} {name.upper()}", style=CLASS_STYLES.get(name, "bold"))
    for mark in marks:
        text.append("  ").append(f" {mark} ", style=f"bold reverse {WARN}")
    text.append("  ").append_text(provenance(evaluation.scorer))
    pairs, failed = result.get("n", 0), result.get("parse_failures", 0)
    on = f" on dataset {evaluation.dataset_id}" if evaluation.dataset_id is not None else ""
    text.append(f"{on} · {plural(pairs, 'pair')}, {count(failed)} unreadable\n", style=DIM)
    # the class and the marks stand above already
    statement = one_line(str(verdict.get("statement", "")))
    return text.append(statement.removeprefix(name).removeprefix(f" ({', '.join(marks)})").removeprefix(": "))


def criteria(result: Result, width: int) -> Text:
    """Return every criterion with its value, interval and threshold, beside the best trivial scorer."""
    rows: list[list[str | Text]] = []
    roomy = width >= _ROOMY
    for each in result.get("verdict", {}).get("criteria", []):
        name = one_line(str(each.get("name", "")))
        ok, best, interval = each.get("ok"), each.get("best_trivial"), each.get("interval")
        as_share = name.lower().startswith(_SHARES)
        shown = percent if as_share else decimals
        # no score at all is an answer of sorts: not met, and nothing to show for it
        missing = "not measured" if ok is None else "—"
        value = Text(missing, style=DIM) if each.get("value") is None else shown(each["value"])
        row: list[str | Text] = [
            ok_sign(ok),
            Text(name, style="" if each.get("level") == "success" else DIM),
            value,
            _threshold(one_line(str(each.get("threshold", ""))), as_share),
            "" if best is None else shown(best),
        ]
        if roomy:
            note = one_line(str(each.get("note", ""))).removeprefix("not measured").lstrip(": ")
            low_high = f"{shown(interval[0])} – {shown(interval[1])}".replace(" %", "") if interval else ""
            row[3:3] = [Text(low_high, style=DIM)]
            row.append(Text(note, style=DIM))
        rows.append(row)
    if roomy:
        head = ["", "criterion", "value", "95 % interval", "needs", "best trivial", "note"]
        return table(rows, "llrrlrl", head=head, width=width)
    return table(rows, "llrlr", head=["", "criterion", "value", "needs", "trivial"], gap=1, width=width, flex=1)


def baselines(result: Result, width: int) -> Text:
    """Return the scorer's measures above those of each trivial scorer; one that wrote the labels is marked."""
    rows: list[list[str | Text]] = [[Text("this scorer", style="bold"), *_measures(result)]]
    notes: list[str] = []
    for name, measured in result.get("baselines", {}).items():
        marks = [one_line(str(mark)) for mark in measured.get("marks", [])]
        sign = "".join("†" if mark == "is the teacher" else "‡" for mark in marks)
        style = DIM if marks else ""
        rows.append([Text(one_line(name) + sign, style=style), *(Text(m, style=style) for m in _measures(measured))])
        notes += [f"{sign} {mark}: not compared" for mark in marks]
    text = table(rows, "lrrrr", head=["", "MAE", "macro", "PSR", "ρ"], width=width, flex=0)
    for note in dict.fromkeys(notes):
        text.append(f"\n{note}", style=DIM)
    return text.append("\n\n").append_text(_also_measured(result, width))


def bands_and_profiles(result: Result, width: int) -> Text:
    """Return each band's error beside the grid of bands, then each profile's error, the worst first."""
    grid: Mapping[str, Mapping[str, int]] = result.get("confusion") or {}
    errors: Mapping[str, float | None] = result.get("per_band") or {}
    counts: Mapping[str, int] = result.get("band_counts") or {}
    rows: list[list[str | Text]] = []
    for band in BANDS:
        row = grid.get(band, {})
        cells: list[str | Text] = [
            Text(count(row.get(column, 0)) if row.get(column) else "·", style=_cell_style(band, column, row))
            for column in ([*BANDS, "failed"] if grid else [])
        ]
        total = sum(row.values()) or counts.get(band, 0)
        rows.append([band_text(band), decimals(errors.get(band)), *cells, Text(count(total), style=DIM)])
    signs = [*(BAND_SIGNS[band] for band in BANDS), "✗"] if grid else []
    head = ["teacher's", "MAE", *signs, "n"]
    text = table(rows, "lr" + "r" * (len(signs) + 1), head=head, gap=1, width=width, flex=0)
    kinds: Mapping[str, Mapping[str, Any]] = result.get("per_kind") or {}
    text.append("\n\n").append("MAE", style="bold")
    for kind, measured in kinds.items():
        text.append(f"  {one_line(kind)} {decimals(measured.get('mae'))}", style=DIM)
    return text.append("\n").append_text(_profiles(result, width))


def cannot(result: Result) -> Text:
    """Return what the scorer cannot do, one point after the other."""
    points = [one_line(str(point)) for point in result.get("verdict", {}).get("cannot", [])]
    if not points:
        return Text("Nothing that was measured is beyond it.", style=DIM)
    return Text("\n").join(Text.assemble(("✗ ", "#d65d5d"), point) for point in points)


def _profiles(result: Result, width: int) -> Text:
    found: Mapping[str, Mapping[str, Any]] = result.get("per_profile") or {}
    ordered = sorted(found.items(), key=lambda item: -(item[1].get("mae") or 0))
    worst = max((measured.get("mae") or 0 for _, measured in ordered), default=0) or 1
    rows: list[list[str | Text]] = [
        [name, decimals(measured.get("mae")), share_bar((measured.get("mae") or 0) / worst, 6, style=DIM)]
        for name, measured in ordered
    ]
    return table(rows, "lrl", gap=1, width=width, flex=0)


def _also_measured(result: Result, width: int) -> Text:
    found, repeats = result.get("format"), result.get("repetition") or {}
    gaps = result.get("profile_gaps") or {}
    spread = percent(result.get("rival_psr"))
    measured = {
        "same side of 5.0 · within 1 · within 2": " · ".join(
            percent(result.get(name), 0) for name in ("direction", "within_1", "within_2")
        ),
        "in the plan's format": percent(found.get("share")) if found else "—",
        "traces that loop or copy": percent(repeats.get("share")),
        **{f"profile gap, {name}": decimals(gap) for name, gap in gaps.items()},
        "articles spread by > 2.0 (teacher's)": f"{spread} ({percent(result.get('rival_psr_teacher'))})",
        "MAE on training articles": decimals((result.get("memorization") or {}).get("mae_train")),
    }
    known = [(Text(one_line(name), style=DIM), value) for name, value in measured.items() if not value.startswith("—")]
    return table(known, "lr", gap=1, width=width, flex=0)


def _cell_style(band: str, column: str, row: Mapping[str, int]) -> Style | str:
    if not row.get(column):
        return DIM
    return band_style(band) + Style(bold=True) if column == band else ""


def _measures(measured: Result) -> list[str]:
    return [
        decimals(measured.get("mae")),
        decimals(measured.get("macro_mae")),
        percent(measured.get("psr")),
        decimals(measured.get("spearman")),
    ]


def _threshold(text: str, as_share: bool) -> str:
    """Return a threshold as it is read; shares from 0 to 1 become per cent, as the values beside them."""
    text = text.replace("<=", "≤").replace(">=", "≥")
    sign, _, number = text.partition(" ")
    if not as_share:
        return text
    try:
        return f"{sign} {float(number) * 100:g} %"
    except ValueError:
        return text
