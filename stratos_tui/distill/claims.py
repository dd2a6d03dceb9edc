"""What a trace itself says of its score and of its article's time: claims that the score can be held against.

A claim is taken only where its wording leaves no doubt; a trace that states nothing contradicts nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stratos_tui.prism.bands import BAND_FLOORS, MAX_TENTHS
from stratos_tui.records import BANDS, Band

_SCORE = r"(?:10(?:\.0)?|\d(?:\.\d)?)"
_BAND = r"critical|high|moderate|low|noise"
_UNIT = (
    r"(?![\d.]*\d|\s*(?:%|percent|per cent|[mbtr]{1,2}illion|bn\b|mn\b|k\b|x\b|[kMG]?[WB]\b|GHz|km\b"
    r"|years?|months?|weeks?|days?|hours?|GPA))"
)
"""What must not follow a score: more digits, or a unit."""

_STATED = re.compile(
    rf"(?:(?<=[\w.%)] )=|\b(?:final|overall) score(?: (?:is|of|at))?:?)\s*(?P<score>10\.0|\d\.\d)(?=[.,;)\s]|$){_UNIT}",
    re.I,
)
_RANGE = re.compile(rf"(?<![\d.$€£-])(?P<low>{_SCORE})\s?(?:[-–—]|to|and)\s?(?P<high>{_SCORE}){_UNIT}", re.I)
_RANGE_WORDS = re.compile(rf"(?:\b(?:{_BAND}|score|range|band|between)\b\W*(?:range|band)?\W*)$", re.I)
_SINGLE = re.compile(r"(?<![\d.$€£+-])(?<!- )(?P<score>10\.0|\d\.\d)(?![\d+])(?!\.\d)")
_NAMED = re.compile(
    rf"\b(?P<before>{_BAND})[ -](?:band|range|tier|territory)\b(?! of)"
    r"|\b(?:band|maps? to|mapped to|mapping to|falls? in(?:to)?|→)(?: is|:)?(?: the| a)?"
    rf" (?P<after>{_BAND})\b(?! (?:end|side|part))",
    re.I,
)
_DOWN = re.compile(
    r"\b(?:adjust|lower|reduc|down|cap(?:s|ped)?\b|at most|limit|penal|discount|expire|closed|passed|stale|but\b"
    r"|however|though|despite|below|weak|minus|drop|temper|pull)",
    re.I,
)
_UP = re.compile(r"\b(?:adjust|rais|up\b|boost|bump|lift|push|upgrade|above|but\b|however|plus\b|elevat|increas)", re.I)

_OVER = re.compile(
    r"\b(?:expired|deadline (?:has |had |is |was )?(?:already )?(?:passed|lapsed|past|over)|past (?:its |the )?deadline"
    r"|closed applications?|(?:applications?|registrations?|submissions?|enrol?lments?|admissions?|sign-?ups?)"
    r" (?:are |is |were |was |have |has )?(?:already |now |been )*closed|no longer (?:open|available|accepting)"
    r"|past event|event (?:is|has|was) (?:already )?(?:over|past|passed|ended))\b",
    re.I,
)
_DENIED = re.compile(
    r"(?:\b(?:not|no|never|without|before|if|unless|until|once|nor|nothing|none|than|had|would|were)\b|n['’]t\b|non-?)"
    r"(?:\W+\w+){0,3}\W*$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A stated score or range, in tenths from ``low`` to ``high``, as it is written and where."""

    low: int
    high: int
    written: str
    span: tuple[int, int]


def stated_score(calibration: str) -> Claim | None:
    """Return the score that a calibration ends on: after its last ``=``, or after "final score"."""
    found = list(_STATED.finditer(calibration))
    if not found:
        return None
    tenths = _tenths(found[-1]["score"])
    return Claim(tenths, tenths, found[-1]["score"], found[-1].span("score"))


def claims(calibration: str) -> list[Claim]:
    """Return the ranges and the bands that a calibration names, in the order in which it does."""
    found = []
    for each in _RANGE.finditer(calibration):
        low, high = _tenths(each["low"]), _tenths(each["high"])
        plain = "." not in each[0]
        if low >= high or (plain and not _RANGE_WORDS.search(calibration, max(each.start() - 20, 0), each.start())):
            continue
        found.append(Claim(low, high, each[0], each.span()))
    for each in _NAMED.finditer(calibration):
        name = each["before"] or each["after"]
        band = next(band for band in BANDS if band == name.lower())
        found.append(Claim(BAND_FLOORS[band], _ceiling(band), each[0], each.span()))
    return sorted(found, key=lambda claim: claim.span)


def contradiction(calibration: str, tenths: int, disagreement: int) -> Claim | None:
    """Return the claim that a score contradicts, or None where any claim supports it or an adjustment explains it."""
    stated = stated_score(calibration)
    if stated is not None:
        return stated if abs(stated.low - tenths) > disagreement else None
    made = claims(calibration)
    if not made or any(claim.low <= tenths <= claim.high for claim in made):
        return None
    if any(
        abs(_tenths(each["score"]) - tenths) <= disagreement for each in _SINGLE.finditer(_blanked(calibration, made))
    ):
        return None
    if all(claim.low > tenths for claim in made) and _DOWN.search(calibration):
        return None
    if all(claim.high < tenths for claim in made) and _UP.search(calibration):
        return None
    return made[-1]


def over(text: str) -> tuple[int, int] | None:
    """Return where a text says that something to act on is over; None where it does not, or denies it."""
    for found in _OVER.finditer(text):
        if not _DENIED.search(text, max(found.start() - 40, 0), found.start()):
            return found.span()
    return None


def _tenths(written: str) -> int:
    return round(float(written) * 10)


def _ceiling(band: Band) -> int:
    at = BANDS.index(band)
    return BAND_FLOORS[BANDS[at + 1]] - 1 if at + 1 < len(BANDS) else MAX_TENTHS


def _blanked(text: str, made: list[Claim]) -> str:
    """Take the claims out of a text, so that the ends of a range are no scores."""
    for claim in made:
        start, end = claim.span
        text = text[:start] + " " * (end - start) + text[end:]
    return text
