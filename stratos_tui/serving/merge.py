"""Merges a run's adapter into its base in fp32, casts once to bf16, and proves on the probes that nothing changed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui.errors import StratosError
from stratos_tui.inference import memory
from stratos_tui.inference.local import hide_progress_bars
from stratos_tui.prism.modelfile import STOP_TOKENS, chat_template
from stratos_tui.progress import Report
from stratos_tui.serving import folders
from stratos_tui.serving.probes import probes
from stratos_tui.store import runs
from stratos_tui.store.db import Store
from stratos_tui.store.runs import Run

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MERGE_TOLERANCE = 1e-4
"""Most that merging may change a logit in fp32, as a share of the largest. On Qwen3 with DoRA rounding changed them by
0.2 to 5.6 millionths, and one matrix that is wrong by 1 % by 0.8 to 17 thousandths (measured: docs/publishing.md)."""
PROBED_POSITIONS = 64
"""Positions at the end of each probe whose logits are compared: all of them would be 0.3 GB a probe on Qwen3."""
FOLDER = "merged"
"""The folder of the merged weights, inside the run's serving folder."""
REPORT = "merge.json"
BF16_BYTES = 2
EOS = STOP_TOKENS[0]


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging measured. Differences are the largest of any logit of any probe; None where nothing was merged.

    ``source`` is the fingerprint of the run. ``adapter_effect`` is how far the adapter moves the base's logits: beside
    it ``merge_difference`` can be judged, of which ``tolerance`` is the most. ``cast_difference`` is what rounding the
    weights to bf16 did, ``cast_agreement`` the share of probed positions whose likeliest token stayed the same.
    """

    source: str
    adapter: bool
    parameters: int
    largest_logit: float
    adapter_effect: float | None
    merge_difference: float | None
    tolerance: float
    cast_difference: float
    cast_agreement: float
    probes: int
    tools: dict[str, str]


def merge(store: Store, run: Run, report: Report) -> tuple[Path, Merged]:
    """Return the folder of a run's merged bf16 weights with their tokenizer, and what was measured.

    The folder is made whole or not at all, and made once: a run that is done never changes.

    Raises:
        StratosError: the weights cannot be loaded, merging changed what the model says, or the memory or the disk is
            too small, which is seen before anything is loaded.
    """
    target = folders.serving_folder(store, run) / FOLDER
    found = _read(target, run)
    if found is not None:
        return target, found
    report(0, 4, "merging: loading the weights in fp32")
    hide_progress_bars()
    source = runs.model_folder(store, run.id)
    try:
        weights = memory.need_memory(source)
    except (OSError, ValueError) as error:
        raise _unloadable(source, error) from error
    folders.need_space(target.parent, weights * BF16_BYTES, "the merged model")
    tokenizer = _tokenizer(source)
    prompts = [probe.prompt for probe in probes()]
    encoded = [tokenizer(prompt)["input_ids"] for prompt in prompts]
    adapted = (source / "adapter_config.json").is_file()
    effect = difference = None
    model = _load(source, adapted=adapted)
    report(1, 4, "merging: logits of the probes")
    before = logits_of(model, encoded)
    largest = _largest(before)
    if not math.isfinite(largest):
        raise StratosError(f"run {run.id}: its model answers with NaN or infinity; nothing was written, train it again")
    tolerance = MERGE_TOLERANCE * largest
    if adapted:
        with model.disable_adapter():
            effect = largest_difference(before, logits_of(model, encoded))
        report(2, 4, "merging: the adapter into its base")
        try:
            model = model.merge_and_unload(safe_merge=True)
        except ValueError as error:
            raise StratosError(f"run {run.id}: its adapter cannot be merged ({error}); train it again") from error
        difference = largest_difference(before, logits_of(model, encoded))
        if not difference <= tolerance:
            raise StratosError(
                f"run {run.id}: merging moved a logit by {difference:.2g}, wanted at most {tolerance:.2g}; the"
                " merged model would not say what the adapter says, so nothing was written"
            )
    report(3, 4, "merging: casting to bf16 and writing")
    cast_difference, agreement = _cast(model, encoded, before)
    merged = Merged(
        source=run.fingerprint,
        adapter=adapted,
        parameters=model.num_parameters(),
        largest_logit=largest,
        adapter_effect=effect,
        merge_difference=difference,
        tolerance=tolerance,
        cast_difference=cast_difference,
        cast_agreement=agreement,
        probes=len(prompts),
        tools=_versions(),
    )
    with folders.whole(target) as draft:
        _write(model, tokenizer, draft)
        (draft / REPORT).write_text(json.dumps(asdict(merged), indent=1), encoding="utf-8")
    report(4, 4, "merging: done")
    return target, merged


def logits_of(model: Any, encoded: Sequence[Sequence[int]]) -> list[Tensor]:
    """Return each prompt's logits at its last positions, in fp32: (positions, vocabulary)."""
    import torch

    with torch.inference_mode():
        return [
            model(input_ids=torch.tensor([ids]), logits_to_keep=PROBED_POSITIONS, use_cache=False).logits[0].float()
            for ids in encoded
        ]


def largest_difference(left: Sequence[Tensor], right: Sequence[Tensor]) -> float:
    """Return the largest absolute difference of any two logits at the same place; NaN where one of them is."""
    return _largest([a - b for a, b in zip(left, right, strict=True)])


def _largest(values: Sequence[Tensor]) -> float:
    import torch

    # torch's maximum keeps a NaN, Python's may lose it
    return float(torch.stack([each.abs().max() for each in values]).max())


def _load(source: Path, *, adapted: bool) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        if adapted:
            from peft import AutoPeftModelForCausalLM

            model: Any = AutoPeftModelForCausalLM.from_pretrained(source, dtype=torch.float32)
        else:
            model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    except (OSError, ValueError, SafetensorError) as error:
        raise _unloadable(source, error) from error
    return model.eval()


def _unloadable(source: Path, error: Exception) -> StratosError:
    reason = (str(error).strip().splitlines() or ["unreadable"])[0]
    return StratosError(f"{source}: holds no model that can be loaded ({reason})")


def _cast(model: PreTrainedModel, encoded: Sequence[Sequence[int]], before: list[Tensor]) -> tuple[float, float]:
    """Round a model's weights to bf16 in place, and return what that did to the logits as they were before."""
    import torch

    # computed in fp32 with rounded weights: the rounding of the weights alone is what the cast did
    model.to(torch.bfloat16)
    model.to(torch.float32)
    after = logits_of(model, encoded)
    same = torch.cat([a.argmax(-1) == b.argmax(-1) for a, b in zip(before, after, strict=True)])
    model.to(torch.bfloat16)
    return largest_difference(before, after), float(same.float().mean())


def _tokenizer(source: Path) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise StratosError(f"{source}: has no readable tokenizer; restore the run's folder") from error
    if EOS not in tokenizer.get_vocab():
        raise StratosError(f"{source}: its vocabulary has no {EOS}, so a served model would never stop")
    # what is served ends a turn and renders a conversation as training did, whatever the base came with
    tokenizer.eos_token = EOS
    tokenizer.chat_template = chat_template()
    return tokenizer


def _write(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, draft: Path) -> None:
    model.config.eos_token_id = tokenizer.eos_token_id
    if model.generation_config is not None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(draft)
    tokenizer.save_pretrained(str(draft))


def _read(target: Path, run: Run) -> Merged | None:
    try:
        found = Merged(**json.loads((target / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.source == run.fingerprint else None


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("torch", "transformers", "peft"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
