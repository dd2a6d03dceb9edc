"""Writes a rejected answer as text: what rule it broke, by how much, where, and what it was asked about."""

from __future__ import annotations

from rich.text import Text

from screens.figures import facts, plural
from screens.render import BAND_COLOURS, DIM, WARN, absolute, clean, literal, one_line, provenance, score_text
from stratos_tui.distill.repair import in_words
from stratos_tui.records import Article, Profile
from stratos_tui.store.decisions import Step
from stratos_tui.store.pages import Record
from stratos_tui.store.rejections import RejectedAnswer, Rejection

OPEN, CLOSE = "⟦", "⟧"
"""Around the offending part, so that it is seen without colour."""
_CONTEXT_LINES = 3

NAMES = {
    "errored": "error",
    "lost": "lost",
    "unknown_result": "unknown result",
    "refusal": "refused",
    "truncated": "cut off",
    "empty": "empty",
    "think_missing": "no trace",
    "think_unclosed": "trace unclosed",
    "score_missing": "no score",
    "score_not_a_number": "score no number",
    "score_decimals": "score decimals",
    "score_out_of_range": "score range",
    "reason_missing": "no reason",
    "score_forbidden": "scored 5.0",
    "too_short": "too short",
    "too_long": "too long",
    "section_missing": "no section",
    "signal_vocabulary": "signal word",
    "tier_1_length": "tier 1 length",
    "tier_2_length": "tier 2 length",
    "tier_3_length": "tier 3 length",
    "trace_contradicts": "contradicts",
    "score_above_source": "above source",
    "score_above_expiry": "expired",
    "loop": "repeats itself",
    "echo": "copies article",
    "language": "not English",
}


def name_of(code: str) -> str:
    """Return a reason's short name."""
    return NAMES.get(code, one_line(code).replace("_", " "))


def listed(record: Record) -> str:
    """Return a listed answer's title behind the sign of what became of it, if anything did."""
    sign = ""
    if record["decided_by"] == "operator":
        sign = "– " if record["state"] == "discarded" else "✎ " if record["edited"] else "✓ "
    elif record["resolved"]:
        sign = "↻ "
    return f"{sign}{record['title']}"


def title(verdict: Rejection) -> str:
    """Return the title over an answer: its request, and which attempt at the pair it is."""
    return f"answer {verdict.request_id} · attempt {verdict.attempt} of {max(verdict.attempts, verdict.attempt)}"


def bulk_question(asks: str, number: int, reason: str, search: str) -> tuple[str, str]:
    """Return what is asked before something is done to all listed answers, and what stands under it."""
    which = f"with the reason “{name_of(reason)}”" if reason else "of every reason"
    words = f" and the words “{one_line(search)}”" if search else ""
    return f"{asks} {plural(number, 'answer')} {which}{words}?", (
        "Those for which it cannot be done stay as they are, and the screen says why. u takes it back as one."
    )


def undo_question(step: Step) -> tuple[str, str]:
    """Return what is asked before an older step is taken back, and what stands under it."""
    what = "decision" if step.what == "decided" else "planned attempt"
    return f"Take back {plural(len(step.request_ids), what)} of {absolute(step.at)}?", (
        "The rules' own verdicts stand again; a text that was edited is gone."
        if step.what == "decided"
        else "They wait to be sent, and are forgotten."
    )


def answer(found: RejectedAnswer) -> Text:
    """Return the verdict on an answer above the answer, its offending part between ``⟦`` and ``⟧``.

    Where an operator wrote a text in its place, that stands between the two.
    """
    return _above(found).append_text(_marked(found))


def lines_before_span(found: RejectedAnswer, width: int) -> int:
    """Return how many lines of :func:`answer` may be scrolled away with the offending part still in view."""
    from rich.console import Console

    above = _above(found).append_text(_marked(found)[: found.span[0]])
    lines = len(above.wrap(Console(width=max(width, 1)), max(width, 1)))
    return max(lines - 1 - _CONTEXT_LINES, 0)


def about(article: Article | None, profile: Profile | None, reference_date: str) -> Text:
    """Return the article and the profile that the answer is about."""
    text = Text()
    if article is not None:
        text.append(one_line(article.title), style="bold").append("\n")
        dates = [
            *([f"published {article.published}"] if article.published else []),
            *([f"deadline {article.deadline}"] if article.deadline else []),
            f"judged on {one_line(reference_date)}",
        ]
        source = one_line(article.source) or "no source"
        text.append(f"{source} · {article.source_type} · {' · '.join(dates)}\n", style=DIM)
        text.append(clean(article.body)).append("\n")
    if profile is not None:
        text.append(f"\n{one_line(profile.id)}", style="bold")
        text.append(f" · {profile.kind} · {one_line(profile.role)} · {one_line(profile.location)}\n", style=DIM)
        text.append(clean(profile.context))
        tracked = [
            ("companies", profile.companies),
            ("institutions", profile.institutions),
            ("interests", profile.interests),
            ("industries", profile.industries),
        ]
        known = [(name, one_line(", ".join(items))) for name, items in tracked if items]
        if known:
            text.append("\n").append_text(facts(known))
    return text


def _above(found: RejectedAnswer) -> Text:
    text = _head(found).append("\n\n")
    if found.edited is not None:
        who = one_line(found.rejection.editor)
        text.append(f"✎ edited by {who}", style="bold").append("\n").append_text(literal(found.edited))
        text.append("\n\nas it came\n", style="bold")
    return text


def _head(found: RejectedAnswer) -> Text:
    verdict = found.rejection
    text = Text().append(f"✗ {name_of(verdict.code)}", style=f"bold {WARN}")
    text.append(f" · {one_line(in_words(verdict.code, verdict.measured, verdict.limits))}")
    text.append_text(_decision(verdict))
    if found.repair:
        text.append("\n↻ the teacher had been told: ", style=DIM).append(one_line(found.repair), style=DIM)
    text.append("\n").append_text(provenance(verdict.teacher))
    if found.model and one_line(found.model) != one_line(verdict.teacher):
        text.append(f" · {one_line(found.model)}", style=DIM)
    text.append(f" · {verdict.words:,} words · ended by {one_line(found.stop_reason or found.result_type)}", style=DIM)
    if verdict.tenths is not None:
        text.append("\n").append_text(score_text(verdict.tenths))
    return text


def _decision(verdict: Rejection) -> Text:
    text = Text()
    if verdict.state == "discarded":
        text.append("\n– given up: its pair is not asked again", style=DIM)
    elif verdict.state == "accepted":
        text.append("\n✓ accepted by the operator", style=BAND_COLOURS["high"])
    elif verdict.resolved:
        text.append("\n↻ asked again, or answered well since", style=DIM)
    return text


def _marked(found: RejectedAnswer) -> Text:
    start, end = found.span
    if not found.text:
        return Text("(nothing came back)", style=DIM)
    if start == end == 0:
        return literal(found.text)
    inside = found.text[start:end]
    if inside.strip():
        start, end = start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())
    # each part is cleaned by itself: cleaning may change lengths, and the span counts the raw characters
    text = literal(found.text[:start])
    text.append(OPEN, style=f"bold {WARN}")
    text.append(clean(found.text[start:end]), style=f"underline {WARN}")
    text.append(CLOSE, style=f"bold {WARN}")
    return text.append(clean(found.text[end:]))
