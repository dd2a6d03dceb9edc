"""Which tokens of an example carry loss: the completion and its end of turn, never the prompt (plan, section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stratos_tui.errors import StratosError
from stratos_tui.records import Split
from stratos_tui.store import datasets
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training import bases
from stratos_tui.training.recipes import recipe_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""The label of a token that carries no loss (PyTorch's ignore_index)."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example as it is trained on: token ids, and labels that are the ids or :data:`IGNORED`."""

    ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class Token:
    """One token for the eye; ``text`` is what it stands for, alone."""

    id: int
    text: str
    supervised: bool


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str, completion: str) -> Encoded:
    """Encode an example as TRL does in prompt-completion form: the end of turn is appended once and supervised.

    The completion starts where the prompt's own tokens end in the whole text's tokens (trl, ``tokenize_fn``).
    """
    whole = tokenizer(prompt + completion + str(tokenizer.eos_token))["input_ids"]
    head = tokenizer(prompt)["input_ids"]
    start = next((i for i, (a, b) in enumerate(zip(head, whole, strict=False)) if a != b), min(len(head), len(whole)))
    return Encoded(whole, [IGNORED] * start + whole[start:])


def mask(store: Store, dataset_id: int, split: Split, position: int, base: str) -> list[Token]:
    """Return one example of a build token by token, as a base's tokenizer sees it.

    Raises:
        StratosError: there is no such example or base.
    """
    row = known_row(store, dataset_id, split, position)
    return tokens_of(bases.load_tokenizer(store, dataset_id, base, recipe_for(base)), row)


def known_row(store: Store, dataset_id: int, split: Split, position: int) -> DatasetRow:
    """Return one example of a build.

    Raises:
        StratosError: there is no such example.
    """
    row = datasets.row(store, dataset_id, split, position)
    if row is None:
        last = datasets.count(store, dataset_id, split) - 1
        raise StratosError(f"dataset {dataset_id} has no {split} example {position}; they go from 0 to {last}")
    return row


def tokens_of(tokenizer: PreTrainedTokenizerBase, row: DatasetRow) -> list[Token]:
    """Return an example's tokens as they are trained on."""
    encoded = encode(tokenizer, row.prompt, row.completion)
    return [
        Token(token, str(tokenizer.decode([token])), label != IGNORED)
        for token, label in zip(encoded.ids, encoded.labels, strict=True)
    ]
