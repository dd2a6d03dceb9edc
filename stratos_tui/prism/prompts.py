"""Every prompt, rendered in one place: teacher, training text, scorer. Each has a fingerprint (decisions.md, 9).

Training and serving see the same bytes because both call this module, and every row that a prompt made records the
fingerprint of the prompt's templates.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from functools import cache
from typing import Literal

from stratos_tui.records import Article, Profile, Seniority
from stratos_tui.resources import read_text
from stratos_tui.text import plain

PromptStyle = Literal["student", "prism"]

_CONTROL_TOKEN = re.compile(r"<(?=\|)|(?<=\|)>|<(?=/?(?:think|tool_call|tool_response)>)")

LEVELS: dict[Seniority, str] = {
    "student": "Still a student: internships and student offers fit; roles that ask for experience do not.",
    "graduate": "Fresh graduate: entry-level, trainee and internship openings fit; senior roles do not.",
    "experienced": "Experienced professional: specialist roles fit; entry-level openings do not.",
    "senior": "Senior professional: lead and specialist roles fit; entry-level openings do not.",
    "none": "No career is tracked: relevance is interest alone.",
}
OPENINGS: tuple[str, ...] = (
    "You are a relevance scorer for a {role} in {location}.",
    "Score how much each article matters to this reader: a {role} in {location}.",
    "The reader is a {role}, based in {location}. Judge articles for this reader only.",
    "Act as the news filter of a {role} who lives in {location}.",
)
LABELS: tuple[tuple[str, str, str, str, str], ...] = (
    ("Context", "Companies", "Institutions", "Interests", "Industries"),
    ("About", "Tracked companies", "Tracked institutions", "Tracked interests", "Tracked industries"),
    ("User context", "Watches companies", "Watches institutions", "Cares about", "Works around"),
    ("Background", "Follows companies", "Follows institutions", "Interests", "Fields"),
)
CLOSINGS: tuple[str, ...] = (
    "Think step by step, then give SCORE and REASON.",
    "Reason in a think block, then answer with SCORE and REASON.",
    "Compare the reader with the article before you give SCORE and REASON.",
    "Weigh the strongest signal, then give SCORE and REASON.",
)
WORDINGS = len(OPENINGS)
CANONICAL_WORDING = 0
"""The wording used at inference (decisions.md, 10)."""


def neutralise(text: str) -> str:
    """Return text from outside with control tokens broken up, escape codes and control characters removed.

    ``<|im_end|>`` inside an article would otherwise become the control token itself, in training and in scoring.
    White space runs become one space, so that a title cannot pose as a further field.
    """
    clean = plain(text)
    while (broken := _CONTROL_TOKEN.sub("", clean)) != clean:
        clean = broken
    return " ".join(clean.split())


def system_prompt(profile: Profile, wording: int = CANONICAL_WORDING) -> str:
    """Render a profile as the system prompt of the student; ``wording`` is one of ``range(WORDINGS)``."""
    opening = OPENINGS[wording].format(role=neutralise(profile.role), location=neutralise(profile.location))
    context, companies, institutions, interests, industries = LABELS[wording]
    tracked = (
        (companies, profile.companies),
        (institutions, profile.institutions),
        (interests, profile.interests),
        (industries, profile.industries),
    )
    lines = [opening]
    if profile.context:
        lines.append(f"{context}: {neutralise(profile.context)}")
    lines += [f"{label}: {', '.join(map(neutralise, items))}" for label, items in tracked if items]
    lines += [f"Level: {LEVELS[profile.seniority]}", CLOSINGS[wording]]
    return "\n".join(lines)


def article_prompt(article: Article, reference_date: date) -> str:
    """Render an article as the user turn, judged on ``reference_date``; dates are ISO days."""
    source = f"{neutralise(article.source) or 'unnamed'} ({article.source_type})"
    lines = [
        "Score this article.",
        f"Today: {reference_date}",
        f"Title: {neutralise(article.title)}",
        f"Source: {source}",
    ]
    if article.published:
        lines.append(f"Published: {article.published}")
    if article.deadline:
        lines.append(f"Deadline: {article.deadline}")
    lines.append(f"Content: {neutralise(article.body)}")
    return "\n".join(lines)


def chatml(system: str, user: str) -> str:
    """Render one system and one user turn, ready for the assistant, as Qwen3's own chat template does."""
    return f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"


def student_prompt(
    profile: Profile,
    article: Article,
    reference_date: date,
    wording: int = CANONICAL_WORDING,
    style: PromptStyle = "student",
) -> str:
    """Render the whole prompt of a local model; ``prism`` puts the full instructions before the profile.

    ``prism`` is the plan's fallback for an untrained base model (plan, section 12).
    """
    return chatml(*student_turns(profile, article, reference_date, wording, style))


def student_turns(
    profile: Profile,
    article: Article,
    reference_date: date,
    wording: int = CANONICAL_WORDING,
    style: PromptStyle = "student",
) -> tuple[str, str]:
    """Render the system and the user turn of a local model, for a server that puts its own template around them."""
    system = system_prompt(profile, wording)
    if style == "prism":
        system = f"{teacher_system()}\n\n{system}"
    return system, article_prompt(article, reference_date)


@cache
def teacher_system() -> str:
    """Return the plan's section 5 prompt, word for word: one system block shared by all requests."""
    return read_text("teacher_prompt.md").removesuffix("\n")


def teacher_user(profile: Profile, article: Article, reference_date: date, repair: str = "") -> str:
    """Render the profile, then the article (decisions.md, 7), then what was wrong with the answer before."""
    user = f"## User profile\n\n{teacher_profile(profile)}\n\n## Article\n\n{article_prompt(article, reference_date)}"
    return f"{user}\n\n## Correction\n\n{neutralise(repair)}" if repair else user


def wording_of(article_id: str, profile_id: str, seed: int = 0) -> int:
    """Choose the wording of a pair's system prompt by a seeded hash, the same on every machine."""
    digest = hashlib.sha256(f"wording\0{seed}\0{article_id}\0{profile_id}".encode()).digest()
    return digest[0] % WORDINGS


def reference_date_of(article: Article, today: date) -> date:
    """Return the day an article is judged on: its fetch date, else its publication date, else today."""
    return article.fetched or article.published or today


@cache
def fingerprint(style: Literal["teacher", "student", "prism"]) -> str:
    """Return 12 hex digits over what the style renders for a fixed probe, in every wording."""
    profile = Profile("probe", "career", "role", "place", "graduate", "context", ("a",), ("b",), ("c",), ("d",))
    day = date(2026, 1, 2)
    article = Article("probe", "title", "body", "source", "news", "", "", day, day, day)
    if style == "teacher":
        rendered = teacher_system() + "\0" + teacher_user(profile, article, day)
    else:
        rendered = "\0".join(student_prompt(profile, article, day, w, style) for w in range(WORDINGS))
    return hashlib.sha256(rendered.encode()).hexdigest()[:12]


def teacher_profile(profile: Profile) -> str:
    """Render a profile as every teacher reads it: its id and kind, who it is, then what it tracks."""
    head, *rest = system_prompt(profile).split("\n")[:-1]
    described = head.removeprefix("You are a relevance scorer for ").removesuffix(".")
    return "\n".join([f"Profile: {profile.id} ({profile.kind})", f"User: {described}", *rest])
