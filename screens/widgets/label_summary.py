"""Writes how labelling stands: each profile's coverage by band, and the pairs on which the operator disagrees."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from screens.figures import Part, stacked_bar, table
from screens.render import DIM, band_style, count, one_line
from stratos_tui.articles.labelling import Coverage, Disagreement
from stratos_tui.prism.bands import BAND_SIGNS, points
from stratos_tui.records import BANDS

BAR_CELLS = 12
MOST = 50
"""Disagreements that are listed, the widest first."""


def coverage_text(coverage: Sequence[Coverage]) -> Text:
    """Return one line a profile: how many articles are labelled, as a bar of their bands."""
    rows = []
    most = max((each.labelled for each in coverage), default=0)
    for each in coverage:
        parts = [Part(each.bands[band], BAND_SIGNS[band], band_style(band)) for band in BANDS]
        cells = -(-BAR_CELLS * each.labelled // most) if each.labelled else 0
        rows.append((each.profile_id, f"{count(each.labelled)} of {count(each.articles)}", stacked_bar(parts, cells)))
    return table(rows, "lrl")


def disagreements_text(found: Sequence[Disagreement]) -> Text:
    """Return one line a pair: the operator's score, the expected one, and which pair it is."""
    if not found:
        return Text("none so far", style=DIM)
    rows = [
        (
            Text(f"{points(each.operator)} not {points(each.expected)}", style="bold"),
            each.profile_id,
            one_line(each.article_id),
        )
        for each in found[:MOST]
    ]
    return table(rows, "lll")
