"""Writes a dataset build as text: bands against the target, curriculum, proofs, profiles, one example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from screens.figures import facts, heading, ok_sign, percent, plural, share_bar, sparkline, table
from screens.render import DIM, WARN, ago, band_style, band_text, clean, count, one_line, provenance, score_text
from stratos_tui.records import BANDS
from stratos_tui.store.datasets import Dataset, DatasetRow

_BAR, _NARROW = 10, 6
_DIGITS = 16
"""Of a digest: enough to compare by eye."""
BOUNDARY = " the prompt ends here; only what follows is trained on "

Counts = Mapping[str, int]


def bands(build: Dataset, distances: Sequence[float], width: int) -> Text:
    """Return each band's share before and after rebalancing, against the target, with what that cost.

    Below stand the targets that could not be reached, and the course of the curriculum.
    """
    known: Mapping[str, Counts] = build.summary.get("bands", {})
    natural, train, held_out = (known.get(name, {}) for name in ("train_before", "train", "eval"))
    groups: Mapping[str, Mapping[str, Any]] = build.summary.get("shares", {})
    cost: Mapping[str, Counts] = build.summary.get("rebalance", {})
    shares = [_share(part, band) for part in (natural, train) for band in BANDS]
    widest = max([*shares, *(group["target"] for group in groups.values()), 0.01])
    rows: list[list[str | Text]] = []
    for band in BANDS:
        name = next((name for name in groups if band in name.split("+")), "")
        target = groups[name]["target"] if name else None
        mark = target / widest if target is not None and name == band else None
        rows.append(
            [
                band_text(band),
                percent(_share(natural, band)),
                share_bar(_share(natural, band) / widest, _NARROW, style=DIM),
                Text(percent(_share(train, band)), style="bold"),
                share_bar(_share(train, band) / widest, _BAR, target=mark, style=band_style(band)),
                _target(name, band, target),
                _cost(cost.get(band, {})),
                Text(count(train.get(band, 0)), style=DIM),
                percent(_share(held_out, band)),
            ]
        )
    head = ["", "natural", "", "trained", "", "target", "cost", "rows", "eval"]
    text = table(rows, "lrlrllrrr", head=head, gap=1, width=width, flex=2)
    short = [name for name, group in groups.items() if group.get("limited") and group["share"] < group["target"]]
    if short:
        text.append("\ntoo few pairs for the target: ", style=WARN).append(", ".join(map(one_line, short)))
        text.append(f", each {build.params.get('max_repeats', 1)} times at most", style=DIM)
    if distances:
        cells = max(min(width - 48, 40), 8)
        text.append("\ncurriculum ", style=DIM).append(sparkline(distances, cells), style="bold")
        text.append(f" far from 5.0 first: {distances[0] / 10:.1f} down to {distances[-1] / 10:.1f}", style=DIM)
    return text


def proofs(build: Dataset, now: datetime) -> Text:
    """Return what a build holds and what proves it: rows, what rebalancing cost, leaks, digests; then its profiles."""
    found = build.summary
    counts: Counts = found.get("counts", {})
    on: Counts = found.get("articles", {})
    contrast: Counts = found.get("contrast_pairs", {})
    deviations: Mapping[str, Mapping[str, float]] = found.get("deviations", {})
    leaks = found.get("leaks")
    leak_text = ok_sign(None if leaks is None else leaks == 0)
    leak_text.append("" if leaks is None else f" {plural(leaks, 'article')} on both sides", style="not bold")
    off = {name: max(map(abs, each.values()), default=0.0) for name, each in deviations.items()}
    items: list[tuple[str, str | Text]] = [
        ("teacher", provenance(build.teacher)),
        ("built", ago(build.created_at, now)),
        ("train", f"{plural(counts.get('train', 0), 'row')}, {plural(on.get('train', 0), 'article')}"),
        ("eval", f"{plural(counts.get('eval', 0), 'row')}, {plural(on.get('eval', 0), 'article')}"),
        ("dropped", plural(found.get("dropped", 0), "pair")),
        ("repeated", plural(found.get("repeated", 0), "row")),
        ("leaks", leak_text),
        ("eval is off", ", ".join(f"{one_line(name)} {percent(each)}" for name, each in off.items())),
        ("contrast", f"{plural(contrast.get('train', 0), 'pair')} train, {count(contrast.get('eval', 0))} eval"),
        ("digest", build.digest[:_DIGITS]),
        ("order", build.order_digest[:_DIGITS]),
        ("prompt", build.prompt_fingerprint[:_DIGITS]),
        *((one_line(str(name)), one_line(str(value))) for name, value in sorted(build.params.items())),
    ]
    profiles: Mapping[str, Counts] = found.get("profiles", {})
    return facts(items).append("\n\n").append_text(_profiles(profiles.get("train", {}), profiles.get("eval", {})))


def example(row: DatasetRow, width: int) -> Text:
    """Return one example: its place and score, the prompt, the boundary, the completion."""
    text = Text().append_text(score_text(row.tenths)).append(f"  {one_line(row.profile_id)}", style="bold")
    repeat = f" · repeat {row.repeat}" if row.repeat else ""
    text.append(f"\n{row.split} {count(row.position + 1)} · wording {row.wording}{repeat}\n\n", style=DIM)
    text.append(clean(row.prompt).rstrip("\n"), style=DIM).append("\n")
    rule = max(width - len(BOUNDARY), 0)
    text.append(f"{'─' * (rule // 2)}{BOUNDARY}{'─' * (rule - rule // 2)}\n", style=f"bold {WARN}")
    return text.append(clean(row.completion))


def _profiles(train: Counts, held_out: Counts) -> Text:
    most = max(train.values(), default=0) or 1
    rows: list[list[str | Text]] = [
        [name, count(number), share_bar(number / most, 6, style=DIM), count(held_out.get(name, 0))]
        for name, number in sorted(train.items(), key=lambda item: (-item[1], item[0]))
    ]
    return heading("profiles: train, eval").append("\n").append_text(table(rows, "lrlr", gap=1))


def _cost(quota: Counts) -> Text:
    dropped, repeated = quota.get("dropped", 0), quota.get("repeated", 0)
    parts = [*([f"−{count(dropped)}"] if dropped else []), *([f"+{count(repeated)}"] if repeated else [])]
    return Text(" ".join(parts), style=DIM)


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
