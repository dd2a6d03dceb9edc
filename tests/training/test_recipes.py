from __future__ import annotations

import json

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.training.recipes import (
    DORA_RECIPE,
    NANO,
    NANO_RECIPE,
    SOURCES,
    epochs_for,
    explain,
    from_params,
    read_settings,
    recipe_for,
)


def test_nano_trains_all_weights_and_any_other_base_takes_the_plans_adapter() -> None:
    assert recipe_for(NANO) is NANO_RECIPE
    assert NANO_RECIPE.adapter == "none"
    plan = recipe_for("Qwen/Qwen3-8B")
    assert plan is DORA_RECIPE
    assert (plan.adapter, plan.rank, plan.alpha, plan.learning_rate, plan.schedule) == ("dora", 16, 32, 1e-4, "cosine")
    assert (plan.warmup, plan.epochs, plan.batch, plan.clip, plan.patience) == (0.05, 2, 32, 1.0, 3)
    assert (plan.precision, plan.max_eval_steps) == ("bf16", 200)
    assert len(plan.target_modules) == 7


def test_single_settings_are_replaced_and_the_rest_stays() -> None:
    found = recipe_for(NANO, {"epochs": 7, "learning_rate": 1, "shape.hidden": 64, "overridden": ["disk"]})
    assert (found.epochs, found.learning_rate, found.overridden) == (7, 1.0, ("disk",))
    assert found.shape is not None
    assert NANO_RECIPE.shape is not None
    assert (found.shape.hidden, found.shape.layers) == (64, NANO_RECIPE.shape.layers)
    assert NANO_RECIPE.epochs != 7


@pytest.mark.parametrize("base", [NANO, "Qwen/Qwen3-8B"])
def test_a_recipe_comes_back_from_the_store_as_it_went_in(base: str) -> None:
    recipe = recipe_for(base, {"overridden": ["disk"]})
    assert from_params(json.loads(json.dumps(recipe.params()))) == recipe


@pytest.mark.parametrize(
    ("base", "name", "value", "says"),
    [
        (NANO, "epoch", 2, "no setting 'epoch'; there are adapter, learning_rate"),
        (NANO, "shape.width", 2, "no setting 'width'; there are vocabulary, hidden"),
        (NANO, "shape", 2, "no setting 'shape'"),
        (NANO, "adapter", "dora", "no setting 'adapter'"),
        ("folder", "shape.hidden", 2, "no setting 'shape.hidden'"),
        (NANO, "epochs", "two", "the setting epochs is a int, not 'two'"),
        (NANO, "epochs", 2.0, "the setting epochs is a int, not 2.0"),
        (NANO, "epochs", True, "the setting epochs is a int, not True"),
        (NANO, "learning_rate", True, "the setting learning_rate is a float, not True"),
        (NANO, "keep_best", 1, "the setting keep_best is a bool, not 1"),
        (NANO, "later_epochs", "random", "the setting later_epochs is one of sorted, shuffled, not 'random'"),
        ("folder", "adapter", "qlora", "the setting adapter is one of dora, lora, none, not 'qlora'"),
        (NANO, "overridden", ["disc"], "there is no check 'disc'; there are supervised_share, mask"),
        (NANO, "overridden", "disk", "the setting overridden is a tuple, not 'disk'"),
    ],
)
def test_a_setting_that_is_none_or_of_another_type_is_refused(base: str, name: str, value: object, says: str) -> None:
    with pytest.raises(StratosError) as refused:
        recipe_for(base, {name: value})
    assert says in str(refused.value)


def test_settings_are_read_from_words_and_what_is_not_json_is_text() -> None:
    found = read_settings(
        ["attention=sdpa", "epochs=3", "liger=on", "four_bit=true", 'overridden=["disk"]', "base=a=b"]
    )
    assert found == {
        **{"attention": "sdpa", "epochs": 3, "liger": "on", "four_bit": True, "overridden": ["disk"], "base": "a=b"}
    }
    for word in ("attention", "=sdpa", ""):
        with pytest.raises(StratosError, match="write NAME=VALUE"):
            read_settings([word])


def test_nano_goes_through_a_large_build_less_often_and_never_once() -> None:
    assert [epochs_for(NANO, rows)["epochs"] for rows in (40, 900, 2_800, 100_000)] == [4, 4, 3, 2]
    assert epochs_for("Qwen/Qwen3-8B", 100) == {}


def test_every_setting_says_where_its_value_comes_from() -> None:
    assert set(SOURCES) == set(DORA_RECIPE.params())
    lora = recipe_for("Qwen/Qwen3-8B", {"adapter": "lora", "rank": 8})
    found = {name: (value, source) for name, value, source in explain("Qwen/Qwen3-8B", lora)}
    assert found["adapter"] == ("lora", "set for this run (the recipe's own is dora)")
    assert found["rank"] == (8, "set for this run (the recipe's own is 16)")
    assert found["alpha"] == (32, "plan, section 6, phase 5")
    nano = {name: source for name, _, source in explain(NANO, NANO_RECIPE)}
    assert nano["learning_rate"] == "measured for nano on two cores"
    assert nano["clip"] == SOURCES["clip"]
