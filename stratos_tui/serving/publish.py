"""Takes a finished run to a served model: merged, converted, created, compared, tried, named. Each step is kept.

A model is usable only when the server renders training's bytes and every smoke prompt passes; until then the one before
stays current. What one server showed proves nothing of another, and what it rendered is asked anew of another version.
``NAME:current`` is the name to use; each version keeps a name of its own for the way back.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.prism import modelfile
from stratos_tui.prism.prompts import fingerprint
from stratos_tui.progress import Report
from stratos_tui.serving import folders, gguf, merge
from stratos_tui.serving.ollama_server import OllamaServer, Reply, open_server
from stratos_tui.serving.parity import ask_parity, explain
from stratos_tui.serving.probes import Probe, probes
from stratos_tui.store import models, runs
from stratos_tui.store.db import Store
from stratos_tui.store.models import Model
from stratos_tui.store.runs import Run

DEFAULT_NAME = "stratos"
CURRENT = "current"
LENGTH_MARGIN = 1.5
"""A served article may be this much longer than the longest that was trained on, and an answer likewise."""
LENGTH_STEP = 64
FINGERPRINT_DIGITS = 16
TAG_DIGITS = 8
STEPS = 4
SMOKE_SEED = 0

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}(/[a-z0-9][a-z0-9._-]{0,60})?\Z")

Smoke = Callable[[Sequence[tuple[Probe, Reply]]], dict[str, Any]]
"""Judges the answers to the probes: at least ``ok``, and ``failed``, one line that says what did not hold."""


def publish_gguf(store: Store, run_id: int, name: str, converter: str | None, report: Report) -> Model:
    """Merge a finished run and convert it, and return the model that stands for it under a name.

    What is done already is not done again; a model that went further than this is returned as it is.

    Raises:
        StratosError: a step failed; what was whole before stays.
    """
    run = runs.finished(store, run_id)
    _check_name(name)
    folder = folders.serving_folder(store, run)
    with folders.alone(folder):
        merged_folder, merged = merge.merge(store, run, report)
        model = models.newest(store, run_id, name) or _known(store, models.add(store, run_id, name))
        measured = {"merged": str(merged_folder), "merge": asdict(merged)}
        if model.state == "merged" and model.files != measured:
            model = models.update(store, model.id, "merged", files=measured)
        file, converted = gguf.to_gguf(merged_folder, merged, converter, report)
        lengths = serving_lengths(run, _context_of(merged_folder))
        mark = _fingerprint(converted.sha256, lengths)
        with folders.whole(folder / "Modelfile") as draft:
            draft.write_text(modelfile.modelfile(f"./{file.name}", *lengths), encoding="utf-8")
        if model.state != "merged" and model.fingerprint != mark:
            # the prompt, the template or the file is another by now: what was proven before says nothing of this
            model = _known(store, models.add(store, run_id, name))
        if model.state != "merged":
            return model
        return models.update(
            store,
            model.id,
            "converted",
            files={**measured, "gguf": str(file), "converted": asdict(converted)},
            tools={**merged.tools, "converter": converted.converter},
            fingerprint=mark,
            modelfile=(folder / "Modelfile").read_text(encoding="utf-8"),
        )


def publish_ollama(
    store: Store, run_id: int, name: str, smoke: Smoke, report: Report, *, host: str | None, converter: str | None
) -> Model:
    """Publish a finished run in Ollama and return its model, usable or refused.

    Killed at any step and repeated, it goes on from the last whole one. A model that is current on this server is asked
    again only what it renders, and only where the server's version is another. One that was refused, rolled back,
    followed by another or proven elsewhere is created, compared and tried again, as a new row.

    Raises:
        StratosError: a step could not be done; the model before stays current.
    """
    model = publish_gguf(store, run_id, name, converter, report)
    run = runs.finished(store, run_id)
    folder = folders.serving_folder(store, run)
    with folders.alone(folder), open_server(host) as server:
        version, tag = server.version(), tag_of(model)
        there = server.has_model(tag)
        proven = models.usable(store, name, server.url)
        if there and proven and proven[0].id == model.id:
            return _keep(store, server, model, version)
        if model.state not in models.UNFINISHED:
            model = _again(store, model)
        if model.state == "converted" or not there:
            _create(server, model, tag, folder, serving_lengths(run, _context_of(folder / merge.FOLDER)), report)
            tools = {**model.tools, "ollama": version}
            # what is created now was neither compared nor tried, whatever the row says of another server
            model = models.update(store, model.id, "created", tools=tools, parity={}, smoke={})
        report(1, STEPS, "comparing: what the server renders")
        model = _compared(store, server, model, version)
        if not model.parity["equal"]:
            return _refuse(store, server, model, _other_bytes(model))
        if model.smoke.get("host") != server.url:
            tried = {**_try(server, tag, smoke, report), "host": server.url, "server": version}
            model = models.update(store, model.id, "created", smoke=tried)
        if not model.smoke["ok"]:
            return _refuse(store, server, model, f"the smoke test failed: {model.smoke['failed']}")
        server.copy(tag, alias_of(name))
        report(STEPS, STEPS, "publishing: done")
        return models.update(store, model.id, "usable")


def rollback(store: Store, name: str, host: str | None) -> Model:
    """Make the usable model before a server's current one current again, and return it; the present one is retired.

    The same weights are one model, however often they were published there: it goes back to others.

    Raises:
        StratosError: there is none before it, the server cannot be asked, or it would not show that model training's
            bytes (asked again where the server's version is another); the present one stays current then.
    """
    _check_name(name)
    with open_server(host) as server:
        usable = models.usable(store, name, server.url)
        before = before_current(usable)
        if before is None:
            there = f"{tag_of(usable[0])} is the only usable one" if usable else "there is no usable one"
            raise StratosError(f"{name}: nothing to go back to on {server.url}; {there} (`stratos publish list`)")
        present = usable[0]
        if not server.has_model(tag_of(before)):
            raise StratosError(
                f"{tag_of(before)} is no longer on the server;"
                f" `stratos publish ollama --run {before.run_id} --name {name}` puts it back"
            )
        before = _compared(store, server, before, server.version())
        if not before.parity["equal"]:
            raise StratosError(f"{tag_of(before)}: {_other_bytes(before)}; {tag_of(present)} stays current")
        # the server first: killed in between, a repeated rollback does the same again
        server.copy(tag_of(before), alias_of(name))
    for model in usable:
        if tag_of(model) == tag_of(present):
            models.update(store, model.id, "retired")
    return before


def before_current(usable: Sequence[Model]) -> Model | None:
    """Return what a rollback goes back to of a server's usable models, newest first: other weights than the first's."""
    return next((model for model in usable if tag_of(model) != tag_of(usable[0])), None)


def tag_of(model: Model) -> str:
    """Return the name in Ollama of this one version."""
    return f"{model.name}:run-{model.run_id}-{model.fingerprint[:TAG_DIGITS]}"


def alias_of(name: str) -> str:
    """Return the name in Ollama under which the current version is used."""
    return f"{name}:{CURRENT}"


def serving_lengths(run: Run, context: int) -> tuple[int, int]:
    """Return ``num_ctx`` and ``num_predict`` from what the run measured of its examples, in tokens.

    ``context`` is the most that the model was made for.
    """
    longest, completion = run.metrics.get("max_length"), run.metrics.get("longest_completion")
    if not longest or not completion:
        return min(modelfile.CONTEXT_TOKENS, context), modelfile.PREDICT_TOKENS
    num_ctx = min(_rounded(longest * LENGTH_MARGIN), context)
    return num_ctx, min(_rounded(completion * LENGTH_MARGIN), num_ctx)


def _create(
    server: OllamaServer, model: Model, tag: str, folder: Path, lengths: tuple[int, int], report: Report
) -> None:
    report(0, STEPS, "creating: sending the weights")
    digest = f"sha256:{model.files['converted']['sha256']}"
    server.upload(folder / gguf.FILE, digest)
    server.create(tag, digest, modelfile.template(), modelfile.parameters(*lengths), report, steps=STEPS)


def _keep(store: Store, server: OllamaServer, model: Model, version: str) -> Model:
    """Keep a current model current while it renders training's bytes; else refuse it, and fall back."""
    model = _compared(store, server, model, version)
    if model.parity["equal"]:
        server.copy(tag_of(model), alias_of(model.name))
        return model
    # the name first: killed in between, this row is still the current one, and a repeated attempt does the same again
    _fall_back(store, server, model, version)
    return _refuse(store, server, model, _other_bytes(model))


def _fall_back(store: Store, server: OllamaServer, model: Model, version: str) -> None:
    """Give a model's name to the newest other usable one that renders training's bytes, else take the name away."""
    for before in models.usable(store, model.name, server.url):
        if before.id == model.id or not server.has_model(tag_of(before)):
            continue
        asked = _compared(store, server, before, version)
        if asked.parity["equal"]:
            server.copy(tag_of(asked), alias_of(asked.name))
            return
        _refuse(store, server, asked, _other_bytes(asked))
    if server.has_model(alias_of(model.name)):
        server.delete(alias_of(model.name))


def _compared(store: Store, server: OllamaServer, model: Model, version: str) -> Model:
    """Ask a server what it renders, unless it was asked in this version; what it said is kept."""
    if (model.parity.get("host"), model.parity.get("server")) == (server.url, version):
        return model
    said = ask_parity(server, tag_of(model), version, probes())
    return models.update(store, model.id, model.state, parity=said)


def _other_bytes(model: Model) -> str:
    return f"it would not see training's bytes: {explain(model.parity)}"


def _try(server: OllamaServer, tag: str, smoke: Smoke, report: Report) -> dict[str, Any]:
    replies = []
    for number, probe in enumerate(probes()):
        report(2, STEPS, f"trying: {probe.name}, {number + 1} of 5")
        replies.append((probe, server.chat(tag, probe.messages, SMOKE_SEED)))
    return smoke(replies)


def _refuse(store: Store, server: OllamaServer, model: Model, error: str) -> Model:
    """Close a model as refused; nothing unproven stays on the server. What it said is kept."""
    refused = models.update(store, model.id, "refused", error=error)
    proven = {tag_of(each) for each in models.usable(store, model.name, server.url)}
    if tag_of(model) not in proven and server.has_model(tag_of(model)):
        server.delete(tag_of(model))
    return refused


def _again(store: Store, model: Model) -> Model:
    """Begin a new row for weights that were published before: the newest usable row of a name is the current one."""
    return models.update(
        store,
        models.add(store, model.run_id, model.name),
        "converted",
        files=model.files,
        tools=model.tools,
        fingerprint=model.fingerprint,
        modelfile=model.modelfile,
    )


def _fingerprint(weights: str, lengths: tuple[int, int]) -> str:
    parts = [weights, modelfile.template(), modelfile.parameters(*lengths), fingerprint("student")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:FINGERPRINT_DIGITS]


def _context_of(folder: Path) -> int:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return int(config.get("max_position_embeddings") or modelfile.CONTEXT_TOKENS)


def _rounded(tokens: float) -> int:
    return math.ceil(tokens / LENGTH_STEP) * LENGTH_STEP


def _check_name(name: str) -> None:
    if not _NAME.match(name):
        raise StratosError(f"--name {name!r}: write small letters, digits, . _ -, without a tag, as in {DEFAULT_NAME}")


def _known(store: Store, model_id: int) -> Model:
    model = models.get(store, model_id)
    assert model is not None
    return model
