"""Writes an article for a pane: its dates in one line, its body as paragraphs. Everything in it is literal."""

from __future__ import annotations

from datetime import date

from rich.text import Text

from screens.render import DIM, WARN, clean, one_line
from stratos_tui.prism.prompts import reference_date_of
from stratos_tui.records import Article


def day(when: date) -> str:
    """Return a day as people write it: ``12 Nov 2026``."""
    return f"{when.day} {when:%b %Y}"


def dateline(article: Article, today: date) -> Text:
    """Return source, type and dates in one line; a deadline that was over on the day of judging says so."""
    parts = (
        [Text(one_line(article.source)), Text(article.source_type)] if article.source else [Text(article.source_type)]
    )
    when = article.published or article.fetched
    parts.append(Text(day(when) if when else "no date"))
    if article.deadline:
        over = article.deadline < reference_date_of(article, today)
        parts.append(Text(f"deadline {day(article.deadline)}{', over' if over else ''}", style=WARN if over else ""))
    return Text(" · ").join(parts)


def whole(article: Article, today: date) -> Text:
    """Return the dateline, the body, and what else is stored of the article."""
    text = Text.assemble(dateline(article, today), "\n\n", clean(article.body))
    more = [part for part in (article.category, article.url, article.id) if part]
    return text.append("\n\n" + " · ".join(map(one_line, more)), style=DIM)
