"""Loads a model from a folder and samples from it, many prompts at once, each with a seed of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui.errors import StratosError
from stratos_tui.inference import memory
from stratos_tui.prism.modelfile import STOP_TOKENS

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMALL_PARAMETERS = 50_000_000
"""A smaller model runs on one thread of a CPU: a second one gains nothing, and costs tenfold while another process
wants that core (measured: 20 and 200 ms a step). It also rounds the same on a machine with more cores."""
_UNFINISHED = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn (plan, section 6, phase 4). Greedy decoding loops in think mode, so it is refused."""

    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 20
    max_new_tokens: int = 512

    def __post_init__(self) -> None:
        if self.temperature < 0.05 or self.top_k == 1:
            raise StratosError(
                f"temperature {self.temperature} with top-k {self.top_k} is greedy decoding, which makes think mode"
                " loop; use temperature 0.6, top-p 0.95, top-k 20"
            )
        if not 0 < self.top_p <= 1 or self.top_k < 1 or self.max_new_tokens < 1:
            raise StratosError("top-p lies in (0, 1], top-k and the number of new tokens are at least 1")


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer. ``seconds`` is its share of the batch's wall time; ``finished`` is False where the limit cut it.

    The limit is that of the sampling or of the model's context. ``tokens_out`` counts the token that ended it.
    """

    text: str
    tokens_in: int
    tokens_out: int
    seconds: float
    finished: bool


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A loaded model; ``context`` is the most tokens that prompt and answer may have together."""

    path: Path
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    stops: frozenset[int]
    context: int


def load(path: Path) -> LocalModel:
    """Load a model's folder, or a DoRA adapter's folder with its base merged in: fp32 on a CPU, bf16 on a GPU.

    Raises:
        StratosError: the folder holds no model that can be loaded, or there is too little memory for it.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    hide_progress_bars()
    if not path.is_dir():
        raise StratosError(f"{path}: there is no model here")
    gpu = torch.cuda.is_available()
    try:
        memory.need_memory(path)
        tokenizer = AutoTokenizer.from_pretrained(path)
        if (path / "adapter_config.json").is_file():
            from peft import AutoPeftModelForCausalLM

            # merged in fp32 and cast once: adapter weights are small beside the base's rounding in bf16
            adapted: Any = AutoPeftModelForCausalLM.from_pretrained(path, dtype=torch.float32)
            model: Any = adapted.merge_and_unload(safe_merge=True)
        else:
            model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    except (OSError, ValueError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or ["unreadable"])[0]
        raise StratosError(f"{path}: holds no model that can be loaded ({reason})") from error
    if gpu:
        model = model.to("cuda", dtype=torch.bfloat16)
    elif model.num_parameters() < SMALL_PARAMETERS:
        torch.set_num_threads(1)
    model.eval()
    return serve(path, model, tokenizer)


def serve(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> LocalModel:
    """Return a model that is in memory already as one that can generate; it must be in evaluation mode by then.

    Raises:
        StratosError: the vocabulary has no token that would end an answer.
    """
    known = tokenizer.get_vocab()
    stops = frozenset(known[token] for token in STOP_TOKENS if token in known)
    if not stops:
        raise StratosError(f"{path}: its vocabulary has neither {' nor '.join(STOP_TOKENS)}, so no answer would end")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = next(token for token in reversed(STOP_TOKENS) if token in known)
    return LocalModel(path, model, tokenizer, stops, int(model.config.max_position_embeddings))


def hide_progress_bars() -> None:
    """Keep transformers' own progress bars for reading and writing weights out of what a command says."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def generate(model: LocalModel, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling) -> list[Generation]:
    """Answer a batch of rendered prompts; the same batch with the same seeds gives the same texts.

    Each answer is drawn by its own generator, so it depends on the others only through rounding.

    Raises:
        StratosError: a prompt leaves no room for an answer in the model's context.
    """
    if not prompts:
        return []
    began = time.perf_counter()
    drawn: list[list[int]] = [[] for _ in prompts]
    for batch in _steps(model, prompts, seeds, sampling):
        for index, token in batch:
            drawn[index].append(token)
    seconds = (time.perf_counter() - began) / len(prompts)
    lengths = [len(model.tokenizer(prompt)["input_ids"]) for prompt in prompts]
    return [_generation(model, tokens, length, seconds) for tokens, length in zip(drawn, lengths, strict=True)]


def stream(
    model: LocalModel, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
) -> Iterator[tuple[int, str | Generation]]:
    """Yield the texts that :func:`generate` returns as they are drawn, as (index of the prompt, piece).

    A character of several tokens comes whole. Last of each comes the whole answer, with the time since the beginning.
    """
    began = time.perf_counter()
    lengths = [len(model.tokenizer(prompt)["input_ids"]) for prompt in prompts]
    drawn: list[list[int]] = [[] for _ in prompts]
    shown = [0] * len(prompts)
    going = set(range(len(prompts)))

    def rest(index: int, *, ended: bool) -> Iterator[tuple[int, str | Generation]]:
        text = _text(model, drawn[index])
        if len(text) > shown[index] and (ended or not text.endswith(_UNFINISHED)):
            yield index, text[shown[index] :]
            shown[index] = len(text)
        if ended:
            yield index, _generation(model, drawn[index], lengths[index], time.perf_counter() - began)

    for batch in _steps(model, prompts, seeds, sampling):
        for index, token in batch:
            drawn[index].append(token)
            going -= {index} if token in model.stops else set()
            yield from rest(index, ended=index not in going)
    for index in sorted(going):
        yield from rest(index, ended=True)


def _steps(
    model: LocalModel, prompts: Sequence[str], seeds: Sequence[int], sampling: Sampling
) -> Iterator[list[tuple[int, int]]]:
    """Yield, for each step, the tokens drawn as (index of the prompt, token); an answer ends with its stop token."""
    import torch

    encoded = [model.tokenizer(prompt)["input_ids"] for prompt in prompts]
    longest = max(map(len, encoded))
    room = min(sampling.max_new_tokens, model.context - longest)
    if room < 1:
        raise StratosError(f"a prompt of {longest:,} tokens leaves no room in a context of {model.context:,}")
    device = model.model.device
    pad = model.tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (longest - len(each)) + each for each in encoded], device=device)
    attended = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in encoded], device=device)
    chances = torch.stack([_chances(seed, room) for seed in seeds])
    alive = list(range(len(prompts)))
    cache: Any = None
    with torch.inference_mode():
        for step in range(room):
            places = (attended.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            output: Any = model.model(
                input_ids=ids,
                attention_mask=attended,
                position_ids=places,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = output.past_key_values
            tokens = _draw(output.logits[:, -1].float().cpu(), chances[alive, step], sampling).tolist()
            yield list(zip(alive, tokens, strict=True))
            going = [row for row, token in enumerate(tokens) if token not in model.stops]
            if not going:
                return
            if len(going) < len(alive):
                # ended answers leave the batch: most answers are short, and a few are long
                rows = torch.tensor(going, device=device)
                cache.batch_select_indices(rows)
                attended = attended[rows]
                alive = [alive[row] for row in going]
            ids = torch.tensor([[tokens[row]] for row in going], device=device)
            attended = torch.cat([attended, attended.new_ones(len(going), 1)], 1)


def _chances(seed: int, count: int) -> Tensor:
    """Return ``count`` numbers in [0, 1), a sequence's own: its text depends on its seed alone."""
    import torch

    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _draw(logits: Tensor, chances: Tensor, sampling: Sampling) -> Tensor:
    """Draw one token a row by inverting the distribution left after temperature, top-k and top-p, in that order."""

    best, tokens = (logits / sampling.temperature).topk(min(sampling.top_k, logits.shape[-1]))
    shares = best.double().softmax(-1)
    before = shares.cumsum(-1) - shares
    shares = shares * (before < sampling.top_p)
    reached = shares.cumsum(-1)
    place = (reached < chances.unsqueeze(1) * reached[:, -1:]).sum(-1, keepdim=True)
    return tokens.gather(1, place.clamp(max=tokens.shape[1] - 1)).squeeze(1)


def _generation(model: LocalModel, tokens: Sequence[int], tokens_in: int, seconds: float) -> Generation:
    finished = bool(tokens) and tokens[-1] in model.stops
    return Generation(_text(model, tokens), tokens_in, len(tokens), seconds, finished)


def _text(model: LocalModel, tokens: Sequence[int]) -> str:
    kept = [token for token in tokens if token not in model.stops]
    return str(model.tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False))
