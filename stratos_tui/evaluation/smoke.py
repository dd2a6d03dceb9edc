"""Judges five answers of a published model: it must think, and tell noise from a hit and one reader from another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stratos_tui.distill.judge import Limits
from stratos_tui.evaluation.loops import count_repetition
from stratos_tui.evaluation.sanity import APART_TENTHS
from stratos_tui.prism.bands import FORBIDDEN_TENTHS, points
from stratos_tui.prism.trace import Answer, Fault, parse_answer
from stratos_tui.serving.ollama_server import Reply
from stratos_tui.serving.probes import Probe, ProbeName

LEAST_WORDS = Limits().least_words
"""A trace that is shorter is no thought (plan, section 6)."""
NOISE_BELOW = 20
"""Tenths: the noise probe must stay in band noise."""
HIT_FROM = 70
"""Tenths: the hit must reach band high."""
BORDERLINE = (20, 89)
"""Tenths: what is worth a look (5.6 is expected) is neither noise nor critical. A 5.0 is what a model says that has
learnt nothing (plan, section 5)."""

_WANTED: dict[ProbeName, str] = {
    "noise": f"below {points(NOISE_BELOW)}",
    "hit": f"at least {points(HIT_FROM)}",
    "borderline": f"from {points(BORDERLINE[0])} to {points(BORDERLINE[1])} and not {points(FORBIDDEN_TENTHS)}",
    "kuwait": f"more than {points(APART_TENTHS)} above texas",
    "texas": f"more than {points(APART_TENTHS)} below kuwait",
}


def judge(answers: Sequence[tuple[Probe, Reply]]) -> dict[str, Any]:
    """Judge the answers to the probes.

    Returns ``ok``; ``failed``, one line with every reason (empty where it is ok); ``gap`` of the Kuwait/Texas pair in
    points, None where one cannot be read; and ``checks``, one object a probe with what it said.
    """
    read = {probe.name: parse_answer(reply.content, reply.thinking) for probe, reply in answers}
    up, down = read["kuwait"], read["texas"]
    gap = up.tenths - down.tenths if isinstance(up, Answer) and isinstance(down, Answer) else None
    checks = [_check(probe, reply, read[probe.name], gap) for probe, reply in answers]
    failed = "; ".join(f"{each['probe']}: {each['fault']}" for each in checks if not each["ok"])
    return {"ok": not failed, "failed": failed, "gap": None if gap is None else gap / 10, "checks": checks}


def _check(probe: Probe, reply: Reply, answer: Answer | Fault, gap: int | None) -> dict[str, Any]:
    fault = _fault(probe, reply, answer, gap)
    read = answer if isinstance(answer, Answer) else None
    return {
        "probe": probe.name,
        "article_id": probe.article.id,
        "profile_id": probe.profile.id,
        "ok": not fault,
        "fault": fault,
        "wanted": _WANTED[probe.name],
        "score": read.tenths / 10 if read else None,
        "reason": read.reason if read else "",
        "words": len(read.trace.split()) if read else 0,
        "thinking": reply.thinking,
        "content": reply.content,
        "seconds": reply.seconds,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
    }


def _fault(probe: Probe, reply: Reply, answer: Answer | Fault, gap: int | None) -> str:
    if not reply.finished:
        return f"the answer did not end by itself ({reply.tokens_out:,} tokens)"
    if isinstance(answer, Fault):
        return f"cannot be read ({answer.code}: {answer.measured})"
    words = len(answer.trace.split())
    if words < LEAST_WORDS:
        return f"a trace of {words} words, wanted at least {LEAST_WORDS}"
    if (repetition := count_repetition([(answer.trace, probe.article)])).share:
        return "its trace loops" if repetition.looping else "its trace copies the article"
    apart = gap is None or gap > APART_TENTHS
    holds = {
        "noise": answer.tenths < NOISE_BELOW,
        "hit": answer.tenths >= HIT_FROM,
        "borderline": BORDERLINE[0] <= answer.tenths <= BORDERLINE[1] and answer.tenths != FORBIDDEN_TENTHS,
        "kuwait": apart,
        "texas": apart,
    }
    return "" if holds[probe.name] else f"scored {points(answer.tenths)}, wanted {_WANTED[probe.name]}"
