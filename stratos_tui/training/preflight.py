"""The checks before a run: each is a fault that killed or spoiled an earlier version, with the value measured now."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import FORBIDDEN_TENTHS
from stratos_tui.prism.prompts import chatml, student_prompt
from stratos_tui.prism.trace import THINK_OPEN, split_think
from stratos_tui.store import articles, datasets, profiles
from stratos_tui.store.datasets import Dataset, DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training import bases, nano
from stratos_tui.training.mask import IGNORED, Encoded, encode
from stratos_tui.training.recipes import NANO, Recipe, recipe_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SUPERVISED_SHARE = (0.03, 0.80)
"""Shares of tokens with loss between which a prompt and a completion both plausibly are there."""
BAND_TOLERANCE = 0.05
"""How far a band's share may be from its target where it is not limited by how few pairs there are."""
COPIES_ON_DISK = 6
"""Folders of weights a run may have at once: three checkpoints, one being written, the model and its untrained copy."""
TRAINING_BYTES = 12
"""Bytes a trained parameter takes in a checkpoint: fp32 weight and the two moments of AdamW."""
_CONTROL_IN_PROMPT = {"<|im_start|>": 3, "<|im_end|>": 2}


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was measured, what it is held to, and why it exists."""

    name: str
    ok: bool
    value: str
    threshold: str
    why: str


def preflight(
    store: Store, dataset_id: int, base: str = NANO, overrides: Mapping[str, object] | None = None
) -> list[Check]:
    """Return every check of a build on a base with a recipe.

    Raises:
        StratosError: there is no such build or base, or a setting does not exist.
    """
    if datasets.get(store, dataset_id) is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    recipe = recipe_for(base, overrides)
    return checks(store, dataset_id, base, recipe, bases.load_tokenizer(store, dataset_id, base, recipe))


def checks(store: Store, dataset_id: int, base: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> list[Check]:
    """Return every check, with the tokenizer that the run will use."""
    dataset = datasets.get(store, dataset_id)
    assert dataset is not None
    train = list(datasets.rows(store, dataset_id, "train"))
    held_out = list(datasets.rows(store, dataset_id, "eval"))
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in (*train, *held_out)]
    return [
        *_mask_checks(tokenizer, [*train, *held_out], encoded),
        *_token_checks(tokenizer, [*train, *held_out]),
        _template(tokenizer),
        _prompt_bytes(store, dataset_id, [*train, *held_out]),
        _length(base, recipe, encoded),
        *_row_checks(dataset, train, held_out),
        _disk(store, base, recipe, tokenizer),
    ]


def _mask_checks(tokenizer: PreTrainedTokenizerBase, rows: list[DatasetRow], encoded: list[Encoded]) -> Iterator[Check]:
    tokens = sum(len(each.ids) for each in encoded)
    supervised = sum(label != IGNORED for each in encoded for label in each.labels)
    share = supervised / tokens if tokens else 0.0
    low, high = SUPERVISED_SHARE
    yield Check(
        "supervised_share",
        low <= share <= high,
        f"{share:.1%} of {tokens:,} tokens",
        f"{low:.0%} to {high:.0%}",
        "v15 spent three quarters of its loss on predicting prompts; v16 had none at all",
    )
    exact = sum(
        _supervised_text(tokenizer, each) == row.completion + nano.EOS for row, each in zip(rows, encoded, strict=True)
    )
    yield Check(
        "mask",
        exact == len(rows),
        f"{exact:,} of {len(rows):,} rows",
        "loss on exactly the completion and its end of turn, in every row",
        "a mask that is off by a token teaches the prompt's end or never the score",
    )
    ends = Counter(
        (str(tokenizer.decode([carried[0]])), str(tokenizer.decode([carried[-1]])))
        for each in encoded
        if (carried := [label for label in each.labels if label != IGNORED])
    )
    wanted = (THINK_OPEN, nano.EOS)
    yield Check(
        "first_and_last",
        set(ends) == {wanted},
        ", ".join(f"{first} … {last}: {count:,}" for (first, last), count in ends.most_common(3)) or "none",
        f"{wanted[0]} … {wanted[1]} in every row",
        "a model that is not taught to open its thoughts and to end its turn loops or never thinks",
    )


def _supervised_text(tokenizer: PreTrainedTokenizerBase, encoded: Encoded) -> str:
    return str(tokenizer.decode([label for label in encoded.labels if label != IGNORED]))


def _token_checks(tokenizer: PreTrainedTokenizerBase, rows: list[DatasetRow]) -> Iterator[Check]:
    resolved = tokenizer.eos_token == nano.EOS and tokenizer.pad_token_id is not None
    yield Check(
        "end_and_padding",
        resolved and tokenizer.pad_token_id != tokenizer.eos_token_id,
        f"eos {tokenizer.eos_token} is {tokenizer.eos_token_id}, pad {tokenizer.pad_token} is {tokenizer.pad_token_id}",
        f"eos {nano.EOS}, pad another token",
        "Qwen3's tokenizer was changed to end with <|endoftext|>: without its own end a model never stops",
    )
    dirty = sum(
        any(row.prompt.count(token) != _CONTROL_IN_PROMPT.get(token, 0) for token in nano.CONTROL_TOKENS)
        or any(token in row.prompt for token in nano.ADDED_TOKENS)
        for row in rows
    )
    yield Check(
        "control_tokens",
        dirty == 0,
        f"{dirty:,} rows with control tokens inside their text",
        "0",
        "a literal <|im_end|> in an article becomes the control token itself and ends the prompt there",
    )


def _template(tokenizer: PreTrainedTokenizerBase) -> Check:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    rendered = None
    if tokenizer.chat_template:
        rendered = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    found = "none" if rendered is None else "the same" if rendered == chatml("s", "u") else "other bytes"
    return Check(
        "chat_template",
        found == "the same",
        f"{found} as in training" if rendered is not None else found,
        "the base's own template renders a prompt as training does",
        "v14 was served without its template and repeated itself without end",
    )


def _prompt_bytes(store: Store, dataset_id: int, rows: list[DatasetRow]) -> Check:
    days = datasets.reference_dates(store, dataset_id)
    known = {article.id: article for article in articles.load(store, list({row.article_id for row in rows}))}
    readers = {profile.id: profile for profile in profiles.load(store)}
    differing = sum(
        row.request_id not in days
        or student_prompt(readers[row.profile_id], known[row.article_id], days[row.request_id], row.wording)
        != row.prompt
        for row in rows
    )
    return Check(
        "prompt_bytes",
        differing == 0,
        f"{differing:,} of {len(rows):,} prompts differ from what a scorer sends",
        "0",
        "the public project lost more accuracy to template drift than it gained by training",
    )


def _length(base: str, recipe: Recipe, encoded: list[Encoded]) -> Check:
    context = _context(base, recipe)
    lengths = sorted(len(each.ids) for each in encoded)
    longest = lengths[-1] if lengths else 0
    middle = lengths[len(lengths) // 2] if lengths else 0
    return Check(
        "length",
        0 < longest + recipe.length_margin <= context,
        f"longest {longest:,} tokens, median {middle:,}",
        f"at most {context - recipe.length_margin:,}: the base's context less a margin",
        "truncation cuts off the end of an example, which is its score, in silence",
    )


def _context(base: str, recipe: Recipe) -> int:
    if base == NANO:
        assert recipe.shape is not None
        return recipe.shape.context
    from transformers import AutoConfig

    return int(AutoConfig.from_pretrained(base).max_position_embeddings)


def _row_checks(dataset: Dataset, train: list[DatasetRow], held_out: list[DatasetRow]) -> Iterator[Check]:
    yield Check(
        "rows",
        bool(train and held_out),
        f"{len(train):,} to train on, {len(held_out):,} held out",
        "at least one of each",
        "without held-out articles nothing stops a run that only memorises",
    )
    systems = [row.prompt.partition("<|im_start|>system\n")[2].partition("<|im_end|>")[0].strip() for row in train]
    empty = sum(not system for system in systems)
    readers = len({row.profile_id for row in train})
    yield Check(
        "system_prompts",
        not empty and len(set(systems)) > min(readers, len(train) - 1),
        f"{empty:,} empty, {len(set(systems)):,} different for {readers} profiles",
        "none empty, more than one wording a profile",
        "empty or identical system prompts teach a model to ignore them",
    )
    forbidden = sum(row.tenths == FORBIDDEN_TENTHS for row in train)
    yield Check(
        "score_5_0", not forbidden, f"{forbidden:,} rows", "0", "a 5.0 commits to neither side of the dashboard"
    )
    bare = sum(not split_think(row.completion)[0] for row in train)
    yield Check(
        "answer_only",
        not bare,
        f"{bare:,} rows without a trace",
        "0",
        "versions 15 to 18 saw answers without reasons and learned two modes: noise 1.5, everything else 8.5",
    )
    both = {row.article_id for row in train} & {row.article_id for row in held_out}
    leaks = max(len(both), int(dataset.summary["leaks"]))
    yield Check(
        "leaks", not leaks, f"{leaks:,} articles in both splits", "0", "a contaminated evaluation measures memory"
    )
    groups = dataset.summary["shares"]
    off = [
        name
        for name, group in groups.items()
        if abs(group["share"] - group["target"]) > BAND_TOLERANCE and not group["limited"]
    ]
    limited = any(group["limited"] for group in groups.values())
    yield Check(
        "band_shares",
        limited or not off,
        ", ".join(f"{name} {group['share']:.0%} of {group['target']:.0%}" for name, group in groups.items()),
        f"within {BAND_TOLERANCE:.0%} of the target, or the scarce bands at their cap of repeats",
        "nine pairs in ten are noise: unbalanced, always saying noise is the best that a model can learn",
    )
    distances = [abs(row.tenths - FORBIDDEN_TENTHS) for row in train]
    ordered = distances == sorted(distances, reverse=True) and datasets.order_digest(train) == dataset.order_digest
    yield Check(
        "curriculum",
        ordered,
        f"{'easy to hard' if ordered else 'out of order'}, {dataset.order_digest[:12]}",
        "sorted by distance from 5.0, as when it was built",
        "an order that is assumed but not checked was shuffled every epoch by the default sampler",
    )


def _disk(store: Store, base: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> Check:
    needed = _bytes(base, recipe, tokenizer)
    free = shutil.disk_usage(store.path.resolve().parent).free
    return Check(
        "disk",
        free >= needed,
        f"{free / 1e9:.1f} GB free",
        f"{needed / 1e9:.2f} GB for checkpoints and the model",
        "v17 stalled on a full disk",
    )


def _bytes(base: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> int:
    if base == NANO:
        assert recipe.shape is not None
        shape = recipe.shape
        attention = 2 * shape.hidden * shape.head_dim * (shape.heads + shape.key_value_heads)
        parameters = len(tokenizer) * shape.hidden * (1 if shape.tied_embeddings else 2)
        parameters += shape.layers * (attention + 3 * shape.hidden * shape.feed_forward)
        return parameters * TRAINING_BYTES * COPIES_ON_DISK
    # an adapter has about 1 % of its base's weights, and its base is not copied
    weights = sum(each.stat().st_size for each in Path(base).glob("*.safetensors")) if Path(base).is_dir() else 0
    return int(weights * 0.01 * TRAINING_BYTES / 2 * COPIES_ON_DISK) + 10**9
