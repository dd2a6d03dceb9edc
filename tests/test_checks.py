from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stratos_tui.commands.checks import Check, run_checks

if TYPE_CHECKING:
    from tests.conftest import ChatServer


def by_name(path: Path) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in run_checks(path):
        found.setdefault(check.name, []).append(check)
    return found


def test_keys_are_found_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = by_name(tmp_path / "none.db")
    [anthropic], [openai], [prices] = found["anthropic key"], found["openai key"], found["prices"]
    assert (anthropic.ok, anthropic.value) == (True, "ANTHROPIC_API_KEY in the environment")
    assert (openai.ok, openai.needed) == (False, False)
    assert prices.ok
    assert "genai-prices" in prices.value
    assert "very-secret" not in str(found)


def test_servers_are_named_and_looked_for(
    tmp_path: Path, chat_server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OLLAMA_HOST", chat_server.url)
    found = by_name(tmp_path / "none.db")
    assert [(check.ok, check.value) for check in found["ollama"]] == [(True, f"answers at {chat_server.url}")]
    assert [check.ok for check in found["openai server"]] == [False]
    monkeypatch.setenv("OPENAI_BASE_URL", f"{chat_server.url}/v1")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    found = by_name(tmp_path / "none.db")
    assert [check.value for check in found["openai server"]] == [f"answers at {chat_server.url}/v1"]
    assert [check.ok for check in found["ollama"]] == [False]
