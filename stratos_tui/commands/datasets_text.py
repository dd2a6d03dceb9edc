"""What ``stratos dataset`` tells a person: a build, a cost before it, lengths, and how two builds differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from stratos_tui.commands.door import table

if TYPE_CHECKING:
    from stratos_tui.dataset.compare import Difference
    from stratos_tui.dataset.rebalance import Cost
    from stratos_tui.store.lengths import Lengths


def build_lines(document: dict[str, Any]) -> list[str]:
    """Return a build: bands, what rebalancing cost, the hold-out's deviation, leaks and what was set aside."""
    bands = document["bands"]
    splits = list(bands)
    rows = [(name, *(f"{bands[split][name]:,}" for split in splits)) for name in bands["train"]]
    lines = [
        f"dataset {document['id']} by {document['teacher']}, digest {document['digest']}",
        f"order digest {document['order_digest']}",
        *table(("band", *splits), rows),
        f"{document['dropped']:,} pairs left out, {document['repeated']:,} repeats; "
        f"{document['leaks']:,} articles in both splits",
    ]
    # builds of an earlier version have none of these
    if effective := document.get("effective"):
        lines[-1] += f"; worth {effective:,.0f} different pairs of equal weight"
    if worst := document.get("holdout", {}).get("worst"):
        lines.append(f"held out and trained differ most in {worst['name']}: {worst['off'] * 100:+.1f} points")
    lines += [
        f"leak ({leak['kind']}): held-out {leak['held_out']} is trained on as {leak['trained']}"
        for leak in document.get("leak_report", [])
    ]
    for why, aside in document.get("set_aside", {}).items():
        first = ", ".join(f"{each['article']} × {each['profile']}" for each in aside["pairs"][:3])
        lines.append(f"{aside['count']:,} set aside ({why.replace('_', '-')}): {first}{_more(aside['count'], 3)}")
    if older := document.get("older"):
        lines.append("older rows: " + ", ".join(f"{count:,} {what}" for what, count in older.items()))
    if weights := document.get("weights"):
        lines.append(f"weights: {', '.join(f'{band} {weight:.3g}' for band, weight in weights['bands'].items())}")
        lines.append(weights["note"])
    return lines


def cost_lines(cost: Cost) -> list[str]:
    """Return what a strategy would cost, band by band."""
    rows = [
        (band, f"{each.available:,}", f"{each.dropped:,}", f"{each.repeated:,}", f"{each.rows:,}", f"{each.weight:.3g}")
        for band, each in cost.bands.items()
    ]
    shares = (
        f"{name} {share.share * 100:.1f} % of {share.target * 100:.0f} %{' (at its cap)' if share.limited else ''}"
        for name, share in cost.shares.items()
    )
    return [
        f"strategy {cost.strategy}: {cost.rows:,} rows worth {cost.effective:,.0f} different pairs of equal weight;"
        " nothing was built",
        *table(("band", "available", "dropped", "repeated", "rows", "weight"), rows),
        ", ".join(shares),
    ]


def length_lines(known: Iterable[Lengths]) -> list[str]:
    """Return how long rows are, a line a tokenizer."""
    return [
        f"tokens by {each.tokenizer}: p50 {each.p50:,}, p95 {each.p95:,}, p99 {each.p99:,},"
        f" longest {each.longest:,} ({each.longest_at[0]} {each.longest_at[1] + 1:,})"
        for each in known
    ]


def difference_lines(found: Difference) -> list[str]:
    """Return how the second of two builds differs from the first."""
    by = ", ".join(f"{count:,} in {what}" for what, count in found.by.items() if count)
    rows = [
        (split, band, *(f"{share * 100:.1f} %" for share in shares))
        for split, bands in found.shares.items()
        for band, shares in bands.items()
    ]
    lines = [
        f"build {found.second} against {found.first}: {found.added.count:,} pairs added, {found.removed.count:,}"
        f" removed, {found.changed.count:,} changed{f' ({by})' if by else ''}, {found.same_pairs:,} the same",
        f"order {_same(found.same_order)}, content {_same(found.same_content)}",
        *table(("split", "band", f"build {found.first}", f"build {found.second}"), rows),
    ]
    lines += [f"{name}: {before!s} → {after!s}" for name, (before, after) in found.params.items()]
    for what, pairs in (("added", found.added), ("removed", found.removed), ("changed", found.changed)):
        if pairs.count:
            first = ", ".join(f"{article} × {profile} ({split})" for article, profile, split in pairs.named[:3])
            lines.append(f"{what}: {first}{_more(pairs.count, 3)}")
    return lines


def _same(same: bool) -> str:
    return "the same" if same else "differs"


def _more(count: int, shown: int) -> str:
    return f" and {count - shown:,} more" if count > shown else ""
