"""Keys of paid teachers: from the environment or the system keyring, and never written or shown.

A key that was handed out is blotted out of every text that a server sends back (:func:`hide`).
"""

from __future__ import annotations

import os
from typing import Literal

from stratos_tui.errors import StratosError

SERVICE = "stratos"
"""The service under which the system keyring holds keys; the user name is the environment variable's name."""
ANTHROPIC = "ANTHROPIC_API_KEY"
OPENAI = "OPENAI_API_KEY"

Place = Literal["environment", "keyring"]

_handed_out: set[str] = set()


def find_key(name: str) -> tuple[str, Place] | None:
    """Return the key of this name, such as ``ANTHROPIC_API_KEY``, and where it was found; None without any.

    Raises:
        StratosError: what is there cannot be a key.
    """
    for place, key in (("environment", os.environ.get(name, "")), ("keyring", _from_keyring(name))):
        if key := key.strip():
            if not (key.isascii() and key.isprintable()):
                raise StratosError(f"{name} in the {place} is no key: it holds more than plain characters")
            _handed_out.add(key)
            return key, "environment" if place == "environment" else "keyring"
    return None


def need_key(name: str, who: str) -> str:
    """Return the key that ``who`` needs.

    Raises:
        StratosError: there is none; names both places where one is looked for.
    """
    found = find_key(name)
    if found is None:
        raise StratosError(
            f"{who} needs a key and there is none: set {name}, or keep it in the system keyring with"
            f" `keyring set {SERVICE} {name}` (pip install 'stratos-tui[keyring]')"
        )
    return found[0]


def hide(text: str) -> str:
    """Return a text with every key blotted out."""
    for key in _handed_out:
        text = text.replace(key, "[key]")
    return text


def _from_keyring(name: str) -> str:
    try:
        import keyring
    except ImportError:
        return ""
    try:
        return keyring.get_password(SERVICE, name) or ""
    except Exception:  # a locked, broken or absent keyring has no key for us, whatever its backend raises
        return ""
