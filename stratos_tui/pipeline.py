"""The phases in order, on the embedded default: from the shipped files to a verdict.

Every phase finds what it has already done, so running the pipeline again goes on where it was, or finds everything
finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stratos_tui.articles.holdout import fix_holdout
from stratos_tui.errors import StratosError
from stratos_tui.profiles.shipped import load_shipped
from stratos_tui.progress import Canceled, Report
from stratos_tui.store import articles, datasets, profiles, runs
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    from stratos_tui.distill.pairs import Pair

TEACHER = "rehearsal"
BASE = "nano"
DEFAULT_PAIRS = 1_000
"""What is scored where nobody says how much: the hundred shipped articles for the ten profiles, some minutes' work."""
PHASES = ("load", "hold out", "distil", "dataset", "train", "validate")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pairs the pipeline is to score: at most ``pairs``, over ``articles`` (how many, or their ids)."""

    pairs: int | None = None
    articles: int | tuple[str, ...] | None = None

    @classmethod
    def parse(cls, pairs: int | None, articles: str | None) -> Wanted:
        """Read what an operator typed: how many pairs, and a number of articles or ids separated by commas.

        Raises:
            StratosError: neither a positive number nor ids.
        """
        if articles is None:
            return cls(pairs or DEFAULT_PAIRS)
        named = tuple(name for part in articles.split(",") if (name := part.strip()))
        if len(named) == 1 and named[0].isdecimal():
            if int(named[0]) < 1:
                raise StratosError("--articles: a number of at least 1, or ids separated by commas")
            return cls(pairs, int(named[0]))
        if not named:
            raise StratosError("--articles: a number of at least 1, or ids separated by commas")
        return cls(pairs, named)

    def as_params(self) -> dict[str, Any]:
        """Return the choice as it is stored with the job."""
        return {"pairs": self.pairs, "articles": self.articles}


def run(store: Store, wanted: Wanted, report: Report, *, training: dict[str, object] | None = None) -> dict[str, Any]:
    """Run every phase; return the ``evaluation``, the ``model``, the ``dataset``, and what fell short.

    ``training`` replaces single settings of the base's recipe.

    Raises:
        StratosError: a phase cannot be done; what was done before is kept.
        Canceled: the job was asked to stop.
    """
    from stratos_tui.dataset.build import build
    from stratos_tui.distill.run import distill
    from stratos_tui.distill.settings import settings_of
    from stratos_tui.evaluation.evaluate import evaluate
    from stratos_tui.scoring.scorers import find_scorer
    from stratos_tui.training import launch

    _phase(report, "load")(0, 1, "what ships")
    load_shipped(store)
    fix_holdout(store, _phase(report, "hold out"))
    pairs, shortfall = choose(store, wanted, _phase(report, "hold out"))
    distilled = distill(store, TEACHER, pairs=pairs, settings=settings_of(store), report=_phase(report, "distil"))
    dataset_id = build(store, TEACHER, report=_phase(report, "dataset"))
    run_id = launch.start(store, dataset_id, BASE, training)
    try:
        launch.wait(store, run_id, _phase(report, "train"))
    except Canceled:
        # somebody stopped the pipeline: the run that it started keeps a checkpoint and stops too
        launch.stop(store, run_id)
        raise
    result = evaluate(store, find_scorer(store, f"student:{run_id}"), dataset_id, _phase(report, "validate"))
    dataset, model = datasets.get(store, dataset_id), runs.get(store, run_id)
    assert dataset is not None
    assert model is not None
    return {
        "pairs": len(pairs),
        "shortfall": shortfall,
        "distill": distilled,
        "dataset": {"id": dataset.id, "digest": dataset.digest, "order_digest": dataset.order_digest},
        "model": {"run": model.id, "base": model.base, "scorer": f"student:{model.id}", "state": model.state},
        "evaluation": result,
    }


def choose(store: Store, wanted: Wanted, report: Report) -> tuple[list[Pair], str]:
    """Choose the pairs, and say in one line what falls short of what was asked for.

    A number of articles is taken from imported ones where there are any, else from those that ship; profiles are all
    but imported ones.
    """
    from stratos_tui.distill.plan import choose_pairs

    readers = sum(origin != "imported" for origin in profiles.origins(store).values())
    if isinstance(wanted.articles, tuple):
        pool: Sequence[str] | None = wanted.articles
        limit = wanted.pairs
    elif wanted.articles is not None:
        pool = articles.collection_ids(store, "imported") or None
        limit = min(wanted.articles * readers, wanted.pairs or wanted.articles * readers)
    else:
        pool, limit = None, wanted.pairs
    pairs = choose_pairs(store, articles=pool, limit=limit, report=report)
    if limit is not None and len(pairs) < limit:
        return pairs, f"{limit:,} pairs were asked for and there are {len(pairs):,}"
    return pairs, ""


def _phase(report: Report, name: str) -> Report:
    number = PHASES.index(name) + 1

    def tell(done: int, total: int, note: str) -> None:
        report(done, total, f"{number}/{len(PHASES)} {name}: {note}")

    return tell
