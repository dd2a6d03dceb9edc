"""Digests of records: what a row stores to say which state of a thing it was made from."""

from __future__ import annotations

import hashlib

from stratos_tui.records import Profile


def profile_digest(profile: Profile) -> str:
    """Return 12 hex digits over everything that a profile says."""
    parts = [profile.id, profile.kind, profile.role, profile.location, profile.seniority, profile.context]
    for items in (profile.companies, profile.institutions, profile.interests, profile.industries):
        parts.append("\x1f".join(items))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
