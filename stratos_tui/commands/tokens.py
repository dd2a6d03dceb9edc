"""Hands the tokenizer of a base to what counts tokens and may not load one itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store

if TYPE_CHECKING:
    from stratos_tui.dataset.pool import Count, Limit


def tokenizer_name(base: str) -> str:
    """Return the name that a base's tokenizer has in the store.

    Raises:
        StratosError: a folder that holds no model.
    """
    from stratos_tui.training.bases import identity

    return identity(base)


def counter(store: Store, dataset_id: int, base: str) -> Count:
    """Return what counts tokens as a run of this build on this base would; loading takes seconds.

    Raises:
        StratosError: the base has no readable tokenizer, or the training stack is not installed.
    """
    try:
        from stratos_tui.training.bases import load_tokenizer
        from stratos_tui.training.recipes import recipe_for

        tokenizer = load_tokenizer(store, dataset_id, base, recipe_for(base))
    except ImportError as error:
        raise StratosError(f"counting tokens needs {error.name}: pip install 'stratos-tui[train]'") from error

    def count(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []

    return count


def limit_of(store: Store, max_tokens: int | None, base: str | None) -> Limit | None:
    """Return the limit that ``--max-tokens`` and ``--base`` ask for together, None where neither is given.

    Raises:
        StratosError: one without the other, or the nano base, whose tokenizer is made of the finished build.
    """
    from stratos_tui.dataset.pool import Limit
    from stratos_tui.training.recipes import NANO

    if max_tokens is None and base is None:
        return None
    if max_tokens is None or base is None:
        raise StratosError("--max-tokens and --base go together: how many tokens, and by whose tokenizer")
    if base == NANO:
        raise StratosError("--base nano: its tokenizer is made of the finished build; name another base to count by")
    return Limit(max_tokens, tokenizer_name(base), counter(store, 0, base))
