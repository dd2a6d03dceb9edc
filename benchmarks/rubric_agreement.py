"""Prints how far the rubric agrees with the hundred articles' expected scores, and with real scored pairs if present.

    python benchmarks/rubric_agreement.py [path/to/scored_pairs.jsonl]

The real pairs are split by profile into halves. Errors were read and settings chosen on ``dev``; of ``test`` only these
figures were seen, after each change. The hundred articles' errors were read too, so agreement with them is optimistic.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

from stratos_tui.prism.bands import band_of
from stratos_tui.prism.rubric import compile_profile, score
from stratos_tui.records import BANDS, Article, Profile

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "real" / "scored_pairs.jsonl"

Row = tuple[Profile, Article, int]


def main(real: Path) -> None:
    """Print one line of figures for each set."""
    print(f"{'set':34} {'pairs':>6} {'MAE':>6} {'macro':>6} {'rho':>6} {'PSR':>7} {'contr':>6}  MAE by band")
    shipped = list(load_shipped())
    report("hundred articles", shipped)
    for kind in ("career", "interest"):
        report(f"  {kind} profiles", [row for row in shipped if row[0].kind == kind])
    for identifier in sorted({row[0].id for row in shipped}):
        report(f"  {identifier}", [row for row in shipped if row[0].id == identifier])
    if real.exists():
        rows = list(load_real(real))
        for name, wanted in (("dev", 0), ("test", 1)):
            half = [row for row in rows if int(row[0].id, 16) % 2 == wanted]
            report(f"real pairs, {name} half", half)
            report("  constant 0.5", half, lambda _: 5)


def report(name: str, rows: Sequence[Row], scorer: Callable[[Row], int] | None = None) -> None:
    """Print MAE, macro-MAE, Spearman and PSR of a set (decisions.md, definitions)."""
    if not rows:
        return
    scorer = scorer or rubric
    got = [scorer(row) for row in rows]
    by_band: dict[str, list[float]] = defaultdict(list)
    for row, mine in zip(rows, got, strict=True):
        by_band[band_of(row[2])].append(abs(mine - row[2]) / 10)
    means = {band: mean(by_band[band]) for band in BANDS if by_band[band]}
    rho = spearman(got, [row[2] for row in rows])
    kept, contrasts = pairs(rows, got)
    print(
        f"{name:34} {len(rows):6} {mean(e for es in by_band.values() for e in es):6.2f} {mean(means.values()):6.2f}"
        f" {rho:6.2f} {kept / contrasts if contrasts else float('nan'):7.1%} {contrasts:6}  "
        + " ".join(f"{band} {value:.2f}" for band, value in means.items())
    )


def rubric(row: Row) -> int:
    """Score a row with the rubric."""
    profile, article, _ = row
    return score(compile_profile(profile), article, article.fetched or date(2026, 3, 1)).tenths


def pairs(rows: Sequence[Row], got: Sequence[int]) -> tuple[int, int]:
    """Count contrast pairs (teacher 2.0 apart) and those whose scores differ the same way by 1.0."""
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, mine in zip(rows, got, strict=True):
        groups[row[1].id].append((row[2], mine))
    kept = total = 0
    for group in groups.values():
        for (t1, s1), (t2, s2) in combinations(group, 2):
            if abs(t1 - t2) >= 20:
                total += 1
                kept += (s1 - s2 if t1 > t2 else s2 - s1) >= 10
    return kept, total


def spearman(a: Sequence[int], b: Sequence[int]) -> float:
    """Rank correlation with ties at their mean rank."""
    x, y = _ranks(a), _ranks(b)
    mx, my = mean(x), mean(y)
    top = sum((p - mx) * (q - my) for p, q in zip(x, y, strict=True))
    bottom = (sum((p - mx) ** 2 for p in x) * sum((q - my) ** 2 for q in y)) ** 0.5
    return top / bottom if bottom else float("nan")


def _ranks(values: Sequence[int]) -> list[float]:
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for i in order[at : end + 1]:
            ranks[i] = (at + end) / 2
        at = end + 1
    return ranks


def load_shipped() -> Iterable[Row]:
    """Read the ten profiles and the hundred articles with their expected scores."""
    tuples = ("companies", "institutions", "interests", "industries")
    profiles: dict[str, Profile] = {}
    for entry in json.loads((ROOT / "data" / "profiles.json").read_text()):
        values: dict[str, Any] = {k: tuple(v) if k in tuples else v for k, v in entry.items()}
        profiles[entry["id"]] = Profile(**values)
    for path in sorted((ROOT / "data" / "articles").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            expected = entry.pop("expected")
            for key in ("published", "fetched", "deadline"):
                entry[key] = date.fromisoformat(entry[key]) if entry.get(key) else None
            article = Article(**{k: v for k, v in entry.items() if k in Article.__dataclass_fields__})
            for identifier, wanted in expected.items():
                yield profiles[identifier], article, round(wanted["score"] * 10)


def load_real(path: Path) -> Iterable[Row]:
    """Read real pairs: the profile from the system text, the article from the user text, the score from the answer."""
    for line in path.read_text().splitlines():
        system, user, said = (message["content"] for message in json.loads(line)["messages"])
        fields = dict(re.findall(r"^(Category|Title): ?(.*)$", user, re.M))
        body = user.split("\nContent:", 1)[1].strip() if "\nContent:" in user else ""
        identifier = hashlib.sha256((fields.get("Title", "") + body).encode()).hexdigest()[:12]
        found = re.search(r"SCORE: ([\d.]+)", said)
        if found:
            article = Article(identifier, fields.get("Title", ""), body, category=fields.get("Category", ""))
            yield real_profile(system), article, round(float(found[1]) * 10)


def real_profile(system: str) -> Profile:
    """Parse the ancestor's system prompt."""

    def line(label: str) -> str:
        found = re.search(rf"^{label}: (.*)$", system, re.M)
        return found[1].strip() if found else ""

    def items(label: str) -> tuple[str, ...]:
        text = line(label)
        if text.lower() in ("", "none", "none specific", "varied"):
            return ()
        return tuple(item.strip() for item in re.split(r",(?![^()]*\))", text) if item.strip())

    head = re.match(r"You are a relevance scorer for an? (.*) in (.*)\.$", system.split("\n")[0])
    role, place = (head[1], head[2]) if head else ("", "")
    level = line("IMPORTANT")
    return Profile(
        hashlib.sha256(system.encode()).hexdigest()[:8],
        "career",
        role,
        place,
        "student" if "is a student" in level else "experienced" if "experienced" in level else "none",
        line("User context"),
        items("Tracked companies"),
        items("Tracked institutions"),
        items("Tracked interests"),
        items("Tracked industries"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REAL)
