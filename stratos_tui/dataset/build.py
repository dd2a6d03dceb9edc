"""Builds a dataset from accepted examples: held-out articles as they are, training pairs rebalanced and sorted.

A build is immutable and found again by its digest: the same examples, splits and parameters are the same build. Its
digest is known before anything is written, and its rows go from the store to the store in the curriculum's order.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple

from stratos_tui.articles.holdout import UNDATED
from stratos_tui.dataset import parts, rebalance
from stratos_tui.dataset.older import Older
from stratos_tui.dataset.placing import Placed, band_counts, place_eval, place_train, trainable
from stratos_tui.dataset.pool import Columns, Labels, Limit, Pool, gather
from stratos_tui.dataset.rebalance import Cost, Strategy
from stratos_tui.dataset.summary import summarise
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, band_of
from stratos_tui.prism.prompts import WORDINGS
from stratos_tui.progress import Report, silent
from stratos_tui.records import Band, Split
from stratos_tui.store import dataset_sources, datasets, lengths
from stratos_tui.store.datasets import Part
from stratos_tui.store.db import Store
from stratos_tui.store.lengths import Length

MAX_REPEATS = 2
"""How often a pair stands in training at most: more copies of few pairs cost the nano student its format."""
KEEP = 1.0
"""The least share of a group's pairs that down-sampling leaves: fewer different examples teach less."""
OLDER_TEACHER = "imported"
"""Whose scores a build of older rows only holds: nobody's that this workbench asked."""
_STEP = 2_000


class _Chunk(NamedTuple):
    """Some rows that follow each other in a split, column by column, in plain numbers: places in the pool."""

    split: Split
    first: int
    pair: list[int]
    repeat: list[int]
    wording: list[int]
    weight: list[float]
    article: list[int]
    profile: list[int]
    tenths: list[int]
    request: list[int]
    turn: list[int]
    completion: list[int]

    @property
    def positions(self) -> range:
        """The rows' positions in their split."""
        return range(self.first, self.first + len(self.pair))


@dataclass(frozen=True, slots=True)
class _Laid:
    """A build before it is written: the rows of each split by place."""

    pool: Pool
    columns: Columns
    splits: tuple[tuple[Split, Placed], ...]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(len(placed.pair) for _, placed in self.splits)

    def parts(self, report: Report) -> Iterator[Part]:
        """Yield every text that a row needs, then every row, train first, each split in its order."""
        systems, ids = len(self.pool.systems) * WORDINGS, self.pool.article_ids
        readers = [profile.id for profile in self.pool.profiles]
        yield from self._texts(systems)
        for chunk in self._chunks(report, "dataset: storing"):
            rows = zip(
                itertools.repeat(chunk.split),
                chunk.positions,
                [ids[at] for at in chunk.article],
                [readers[at] for at in chunk.profile],
                *(chunk.request, chunk.repeat, chunk.wording, chunk.tenths, chunk.weight),
                [at * WORDINGS + wording for at, wording in zip(chunk.profile, chunk.wording, strict=True)],
                [systems + at for at in chunk.turn],
                [systems + at for at in chunk.completion],
                strict=False,
            )
            yield Part((), list(rows))

    def digests(self, report: Report) -> tuple[str, str]:
        """Return the digests over the content and over the order, as they come out from the rows."""
        ids, pair_digest = self.pool.article_ids, self.pool.digest
        readers = [profile.id for profile in self.pool.profiles]
        systems = [[parts.text_digest(text) for text in wordings] for wordings in self.pool.systems]
        content, order = hashlib.sha256(), hashlib.sha256()
        for chunk in self._chunks(report, "dataset: digest"):
            for position, pair, repeat, wording, weight, article, profile, tenths in zip(
                chunk.positions,
                *(chunk.pair, chunk.repeat, chunk.wording, chunk.weight, chunk.article, chunk.profile, chunk.tenths),
                strict=True,
            ):
                row = chunk.split, position, ids[article], readers[profile], repeat, wording, tenths, weight
                content.update(parts.row_line(*row, systems[profile][wording], pair_digest(pair)))
                if chunk.split == "train":
                    order.update(datasets.order_line(ids[article], readers[profile], repeat))
        return content.hexdigest(), order.hexdigest()

    def lengths(self) -> Iterator[Length]:
        """Yield every row's tokens, where a limit had them counted."""
        systems, rows = self.pool.system_tokens, self.pool.rows
        for chunk in self._chunks(silent, ""):
            for position, pair, profile, wording in zip(
                chunk.positions, chunk.pair, chunk.profile, chunk.wording, strict=True
            ):
                prompt = systems[profile][wording] + rows.turn_tokens[pair]
                yield Length(chunk.split, position, prompt, rows.said_tokens[pair])

    def _texts(self, systems: int) -> Iterator[Part]:
        """Yield the texts in the order of their places: ``systems`` places for system turns, then those of the pool."""
        import numpy as np

        columns = self.columns
        readers = columns.profile.astype(np.int64)
        wordings = [readers[placed.pair] * WORDINGS + placed.wording for _, placed in self.splits]
        yield Part(
            [
                (at, self.pool.systems[at // WORDINGS][at % WORDINGS])
                for at in np.unique(np.concatenate(wordings)).tolist()
            ],
            (),
        )
        spooled = [column[placed.pair] for _, placed in self.splits for column in (columns.turn, columns.completion)]
        used = np.unique(np.concatenate(spooled))
        for start in range(0, len(used), _STEP):
            places = used[start : start + _STEP].tolist()
            yield Part(
                [(systems + at, text) for at, text in zip(places, self.pool.spool.read(places), strict=True)], ()
            )

    def _chunks(self, report: Report, note: str) -> Iterator[_Chunk]:
        """Yield every row, some thousands at a time."""
        columns, done = self.columns, 0
        known = columns.article, columns.profile, columns.tenths, columns.request, columns.turn, columns.completion
        for split, placed in self.splits:
            for start in range(0, len(placed.pair), _STEP):
                report(done, self.total + 1, note)
                part = slice(start, start + _STEP)
                pairs = placed.pair[part]
                chosen = pairs, placed.repeat[part], placed.wording[part], placed.weight[part]
                yield _Chunk(split, start, *(each.tolist() for each in (*chosen, *(column[pairs] for column in known))))
                done += len(pairs)


def build(
    store: Store,
    teacher: str,
    *,
    seed: int = 0,
    strategy: Strategy = "mixed",
    max_repeats: int = MAX_REPEATS,
    keep: float = KEEP,
    older: Older = "without",
    labels: Labels = "teacher",
    limit: Limit | None = None,
    report: Report = silent,
) -> int:
    """Build a dataset from a teacher's accepted examples and return its id; the same build is found, not made again.

    ``older`` merges older rows into the training rows, or makes a build of ``only`` those that cannot be merged, as
    answers without traces. ``labels`` says whose scores train. Pairs above ``limit`` are set aside and named, never
    cut.

    Raises:
        StratosError: there are too few examples to train on and hold out, or an article's split is not fixed.
        Canceled: the job was asked to stop; nothing was stored.
    """
    _check(max_repeats, keep)
    report(0, 1, "dataset: reading accepted examples")
    pool = gather(store, teacher, older, labels, limit, report)
    with closing(pool.spool):
        columns = pool.columns()
        usable = trainable(columns)
        _check_enough(teacher, older, pool, len(usable), int(columns.eval.sum()))
        cost = rebalance.cost(band_counts(columns, usable), strategy, max_repeats, keep)
        train, held_out = place_train(pool, columns, cost, seed), place_eval(columns)
        laid = _Laid(pool, columns, (("train", train), ("eval", held_out)))
        digest, order_digest = laid.digests(report)
        known = datasets.find(store, digest)
        if known is not None:
            return known
        report(laid.total, laid.total, "dataset: storing")
        params: dict[str, Any] = {"seed": seed, "strategy": strategy, "older": older, "labels": labels}
        params |= {"max_repeats": max_repeats} if strategy in ("mixed", "repeat") else {}
        params |= {"keep": keep} if strategy == "mixed" else {}
        params |= {"max_tokens": limit.tokens, "tokenizer": limit.tokenizer} if limit else {}
        params |= {"undated": UNDATED.isoformat()} if older != "without" else {}
        dataset_id = datasets.add(
            store,
            laid.parts(report),
            digest=digest,
            order_digest=order_digest,
            teacher=OLDER_TEACHER if older == "only" else teacher,
            params=params,
            summary=summarise(store, pool, columns, cost, train, held_out),
            prompt_fingerprint=prompts.fingerprint("student"),
        )
        if limit is not None:
            lengths.keep_lengths(store, dataset_id, limit.tokenizer, laid.lengths())
        return dataset_id


def plan_build(
    store: Store,
    teacher: str,
    *,
    strategy: Strategy = "mixed",
    max_repeats: int = MAX_REPEATS,
    keep: float = KEEP,
    older: Older = "without",
    labels: Labels = "teacher",
    limit: Limit | None = None,
    report: Report = silent,
) -> Cost:
    """Return what :func:`build` would make of each band by a strategy, and store nothing.

    Raises:
        StratosError: as :func:`build`, but that held-out pairs may be missing.
    """
    _check(max_repeats, keep)
    counts: Counter[Band] = Counter()
    if older == "without" and labels == "teacher" and limit is None:
        for (split, tenths), count in dataset_sources.accepted_scores(store, teacher).items():
            if split == "train" and tenths != FORBIDDEN_TENTHS:
                counts[band_of(tenths)] += count
    else:
        pool = gather(store, teacher, older, labels, limit, report)
        with closing(pool.spool):
            columns = pool.columns()
            counts = band_counts(columns, trainable(columns))
    if not sum(counts.values()):
        raise StratosError(f"teacher {teacher} has no accepted examples to train on; `stratos distill` asks for some")
    return rebalance.cost(counts, strategy, max_repeats, keep)


def _check(max_repeats: int, keep: float) -> None:
    if max_repeats < 1 or not 0 <= keep <= 1:
        raise StratosError("a pair stands at least once in training, and the share to keep lies between 0 and 1")


def _check_enough(teacher: str, older: Older, pool: Pool, usable: int, held_out: int) -> None:
    if older == "only":
        whose, more = "older rows: there are", "import more (`stratos articles import`)"
    else:
        whose, more = f"teacher {teacher} has", "distil more pairs"
    if not pool.read:
        if older == "only":
            raise StratosError("there are no older rows that could be a build of their own; import some first")
        raise StratosError(f"teacher {teacher} has no accepted examples; `stratos distill` asks for some")
    if usable and held_out:
        return
    aside = "".join(f"; {each.count:,} set aside ({why.replace('_', '-')})" for why, each in pool.aside.items())
    raise StratosError(
        f"{whose} {usable:,} accepted pairs to train on and {held_out:,} of held-out articles{aside};"
        f" a dataset needs both: {more}"
    )
