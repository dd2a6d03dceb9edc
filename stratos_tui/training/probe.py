"""The paired-profile probe: what a student in training says of contrast pairs, which its loss does not show.

A student can have a loss near zero and a perfect format, and give every profile the same score.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from stratos_tui.prism.bands import CONTRAST_TENTHS, SENSITIVE_TENTHS
from stratos_tui.prism.repetition import loops
from stratos_tui.prism.trace import Fault, parse_answer
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.probes import Probe

if TYPE_CHECKING:
    from stratos_tui.inference.local import LocalModel

SMALL_BATCH = 64
LARGE_BATCH = 8
"""Answers at once. An 8B model keeps 0.15 GB for each while it is trained beside them; a small one is done at once."""
KEPT_CHARACTERS = 2_000
"""How much of each answer is kept to be read."""
# a student that has run away says dots as soon as words
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two held-out rows of one article; ``high`` has the teacher's higher score."""

    high: DatasetRow
    low: DatasetRow


def choose(held_out: Sequence[DatasetRow], count: int, seed: int) -> list[Contrast]:
    """Choose contrast pairs by a seed, as many different articles as there are before any comes again."""
    by_article: dict[str, list[DatasetRow]] = defaultdict(list)
    for row in held_out:
        by_article[row.article_id].append(row)
    shuffler = random.Random(f"probe/{seed}")
    piles = []
    for article in sorted(by_article):
        pairs = [
            Contrast(*sorted(pair, key=lambda row: -row.tenths))
            for pair in combinations(by_article[article], 2)
            if abs(pair[0].tenths - pair[1].tenths) >= CONTRAST_TENTHS
        ]
        shuffler.shuffle(pairs)
        piles.append(pairs)
    shuffler.shuffle(piles)
    rounds = max(map(len, piles), default=0)
    return [pile[at] for at in range(rounds) for pile in piles if at < len(pile)][:count]


def ask(
    model: LocalModel, contrasts: Sequence[Contrast], step: int, *, seed: int, tokens: int, beat: Callable[[], None]
) -> Probe:
    """Have a model in evaluation mode score contrast pairs by the plan's sampling, each row by a seed of its own.

    Nothing global is drawn from: the run goes on as if it had not been asked. ``beat`` is called after each batch.
    """
    from stratos_tui.inference.local import SMALL_PARAMETERS, Sampling, generate

    rows = {row.position: row for pair in contrasts for row in (pair.high, pair.low)}
    # prompts of like length share a batch
    asked = sorted(rows.values(), key=lambda row: (len(row.prompt), row.position))
    answers: list[dict[str, Any]] = []
    small = sum(each.numel() for each in model.model.parameters()) < SMALL_PARAMETERS
    at_once = SMALL_BATCH if small else LARGE_BATCH
    for start in range(0, len(asked), at_once):
        batch = asked[start : start + at_once]
        seeds = [_seed(seed, row) for row in batch]
        said = generate(model, [row.prompt for row in batch], seeds, Sampling(max_new_tokens=tokens))
        for row, each in zip(batch, said, strict=True):
            answer = parse_answer(each.text)
            answers.append(
                {
                    "position": row.position,
                    "article_id": row.article_id,
                    "profile_id": row.profile_id,
                    "teacher": row.tenths,
                    # an answer that was cut has no score, as for every scorer
                    "tenths": None if isinstance(answer, Fault) or not each.finished else answer.tenths,
                    "text": each.text[:KEPT_CHARACTERS],
                    "finished": each.finished,
                    "looping": loops(_WORD.findall(each.text.casefold())),
                }
            )
        beat()
    return measure(contrasts, answers, step)


def measure(contrasts: Sequence[Contrast], answers: Sequence[dict[str, Any]], step: int) -> Probe:
    """Measure a model's sensitivity to contrast pairs; a pair with a score that cannot be read is not sensitive."""
    said: dict[int, int | None] = {each["position"]: each["tenths"] for each in answers}
    gaps = [
        high - low
        for pair in contrasts
        if (high := said[pair.high.position]) is not None and (low := said[pair.low.position]) is not None
    ]
    errors = [abs(each["tenths"] - each["teacher"]) for each in answers if each["tenths"] is not None]
    return Probe(
        step=step,
        pairs=len(contrasts),
        parsed=len(gaps),
        gap=sum(gaps) / len(gaps) / 10 if gaps else None,
        psr=sum(gap >= SENSITIVE_TENTHS for gap in gaps) / len(contrasts) if contrasts else None,
        mae=sum(errors) / len(errors) / 10 if errors else None,
        detail={"answers": list(answers), "looping": sum(each["looping"] for each in answers)},
    )


def _seed(seed: int, row: DatasetRow) -> int:
    digest = hashlib.sha256(f"probe\0{seed}\0{row.article_id}\0{row.profile_id}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1
