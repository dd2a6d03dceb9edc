"""Checks of what a model will see: tokens, masks, templates, and what the trainer itself makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from stratos_tui.prism.prompts import chatml
from stratos_tui.prism.trace import THINK_OPEN
from stratos_tui.store.datasets import DatasetRow
from stratos_tui.training import nano
from stratos_tui.training.check import Check
from stratos_tui.training.mask import IGNORED, Encoded
from stratos_tui.training.recipes import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SUPERVISED_SHARE = (0.03, 0.80)
"""Shares of tokens with loss between which a prompt and a completion both plausibly are there."""
_CONTROL_IN_PROMPT = {"<|im_start|>": 3, "<|im_end|>": 2}


def checks(
    tokenizer: PreTrainedTokenizerBase, recipe: Recipe, rows: Sequence[DatasetRow], encoded: Sequence[Encoded],
    context: int,
) -> Iterator[Check]:  # fmt: skip
    """Yield every check of a build's rows as a base's tokenizer sees them; ``context`` is the base's, in tokens."""
    yield from masks(tokenizer, rows, encoded)
    resolved = tokenizer.eos_token == nano.EOS and tokenizer.pad_token_id is not None
    yield Check(
        "end_and_padding",
        resolved and tokenizer.pad_token_id != tokenizer.eos_token_id,
        f"eos {tokenizer.eos_token} is {tokenizer.eos_token_id}, pad {tokenizer.pad_token} is {tokenizer.pad_token_id}",
        f"eos {nano.EOS}, pad another token",
        "Qwen3's tokenizer was changed to end with <|endoftext|>: without its own end a model never stops",
    )
    dirty = sum(
        any(row.prompt.count(token) != _CONTROL_IN_PROMPT.get(token, 0) for token in nano.CONTROL_TOKENS)
        or any(token in row.prompt for token in nano.ADDED_TOKENS)
        for row in rows
    )
    yield Check(
        "control_tokens",
        dirty == 0,
        f"{dirty:,} rows with control tokens inside their text",
        "0",
        "a literal <|im_end|> in an article becomes the control token itself and ends the prompt there",
    )
    yield _template(tokenizer)
    lengths = sorted(len(each.ids) for each in encoded)
    longest = lengths[-1] if lengths else 0
    middle = lengths[len(lengths) // 2] if lengths else 0
    yield Check(
        "length",
        0 < longest + recipe.length_margin <= context,
        f"longest {longest:,} tokens, median {middle:,}",
        f"at most {context - recipe.length_margin:,}: the base's context less a margin",
        "truncation cuts off the end of an example, which is its score, in silence",
    )


def masks(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[DatasetRow], encoded: Sequence[Encoded]
) -> Iterator[Check]:
    """Yield what is supervised: its share, that it is exactly the completion, and how it begins and ends."""
    tokens = sum(len(each.ids) for each in encoded)
    supervised = sum(label != IGNORED for each in encoded for label in each.labels)
    share = supervised / tokens if tokens else 0.0
    low, high = SUPERVISED_SHARE
    yield Check(
        "supervised_share",
        low <= share <= high,
        f"{share:.1%} of {tokens:,} tokens",
        f"{low:.0%} to {high:.0%}",
        "v15 spent three quarters of its loss on predicting prompts; v16 had none at all",
    )
    exact = sum(
        _supervised_text(tokenizer, each) == row.completion + nano.EOS for row, each in zip(rows, encoded, strict=True)
    )
    yield Check(
        "mask",
        exact == len(rows),
        f"{exact:,} of {len(rows):,} rows",
        "loss on exactly the completion and its end of turn, in every row",
        "a mask that is off by a token teaches the prompt's end or never the score",
    )
    ends = Counter(
        (str(tokenizer.decode([carried[0]])), str(tokenizer.decode([carried[-1]])))
        for each in encoded
        if (carried := [label for label in each.labels if label != IGNORED])
    )
    wanted = (THINK_OPEN, nano.EOS)
    yield Check(
        "first_and_last",
        set(ends) == {wanted},
        ", ".join(f"{first} … {last}: {count:,}" for (first, last), count in ends.most_common(3)) or "none",
        f"{wanted[0]} … {wanted[1]} in every row",
        "a model that is not taught to open its thoughts and to end its turn loops or never thinks",
    )


def batches(trainer: Any, encoded: Sequence[Encoded]) -> Check:
    """Compare what a trainer hands to its model, batch by batch, with the examples as they must be.

    ``trainer`` is a TRL trainer whose training dataset has a ``position``: its example's index in ``encoded``.
    """
    seen = right = 0
    for batch in trainer.get_train_dataloader():
        for at, ids, labels, attended in zip(
            *(batch[name].tolist() for name in ("position", "input_ids", "labels", "attention_mask")), strict=True
        ):
            length = sum(attended)
            seen += 1
            right += ids[:length] == encoded[at].ids and labels == [*encoded[at].labels] + [IGNORED] * (
                len(labels) - len(encoded[at].labels)
            )
    return Check(
        "batches",
        seen == right == len(encoded),
        f"{right:,} of {len(encoded):,} sampled examples reach the model whole and masked as above",
        "all",
        "v15 asked for loss on the completion by a parameter that did nothing; v16 by a wrong one",
    )


def modelfile(text: str) -> Check:
    """Judge a Modelfile: it suppresses no thought, fills nothing in, stops where it must and is not greedy."""
    template = text.partition('TEMPLATE """')[2].partition('"""')[0]
    answer = template.rpartition("<|im_start|>assistant\n")
    faults = [
        *(f"says {word}" for word in ("/no_think", "no_think", "enable_thinking=false") if word in text.casefold()),
        *(["puts words into the assistant's mouth"] if "\nmessage assistant" in text.casefold() else []),
        *([] if answer[1] else ["has no assistant turn"]),
        *([f"fills in {answer[2].strip()[:30]!r}"] if answer[1] and answer[2].strip() else []),
        *(f"does not stop at {token}" for token in (nano.EOS, nano.PAD) if f'PARAMETER stop "{token}"' not in text),
        *(["is greedy"] if any(f"PARAMETER temperature {zero}\n" in f"{text}\n" for zero in ("0", "0.0")) else []),
    ]
    return Check(
        "modelfile",
        not faults,
        ", ".join(dict.fromkeys(faults)) or "lets it think, fills in nothing, both stop tokens",
        "no /no_think, nothing after the assistant's opening, both stop tokens, sampling",
        "an earlier Modelfile suppressed thought and pre-filled an empty <think></think>: no trace was ever served",
    )


def _supervised_text(tokenizer: PreTrainedTokenizerBase, encoded: Encoded) -> str:
    return str(tokenizer.decode([label for label in encoded.labels if label != IGNORED]))


def _template(tokenizer: PreTrainedTokenizerBase) -> Check:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    rendered = None
    if tokenizer.chat_template:
        rendered = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    found = "none" if rendered is None else "the same" if rendered == chatml("s", "u") else "other bytes"
    return Check(
        "chat_template",
        found == "the same",
        f"{found} as in training" if rendered is not None else found,
        "the base's own template renders a prompt as training does",
        "v14 was served without its template and repeated itself without end",
    )
