"""Profiles in the store: revisions, undo, origins."""

from __future__ import annotations

from dataclasses import replace

from stratos_tui.digests import profile_digest
from stratos_tui.records import Profile
from stratos_tui.store import profiles
from stratos_tui.store.db import Store

NURSE = Profile("nurse", "career", "Nurse", "Houston", "experienced", "Eight years in.", ("HCA",), (), ("care",), ())
SMITH = Profile("smith", "interest", "Smith", "Lagos", "none", "")


def test_what_is_saved_comes_back_in_order(store: Store) -> None:
    assert profiles.save(store, NURSE, "shipped")
    assert profiles.save(store, SMITH, "imported")
    assert profiles.load(store) == [NURSE, SMITH]
    assert profiles.get(store, "smith") == SMITH
    assert profiles.get(store, "nobody") is None


def test_an_edit_keeps_the_place_and_takes_the_origin(store: Store) -> None:
    profiles.save(store, NURSE, "shipped")
    profiles.save(store, SMITH, "imported")
    edited = replace(NURSE, companies=("HCA", "Aya"))
    assert profiles.save(store, edited, "operator")
    assert profiles.load(store) == [edited, SMITH]
    assert profiles.origins(store) == {"nurse": "operator", "smith": "imported"}


def test_saving_the_same_again_makes_no_revision(store: Store) -> None:
    profiles.save(store, NURSE, "shipped")
    assert not profiles.save(store, NURSE, "operator")
    assert profiles.revisions(store) == [NURSE]
    assert profiles.origins(store) == {"nurse": "shipped"}


def test_undo_goes_back_edit_by_edit_and_stops_at_the_first_state(store: Store) -> None:
    second, third = replace(NURSE, role="Charge nurse"), replace(NURSE, location="Dallas")
    for state in (NURSE, second, third):
        profiles.save(store, state, "shipped" if state is NURSE else "operator")
    assert profiles.undo(store, "nurse")
    assert profiles.get(store, "nurse") == second
    assert profiles.undo(store, "nurse")
    assert profiles.get(store, "nurse") == NURSE
    assert profiles.origins(store) == {"nurse": "shipped"}
    assert not profiles.undo(store, "nurse")
    assert not profiles.undo(store, "nobody")
    assert profiles.get(store, "nurse") == NURSE


def test_an_edit_after_an_undo_can_be_undone(store: Store) -> None:
    profiles.save(store, NURSE, "shipped")
    profiles.save(store, replace(NURSE, role="Charge nurse"), "operator")
    profiles.undo(store, "nurse")
    profiles.save(store, replace(NURSE, role="Flight nurse"), "operator")
    assert profiles.undo(store, "nurse")
    assert profiles.get(store, "nurse") == NURSE


def test_every_state_stays_readable_by_its_digest(store: Store) -> None:
    edited = replace(NURSE, context="Nine years in.")
    profiles.save(store, NURSE, "shipped")
    profiles.save(store, edited, "operator")
    profiles.undo(store, "nurse")
    assert profiles.by_digest(store, profile_digest(edited)) == edited
    assert profiles.by_digest(store, profile_digest(NURSE)) == NURSE
    assert profiles.by_digest(store, "0" * 12) is None
    assert profiles.revisions(store, "nurse") == [NURSE, edited]
    assert profiles.revisions(store, "smith") == []


def test_the_digest_sees_every_field() -> None:
    changes = [
        replace(NURSE, **{field: value})  # type: ignore[arg-type]
        for field, value in {
            **{"id": "x", "kind": "interest", "role": "x", "location": "x", "seniority": "senior", "context": "x"},
            **dict.fromkeys(("companies", "institutions", "interests", "industries"), ("x", "y")),
        }.items()
    ]
    assert len({profile_digest(each) for each in [NURSE, *changes]}) == len(changes) + 1
