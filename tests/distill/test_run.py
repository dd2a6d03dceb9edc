from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.budget import set_workspace_cap
from stratos_tui.distill.judge import state_of
from stratos_tui.distill.plan import choose_pairs
from stratos_tui.distill.run import distill, follow, stop, submit
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.prism.prompts import fingerprint
from stratos_tui.progress import Canceled
from stratos_tui.store import batches, ledger, rejections, requests
from stratos_tui.store.db import Store
from stratos_tui.store.distill import examples, teachers, totals
from stratos_tui.teachers.prices import Usage, batch_cost, dollars, in_dollars, nanodollars, price_of
from stratos_tui.teachers.rehearsal.settings import BAD_KINDS, RehearsalSettings

if TYPE_CHECKING:
    from tests.distill.conftest import Rows, Serve

Read = Callable[[Store], "Rows"]


def only(quick: DistillSettings, kind: str, share: float = 1.0, **more: Any) -> DistillSettings:
    bad = RehearsalSettings(bad_share=share, bad_kinds=(kind,), latency_seconds=0.0, seconds_per_request=0.0)
    return replace(quick, rehearsal=bad, **more)


def test_every_pair_is_answered_and_failed_ones_are_asked_again(seeded: Store, quick: DistillSettings) -> None:
    result = distill(seeded, "rehearsal", limit=100, settings=quick)
    known = totals(seeded, "rehearsal")
    assert result["pairs"] == 100
    assert result["pairs_accepted"] + result["missing"] == 100
    assert result["accepted"] == result["pairs_accepted"] == len(examples(seeded, "rehearsal"))
    # four in ten are bad: of 100 about 40 are asked twice and 16 three times
    assert 130 < result["requests"] == known.requests < 190
    ended = ("accepted", "rejected", "refused", "errored", "expired")
    assert sum(result[name] for name in ended) == result["requests"]
    assert all(result[name] > 0 for name in ended)
    assert sum(result["reasons"].values()) == result["requests"] - result["accepted"]
    assert (result["simulated"], result["priced_as"], result["held"]) == (True, "claude-opus-5-5", 0.0)
    assert teachers(seeded) == ["rehearsal"]


def test_the_same_again_asks_nothing(seeded: Store, quick: DistillSettings, what_came_of: Read) -> None:
    first = distill(seeded, "rehearsal", limit=60, settings=quick)
    before = what_came_of(seeded)
    second = distill(seeded, "rehearsal", limit=60, settings=quick)
    assert what_came_of(seeded) == before
    assert {**second, "cost_estimate": first["cost_estimate"]} == first


def test_two_stores_come_to_the_same(seeded: Store, store: Store, quick: DistillSettings, what_came_of: Read) -> None:
    from stratos_tui.profiles.shipped import load_shipped

    load_shipped(store)
    for each in (seeded, store):
        distill(each, "rehearsal", limit=60, settings=quick)
    assert what_came_of(seeded) == what_came_of(store)


def test_provenance_is_with_every_row(seeded: Store, quick: DistillSettings) -> None:
    distill(seeded, "rehearsal", limit=20, settings=quick)
    row = seeded.row(
        "SELECT teacher, model, prompt_fingerprint, settings, rules, requests.code_version FROM requests"
        " JOIN answers ON answers.request_id = requests.id JOIN judgements USING (request_id) WHERE state = 'accepted'"
    )
    assert row is not None
    assert tuple(row)[:3] == ("rehearsal", "rehearsal", fingerprint("teacher"))
    assert all(tuple(row))


@pytest.mark.parametrize(
    ("kind", "code", "state"),
    [
        ("too_short", "too_short", "rejected"),
        ("too_long", "too_long", "rejected"),
        ("no_score", "score_missing", "rejected"),
        ("five", "score_forbidden", "rejected"),
        ("refusal", "refusal", "rejected"),
        ("max_tokens", "truncated", "rejected"),
        ("errored", "errored", "errored"),
        ("expired", "expired", "expired"),
    ],
)
def test_every_kind_of_bad_answer_is_judged_by_its_name(
    seeded: Store, quick: DistillSettings, kind: str, code: str, state: str
) -> None:
    result = distill(seeded, "rehearsal", limit=20, settings=only(quick, kind, attempts=2))
    assert kind in BAD_KINDS
    assert result["reasons"] == {code: 40}
    assert requests.counts(seeded, "rehearsal") == {state: 40}
    assert result["missing"] == 20


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_a_pair_is_asked_as_often_as_the_cap_says(seeded: Store, quick: DistillSettings, attempts: int) -> None:
    distill(seeded, "rehearsal", limit=3, settings=only(quick, "five", attempts=attempts))
    asked = seeded.rows("SELECT attempt, count(*) AS n FROM requests GROUP BY attempt ORDER BY attempt")
    assert [tuple(row) for row in asked] == [(attempt, 3) for attempt in range(1, attempts + 1)]


def test_the_rubric_teaches_directly_and_for_nothing(seeded: Store, quick: DistillSettings) -> None:
    result = distill(seeded, "rubric", limit=150, settings=quick)
    assert (result["accepted"], result["rejected"], result["spent"], result["batches"]) == (150, 0, 0.0, 0)
    assert seeded.value("SELECT count(*) FROM ledger") == 0
    assert {row[0] for row in seeded.rows("SELECT DISTINCT model FROM answers")} == {"rubric 1"}


def test_a_rehearsal_without_bad_answers_says_what_the_rubric_says(seeded: Store, quick: DistillSettings) -> None:
    distill(seeded, "rubric", limit=80, settings=quick)
    result = distill(seeded, "rehearsal", limit=80, settings=only(quick, "five", share=0.0))
    # nothing is asked twice here, so what was estimated for one round is what it comes to
    estimate = result["cost_estimate"]
    assert estimate["low"] < result["spent"] < estimate["high"]
    said = [
        [(each.article_id, each.profile_id, each.tenths, each.reason, each.trace) for each in examples(seeded, teacher)]
        for teacher in ("rubric", "rehearsal")
    ]
    assert said[0] == said[1]
    assert len(said[0]) == 80


def test_examples_come_by_article_and_profile(seeded: Store, quick: DistillSettings) -> None:
    distill(seeded, "rubric", limit=35, settings=quick)
    articles = {row["id"]: row["seq"] for row in seeded.rows("SELECT id, seq FROM articles")}
    profiles = {row["id"]: row["rowid"] for row in seeded.rows("SELECT rowid, id FROM profiles")}
    order = [(articles[each.article_id], profiles[each.profile_id]) for each in examples(seeded, "rubric")]
    assert order == sorted(order)


def test_money_is_exact_to_the_nanodollar(seeded: Store, quick: DistillSettings) -> None:
    result = distill(seeded, "rehearsal", limit=60, settings=quick)
    price = price_of("claude-opus-5-5")
    billed = seeded.rows("SELECT * FROM answers WHERE result_type = 'succeeded'")
    expected = sum(
        batch_cost(
            price,
            Usage(row["tokens_in"], row["tokens_cache_write"], row["tokens_cache_read"], row["tokens_out"]),
        )
        for row in billed
    )
    known = ledger.spend(seeded, simulated=True)
    assert (known.settled, known.held) == (expected, 0)
    assert nanodollars(result["spent"]) == expected
    assert seeded.value("SELECT count(*) FROM ledger WHERE kind = 'settle'") == len(billed)
    assert ledger.spend(seeded, simulated=False) == ledger.Spend(0, 0)


def test_a_budget_is_never_passed_and_is_used_as_answers_come_in(seeded: Store, quick: DistillSettings) -> None:
    cap = 0.5
    seen: list[int] = []

    def look(done: int, total: int, note: str) -> None:
        known = ledger.spend(seeded, simulated=True)
        seen.append(known.settled + known.held)

    result = distill(seeded, "rehearsal", limit=60, budget_usd=cap, settings=quick, report=look)
    # one answer can cost 2 cents and costs a fifth of one: not all can be in flight at once, but all get through
    assert max(seen) <= nanodollars(cap)
    assert result["held_back"] == 0
    assert result["batches"] > 3
    assert result["pairs_accepted"] + result["missing"] == 60


def test_what_does_not_fit_the_budget_is_held_back_with_what_it_takes(seeded: Store, quick: DistillSettings) -> None:
    result = distill(seeded, "rehearsal", limit=60, budget_usd=0.06, settings=quick)
    assert result["spent"] <= 0.06
    assert 0 < result["held_back"] < 60
    assert result["held"] == 0.0
    more = distill(seeded, "rehearsal", limit=60, budget_usd=5.0, settings=quick)
    assert more["held_back"] == 0


def test_what_an_earlier_call_left_in_flight_holds_nothing_back_once_it_is_in(
    seeded: Store, quick: DistillSettings
) -> None:
    good = only(quick, "five", share=0.0)
    pairs = choose_pairs(seeded, limit=25)
    submit(seeded, "rehearsal", pairs[:20], budget_usd=5.0, settings=good)
    held = dollars(ledger.spend(seeded, simulated=True).held)
    # no question fits beside what is held, and all do beside what it comes to
    result = distill(seeded, "rehearsal", pairs=pairs, budget_usd=held + 0.001, settings=good)
    assert (result["held_back"], result["held_by"], result["pairs_accepted"]) == (0, "", 25)


def test_nothing_is_sent_where_nothing_fits(seeded: Store, quick: DistillSettings) -> None:
    with pytest.raises(StratosError, match=r"budget of \$0\.01 holds 10 requests back.*can take up to \$0\.3") as error:
        distill(seeded, "rehearsal", limit=10, budget_usd=0.01, settings=quick)
    assert "--budget" in str(error.value)
    assert batches.load(seeded) == []


def test_the_cap_that_binds_is_named_with_its_own_spend_and_what_raises_it(
    seeded: Store, quick: DistillSettings
) -> None:
    good = only(quick, "five", share=0.0)
    distill(seeded, "rehearsal", limit=5, settings=good)
    known = ledger.spend(seeded, simulated=True).settled
    spent = dollars(known)
    assert spent > 0.001
    pairs = choose_pairs(seeded, limit=15)[5:]

    def refusal(budget: float | None, own: float | None, workspace: float | None, ask: Any = submit) -> str:
        set_workspace_cap(seeded, workspace, simulated=True)
        where = {"pairs": pairs, "budget_usd": budget, "own_usd": own, "settings": good}
        with pytest.raises(StratosError) as error:
            ask(seeded, "rehearsal", **where)
        return str(error.value)

    own, budget, workspace = "the job's own budget", "the budget", "the workspace's cap"
    for ask in (submit, distill):
        said = refusal(None, 0.001, None, ask)
        # what was spent before is no part of what the job's own budget bounds
        assert said.startswith(f"{own} of $0.001 holds 10 requests back: $0.00 of it is spent and $0.00 held, and")
        assert said.endswith("; raise --job-budget")
    said = refusal(spent + 0.001, None, None)
    assert said.startswith(f"{budget} of {in_dollars(known + 10**6)} holds 10 requests back: {in_dollars(known)} of it")
    assert said.endswith("; raise --budget")
    said = refusal(None, None, spent + 0.001)
    assert said.startswith(f"{workspace} of {in_dollars(known + 10**6)} holds 10 requests back: {in_dollars(known)} of")
    assert said.endswith("; raise `stratos distill cap --simulated`")
    # of several the one that leaves the least
    assert refusal(spent + 0.002, 0.003, spent + 0.001).startswith(workspace)
    assert refusal(spent + 0.001, 0.003, spent + 0.002).startswith(budget)
    assert refusal(spent + 0.002, 0.00002, spent + 0.003).startswith(f"{own} of $0.00002 holds")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (20_000, "$0.00002"),
        (1_000_000, "$0.001"),
        (490_700_000, "$0.4907"),
        (12_500_000_000, "$12.50"),
        (1_234_567_890_000, "$1,234.5679"),
    ],
)
def test_an_amount_in_words_never_hides_that_there_is_one(amount: int, words: str) -> None:
    assert in_dollars(amount) == words


def test_a_canceled_run_keeps_what_is_done_and_goes_on(
    seeded: Store, quick: DistillSettings, what_came_of: Read
) -> None:
    def impatient(done: int, total: int, note: str) -> None:
        if done > 20 and note.startswith("rehearsal"):
            raise Canceled

    with pytest.raises(Canceled):
        distill(seeded, "rehearsal", limit=60, settings=quick, report=impatient)
    assert totals(seeded, "rehearsal").accepted + sum(rejections.counts(seeded).values()) > 20
    result = distill(seeded, "rehearsal", limit=60, settings=quick)
    assert result["open"] == 0


def test_submitting_and_following_are_steps_of_their_own(seeded: Store, quick: DistillSettings) -> None:
    pairs = choose_pairs(seeded, limit=45)
    sent = submit(seeded, "rehearsal", pairs, settings=quick)
    assert (sent["sent"]["requests"], sent["batches"], sent["open"], sent["accepted"]) == (45, 2, 45, 0)
    # the server that took them ended with its client: another one goes on with the same batches
    result = follow(seeded, "rehearsal", settings=quick)
    assert (result["open"], result["requests"], result["held"]) == (0, 45, 0.0)


def test_looking_once_waits_for_nothing(seeded: Store, quick: DistillSettings) -> None:
    slow = replace(quick, rehearsal=RehearsalSettings(latency_seconds=86_400.0))
    submit(seeded, "rehearsal", choose_pairs(seeded, limit=5), settings=slow)
    assert follow(seeded, "rehearsal", wait=False, settings=slow)["open"] == 5


def test_a_stopped_batch_is_canceled_and_can_be_asked_again(seeded: Store, quick: DistillSettings) -> None:
    slow = replace(quick, rehearsal=RehearsalSettings(latency_seconds=86_400.0))
    pairs = choose_pairs(seeded, limit=40)
    submit(seeded, "rehearsal", pairs, budget_usd=0.65, settings=slow)
    assert stop(seeded, "rehearsal", settings=slow)["stopped"]["batches"] == 1
    result = follow(seeded, "rehearsal", settings=slow)
    assert (result["open"], result["held"], result["spent"]) == (0, 0.0, 0.0)
    assert result["canceled"] == result["requests"] < 40
    assert distill(seeded, "rehearsal", pairs=pairs, settings=only(quick, "five", share=0.0))["pairs_accepted"] == 40


def test_the_state_of_every_request_is_its_verdicts(seeded: Store, quick: DistillSettings) -> None:
    from stratos_tui.distill.judge import Rules, judge
    from stratos_tui.store import answers

    distill(seeded, "rehearsal", limit=60, settings=quick)
    for row in seeded.rows("SELECT id, state FROM requests"):
        answer = answers.one(seeded, row["id"])
        assert answer is not None
        assert state_of(judge(answer, Rules(quick.limits))) == row["state"]


# a paid teacher, over the same path


def claude(monkeypatch: pytest.MonkeyPatch, base_url: str) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", base_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret-key")


CLAUDE = "claude:claude-haiku-5-5"


def test_a_paid_teacher_needs_terms_then_a_budget_then_a_key(
    seeded: Store, quick: DistillSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(StratosError, match=r"restrict training models.*--accept-terms"):
        distill(seeded, CLAUDE, limit=1, settings=quick)
    with pytest.raises(StratosError, match="--budget"):
        distill(seeded, CLAUDE, limit=1, accept_terms=True, settings=quick)
    with pytest.raises(StratosError, match="ANTHROPIC_API_KEY"):
        distill(seeded, CLAUDE, limit=1, budget_usd=1.0, settings=quick)
    assert seeded.value("SELECT subject FROM acknowledgements") == "anthropic-training-terms"


def test_a_paid_teacher_goes_the_same_way_and_its_money_is_real(
    seeded: Store, quick: DistillSettings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as server:
        claude(monkeypatch, server.base_url)
        patient = replace(quick, poll_seconds=0.02, attempts=1)
        result = distill(seeded, CLAUDE, limit=10, budget_usd=1.0, accept_terms=True, settings=patient)
    # the rehearsal is no Claude and says so: every request comes back as an error, which costs nothing
    assert (result["errored"], result["spent"], result["simulated"], result["held"]) == (10, 0.0, False, 0.0)
    assert seeded.value("SELECT sum(nanodollars) FROM ledger WHERE kind = 'reserve' AND NOT simulated") > 0
    assert "rehearses" in seeded.value("SELECT measured FROM judgements LIMIT 1")


def test_the_key_is_written_nowhere(
    seeded: Store, quick: DistillSettings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as server:
        claude(monkeypatch, server.base_url)
        fast = replace(quick, poll_seconds=0.02, attempts=1)
        distill(seeded, CLAUDE, limit=3, budget_usd=1.0, accept_terms=True, settings=fast)
    seeded.close()
    files = [path for path in seeded.path.parent.rglob("*") if path.is_file()]
    assert seeded.path in files
    assert not [path for path in files if b"secret-key" in path.read_bytes()]
