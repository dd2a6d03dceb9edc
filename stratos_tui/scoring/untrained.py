"""The base that a student was trained from, as a scorer: what training has to be better than."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from stratos_tui.inference.local import hide_progress_bars
from stratos_tui.scoring.scorers import Scorer, find_scorer
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.training import bases
from stratos_tui.training.recipes import NANO, from_params

COPY = "untrained:"


def untrained_scorer(store: Store, scorer: Scorer) -> Scorer | None:
    """Return the untrained base of a student; None for other scorers, and for a base that is no folder on this machine.

    The nano base is an untrained copy with the student's own prompt. Any other base reads the full instructions, since
    nobody trained it to go without (plan, section 12).
    """
    run = None if scorer.run_id is None else runs.get(store, scorer.run_id)
    if run is None:
        return None
    if run.base == NANO:
        made_from = f"untrained {run.fingerprint}"
        return Scorer(f"{COPY}{run.id}", made_from, _nano_copy(store, run), None, scorer.style, scorer.seed)
    if not runs.is_model(Path(run.base)):
        return None
    return find_scorer(store, f"hf:{run.base}", style="prism", seed=scorer.seed)


def is_untrained_copy(scorer: Scorer) -> bool:
    """Tell whether a scorer is a nano base before its first step, rather than a model that somebody trained."""
    return scorer.name.startswith(COPY)


def _nano_copy(store: Store, run: runs.Run) -> Path:
    """Return the folder of the run's nano base before its first step, made on first use (seconds)."""
    folder = Path(f"{store.path}.models") / f"untrained-{run.fingerprint[:12]}"
    if not folder.is_dir():
        hide_progress_bars()
        recipe = from_params(run.params)
        tokenizer = bases.load_tokenizer(store, run.dataset_id, run.base, recipe)
        draft = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        bases.load_model(run.base, recipe, tokenizer).save_pretrained(str(draft))
        tokenizer.save_pretrained(str(draft))
        try:
            draft.rename(folder)
        except OSError:
            # another process was quicker; what it made is the same
            shutil.rmtree(draft)
    return folder
