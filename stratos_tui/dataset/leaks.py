"""Finds articles that a build both trains on and holds out: the same one, the same text, or a near-duplicate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["same", "exact", "near"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out article and one that is trained on which tell a model the same.

    ``same`` is one article in both splits, ``exact`` another with the same title and content as a model reads them,
    ``near`` one of the same cluster of near-duplicates.
    """

    kind: Kind
    held_out: str
    trained: str


def find_leaks(
    trained: Iterable[str], held_out: Iterable[str], texts: Mapping[str, str], near: Mapping[str, str]
) -> list[Leak]:
    """Return a leak for each held-out article that has one, the plainest kind first.

    ``texts`` says what makes two articles the same text, ``near`` gives each near-duplicate the first of its cluster.
    """
    ids = set(trained)
    by_text = {texts[each]: each for each in sorted(ids, reverse=True)}
    by_cluster = {near.get(each, each): each for each in sorted(ids, reverse=True)}
    found = []
    for each in dict.fromkeys(held_out):
        if each in ids:
            found.append(Leak("same", each, each))
        elif (twin := by_text.get(texts[each])) is not None:
            found.append(Leak("exact", each, twin))
        elif (cousin := by_cluster.get(near.get(each, each))) is not None:
            found.append(Leak("near", each, cousin))
    order: dict[Kind, int] = {"same": 0, "exact": 1, "near": 2}
    return sorted(found, key=lambda leak: order[leak.kind])
