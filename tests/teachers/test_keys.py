from __future__ import annotations

import pytest

from stratos_tui.errors import StratosError
from stratos_tui.teachers.keys import find_key, hide, need_key

NAME = "STRATOS_TEST_KEY"


@pytest.fixture
def keyring_of(monkeypatch: pytest.MonkeyPatch) -> object:
    """A real keyring whose backend is this test's."""
    keyring = pytest.importorskip("keyring", reason="keyring is not installed")

    class Ring(keyring.backend.KeyringBackend):  # type: ignore[misc,name-defined]
        priority = 1
        held: dict[tuple[str, str], str]
        broken = False

        def get_password(self, service: str, username: str) -> str | None:
            if self.broken:
                raise RuntimeError("the bus is gone")
            return self.held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.held[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.held[service, username]

    before = keyring.get_keyring()
    ring = Ring()
    ring.held = {}
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_the_environment_comes_first_then_the_keyring(keyring_of: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring

    monkeypatch.delenv(NAME, raising=False)
    assert find_key(NAME) is None
    keyring.set_password("stratos", NAME, "from-the-ring")
    assert find_key(NAME) == ("from-the-ring", "keyring")
    monkeypatch.setenv(NAME, " from-the-environment\n")
    assert find_key(NAME) == ("from-the-environment", "environment")
    assert need_key(NAME, "Somebody") == "from-the-environment"


def test_a_broken_keyring_holds_nothing(keyring_of: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setattr(keyring_of, "broken", True)
    assert find_key(NAME) is None


def test_without_a_key_both_places_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "  ")
    with pytest.raises(StratosError, match=rf"Somebody needs a key .* set {NAME}, or .*`keyring set stratos {NAME}`"):
        need_key(NAME, "Somebody")


def test_what_cannot_be_a_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "se\u00e7ret")
    with pytest.raises(StratosError, match=f"{NAME} in the environment is no key") as refusal:
        find_key(NAME)
    assert "ret" not in str(refusal.value).replace("characters", "")


def test_a_key_is_blotted_out_of_what_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "sk-very-secret")
    need_key(NAME, "Somebody")
    assert hide("Incorrect API key provided: sk-very-secret.") == "Incorrect API key provided: [key]."
