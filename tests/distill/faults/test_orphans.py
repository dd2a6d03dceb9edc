"""Batches that only the server knows: listed, adopted or canceled on an operator's word, and never by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from stratos_tui.commands import orphaned
from stratos_tui.distill.orphans import adopt, cancel_orphan, orphans
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import Doubts, resolve, send
from stratos_tui.distill.watch import watch
from stratos_tui.errors import StratosError
from stratos_tui.progress import silent
from stratos_tui.store import batches, events, ledger, rejections
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from tests.distill.faults.conftest import ExactlyOnce, FaultHandler, Open, Plan, Serve

HELD = RehearsalSettings(bad_share=0.0, latency_seconds=1e6, seconds_per_request=0.0)
"""Under which a batch ends when the test says so, and not by itself."""
STRANGER = [{"custom_id": f"theirs-{number}", "params": {}} for number in range(10)]
CLAUDE = "claude:claude-opus-5-5"


def dropped(handler: FaultHandler, take: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    take()
    handler.drop()


def lost(handler: FaultHandler, take: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    handler.drop()


def test_an_orphan_says_whose_it_could_be_and_whose_it_is(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan
) -> None:
    planned(10)
    with faulty(creations=[dropped], settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        other = client.create(STRANGER)
        small = client.create(STRANGER[:3])
        [mine] = [each.remote_id for each in orphans(seeded, client) if each.remote_id not in (other.id, small.id)]
        running = {each.remote_id: each for each in orphans(seeded, client)}
        assert [each.remote_id for each in orphans(seeded, client)] == [small.id, other.id, mine], "newest first"
        assert {each.state for each in running.values()} == {"in_progress"}
        # while they run, any of the size could be ours
        assert {each: (found.batch_id, found.proven) for each, found in running.items()} == {
            mine: (1, False),
            other.id: (1, False),
            small.id: (None, False),
        }
        server.finish(mine, other.id, small.id)
        told = {each.remote_id: (each.batch_id, each.proven) for each in orphans(seeded, client)}
        assert told == {mine: (1, True), other.id: (None, False), small.id: (None, False)}
        assert adopt(seeded, client, mine) == 1
        assert {each.remote_id for each in orphans(seeded, client)} == {other.id, small.id}
        assert batches.in_flight(seeded, "rehearsal")[0].submitted_at is not None


def test_a_running_orphan_is_adopted_on_a_word_and_proves_itself(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned(10)
    with faulty(creations=[dropped], settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        [orphan] = orphans(seeded, client)
        assert adopt(seeded, client, orphan.remote_id) == 1
        assert batches.in_flight(seeded, "rehearsal")[0].submitted_at is None, "not proven yet"
        server.finish(orphan.remote_id)
        watch(seeded, client, quick, silent)
    exactly_once(server, answered=10)
    [batch] = batches.load(seeded)
    assert (batch.state, batch.remote_id) == ("ingested", orphan.remote_id)
    assert batch.submitted_at is not None


@pytest.mark.parametrize("fault", [dropped, lost], ids=["ours is there", "ours never arrived"])
def test_a_wrongly_adopted_batch_is_given_back(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    exactly_once: ExactlyOnce,
    fault: Any,
) -> None:
    planned(10)
    with faulty(creations=[fault], settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        held = ledger.spend(seeded, simulated=True).held
        other = client.create(STRANGER)
        adopt(seeded, client, other.id)
        server.finish(other.id)
        watch(seeded, client, quick, silent, wait=False)
        [batch] = batches.in_flight(seeded, "rehearsal")
        assert (batch.state, batch.remote_id) == ("intended", None)
        assert ledger.spend(seeded, simulated=True) == ledger.Spend(0, held)
        assert rejections.counts(seeded) == {}
        with pytest.raises(StratosError, match="another token"):
            adopt(seeded, client, other.id)
        if fault is lost:
            assert resolve(seeded, client, replace(quick, rehearsal_settle_seconds=0.0), silent) == Doubts()
        server.finish(*(each.id for each in server.desk.heads()))
        watch(seeded, client, quick, silent)
    exactly_once(server, answered=10)
    said = [event.what for event in events.latest(seeded)]
    assert said.count("disowned") == 1
    assert ("created again" in said) == (fault is lost)


def test_what_cannot_be_adopted_is_refused_in_one_line(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan
) -> None:
    planned(60)
    with faulty(creations=[dropped, dropped], settings=HELD) as server:
        client = client_of(server)
        send(seeded, client, quick, Caps(), silent)
        small = client.create(STRANGER)
        two = [each for each in orphans(seeded, client) if each.requests == 30]
        with pytest.raises(StratosError, match="has 10 requests, and no open batch here has as many"):
            adopt(seeded, client, small.id)
        with pytest.raises(StratosError, match="could be any of 2 batches"):
            adopt(seeded, client, two[0].remote_id)
        with pytest.raises(StratosError):
            adopt(seeded, client, "msgbatch_unheard_of")
        server.finish(two[0].remote_id)
        assert adopt(seeded, client, two[0].remote_id) == 2, "newest first, and its token says which"
        with pytest.raises(StratosError, match="a batch of this store"):
            adopt(seeded, client, two[0].remote_id)
        with pytest.raises(StratosError, match="a batch of this store"):
            cancel_orphan(seeded, client, two[0].remote_id)
        assert [batch.state for batch in batches.load(seeded)] == ["submitted", "intended"]


def test_nothing_is_canceled_but_on_a_word(
    seeded: Store, quick: DistillSettings, faulty: Serve, client_of: Open, planned: Plan, exactly_once: ExactlyOnce
) -> None:
    planned(10)
    with faulty(settings=HELD) as server:
        client = client_of(server)
        other = client.create(STRANGER)
        send(seeded, client, quick, Caps(), silent)
        resolve(seeded, client, quick, silent)
        assert [each.remote_id for each in orphans(seeded, client)] == [other.id]
        server.finish(other.id, str(batches.in_flight(seeded, "rehearsal")[0].remote_id))
        watch(seeded, client, quick, silent)
        assert client.status(other.id).canceled == 0
        running = client.create(STRANGER)
        cancel_orphan(seeded, client, running.id)
        assert client.status(running.id).canceled == 10
    assert events.latest(seeded)[0].detail == f"{running.id}, which is not known here"
    exactly_once(server, answered=10)


# the commands


def run(path: Path, command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--db", str(path), "--teacher", CLAUDE])


def test_the_commands_list_adopt_and_cancel(
    seeded: Store,
    quick: DistillSettings,
    faulty: Serve,
    client_of: Open,
    planned: Plan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned(10, CLAUDE)
    with faulty(creations=[dropped], settings=HELD) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert run(seeded.path, orphaned.orphans).output == "no orphans\n"
        client = client_of(server, CLAUDE)
        send(seeded, client, quick, Caps(10**12), silent)
        [mine] = orphans(seeded, client)
        other = client.create(STRANGER[:3])

        listed = json.loads(run(seeded.path, orphaned.orphans, "--json").output)
        assert listed["canceled"] is None
        assert [(each["remote_id"], each["batch_id"]) for each in listed["orphans"]] == [
            (other.id, None),
            (mine.remote_id, 1),
        ]
        shown = run(seeded.path, orphaned.orphans, "--cancel", other.id).output
        assert f"{other.id} is asked to stop" in shown
        refused = run(seeded.path, orphaned.adopt, other.id)
        assert isinstance(refused.exception, StratosError)
        taken = json.loads(run(seeded.path, orphaned.adopt, mine.remote_id, "--json").output)
        assert taken == {"teacher": CLAUDE, "batch": 1, "remote_id": mine.remote_id}
        assert "is a batch of this store" in str(run(seeded.path, orphaned.adopt, mine.remote_id).exception)


def test_a_teacher_without_batches_has_no_orphans(seeded: Store) -> None:
    result = CliRunner().invoke(orphaned.orphans, ["--db", str(seeded.path), "--teacher", "rubric"])
    assert "has no batches" in str(result.exception)
