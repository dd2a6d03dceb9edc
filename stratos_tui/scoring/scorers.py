"""The scorers by name, and what decides their scores: the identity that every stored score carries."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from stratos_tui.distill.settings import DistillSettings, settings_of
from stratos_tui.errors import StratosError
from stratos_tui.prism.prompts import PromptStyle, fingerprint
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.scores import ScorerRow
from stratos_tui.teachers.catalog import Teacher, find_teacher

if TYPE_CHECKING:
    from stratos_tui.inference.local import Sampling

RUBRIC = "rubric"
MAX_NEW_TOKENS = 640
"""A completion that is longer is cut and counts as a parse failure; the longest accepted trace has 200 words."""
BATCH = 16
"""Pairs that a local model generates at once; part of the identity, since a batch shares its arithmetic."""
IDENTITY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Scorer:
    """One scorer, resolved. ``path`` is the folder of a local model, ``teacher`` whom to ask where that is a teacher.

    ``model`` is what tells one model from another of the same name: the rubric's version, a run's fingerprint, the
    digest of a folder's files, or a teacher's model. ``asking`` is how this workspace asks a teacher.
    """

    name: str
    model: str
    path: Path | None = None
    run_id: int | None = None
    style: PromptStyle = "student"
    seed: int = 0
    teacher: Teacher | None = None
    asking: DistillSettings = field(default_factory=DistillSettings)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the prompt that decides what it says of a pair."""
        if self.teacher is not None:
            asking = {"model": self.model, **json.loads(self.asking.asking())}
            return asking if self.teacher.price else {**asking, "style": self.style}
        if self.path is None:
            return {"model": self.model}
        from dataclasses import asdict

        # an answer that was cut off once kept its score: what was stored then must not be found again
        rules = {"batch": BATCH, "cut_off": "no score"}
        return {**asdict(sampling()), **rules, "model": self.model, "seed": self.seed, "style": self.style}

    @property
    def row(self) -> ScorerRow:
        """What is stored beside each of its scores."""
        prompt = "" if self.path is None else fingerprint(self.style)
        if self.teacher is not None:
            prompt = fingerprint("teacher" if self.teacher.price else self.style)
        decides = json.dumps([self.name, prompt, self.settings], sort_keys=True)
        identity = hashlib.sha256(decides.encode()).hexdigest()[:IDENTITY_DIGITS]
        return ScorerRow(self.name, identity, prompt, self.settings)


def find_scorer(store: Store, name: str, *, style: str = "student", seed: int = 0) -> Scorer:
    """Return the scorer of this name: ``rubric``, ``student:RUN``, ``hf:PATH``, or a teacher's as the teachers have it.

    ``style`` is ``student``, the trained prompt, or ``prism``, the full instructions for an untrained model; the rubric
    reads neither, and a paid teacher the teacher's own.

    Raises:
        StratosError: no such scorer, run, folder or style; the text lists what there is.
    """
    if style not in get_args(PromptStyle):
        raise StratosError(f"--prompt {style}: there are {' and '.join(get_args(PromptStyle))}")
    prompt: PromptStyle = "prism" if style == "prism" else "student"
    if name == RUBRIC:
        return rubric_scorer()
    kind, _, rest = name.partition(":")
    if kind == "student" and rest:
        return _student(store, name, rest, prompt, seed)
    if kind == "hf" and rest:
        path = Path(rest).expanduser()
        if not runs.is_model(path):
            raise StratosError(f"scorer {name}: {path} is no folder of a model (it has no config.json)")
        return Scorer(name, folder_digest(path), path.resolve(), None, prompt, seed)
    if kind in ("claude", "openai", "ollama") and rest:
        teacher = find_teacher(store, name)
        return Scorer(name, teacher.model, style=prompt, teacher=teacher, asking=settings_of(store))
    known = ", ".join([*available(store), "claude:MODEL", "openai:MODEL@URL", "ollama:MODEL"])
    raise StratosError(f"there is no scorer {name!r}; there are {known}")


def rubric_scorer() -> Scorer:
    """Return the rubric, which needs no store and draws nothing."""
    from stratos_tui.prism.rubric import RUBRIC_VERSION

    return Scorer(RUBRIC, RUBRIC_VERSION)


def available(store: Store) -> list[str]:
    """Return the scorers that can be named now; the last one stands for any model folder."""
    done = [f"student:{run.id}" for run in runs.load(store) if run.state == "done"]
    return [RUBRIC, *done, "hf:PATH"]


def sampling() -> Sampling:
    """Return how local models are sampled: Qwen3's values for think mode (plan, phase 4); greedy decoding loops."""
    from stratos_tui.inference.local import Sampling

    return Sampling(temperature=0.6, top_p=0.95, top_k=20, max_new_tokens=MAX_NEW_TOKENS)


def folder_digest(path: Path) -> str:
    """Return a digest over the files of a model's folder: names and contents, without subfolders."""
    files = sorted(file for file in path.iterdir() if file.is_file())
    return _digest(tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=8)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    # sizes and times are only the cache's key: reading 16 GB again for every question would take a minute
    whole = hashlib.sha256()
    for name, size, _ in files:
        path = Path(name)
        whole.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:IDENTITY_DIGITS]


def _student(store: Store, name: str, number: str, style: PromptStyle, seed: int) -> Scorer:
    run = runs.get(store, int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else None
    if run is None:
        raise StratosError(f"scorer {name}: there is no such run; there are {', '.join(available(store))}")
    return Scorer(name, run.fingerprint, runs.model_folder(store, run.id), run.id, style, seed)
