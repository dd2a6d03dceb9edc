"""Says in words what estimates, pilots and the noise floor found, for every door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratos_tui.text import table

if TYPE_CHECKING:
    from stratos_tui.distill.estimate import CostEstimate, Estimate
    from stratos_tui.distill.plan import Plan


def lines_of(
    planned: Plan, estimate: Estimate, counted_by: str, pilot_first: int, pilot: dict[str, Any] | None
) -> list[str]:
    """Return a priced plan as lines."""
    cost = estimate.cost
    kind = "simulated" if planned.teacher.simulated else "paid"
    lines = [
        f"{len(planned.to_send):,} requests to {planned.teacher.name} in {planned.batches:,} batches",
        f"estimate ${cost.expected:.2f} (${cost.low:.2f} to ${cost.high:.2f}), {kind}",
    ]
    if not planned.to_send:
        return lines
    tokens = estimate.tokens
    noise = "" if estimate.noise_share is None else f", {estimate.noise_share:.0%} noise by the rubric"
    lines += [
        "",
        f"each request: {tokens.system:,} tokens shared and cacheable + {tokens.profile:,.0f} of the profile"
        f" + {tokens.article:,.0f} of the article = {tokens.request:,.0f} in ({counted_by})",
        f"each answer: {_range(estimate.tokens_out)} tokens{noise}; thinking {_range(estimate.thinking)}"
        f" at effort {estimate.effort}",
        "",
        *table(
            ("model", "cached", "not cached"),
            [(each.model, _dollars(each.cached), _dollars(each.uncached)) for each in estimate.models],
        ),
        f"by prices of {' and '.join(sorted({each.price_date for each in estimate.models}))}, in batches",
        f"the plan says ${estimate.plan_says[0]:.2f} to ${estimate.plan_says[1]:.2f} for as many (docs/cost.md)",
    ]
    if pilot_first:
        lines.append(f"a pilot of {pilot_first} pairs goes first and measures this")
    if pilot:
        lines += ["", *pilot_lines(pilot)]
    return lines


def pilot_lines(pilot: dict[str, Any]) -> list[str]:
    """Return what a pilot measured as lines."""
    hits = "nothing was cacheable" if pilot["cache_hits"] is None else f"{pilot['cache_hits']:.0%} of it from the cache"
    cost = pilot["cost_estimate"]
    reasons = ", ".join(f"{count} {code}" for code, count in pilot["reasons"].items())
    return [
        f"pilot of {pilot['answers']:,}: {pilot['tokens_in']:,.0f} tokens in ({hits}), {pilot['tokens_out']:,.0f} out,"
        f" {pilot['thinking']:,.0f} of them thinking; ${pilot['cost']:.5f} each",
        f"{pilot['failed']:.0%} would be asked again{': ' + reasons if reasons else ''}",
        f"{pilot['pairs']:,} pairs by it: ${cost['expected']:.2f} (95 %: ${cost['low']:.2f} to ${cost['high']:.2f})",
    ]


def noise_lines(found: dict[str, Any]) -> list[str]:
    """Return the noise floor as lines."""
    shown = [
        ("MAE in points", "mae", "{:.2f}"),
        ("Spearman ρ", "spearman", "{:.2f}"),
        ("PSR", "psr", "{:.0%}"),
    ]
    lines = [f"{found['teacher']} against itself, {found['n']:,} pairs, {found['same']:.0%} with the same score"]
    for name, key, form in shown:
        value, interval = found[key], found["intervals"].get(key)
        if value is None:
            lines.append(f"{name}: not measured")
            continue
        within = f" (95 %: {form.format(interval[0])} to {form.format(interval[1])})" if interval else ""
        lines.append(f"{name}: {form.format(value)}{within}")
    if found["parse_failures"]:
        lines.append(f"{found['parse_failures']:,} second answers have no score")
    return lines


def _range(values: tuple[float, float, float]) -> str:
    low, middle, high = values
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"


def _dollars(cost: CostEstimate) -> str:
    return f"${cost.expected:,.2f} (${cost.low:,.2f} to ${cost.high:,.2f})"
