"""Sorts training rows from easy to hard: the further from the decision boundary at 5.0, the easier (plan, phase 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stratos_tui.prism.bands import FORBIDDEN_TENTHS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def seeded_hashes(seed: int, parts: Iterable[tuple[object, ...]]) -> NDArray[np.uint64]:
    """Return numbers that order things as good as at random, the same on every machine: 64 bits of SHA-256 each."""
    import numpy as np

    digest = hashlib.sha256
    heads = b"".join(digest("\0".join(map(str, (seed, *each))).encode()).digest()[:8] for each in parts)
    return np.frombuffer(heads, dtype=">u8").astype(np.uint64)


def order(tenths: NDArray[np.int16], tie: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the rows by |score − 5.0|, far ones first; among equals ``tie`` mixes profiles and articles."""
    import numpy as np

    return np.lexsort((tie, -np.abs(tenths - FORBIDDEN_TENTHS)))
