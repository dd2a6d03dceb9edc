"""Where a scorer is right and wrong: by kind, by profile, band against band, and with the bands weighing the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from stratos_tui.evaluation.metrics import measure, same_side, within
from stratos_tui.evaluation.pairs import BAND_COUNT, Pairs, bands_of
from stratos_tui.records import BANDS, KINDS, Band, Kind

FAILED_COLUMN = "failed"


@dataclass(frozen=True, slots=True)
class Share:
    """What one profile's pairs look like; units as in ``Metrics``."""

    kind: Kind | None
    n: int
    parse_failures: int
    mae: float | None
    direction: float | None
    within_1: float | None


def per_kind(pairs: Pairs) -> dict[Kind, dict[str, Any]]:
    """Measure each kind of profile by itself; its contrast pairs are between profiles of that kind."""
    import numpy as np

    found: dict[Kind, dict[str, Any]] = {}
    for kind in KINDS:
        of_kind = np.array([k == kind for k in pairs.kinds], bool)
        mask = of_kind[pairs.profile] if len(of_kind) else np.zeros(len(pairs), bool)
        if mask.any():
            found[kind] = asdict(measure(pairs.where(mask)))
    return found


def per_profile(pairs: Pairs) -> dict[str, Share]:
    """Measure each profile by itself, in order of first appearance."""
    import numpy as np

    size = len(pairs.profiles)

    def total(weight: Any) -> list[int]:
        counts: list[int] = np.bincount(pairs.profile, weight, size).astype(np.int64).tolist()
        return counts

    columns = zip(
        pairs.profiles,
        pairs.kinds,
        total(None),
        total(pairs.parsed),
        total(pairs.error),
        total(same_side(pairs)),
        total(within(pairs, 10)),
        strict=True,
    )
    return {
        profile: Share(kind, n, n - parsed, error / parsed / 10 if parsed else None, same / n, near / n)
        for profile, kind, n, parsed, error, same, near in columns
        if n
    }


def confusion(pairs: Pairs) -> dict[Band, dict[str, int]]:
    """Count pairs by the teacher's band, then by the scorer's band or ``failed``."""
    import numpy as np

    said = np.where(pairs.parsed, bands_of(pairs.score), BAND_COUNT)
    width = BAND_COUNT + 1
    cells = np.bincount(pairs.band * width + said, minlength=BAND_COUNT * width).reshape(BAND_COUNT, width)
    names = (*BANDS, FAILED_COLUMN)
    return {band: dict(zip(names, row.tolist(), strict=True)) for band, row in zip(BANDS, cells, strict=True)}


def balanced(pairs: Pairs) -> dict[str, float | None]:
    """Return the measures with every band that has pairs weighing the same, whatever its share of the news."""
    import numpy as np

    counts = np.bincount(pairs.band, minlength=BAND_COUNT)
    present = counts > 0

    def mean_share(mask: Any) -> float | None:
        hits = np.bincount(pairs.band, mask, BAND_COUNT)
        return float((hits[present] / counts[present]).mean()) if present.any() else None

    return {
        "mae": measure(pairs).macro_mae,
        "direction": mean_share(same_side(pairs)),
        "within_1": mean_share(within(pairs, 10)),
        "within_2": mean_share(within(pairs, 20)),
    }
