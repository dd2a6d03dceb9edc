from __future__ import annotations

from pathlib import Path

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.store.db import Store, open_store
from stratos_tui.teachers.catalog import find_teacher, is_own, price_teacher
from stratos_tui.teachers.prices import GIVEN_SOURCE


def test_a_rehearsal_is_billed_in_simulated_money_and_needs_no_terms(store: Store) -> None:
    teacher = find_teacher(store, "rehearsal")
    assert (teacher.model, teacher.simulated, teacher.needs_terms) == ("rehearsal", True, False)
    assert teacher.price is not None


def test_claude_is_paid_and_needs_the_terms(store: Store) -> None:
    teacher = find_teacher(store, "claude:claude-haiku-5-5")
    assert (teacher.model, teacher.simulated, teacher.needs_terms) == ("claude-haiku-5-5", False, True)


def test_the_rubric_costs_nothing(store: Store) -> None:
    assert find_teacher(store, "rubric").price is None


@pytest.mark.parametrize(
    "name", ["", "opus", "claude:", "openai:gpt", "openai:@http://x", "openai:gpt@ftp://x", "ollama:"]
)
def test_another_name_lists_what_there_is(store: Store, name: str) -> None:
    with pytest.raises(
        StratosError, match=r"rehearsal, rubric, claude:claude-opus-5-5.*openai:MODEL@URL, ollama:MODEL"
    ):
        find_teacher(store, name)


def test_a_model_without_a_price_is_refused_until_one_is_given(store: Store, tmp_path: Path) -> None:
    other = open_store(tmp_path / "other.db")
    for name in ("claude:claude-1", "openai:nobodys-model@https://api.example.com/v1"):
        with pytest.raises(StratosError, match=r"no price is known .*--price IN/OUT"):
            find_teacher(store, name)
        price_teacher(store, name, "3/15")
        price = find_teacher(store, name).price
        assert price is not None
        assert (int(price.input), int(price.output), price.source) == (3_000, 15_000, GIVEN_SOURCE)
        with pytest.raises(StratosError, match="no price"):
            find_teacher(other, name)
    other.close()


def test_a_given_price_counts_before_the_list(store: Store) -> None:
    price_teacher(store, "claude:claude-opus-5-5", "1/2.5")
    price = find_teacher(store, "claude:claude-opus-5-5").price
    assert price is not None
    assert (int(price.input), int(price.output)) == (1_000, 2_500)
    for name in ("rehearsal", "rubric"):
        before = find_teacher(store, name)
        with pytest.raises(StratosError, match="takes no price"):
            price_teacher(store, name, "1/2")
        assert find_teacher(store, name) == before


@pytest.mark.parametrize(
    "name",
    [
        "ollama:qwen3:8b",
        "openai:qwen3@http://127.0.0.1:8000/v1",
        "openai:org/model@2@http://[::1]:8000",
        "openai:qwen3@http://192.168.1.7:1234/v1/",
        "openai:qwen3@http://gpu-box:8000/v1",
        "openai:qwen3@http://gpu.local/v1",
    ],
)
def test_what_runs_here_costs_nothing_and_needs_no_terms(store: Store, name: str) -> None:
    teacher = find_teacher(store, name)
    assert (teacher.way, teacher.price, teacher.needs_terms, teacher.simulated) == ("live", None, False, False)
    assert name.startswith(f"{name.partition(':')[0]}:{teacher.model}")


def test_a_vendors_server_has_the_vendors_price_and_needs_https(store: Store) -> None:
    teacher = find_teacher(store, "openai:gpt-4o-mini@https://api.openai.com/v1")
    assert teacher.price is not None
    assert (int(teacher.price.input), int(teacher.price.output), teacher.way) == (150, 600, "live")
    with pytest.raises(StratosError, match="use https://"):
        find_teacher(store, "openai:gpt-4o-mini@http://api.openai.com/v1")


@pytest.mark.parametrize("url", ["https://me:secret@api.openai.com", "https://x.org/v1?key=secret", "http://x#secret"])
def test_an_address_carries_no_secret_and_its_refusal_shows_none(store: Store, url: str) -> None:
    with pytest.raises(StratosError, match="no user, password or query") as refusal:
        find_teacher(store, f"openai:gpt@{url}")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["http://", "http://:80", "http://a b", "http://x:99999", "https://exämple.org"])
def test_what_is_no_address_is_refused(store: Store, url: str) -> None:
    with pytest.raises(StratosError, match="no address"):
        find_teacher(store, f"openai:gpt@{url}")


def test_claude_by_another_door_needs_the_terms_too(store: Store) -> None:
    assert find_teacher(store, "openai:claude-opus-5-5@https://api.anthropic.com/v1").needs_terms
    assert find_teacher(store, "openai:anthropic/claude-x@http://localhost:4000").needs_terms


@pytest.mark.parametrize(
    ("host", "own"),
    [
        *((host, True) for host in ("localhost", "127.0.0.1", "::1", "10.1.2.3", "169.254.1.1", "vllm", "a.localhost")),
        *((host, False) for host in ("8.8.8.8", "api.openai.com", "134744072", "0x08080808", "localhost.example.com")),
    ],
)
def test_whose_a_host_is(host: str, own: bool) -> None:
    assert is_own(host) is own
