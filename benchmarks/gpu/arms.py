"""SmolLM2-135M trained on real rows in three arms: with traces, without them, and on answers of another set.

    python -m benchmarks.gpu.arms --base FOLDER [--real FOLDER] [--out FOLDER] [--set NAME=VALUE …]
    python -m benchmarks.gpu.arms --toy

- ``trace kept``: the rows of ``training_merged_sample.jsonl`` that have a trace in ``<think>``.
- ``trace stripped``: the same rows, their answers alone.
- ``answer only``: ``scored_pairs.jsonl``, which has no traces, without its held-out articles.

All are evaluated, beside the base as it came, on the held-out articles of ``scored_pairs.jsonl``: a fifth of them,
chosen by a seeded hash. No arm sees a held-out article or one that nearly repeats it. Every row is rendered by the
student's prompt, in training as in evaluation. Where preflight's checks of tokens object, the arm names those that it
allows. ``--base`` is a folder that ``benchmarks.small_model --keep`` leaves as ``smollm2``. ``--toy`` takes a Qwen3 of
1.2 million random weights and a handful of rows, on the CPU: it says that the script runs, and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gpu import common
from stratos_tui.articles import fields, near_duplicates, rows
from stratos_tui.errors import StratosError
from stratos_tui.evaluation.evaluate import evaluate_predictions
from stratos_tui.prism.bands import FORBIDDEN_TENTHS
from stratos_tui.prism.prompts import reference_date_of, student_prompt
from stratos_tui.prism.trace import Fault, parse_answer, render_completion, render_score
from stratos_tui.records import Article
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.training import nano, preflight, preflight_rows, preflight_tokens
from stratos_tui.training.mask import encode
from stratos_tui.training.recipes import NanoShape, Recipe, read_settings, recipe_for

if TYPE_CHECKING:
    from stratos_tui.inference.local import Generation

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
DAY = date(2026, 2, 15)
"""The rows do not say when they were fetched; all are of February and March 2026."""
HELD_OUT = 5
"""One article in so many is held out."""
ALLOWED = {
    "trace kept": {"first_and_last": "SmolLM2 has no token <think>: a '<' opens it"},
    "trace stripped": {"first_and_last": "the arm has no traces", "answer_only": "that is the arm"},
    "answer only": {"first_and_last": "the set has no traces", "answer_only": "that is the arm"},
}
"""The checks that an arm may fail, and why."""
TOY: dict[str, object] = {
    **common.TOY,
    **{"batch": 4, "micro_batch": 2, "epochs": 1, "activation_checkpointing": False},
}
TOY_ROWS, TOY_PAIRS, TOY_TOKENS = 8, 12, 16
TOKENS = 640
"""A completion that is longer is cut and counts as a parse failure, as in scoring."""
TOGETHER = 32


@dataclass(frozen=True, slots=True)
class Pair:
    """One real row: ``prompt`` as the student sees it, the trace (may be empty), and the teacher's answer."""

    article: str
    profile: str
    prompt: str
    trace: str
    tenths: int
    reason: str

    def example(self, *, traced: bool) -> common.Example:
        """Return the row to train on."""
        if traced:
            return self.prompt, render_completion(self.trace, self.tenths, self.reason)
        return self.prompt, render_score(self.tenths, self.reason)


def main(given: argparse.Namespace, out: Path) -> None:
    """Read the rows, train and evaluate each arm, print them beside the trivial scorers."""
    from datasets import disable_progress_bars

    from stratos_tui.inference import local

    disable_progress_bars()
    out.mkdir(parents=True, exist_ok=True)
    print(common.describe(), flush=True)
    arms, held_out, seen = read(given.real)
    if given.toy:
        arms = {name: spread(examples, TOY_ROWS) for name, examples in arms.items()}
        held_out = held_out[:TOY_PAIRS]
    recipe = recipe_for("smollm2", (TOY if given.toy else {}) | read_settings(given.settings))
    results = {}
    for name in (None, *arms):
        began = time.monotonic()
        tokenizer, model = base(given, arms)
        took = ""
        if name is not None:
            examples = [pair.example(traced=name == "trace kept") for pair in arms[name]]
            hold(name, tokenizer, recipe, arms[name], examples, int(model.config.max_position_embeddings))
            with tempfile.TemporaryDirectory() as folder:
                model, measured = common.train_as_runs_do(model, tokenizer, recipe, examples, Path(folder))
            took = f"{len(examples)} rows, {measured.steps + 1} steps, loss {measured.losses[0]:.3f} to"
            took += f" {measured.losses[-1]:.3f}, {measured.speed:,.0f} tokens/s, "
            if recipe.adapter != "none":
                model = model.merge_and_unload(safe_merge=True)
        model.eval()
        served = local.serve(out, model, tokenizer)
        sampling = local.Sampling(
            temperature=0.6, top_p=0.95, top_k=20, max_new_tokens=TOY_TOKENS if given.toy else TOKENS
        )
        said: list[Generation] = []
        for start in range(0, len(held_out), TOGETHER):
            together = held_out[start : start + TOGETHER]
            seeds = [start + at for at in range(len(together))]
            said += local.generate(served, [pair.prompt for pair in together], seeds, sampling)
        label = name or "base as it came"
        file = out / f"{label.replace(' ', '-')}.jsonl"
        write_predictions(file, held_out, said, seen)
        results[label] = evaluate_predictions(file)
        print(f"{label}: {took}{time.monotonic() - began:.0f} s in all", flush=True)
    tell(results)


def read(folder: Path) -> tuple[dict[str, list[Pair]], list[Pair], list[Pair]]:
    """Return each arm's rows in the curriculum's order, the held-out pairs, and the pairs that medians come from."""
    articles: dict[str, Article] = {}
    merged = load(folder / "training_merged_sample.jsonl", articles)
    scored = load(folder / "scored_pairs.jsonl", articles)
    first_of = near_duplicates.find(list(articles.values()))
    root = {article: first_of.get(article, article) for article in articles}
    apart = {root[pair.article] for pair in scored if _hash(root[pair.article]) % HELD_OUT == 0}
    held_out = [pair for pair in scored if root[pair.article] in apart]
    answers, traced = (
        sorted(
            (pair for pair in pairs if root[pair.article] not in apart and pair.tenths != FORBIDDEN_TENTHS),
            key=lambda pair: (-abs(pair.tenths - FORBIDDEN_TENTHS), _hash(pair.article + pair.profile)),
        )
        for pairs in (scored, [pair for pair in merged if pair.trace])
    )
    leaking = sum(root[pair.article] in apart for pair in merged)
    print(
        f"{len(held_out)} pairs of {len({pair.article for pair in held_out})} articles held out; {leaking} of"
        f" {len(merged)} rows of the merged sample are about them or nearly repeat them, and are left out;"
        f" {len(traced)} rows with a trace, {len(answers)} with an answer alone",
        flush=True,
    )
    return {"trace kept": traced, "trace stripped": traced, "answer only": answers}, held_out, answers


def load(file: Path, articles: dict[str, Article]) -> list[Pair]:
    """Read a file's rows, each pair once; its articles are added to those known."""
    found: dict[tuple[str, str], Pair] = {}
    refused = 0
    for row in rows.read(file):
        try:
            pair = fields.pair_of((row.values or {}).get("messages"))
        except StratosError:
            refused += 1
            continue
        article_id = hashlib.sha256(f"{pair.article.title}\0{pair.article.body}".casefold().encode()).hexdigest()[:16]
        article = articles.setdefault(article_id, replace(pair.article, id=article_id))
        profile = f"{pair.reader.role}, {pair.reader.location}"
        prompt = student_prompt(pair.reader, article, reference_date_of(article, DAY))
        found.setdefault((article_id, profile), Pair(article_id, profile, prompt, pair.trace, pair.tenths, pair.reason))
    print(f"{file.name}: {len(found)} pairs, {refused} rows refused")
    return list(found.values())


def base(given: argparse.Namespace, arms: dict[str, list[Pair]]) -> tuple[Any, Any]:
    """Return the tokenizer and the untrained model that every arm begins with."""
    if given.toy:
        texts = (text for pairs in arms.values() for pair in pairs for text in (pair.prompt, pair.trace))
        shape = NanoShape()
        tokenizer: Any = nano.build_tokenizer(texts, shape.vocabulary)
        return tokenizer, nano.build_model(tokenizer, shape, 0)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(given.base)
    tokenizer.eos_token, tokenizer.pad_token = nano.EOS, nano.PAD
    gpu = torch.cuda.is_available()
    model: Any = AutoModelForCausalLM.from_pretrained(given.base, dtype=torch.bfloat16 if gpu else torch.float32)
    return tokenizer, model.to("cuda") if gpu else model


def hold(
    arm: str, tokenizer: Any, recipe: Recipe, pairs: Sequence[Pair], examples: Sequence[common.Example], context: int
) -> None:
    """Hold an arm to preflight's checks of tokens and traces as a run is held to them; end where one fails that the arm
    does not allow by name."""
    built = [
        DatasetRow("train", at, pair.article, pair.profile, at + 1, 0, 0, pair.tenths, *example)
        for at, (pair, example) in enumerate(zip(pairs, examples, strict=True))
    ]
    encoded = [encode(tokenizer, *example) for example in examples]
    overriding = replace(recipe, overridden=tuple(ALLOWED[arm]))
    checks = chain(preflight_tokens.checks(tokenizer, recipe, built, encoded, context), preflight_rows.traces(built))
    print(arm)
    try:
        for check in checks:
            for name in preflight.held(check, overriding):
                print(f"       allowed by name: {ALLOWED[arm][name]}")
    except StratosError as error:
        sys.exit(f"{arm}: {error}")


def write_predictions(file: Path, held_out: Sequence[Pair], said: Sequence[Generation], seen: Sequence[Pair]) -> None:
    """Write what ``stratos evaluate --predictions`` reads; training pairs carry the teacher's scores, for medians."""
    with file.open("w", encoding="utf-8") as lines:
        for pair, each in zip(held_out, said, strict=True):
            answer = parse_answer(each.text)
            read: tuple[float | None, str] = (None, "")
            if each.finished and not isinstance(answer, Fault):
                read = answer.tenths / 10, answer.trace
            lines.write(_line(pair, *read, train=False))
        for pair in seen:
            lines.write(_line(pair, None, "", train=True))


def tell(results: dict[str, dict[str, Any]]) -> None:
    """Print every arm's measures with their intervals, then the trivial scorers."""
    measures = ("mae", "macro_mae", "spearman", "psr", "direction")
    any_result = next(iter(results.values()))
    print(f"\n{any_result['n']} pairs, {any_result['contrast_pairs']} contrast pairs; 95 % intervals over articles")
    print(f"{'':18}{'unparsed':>9}" + "".join(f"{name:>24}" for name in measures))
    for label, result in results.items():
        cells = [_cell(result[name], result["intervals"][name]) for name in measures]
        print(f"{label:18}{result['parse_failures']:>9}" + "".join(f"{cell:>24}" for cell in cells))
    for label, row in any_result["baselines"].items():
        cells = [_cell(row[name], None) for name in measures]
        print(f"{label:18}{row['parse_failures']:>9}" + "".join(f"{cell:>24}" for cell in cells))


def spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    return [pairs[at * len(pairs) // count] for at in range(count)]


def _line(pair: Pair, score: float | None, trace: str, *, train: bool) -> str:
    row = {"article_id": pair.article, "profile_id": pair.profile, "teacher_score": pair.tenths / 10}
    return json.dumps({**row, "score": score, "trace": trace, "train": train}) + "\n"


def _cell(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(f"arms\0{text}".encode()).digest()[:8])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="a tiny Qwen3 and a handful of rows, on the CPU")
    parser.add_argument("--base", help="SmolLM2's folder")
    parser.add_argument("--real", type=Path, default=REAL, help="where the real rows are")
    parser.add_argument("--out", type=Path, help="where predictions are left")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="NAME=VALUE")
    chosen = parser.parse_args()
    if not (chosen.toy or chosen.base):
        parser.error("give --base, or --toy")
    if chosen.out:
        main(chosen, chosen.out)
    else:
        with tempfile.TemporaryDirectory() as made:
            main(chosen, Path(made))
