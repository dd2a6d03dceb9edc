"""Estimates tokens without a tokenizer: prices before sending, and what the rehearsal server bills."""

from __future__ import annotations

BYTES_PER_TOKEN = 4
"""UTF-8 bytes a token. The plan's teacher prompt is 2,812 characters and about 700 tokens."""
NEWER_TOKENIZERS = 1.3
"""Newer tokenizers count up to this many times as many tokens for the same text (vendor's migration notes)."""
FRAME_TOKENS = 64
"""More than what a server puts around a system and a user turn: role marks, and a line of its own."""


def estimate(text: str) -> int:
    """Return about how many tokens a text has: one for every four bytes of UTF-8, rounded up."""
    return estimate_bytes(len(text.encode("utf-8", "replace")))


def estimate_bytes(size: int) -> int:
    """Return about how many tokens a text of ``size`` bytes has."""
    return -(-size // BYTES_PER_TOKEN)


def at_most(text: str) -> int:
    """Return a number of tokens that no text exceeds: tokenizers work on bytes, and a token is at least one of them."""
    return len(text.encode("utf-8", "replace"))
