from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from stratos_tui.distill import choosing
from stratos_tui.distill.estimate import COUNTED, PLAN_REQUESTS, Estimate, estimate
from stratos_tui.distill.pairs import Pair
from stratos_tui.distill.plan import choose_pairs, plan
from stratos_tui.distill.pricing import price_plan
from stratos_tui.distill.run import distill
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.errors import StratosError
from stratos_tui.prism import rubric
from stratos_tui.prism.bands import band_of
from stratos_tui.records import Article
from stratos_tui.store import articles, profiles
from stratos_tui.store.db import Store
from stratos_tui.teachers.catalog import find_teacher
from stratos_tui.teachers.rehearsal.server import Handler

if TYPE_CHECKING:
    from tests.distill.conftest import Serve

PLAIN = DistillSettings()
DAY = date(2026, 11, 20)
OPUS = "claude:claude-opus-5-5"


def made(store: Store, pairs: list[Pair], count: Any = None) -> Estimate:
    readers = {each.id: each for each in profiles.load(store)}
    pool = {each.id: each for each in articles.load(store)}
    return estimate(find_teacher(store, OPUS), pairs, readers, pool, PLAIN, DAY, count)


def test_a_full_size_plan_stands_beside_the_plans_own_figure_and_above_it(seeded: Store) -> None:
    articles.add_many(
        seeded, [Article(f"more-{n}", f"Bread {n}", f"Text {n}. " * 40) for n in range(490)], "imported", "test"
    )
    pairs = choose_pairs(seeded)
    assert len(pairs) == PLAN_REQUESTS
    found = made(seeded, pairs)
    assert found.plan_says == (7.0, 10.0)
    # decisions.md, 6: no current Opus model does it for that
    assert found.cost.expected > 20.0
    assert found.cost.low < found.cost.expected < found.cost.high


def test_the_tokens_of_a_request_are_those_of_its_parts(seeded: Store) -> None:
    tokens = made(seeded, choose_pairs(seeded, limit=100)).tokens
    assert (tokens.factor, tokens.counted) == (1.0, 0)
    assert tokens.request == tokens.system + tokens.profile + tokens.article
    assert 650 < tokens.system < 750, "the plan's prompt has 2,812 characters"


def test_a_servers_count_scales_the_estimate(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=100)
    here = made(seeded, pairs)
    asked: list[dict[str, Any]] = []

    def count(params: dict[str, Any]) -> int:
        asked.append(params)
        return 2 * round(here.tokens.request)

    there = made(seeded, pairs, count)
    assert len(asked) == COUNTED == there.tokens.counted
    assert {params["model"] for params in asked} == {"claude-opus-5-5"}
    assert there.tokens.factor == pytest.approx(2.0, rel=0.15)
    assert there.tokens.request == pytest.approx(here.tokens.request * there.tokens.factor, rel=0.01)
    assert there.cost.expected > here.cost.expected


def test_the_noise_to_expect_is_the_rubrics(seeded: Store) -> None:
    pairs = choose_pairs(seeded, limit=200)
    noise = 0
    for pair in pairs:
        [article] = articles.load(seeded, [pair.article_id])
        reader = profiles.get(seeded, pair.profile_id)
        assert reader is not None
        said = rubric.score(rubric.compile_profile(reader), article, article.fetched or DAY)
        noise += band_of(said.tenths) == "noise"
    assert made(seeded, pairs).noise_share == pytest.approx(noise / len(pairs))


def test_every_compared_model_has_a_range_with_caching_and_without(seeded: Store) -> None:
    planned = plan(seeded, "rehearsal", choose_pairs(seeded, limit=100))
    found, counted_by = price_plan(seeded, planned, PLAIN)
    assert "four bytes" in counted_by
    assert [each.model for each in found.models] == ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"]
    for each in found.models:
        assert each.price_date
        assert each.cached.low < each.cached.expected < each.cached.high
        assert each.cached.low < each.uncached.low
        assert each.cached.expected < each.uncached.expected
    dearest = [each.cached.expected for each in found.models]
    assert dearest == sorted(dearest, reverse=True)


def test_without_a_key_the_tokens_are_estimated_here_and_it_is_said(
    seeded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    planned = plan(seeded, OPUS, choose_pairs(seeded, limit=20))
    found, counted_by = price_plan(seeded, planned, PLAIN)
    assert found.tokens.counted == 0
    assert "ANTHROPIC_API_KEY" in counted_by


def test_a_paid_teachers_server_counts_a_sample_and_is_sent_nothing_else(
    seeded: Store, quick: DistillSettings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Twice(Handler):
        """Counts twice as many tokens as we do, and notes what else it is asked."""

        asked: ClassVar[list[str]] = []

        def _post(self, url: Any) -> dict[str, Any]:
            self.asked.append(url.path)
            found = super()._post(url)
            return {name: value * 2 for name, value in found.items()}

    planned = plan(seeded, OPUS, choose_pairs(seeded, limit=100))
    with serve(Twice) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "any")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        found, counted_by = price_plan(seeded, planned, PLAIN)
    assert counted_by == "claude-opus-5-5's own count"
    assert found.tokens.counted == COUNTED
    assert found.tokens.factor == pytest.approx(2.0, rel=0.02)
    assert Twice.asked == ["/v1/messages/count_tokens"] * COUNTED
    assert seeded.value("SELECT count(*) FROM requests") == 0


# choosing


def test_pairs_are_chosen_by_label(seeded: Store) -> None:
    labelled = choosing.labelled(seeded, "expected")
    assert set(choose_pairs(seeded, among=labelled)) == labelled
    with pytest.raises(StratosError, match="no operator labels"):
        choosing.labelled(seeded, "operator")


def test_pairs_are_chosen_by_the_band_of_an_earlier_scorer(seeded: Store, quick: DistillSettings) -> None:
    critical = choosing.in_bands(seeded, "rubric", ["critical"])
    chosen = choose_pairs(seeded, among=critical, limit=20)
    assert len(chosen) == 20
    assert set(chosen) < critical
    with pytest.raises(StratosError, match="scored nothing"):
        choosing.in_bands(seeded, "rehearsal", ["critical"])
    distill(seeded, "rehearsal", pairs=chosen, settings=quick)
    # the rehearsal answers by the rubric, so what it accepted is critical again
    assert choosing.in_bands(seeded, "rehearsal", ["critical"]) <= critical
    with pytest.raises(StratosError, match="no pair into noise"):
        choosing.in_bands(seeded, "rehearsal", ["noise"])


def test_a_choice_leaves_out_what_the_teacher_has_answered(seeded: Store, quick: DistillSettings) -> None:
    critical = choosing.in_bands(seeded, "rubric", ["critical"])
    distill(seeded, "rubric", pairs=choose_pairs(seeded, among=critical, limit=5), settings=quick)
    left = choose_pairs(seeded, among=critical, missing_for="rubric")
    assert len(left) == len(critical) - 5
