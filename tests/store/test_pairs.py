from __future__ import annotations

from datetime import date

from stratos_tui.digests import profile_digest
from stratos_tui.records import Profile, Scored
from stratos_tui.store import labels, pairs, profiles, scores
from stratos_tui.store.answers import Judgement, judge
from stratos_tui.store.db import Store
from stratos_tui.store.scores import ScoreKey, ScorerRow

ARTICLE = "equate-cpeg-graduate-programme"
DAY = date(2026, 11, 13)


def ask(store: Store, profile_id: str, teacher: str, attempt: int, tenths: int, accepted: bool = True) -> None:
    with store.write() as connection:
        request = connection.execute(
            "INSERT INTO requests (article_id, profile_id, teacher, attempt, custom_id, state, reference_date,"
            " profile_digest, prompt_fingerprint, settings, planned_at, code_version)"
            " VALUES (?, ?, ?, ?, ?, 'answered', '2026-11-13', 'd', 'f', '{}', 't', 'v')",
            (ARTICLE, profile_id, teacher, attempt, f"{profile_id}-{teacher.replace(':', '-')}-{attempt}"),
        ).lastrowid
    assert request is not None
    state = "accepted" if accepted else "rejected"
    verdict = Judgement(request, accepted, "", "", "", (0, 0), tenths, f"try {attempt}", "", 1, 20, "rules")
    judge(store, [(verdict, state)])


def score(store: Store, profile: Profile, scorer: str, identity: str, tenths: int | None) -> None:
    scored = Scored(ARTICLE, profile.id, tenths, "said", "", "", "", 1.0, 2, 3)
    key = ScoreKey(ARTICLE, profile.id, profile_digest(profile), DAY)
    scores.put_many(store, ScorerRow(scorer, identity, "f", {}), [(key, scored)])


def said(store: Store, profile_id: str) -> list[tuple[str, str, int]]:
    found = pairs.references(store, ARTICLE)
    return [(each.kind, each.source, each.tenths) for each in found if each.profile_id == profile_id]


def test_labels_teachers_and_scorers_stand_side_by_side(seeded: Store) -> None:
    nurse = profiles.get(seeded, "texas_nurse")
    assert nurse is not None
    labels.set_operator_label(seeded, ARTICLE, nurse.id, 12)
    ask(seeded, nurse.id, "rehearsal", 1, 30)
    ask(seeded, nurse.id, "rehearsal", 2, 4)
    ask(seeded, nurse.id, "rehearsal", 3, 99, accepted=False)
    ask(seeded, nurse.id, "claude:claude-opus-5-5", 1, 6)
    score(seeded, nurse, "rubric", "one", 3)
    score(seeded, nurse, "rubric", "two", 5)
    score(seeded, nurse, "student:1", "three", None)
    assert said(seeded, nurse.id) == [
        ("label", "expected", 5),
        ("label", "operator", 12),
        ("teacher", "claude:claude-opus-5-5", 6),
        ("teacher", "rehearsal", 4),
        ("scorer", "rubric", 5),
    ]
    # an operator's word counts before a rule's, whenever it was asked
    with seeded.write() as connection:
        connection.execute("UPDATE judgements SET decided_by = 'operator' WHERE tenths = 30")
    assert ("teacher", "rehearsal", 30) in said(seeded, nurse.id)
    assert ("teacher", "rehearsal", 4) not in said(seeded, nurse.id)
    assert said(seeded, "kuwait_cpeg") == [("label", "expected", 95)]
    assert [each.profile_id for each in pairs.references(seeded, ARTICLE)][:2] == ["kuwait_cpeg", "texas_nurse"]
    assert pairs.references(seeded, "no-such-article") == []


def test_a_score_of_an_earlier_state_of_the_profile_does_not_count(seeded: Store) -> None:
    nurse = profiles.get(seeded, "texas_nurse")
    assert nurse is not None
    score(seeded, nurse, "rubric", "one", 3)
    with seeded.write() as connection:
        connection.execute("UPDATE profiles SET digest = 'another' WHERE id = 'texas_nurse'")
    assert ("scorer", "rubric", 3) not in said(seeded, nurse.id)


def test_what_is_stored_for_a_profile_is_counted_by_who_made_it(seeded: Store) -> None:
    nurse = profiles.get(seeded, "texas_nurse")
    assert nurse is not None
    assert pairs.usage(seeded, nurse.id) == pairs.Usage({"expected": 100}, {}, {})
    labels.set_operator_label(seeded, ARTICLE, nurse.id, 12)
    ask(seeded, nurse.id, "rehearsal", 1, 30)
    ask(seeded, nurse.id, "rehearsal", 2, 30, accepted=False)
    score(seeded, nurse, "rubric", "one", 3)
    assert pairs.usage(seeded, nurse.id) == pairs.Usage(
        {"expected": 100, "operator": 1}, {"rehearsal": 1}, {"rubric": 1}
    )


def test_the_operators_labels_are_counted_by_article(seeded: Store) -> None:
    assert pairs.operator_labels(seeded) == (0, 0)
    labels.set_operator_labels(seeded, ARTICLE, {"kuwait_cpeg": 95, "texas_nurse": 5})
    labels.set_operator_label(seeded, "koc-offshore-automation-trainees", "kuwait_cpeg", 90)
    assert pairs.operator_labels(seeded) == (3, 2)
    found = pairs.labelled_by_operator(seeded, [ARTICLE, "another"], ["kuwait_cpeg", "london_finance"])
    assert found == {ARTICLE: 1}
