"""One training process from start to end, and what finds it done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import datasets, runs
from stratos_tui.store.db import Store, open_store
from stratos_tui.training import launch
from stratos_tui.training.curriculum import difficulty, digest_after, epoch_order
from stratos_tui.training.mask import encode
from stratos_tui.training.recipes import from_params

if TYPE_CHECKING:
    from tests.training.conftest import Undisturbed

EVERY = 2
STEPS = 8


@pytest.fixture
def done(undisturbed: Undisturbed) -> Iterator[Store]:
    store = open_store(undisturbed.path)
    yield store
    store.close()


def test_every_step_and_every_evaluation_left_its_row(undisturbed: Undisturbed) -> None:
    run = undisturbed.run
    assert (run.state, run.step, run.total_steps, run.error) == ("done", STEPS, STEPS, "")
    assert [point.step for point in undisturbed.train] == list(range(1, STEPS + 1))
    assert [point.step for point in undisturbed.eval] == list(range(EVERY, STEPS + 1, EVERY))
    for point in undisturbed.train:
        assert all(
            value is not None and math.isfinite(value)
            for value in (point.loss, point.learning_rate, point.grad_norm, point.token_accuracy, point.tokens)
        )
        assert point.epoch == pytest.approx(point.step / (STEPS / 2))
        assert 10e6 < (point.memory or 0) < 100e9
        assert (point.device_memory, point.device_total) == (None, None)
    assert all(point.loss is not None and math.isfinite(point.loss) for point in undisturbed.eval)
    tokens = [point.tokens or 0.0 for point in undisturbed.train]
    assert tokens == sorted(set(tokens))
    # it learns: an untrained model's loss is the logarithm of its vocabulary
    assert (undisturbed.train[-1].loss or 99) < (undisturbed.train[0].loss or 0) - 0.2
    assert [point.learning_rate for point in undisturbed.train].index(0.002) == 1


def test_on_a_gpu_a_step_says_how_much_of_its_memory_was_taken(built: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from stratos_tui.training.callbacks import Telemetry

    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: 21_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=25_000_000_000))
    run_id = launch.create(built, 1)
    state = SimpleNamespace(global_step=3, epoch=0.5, max_steps=9, is_world_process_zero=True)
    args: Any = SimpleNamespace(device=torch.device("cuda"))
    telemetry: Any = Telemetry(built, run_id)
    telemetry.on_log(args, state, None, {"loss": 2.0})
    [point] = runs.points(built, run_id, "train")
    assert (point.device_memory, point.device_total) == (21_000_000_000, 25_000_000_000)
    assert (point.memory or 0) > 10e6


def test_its_figures_say_what_was_trained(undisturbed: Undisturbed) -> None:
    metrics = undisturbed.run.metrics
    assert metrics["steps"] == STEPS
    assert metrics["trained_parameters"] == metrics["parameters"] > 0
    assert metrics["train_loss"] == undisturbed.train[-1].loss
    assert metrics["eval_loss"] == min(point.loss for point in undisturbed.eval if point.loss is not None)
    assert metrics["tokens"] == undisturbed.train[-1].tokens
    assert metrics["seconds"] > 0


def test_the_rows_were_seen_in_the_curriculums_order(done: Store, undisturbed: Undisturbed) -> None:
    from stratos_tui.training import bases

    run = undisturbed.run
    recipe = from_params(run.params)
    tokenizer = bases.load_tokenizer(done, 1, "nano", recipe)
    rows = list(datasets.rows(done, 1, "train"))
    lengths = [len(encode(tokenizer, row.prompt, row.completion).ids) for row in rows]
    orders = [
        epoch_order(
            epoch,
            lengths,
            difficulty(rows),
            later="shuffled",
            seed=0,
            batch=recipe.batch,
            window=recipe.length_window,
        )
        for epoch in range(2)
    ]
    assert orders[0] == list(range(len(rows)))
    assert orders[1] != orders[0]
    assert run.order_digest == digest_after(STEPS, orders, recipe.batch)
    assert run.order_digest != digest_after(STEPS, [orders[0], orders[0]], recipe.batch)
    assert run.metrics["max_length"] >= max(lengths) + recipe.length_margin


def test_the_loss_is_that_of_the_completions_alone(done: Store, undisturbed: Undisturbed) -> None:
    import torch

    from stratos_tui.training import bases

    recipe = from_params(undisturbed.run.params)
    tokenizer = bases.load_tokenizer(done, 1, "nano", recipe)
    model: Any = bases.load_model("nano", recipe, tokenizer)
    lost, counted = 0.0, 0
    for row in list(datasets.rows(done, 1, "train"))[: recipe.batch]:
        prompt, whole = (
            tokenizer(text)["input_ids"] for text in (row.prompt, row.prompt + row.completion + "<|im_end|>")
        )
        with torch.inference_mode():
            said = model(torch.tensor([whole])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        lost -= said.gather(-1, torch.tensor(whole[len(prompt) :]).unsqueeze(-1)).sum().item()
        counted += len(whole) - len(prompt)
    assert undisturbed.train[0].loss == pytest.approx(lost / counted, rel=1e-5)


def test_its_model_loads_and_generates_and_differs_from_the_untrained_one(
    done: Store, undisturbed: Undisturbed, weights: Callable[[Path], dict[str, Any]]
) -> None:
    import torch

    from stratos_tui.inference.local import Sampling, generate, load
    from stratos_tui.training import bases

    folder = runs.model_folder(done, undisturbed.run.id)
    model = load(folder)
    row = datasets.row(done, 1, "eval", 0)
    assert row is not None
    [said] = generate(model, [row.prompt], [1], Sampling(max_new_tokens=8))
    assert 0 < said.tokens_out <= 8
    before = bases.load_model("nano", from_params(undisturbed.run.params), model.tokenizer).state_dict()
    trained = weights(folder)
    assert trained.keys() <= before.keys()
    assert all(not torch.equal(trained[name], before[name]) for name in trained)


def test_a_second_starter_attached_to_the_process_that_was_there(undisturbed: Undisturbed) -> None:
    assert undisturbed.attached == undisturbed.run.id
    log = (Path(undisturbed.run.folder) / runs.LOG).read_text("utf-8")
    assert log.count("run 1: base nano on dataset 1") == 1
    assert "it/s]" not in log


def test_the_same_settings_are_the_same_run_and_others_are_another(
    done: Store, undisturbed: Undisturbed, tiny: dict[str, object]
) -> None:
    log = Path(undisturbed.run.folder) / runs.LOG
    before = log.stat().st_mtime_ns, runs.get(done, 1)
    assert launch.start(done, 1, "nano", tiny) == 1
    launch.resume(done, 1)
    assert launch.wait(done, 1, silent) == before[1]
    launch.stop(done, 1)
    assert (log.stat().st_mtime_ns, launch.wait(done, 1, silent).state) == (before[0], "done")
    assert launch.create(done, 1, "nano", tiny) == 1
    other = launch.create(done, 1, "nano", tiny | {"seed": 1})
    assert other != 1
    with pytest.raises(StratosError, match=f"run {other} is queued, so it has no model yet"):
        runs.model_folder(done, other)
