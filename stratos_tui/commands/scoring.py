"""``stratos score``, ``compare`` and ``evaluate``: what a scorer says, and how right it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from stratos_tui.commands.door import Door, door_options, progress, table
from stratos_tui.errors import StratosError
from stratos_tui.records import Article, Scored
from stratos_tui.scoring.lookup import known_article, known_profiles

_day = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--scorer", required=True, help="rubric, student:RUN or hf:PATH.")
@click.option("--profile", "profile_id", required=True)
@click.option("--article", "article_id", help="The id of a stored article.")
@click.option("--title", help="The title of an article that is not stored.")
@click.option("--body", default="", help="Its text.")
@click.option("--source", default="", help="Who published it.")
@click.option("--source-type", default="unknown", help="official, news, blog or unknown.")
@click.option("--published", help="The day it was published, YYYY-MM-DD.")
@click.option("--deadline", help="The last day on which a reader can act, YYYY-MM-DD.")
@click.option("--input", "file", type=click.Path(path_type=Path), help="A JSONL or CSV file of articles.")
@click.option("--prompt", "style", default="student", show_default=True, help="student, or prism: full instructions.")
@click.option("--as-of", type=_day, help="Judge on this day instead of the article's own.")
@door_options
def score(
    door: Door,
    /,
    scorer: str,
    profile_id: str,
    article_id: str | None,
    title: str | None,
    file: Path | None,
    style: str,
    as_of: datetime | None,
    **about: str | None,
) -> None:
    """Score one article, stored or not, or a file of them, for a profile."""
    from stratos_tui.articles.fields import article_of
    from stratos_tui.scoring.scorer_adaptive import as_json, produce, score_tasks, tasks_of
    from stratos_tui.scoring.scorers import find_scorer

    if sum(given is not None for given in (article_id, title, file)) != 1:
        raise StratosError("score one thing: --article ID, or --title TEXT with --body TEXT, or --input FILE")
    with door.store() as store, progress("score") as report:
        chosen = find_scorer(store, scorer, style=style)
        [profile] = known_profiles(store, [profile_id])
        day = as_of.date() if as_of else None
        if article_id is not None:
            said = score_tasks(store, chosen, tasks_of([(profile, known_article(store, article_id))], day), report)
        elif title is not None:
            typed = article_of({"title": title, **{name: value or "" for name, value in about.items()}})
            said = produce(chosen, tasks_of([(profile, typed)], day))
        else:
            assert file is not None
            said = []
            tasks = tasks_of([(profile, article) for article in _read_articles(file)], day)
            for start in range(0, len(tasks), FILE_BATCH):
                said += produce(chosen, tasks[start : start + FILE_BATCH])
                report(len(said), len(tasks), f"scoring: {chosen.name}")
    scored = [as_json(each) for each in said]
    if file is not None:
        rows = [(each["article_id"], _shown(each["score"]), each["reason"] or each["error"]) for each in scored]
        door.answer({"scorer": chosen.name, "scores": scored}, table(("article", "score", "reason"), rows))
    else:
        door.answer({"scorer": chosen.name, **scored[0]}, _scored_lines(chosen.name, said[0]))


FILE_BATCH = 16
"""Articles of a file that are scored at once."""


@click.command()
@click.option("--article", "article_id", required=True)
@click.option("--profiles", "profile_ids", required=True, help="Two ids or more, separated by commas.")
@click.option("--scorer", required=True, help="rubric, student:RUN or hf:PATH.")
@click.option("--prompt", "style", default="student", show_default=True, help="student, or prism: full instructions.")
@click.option("--as-of", type=_day, help="Judge on this day instead of the article's own.")
@door_options
def compare(door: Door, article_id: str, profile_ids: str, scorer: str, style: str, as_of: datetime | None) -> None:
    """Score one article for several profiles and show the gap between them."""
    from stratos_tui.scoring import compare as comparing
    from stratos_tui.scoring.scorers import find_scorer

    names = [name.strip() for name in profile_ids.split(",") if name.strip()]
    if len(set(names)) < 2:
        raise StratosError("--profiles: name two profiles or more, separated by commas")
    with door.store() as store, progress("compare") as report:
        found = comparing.compare(
            store,
            find_scorer(store, scorer, style=style),
            known_article(store, article_id),
            known_profiles(store, names),
            as_of=as_of.date() if as_of else None,
            report=report,
        )
    lines = [found["title"], ""]
    for pair in found["pairs"]:
        lines += [
            f"{pair['profile_id']} · {found['scorer']} · {_shown(pair['score'])}  {pair['reason'] or pair['error']}"
        ]
        lines += [f"    {line}" for line in pair["trace"].splitlines()] + [""]
    lines.append("gap: not measured" if found["gap"] is None else f"gap: {found['gap']:.1f} points")
    door.answer(found, lines)


@click.command()
@click.option("--scorer", help="rubric, student:RUN or hf:PATH.")
@click.option("--dataset", "dataset_id", type=int, help="The dataset whose held-out pairs are scored.")
@click.option("--predictions", type=click.Path(path_type=Path), help="Measure a file of predictions; needs no store.")
@click.option("--prompt", "style", default="student", show_default=True, help="student, or prism: full instructions.")
@click.option("--gate", is_flag=True, help="Exit 1 where the verdict is below success.")
@door_options
def evaluate(
    door: Door, scorer: str | None, dataset_id: int | None, predictions: Path | None, style: str, gate: bool
) -> int:
    """Measure a scorer against the teacher on held-out articles, beside the trivial scorers, and reach a verdict."""
    from stratos_tui.commands.datasets import chosen_dataset
    from stratos_tui.evaluation import evaluate as evaluating
    from stratos_tui.evaluation.noise_floor import floor_if_known
    from stratos_tui.jobs import run_here
    from stratos_tui.scoring.scorers import find_scorer

    if predictions is not None:
        if scorer or dataset_id:
            raise StratosError("--predictions is measured by itself; leave --scorer and --dataset out")
        # a store is not needed; one that holds the articles lets the rubric stand beside the predictions
        with door.store() if door.path.exists() else nullcontext() as known:
            result = evaluating.evaluate_predictions(predictions, known)
    else:
        if scorer is None:
            raise StratosError("name what to measure: --scorer S --dataset D, or --predictions FILE")
        with door.store() as store, progress("evaluate") as report:
            which = chosen_dataset(store, dataset_id)
            chosen = find_scorer(store, scorer, style=style)
            params = {"scorer": scorer, "dataset": which}
            result = run_here(
                store, "evaluate", params, lambda tell: evaluating.evaluate(store, chosen, which, tell), report
            )
            result |= {"noise_floor": floor_if_known(store, result["teacher"])}
    door.answer(result, evaluation_lines(result))
    passed = result["verdict"]["class"] in ("success", "stretch")
    return 1 if gate and not passed else 0


def evaluation_lines(result: dict[str, Any]) -> list[str]:
    """Return an evaluation as text for people: the verdict, its criteria, and the scorer beside the trivial ones."""
    verdict = result["verdict"]
    lines = [f"verdict: {verdict['class']}" + "".join(f" [{mark}]" for mark in verdict["marks"])]
    lines += [f"  {verdict['statement']}", *(f"  {each}" for each in verdict["cannot"]), ""]
    rows = [
        (
            each["name"],
            _figure(each["value"]),
            each["threshold"],
            {True: "yes", False: "no"}.get(each["ok"], "not measured"),
        )
        for each in verdict["criteria"]
    ]
    lines += table(("criterion", "value", "wanted", "met"), rows)
    measured = [(result.get("scorer") or "predictions", result), *result["baselines"].items()]
    figures = [
        (
            name + "".join(f" [{mark}]" for mark in row.get("marks", ())),
            *(_figure(row.get(key)) for key in ("mae", "macro_mae", "spearman", "psr", "profile_gap")),
            row.get("parse_failures", 0),
        )
        for name, row in measured
    ]
    lines += ["", *table(("scorer", "MAE", "macro-MAE", "ρ", "PSR", "gap", "unparsed"), figures)]
    lines.append(f"{result['n']:,} pairs, {result['contrast_pairs']:,} contrast pairs")
    if floor := result.get("noise_floor"):
        lines.append(
            f"noise floor: {floor['teacher']} against itself over {floor['n']:,} pairs has MAE {_figure(floor['mae'])},"
            f" PSR {_figure(floor['psr'])}"
        )
    return lines


def _read_articles(file: Path) -> list[Article]:
    from stratos_tui.articles import rows
    from stratos_tui.articles.fields import article_of

    rows.check(file)
    found: list[Article] = []
    for row in rows.read(file):
        if row.values is None:
            raise StratosError(f"{file}:{row.line}: {row.fault}")
        try:
            found.append(article_of(row.values))
        except StratosError as error:
            raise StratosError(f"{file}:{row.line}: {error}") from error
    if not found:
        raise StratosError(f"{file}: is empty; it holds no article")
    return found


def _scored_lines(scorer: str, said: Scored) -> Sequence[str]:
    from stratos_tui.prism.bands import band_of

    if said.tenths is None:
        return [f"{scorer}: no score could be read ({said.error})", said.raw]
    band = band_of(said.tenths)
    return [f"{said.tenths / 10:.1f} {band} · {scorer} · {said.latency_ms:,.1f} ms", said.reason, "", said.trace]


def _shown(points: float | None) -> str:
    return "–" if points is None else f"{points:.1f}"


def _figure(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
