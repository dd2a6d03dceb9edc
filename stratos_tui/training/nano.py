"""The nano base: a small Qwen3 from scratch, and a tokenizer of its own made from the data it will be trained on.

The tokenizer has Qwen3's own splitting, special tokens (the same strings in the same order) and chat template, so that
everything that holds for the real base holds here: only the vocabulary and the sizes are small.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratos_tui.prism.modelfile import STOP_TOKENS
from stratos_tui.prism.prompts import WORDINGS, system_prompt
from stratos_tui.store import datasets, profiles
from stratos_tui.store.db import Store
from stratos_tui.training.recipes import NanoShape

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

EOS, PAD = STOP_TOKENS
CONTROL_TOKENS: tuple[str, ...] = (
    PAD,
    "<|im_start|>",
    EOS,
    *(f"<|{name}_{end}|>" for name in ("object_ref", "box", "quad", "vision") for end in ("start", "end")),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
"""Qwen3's special tokens, ids 151643 to 151656, in their order: never shown, never in text."""
ADDED_TOKENS: tuple[str, ...] = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
)
"""Qwen3's further tokens, ids 151657 to 151668, in their order: one token each, and shown."""
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2 and Qwen3 split text before BPE (transformers, tokenization_qwen2): digits stand alone."""


def tokenizer_folder(store: Store, dataset_id: int, shape: NanoShape) -> Path:
    """Return the folder of the nano tokenizer of a build, made on first use (seconds) and the same every time."""
    dataset = datasets.get(store, dataset_id)
    assert dataset is not None
    key = hashlib.sha256(f"{dataset.digest}\0{shape.vocabulary}".encode()).hexdigest()[:12]
    folder = Path(f"{store.path}.models") / f"tokenizer-{key}"
    if not folder.is_dir():
        draft = folder.with_name(f"{folder.name}.{os.getpid()}.part")
        build_tokenizer(_texts(store, dataset_id), shape.vocabulary).save_pretrained(str(draft))
        try:
            draft.rename(folder)
        except OSError:
            # another process was quicker; what it made is the same
            shutil.rmtree(draft)
    return folder


def build_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerBase:
    """Train a byte-level BPE of ``vocabulary`` tokens in all on texts, with Qwen3's special tokens and template."""
    import trl
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(CONTROL_TOKENS) - len(ADDED_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in CONTROL_TOKENS])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in ADDED_TOKENS])
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=EOS,
        pad_token=PAD,
        chat_template=template.read_text(encoding="utf-8"),
        clean_up_tokenization_spaces=False,
    )


def build_model(tokenizer: PreTrainedTokenizerBase, shape: NanoShape, seed: int) -> PreTrainedModel:
    """Return an untrained Qwen3 of the given shape in fp32; the same seed gives the same weights."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=shape.tied_embeddings,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    torch.manual_seed(seed)
    model: Any = Qwen3ForCausalLM(config)
    return model


def _texts(store: Store, dataset_id: int) -> Iterable[str]:
    """Yield what the tokenizer may know: the train split and every profile, never what is held out."""
    for row in datasets.rows(store, dataset_id, "train"):
        if row.repeat == 0:
            yield row.prompt
            yield row.completion
    for profile in profiles.load(store):
        for wording in range(WORDINGS):
            yield system_prompt(profile, wording)
