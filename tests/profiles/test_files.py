"""Profiles as JSON files: round trips, and one clear error for each kind of mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos_tui.errors import StratosError
from stratos_tui.profiles import files
from stratos_tui.profiles.shipped import shipped_profiles
from stratos_tui.store import profiles
from stratos_tui.store.db import Store

ENTRY: dict[str, Any] = {
    **{"id": "a", "kind": "career", "role": "r", "location": "l", "seniority": "senior", "context": "c"},
    **{"companies": ["x"], "interests": ["y (z)"]},
}


def test_what_is_exported_is_imported_unchanged(seeded: Store, tmp_path: Path) -> None:
    path = tmp_path / "profiles.json"
    path.write_text(files.export(profiles.load(seeded)), encoding="utf-8")
    assert files.parse(path.read_text(encoding="utf-8"), "x") == shipped_profiles()
    done = files.import_profiles(seeded, path)
    assert (done.added, done.changed) == ((), ())
    assert len(done.unchanged) == 10


def test_an_import_adds_and_changes_and_can_be_undone(seeded: Store, tmp_path: Path) -> None:
    nurse = next(each for each in shipped_profiles() if each.id == "texas_nurse")
    path = tmp_path / "profiles.json"
    path.write_text(files.export([replace(nurse, location="Dallas"), replace(nurse, id="new")]), encoding="utf-8")
    done = files.import_profiles(seeded, path)
    assert (done.added, done.changed, done.unchanged) == (("new",), ("texas_nurse",), ())
    assert profiles.undo(seeded, "texas_nurse")
    assert profiles.get(seeded, "texas_nurse") == nurse


def test_one_wrong_entry_stores_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "profiles.json"
    path.write_text(json.dumps([ENTRY, {**ENTRY, "id": "b", "kind": "hobby"}]), encoding="utf-8")
    with pytest.raises(StratosError, match=r"^profiles\.json: entry 2 \(b\): field kind: one of career, interest"):
        files.import_profiles(store, path)
    assert profiles.load(store) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "../x"}, r"entry 1 \(\.\./x\): field id: "),
        ({"id": 7}, r"entry 1: field id: is not text"),
        ({"role": None}, r"field role: is missing"),
        ({"role": " \u200b"}, r"field role: is empty"),
        ({"seniority": "junior"}, r"field seniority: one of student, "),
        ({"interests": "one, two"}, r"field interests: a list of texts"),
        ({"companies": ["x", 1]}, r"field companies: a list of texts"),
        ({"compnies": []}, r"field compnies: a profile has no such field"),
    ],
)
def test_an_error_names_file_entry_and_field(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(StratosError, match=rf"^my\.json: .*{words}"):
        files.parse(json.dumps([{**ENTRY, **changes}]), "my.json")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", '"x"', "[7]", "{", "[" * 100_000, "9" * 5_000],
    ids=["empty", "no entry", "number", "text", "no object", "cut", "too deep", "too many digits"],
)
def test_what_holds_no_profiles_is_refused(text: str) -> None:
    with pytest.raises(StratosError, match=r"^my\.json: "):
        files.parse(text, "my.json")


def test_two_entries_of_one_id_are_refused() -> None:
    with pytest.raises(StratosError, match=r"entry 2 \(a\): field id: an earlier entry has this id"):
        files.parse(json.dumps([ENTRY, ENTRY]), "my.json")


def test_one_object_is_a_list_of_one_and_text_is_cleaned() -> None:
    [profile] = files.parse(json.dumps({**ENTRY, "role": " Night\x1b[31m\nnurse ", "context": ""}), "my.json")
    assert (profile.role, profile.context, profile.institutions) == ("Night nurse", "", ())


def test_files_that_cannot_be_read_are_named(store: Store, tmp_path: Path) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path, tmp_path / "missing.json"):
        with pytest.raises(StratosError, match=path.name):
            files.import_profiles(store, path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*ENTRY, "x"]), inner),
)


@given(_JSON)
def test_any_json_is_read_or_refused(document: object) -> None:
    try:
        found = files.parse(json.dumps(document), "x")
    except StratosError:
        return
    assert found
