"""Takes rows apart: the two turns of a prompt, and the digest over everything that a build trains on or evaluates.

A system turn is shared by many rows and an article's turn by some; each is rendered, hashed and counted once.
"""

from __future__ import annotations

import hashlib
from datetime import date

from stratos_tui.prism.prompts import article_prompt, chatml, system_prompt
from stratos_tui.records import Article, Profile, Split

END_OF_TURN = "<|im_end|>"
_USER = "<|im_start|>user\n"


def system_turn(profile: Profile, wording: int) -> str:
    """Return the start of a prompt, up to the article's turn."""
    return split_prompt(chatml(system_prompt(profile, wording), ""))[0]


def article_turn(article: Article, day: date) -> str:
    """Return the rest of a prompt, from the article's turn on."""
    return split_prompt(chatml("", article_prompt(article, day)))[1]


def split_prompt(prompt: str) -> tuple[str, str]:
    """Return a prompt's system turn and the rest; together they are the prompt.

    Text from outside has no control tokens left, so the article's turn begins only once.
    """
    head, user, tail = prompt.partition(_USER)
    return head, user + tail


def text_digest(text: str) -> bytes:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).digest()


def pair_digest(turn: bytes, completion: bytes) -> bytes:
    """Return the digest over an article's turn, by its own digest, and a completion in UTF-8."""
    return hashlib.sha256(turn + completion).digest()


def row_line(
    split: Split,
    position: int,
    article_id: str,
    profile_id: str,
    repeat: int,
    wording: int,
    tenths: int,
    weight: float,
    system: bytes,
    pair: bytes,
) -> bytes:
    """Return what a row adds to a build's digest; ``system`` and ``pair`` are the digests of its text."""
    fields = f"{split}\0{position}\0{article_id}\0{profile_id}\0{repeat}\0{wording}\0{tenths}\0{weight!r}\n"
    return fields.encode() + system + pair
