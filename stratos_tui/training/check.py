"""What one check before a run says."""

from __future__ import annotations

from dataclasses import dataclass

NAMES: tuple[str, ...] = (
    *("supervised_share", "mask", "first_and_last", "end_and_padding", "control_tokens", "chat_template", "length"),
    *("batches", "order", "prompt_bytes", "rows", "system_prompts", "score_5_0", "answer_only", "loops", "leaks"),
    *("band_shares", "curriculum", "epochs", "modelfile", "disk", "memory", "precision", "environment", "options"),
    *("pilot", "initial_loss"),
)
"""Every check in the order in which it is made."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was measured, what it is held to, and why it exists."""

    name: str
    ok: bool
    value: str
    threshold: str
    why: str
