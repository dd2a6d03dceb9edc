"""The verdict: success, partial, failure or stretch, by the thresholds of the plan's section 11 and decisions.md.

A criterion that could not be measured is never taken as met, so the verdict is then partial at best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stratos_tui.evaluation.baselines import Baseline
from stratos_tui.evaluation.intervals import Interval
from stratos_tui.evaluation.loops import TOLERATED_SHARE, Repetition
from stratos_tui.evaluation.metrics import Metrics
from stratos_tui.evaluation.sanity import Check
from stratos_tui.records import BANDS

Class = Literal["stretch", "success", "partial", "failure"]
Level = Literal["success", "stretch"]

SUCCESS_PSR, FAILURE_PSR, STRETCH_PSR = 0.60, 0.40, 0.80
SUCCESS_MAE, FAILURE_MAE, STRETCH_MAE = 2.5, 4.0, 1.5
STRETCH_SPEARMAN = 0.80
REHEARSAL = "rehearsal"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the verdict. ``ok`` is None where it was not measured; ``level`` is what it is needed for."""

    name: str
    level: Level
    value: float | None
    interval: Interval | None
    threshold: str
    ok: bool | None
    best_trivial: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The class, what it rests on, and in words what the scorer cannot do."""

    name: Class
    criteria: tuple[Criterion, ...]
    marks: tuple[str, ...]
    statement: str
    cannot: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict is decided on. ``formatted`` is the share of completions in the plan's format, where known."""

    metrics: Metrics
    intervals: Mapping[str, Interval | None]
    baselines: Sequence[Baseline]
    apart: Check
    space: Check
    kinds: Check
    repetition: Repetition
    formatted: float | None = None
    marks: tuple[str, ...] = ()


def decide(evidence: Evidence) -> Verdict:
    """Decide the class from the criteria; thresholds are strict, so a PSR of exactly 60 % is not a success."""
    criteria = _criteria(evidence)
    needed = [criterion for criterion in criteria if criterion.level == "success"]
    name: Class = "partial"
    if _failed(evidence):
        name = "failure"
    elif all(criterion.ok for criterion in needed):
        name = "stretch" if all(criterion.ok for criterion in criteria) else "success"
    return Verdict(name, criteria, evidence.marks, _statement(name, needed, evidence), _cannot(evidence))


def _failed(evidence: Evidence) -> bool:
    psr, mae = evidence.metrics.psr, evidence.metrics.mae
    repeats = evidence.repetition.share
    return (
        (psr is not None and psr < FAILURE_PSR)
        or (mae is not None and mae > FAILURE_MAE)
        or (repeats is not None and repeats > TOLERATED_SHARE)
    )


def _criteria(evidence: Evidence) -> tuple[Criterion, ...]:
    metrics, repeats = evidence.metrics, evidence.repetition
    rivals = [baseline for baseline in evidence.baselines if baseline.compared]
    best_psr = max((m for b in rivals if (m := b.metrics.psr) is not None), default=None)
    best_mae = min((m for b in rivals if (m := b.metrics.mae) is not None), default=None)
    best_macro = min((m for b in rivals if (m := b.metrics.macro_mae) is not None), default=None)
    best_rho = max((m for b in rivals if (m := b.metrics.spearman) is not None), default=None)

    def over(name: str, level: Level, value: float | None, limit: float, best: float | None, measure: str) -> Criterion:
        ok = None if value is None else value > limit
        interval = evidence.intervals.get(measure)
        return Criterion(name, level, value, interval, f"> {limit:g}", ok, best, _unmeasured(ok))

    def under(name: str, level: Level, value: float | None, limit: float, best: float | None) -> Criterion:
        ok = None if value is None else value < limit
        return Criterion(name, level, value, evidence.intervals.get("mae"), f"< {limit:g}", ok, best, _unmeasured(ok))

    def check(name: str, found: Check, threshold: str) -> Criterion:
        note = f"{NOT_MEASURED}: {found.note}" if found.ok is None else found.note
        return Criterion(name, "success", found.value, None, threshold, found.ok, None, note)

    beats_macro = None if metrics.macro_mae is None or best_macro is None else metrics.macro_mae < best_macro
    beats_psr = None if metrics.psr is None or best_psr is None else metrics.psr > best_psr
    share = repeats.share
    return (
        over("psr", "success", metrics.psr, SUCCESS_PSR, best_psr, "psr"),
        under("mae", "success", metrics.mae, SUCCESS_MAE, best_mae),
        check("profiles apart", evidence.apart, "> 3 points"),
        check("JWST article", evidence.space, "> 7"),
        check("interest near career", evidence.kinds, "<= 1 point of MAE"),
        Criterion(
            "macro-MAE beats trivial scorers",
            "success",
            metrics.macro_mae,
            evidence.intervals.get("macro_mae"),
            _against("<", best_macro),
            beats_macro,
            best_macro,
            _unmeasured(beats_macro),
        ),
        Criterion(
            "PSR beats trivial scorers",
            "success",
            metrics.psr,
            evidence.intervals.get("psr"),
            _against(">", best_psr),
            beats_psr,
            best_psr,
            _unmeasured(beats_psr),
        ),
        Criterion(
            "traces do not loop or copy",
            "success",
            share,
            None,
            f"<= {TOLERATED_SHARE:g}",
            None if share is None else share <= TOLERATED_SHARE,
            None,
            f"{NOT_MEASURED}: no traces" if share is None else _repetition_note(repeats),
        ),
        over("psr (stretch)", "stretch", metrics.psr, STRETCH_PSR, best_psr, "psr"),
        under("mae (stretch)", "stretch", metrics.mae, STRETCH_MAE, best_mae),
        over("spearman (stretch)", "stretch", metrics.spearman, STRETCH_SPEARMAN, best_rho, "spearman"),
    )


def _statement(name: Class, needed: Sequence[Criterion], evidence: Evidence) -> str:
    marked = f" ({', '.join(evidence.marks)})" if evidence.marks else ""
    metrics = evidence.metrics
    psr = NOT_MEASURED if metrics.psr is None else f"{metrics.psr:.1%} of {metrics.contrast_pairs:,} contrast pairs"
    parsed = metrics.n - metrics.parse_failures
    mae = NOT_MEASURED if metrics.mae is None else f"{metrics.mae:.2f} over {parsed:,} pairs"
    parts = [f"{name}{marked}: PSR {psr} (success needs over 60 %), MAE {mae} (needs under 2.5)"]
    missed = [criterion.name for criterion in needed if criterion.ok is False]
    unknown = [criterion.name for criterion in needed if criterion.ok is None]
    if missed:
        parts.append(f"not met: {', '.join(missed)}")
    if unknown:
        parts.append(f"{NOT_MEASURED}: {', '.join(unknown)}")
    return "; ".join(parts) + "."


def _cannot(evidence: Evidence) -> tuple[str, ...]:
    metrics = evidence.metrics
    found: list[str] = []
    if metrics.parse_failures:
        found.append(f"It gives no readable score for {metrics.parse_failures:,} of {metrics.n:,} pairs.")
    if evidence.formatted is not None and evidence.formatted < 1:
        found.append(f"{1 - evidence.formatted:.1%} of its completions break the format.")
    if metrics.psr is not None and metrics.psr <= SUCCESS_PSR:
        found.append(f"It does not tell profiles apart in {1 - metrics.psr:.1%} of contrast pairs.")
    for band in BANDS:
        error = metrics.per_band[band]
        if error is not None and error >= SUCCESS_MAE:
            pairs = f"{metrics.band_counts[band]:,} pair{'s' if metrics.band_counts[band] != 1 else ''}"
            found.append(f"It misses {band} scores by {error:.1f} points on average ({pairs}).")
    rivals = [baseline for baseline in evidence.baselines if baseline.compared]
    if lost := [f"{rival.name} ({text})" for rival in rivals if (text := _lost(metrics, rival))]:
        found.append(f"It does not beat {', '.join(lost)}.")
    if evidence.apart.ok is False:
        found.append(f"It does not set kuwait_cpeg and texas_nurse apart ({evidence.apart.note}).")
    if evidence.space.ok is False:
        found.append(f"It does not give portland_retired_space its JWST article ({evidence.space.note}).")
    if evidence.kinds.ok is False:
        found.append(f"It serves one kind of profile worse: MAE {evidence.kinds.note}.")
    share = evidence.repetition.share
    if share:
        found.append(f"{share:.1%} of its traces repeat themselves or copy the article.")
    return tuple(found)


def _lost(metrics: Metrics, baseline: Baseline) -> str:
    other = baseline.metrics
    lost: list[str] = []
    if metrics.macro_mae is not None and other.macro_mae is not None and metrics.macro_mae >= other.macro_mae:
        lost.append(f"macro-MAE {metrics.macro_mae:.2f} against {other.macro_mae:.2f}")
    if metrics.psr is not None and other.psr is not None and metrics.psr <= other.psr:
        lost.append(f"PSR {metrics.psr:.1%} against {other.psr:.1%}")
    return ", ".join(lost)


def _repetition_note(found: Repetition) -> str:
    copying = "copying not measured" if found.copying is None else f"{found.copying:,} copy the article"
    return f"{found.looping:,} of {found.traces:,} loop, {copying}"


def _against(sign: str, best: float | None) -> str:
    return "the best trivial scorer" if best is None else f"{sign} {best:.4g}"


def _unmeasured(ok: bool | None) -> str:
    return NOT_MEASURED if ok is None else ""
