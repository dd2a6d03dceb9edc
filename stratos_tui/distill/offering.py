"""What asking a teacher live about a few pairs comes to, told before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from stratos_tui.digests import profile_digest
from stratos_tui.distill.budget import caps_of, workspace_cap
from stratos_tui.distill.pausing import is_paused
from stratos_tui.distill.settings import DistillSettings
from stratos_tui.distill.sitting import most_of
from stratos_tui.errors import StratosError
from stratos_tui.prism import prompts
from stratos_tui.records import Article, Profile
from stratos_tui.store import acknowledgements, distill, ledger, live
from stratos_tui.store.db import Store
from stratos_tui.store.ledger import Spend
from stratos_tui.store.live import Said
from stratos_tui.store.requests import OPEN
from stratos_tui.teachers.catalog import REHEARSAL, TERMS_NOTICE, TERMS_SUBJECT, Teacher, find_teacher
from stratos_tui.teachers.keys import ANTHROPIC, need_key
from stratos_tui.teachers.live import Question
from stratos_tui.teachers.prices import dollars


@dataclass(frozen=True, slots=True)
class Quote:
    """One pair before it is asked.

    ``said`` is the stored answer that stands for a new one; ``on_its_way`` tells that a batch will bring one. Where
    neither holds it can be asked, for ``day``, which costs ``most`` nanodollars at most.
    """

    profile: Profile
    article: Article
    day: date
    said: Said | None
    on_its_way: bool
    most: int

    @property
    def open(self) -> bool:
        """Whether the teacher has to be asked to know."""
        return self.said is None and not self.on_its_way


@dataclass(frozen=True, slots=True)
class Offer:
    """What asking about some pairs comes to, and what bounds it.

    ``cap`` is the workspace's, in dollars, of this teacher's kind of money; ``spend`` what that bounds so far.
    ``agreed`` tells whether the vendor's terms were agreed to before; ``refusal`` is why nothing can be asked now,
    empty where it can.
    """

    teacher: Teacher
    quotes: tuple[Quote, ...]
    cap: float | None
    spend: Spend
    agreed: bool
    refusal: str

    @property
    def to_ask(self) -> list[Quote]:
        """The pairs that the teacher has to be asked about."""
        return [each for each in self.quotes if each.open]

    @property
    def most(self) -> int:
        """The most that asking can cost, in nanodollars."""
        return sum(each.most for each in self.to_ask)


def offer(store: Store, name: str, pairs: Sequence[tuple[Profile, Article, date]], settings: DistillSettings) -> Offer:
    """Return what asking the teacher of this name about these pairs comes to; nothing is stored or sent.

    Raises:
        StratosError: there is no such teacher, its price is not known, or it cannot be asked live.
    """
    teacher = find_teacher(store, name)
    if teacher.way == "direct":
        raise StratosError(f"the teacher {teacher.name} is not asked live: it is the scorer of the same name")
    quotes = tuple(quote(store, teacher, *pair, settings) for pair in pairs)
    return Offer(
        teacher=teacher,
        quotes=quotes,
        cap=workspace_cap(store, simulated=teacher.simulated),
        spend=ledger.spend(store, simulated=teacher.simulated),
        agreed=acknowledgements.given(store, TERMS_SUBJECT, TERMS_NOTICE),
        refusal=_refusal(store, teacher, [each for each in quotes if each.open]),
    )


def quote(
    store: Store, teacher: Teacher, profile: Profile, article: Article, day: date, settings: DistillSettings
) -> Quote:
    """Return whether a teacher's answer about a pair, for the profile as it is given, is stored, out, or to be asked.

    An accepted answer, of several the one that is the example, stands for a new one whatever day it was judged on; any
    other only for its own day.
    """
    digest = profile_digest(profile)
    asked = [
        each
        for each in live.attempts(store, teacher.name, article.id, profile.id)
        if each.purpose == "example" and each.profile_digest == digest
    ]
    known = live.said_of_pair(store, teacher.name, article.id, profile.id, digest)
    standing = [each for each in known if each.accepted or each.reference_date == day]
    if standing:
        return Quote(profile, article, day, standing[-1], on_its_way=False, most=0)
    waiting = [each for each in asked if each.state in OPEN]
    if any(each.state != "planned" or each.batch_id is not None for each in waiting):
        return Quote(profile, article, day, None, on_its_way=True, most=0)
    # one that is planned is asked as it was planned
    day, repair = (waiting[0].reference_date, waiting[0].repair) if waiting else (day, "")
    question = Question(
        custom_id="",
        system=prompts.teacher_system(),
        user=prompts.teacher_user(profile, article, day, repair),
        max_tokens=settings.max_tokens,
        effort=settings.effort,
    )
    return Quote(profile, article, day, None, on_its_way=False, most=most_of(teacher, question))


def last_teacher(store: Store) -> str:
    """Return the name of the teacher that this workspace took up last, of those that can be asked live."""
    for name in reversed(distill.teachers(store)):
        try:
            # another version may have asked a teacher that this one does not know
            if find_teacher(store, name).way != "direct":
                return name
        except StratosError:
            continue
    return REHEARSAL


def _refusal(store: Store, teacher: Teacher, to_ask: Sequence[Quote]) -> str:
    """Return why these pairs cannot be asked about now: refused later, their questions would be left planned."""
    if not to_ask:
        return ""
    if is_paused(store):
        return "sending is paused in this workspace: `stratos distill resume` lets it go on"
    caps = caps_of(store, teacher, None)
    if caps.total is None and teacher.price is not None and not teacher.simulated:
        return f"{teacher.name} is paid: say the most that may be spent with `stratos distill cap USD`"
    if teacher.way == "batches" and not teacher.simulated:
        try:
            need_key(ANTHROPIC, teacher.name)
        except StratosError as error:
            return str(error)
    room, most = ledger.room(store.read, caps, simulated=teacher.simulated), sum(each.most for each in to_ask)
    if room is not None and most > room:
        return (
            f"asking {teacher.name} can take up to ${dollars(most):.4f}, and ${dollars(max(room, 0)):.4f} is free under"
            " the cap: `stratos distill cap USD` raises it"
        )
    return ""
