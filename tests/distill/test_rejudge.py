from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from stratos_tui.commands.ruling import rules as command
from stratos_tui.distill import decide
from stratos_tui.distill.judge import RULES, Limits, fingerprint, judge, state_of
from stratos_tui.distill.rejudge import rejudge
from stratos_tui.distill.requeue import requeue
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.switches import rules_of, set_limit, switch
from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import answers, ledger
from stratos_tui.store.db import Store

TEACHER = "rehearsal"


@pytest.fixture
def judged(seeded: Store, quick: DistillSettings) -> Store:
    """A store with a hundred pairs' answers, four in ten of them bad, each asked once."""
    distill(seeded, TEACHER, limit=100, settings=replace(quick, attempts=1))
    return seeded


def as_stored(store: Store) -> dict[int, tuple[object, ...]]:
    rows = store.rows(
        "SELECT request_id, accepted, code, measured, limits, span_start, span_end, tenths, tier, words, rules, state"
        " FROM judgements JOIN requests ON requests.id = request_id WHERE decided_by = 'rules'"
    )
    return {row["request_id"]: tuple(row)[1:] for row in rows}


def afresh(store: Store) -> dict[int, tuple[object, ...]]:
    """What judging all that the rules decided comes to, without a look at what is stored of it."""
    rules = rules_of(store)
    found: dict[int, tuple[object, ...]] = {}
    for each in answers.to_judge(store, list(as_stored(store))):
        verdict = judge(each, rules)
        found[each.request_id] = (
            *(int(verdict.accepted), verdict.code, verdict.measured, verdict.limits, *verdict.span),
            *(verdict.tenths, verdict.tier, verdict.words, verdict.rules, state_of(verdict)),
        )
    return found


def of_code(store: Store, code: str) -> list[int]:
    return [row["request_id"] for row in store.rows("SELECT request_id FROM judgements WHERE code = ?", (code,))]


def test_judging_again_is_judging_afresh_and_back_again(judged: Store) -> None:
    first = as_stored(judged)
    assert first == afresh(judged)
    long, short = of_code(judged, "too_long"), of_code(judged, "too_short")
    assert long
    assert short
    switch(judged, ("too_short", "section_missing", "tier_1_length", "tier_2_length", "tier_3_length"), on=False)
    result = rejudge(judged, silent)
    second = as_stored(judged)
    assert second == afresh(judged)
    assert result == {
        "judged": len(first),
        "now_accepted": len(short),
        "now_rejected": 0,
        "kept_by_operator": 0,
    }
    assert {each for each in second if second[each][0] and not first[each][0]} == set(short)
    set_limit(judged, "least_words", "40")
    assert rejudge(judged, silent)["judged"] == len(first)
    assert as_stored(judged) == afresh(judged)
    switch(judged, ("too_short", "section_missing", "tier_1_length", "tier_2_length", "tier_3_length"), on=True)
    set_limit(judged, "least_words", "default")
    assert rejudge(judged, silent)["now_rejected"] == len(short)
    assert as_stored(judged) == first
    assert rejudge(judged, silent)["judged"] == 0


def test_nothing_is_asked_or_paid_by_judging_again(judged: Store) -> None:
    before = (ledger.spend(judged, simulated=True), judged.value("SELECT count(*) FROM requests"))
    set_limit(judged, "least_words", "60")
    result = rejudge(judged, silent)
    assert result["now_rejected"] > 0
    assert (ledger.spend(judged, simulated=True), judged.value("SELECT count(*) FROM requests")) == before


def test_what_an_operator_decided_stays(judged: Store) -> None:
    long, short = of_code(judged, "too_long")[0], of_code(judged, "too_short")[0]
    decide.accept_all(judged, [long], DistillSettings())
    decide.discard_all(judged, [short], DistillSettings())
    before = [tuple(row) for row in judged.rows("SELECT * FROM judgements WHERE decided_by = 'operator' ORDER BY 1")]
    switch(judged, ("too_short",), on=False)
    assert rejudge(judged, silent)["kept_by_operator"] == 2
    after = [tuple(row) for row in judged.rows("SELECT * FROM judgements WHERE decided_by = 'operator' ORDER BY 1")]
    assert after == before
    states = judged.rows("SELECT state FROM requests WHERE id IN (?, ?) ORDER BY id = ?", (long, short, short))
    assert [row["state"] for row in states] == ["accepted", "discarded"]


def test_a_pair_that_is_accepted_now_is_not_asked_again(judged: Store) -> None:
    planned = "SELECT article_id, profile_id FROM requests WHERE state = 'planned'"
    assert requeue(judged, TEACHER, DistillSettings()) > 0
    before = {tuple(row) for row in judged.rows(planned)}
    switch(judged, ("too_short", "section_missing", "tier_2_length", "tier_3_length"), on=False)
    accepted = rejudge(judged, silent)["now_accepted"]
    dropped = before - {tuple(row) for row in judged.rows(planned)}
    assert accepted == len(dropped) > 0
    assert all(
        judged.value(
            "SELECT count(*) FROM requests WHERE article_id = ? AND profile_id = ? AND state = 'accepted'", pair
        )
        for pair in dropped
    )


CHILD = """
import os, signal, sys
from stratos_tui.distill import rejudge
from stratos_tui.store.db import open_store

rejudge.CHUNK = 20

def report(done, total, note):
    if done >= 40:
        os.kill(os.getpid(), signal.SIGKILL)

rejudge.rejudge(open_store(sys.argv[1]), report)
"""


def test_killed_amid_it_the_same_call_goes_on(judged: Store) -> None:
    set_limit(judged, "least_words", "45")
    total = len(as_stored(judged))
    found = subprocess.run([sys.executable, "-c", CHILD, str(judged.path)], check=False)
    assert found.returncode == -signal.SIGKILL
    wanted = fingerprint(rules_of(judged))
    assert answers.outdated_counts(judged, wanted) == {"rules": total - 40}
    assert rejudge(judged, silent)["judged"] == total - 40
    assert as_stored(judged) == afresh(judged)


def test_a_hard_rule_stays_on(seeded: Store) -> None:
    for rule in RULES:
        if rule.hard:
            with pytest.raises(StratosError, match=f"{rule.code} cannot be switched off"):
                switch(seeded, ("echo", rule.code), on=False)
    assert rules_of(seeded).off == frozenset()
    with pytest.raises(StratosError, match="no rule nonsense"):
        switch(seeded, ("nonsense",), on=False)


def test_limits_are_kept_as_they_are_written(seeded: Store) -> None:
    for name, text in (("least_words", "20"), ("tier_2", "60-170"), ("echo_share", "0.5"), ("blog_cap", "8.4")):
        set_limit(seeded, name, text)
    assert rules_of(seeded).limits == replace(Limits(), least_words=20, tier_2=(60, 170), echo_share=0.5, blog_cap=84)
    assert rules_of(seeded, Limits(most_words=90)).limits.most_words == 90
    for name in ("least_words", "tier_2", "echo_share", "blog_cap"):
        set_limit(seeded, name, "default")
    assert rules_of(seeded).limits == Limits()
    assert seeded.value("SELECT count(*) FROM settings") == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("least_words", "-1"),
        ("least_words", "many"),
        ("tier_1", "50-20"),
        ("tier_1", "50"),
        ("echo_share", "1.5"),
        ("echo_share", "nan"),
        ("blog_cap", "inf"),
        ("nonsense", "1"),
    ],
)
def test_what_is_no_limit_is_refused(seeded: Store, name: str, text: str) -> None:
    with pytest.raises(StratosError, match=name):
        set_limit(seeded, name, text)


def test_the_command_lists_switches_and_reports(judged: Store) -> None:
    def run(*arguments: str) -> dict[str, object]:
        result = CliRunner().invoke(command, [*arguments, "--db", str(judged.path), "--json"], catch_exceptions=False)
        document = json.loads(result.stdout)
        assert isinstance(document, dict)
        return document

    listed = run("list")["rules"]
    assert isinstance(listed, list)
    assert {each["code"]: (each["on"], each["hard"]) for each in listed}["refusal"] == (True, True)
    short = len(of_code(judged, "too_short"))
    changed = run("off", "too_short", "section_missing", "tier_2_length", "tier_3_length")
    assert 0 < int(str(changed["now_accepted"])) <= short
    assert run("limit", "most_words", "100")["now_rejected"] != 0
    assert judged.value("SELECT count(*) FROM jobs WHERE kind = 'rejudge' AND state = 'done'") == 2
    text = CliRunner().invoke(command, ["list", "--db", str(judged.path)]).stdout
    assert "most_words=100" in text
    assert any(line.split()[:2] == ["too_short", "off"] for line in text.splitlines())
