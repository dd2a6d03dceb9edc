"""A model is usable only when the server renders training's bytes and every smoke prompt passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.cli import run as stratos
from stratos_tui.errors import StratosError
from stratos_tui.evaluation.smoke import judge
from stratos_tui.prism import modelfile
from stratos_tui.progress import silent
from stratos_tui.serving.publish import publish_gguf, publish_ollama, rollback, serving_lengths, tag_of
from stratos_tui.store import models, runs
from stratos_tui.store.db import Store
from stratos_tui.store.models import Model

if TYPE_CHECKING:
    from tests.serving.conftest import Behaviour, StandIn

Finish = Callable[[Path], int]
CHECKOUT = Path(__file__).resolve().parents[2]

DIE = """
import os, signal
from stratos_tui.store import models

kept, left = models.update, [int(os.environ["UPDATES"])]

def update(*given, **more):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return kept(*given, **more)

models.update = update
"""
"""What a publishing process runs first: it ends itself by kill -9 before it writes down one step more."""


def to_ollama(store: Store, run_id: int, name: str = "stratos") -> Model:
    return publish_ollama(store, run_id, name, judge, silent, host=None, converter=None)


@pytest.fixture
def run_id(finish_run: Finish, base_model: Path, converter: Path) -> int:
    return finish_run(base_model)


def test_a_model_that_passes_becomes_current(store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour) -> None:
    model = to_ollama(store, run_id)
    assert (model.state, model.error) == ("usable", "")
    assert model.parity["equal"]
    assert model.parity["server"] == "0.33.2"
    assert [each["probe"] for each in model.smoke["checks"]] == ["noise", "hit", "borderline", "kuwait", "texas"]
    assert model.smoke["gap"] == 9.0
    assert set(behaviour.models) == {tag_of(model), "stratos:current"}
    served = behaviour.models["stratos:current"]
    assert served["template"] == modelfile.template()
    run = runs.get(store, run_id)
    assert run is not None
    context, predict = serving_lengths(run, 2048)
    assert served["parameters"] == modelfile.parameters(context, predict)
    assert (context, predict) == (640, 256)
    assert f"PARAMETER num_ctx {context}\n" in model.modelfile
    [blob] = behaviour.blobs
    assert blob == f"sha256:{model.files['converted']['sha256']}"


def test_lengths_are_measured_and_bounded_by_the_models_context(
    store: Store, finish_run: Finish, base_model: Path
) -> None:
    run_id = finish_run(base_model)
    run = runs.get(store, run_id)
    assert run is not None
    assert serving_lengths(run, 512) == (512, 256)
    runs.finish(store, run_id, "done", metrics={})
    run = runs.get(store, run_id)
    assert run is not None
    assert serving_lengths(run, 40_000) == (modelfile.CONTEXT_TOKENS, modelfile.PREDICT_TOKENS)


def test_repeating_does_nothing_again(store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour) -> None:
    first = to_ollama(store, run_id)
    asked = behaviour.count("POST", "/api/chat")
    assert to_ollama(store, run_id) == first
    assert behaviour.count("POST", "/api/chat") == asked == 10
    assert behaviour.count("POST", "/api/create") == 1
    assert len(models.load(store)) == 1


def test_a_server_that_ignores_the_template_is_caught(
    store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour
) -> None:
    behaviour.faults.add("own template")
    model = to_ollama(store, run_id)
    assert model.state == "refused"
    assert "the server renders '<think>" in model.error
    assert behaviour.models == {}
    assert model.smoke == {}
    # what the server rendered is kept for whoever looks for the cause
    assert model.parity["answers"][0]["rendered"].endswith("</think>\n\n")


@pytest.mark.parametrize("there", [False, True], ids=["nothing there", "there already"])
def test_what_one_server_showed_proves_nothing_of_another(
    store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour, elsewhere: StandIn, there: bool
) -> None:
    def interrupted(_: object) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish_ollama(store, run_id, "stratos", interrupted, silent, host=None, converter=None)
    [model] = models.load(store)
    assert (model.parity["equal"], model.parity["host"]) == (True, ollama.url)
    if there:
        elsewhere.behaviour.models |= behaviour.models
    elsewhere.behaviour.faults.add("own template")
    refused = publish_ollama(store, run_id, "stratos", judge, silent, host=elsewhere.url, converter=None)
    assert refused.state == "refused"
    assert refused.parity["host"] == elsewhere.url
    assert elsewhere.behaviour.count("POST", "/api/chat") == 5
    assert elsewhere.behaviour.models == {}
    # and one that is usable here is tried there as if it were new
    elsewhere.behaviour.faults.clear()
    here = to_ollama(store, run_id)
    again = publish_ollama(store, run_id, "stratos", judge, silent, host=elsewhere.url, converter=None)
    assert (here.state, again.state) == ("usable", "usable")
    assert [here.smoke["host"], again.smoke["host"]] == [ollama.url, elsewhere.url]
    assert elsewhere.behaviour.count("POST", "/api/chat") == 5 + 10
    # what is lost there is not lost here
    elsewhere.behaviour.version = "0.35.0"
    elsewhere.behaviour.faults.add("own template")
    lost = publish_ollama(store, run_id, "stratos", judge, silent, host=elsewhere.url, converter=None)
    assert (lost.id, lost.state) == (again.id, "refused")
    assert elsewhere.behaviour.models == {}
    assert models.usable(store, "stratos") == [here]
    assert set(behaviour.models) == {tag_of(here), "stratos:current"}


def test_a_rollback_counts_what_is_on_its_own_server(
    store: Store,
    finish_run: Finish,
    base_model: Path,
    converter: Path,
    ollama: StandIn,
    elsewhere: StandIn,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def said(*arguments: str) -> dict[str, Any]:
        assert stratos(["publish", *arguments, "--db", str(store.path), "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    first = to_ollama(store, finish_run(base_model))
    second = to_ollama(store, finish_run(base_model))
    there = publish_ollama(store, second.run_id, "stratos", judge, silent, host=elsewhere.url, converter=None)
    with pytest.raises(StratosError, match=f"on {elsewhere.url}; {tag_of(there)} is the only usable one"):
        rollback(store, "stratos", elsewhere.url)
    # each server has a current one of its own
    assert [each["id"] for each in said("list")["models"] if each["current"]] == [there.id, second.id]
    assert said("rollback", "--host", ollama.url)["id"] == first.id
    assert [each.id for each in models.usable(store, "stratos")] == [there.id, first.id]
    assert [each["id"] for each in said("list")["models"] if each["current"]] == [there.id, first.id]


def test_another_version_of_the_server_is_asked_again_what_it_renders(
    store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour
) -> None:
    first = to_ollama(store, run_id)
    behaviour.version = "0.34.0"
    # as a version of stratos wrote it that recorded no server
    models.update(store, first.id, "usable", parity={"equal": True, "server": "0.33.2", "answers": []})
    again = to_ollama(store, run_id)
    assert (again.id, again.state, again.parity["server"]) == (first.id, "usable", "0.34.0")
    assert again.smoke == first.smoke
    assert to_ollama(store, run_id) == again
    assert behaviour.count("POST", "/api/chat") == 10 + 5
    assert set(behaviour.models) == {tag_of(first), "stratos:current"}


def test_a_current_model_that_an_upgrade_shows_other_bytes_gives_way_to_the_one_before(
    store: Store, finish_run: Finish, base_model: Path, converter: Path, ollama: StandIn, behaviour: Behaviour
) -> None:
    first = to_ollama(store, finish_run(base_model))
    second = to_ollama(store, finish_run(base_model))
    before = behaviour.models[tag_of(first)]
    behaviour.version = "0.34.0"
    behaviour.faults.add(f"own template {tag_of(second)}")
    refused = to_ollama(store, second.run_id)
    assert (refused.id, refused.state) == (second.id, "refused")
    assert "the server renders '<think>" in refused.error
    assert behaviour.models == {tag_of(first): before, "stratos:current": before}
    [current] = models.usable(store, "stratos")
    assert (current.id, current.parity["server"]) == (first.id, "0.34.0")
    # where none renders training's bytes, none has the name
    behaviour.version = "0.35.0"
    behaviour.faults.add("own template")
    assert to_ollama(store, first.run_id).state == "refused"
    assert behaviour.models == {}
    assert models.usable(store, "stratos") == []


def test_a_rollback_to_a_model_that_an_upgrade_shows_other_bytes_changes_nothing(
    store: Store, finish_run: Finish, base_model: Path, converter: Path, ollama: StandIn, behaviour: Behaviour
) -> None:
    first = to_ollama(store, finish_run(base_model))
    second = to_ollama(store, finish_run(base_model))
    current = behaviour.models["stratos:current"]
    behaviour.version = "0.34.0"
    behaviour.faults.add(f"own template {tag_of(first)}")
    with pytest.raises(StratosError, match=f"would not see training's bytes: .*; {tag_of(second)} stays current"):
        rollback(store, "stratos", None)
    assert behaviour.models["stratos:current"] is current
    assert models.usable(store, "stratos")[0].id == second.id
    behaviour.faults.clear()
    behaviour.version = "0.34.1"
    assert rollback(store, "stratos", None).id == first.id


def test_a_server_that_does_not_say_what_it_renders_proves_nothing(
    store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour
) -> None:
    behaviour.faults.add("no debug")
    model = to_ollama(store, run_id)
    assert model.state == "refused"
    assert "does not say what it renders" in model.error


def test_a_failed_smoke_test_leaves_the_former_model_current_and_repeating_tries_again(
    store: Store, finish_run: Finish, base_model: Path, converter: Path, ollama: StandIn, behaviour: Behaviour
) -> None:
    first = to_ollama(store, finish_run(base_model))
    current = behaviour.models["stratos:current"]
    second = finish_run(base_model)
    behaviour.answers["texas"].score = 93
    refused = to_ollama(store, second)
    assert refused.state == "refused"
    assert "kuwait: scored 9.5, wanted more than 3.0 above texas" in refused.error
    assert behaviour.models["stratos:current"] is current
    assert tag_of(refused) not in behaviour.models
    assert models.usable(store, "stratos") == [first]
    behaviour.answers["texas"].score = 5
    passed = to_ollama(store, second)
    assert passed.state == "usable"
    assert passed.id > refused.id
    assert [each.state for each in models.load(store)] == ["usable", "refused", "usable"]


def test_rollback_goes_back_and_forth_again(
    store: Store, finish_run: Finish, base_model: Path, converter: Path, ollama: StandIn, behaviour: Behaviour
) -> None:
    with pytest.raises(StratosError, match=r"nothing to go back to on .*; there is no usable one"):
        rollback(store, "stratos", None)
    first = to_ollama(store, finish_run(base_model))
    with pytest.raises(StratosError, match="is the only usable one"):
        rollback(store, "stratos", None)
    second = to_ollama(store, finish_run(base_model))
    assert behaviour.models["stratos:current"] is behaviour.models[tag_of(second)]
    assert rollback(store, "stratos", None).id == first.id
    assert behaviour.models["stratos:current"] is behaviour.models[tag_of(first)]
    assert [each.state for each in models.load(store)] == ["retired", "usable"]
    again = to_ollama(store, second.run_id)
    assert [each.id for each in models.usable(store, "stratos")] == [again.id, first.id]
    assert behaviour.models["stratos:current"] is behaviour.models[tag_of(second)]
    # the same weights once more: going back from them does not end at them
    third = to_ollama(store, first.run_id)
    models.update(store, again.id, "retired")
    assert (tag_of(third), [each.id for each in models.usable(store, "stratos")]) == (
        tag_of(first),
        [third.id, first.id],
    )
    with pytest.raises(StratosError, match=f"{tag_of(third)} is the only usable one"):
        rollback(store, "stratos", None)
    models.update(store, second.id, "usable")
    fourth = to_ollama(store, finish_run(base_model))
    models.update(store, fourth.id, "retired")
    assert rollback(store, "stratos", None).id == second.id
    assert [each.id for each in models.usable(store, "stratos")] == [second.id]


def test_rollback_to_what_the_server_lost_changes_nothing(
    store: Store, finish_run: Finish, base_model: Path, converter: Path, ollama: StandIn, behaviour: Behaviour
) -> None:
    first = to_ollama(store, finish_run(base_model))
    second = to_ollama(store, finish_run(base_model))
    del behaviour.models[tag_of(first)]
    with pytest.raises(StratosError, match="is no longer on the server"):
        rollback(store, "stratos", None)
    assert models.usable(store, "stratos")[0].id == second.id


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("create breaks", "invalid file magic"),
        ("create 500", "unsupported architecture"),
        ("blob lost", "not found"),
        ("chat breaks", "runner process has terminated"),
    ],
)
def test_a_fault_of_the_server_is_one_line_and_the_next_attempt_goes_on(
    store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour, fault: str, says: str
) -> None:
    behaviour.faults.add(fault)
    with pytest.raises(StratosError, match=says):
        to_ollama(store, run_id)
    [model] = models.load(store)
    assert model.state in models.UNFINISHED
    behaviour.faults.clear()
    finished = to_ollama(store, run_id)
    assert (finished.id, finished.state) == (model.id, "usable")


def test_a_server_that_is_down_is_said_after_the_file_was_made(
    store: Store, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    with pytest.raises(StratosError, match=r"no Ollama server answers at http://127\.0\.0\.1:9"):
        to_ollama(store, run_id)
    [model] = models.load(store)
    assert model.state == "converted"


def test_a_model_of_another_prompt_is_published_anew(
    store: Store, run_id: int, ollama: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = to_ollama(store, run_id)
    runs.finish(store, run_id, "done", metrics={"max_length": 800, "longest_completion": 150})
    second = to_ollama(store, run_id)
    assert second.fingerprint != first.fingerprint
    assert [each.id for each in models.usable(store, "stratos")] == [second.id, first.id]


@pytest.mark.parametrize("name", ["Stratos", "a:b", "../x", "", "a b", "-a"])
def test_a_name_that_ollama_would_not_take_is_refused(store: Store, run_id: int, name: str) -> None:
    with pytest.raises(StratosError, match="--name"):
        publish_gguf(store, run_id, name, None, silent)


def test_killed_before_every_step_is_written_down_it_ends_the_same(
    store: Store, run_id: int, ollama: StandIn, behaviour: Behaviour, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(DIE)
    command = [sys.executable, "-m", "stratos_tui", "publish", "ollama", "--run", str(run_id), "--json"]

    def attempt(updates: int) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([str(tmp_path), str(CHECKOUT)])
        environment = {**os.environ, "PYTHONPATH": paths, "UPDATES": str(updates)}
        return subprocess.run(
            [*command, "--db", str(store.path)], env=environment, capture_output=True, text=True, check=False
        )

    deaths = 0
    while (done := attempt(1)).returncode == -9:
        deaths += 1
        assert deaths < 10
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["state"], document["current"]) == ("usable", True)
    assert deaths == 5
    [model] = models.load(store)
    assert behaviour.count("POST", "/api/blobs") == 1
    # the comparison and the smoke test are asked again only where their answers were not written down
    assert behaviour.count("POST", "/api/chat") <= 5 * 4
    assert set(behaviour.models) == {tag_of(model), "stratos:current"}


def test_the_commands(
    store: Store,
    finish_run: Finish,
    base_model: Path,
    converter: Path,
    ollama: StandIn,
    behaviour: Behaviour,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def said(*arguments: str, code: int = 0) -> dict[str, Any]:
        assert stratos(["publish", *arguments, "--db", str(store.path), "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    first, second = finish_run(base_model), finish_run(base_model)
    assert said("list") == {"models": []}
    converted = said("gguf", "--run", str(first))
    assert converted["state"] == "converted"
    assert Path(converted["files"]["gguf"]).is_file()
    assert said("ollama", "--run", str(first))["id"] == converted["id"]
    behaviour.answers["noise"].score = 50
    refused = said("ollama", "--run", str(second), code=1)
    assert "noise: scored 5.0, wanted below 2.0" in refused["error"]
    behaviour.answers["noise"].score = 1
    assert said("ollama", "--run", str(second))["current"]
    assert said("rollback")["run"] == first
    assert [each["current"] for each in said("list")["models"]] == [False, False, True]
    assert stratos(["publish", "ollama", "--run", str(first), "--db", str(store.path)]) == 0
    text = capsys.readouterr().out
    assert "renders training's bytes: yes" in text
    assert "in use as stratos:current" in text
    assert stratos(["publish", "gguf", "--run", "99", "--db", str(store.path)]) == 2
