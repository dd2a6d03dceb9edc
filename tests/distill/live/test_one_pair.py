"""One pair, asked at once: under the same journal, budget and terms as any other question."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from stratos_tui.distill.asking import ask_one
from stratos_tui.distill.plan import choose_pairs, keep, plan
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.prism import rubric
from stratos_tui.store import acknowledgements, ledger
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Caps, Spend
from stratos_tui.teachers.catalog import TERMS_NOTICE, TERMS_SUBJECT, Teacher, find_teacher
from stratos_tui.teachers.prices import Usage, live_cost

if TYPE_CHECKING:
    from tests.conftest import ChatServer, Reply
    from tests.distill.live.conftest import Answer, Exact, States

USED = Usage(tokens_in=900, cache_read=300, tokens_out=111)


def test_one_pair_is_asked_once(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    pair: tuple[Any, Any, date],
    assert_exact: Exact,
) -> None:
    caps = Caps(total=10**9)
    said = ask_one(seeded, teacher, *pair, caps, live)
    expected = rubric.answer(*pair)
    assert (said.tenths, said.reason, said.accepted, said.code) == (expected.tenths, expected.reason, True, "")
    assert teacher.price is not None
    assert (said.cost, said.tokens_in, said.tokens_out) == (live_cost(teacher.price, USED), 1_200, 111)
    assert ask_one(seeded, teacher, *pair, caps, live) == said
    assert len(chat_server.asked) == 1
    later = date(2030, 1, 1)
    assert ask_one(seeded, teacher, *pair[:2], later, caps, live).reference_date == later
    assert len(chat_server.asked) == 2
    assert_exact(seeded, teacher, live)


def test_one_pair_needs_a_budget_that_holds_it(
    seeded: Store, live: DistillSettings, chat_server: ChatServer, teacher: Teacher, pair: tuple[Any, Any, date]
) -> None:
    with pytest.raises(StratosError, match="is paid"):
        ask_one(seeded, teacher, *pair, Caps(), live)
    with pytest.raises(StratosError, match=r"can take up to \$0\.\d+, which passes the budget"):
        ask_one(seeded, teacher, *pair, Caps(total=10), live)
    assert chat_server.asked == []
    assert ask_one(seeded, teacher, *pair, Caps(own=10**9, sitting="x"), live).accepted


def test_one_pair_that_failed_is_asked_again(
    seeded: Store,
    live: DistillSettings,
    chat_server: ChatServer,
    teacher: Teacher,
    pair: tuple[Any, Any, date],
    well: Answer,
    reply: type[Reply],
    assert_exact: Exact,
) -> None:
    caps = Caps(total=10**9)
    chat_server.answer = lambda body: reply(drop=True)
    said = ask_one(seeded, teacher, *pair, caps, live)
    assert (said.result_type, said.code, said.tenths) == ("lost", "lost", None)
    chat_server.answer = well
    assert ask_one(seeded, teacher, *pair, caps, live).accepted
    assert_exact(seeded, teacher, live)


def test_one_pair_is_asked_only_where_it_can_be_journalled(
    seeded: Store, live: DistillSettings, free: Teacher, pair: tuple[Any, Any, date], states: States
) -> None:
    profile, article, day = pair
    for odd in ((replace(profile, context="nobody"), article), (profile, replace(article, id="nowhere"))):
        with pytest.raises(StratosError, match="stored pairs only"):
            ask_one(seeded, free, *odd, day, Caps(), live)
    with pytest.raises(StratosError, match="not asked live"):
        ask_one(seeded, find_teacher(seeded, "rubric"), *pair, Caps(), live)
    assert states(seeded) == {}


def test_claude_live_needs_the_terms_and_a_rehearsal_rehearses_it(
    seeded: Store, live: DistillSettings, pair: tuple[Any, Any, date], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    claude = find_teacher(seeded, "claude:claude-opus-5-5")
    with pytest.raises(StratosError, match="restrict training models"):
        ask_one(seeded, claude, *pair, Caps(total=10**9), live)
    acknowledgements.give(seeded, TERMS_SUBJECT, TERMS_NOTICE)
    with pytest.raises(StratosError, match="ANTHROPIC_API_KEY"):
        ask_one(seeded, claude, *pair, Caps(total=10**9), live)
    good = replace(live, rehearsal=replace(live.rehearsal, bad_share=0.0), max_tokens=2_000)
    said = ask_one(seeded, find_teacher(seeded, "rehearsal"), *pair, Caps(), good)
    assert said.accepted
    assert said.cost == ledger.spend(seeded, simulated=True).settled > 0
    assert ledger.spend(seeded, simulated=False) == Spend(0, 0)


def test_a_pair_in_a_batch_is_on_its_way(
    seeded: Store, live: DistillSettings, free: Teacher, pair: tuple[Any, Any, date]
) -> None:
    profile, article, _ = pair
    chosen = [each for each in choose_pairs(seeded) if (each.article_id, each.profile_id) == (article.id, profile.id)]
    keep(seeded, plan(seeded, free.name, chosen, settings=live), live)
    with seeded.write() as connection:
        connection.execute("UPDATE requests SET state = 'submitted'")
    with pytest.raises(StratosError, match="on its way"):
        ask_one(seeded, free, *pair, Caps(), live)
