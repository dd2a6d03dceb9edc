"""Writes a build as text: bands against the target, curriculum, proofs, one example, its difference to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from screens.figures import facts, heading, ok_sign, percent, plural, share_bar, sparkline, table
from screens.render import DIM, WARN, ago, band_style, band_text, clean, count, one_line, provenance, score_text
from stratos_tui.records import BANDS
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.lengths import Lengths

if TYPE_CHECKING:
    from stratos_tui.dataset.compare import Difference
    from stratos_tui.dataset.rebalance import Cost

_BAR, _NARROW = 10, 6
_NAMED = 12
"""Pairs and articles of a list that are named."""
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


def proofs(build: Dataset, known: Sequence[Lengths], now: datetime, width: int) -> Text:
    """Return what a build holds and what proves it: rows, what rebalancing cost, leaks, lengths, digests.

    Below stand the leaks and the pairs set aside by name, how the hold-out deviates, and the profiles.
    """
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
        *_worth(found),
        *((f"tokens {one_line(each.tokenizer)}", _lengths(each)) for each in known),
        ("contrast", f"{plural(contrast.get('train', 0), 'pair')} train, {count(contrast.get('eval', 0))} eval"),
        ("digest", build.digest[:_DIGITS]),
        ("order", build.order_digest[:_DIGITS]),
        ("prompt", build.prompt_fingerprint[:_DIGITS]),
        *((one_line(str(name)), one_line(str(value))) for name, value in sorted(build.params.items())),
    ]
    profiles: Mapping[str, Counts] = found.get("profiles", {})
    text = facts(items)
    for part in (_leaks(found), _aside(found), _holdout(found, width)):
        if part:
            text.append("\n\n").append_text(part)
    return text.append("\n\n").append_text(_profiles(profiles.get("train", {}), profiles.get("eval", {})))


def cost_cells(cost: Cost) -> tuple[str | Text, ...]:
    """Return what a strategy would cost, for a line of a list: rows, what is dropped and repeated, worth, shares."""
    shares = "/".join(percent(share.share, 0).removesuffix(" %") for share in cost.shares.values())
    worth = f"{cost.effective:,.0f}"
    return cost.strategy, count(cost.rows), count(cost.dropped), count(cost.repeated), worth, f"{shares} %"


def difference(found: Difference, width: int) -> Text:
    """Return how the second of two builds differs from the first."""
    by = ", ".join(f"{count(number)} in {what}" for what, number in found.by.items() if number)
    text = facts(
        [
            ("added", plural(found.added.count, "pair")),
            ("removed", plural(found.removed.count, "pair")),
            ("changed", plural(found.changed.count, "pair") + (f": {by}" if by else "")),
            ("the same", plural(found.same_pairs, "pair")),
            ("order", "the same" if found.same_order else "differs"),
            *(
                (one_line(name), one_line(f"{before} → {after}".replace("None", "—")))
                for name, (before, after) in found.params.items()
            ),
        ]
    )
    rows: list[list[str | Text]] = [
        [split, band_text(band), percent(shares[0]), percent(shares[1])]
        for split, bands_of in found.shares.items()
        for band in BANDS
        for shares in [bands_of[band]]
        if any(shares)
    ]
    head = ["", "", f"build {found.first}", f"build {found.second}"]
    text.append("\n\n").append_text(table(rows, "llrr", head=head, gap=1, width=width, flex=1))
    for what, pairs in (("added", found.added), ("removed", found.removed), ("changed", found.changed)):
        if pairs.count:
            text.append("\n\n").append_text(heading(what))
            for article, profile, split in pairs.named[:_NAMED]:
                text.append(f"\n{one_line(article)} × {one_line(profile)} ").append(split, style=DIM)
            text.append_text(_more(pairs.count))
    return text


def example(row: DatasetRow, width: int) -> Text:
    """Return one example: its place and score, the prompt, the boundary, the completion."""
    text = Text().append_text(score_text(row.tenths)).append(f"  {one_line(row.profile_id)}", style="bold")
    repeat = f" · repeat {row.repeat}" if row.repeat else ""
    text.append(f"\n{row.split} {count(row.position + 1)} · wording {row.wording}{repeat}\n\n", style=DIM)
    text.append(clean(row.prompt).rstrip("\n"), style=DIM).append("\n")
    rule = max(width - len(BOUNDARY), 0)
    text.append(f"{'─' * (rule // 2)}{BOUNDARY}{'─' * (rule - rule // 2)}\n", style=f"bold {WARN}")
    return text.append(clean(row.completion))


def _worth(found: Mapping[str, Any]) -> list[tuple[str, str | Text]]:
    """Return what the rows are worth, and that weights need a trainer that reads them."""
    items: list[tuple[str, str | Text]] = []
    if effective := found.get("effective"):
        items.append(("worth", f"{effective:,.0f} different pairs"))
    if weights := found.get("weights"):
        known = ", ".join(f"{band} {weight:.3g}" for band, weight in weights["bands"].items())
        items.append(("weights", Text.assemble(one_line(known), (f" ({one_line(weights['note'])})", WARN))))
    if older := found.get("older"):
        items.append(("older rows", one_line(", ".join(f"{number:,} {what}" for what, number in older.items()))))
    return items


def _lengths(each: Lengths) -> str:
    return f"p50 {count(each.p50)}, p95 {count(each.p95)}, p99 {count(each.p99)}, longest {count(each.longest)}"


def _leaks(found: Mapping[str, Any]) -> Text:
    """Return every leak by name: a held-out article, and the one that is trained on."""
    leaks = found.get("leak_report") or []
    if not leaks:
        return Text()
    text = heading("leaks: held out, trained on")
    for leak in leaks[:_NAMED]:
        text.append(f"\n{one_line(leak['held_out'])} = {one_line(leak['trained'])} ")
        text.append(one_line(leak["kind"]), style=WARN)
    return text.append_text(_more(len(leaks)))


def _aside(found: Mapping[str, Any]) -> Text:
    """Return the pairs that are in no row, by reason."""
    text = Text()
    for why, aside in (found.get("set_aside") or {}).items():
        text.append("\n\n" if text else "")
        text.append_text(heading(f"set aside, {one_line(why).replace('_', '-')}: {plural(aside['count'], 'pair')}"))
        for pair in aside["pairs"][:_NAMED]:
            text.append(f"\n{one_line(pair['article'])} × {one_line(pair['profile'])} ")
            text.append(
                f"{pair['split']}" + (f", {count(pair['tokens'])} tokens" if "tokens" in pair else ""), style=DIM
            )
        text.append_text(_more(aside["count"]))
    return text


def _holdout(found: Mapping[str, Any], width: int) -> Text:
    """Return the shares of bands and profiles in training and held-out pairs, and what a balanced view rests on."""
    holdout: Mapping[str, Any] = found.get("holdout") or {}
    if not holdout:
        return Text()
    rows: list[list[str | Text]] = [
        [
            one_line(name),
            percent(shares["train"]),
            percent(shares["eval"]),
            f"{(shares['eval'] - shares['train']) * 100:+.1f}",
        ]
        for kind in ("bands", "profiles")
        for name, shares in holdout[kind].items()
    ]
    text = heading("hold-out against all training pairs").append("\n")
    text.append_text(table(rows, "lrrr", head=["", "train", "eval", "off"], gap=1, width=width, flex=0))
    worst, balanced = holdout["worst"], holdout["balanced"]
    text.append(f"\nmost: {one_line(worst['name'])} {worst['off'] * 100:+.1f} points", style=DIM)
    return text.append(f"\na balanced view is worth {balanced['effective']:,.0f} pairs", style=DIM)


def _more(number: int) -> Text:
    return Text(f"\nand {count(number - _NAMED)} more" if number > _NAMED else "", style=DIM)


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
