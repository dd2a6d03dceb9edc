"""What counts of several accepted answers to one pair: an operator's word before a rule's, then the later attempt."""

from __future__ import annotations


def by_operator(verdict: str = "judgements") -> str:
    """Return the SQL that is 1 where an operator decided and 0 where rules did; ``verdict`` names ``judgements``."""
    return f"({verdict}.decided_by = 'operator')"


def what_counts_last(verdict: str = "judgements", request: str = "requests") -> str:
    """Return the terms of an SQL order by which, of one pair's accepted answers, the one that counts comes last."""
    return f"{by_operator(verdict)}, {request}.attempt"
