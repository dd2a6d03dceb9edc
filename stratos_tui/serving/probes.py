"""The five pairs that a published model is tried on: noise, hit, borderline, and two readers of one article.

Merging compares logits on their prompts, publishing compares what the server renders, and the smoke test judges what
it answers. Profiles and articles are those that ship, whatever an operator has edited since.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from stratos_tui.prism.prompts import article_prompt, chatml, system_prompt
from stratos_tui.profiles.shipped import shipped_articles, shipped_profiles
from stratos_tui.records import Article, Profile

ProbeName = Literal["noise", "hit", "borderline", "kuwait", "texas"]

PAIRS: dict[ProbeName, tuple[str, str]] = {
    "noise": ("flipkart-early-careers-ds", "texas_nurse"),
    "hit": ("nasa-jwst-exoplanet-catalog", "portland_retired_space"),
    "borderline": ("sk-hynix-sells-out-2027-memory", "kuwait_cpeg"),
    "kuwait": ("equate-cpeg-graduate-programme", "kuwait_cpeg"),
    "texas": ("equate-cpeg-graduate-programme", "texas_nurse"),
}
"""Shipped (article, profile) by what the pair tries. Their expected scores: 0.1, 8.5, 5.6, 9.5, 0.5."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One pair, ready to ask: ``prompt`` is what training would have shown, ``system`` and ``user`` its two turns."""

    name: ProbeName
    article: Article
    profile: Profile
    day: date

    @property
    def system(self) -> str:
        """The system turn."""
        return system_prompt(self.profile)

    @property
    def user(self) -> str:
        """The user turn."""
        return article_prompt(self.article, self.day)

    @property
    def prompt(self) -> str:
        """The whole prompt, byte by byte as in training."""
        return chatml(self.system, self.user)

    @property
    def messages(self) -> list[dict[str, str]]:
        """The two turns as a chat request carries them."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]


def probes() -> list[Probe]:
    """Return the five pairs, each judged on the day its article was fetched."""
    articles = {article.id: article for article, _ in shipped_articles()}
    profiles = {profile.id: profile for profile in shipped_profiles()}
    found = []
    for name, (article_id, profile_id) in PAIRS.items():
        article = articles[article_id]
        assert article.fetched is not None
        found.append(Probe(name, article, profiles[profile_id], article.fetched))
    return found
