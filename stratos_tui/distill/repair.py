"""Puts a verdict into words: for the operator, and for the teacher who is asked again."""

from __future__ import annotations

from dataclasses import dataclass

from stratos_tui.text import one_line


@dataclass(frozen=True, slots=True)
class _Words:
    """``fault`` says what was wrong and ``need`` what is needed; ``{measured}`` and ``{limits}`` are the verdict's."""

    fault: str
    need: str = ""


_FORM = "<think>, then the trace, then </think>, then one line: SCORE: X.X | REASON: one sentence"

_TIER_LENGTH = _Words(
    "the trace had {measured}, which is not the length that its score asks for ({limits})",
    "keep to the words of {limits}",
)
_WORDS: dict[str, _Words] = {
    "errored": _Words("the request failed: {measured}"),
    "expired": _Words("the batch ran out of time before the request was answered"),
    "canceled": _Words("the request was canceled before it was answered"),
    "lost": _Words("the batch ended without a line for this request"),
    "unknown_result": _Words("the result is of a kind that nobody knows: {measured}"),
    "refusal": _Words(
        "the answer was refused ({measured})",
        "the task is only to rate how relevant a public article is to a profile; answer in the required form",
    ),
    "truncated": _Words("the answer was cut off ({measured})", "keep the trace short, and end with the score line"),
    "empty": _Words("the answer had no text", f"answer in this form: {_FORM}"),
    "think_missing": _Words("the answer had no trace", f"answer in this form: {_FORM}"),
    "think_unclosed": _Words("the trace was never closed", "write </think> after the trace, then the score line"),
    "score_missing": _Words(
        "the answer had no score line", "end with one line: SCORE: X.X | REASON: one sentence, X.X from 0.0 to 10.0"
    ),
    "score_not_a_number": _Words("the score was not a number: {measured}", "write it as X.X, from 0.0 to 10.0"),
    "score_decimals": _Words("the score had too many decimals: {measured}", "write it with exactly one"),
    "score_out_of_range": _Words("the score was out of range: {measured}", "it must lie from 0.0 to 10.0"),
    "reason_missing": _Words("the score had no reason", "end the score line with | REASON: one sentence"),
    "score_forbidden": _Words(
        "the score was {measured}, which says nothing either way", "decide: above 5.0 if it matters, below if not"
    ),
    "too_short": _Words("the trace had {measured}, {limits} are needed", "name what was compared, and with what"),
    "too_long": _Words("the trace had {measured}, {limits} are allowed", "say each thing once"),
    "section_missing": _Words("the trace had {measured}", "write every section of its tier ({limits})"),
    "signal_vocabulary": _Words(
        "a signal word was none of those allowed ({measured})", "use only these words: {limits}"
    ),
    "tier_1_length": _TIER_LENGTH,
    "tier_2_length": _TIER_LENGTH,
    "tier_3_length": _TIER_LENGTH,
    "trace_contradicts": _Words("{measured}", "let the score and CALIBRATION say the same: {limits}"),
    "score_above_source": _Words("the score was {measured}", "keep below what such a source supports: {limits}"),
    "score_above_expiry": _Words("the score was {measured}", "what is over cannot be acted on: {limits}"),
    "echo": _Words("the trace repeats the article ({measured}, {limits})", "weigh the article in your own words"),
    "loop": _Words("the trace repeats itself ({measured}, {limits})", "say each thing once"),
    "language": _Words("the trace was not in English ({measured})", "write the trace in English"),
}
_NOT_AN_ANSWER = ("errored", "expired", "canceled", "lost", "unknown_result")


def in_words(code: str, measured: str, limits: str) -> str:
    """Return what was wrong with an answer as one sentence, with what was measured and the limit."""
    words = _WORDS.get(code)
    if words is None:
        limit = f"; the limit is {one_line(limits)}" if limits else ""
        return _sentence(f"the rule {one_line(code).replace('_', ' ')} was broken: {one_line(measured)}{limit}")
    return _sentence(_filled(words.fault, measured, limits))


def repair_note(code: str, measured: str, limits: str) -> str:
    """Return what a teacher is told who is asked again: what was wrong, and what is needed, in plain sentences.

    Empty where there was no answer to mend: nothing was wrong with what the teacher said.
    """
    if not code or code in _NOT_AN_ANSWER:
        return ""
    words = _WORDS.get(code)
    need = _filled(words.need, measured, limits) if words else f"keep to this: {one_line(limits)}" if limits else ""
    wrong = f"Your last answer could not be used. {in_words(code, measured, limits)}"
    return f"{wrong} {_sentence(need)}" if need else wrong


def _filled(words: str, measured: str, limits: str) -> str:
    # what was measured may quote the answer, braces and all: it must not be read as a place to fill
    return words.replace("{limits}", one_line(limits)).replace("{measured}", one_line(measured))


def _sentence(words: str) -> str:
    text = words.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")
