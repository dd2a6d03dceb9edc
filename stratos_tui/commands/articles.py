"""``stratos articles``: import, list, label and draft articles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from stratos_tui.commands.door import Door, door_options, group, progress, table
from stratos_tui.commands.drafting import candidates, draft
from stratos_tui.errors import StratosError
from stratos_tui.prism.bands import points
from stratos_tui.scoring.lookup import known_article
from stratos_tui.store import articles as stored
from stratos_tui.store import labels

LISTED = 50
SHOWN_REJECTIONS = 20


@group()
def articles() -> None:
    """Import, list, label and draft articles."""


articles.add_command(draft)
articles.add_command(candidates)


@articles.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@door_options
def import_articles(door: Door, files: tuple[Path, ...]) -> None:
    """Import articles (JSONL, CSV) and scored pairs (messages rows). Repeating an import adds nothing."""
    from stratos_tui.articles.importing import import_files
    from stratos_tui.jobs import run_here
    from stratos_tui.profiles.shipped import load_shipped
    from stratos_tui.progress import Report

    def work(report: Report) -> dict[str, object]:
        done = import_files(store, files, report)
        return {
            "added": done.added,
            "duplicate": done.duplicate,
            "rejected": [asdict(rejection) for rejection in done.rejected],
            "pairs_added": done.pairs_added,
            "profiles_added": sum(file.profiles_added for file in done.files),
            "files": [{**asdict(file), "rejected": len(file.rejected)} for file in done.files],
        }

    with door.store(create=True) as store, progress("import") as report:
        # a row of a shipped profile is recognised as that profile only where it is stored
        load_shipped(store)
        params = {"files": [str(file) for file in files]}
        result = run_here(store, "import", params, work, report)
    door.answer(result, _import_lines(result))


def _import_lines(result: dict[str, object]) -> list[str]:
    rejected = result["rejected"]
    assert isinstance(rejected, list)
    lines = [
        f"{result['added']:,} added, {result['duplicate']:,} duplicate, {len(rejected):,} rejected; "
        f"{result['pairs_added']:,} scored pairs and {result['profiles_added']:,} profiles added"
    ]
    lines += [f"  {row['file']}:{row['line']}: {row['reason']}" for row in rejected[:SHOWN_REJECTIONS]]
    if len(rejected) > SHOWN_REJECTIONS:
        lines.append(f"  … and {len(rejected) - SHOWN_REJECTIONS:,} more (--json lists all)")
    return lines


@articles.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=LISTED, show_default=True)
@click.option("--offset", type=click.IntRange(min=0), default=0, show_default=True)
@door_options
def list_articles(door: Door, limit: int, offset: int) -> None:
    """List articles in the order in which they were added."""
    with door.store() as store:
        total = stored.count(store)
        found = stored.page(store, offset, limit)
        splits = stored.splits(store)
    rows = [(a.id, splits[a.id] or "", a.source_type, a.published or "", a.title[:80]) for a in found]
    text = [*table(("article", "split", "source", "published", "title"), rows), f"{len(found):,} of {total:,}"]
    listed = [{**asdict(article), "split": splits[article.id]} for article in found]
    door.answer({"total": total, "articles": listed}, text)


@articles.command("label")
@click.argument("article_id")
@click.argument("profile_id", required=False)
@click.argument("score", required=False)
@click.option("--undo", is_flag=True, help="Take the last label back.")
@door_options
def label(door: Door, article_id: str, profile_id: str | None, score: str | None, undo: bool) -> None:
    """Show an article's labels, or give it a SCORE (0.0 to 10.0, or a band) for a profile."""
    from stratos_tui.articles import labelling

    with door.store() as store:
        article = known_article(store, article_id)
        if undo:
            labelling.undo(store)
        elif profile_id is not None:
            if score is None:
                raise StratosError("a score is missing: stratos articles label ARTICLE PROFILE SCORE")
            labelling.set_label(store, article.id, profile_id, labelling.read_score(score))
        found = labels.for_article(store, article.id)
    rows = [(each.profile_id, each.origin, points(each.tenths), each.reason) for each in found]
    text = [article.title, *table(("profile", "whose", "score", "reason"), rows)]
    document = [{**asdict(each), "score": each.tenths / 10} for each in found]
    door.answer({"article": article.id, "labels": document}, text)
