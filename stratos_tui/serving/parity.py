"""Compares, byte by byte, what a server renders with what training rendered (decisions.md, 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stratos_tui.serving.ollama_server import OllamaServer
from stratos_tui.serving.probes import Probe

CONTEXT_CHARACTERS = 30
"""How much of both sides is shown where they part."""


def ask_parity(server: OllamaServer, model: str, version: str, probes: Sequence[Probe]) -> dict[str, Any]:
    """Ask a server to render the probes' conversations, and return what it said of each.

    ``equal`` is true only where all were rendered and all are the same bytes; ``host`` and ``server``, which is its
    version, say for whom that holds.
    """
    answers = [_compare(probe, server.rendered(model, probe.messages)) for probe in probes]
    return {
        "equal": all(each["equal"] for each in answers),
        "host": server.url,
        "server": version,
        "answers": answers,
    }


def explain(parity: dict[str, Any]) -> str:
    """Say in one line why the bytes are not the same, or nothing where they are."""
    for each in parity["answers"]:
        if not each["equal"]:
            return f"{each['probe']}: {each['difference']}"
    return ""


def _compare(probe: Probe, rendered: str | None) -> dict[str, Any]:
    expected = probe.prompt
    equal = rendered is not None and rendered.encode(errors="surrogatepass") == expected.encode()
    difference = ""
    if rendered is None:
        difference = "the server does not say what it renders; a newer Ollama does"
    elif not equal:
        pairs = zip(rendered, expected, strict=False)
        at = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(rendered), len(expected)))
        served, trained = (repr(text[at : at + CONTEXT_CHARACTERS]) for text in (rendered, expected))
        difference = f"at character {at:,} the server renders {served}, training rendered {trained}"
    return {"probe": probe.name, "equal": equal, "rendered": rendered, "difference": difference}
