"""The checks before a run: each is a fault that killed or spoiled an earlier version, with the value measured now."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui import resources
from stratos_tui.errors import StratosError
from stratos_tui.prism.modelfile import modelfile
from stratos_tui.store import datasets, runs
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.store.db import Store
from stratos_tui.training import (
    bases,
    curriculum,
    launch,
    nano,
    options,
    preflight_machine,
    preflight_rows,
    preflight_tokens,
)
from stratos_tui.training import pilot as pilots
from stratos_tui.training import sizes as size_of
from stratos_tui.training.check import Check
from stratos_tui.training.mask import Encoded, encode
from stratos_tui.training.recipes import NANO, NanoShape, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_EPOCHS = 2
"""Of a base that was trained before (plan, section 8: context-parametric inversion)."""
LOSS_EXAMPLES = 4
"""Examples whose loss is taken before a run."""
SAMPLED = 64
"""Examples that the trainer is made to batch before a run."""
STAND_IN = NanoShape(hidden=8, layers=1, heads=1, key_value_heads=1, head_dim=8, feed_forward=8)
"""The model that the run's trainer is built around while its data is checked."""


def preflight(
    store: Store, dataset_id: int, base: str = NANO, overrides: Mapping[str, object] | None = None
) -> list[Check]:
    """Return every check of a build on a base with a recipe, the base's first loss included.

    Raises:
        StratosError: there is no such build or base, or a setting does not exist.
    """
    if datasets.get(store, dataset_id) is None:
        raise StratosError(f"there is no dataset {dataset_id}; `stratos dataset build` makes one")
    recipe = launch.planned(base, datasets.count(store, dataset_id, "train"), overrides)
    tokenizer = bases.load_tokenizer(store, dataset_id, base, recipe)
    found = list(checks(store, dataset_id, base, recipe, tokenizer))
    return [*found, first_loss(store, dataset_id, base, recipe, tokenizer)]


def checks(
    store: Store, dataset_id: int, base: str, recipe: Recipe, tokenizer: PreTrainedTokenizerBase
) -> Iterator[Check]:
    """Yield every check that loads no weights, with the tokenizer that the run will use."""
    dataset = datasets.get(store, dataset_id)
    assert dataset is not None
    train = list(datasets.rows(store, dataset_id, "train"))
    held_out = list(datasets.rows(store, dataset_id, "eval"))
    rows = [*train, *held_out]
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in rows]
    longest = max((len(each.ids) for each in encoded), default=0)
    completion = max((sum(label >= 0 for label in each.labels) for each in encoded), default=0)
    sizes = size_of.measure(base, recipe, tokenizer)
    recipe = preflight_machine.fitted(recipe, sizes, longest, completion)
    yield from preflight_tokens.checks(tokenizer, recipe, rows, encoded, sizes.context)
    if preflight_machine.processes() > 1:
        yield from _not_measured()
    elif train:
        yield from _trainer_checks(train, encoded, recipe, tokenizer)
    yield from preflight_rows.checks(store, dataset, recipe, train, held_out)
    yield _epochs(recipe)
    yield _modelfile()
    weighted = any(row.weight != 1.0 for row in train)
    yield from preflight_machine.checks(store, base, recipe, sizes, longest, completion, weighted=weighted)
    yield _pilot(store, dataset_id, base, recipe, len(train))


def first_loss(
    store: Store,
    dataset_id: int,
    base: str,
    recipe: Recipe,
    tokenizer: PreTrainedTokenizerBase,
    model: Any = None,
) -> Check:
    """Take the first loss of a base, which is loaded unless it is given; one that is too large here is not loaded."""
    sizes = size_of.measure(base, recipe, tokenizer)
    if model is None and (sizes.parameters <= preflight_machine.LOSS_BASE_PARAMETERS or options.on_gpu(recipe)):
        model = bases.load_model(base, recipe, tokenizer)
    count = datasets.count(store, dataset_id, "train")
    places = {at * count // LOSS_EXAMPLES for at in range(LOSS_EXAMPLES)}
    rows = [row for at in sorted(places) if (row := datasets.row(store, dataset_id, "train", at)) is not None]
    encoded = [encode(tokenizer, row.prompt, row.completion) for row in rows]
    return preflight_machine.initial_loss(model, encoded, recipe, sizes, untrained=base == NANO)


def held(check: Check, recipe: Recipe) -> list[str]:
    """Print a check; return its name where it fails and that was allowed by name.

    Raises:
        StratosError: it fails and was not allowed to.
    """
    print(f"  {'ok  ' if check.ok else 'FAIL'} {check.name}: {check.value} ({check.threshold})")
    if check.ok:
        return []
    if check.name not in recipe.overridden:
        raise StratosError(
            f"preflight {check.name}: {check.value}, wanted {check.threshold}; {check.why};"
            f" `--override {check.name}` lets it fail"
        )
    return [check.name]


def order(seen: Sequence[Sequence[int]], train: Sequence[DatasetRow], recipe: Recipe) -> Check:
    """Judge the positions that a sampler gave, epoch by epoch, by the rows' difficulty and not by how it was made."""
    everything = list(range(len(train)))
    faults = []
    for epoch, positions in enumerate(seen, 1):
        distances = curriculum.difficulty(train[position] for position in positions)
        is_sorted = distances == sorted(distances, reverse=True)
        if sorted(positions) != everything:
            faults.append(f"epoch {epoch} does not see every row once")
        elif (epoch == 1 or recipe.later_epochs == "sorted") and not is_sorted:
            faults.append(f"epoch {epoch} is out of order")
        elif epoch > 1 and recipe.later_epochs == "shuffled" and len(train) > recipe.batch and is_sorted:
            faults.append(f"epoch {epoch} is not shuffled")
    digest = curriculum.digest_after(sum(-(-len(each) // recipe.batch) for each in seen), seen, recipe.batch)
    return Check(
        "order",
        not faults,
        "; ".join(faults) or f"{len(seen)} epochs of {len(train):,} rows as wanted, {digest[:12]}",
        f"epoch 1 easy to hard, later ones {recipe.later_epochs}, by a dry run of the sampler",
        "an order that is assumed but not checked was shuffled every epoch by the default sampler",
    )


def _trainer_checks(
    train: Sequence[DatasetRow], encoded: Sequence[Encoded], recipe: Recipe, tokenizer: PreTrainedTokenizerBase
) -> Iterator[Check]:
    """Have the run's own trainer, with a stand-in of a model, batch a sample and run its sampler dry."""
    from stratos_tui.training import trainer as trainers

    every = max(1, len(train) // SAMPLED)
    sample = list(range(0, len(train), every))[:SAMPLED]
    lengths = [len(each.ids) for each in encoded[: len(train)]]
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainers.dry(
            nano.build_model(tokenizer, STAND_IN, recipe.seed),
            tokenizer,
            recipe,
            [(train[at].prompt, train[at].completion) for at in sample],
            Path(folder),
            max(lengths, default=1) + recipe.length_margin,
        )
        yield preflight_tokens.batches(trainer, [encoded[at] for at in sample])
        yield order(trainers.dry_order(trainer, lengths, curriculum.difficulty(train), recipe), train, recipe)


def _not_measured() -> Iterator[Check]:
    """Say of what one of several processes cannot look at that it was not looked at: its trainer would wait for the
    others. The run itself holds every row to its tokens, and the order that was seen to the curriculum's."""
    why = "one of several processes sees a part of each batch; `stratos train preflight` looks at all of them"
    for name in ("batches", "order"):
        yield Check(name, True, f"not measured under {preflight_machine.processes()} processes", "one process", why)


def _epochs(recipe: Recipe) -> Check:
    ok = recipe.adapter == "none" or recipe.epochs <= MOST_EPOCHS
    return Check(
        "epochs",
        ok,
        f"{recipe.epochs} epochs",
        "any, from nothing" if recipe.adapter == "none" else f"at most {MOST_EPOCHS} of a trained base",
        "v14 went through its data three times; a trained base starts to ignore its prompts",
    )


def _modelfile() -> Check:
    shipped, rendered = preflight_tokens.modelfile(resources.modelfile()), preflight_tokens.modelfile(modelfile())
    return rendered if shipped.ok else shipped


def _pilot(store: Store, dataset_id: int, base: str, recipe: Recipe, rows: int) -> Check:
    trained_on = min(recipe.examples or rows, rows)
    short = base == NANO or trained_on <= recipe.pilot_examples
    passed = None
    if not short:
        for run in runs.load(store):
            same = (run.dataset_id, run.base, run.state) == (dataset_id, base, "done")
            if same and run.params.get("examples") and pilots.verdict(store, run.id).ok:
                passed = run.id
                break
    missing = (
        "no pilot of this dataset and base passed (with FSDP none can: it is not probed and needs `--override pilot`)"
    )
    return Check(
        "pilot",
        bool(short or passed),
        f"run {passed} passed" if passed else "not needed" if short else missing,
        f"a passed `stratos train pilot` before more than {recipe.pilot_examples:,} rows",
        "low loss and a perfect format can hide a student that ignores its profile",
    )
