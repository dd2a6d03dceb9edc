"""Checks before a run, each for a failure that once cost a training (decisions.md, 13). Each can be overridden by name."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stratos_tui.dataset import rebalance
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, band_of
from stratos_tui.prism.trace import THINK_OPEN, Fault, parse_answer
from stratos_tui.store import datasets
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training import bases
from stratos_tui.training.mask import IGNORED, encode
from stratos_tui.training.nano import EOS
from stratos_tui.training.recipes import NANO, Recipe

SAMPLE = 64
"""Rows whose tokens are looked at one by one; every row's text is checked."""
SUPERVISED = (0.05, 0.80)
"""Share of tokens that carry loss. v15 took it on all tokens, three quarters of them prompt."""
BAND_DEVIATION = 0.30
"""How far a band's share may be from the target; small builds cannot fill the scarce bands."""
BYTES_PER_PARAMETER = 16
"""Weights, two optimizer moments and a copy in fp32."""

_CONTROL = re.compile(r"<\|im_(?:start|end)\|>|<\|endoftext\|>|</?think>")


@dataclass(frozen=True, slots=True)
class Check:
    """One check: the measured value, what is wanted, and the failure that it exists for."""

    name: str
    ok: bool
    value: str
    threshold: str
    why: str


def run_checks(store: Store, dataset_id: int, base: str, recipe: Recipe) -> list[Check]:
    """Run every check of a base on a build.

    Raises:
        StratosError: there is no such build or base.
    """
    rows = list(datasets.rows(store, dataset_id, "train"))
    held_out = list(datasets.rows(store, dataset_id, "eval"))
    return [
        *_text_checks(rows, held_out),
        *_token_checks(store, dataset_id, base, recipe, rows),
        _disk(store, recipe, base),
    ]


def _text_checks(rows: Sequence[DatasetRow], held_out: Sequence[DatasetRow]) -> list[Check]:
    systems = {_system(row.prompt) for row in rows}
    forbidden = sum(row.tenths == FORBIDDEN_TENTHS for row in rows)
    answers = [parse_answer(row.completion) for row in rows]
    unread = sum(isinstance(each, Fault) for each in answers)
    answer_only = sum(not isinstance(each, Fault) and not each.trace for each in answers)
    leaks = {row.article_id for row in rows} & {row.article_id for row in held_out}
    hostile = sum(len(_CONTROL.findall(row.prompt)) != 5 for row in rows)
    off = rebalance.deviation(Counter(band_of(row.tenths) for row in rows))
    empty = sum(not system.strip() for system in systems)
    return [
        Check("rows", bool(rows), f"{len(rows):,}", "at least 1", "a run on nothing"),
        Check("completions_parse", not unread, f"{unread:,} do not", "0", "a format that no scorer can read (v16)"),
        Check("traces_kept", not answer_only, f"{answer_only:,} without a trace", "0", "answer-only data (v18)"),
        Check("no_forbidden_score", not forbidden, f"{forbidden:,} score 5.0", "0", "5.0 commits to nothing"),
        Check("system_prompts_filled", not empty, f"{empty:,} empty", "0", "empty prompts are learned to be ignored"),
        Check("system_prompts_varied", len(systems) > 1, f"{len(systems):,} different", "2 or more", "prompt ignored"),
        Check("control_tokens", not hostile, f"{hostile:,} prompts", "0", "an article that ends the turn by itself"),
        Check("held_out_articles", not leaks, f"{len(leaks):,} in both splits", "0", "contaminated evaluation"),
        Check("band_shares", off <= BAND_DEVIATION, f"{off:.2f} off", f"at most {BAND_DEVIATION}", "bimodal collapse (v15)"),
    ]


def _token_checks(
    store: Store, dataset_id: int, base: str, recipe: Recipe, rows: Sequence[DatasetRow]
) -> list[Check]:
    tokenizer = bases.load_tokenizer(store, dataset_id, base, recipe)
    picked = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in picked]
    tokens = sum(len(each.ids) for each in encoded)
    share = sum(label != IGNORED for each in encoded for label in each.labels) / max(1, tokens)
    firsts = {_text_from(tokenizer, each.ids, each.labels) for each in encoded}
    lasts = {str(tokenizer.decode([each.ids[-1]])) if each.labels[-1] != IGNORED else "" for each in encoded}
    boundary = sum(each.labels.count(IGNORED) != len(tokenizer(row.prompt)["input_ids"]) for row, each in zip(picked, encoded, strict=True))
    lengths = [len(each) + 1 for each in tokenizer([row.prompt + row.completion for row in rows])["input_ids"]]
    context = recipe.shape.context if recipe.shape else int(tokenizer.model_max_length)
    ends = (tokenizer.eos_token, tokenizer.pad_token)
    return [
        Check("supervised_share", SUPERVISED[0] <= share <= SUPERVISED[1], f"{share:.0%}", "5 % to 80 %", "loss on all tokens (v15)"),
        Check("first_supervised", firsts == {THINK_OPEN}, ", ".join(sorted(firsts)), THINK_OPEN, "thought pre-filled or skipped"),
        Check("last_supervised", lasts == {EOS}, ", ".join(sorted(lasts)), EOS, "a model that never stops (wrong eos)"),
        Check("prompt_boundary", not boundary, f"{boundary:,} differ", "0", "a prompt that the scorer would tokenize otherwise"),
        Check("eos_and_pad", ends[0] == EOS and ends[1] not in (None, EOS), f"{ends[0]}, {ends[1]}", f"{EOS}, another", "padding unlearns the end"),
        Check("nothing_cut", max(lengths) + recipe.length_margin <= context, f"longest {max(lengths):,}", f"below {context:,}", "score cut off in silence"),
    ]  # fmt: skip


def _disk(store: Store, recipe: Recipe, base: str) -> Check:
    free = shutil.disk_usage(Path(store.path).resolve().parent).free
    # a checkpoint of all weights; an adapter's is small beside its base's merge
    need = 4 * 3_000_000 * BYTES_PER_PARAMETER if base == NANO else 40_000_000_000
    return Check("disk", free > need, f"{free / 1e9:.1f} GB free", f"{need / 1e9:.1f} GB", "disk full in training (v17)")


def _system(prompt: str) -> str:
    return prompt.partition("<|im_start|>system\n")[2].partition("<|im_end|>")[0]


def _text_from(tokenizer: object, ids: Sequence[int], labels: Sequence[int]) -> str:
    first = next((token for token, label in zip(ids, labels, strict=True) if label != IGNORED), None)
    return "" if first is None else str(tokenizer.decode([first]))  # type: ignore[attr-defined]
