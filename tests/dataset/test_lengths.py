from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.commands.tokens import counter, limit_of
from stratos_tui.dataset.build import build
from stratos_tui.dataset.lengths import measure
from stratos_tui.errors import StratosError
from stratos_tui.progress import Canceled
from stratos_tui.records import Split
from stratos_tui.store import datasets, lengths
from stratos_tui.store.db import Store
from stratos_tui.store.lengths import Length

if TYPE_CHECKING:
    from tests.dataset.conftest import Accept

SPLITS: tuple[Split, ...] = ("train", "eval")


@pytest.fixture
def built(seeded: Store, accept: Accept, hold_out: Callable[[Store, int, int], tuple[list[str], list[str]]]) -> int:
    train, held_out = hold_out(seeded, 6, 2)
    readers = ("kuwait_cpeg", "texas_nurse")
    accept(
        seeded, [(article, reader, 7 + 30 * at) for at, reader in enumerate(readers) for article in (*train, *held_out)]
    )
    return build(seeded, "rubric")


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.replace("<|im_end|>", " <|im_end|> ").split()) for text in texts]


def test_lengths_are_counted_once_for_each_tokenizer(seeded: Store, built: int) -> None:
    asked: list[str] = []

    def count(texts: Sequence[str]) -> list[int]:
        asked.extend(texts)
        return words(texts)

    assert lengths.lengths(seeded, built, "words") is None
    found = measure(seeded, built, "words", count)
    rows = [row for split in SPLITS for row in datasets.rows(seeded, built, split)]
    expected = sorted(words([row.prompt + row.completion + "<|im_end|>" for row in rows])[0:], key=int)
    assert (found.rows, found.longest, found.tokens) == (len(rows), expected[-1], sum(expected))
    assert found.p50 == expected[-(-len(rows) // 2) - 1]
    split, position = found.longest_at
    row = datasets.row(seeded, built, split, position)
    assert row is not None
    assert words([row.prompt + row.completion + "<|im_end|>"]) == [found.longest]
    assert found.supervised == sum(words([row.completion + "<|im_end|>" for row in rows]))
    # an article's turn is counted once, however many rows have it
    assert len([text for text in asked if "<|im_start|>user" in text]) == len({row.article_id for row in rows})
    asked.clear()
    assert measure(seeded, built, "words", count) == found
    assert not asked
    assert lengths.tokenizers(seeded, built) == ["words"]
    measure(seeded, built, "characters", lambda texts: [len(text) for text in texts])
    assert lengths.tokenizers(seeded, built) == ["characters", "words"]


def test_a_count_that_was_stopped_does_not_stand_for_the_whole(seeded: Store, built: int) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done:
            raise Canceled

    with pytest.raises(Canceled):
        measure(seeded, built, "words", words, stop)
    assert lengths.lengths(seeded, built, "words") is None
    lengths.keep_lengths(seeded, built, "words", [Length("train", 0, 5, 5)])
    assert lengths.lengths(seeded, built, "words") is None
    assert measure(seeded, built, "words", words).rows == sum(datasets.count(seeded, built, each) for each in SPLITS)


def test_a_build_that_is_not_there_is_named(seeded: Store) -> None:
    with pytest.raises(StratosError, match="there is no dataset 9"):
        measure(seeded, 9, "words", words)


@given(counted=st.lists(st.integers(1, 300), min_size=1, max_size=60))
def test_percentiles_are_the_least_length_that_covers_the_share(counted: list[int]) -> None:
    steps = [(length, counted.count(length)) for length in sorted(set(counted))]
    for share in (0.5, 0.95, 0.99):
        found = lengths.percentile(steps, share)
        assert sum(each <= found for each in counted) >= share * len(counted)
        assert sum(each < found for each in counted) < share * len(counted)


def test_the_sum_of_a_rows_turns_is_what_training_encodes(seeded: Store, built: int) -> None:
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training.bases import load_tokenizer
    from stratos_tui.training.mask import IGNORED, encode
    from stratos_tui.training.recipes import recipe_for

    measure(seeded, built, "nano", counter(seeded, built, "nano"))
    tokenizer = load_tokenizer(seeded, built, "nano", recipe_for("nano"))
    stored = {
        (row["split"], row["position"]): (row["prompt_tokens"], row["completion_tokens"])
        for row in seeded.rows("SELECT * FROM dataset_lengths WHERE dataset_id = ?", (built,))
    }
    for split in SPLITS:
        for row in datasets.rows(seeded, built, split):
            encoded = encode(tokenizer, row.prompt, row.completion)
            supervised = sum(label != IGNORED for label in encoded.labels)
            assert stored[split, row.position] == (len(encoded.ids) - supervised, supervised)


def test_a_limit_needs_a_base_with_a_tokenizer_of_its_own(store: Store, tmp_path: Path) -> None:
    assert limit_of(store, None, None) is None
    for given_tokens, base in ((100, None), (None, "nano")):
        with pytest.raises(StratosError, match="go together"):
            limit_of(store, cast("Any", given_tokens), base)
    with pytest.raises(StratosError, match="made of the finished build"):
        limit_of(store, 100, "nano")


def test_a_limit_counts_with_the_base_that_is_named(store: Store, tiny_model: Path) -> None:
    limit = limit_of(store, 100, str(tiny_model))
    assert limit is not None
    assert limit.tokenizer.startswith(str(tiny_model))
    assert limit.count(["<|im_start|>user\n", "<|im_end|>"])[1] == 1
    assert limit.count([]) == []
