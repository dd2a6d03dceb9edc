"""Labelling by hand: scores, bands, noise for the rest, undo, what comes next, who disagrees."""

from __future__ import annotations

import pytest

from stratos_tui.articles import labelling
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import band_of
from stratos_tui.profiles.shipped import shipped_profiles
from stratos_tui.records import BANDS, Label
from stratos_tui.store import articles, labels
from stratos_tui.store.db import Store, open_store

TEN = [profile.id for profile in shipped_profiles()]


@pytest.fixture
def first(seeded: Store) -> str:
    return articles.load(seeded)[0].id


def operator(store: Store) -> dict[tuple[str, str], int]:
    return {(each.article_id, each.profile_id): each.tenths for each in labels.load(store, "operator")}


@pytest.mark.parametrize(
    ("typed", "tenths"),
    [("8.5", 85), (" 8 ", 80), ("0", 0), ("10.0", 100), ("9.", 90), ("noise", 5), ("N", 5), ("l", 35), ("Crit", 95)],
)
def test_a_score_or_a_band_is_read(typed: str, tenths: int) -> None:
    assert labelling.read_score(typed) == tenths


@pytest.mark.parametrize("typed", ["", "x", "8.55", "-1", "10.1", "11", "5", "5.0", "nan", "1e1", "٣", "noisy", "8,5"])
def test_what_is_no_score_is_refused(typed: str) -> None:
    with pytest.raises(StratosError, match="score"):
        labelling.read_score(typed)


def test_a_bands_score_lies_in_its_band() -> None:
    assert {band: band_of(tenths) for band, tenths in labelling.BAND_TENTHS.items()} == {band: band for band in BANDS}


def test_labels_are_set_changed_removed_and_undone(seeded: Store, first: str) -> None:
    assert labelling.set_label(seeded, first, "texas_nurse", 90)
    assert not labelling.set_label(seeded, first, "texas_nurse", 90)
    assert labelling.set_label(seeded, first, "texas_nurse", 20)
    assert labelling.set_label(seeded, first, "texas_nurse", None)
    assert operator(seeded) == {}
    path = seeded.path
    seeded.close()
    later = open_store(path)
    labelling.undo(later)
    assert operator(later) == {(first, "texas_nurse"): 20}
    labelling.undo(later)
    labelling.undo(later)
    assert operator(later) == {}
    assert labelling.undo(later) == []
    later.close()


def test_noise_for_the_rest_is_one_step_and_leaves_what_is_labelled(seeded: Store, first: str) -> None:
    labelling.set_label(seeded, first, "texas_nurse", 90)
    changed = labelling.noise_for_rest(seeded, first, TEN)
    assert {each.profile_id for each in changed} == {*TEN} - {"texas_nurse"}
    assert operator(seeded) == {(first, each): 90 if each == "texas_nurse" else 5 for each in TEN}
    assert labelling.noise_for_rest(seeded, first, TEN) == []
    assert len(labelling.undo(seeded)) == 9
    assert operator(seeded) == {(first, "texas_nurse"): 90}


def test_a_label_for_nothing_is_refused(seeded: Store, first: str) -> None:
    for article_id, profile_id in (("nothing", "texas_nurse"), (first, "nobody")):
        with pytest.raises(StratosError, match="there is no"):
            labelling.set_label(seeded, article_id, profile_id, 10)
        with pytest.raises(StratosError, match="there is no"):
            labelling.noise_for_rest(seeded, article_id, [profile_id])
    for tenths in (-1, 50, 101):
        with pytest.raises(StratosError, match="no score"):
            labelling.set_label(seeded, first, "texas_nurse", tenths)
    with pytest.raises(StratosError, match="there is no article"):
        labelling.sheet(seeded, "nothing", TEN)
    assert operator(seeded) == {}


def test_the_next_article_is_the_first_that_lacks_a_label(seeded: Store) -> None:
    ids = [article.id for article in articles.load(seeded)]
    assert labelling.next_unlabelled(seeded, TEN) == ids[0]
    labelling.noise_for_rest(seeded, ids[0], TEN)
    labelling.noise_for_rest(seeded, ids[1], TEN[:9])
    assert labelling.next_unlabelled(seeded, TEN) == ids[1]
    assert labelling.next_unlabelled(seeded, TEN, after=ids[1]) == ids[2]
    assert labelling.next_unlabelled(seeded, TEN, after=ids[-1]) == ids[1]
    for each in ids:
        labelling.noise_for_rest(seeded, each, TEN)
    assert labelling.next_unlabelled(seeded, TEN) is None


def test_a_sheet_holds_every_opinion_and_the_contrast(seeded: Store) -> None:
    [jwst] = [each.id for each in articles.load(seeded) if "JWST" in each.title]
    sheet = labelling.sheet(seeded, jwst, TEN)
    assert [row.profile_id for row in sheet.rows] == TEN
    assert {row.profile_id: row.expected for row in sheet.rows}["portland_retired_space"] == 85
    assert sheet.contrast == 80
    assert not sheet.complete
    labelling.set_label(seeded, jwst, "portland_retired_space", 20)
    labelling.noise_for_rest(seeded, jwst, TEN)
    sheet = labelling.sheet(seeded, jwst, TEN)
    assert sheet.complete
    assert sheet.contrast == 15


def test_contrast_needs_two_profiles() -> None:
    assert labelling.contrast([]) is None
    one = [Label("a", "p", "operator", 90), Label("a", "p", "expected", 10)]
    assert labelling.contrast(one) is None
    assert labelling.contrast([*one, Label("a", "q", "imported", 5)]) == 85


def test_coverage_counts_by_profile_and_band(seeded: Store, first: str) -> None:
    labelling.set_label(seeded, first, "texas_nurse", 90)
    labelling.noise_for_rest(seeded, first, TEN[:3])
    nurse, other = labelling.coverage(seeded, ["texas_nurse", "dc_cybersec"])
    assert (nurse.labelled, nurse.articles, nurse.bands["critical"], nurse.bands["noise"]) == (1, 100, 1, 0)
    assert (other.profile_id, other.labelled, sum(other.bands.values())) == ("dc_cybersec", 0, 0)


def test_disagreements_are_the_widest_first(seeded: Store) -> None:
    [jwst] = [each.id for each in articles.load(seeded) if "JWST" in each.title]
    labelling.set_label(seeded, jwst, "portland_retired_space", 20)
    labelling.set_label(seeded, jwst, "texas_nurse", 95)
    labelling.set_label(seeded, jwst, "dc_cybersec", 10)
    assert labelling.disagreements(seeded) == [
        labelling.Disagreement(jwst, "texas_nurse", 95, 5),
        labelling.Disagreement(jwst, "portland_retired_space", 20, 85),
    ]
    assert len(labelling.disagreements(seeded, at_least=5)) == 3
