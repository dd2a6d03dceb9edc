"""The rules themselves: each reads one answer and says what it found, against which limit, and where.

Pure functions, in the order of :data:`stratos_tui.distill.rulebook.RULES`. One function may stand for several codes
that exclude each other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from stratos_tui.distill.claims import contradiction, over
from stratos_tui.distill.reading import ECHO_WORDS, LOOP_WORDS, Reading, copied, repeated, where_repeated
from stratos_tui.distill.rulebook import LOST, SECTIONS, Limits
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, points
from stratos_tui.prism.rubric.lexicon import ENGLISH, FOREIGN
from stratos_tui.prism.rubric.text import fold
from stratos_tui.prism.trace import DIMENSIONS, SIGNAL_WORDS, THINK_CLOSE, THINK_OPEN, Fault
from stratos_tui.store.answers import Unjudged

_TRUNCATED = ("max_tokens", "model_context_window_exceeded")
_SCORE = re.compile("SCORE:", re.IGNORECASE)
_OTHER_SCRIPT = re.compile("[^\\W\\d_\u0000-\u024f\u1e00-\u1eff]")
_BEYOND_ENGLISH = re.compile("[\u00c0-\u1fff\u2c00-\U0010ffff]")
_LETTER = re.compile(r"[^\W\d_]")
_SHORT_WORDS = 0.4
"""Two in five words of a text are among its language's commonest short words."""
_PLAIN_HEADS = ("\nCONTENT:", "\nANALYSIS:")
_LEAST_WORDS = 10
"""Below so many words nothing is said of a trace's language or of its repeats."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken: its code, what was measured, the limit in words, and where in the text."""

    code: str
    measured: str
    limit: str = ""
    span: tuple[int, int] = (0, 0)


def no_answer(answer: Unjudged) -> Finding | None:
    """Tell an answer that never came, or that holds nothing, from one that can be read."""
    if answer.result_type in ("errored", "expired", "canceled", LOST):
        why = ": ".join(part for part in (answer.stop_reason, answer.detail) if part)
        return Finding(answer.result_type, why or answer.result_type)
    if answer.result_type != "succeeded":
        return Finding("unknown_result", answer.result_type, "succeeded, errored, canceled or expired")
    if answer.stop_reason == "refusal":
        return Finding("refusal", answer.detail or "no category", span=(0, len(answer.text)))
    if answer.stop_reason in _TRUNCATED:
        return Finding("truncated", answer.stop_reason, "ends by itself", (len(answer.text), len(answer.text)))
    return None if answer.text.strip() else Finding("empty", "no text", "a trace and a score")


def _think(reading: Reading, _answer: Unjudged, _limits: Limits) -> Finding | None:
    whole = (0, len(reading.text))
    if THINK_OPEN in reading.text and THINK_CLOSE not in reading.text:
        return Finding("think_unclosed", f"{reading.words} words", THINK_CLOSE, whole)
    return None if reading.trace else Finding("think_missing", "no trace", f"{THINK_OPEN} … {THINK_CLOSE}", whole)


def _score(reading: Reading, _answer: Unjudged, _limits: Limits) -> Finding | None:
    found = reading.answer
    if isinstance(found, Fault):
        return Finding(found.code, found.measured, "SCORE: 0.0 to 10.0 | REASON: …", found.span)
    if found.tenths == FORBIDDEN_TENTHS:
        return Finding("score_forbidden", points(found.tenths), "not 5.0", _score_span(reading))
    return None


def _length(reading: Reading, _answer: Unjudged, limits: Limits) -> Finding | None:
    words = reading.words
    if words < limits.least_words:
        return Finding("too_short", f"{words} words", f"at least {limits.least_words}", reading.whole)
    if words > limits.most_words:
        return Finding("too_long", f"{words} words", f"at most {limits.most_words}", reading.beyond(limits.most_words))
    return None


def _sections(reading: Reading, _answer: Unjudged, _limits: Limits) -> Finding | None:
    tier = reading.tier
    text = reading.trace
    if tier == 1 and text.startswith("PROFILE:") and all(head in text for head in _PLAIN_HEADS):
        return None
    trace = reading.parsed
    absent = [name for name in SECTIONS[tier] if name in trace.missing]
    if tier != 1 and not absent:
        given = {signal.dimension for signal in trace.signals}
        absent = [name for name in DIMENSIONS if name not in given]
    if not absent:
        return None
    return Finding(
        "section_missing", f"no {', '.join(absent)}", f"tier {tier}: {', '.join(SECTIONS[tier])}", reading.whole
    )


def _vocabulary(reading: Reading, _answer: Unjudged, _limits: Limits) -> Finding | None:
    for signal in () if reading.bare else reading.parsed.signals:
        allowed = SIGNAL_WORDS.get(signal.dimension)
        if allowed and signal.signal not in allowed:
            measured = f"{signal.dimension}: {signal.signal}"
            return Finding("signal_vocabulary", measured, ", ".join(allowed), reading.within(signal.span))
    return None


def _tier_length(reading: Reading, _answer: Unjudged, limits: Limits) -> Finding | None:
    tier, words = reading.tier, reading.words
    least, most = limits.of_tier(tier)
    if least <= words <= most:
        return None
    span = reading.beyond(most) if words > most else reading.whole
    return Finding(f"tier_{tier}_length", f"{words} words", f"tier {tier}: {least} to {most}", span)


def _contradicts(reading: Reading, _answer: Unjudged, limits: Limits) -> Finding | None:
    calibration = "" if reading.bare else reading.parsed.calibration
    claim = contradiction(calibration, reading.tenths, limits.disagreement) if calibration else None
    if claim is None:
        return None
    measured = f"CALIBRATION says {' '.join(claim.written.split())}, the score is {points(reading.tenths)}"
    limit = f"within {points(limits.disagreement)} of a stated score, inside a stated range"
    return Finding("trace_contradicts", measured, limit, reading.of_section(calibration, claim.span))


def _above_source(reading: Reading, answer: Unjudged, limits: Limits) -> Finding | None:
    tenths = reading.tenths
    if tenths <= min(limits.blog_cap, limits.unknown_cap):
        return None
    cited = next((each for each in reading.parsed.signals if each.dimension == "Source quality"), None)
    named = cited.signal if cited else ""
    span = reading.within(cited.span) if cited else _score_span(reading)
    article = answer.article
    # an article of an unknown kind may well have a source that the teacher knows; a blog is no ministry
    known = "BLOG" if article and article.source_type == "blog" else ""
    for word, cap in (("BLOG", limits.blog_cap), ("UNKNOWN", limits.unknown_cap)):
        if tenths > cap and word in (named, known):
            beside = f", cited as {named}" if named and named != word else ""
            return Finding(
                "score_above_source", f"{points(tenths)} from {word}{beside}", f"{word}: at most {points(cap)}", span
            )
    return None


def _above_expiry(reading: Reading, answer: Unjudged, limits: Limits) -> Finding | None:
    tenths = reading.tenths
    if tenths <= limits.expired_cap:
        return None
    limit = f"expired: at most {points(limits.expired_cap)}"
    article, day = answer.article, answer.reference_date
    if article and article.deadline and day and article.deadline < day:
        measured = f"{points(tenths)}, deadline {article.deadline} before {day}"
        return Finding("score_above_expiry", measured, limit, _score_span(reading))
    parsed = reading.parsed
    action = next((each.why for each in parsed.signals if each.dimension == "Actionability"), "")
    for said in (action, parsed.calibration):
        found = over(said) if said else None
        if found:
            measured = f'{points(tenths)}, "{" ".join(said[slice(*found)].split())}"'
            return Finding("score_above_expiry", measured, limit, reading.of_section(said, found))
    return None


def _echo(reading: Reading, answer: Unjudged, limits: Limits) -> Finding | None:
    tokens = reading.tokens
    if answer.article is None or len(tokens) < ECHO_WORDS:
        return None
    found = copied(tokens, answer.article.body)
    share = len(found) / (len(tokens) - ECHO_WORDS + 1)
    if share <= limits.echo_share:
        return None
    span = reading.of_tokens(found[0], _end_of_run(found) + ECHO_WORDS - 1)
    return Finding("echo", f"{share:.0%} copied", f"at most {limits.echo_share:.0%}", span)


def _loop(reading: Reading, _answer: Unjudged, limits: Limits) -> Finding | None:
    tokens = reading.tokens
    if len(tokens) < _LEAST_WORDS:
        return None
    share = repeated(tokens) / (len(tokens) - LOOP_WORDS + 1)
    if share <= limits.loop_share:
        return None
    found = where_repeated(tokens)
    span = reading.of_tokens(found[0], _end_of_run(found) + LOOP_WORDS - 1)
    return Finding("loop", f"{share:.0%} repeated", f"at most {limits.loop_share:.0%}", span)


def _language(reading: Reading, _answer: Unjudged, limits: Limits) -> Finding | None:
    tokens, trace = reading.tokens, reading.trace
    if len(tokens) < _LEAST_WORDS:
        return None
    if _BEYOND_ENGLISH.search(trace):
        share = len(_OTHER_SCRIPT.findall(trace)) / max(len(_LETTER.findall(trace)), 1)
        if share > limits.foreign_share:
            return _foreign(reading, share, "another script", limits)
        tokens = fold(trace).split()
    speakers = _speakers()
    if sum(map(speakers.__contains__, tokens)) <= limits.foreign_share * _SHORT_WORDS * len(tokens):
        return None
    counts = Counter(name for token in tokens for name in speakers.get(token, ()))
    name, count = counts.most_common(1)[0]
    share = min(count / len(tokens) / _SHORT_WORDS, 1.0)
    if share > limits.foreign_share and count > sum(token in ENGLISH for token in tokens):
        return _foreign(reading, share, name, limits)
    return None


def _foreign(reading: Reading, share: float, name: str, limits: Limits) -> Finding:
    return Finding(
        "language", f"about {share:.0%} {name}", f"English; at most {limits.foreign_share:.0%}", reading.whole
    )


@cache
def _speakers() -> dict[str, tuple[str, ...]]:
    """Return the languages that have each short word, those that are English too left out."""
    found: dict[str, tuple[str, ...]] = {}
    for name, short in FOREIGN.items():
        for word in set(short.split()) - ENGLISH:
            found[word] = (*found.get(word, ()), name)
    return found


def _end_of_run(starts: list[int]) -> int:
    """Return the last of the starts that follow each other from the first."""
    last = starts[0]
    for each in starts[1:]:
        if each != last + 1:
            break
        last = each
    return last


def _score_span(reading: Reading) -> tuple[int, int]:
    at = _SCORE.search(reading.text, reading.whole[1])
    return at.start() if at else 0, len(reading.text)


Check = Callable[[Reading, Unjudged, Limits], Finding | None]
CHECKS: tuple[tuple[frozenset[str], Check], ...] = (
    (frozenset(), _think),
    (frozenset(), _score),
    (frozenset(("too_short", "too_long")), _length),
    (frozenset(("section_missing",)), _sections),
    (frozenset(("signal_vocabulary",)), _vocabulary),
    (frozenset(("tier_1_length", "tier_2_length", "tier_3_length")), _tier_length),
    (frozenset(("trace_contradicts",)), _contradicts),
    (frozenset(("score_above_source",)), _above_source),
    (frozenset(("score_above_expiry",)), _above_expiry),
    (frozenset(("echo",)), _echo),
    (frozenset(("loop",)), _loop),
    (frozenset(("language",)), _language),
)
"""What is tried on an answer with a text, in order, each with the codes that can be switched off."""
