"""How far the rubric agrees with the hundred expected scores, and with real scored pairs where they are at hand.

    python benchmarks/rubric_agreement.py [SCORED_PAIRS.jsonl]

The figures are those of ``stratos evaluate`` (docs: decisions on MAE, macro-MAE, PSR). The expected scores were never
changed for the rubric; the hundred articles' errors were read while it was written, so their figures are optimistic.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stratos_tui.articles.importing import import_files
from stratos_tui.evaluation.agreement import agreement
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.progress import silent
from stratos_tui.scoring.scorers import rubric_scorer
from stratos_tui.store.db import open_store

REAL = Path(__file__).resolve().parents[2] / "shared" / "real" / "scored_pairs.jsonl"
COLUMNS = ("mae", "macro_mae", "spearman", "psr", "direction", "within_1", "profile_gap")


def main(real: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "stratos.db")
        load_shipped(store)
        print(f"{'pairs':34}{'n':>6}{'contrast':>10}" + "".join(f"{name:>12}" for name in COLUMNS))
        show("hundred articles", agreement(store, rubric_scorer(), "expected"))
        if real.is_file():
            import_files(store, [real], silent)
            show(real.name, agreement(store, rubric_scorer(), "imported"))
        else:
            print(f"{real} is not here: real pairs are left out")
        store.close()


def show(name: str, found: Mapping[str, Any]) -> None:
    """Print the rubric, its kinds of profile, and the trivial scorers on the same pairs."""
    rows = {name: found}
    rows |= {f"  {kind} profiles": measured for kind, measured in found["per_kind"].items()}
    rows |= {f"  {trivial}": measured for trivial, measured in found["baselines"].items()}
    for label, row in rows.items():
        figures = ("–" if row[column] is None else f"{row[column]:.3f}" for column in COLUMNS)
        print(f"{label:34}{row['n']:>6}{row['contrast_pairs']:>10}" + "".join(f"{figure:>12}" for figure in figures))
    bands = ", ".join(f"{band} {mae:.2f}" for band, mae in found["per_band"].items() if mae is not None)
    print(f"  MAE by band: {bands}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REAL)
