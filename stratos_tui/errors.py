"""The one error that users see: what happened, where, and what to do."""

from __future__ import annotations


class StratosError(Exception):
    """Bad input or an impossible request. Its text is one clear line; a command prints it and exits 2."""
