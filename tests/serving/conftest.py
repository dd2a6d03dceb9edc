"""What serving's tests share: finished runs, a stand-in for llama.cpp's converter, and one for an Ollama server."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stratos_tui.prism.trace import render_completion
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.serving.probes import ProbeName, probes
from stratos_tui.store import runs
from stratos_tui.store.db import Store

RenderByGo = Callable[[str, list[list[dict[str, str]]]], list[str]]

METRICS = {"max_length": 400, "longest_completion": 150}
CONVERTER = Path(__file__).parent / "llama_cpp" / "convert_hf_to_gguf.py"
TRACE = (
    "PROFILE: {role}\nCONTENT: {title}\n"
    "ANALYSIS: each tracked name was held against the text, one after the other, before this was weighed."
)
"""A trace that passes; it neither loops nor copies."""


@dataclass
class Said:
    """What the stand-in server answers to one probe."""

    score: int
    trace: str
    inline: bool = False
    finished: bool = True
    raw: str | None = None


@dataclass
class Behaviour:
    """How the stand-in server behaves. ``faults``: ``create breaks`` (an error mid-stream under 200), ``create 500``,
    ``blob lost``, ``own template`` (it prefers another one to the TEMPLATE; of one model with its name behind),
    ``no debug``, ``chat breaks``."""

    answers: dict[str, Said] = field(default_factory=dict)
    faults: set[str] = field(default_factory=set)
    version: str = "0.33.2"
    blobs: dict[str, bytes] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)

    def count(self, method: str, start: str) -> int:
        """How many requests of this kind came."""
        return sum(each == method and path.startswith(start) for each, path in self.requests)


class StandIn(ThreadingHTTPServer):
    """Speaks Ollama's protocol over loopback; renders an uploaded TEMPLATE by Go, and never by our renderer."""

    daemon_threads = True

    def __init__(self, behaviour: Behaviour, render: RenderByGo) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour
        self.render = render

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        behaviour = self._begin()
        names = behaviour.loaded if self.path == "/api/ps" else behaviour.models
        listed = [{"name": name, "model": name, "size": 1} for name in sorted(names)]
        if self.path == "/":
            self._send(200, b"Ollama is running")
        elif self.path == "/api/version":
            self._json({"version": behaviour.version})
        elif self.path in ("/api/tags", "/api/ps"):
            self._json({"models": listed})
        else:
            self._json({"error": "not found"}, 404)

    def do_HEAD(self) -> None:
        behaviour = self._begin()
        self._send(200 if self.path.rpartition("/")[2] in behaviour.blobs else 404, b"")

    def do_DELETE(self) -> None:
        behaviour = self._begin()
        name = _tagged(json.loads(self._body())["model"])
        if behaviour.models.pop(name, None) is None:
            self._json({"error": f"model '{name}' not found"}, 404)
        else:
            self._send(200, b"")

    def do_POST(self) -> None:
        behaviour = self._begin()
        body = self._body()
        if self.path.startswith("/api/blobs/"):
            digest = self.path.rpartition("/")[2]
            if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
                self._json({"error": "digest mismatch"}, 400)
                return
            if "blob lost" not in behaviour.faults:
                behaviour.blobs[digest] = body
            self._send(201, b"")
            return
        asked = json.loads(body)
        name = _tagged(asked.get("model") or asked.get("source", ""))
        if self.path == "/api/create":
            self._create(behaviour, name, asked)
        elif name not in behaviour.models:
            self._json({"error": f"model '{name}' not found"}, 404)
        elif self.path == "/api/copy":
            behaviour.models[_tagged(asked["destination"])] = behaviour.models[name]
            self._send(200, b"")
        elif self.path == "/api/show":
            shown = behaviour.models[name]
            capable = ["completion", *(["thinking"] if ".Thinking" in shown["template"] else [])]
            self._json({"template": shown["template"], "parameters": "", "capabilities": capable, "model_info": {}})
        elif self.path == "/api/chat":
            self._chat(behaviour, name, asked)
        else:
            self._json({"error": "not found"}, 404)

    def _create(self, behaviour: Behaviour, name: str, asked: dict[str, Any]) -> None:
        lines: list[dict[str, Any]] = [{"status": "parsing GGUF"}]
        [digest] = asked["files"].values()
        if "create 500" in behaviour.faults:
            self._json({"error": "unsupported architecture"}, 500)
            return
        if digest not in behaviour.blobs:
            self._json({"error": f"blob {digest[:20]} not found"}, 400)
            return
        if behaviour.blobs[digest][:4] != b"GGUF" or "create breaks" in behaviour.faults:
            lines.append({"error": "invalid file magic"})
        else:
            behaviour.models[name] = {"template": asked["template"], "parameters": asked["parameters"]}
            lines += [{"status": "writing manifest"}, {"status": "success"}]
        self._send(200, b"".join(json.dumps(line).encode() + b"\n" for line in lines), "application/x-ndjson")

    def _chat(self, behaviour: Behaviour, name: str, asked: dict[str, Any]) -> None:
        template = behaviour.models[name]["template"]
        if behaviour.faults & {"own template", f"own template {name}"}:
            template = template.replace("<|im_start|>assistant\n", "<|im_start|>assistant\n<think>\n\n</think>\n\n")
        [prompt] = self.server.render(template, [asked["messages"]])
        if asked.get("_debug_render_only") and "no debug" not in behaviour.faults:
            self._json({"model": name, "done": False, "_debug_info": {"rendered_template": prompt}})
            return
        if "chat breaks" in behaviour.faults:
            self._json({"error": "llama runner process has terminated: signal: killed"}, 500)
            return
        behaviour.loaded.add(name)
        probe = next(each.name for each in probes() if asked["messages"][1]["content"] == each.user
                     and asked["messages"][0]["content"] == each.system)  # fmt: skip
        said = behaviour.answers[probe]
        whole = render_completion(said.trace, said.score, "because")
        message = {"role": "assistant", "content": said.raw if said.raw is not None else whole}
        if said.raw is None and not said.inline:
            message |= {"thinking": said.trace, "content": whole.partition("</think>\n\n")[2]}
        reason = {"done": True, "done_reason": "stop" if said.finished else "length"}
        counts = {"total_duration": 2_000_000, "prompt_eval_count": 300, "eval_count": 90}
        self._json({"model": name, "message": message, **reason, **counts})

    def _begin(self) -> Behaviour:
        self.server.behaviour.requests.append((self.command, self.path))
        return self.server.behaviour

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _json(self, answer: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(answer, ensure_ascii=False).encode())

    def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _tagged(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def well_behaved() -> Behaviour:
    scores: dict[ProbeName, int] = {"noise": 1, "hit": 85, "borderline": 56, "kuwait": 95, "texas": 5}
    traces = {each.name: TRACE.format(role=each.profile.role, title=each.article.title) for each in probes()}
    return Behaviour(answers={name: Said(score, traces[name]) for name, score in scores.items()})


@pytest.fixture
def behaviour() -> Behaviour:
    """A server that answers every probe as a good model would."""
    return well_behaved()


@pytest.fixture
def ollama(behaviour: Behaviour, render_by_go: RenderByGo, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A running stand-in server, which OLLAMA_HOST names."""
    with running(StandIn(behaviour, render_by_go)) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        yield server


@pytest.fixture
def elsewhere(render_by_go: RenderByGo) -> Iterator[StandIn]:
    """A second server that is running, with nothing on it; as well behaved."""
    with running(StandIn(well_behaved(), render_by_go)) as server:
        yield server


@contextmanager
def running(server: StandIn) -> Iterator[StandIn]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in converter, which STRATOS_CONVERTER names."""
    monkeypatch.setenv("STRATOS_CONVERTER", str(CONVERTER))
    return CONVERTER


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained Qwen3 whose sizes Q8_0 can hold: whole blocks of 32 weights."""
    pytest.importorskip("trl", reason="the training stack is not installed")
    from stratos_tui.training.nano import build_model, build_tokenizer
    from stratos_tui.training.recipes import NanoShape

    shape = replace(
        NanoShape(), vocabulary=400, hidden=32, layers=2, heads=2, key_value_heads=2, head_dim=16, feed_forward=64
    )
    texts = [article.body for article, _ in list(shipped_articles())[:8]] + [p.context for p in shipped_profiles()]
    folder = tmp_path_factory.mktemp("base") / "base"
    tokenizer = build_tokenizer(texts, shape.vocabulary)
    tokenizer.save_pretrained(str(folder))
    build_model(tokenizer, shape, seed=0).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def adapter(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a DoRA adapter on the base that moves its logits, as training saves one."""
    pytest.importorskip("peft", reason="the training stack is not installed")
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(task_type="CAUSAL_LM", use_dora=True, r=4, lora_alpha=8, target_modules=names)
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base_model), config)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_B" in name or "magnitude" in name:
                weights.add_(torch.randn_like(weights) * 0.05)
    folder = tmp_path_factory.mktemp("adapter") / "model"
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base_model).save_pretrained(str(folder))
    return folder


@pytest.fixture
def finish_run(store: Store) -> Callable[[Path], int]:
    """Put a run into the store that ended with the given model or adapter, and return its number."""

    def finish(model: Path) -> int:
        number = len(runs.load(store)) + 1
        with store.write() as connection:
            connection.execute(
                "INSERT INTO datasets VALUES (?, ?, '', 'rubric', '{}', '{}', '', '2026-11-22', 'test')",
                (number, f"digest {number}"),
            )
        run_id = runs.add(store, number, "nano", {}, f"fingerprint {number}")
        folder = runs.folder_of(store, run_id)
        shutil.copytree(model, folder / "model")
        runs.queue(store, run_id, str(folder))
        runs.finish(store, run_id, "done", metrics=METRICS)
        return run_id

    return finish
