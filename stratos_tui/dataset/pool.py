"""Gathers what a build may be made from, once through the store: numbers in compact arrays, text on disk.

Memory holds some 80 bytes a pair; rendered text waits in a :class:`Spool` until its row is written.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, get_args

from stratos_tui.articles.holdout import UNDATED
from stratos_tui.dataset.older import Older, refusal
from stratos_tui.dataset.parts import END_OF_TURN, article_turn, pair_digest, system_turn, text_digest
from stratos_tui.dataset.spool import Spool
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import BAND_FLOORS, band_of
from stratos_tui.prism.prompts import WORDINGS
from stratos_tui.prism.trace import render_completion
from stratos_tui.progress import Report
from stratos_tui.records import BANDS, Profile, Split
from stratos_tui.store import articles, dataset_sources, labels, profiles
from stratos_tui.store.dataset_sources import Source
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Count = Callable[[Sequence[str]], list[int]]
"""How many tokens each text has, without anything that a tokenizer adds by itself."""
Labels = Literal["teacher", "operator"]
LABELS: tuple[Labels, ...] = get_args(Labels)
"""Whose scores train (decisions.md, 16)."""

LISTED = 1_000
"""Pairs that were set aside for one reason are named up to here, the first ones; all are counted."""
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class Limit:
    """The most tokens a row may have, by the tokenizer that ``count`` counts with; ``tokenizer`` names it."""

    tokens: int
    tokenizer: str
    count: Count


@dataclass(slots=True)
class Aside:
    """Pairs that are in no row, for one reason: how many, and the first of them by name."""

    count: int = 0
    pairs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, source: Source, split: Split, **measured: int) -> None:
        """Count a pair, and name it while there is room."""
        self.count += 1
        if len(self.pairs) < LISTED:
            self.pairs.append({"article": source.article_id, "profile": source.profile_id, "split": split, **measured})


@dataclass(frozen=True, slots=True)
class Columns:
    """The pairs as arrays, one value a pair: places in ``article_ids`` and ``profiles``, scores in tenths, the request,
    where the article's turn and the completion lie in the spool, the band's place in ``BANDS``."""

    article: NDArray[np.int32]
    profile: NDArray[np.int16]
    tenths: NDArray[np.int16]
    request: NDArray[np.int64]
    turn: NDArray[np.int64]
    completion: NDArray[np.int64]
    band: NDArray[np.int8]
    eval: NDArray[np.bool_]


@dataclass(slots=True)
class Pool:
    """What a build may be made from.

    ``texts`` holds, for each article, what makes two of them the same text to a model; ``aside`` the pairs that are in
    no row, by reason; ``older`` what became of older rows; ``read`` how many pairs were looked at.
    """

    spool: Spool
    profiles: list[Profile]
    systems: list[list[str]]
    """The system turn of each profile, in each wording."""
    article_ids: list[str] = field(default_factory=list)
    held_out: bytearray = field(default_factory=bytearray)
    texts: list[str] = field(default_factory=list)
    digests: bytearray = field(default_factory=bytearray)
    """32 bytes a pair, over the article's turn and the completion."""
    aside: dict[str, Aside] = field(default_factory=dict)
    older: Counter[str] = field(default_factory=Counter)
    read: int = 0
    rows: _Rows = field(default_factory=lambda: _Rows())
    system_tokens: list[list[int]] = field(default_factory=list)
    """Tokens of each profile's system turn in each wording, where there is a limit."""

    def columns(self) -> Columns:
        """Return the pairs as arrays."""
        import numpy as np

        rows = self.rows
        article, tenths = np.array(rows.article, dtype=np.int32), np.array(rows.tenths, dtype=np.int16)
        return Columns(
            article,
            np.array(rows.profile, dtype=np.int16),
            tenths,
            np.array(rows.request, dtype=np.int64),
            np.array(rows.turn, dtype=np.int64),
            np.array(rows.completion, dtype=np.int64),
            (np.searchsorted([BAND_FLOORS[band] for band in BANDS], tenths, side="right") - 1).astype(np.int8),
            np.array(self.held_out, dtype=np.bool_)[article],
        )

    def digest(self, pair: int) -> bytes:
        """Return a pair's digest."""
        return bytes(self.digests[pair * 32 : pair * 32 + 32])


class _Rows:
    """The columns while they grow."""

    __slots__ = ("article", "completion", "profile", "request", "said_tokens", "tenths", "turn", "turn_tokens")

    def __init__(self) -> None:
        self.article, self.profile, self.tenths = array("i"), array("h"), array("h")
        # both are empty where there is no limit
        self.turn_tokens, self.said_tokens = array("i"), array("i")
        self.request, self.turn, self.completion = array("q"), array("q"), array("q")


def gather(store: Store, teacher: str, older: Older, whose: Labels, limit: Limit | None, report: Report) -> Pool:
    """Read, render and measure every pair that may become a row; the caller closes the pool's spool.

    Raises:
        StratosError: an article's split is not fixed, or older rows are asked for beside the operator's labels.
        Canceled: the job was asked to stop.
    """
    if whose == "operator" and older != "without":
        raise StratosError("older rows and the operator's labels are different hands: choose --older or --labels")
    readers = profiles.load(store)
    gathering = _Gathering(
        store,
        Pool(
            Spool(store.path.resolve().parent),
            readers,
            [[system_turn(profile, wording) for wording in range(WORDINGS)] for profile in readers],
        ),
        limit,
        report,
    )
    try:
        if older != "only":
            sources = dataset_sources.accepted(store, teacher)
            gathering.take(_as_operator(store, gathering, sources) if whose == "operator" else sources)
        if older != "without":
            gathering.take(_older(gathering, dataset_sources.labelled(store, "imported"), older))
    except BaseException:
        gathering.pool.spool.close()
        raise
    return gathering.pool


class _Gathering:
    """One gathering under way."""

    def __init__(self, store: Store, pool: Pool, limit: Limit | None, report: Report) -> None:
        self.store, self.pool, self.limit, self.report = store, pool, limit, report
        self.splits = articles.splits(store)
        self.places: dict[str, int] = {}
        self.readers = {profile.id: at for at, profile in enumerate(pool.profiles)}
        if limit is not None:
            pool.system_tokens = [limit.count(wordings) for wordings in pool.systems]

    def split(self, source: Source) -> Split:
        """Return a pair's split, which must be fixed."""
        split = self.splits.get(source.article_id)
        if split is None:
            raise StratosError(
                f"article {source.article_id} was scored before its split was fixed;"
                " `stratos distill plan` fixes splits"
            )
        return split

    def take(self, sources: Iterator[Source]) -> None:
        """Render and keep the pairs, some thousands at a time."""
        while chunk := list(islice(sources, _CHUNK)):
            self.pool.read += len(chunk)
            self.report(self.pool.read, 0, "dataset: reading examples")
            self._take(chunk)

    def _take(self, chunk: Sequence[Source]) -> None:
        known = {
            article.id: article for article in articles.load(self.store, list({each.article_id for each in chunk}))
        }
        completions = [render_completion(each.trace, each.tenths, each.reason) for each in chunk]
        turns: dict[tuple[str, str | None], str] = {}
        for each in chunk:
            if (each.article_id, each.day) not in turns:
                day = UNDATED if each.day is None else date.fromisoformat(each.day)
                turns[each.article_id, each.day] = article_turn(known[each.article_id], day)
        if self.limit is not None:
            chunk, completions = self._within_limit(self.limit, chunk, turns, completions)
        said = [completion.encode() for completion in completions]
        for each in chunk:
            if each.article_id not in self.places:
                self._place(each.article_id, self.split(each), turns[each.article_id, each.day])
        pool, rows, places, readers = self.pool, self.pool.rows, self.places, self.readers
        used = dict.fromkeys((each.article_id, each.day) for each in chunk)
        at_turn = dict(zip(used, pool.spool.put([turns[key].encode() for key in used]), strict=True))
        digest_of = {key: text_digest(turns[key]) for key in used}
        rows.article.extend([places[each.article_id] for each in chunk])
        rows.profile.extend([readers[each.profile_id] for each in chunk])
        rows.tenths.extend([each.tenths for each in chunk])
        rows.request.extend([each.request_id for each in chunk])
        rows.turn.extend([at_turn[each.article_id, each.day] for each in chunk])
        rows.completion.extend(pool.spool.put(said))
        pool.digests += b"".join(
            [pair_digest(digest_of[each.article_id, each.day], text) for each, text in zip(chunk, said, strict=True)]
        )

    def _within_limit(
        self,
        limit: Limit,
        chunk: Sequence[Source],
        turns: Mapping[tuple[str, str | None], str],
        completions: Sequence[str],
    ) -> tuple[list[Source], list[str]]:
        """Set aside the pairs that are too long and keep the others' lengths; return those and their completions."""
        of_turn = dict(zip(turns, limit.count(list(turns.values())), strict=True))
        said = limit.count([completion + END_OF_TURN for completion in completions])
        kept: tuple[list[Source], list[str]] = [], []
        for each, completion, tokens in zip(chunk, completions, said, strict=True):
            turn = of_turn[each.article_id, each.day]
            # any wording may be chosen, so the longest counts
            whole = max(self.pool.system_tokens[self.readers[each.profile_id]]) + turn + tokens
            if whole > limit.tokens:
                self.pool.aside.setdefault("over_long", Aside()).add(each, self.split(each), tokens=whole)
                continue
            self.pool.rows.turn_tokens.append(turn)
            self.pool.rows.said_tokens.append(tokens)
            kept[0].append(each)
            kept[1].append(completion)
        return kept

    def _place(self, article_id: str, split: Split, turn: str) -> None:
        self.places[article_id] = len(self.pool.article_ids)
        self.pool.article_ids.append(article_id)
        self.pool.held_out.append(split == "eval")
        self.pool.texts.append(_same_text(turn))


def _same_text(turn: str) -> str:
    """Return what makes two articles the same to a model: title and content of the rendered turn, whatever the rest."""
    lines = turn.split("\n")
    said = [line for line in lines if line.startswith(("Title: ", "Content: "))]
    return articles.content_key(said[0], said[-1])


def _as_operator(store: Store, gathering: _Gathering, sources: Iterable[Source]) -> Iterator[Source]:
    """Yield training pairs at the operator's score, where the teacher's trace argues for the same band.

    What the operator did not label, or labelled in another band, is set aside. Held-out pairs stay the teacher's.
    """
    said = {(label.article_id, label.profile_id): label.tenths for label in labels.load(store, "operator")}
    aside = gathering.pool.aside
    for each in sources:
        split = gathering.split(each)
        tenths = said.get((each.article_id, each.profile_id))
        if split == "eval":
            yield each
        elif tenths is None:
            aside.setdefault("unlabelled", Aside()).add(each, split)
        elif band_of(tenths) != band_of(each.tenths):
            aside.setdefault("contradicted", Aside()).add(each, split, operator=tenths, teacher=each.tenths)
        else:
            yield each._replace(tenths=tenths)


def _older(gathering: _Gathering, sources: Iterable[Source], how: Older) -> Iterator[Source]:
    """Yield the older rows that may be in the build: merged ones only to train on, and not where a teacher's are."""
    rows, readers = gathering.pool.rows, len(gathering.readers)
    known = {a * readers + p for a, p in zip(rows.article, rows.profile, strict=True)} if how == "merge" else set()
    for each in sources:
        place = gathering.places.get(each.article_id)
        why = refusal(each, how)
        if not why and how == "merge" and gathering.split(each) == "eval":
            why = "held out"
        if not why and place is not None and place * readers + gathering.readers[each.profile_id] in known:
            why = "scored by the teacher"
        gathering.pool.older[why or "taken"] += 1
        if not why:
            yield each._replace(trace="") if how == "only" else each
