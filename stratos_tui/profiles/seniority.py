"""Reads from a role or a context which career stages its words claim."""

from __future__ import annotations

import re

from stratos_tui.records import Seniority

JUNIOR: frozenset[Seniority] = frozenset({"student", "graduate"})
EXPERIENCED: frozenset[Seniority] = frozenset({"experienced", "senior"})

_NOT_A_STUDENT = (
    r"(?!\s+(?:affairs|loans?|housing|services|support|success|recruit\w*|admissions?|advis\w+|counsel\w+))"
)
_IS_A_STUDENT = (
    r"(?=\s*(?:\Z|[,.;:—–])|\s+(?:in|at|of|from|who|with|interested"
    r"|(?:track|focus|follow|study|seek|look|major|work|build|prepar)ing)\b)"
)
_NOT_A_GRADUATE = r"(?!\s+(?:programmes?|programs?|schools?|schemes?|dean|recruit\w*|admissions?|jobs?|roles?|posts?))"
_YEARS = r"(?:[3-9]|[1-9]\d|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty)\+?\s+years"

_IN_A_ROLE: dict[Seniority, re.Pattern[str]] = {
    "student": re.compile(
        rf"\b(?:student{_NOT_A_STUDENT}|undergraduate|sophomore|freshman|high[- ]school senior)\b", re.I
    ),
    "graduate": re.compile(rf"\bgraduate\b{_NOT_A_GRADUATE}", re.I),
    "experienced": re.compile(rf"\bexperienced\b|\b{_YEARS}\b", re.I),
    "senior": re.compile(
        r"(?<!school )\b(?:senior|lead|principal|chief|director|head|veteran|c[tefi]o|ciso|vp|president)\b", re.I
    ),
}
# a context also speaks of other people and of openings, so only its opening words and fixed phrases count
_IN_A_CONTEXT: dict[Seniority, re.Pattern[str]] = {
    "student": re.compile(rf"\A(?:an?\s+)?(?:[\w&-]+\s+){{0,5}}student\b{_IS_A_STUDENT}", re.I),
    "graduate": re.compile(
        rf"\b(?:fresh|recent|new)\s+(?:[\w&-]+\s+){{0,4}}graduate\b{_NOT_A_GRADUATE}"
        r"|\bno\s+(?:[\w-]+\s+){0,2}experience\s+yet\b|\bfirst\s+(?:[\w-]+\s+)?(?:job|position|post)\b",
        re.I,
    ),
    "experienced": re.compile(rf"\bexperienced\s+professional\b|\b{_YEARS}\s+(?:of|in|as|at|on|experience)\b", re.I),
    "senior": re.compile(r"\A(?:an?\s+)?(?:senior|lead|principal|chief|veteran)\b", re.I),
}
_RETIRED_ROLE = re.compile(r"\b(?:retired|retiree|pensioner)\b", re.I)
_RETIRED_CONTEXT = re.compile(r"\A(?:an?\s+)?retired\b|\bno\s+career\b", re.I)


def in_role(role: str) -> frozenset[Seniority]:
    """Return the career stages that a role claims; none where it says nothing."""
    return frozenset(level for level, cue in _IN_A_ROLE.items() if cue.search(role))


def in_context(context: str) -> frozenset[Seniority]:
    """Return the career stages that a context claims of the reader; none where it says nothing."""
    return frozenset(level for level, cue in _IN_A_CONTEXT.items() if cue.search(context))


def without_career(role: str, context: str) -> bool:
    """Tell whether the words say that no career is tracked: retired, or in so many words."""
    return bool(_RETIRED_ROLE.search(role) or _RETIRED_CONTEXT.search(context))


def contradict(one: frozenset[Seniority], other: frozenset[Seniority]) -> bool:
    """Tell whether one claims only junior stages and the other only experienced ones."""
    return any(bool(a) and a <= JUNIOR and bool(b) and b <= EXPERIENCED for a, b in ((one, other), (other, one)))
