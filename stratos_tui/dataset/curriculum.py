"""Sorts training rows from easy to hard: the further from the decision boundary at 5.0, the easier (plan, phase 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from stratos_tui.prism.bands import FORBIDDEN_TENTHS

T = TypeVar("T")


def seeded_hash(seed: int, *parts: object) -> bytes:
    """Return bytes that order things as good as at random, the same on every machine."""
    return hashlib.sha256("\0".join(map(str, (seed, *parts))).encode()).digest()


def sort(rows: Iterable[T], tenths: Callable[[T], int], tie: Callable[[T], bytes]) -> list[T]:
    """Return rows by |score − 5.0|, far ones first; among equals ``tie`` mixes profiles and articles."""
    return sorted(rows, key=lambda row: (-abs(tenths(row) - FORBIDDEN_TENTHS), tie(row)))
