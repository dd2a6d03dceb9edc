"""Writes a drafted article for its review: what was wished, what the rubric makes of it, the article itself."""

from __future__ import annotations

from datetime import date

from rich.text import Text

from screens.article_text import dateline
from screens.figures import table
from screens.render import DIM, WARN, band_text, clean, literal, one_line, provenance, score_text
from stratos_tui.distill.review import ByRubric
from stratos_tui.prism.bands import points
from stratos_tui.store.candidates import Candidate

SIGNS = {"waiting": "", "errored": "!", "accepted": "✓", "discarded": "✗"}
"""The states of a candidate in the list; a waiting one needs none."""
_TWO_COLUMNS = 68
"""From so many cells on the scores stand in two columns."""
_NAME = 26


def sign(found: ByRubric | None) -> Text:
    """Return whether a draft is polarizing: ``✓`` it lands, and nowhere else; ``≈`` not only there; ``✗`` it misses."""
    if found is None:
        return Text("—", style=DIM)
    return Text("✓" if found.polarizing else "≈" if found.lands else "✗", style="" if found.polarizing else WARN)


def verdict(found: ByRubric) -> Text:
    """Return what the rubric makes of a draft, in a sentence."""
    said = Text().append("the rubric: ", style="italic").append_text(sign(found))
    said.append(" lands in the band" if found.lands else " misses the band")
    if found.leaks:
        said.append(f", but is not noise for {one_line(', '.join(found.leaks))}")
    else:
        said.append(", noise for the rest")
    return said.append(f" · spread {points(found.spread)}", style=DIM)


def whole(candidate: Candidate, found: ByRubric | None, today: date, width: int) -> Text:
    """Return everything that its reviewer needs, the decision's grounds before the body."""
    text = Text("wished: ").append_text(band_text(candidate.band))
    text.append(f" for {one_line(', '.join(candidate.profile_ids))} · ").append_text(provenance(candidate.teacher))
    if candidate.model and one_line(candidate.model) not in one_line(candidate.teacher):
        text.append(f" · {one_line(candidate.model)}", style=DIM)
    if candidate.edited:
        text.append(" · edited", style=WARN)
    if candidate.state != "waiting":
        text.append(f"\n{SIGNS[candidate.state]} {candidate.state}", style="bold")
        if candidate.article_id:
            text.append(f": article {one_line(candidate.article_id)}")
        if candidate.fault:
            text.append(f": {one_line(candidate.fault)}", style=WARN)
    if found is None:
        text.append("\n\nthe answer as it came:\n", style=DIM)
        return text.append_text(literal(candidate.raw) if candidate.raw else Text("nothing came", style=DIM))
    text.append("\n").append_text(verdict(found)).append("\n\n").append_text(_scores(found, width))
    text.append("\n\n").append(one_line(candidate.title), style="bold").append("\n")
    text.append_text(dateline(candidate.article(), today))
    text.append(f"\n\n{clean(candidate.body)}")
    more = [part for part in (candidate.category, f"candidate {candidate.id}", candidate.prompt_fingerprint) if part]
    return text.append("\n\n" + " · ".join(map(one_line, more)), style=DIM)


def _scores(found: ByRubric, width: int) -> Text:
    cells = [
        Text()
        .append(one_line(profile_id)[:_NAME].ljust(_NAME), style="bold" if profile_id in found.profile_ids else "")
        .append_text(score_text(tenths, cells=0))
        .append(" ◂" if profile_id in found.profile_ids else "  ")
        for profile_id, tenths in found.scores
    ]
    if width < _TWO_COLUMNS:
        return Text("\n").join(cells)
    half = -(-len(cells) // 2)
    return table(
        [(left, right) for left, right in zip(cells[:half], [*cells[half:], Text()], strict=False)], "ll", gap=0
    )
