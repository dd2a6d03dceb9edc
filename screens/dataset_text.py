"""Writes a dataset build as text: bands against the target, curriculum, proofs, profiles, one example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from screens.figures import facts, heading, ok_sign, percent, plural, share_bar, sparkline, table
from screens.render import DIM, WARN, ago, band_style, band_text, clean, count, one_line, provenance, score_text
from stratos_tui.records import BANDS
from stratos_tui.store.datasets import Dataset, DatasetRow

_BAR = 10
_DIGITS = 16
"""Of a digest: enough to compare by eye."""
BOUNDARY = " the prompt ends here; only what follows is trained on "

Counts = Mapping[str, int]


def bands(build: Dataset, distances: Sequence[float], width: int) -> Text:
    """Return each band's share before and after rebalancing against the target, and the course of the curriculum."""
    known: Mapping[str, Counts] = build.summary.get("bands", {})
    natural, train, held_out = (known.get(name, {}) for name in ("pairs", "train", "eval"))
    targets: Mapping[str, float] = build.summary.get("target", {})
    shares = [_share(part, band) for part in (natural, train) for band in BANDS]
    widest = max([*shares, *targets.values(), 0.01])
    rows: list[list[str | Text]] = []
    for band in BANDS:
        group = next((name for name in targets if band in name.split("+")), "")
        alone = group == band
        target = targets.get(group)
        mark = target / widest if target is not None and alone else None
        rows.append(
            [
                band_text(band),
                f"{percent(_share(natural, band))}",
                share_bar(_share(natural, band) / widest, _BAR, style=DIM),
                Text(percent(_share(train, band)), style="bold"),
                share_bar(_share(train, band) / widest, _BAR, target=mark, style=band_style(band)),
                _target(group, band, target),
                percent(_share(held_out, band)),
                Text(count(train.get(band, 0)), style=DIM),
            ]
        )
    head = ["", "natural", "", "trained", "", "target", "eval", "rows"]
    text = table(rows, "lrlrllrr", head=head, gap=1, width=width, flex=2)
    if distances:
        cells = max(min(width - 48, 40), 8)
        text.append("\ncurriculum ", style=DIM).append(sparkline(distances, cells), style="bold")
        text.append(f" far from 5.0 first: {distances[0] / 10:.1f} down to {distances[-1] / 10:.1f}", style=DIM)
    return text


def proofs(build: Dataset, now: datetime) -> Text:
    """Return what a build holds and what proves it: rows, what rebalancing cost, leaks, digests; then its profiles."""
    found = build.summary
    known: Mapping[str, Counts] = found.get("bands", {})
    train, held_out = (sum(known.get(name, {}).values()) for name in ("train", "eval"))
    on: Counts = found.get("articles", {})
    leaks = found.get("leaks")
    deviation: Mapping[str, float] = found.get("deviation", {})
    leak_text = ok_sign(None if leaks is None else leaks == 0)
    leak_text.append("" if leaks is None else f" {count(leaks)} articles on both sides", style="not bold")
    items: list[tuple[str, str | Text]] = [
        ("teacher", provenance(build.teacher)),
        ("built", ago(build.created_at, now)),
        ("train", f"{plural(train, 'row')}, {plural(on.get('train', 0), 'article')}"),
        ("eval", f"{plural(held_out, 'row')}, {plural(on.get('eval', 0), 'article')}"),
        ("dropped", plural(found.get("dropped", 0), "pair")),
        ("repeated", plural(found.get("repeated", 0), "row")),
        ("off target", f"{percent(deviation.get('target'))} train · {percent(deviation.get('eval'))} eval"),
        ("leaks", leak_text),
        ("contrast", f"{plural(found.get('contrast_pairs', 0), 'pair')} held out"),
        ("digest", build.digest[:_DIGITS]),
        ("order", build.order_digest[:_DIGITS]),
        ("prompt", build.prompt_fingerprint[:_DIGITS]),
        *((one_line(str(name)), one_line(str(value))) for name, value in sorted(build.params.items())),
    ]
    return facts(items).append("\n\n").append_text(_profiles(found.get("per_profile", {})))


def example(row: DatasetRow, width: int) -> Text:
    """Return one example: its place and score, the prompt, the boundary, the completion."""
    text = Text().append_text(score_text(row.tenths)).append(f"  {one_line(row.profile_id)}", style="bold")
    repeat = f" · repeat {row.repeat}" if row.repeat else ""
    text.append(f"\n{row.split} {count(row.position + 1)} · wording {row.wording}{repeat}\n\n", style=DIM)
    text.append(clean(row.prompt).rstrip("\n"), style=DIM).append("\n")
    rule = max(width - len(BOUNDARY), 0)
    text.append(f"{'─' * (rule // 2)}{BOUNDARY}{'─' * (rule - rule // 2)}\n", style=f"bold {WARN}")
    return text.append(clean(row.completion))


def _profiles(found: Mapping[str, Counts]) -> Text:
    most = max((counts.get("train", 0) for counts in found.values()), default=0) or 1
    rows: list[list[str | Text]] = [
        [
            name,
            count(counts.get("train", 0)),
            share_bar(counts.get("train", 0) / most, 6, style=DIM),
            count(counts.get("eval", 0)),
        ]
        for name, counts in sorted(found.items(), key=lambda item: -item[1].get("train", 0))
    ]
    return heading("profiles: train, eval").append("\n").append_text(table(rows, "lrlr", gap=1))


def _share(part: Counts, band: str) -> float:
    whole = sum(part.values())
    return part.get(band, 0) / whole if whole else 0.0


def _target(group: str, band: str, target: float | None) -> str:
    """Return a band's target; bands that share one stand in a bracket, and it is written beside the last."""
    if target is None:
        return "—"
    members = group.split("+")
    if len(members) == 1:
        return percent(target, 0)
    return f"┘ {percent(target, 0)}" if band == members[-1] else "┐"
