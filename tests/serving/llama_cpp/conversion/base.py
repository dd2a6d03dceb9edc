"""The one method that llama.cpp's converter tells pre-tokenizers apart by; this stand-in knows none."""

from __future__ import annotations


class TextModel:
    def get_vocab_base_pre(self, tokenizer: object) -> str:
        raise NotImplementedError("BPE pre-tokenizer was not recognized - update get_vocab_base_pre()")
