"""The review of drafted articles: what the rubric makes of each, and an operator's accept, edit, discard and undo.

An accepted draft becomes an article like an imported one: same words are stored once, and near-duplicates and the
held-out split are fixed with the next :func:`stratos_tui.articles.holdout.fix_holdout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from stratos_tui.distill.candidates import repeats
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import band_of
from stratos_tui.prism.prompts import neutralise
from stratos_tui.prism.rubric import compile_profile, read_article, score_tokens
from stratos_tui.records import Article, Band, Profile
from stratos_tui.store import articles, candidates, events
from stratos_tui.store.candidates import Candidate
from stratos_tui.store.db import Store


@dataclass(frozen=True, slots=True)
class ByRubric:
    """What the rubric makes of one draft: (profile, tenths) in the profiles' order, those it is for beside the rest.

    ``wished`` is the band in which it is to land for ``profile_ids``. It ``lands`` where all of them are in that band,
    and is ``polarizing`` where it is noise for everybody else as well.
    """

    wished: Band
    profile_ids: tuple[str, ...]
    scores: tuple[tuple[str, int], ...]

    @property
    def lands(self) -> bool:
        """Whether it is in the wished band for everyone whom it is for."""
        own = [tenths for profile_id, tenths in self.scores if profile_id in self.profile_ids]
        return bool(own) and all(band_of(tenths) == self.wished for tenths in own)

    @property
    def leaks(self) -> tuple[str, ...]:
        """The other profiles for which it is not noise."""
        return tuple(
            profile_id
            for profile_id, tenths in self.scores
            if profile_id not in self.profile_ids and band_of(tenths) != "noise"
        )

    @property
    def polarizing(self) -> bool:
        """Whether it lands, and for nobody else."""
        return self.lands and not self.leaks

    @property
    def spread(self) -> int:
        """The highest score less the lowest, in tenths."""
        tenths = [each for _, each in self.scores]
        return max(tenths) - min(tenths) if tenths else 0


def by_rubric(candidate: Candidate, readers: Sequence[Profile]) -> ByRubric:
    """Score a draft for every profile, on the day on which it was drafted."""
    scores = _scored(candidate.article(), tuple(readers), candidate.as_of)
    return ByRubric(candidate.band, candidate.profile_ids, scores)


def known(store: Store, candidate_id: int) -> Candidate:
    """Return a candidate.

    Raises:
        StratosError: there is none.
    """
    found = candidates.get(store, candidate_id)
    if found is None:
        raise StratosError(f"there is no candidate {candidate_id}; `stratos articles candidates list` names them")
    return found


def edit(store: Store, candidate_id: int, *, title: str | None = None, body: str | None = None) -> Candidate:
    """Put other words in place of a waiting draft's, and return what it was before.

    Raises:
        StratosError: it does not wait, or the new words are empty.
    """
    before = _waiting(store, candidate_id)
    new_title = before.title if title is None else neutralise(title)
    new_body = before.body if body is None else neutralise(body)
    if not new_title or not new_body:
        raise StratosError("an article has a title and a body: neither may be empty")
    candidates.edit(store, candidate_id, new_title, new_body)
    return before


def accept(store: Store, candidate_id: int) -> str:
    """Make an article of a waiting draft and return its id. Its origin names the teacher and the candidate.

    Raises:
        StratosError: it does not wait, or its words, or nearly these, are stored already.
    """
    found = _waiting(store, candidate_id)
    if of := repeats(found.article(), articles.load(store)):
        raise StratosError(f"candidate {candidate_id} repeats article {of} nearly word for word; edit or discard it")
    origin = f"drafted by {found.teacher}, candidate {found.id}{', edited' if found.edited else ''}"
    added = candidates.accept(store, found, origin)
    if added is None:
        raise StratosError(f"candidate {candidate_id} was changed or decided meanwhile; look at it again")
    if not added.new:
        raise StratosError(f"candidate {candidate_id} has the words of article {added.id}; edit or discard it")
    events.add(store, found.teacher, "draft accepted", f"candidate {found.id} is article {added.id}", found.batch_id)
    return added.id


def discard(store: Store, candidate_id: int) -> None:
    """Put a waiting draft aside for good, unless it is undone.

    Raises:
        StratosError: it does not wait.
    """
    found = _waiting(store, candidate_id)
    candidates.discard(store, candidate_id)
    events.add(store, found.teacher, "draft discarded", f"candidate {found.id}", found.batch_id)


def undo(store: Store, candidate_id: int) -> None:
    """Take a decision back: the draft waits again, and the article that it became goes.

    Raises:
        StratosError: nothing was decided, or the article has requests or labels already.
    """
    found = known(store, candidate_id)
    if why := candidates.reopen(store, candidate_id):
        raise StratosError(f"candidate {candidate_id} cannot be taken back: {why}")
    events.add(store, found.teacher, "taken back", f"candidate {found.id} waits again", found.batch_id)


def _waiting(store: Store, candidate_id: int) -> Candidate:
    found = known(store, candidate_id)
    if found.state != "waiting":
        said = f"it is {found.state}" + (f" ({found.fault})" if found.fault else "")
        raise StratosError(f"candidate {candidate_id} does not wait for a decision: {said}")
    return found


@lru_cache(maxsize=2_048)
def _scored(article: Article, readers: tuple[Profile, ...], day: date) -> tuple[tuple[str, int], ...]:
    read = read_article(article)
    return tuple((each.id, score_tokens(compile_profile(each), read, day).tenths) for each in readers)


def document(candidate: Candidate, readers: Sequence[Profile]) -> dict[str, Any]:
    """Return a candidate as a door prints it, with what the rubric makes of it; scores in points."""
    shown: dict[str, Any] = {
        "id": candidate.id,
        "state": candidate.state,
        "teacher": candidate.teacher,
        "model": candidate.model,
        "profiles": list(candidate.profile_ids),
        "band": candidate.band,
        "title": candidate.title,
        "body": candidate.body,
        "source": candidate.source,
        "source_type": candidate.source_type,
        "deadline": candidate.deadline,
        "category": candidate.category,
        "as_of": candidate.as_of,
        "fault": candidate.fault,
        "article": candidate.article_id,
        "prompt_fingerprint": candidate.prompt_fingerprint,
        "rubric": None,
    }
    if candidate.title:
        found = by_rubric(candidate, readers)
        shown |= {
            "edited": candidate.edited,
            "rubric": {
                "scores": {profile_id: tenths / 10 for profile_id, tenths in found.scores},
                "lands": found.lands,
                "leaks": list(found.leaks),
                "polarizing": found.polarizing,
                "spread": found.spread / 10,
            },
        }
    return shown
