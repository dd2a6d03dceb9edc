"""Says what a build holds, what it cost, how far its hold-out is off, and what leaks. Shares are from 0 to 1."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stratos_tui.dataset.leaks import find_leaks
from stratos_tui.dataset.placing import Placed, contrast_pairs, trainable
from stratos_tui.dataset.pool import Columns, Pool
from stratos_tui.dataset.rebalance import Cost
from stratos_tui.records import BANDS
from stratos_tui.store import articles
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS_NOTE = "rows carry weights; a trainer that does not read them trains on the natural shares"


def summarise(
    store: Store, pool: Pool, columns: Columns, cost: Cost, train: Placed, held_out: Placed
) -> dict[str, Any]:
    """Return the summary that is stored with a build."""
    usable = trainable(columns)
    first = train.pair[train.repeat == 0]
    sides = {"train": train.pair, "train_before": usable, "eval": held_out.pair}
    bands = {name: _bands(columns, pairs) for name, pairs in sides.items()}
    names = [profile.id for profile in pool.profiles]
    readers = {name: _counted(names, columns.profile[pairs]) for name, pairs in sides.items()}
    trained_on, held = (_articles(pool, columns, pairs) for pairs in (train.pair, held_out.pair))
    leaks = find_leaks(
        trained_on, held, dict(zip(pool.article_ids, pool.texts, strict=True)), articles.near_duplicates(store)
    )
    deviations = {
        "bands": _off(bands["eval"], bands["train_before"]),
        "profiles": _off(readers["eval"], readers["train_before"]),
    }
    summary: dict[str, Any] = {
        "examples": pool.read,
        "counts": {"train": len(train.pair), "train_pairs": len(first), "eval": len(held_out.pair)},
        "articles": {"train": len(trained_on), "eval": len(held)},
        "bands": bands,
        "profiles": {name: readers[name] for name in ("train", "eval")},
        "rebalance": {
            band: {"had": quota.had, "rows": quota.rows, "dropped": quota.dropped, "repeated": quota.repeated}
            for band, quota in cost.quotas.items()
        },
        "shares": {name: asdict(share) for name, share in cost.shares.items()},
        "dropped": cost.dropped,
        "repeated": cost.repeated,
        "effective": cost.effective,
        "left_out_5_0": int((~columns.eval).sum()) - len(usable),
        "deviations": deviations,
        "holdout": {
            "bands": _both(bands["train_before"], bands["eval"]),
            "profiles": _both(readers["train_before"], readers["eval"]),
            "worst": _worst(deviations),
            "balanced": _balanced(bands["eval"]),
        },
        "leaks": len(leaks),
        "leak_report": [asdict(leak) for leak in leaks],
        "set_aside": {why: asdict(aside) for why, aside in sorted(pool.aside.items())},
        "contrast_pairs": {
            "train": contrast_pairs(columns, usable),
            "eval": contrast_pairs(columns, held_out.pair),
        },
    }
    if cost.strategy == "weights":
        summary["weights"] = {"bands": cost.weights, "note": WEIGHTS_NOTE}
    if pool.older:
        summary["older"] = dict(sorted(pool.older.items()))
    return summary


def _articles(pool: Pool, columns: Columns, pairs: NDArray[np.int64]) -> list[str]:
    import numpy as np

    return [pool.article_ids[at] for at in np.unique(columns.article[pairs]).tolist()]


def _bands(columns: Columns, pairs: NDArray[np.int64]) -> dict[str, int]:
    import numpy as np

    return dict(zip(BANDS, np.bincount(columns.band[pairs], minlength=len(BANDS)).tolist(), strict=True))


def _counted(names: list[str], places: NDArray[np.int16]) -> dict[str, int]:
    import numpy as np

    counted = np.bincount(places, minlength=len(names)).tolist()
    return dict(sorted((name, count) for name, count in zip(names, counted, strict=True) if count))


def _shares(counts: dict[str, int]) -> dict[str, float]:
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.items()} if whole else {}


def _both(train: dict[str, int], held_out: dict[str, int]) -> dict[str, dict[str, float]]:
    """Return the share of each value in the training pairs before rebalancing and in the held-out ones."""
    ours, theirs = _shares(held_out), _shares(train)
    return {
        name: {"train": round(theirs.get(name, 0.0), 4), "eval": round(ours.get(name, 0.0), 4)}
        for name in dict.fromkeys([*train, *held_out])
    }


def _off(held_out: dict[str, int], train: dict[str, int]) -> dict[str, float]:
    """Return by how much the held-out share of each value is above that of the training pairs before rebalancing."""
    ours, theirs = _shares(held_out), _shares(train)
    return {
        name: round(ours.get(name, 0.0) - theirs.get(name, 0.0), 4)
        for name in sorted({*held_out, *train})
        if held_out.get(name) or train.get(name)
    }


def _worst(deviations: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return the value whose shares differ most."""
    found = [(abs(off), f"{kind} {name}", off) for kind, each in deviations.items() for name, off in each.items()]
    _, name, off = max(found, default=(0.0, "", 0.0))
    return {"name": name, "off": off}


def _balanced(counts: dict[str, int]) -> dict[str, Any]:
    """Return what a held-out pair of each band weighs where every band that has pairs counts the same.

    ``effective`` is Kish's effective sample size of that view: how many pairs its figures rest on.
    """
    there = {band: count for band, count in counts.items() if count}
    weights = {band: round(sum(there.values()) / len(there) / count, 4) for band, count in there.items()}
    mass = sum(weights[band] * count for band, count in there.items())
    squares = sum(weights[band] ** 2 * count for band, count in there.items())
    return {"weights": weights, "effective": round(mass**2 / squares, 1) if squares else 0.0}
