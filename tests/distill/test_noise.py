from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest

from stratos_tui.distill import pausing
from stratos_tui.distill.noise import ask_again, plan_again
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.submit import send
from stratos_tui.distill.watch import watch
from stratos_tui.errors import StratosError
from stratos_tui.evaluation.noise_floor import noise_floor
from stratos_tui.progress import silent
from stratos_tui.store import requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import examples, totals
from stratos_tui.store.ledger import Caps
from stratos_tui.teachers.batches import BatchClient
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.rehearsal.server import Handler
from stratos_tui.teachers.rehearsal.settings import RehearsalSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.distill.conftest import Serve

INSTANT = RehearsalSettings(bad_share=0.0, latency_seconds=0.0, seconds_per_request=0.0)


@pytest.fixture
def good() -> DistillSettings:
    return DistillSettings(batch_size=30, rehearsal_poll_seconds=0.02, rehearsal=INSTANT)


class Wavering(Handler):
    """A teacher that scores each second answer 1.0 higher: by the attempt, which stands at the end of its id."""

    def _send_lines(self, lines: Iterator[bytes]) -> None:
        super()._send_lines(waver(line) for line in lines)


def waver(line: bytes) -> bytes:
    row = json.loads(line)
    if row["custom_id"].endswith("-2"):
        block: dict[str, Any] = row["result"]["message"]["content"][0]
        tenths = round(float(re.findall(r"SCORE: (\S+)", block["text"])[-1]) * 10)
        raised = tenths + 10 if tenths <= 35 else tenths - 10
        block["text"] = re.sub(r"SCORE: \S+", f"SCORE: {raised / 10:.1f}", block["text"])
    return json.dumps(row).encode() + b"\n"


def test_what_is_asked_twice_changes_no_example_and_no_total(seeded: Store, good: DistillSettings) -> None:
    distill(seeded, "rehearsal", limit=60, settings=good)
    before = (examples(seeded, "rehearsal"), totals(seeded, "rehearsal"))
    standing = {pair: each.state for pair, each in requests.standings(seeded, "rehearsal").items()}
    said = ask_again(seeded, "rehearsal", 20, settings=good)
    assert said == {"asked": 20, "held_back": 0, "held_by": "", "paused": False}
    assert (examples(seeded, "rehearsal"), totals(seeded, "rehearsal")) == before
    assert {pair: each.state for pair, each in requests.standings(seeded, "rehearsal").items()} == standing
    # the rehearsal says the same of the same pair
    floor = noise_floor(seeded, "rehearsal")
    assert (floor["n"], floor["mae"], floor["same"], floor["parse_failures"]) == (20, 0.0, 1.0, 0)
    assert distill(seeded, "rehearsal", limit=60, settings=good)["pairs_accepted"] == 60


def test_the_same_again_asks_nothing_and_more_asks_only_what_is_more(seeded: Store, good: DistillSettings) -> None:
    distill(seeded, "rehearsal", limit=60, settings=good)
    ask_again(seeded, "rehearsal", 20, settings=good)
    assert ask_again(seeded, "rehearsal", 20, settings=good)["asked"] == 0
    assert ask_again(seeded, "rehearsal", 30, settings=good)["asked"] == 10
    assert noise_floor(seeded, "rehearsal")["n"] == 30


def test_a_teacher_that_wavers_by_a_point_is_measured_so(seeded: Store, good: DistillSettings, serve: Serve) -> None:
    with serve(Wavering, INSTANT) as server:

        def connect() -> anthropic.Anthropic:
            http_client = httpx2.Client(trust_env=False, timeout=20.0)
            return anthropic.Anthropic(api_key="any", base_url=server.base_url, max_retries=0, http_client=http_client)

        client = BatchClient(find_teacher(seeded, "rehearsal"), connect)
        distill(seeded, "rehearsal", limit=60, settings=good)
        assert plan_again(seeded, "rehearsal", 40, good) == 40
        send(seeded, client, good, Caps(), silent, purpose="noise")
        watch(seeded, client, good, silent)
        client.close()
    floor = noise_floor(seeded, "rehearsal")
    assert floor["n"] == 40
    assert floor["mae"] == pytest.approx(1.0)
    assert floor["same"] == 0.0
    assert floor["contrast_pairs"] > 0
    assert 0.0 < floor["psr"] <= 1.0
    low, high = floor["intervals"]["mae"]
    assert low <= 1.0 <= high


def test_without_anything_to_ask_again_it_says_what_comes_first(seeded: Store, good: DistillSettings) -> None:
    with pytest.raises(StratosError, match="distill run"):
        ask_again(seeded, "rehearsal", 20, settings=good)
    with pytest.raises(StratosError, match="distill noise"):
        noise_floor(seeded, "rehearsal")


def test_a_budget_holds_for_the_noise_floor_too(seeded: Store, good: DistillSettings) -> None:
    spent = distill(seeded, "rehearsal", limit=60, settings=good)["spent"]
    said = ask_again(seeded, "rehearsal", 60, own_usd=0.2, settings=good)
    assert said["held_back"] > 0
    assert not said["paused"]
    assert said["held_by"].startswith(f"the job's own budget of $0.20 holds {said['held_back']} requests back")
    assert said["asked"] + said["held_back"] == 60
    settled = seeded.value("SELECT sum(nanodollars) FROM ledger WHERE kind = 'settle'") / 1e9
    assert 0 < settled - spent <= 0.2
    pausing.pause(seeded)
    said = ask_again(seeded, "rehearsal", 60, own_usd=0.2, settings=good)
    # it is no cap that holds these back
    assert (said["asked"], said["paused"], said["held_by"]) == (0, True, "")
