"""Scores pairs by any scorer, stores what it said, and never does a stored pair again.

A trace is split off before SCORE and REASON are read (plan, phase 4). Local models generate in batches that are formed
from the whole list of pairs, not from what remains of it, and each batch is stored whole: killed at any moment and run
again, the same list gives the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from stratos_tui.digests import profile_digest
from stratos_tui.prism.bands import band_of
from stratos_tui.prism.prompts import reference_date_of, student_prompt
from stratos_tui.prism.trace import Fault, parse_answer, render_completion, split_think
from stratos_tui.progress import Report, silent
from stratos_tui.records import Article, Profile, Scored
from stratos_tui.scoring.scorers import BATCH, MAX_NEW_TOKENS, Scorer, sampling
from stratos_tui.store import scores
from stratos_tui.store.db import Store
from stratos_tui.store.scores import ScoreKey

if TYPE_CHECKING:
    from stratos_tui.inference.local import Generation, LocalModel

RUBRIC_BATCH = 500
"""Pairs that the rubric scores between two commits and two reports: some tenths of a second."""
TEACHER_BATCH = 8
"""Pairs that a teacher is asked between two commits: what was answered and is not stored is asked again."""


@dataclass(frozen=True, slots=True)
class Task:
    """One pair to score: the profile in the state to judge for, the article, and the day it is judged on."""

    profile: Profile
    article: Article
    day: date

    @property
    def key(self) -> ScoreKey:
        """What the stored score is found by."""
        return ScoreKey(self.article.id, self.profile.id, profile_digest(self.profile), self.day)


def tasks_of(pairs: Iterable[tuple[Profile, Article]], as_of: date | None = None) -> list[Task]:
    """Give each pair its reference date: ``as_of``, else what the article says, else today (UTC)."""
    today = datetime.now(UTC).date()
    return [Task(profile, article, as_of or reference_date_of(article, today)) for profile, article in pairs]


def score_pairs(
    store: Store,
    scorer: Scorer,
    pairs: Sequence[tuple[Profile, Article]],
    *,
    as_of: date | None = None,
    report: Report = silent,
) -> list[Scored]:
    """Score stored articles for profiles; see :func:`score_tasks`."""
    return score_tasks(store, scorer, tasks_of(pairs, as_of), report)


def score_tasks(store: Store, scorer: Scorer, tasks: Sequence[Task], report: Report = silent) -> list[Scored]:
    """Return what the scorer says of each pair, in order; what is stored is read, the rest is scored and stored.

    A pair whose answer cannot be parsed has ``tenths`` None, with the raw text and the error kept.

    Raises:
        Canceled: ``report`` asked to stop; every finished batch is stored.
        StratosError: the model cannot be loaded.
    """
    keys = [task.key for task in tasks]
    unique = dict(zip(keys, tasks, strict=True))
    identity = scorer.row.identity
    known = scores.find(store, identity, unique)
    done = len(known)
    report(done, len(unique), f"scoring: {scorer.name}")
    for batch in _batches(scorer, unique):
        if all(key in known for key in batch):
            continue
        said = _score(store, scorer, [unique[key] for key in batch], report)
        new = [(key, scored) for key, scored in zip(batch, said, strict=True) if key not in known]
        scores.put_many(store, scorer.row, new)
        known.update(new)
        done += len(new)
        report(done, len(unique), f"scoring: {scorer.name}")
    return [known[key] for key in keys]


def produce(scorer: Scorer, tasks: Sequence[Task]) -> list[Scored]:
    """Score pairs as one batch without storing anything; the articles need not be stored.

    A prompt that leaves no room for an answer in the model's context is a parse failure of its own.

    Raises:
        StratosError: the model cannot be loaded, or a teacher cannot be asked so.
    """
    if scorer.teacher is not None:
        from stratos_tui.scoring.scorer_teacher import score_free

        return score_free(scorer.teacher, scorer.style, tasks, scorer.asking)
    if scorer.path is None:
        return [_by_rubric(task) for task in tasks]
    model = model_of(scorer.path)
    found: dict[int, Scored] = {}
    together: list[int] = []
    for index, task in enumerate(tasks):
        length = prompt_tokens(model, scorer, task)
        if length >= model.context:
            found[index] = read_answer(task, "", 0.0, length, 0, f"prompt_too_long: {length:,} tokens")
        elif length + MAX_NEW_TOKENS > model.context:
            # the longest prompt of a batch decides how much room all of its answers have
            found[index] = _generate(model, scorer, [task])[0]
        else:
            together.append(index)
    found |= zip(together, _generate(model, scorer, [tasks[index] for index in together]), strict=True)
    return [found[index] for index in range(len(tasks))]


def prompt_tokens(model: LocalModel, scorer: Scorer, task: Task) -> int:
    """Return how many tokens the prompt of a pair has."""
    return len(model.tokenizer(prompt_of(scorer, task))["input_ids"])


def prompt_of(scorer: Scorer, task: Task) -> str:
    """Render a pair as the scorer reads it."""
    return student_prompt(task.profile, task.article, task.day, style=scorer.style)


def read_answer(task: Task, raw: str, latency_ms: float, tokens_in: int, tokens_out: int, error: str = "") -> Scored:
    """Parse a completion into what is stored of it; one that cannot be read keeps its trace and says why.

    ``error`` is what went wrong before it could be read: an answer that was cut off has no score, whatever it holds.
    """
    answer = parse_answer(raw)
    pair = task.article.id, task.profile.id
    if error or isinstance(answer, Fault):
        if isinstance(answer, Fault):
            error = error or f"{answer.code}: {answer.measured}"
        return Scored(*pair, None, "", split_think(raw)[0] or "", raw, error, latency_ms, tokens_in, tokens_out)
    return Scored(*pair, answer.tenths, answer.reason, answer.trace, raw, "", latency_ms, tokens_in, tokens_out)


def read_generation(task: Task, said: Generation) -> Scored:
    """Parse what a local model generated; an answer that the limit cut has no score, as a served one."""
    error = "" if said.finished else f"truncated: {said.tokens_out:,} tokens"
    return read_answer(task, said.text, said.seconds * 1000, said.tokens_in, said.tokens_out, error)


def pair_seed(seed: int, task: Task) -> int:
    """Return the seed of one pair's sampling, 0 to 2**31 - 1, by hash: the same whatever stands beside it."""
    digest = hashlib.sha256(f"sampling\0{seed}\0{task.article.id}\0{task.profile.id}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


@lru_cache(maxsize=1)
def model_of(path: Path) -> LocalModel:
    """Return the loaded model of a folder; the last one used stays loaded."""
    from stratos_tui.inference import local

    return local.load(path)


def as_json(scored: Scored) -> dict[str, Any]:
    """Return a score as commands print it: points with one decimal, None where no score could be parsed."""
    return {
        "article_id": scored.article_id,
        "profile_id": scored.profile_id,
        "score": None if scored.tenths is None else scored.tenths / 10,
        "band": None if scored.tenths is None else band_of(scored.tenths),
        "reason": scored.reason,
        "trace": scored.trace,
        "error": scored.error,
        "latency_ms": round(scored.latency_ms, 3),
        "tokens": scored.tokens_out,
        "tokens_in": scored.tokens_in,
    }


def _batches(scorer: Scorer, tasks: dict[ScoreKey, Task]) -> Iterator[list[ScoreKey]]:
    keys, size = list(tasks), RUBRIC_BATCH
    if scorer.path is not None:
        # prompts of like length share a batch, which leaves little padding; ties go by the pair, not by the list
        keys.sort(key=lambda key: (len(prompt_of(scorer, tasks[key])), key.article_id, key.profile_id))
        size = BATCH
    elif scorer.teacher is not None:
        # one profile after the other, so that a server with a prefix cache reads each once
        keys.sort(key=lambda key: (key.profile_id, key.profile_digest, key.reference_date))
        size = TEACHER_BATCH
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _score(store: Store, scorer: Scorer, tasks: Sequence[Task], report: Report) -> list[Scored]:
    if scorer.teacher is None or scorer.teacher.price is None:
        return produce(scorer, tasks)
    from stratos_tui.scoring.scorer_teacher import score_paid

    return score_paid(store, scorer.teacher, tasks, report)


def _generate(model: LocalModel, scorer: Scorer, tasks: Sequence[Task]) -> list[Scored]:
    from stratos_tui.inference import local

    prompts = [prompt_of(scorer, task) for task in tasks]
    seeds = [pair_seed(scorer.seed, task) for task in tasks]
    said = local.generate(model, prompts, seeds, sampling())
    return [read_generation(task, each) for task, each in zip(tasks, said, strict=True)]


def _by_rubric(task: Task) -> Scored:
    from stratos_tui.prism import rubric

    start = perf_counter()
    answer = rubric.answer(task.profile, task.article, task.day)
    raw = render_completion(answer.trace, answer.tenths, answer.reason)
    return read_answer(task, raw, (perf_counter() - start) * 1000, 0, 0)
