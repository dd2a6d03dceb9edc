"""What the rehearsal's drafts are made of: a few templates for every band and kind of reader, and sentences to fill up.

Slots: ``org`` and ``other`` are tracked names of the first and the last reader, ``topic`` and ``topic2`` interests of
the first, ``topic3`` one of the last, ``field`` and ``field2`` their industries, ``trade`` a role without its level,
``elsewhere`` a city far from most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stratos_tui.records import Band, Kind


@dataclass(frozen=True, slots=True)
class Template:
    """One story. ``deadline`` is ahead, past or none (empty); a source may be a tracked name."""

    title: str
    sentences: tuple[str, ...]
    source: str
    source_type: Literal["official", "news", "blog"]
    category: str
    deadline: Literal["ahead", "past", ""] = ""


ELSEWHERE = ("Oslo", "Lima", "Montevideo", "Helsinki", "Nairobi", "Auckland")
PAPERS = ("The Morning Ledger", "Harbour Post", "The Evening Register", "Courier Daily", "The Weekly Dispatch")
FILLERS = (
    "A spokesperson declined to say more before the end of the month.",
    "The notice runs to two pages and names a contact for questions.",
    "Observers had expected the step earlier in the year.",
    "A similar round two years ago drew about {n} replies.",
    "Further details are to follow in the first week of next month.",
    "The figures were confirmed by two people who had seen the paper.",
)

_APPLY = "Applications are taken online until {day}, and {needs}."

_ABOUT_NAMES = (
    Template(
        "{org} gives its old desks away",
        (
            "{org} has bought new furniture and gives the old away: {n} desks and as many lamps.",
            "Schools come first, then anybody with a van.",
            "One desk has {n2} names carved into it, the oldest from before the war.",
        ),
        "{paper}",
        "news",
        "miscellany",
    ),
    Template(
        "A choir at {org} sings on Fridays",
        (
            "{n} people who work for {org} sing together on Fridays, from noon to half past.",
            "They began with a round for three voices and know {n2} songs by now.",
            "Nobody has to be good at it, says the one who waves the pencil.",
        ),
        "{paper}",
        "news",
        "culture",
    ),
)
_ABOUT_FIELDS = (
    Template(
        "{field} in {country}: a quiet quarter",
        (
            "The quarter was quiet for {field} in {country}, figures show.",
            "Turnover rose by {n2} per cent, prices hardly moved.",
            "Most of those who were asked call the outlook fair.",
        ),
        "{paper}",
        "news",
        "markets",
    ),
    Template(
        "{country} counts what {field} is worth",
        (
            "The office that counts such things has counted {field} in {country} for the first time.",
            "The table has {n} lines, and {n2} of them are guesses, its authors write.",
            "It will be made again in two years.",
        ),
        "{paper}",
        "news",
        "statistics",
    ),
)

TEMPLATES: dict[tuple[Band, Kind | Literal["both"]], tuple[Template, ...]] = {
    ("critical", "career"): (
        Template(
            "{org} opens {n} {opening} in {city}: {trade}",
            (
                "{org} is hiring in {city}: {n} {opening} ({trade}) are open now.",
                "The work covers {topic} and {topic2}.",
                _APPLY,
                "Interviews are held in {city} in the week after, and the first contracts begin {n2} weeks later.",
                "Everyone who applies hears back within ten days.",
            ),
            "{org}",
            "official",
            "jobs",
            "ahead",
        ),
        Template(
            "{org} fills {n2} posts in {city}: {trade}",
            (
                "{org} posted {n2} vacancies this morning ({trade}), all of them in {city}.",
                "Whoever is taken on will work on {topic}.",
                _APPLY,
                "The pay is above last year's, and the contracts are permanent.",
                "A written test is followed by two talks on one day.",
            ),
            "{paper}",
            "news",
            "jobs",
            "ahead",
        ),
        Template(
            "{org} invites applications for its {topic} programme in {city}",
            (
                "{org} invites applications for a paid programme on {topic}, held in {city} ({trade}).",
                "There are {n} places, and {needs}.",
                "Registration closes on {day}.",
                "Those who finish it are offered a post on the team that works on {topic2}.",
                "The programme lasts {n2} months.",
            ),
            "{org}",
            "official",
            "jobs",
            "ahead",
        ),
    ),
    ("critical", "interest"): (
        Template(
            "{org} opens free registration for its {topic} day in {city}",
            (
                "{org} is holding a public day on {topic} in {city}, and {n} places are free for who registers.",
                "Registration is open now and ends on {day}.",
                "There are talks on {topic} and {topic2}, and a chance to put questions.",
                "Last year's places were gone within {n2} days.",
            ),
            "{org}",
            "official",
            "event",
            "ahead",
        ),
        Template(
            "Register by {day}: {org} takes {n} people for {topic}",
            (
                "{org} is looking for {n} members of the public for a programme on {topic}, with sessions in {city}.",
                "Anybody may apply; sign up by {day}.",
                "Those who are chosen work on {topic} for {n2} weeks with its own staff and keep what they make.",
            ),
            "{org}",
            "official",
            "call",
            "ahead",
        ),
        Template(
            "Apply now: {org} call for {topic} closes on {day}",
            (
                "A call by {org} on {topic} is open to applicants from {country} until {day}.",
                "{n} will be chosen, and each gets a place at the {city} meeting on {topic2}.",
                "The form takes a quarter of an hour.",
                "Whoever was turned down before may try again.",
            ),
            "{org}",
            "official",
            "call",
            "ahead",
        ),
    ),
    ("critical", "both"): (
        Template(
            "{org} and {other} open {n} places in a joint {topic} and {topic3} programme",
            (
                "{org} and {other} have opened registration for a joint programme on {topic} and {topic3}.",
                "{n} places are offered; apply by {day}.",
                "One half of the work is done with {org}, the other half with {other}.",
                "{needs}, and those who are chosen hear back within {n2} days.",
            ),
            "{org}",
            "official",
            "call",
            "ahead",
        ),
    ),
    ("high", "career"): (
        Template(
            "{org} puts {topic} first in its plan for {city}",
            (
                "{org} will put most of its new money into {topic}, says the plan that it published for {city}.",
                "{topic2} comes second.",
                "The plan names {n2} sites and runs for four years.",
                "Staff were told on Monday.",
                "Nothing closes, and no post is lost.",
            ),
            "{paper}",
            "news",
            "business",
        ),
        Template(
            "{org} reports a strong year in {topic}",
            (
                "Work on {topic} grew by {n} per cent at {org} over the year, its report says.",
                "In {city} the growth was faster still.",
                "The report counts {n2} new projects on {topic2}.",
                "Its authors warn that the pace will not hold.",
            ),
            "{org}",
            "official",
            "business",
        ),
        Template(
            "New rules for {topic}: what changes at {org}",
            (
                "{org} has set out how it will handle {topic} from the spring on.",
                "The rules hold in {city} first, and everywhere {n2} months later.",
                "They ask for a review every quarter, and settle how {topic2} is to be recorded.",
                "A draft had drawn {n} comments.",
            ),
            "{org}",
            "official",
            "policy",
        ),
    ),
    ("high", "interest"): (
        Template(
            "{org} presents new work on {topic}",
            (
                "{org} has presented results on {topic} after {n2} years of work.",
                "They go further than anything published so far, and {n} groups took part.",
                "A second part, on {topic2}, is to follow in the autumn.",
                "The full text can be read without charge.",
            ),
            "{org}",
            "official",
            "research",
        ),
        Template(
            "What {org} plans next for {topic}",
            (
                "{topic} will get the larger share of what {org} spends next year, a paper shows.",
                "It lists {n} steps, among them two on {topic2}.",
                "The first was taken this week, the last is due in {n2} years.",
            ),
            "{paper}",
            "news",
            "analysis",
        ),
        Template(
            "{topic}: {org} changes course",
            (
                "{org} has changed its mind on {topic}, and says why in a statement of {n2} pages.",
                "It had held the other view for {n} months.",
                "What follows for {topic2} is left open.",
            ),
            "{org}",
            "official",
            "news",
        ),
    ),
    ("high", "both"): (
        Template(
            "{org} and {other} agree to work together on {topic} and {topic3}",
            (
                "{org} and {other} will work together on {topic} and on {topic3}, both said in one statement.",
                "{org} leads the first part, {other} the second.",
                "The agreement runs for {n2} years and covers {n} people.",
            ),
            "{org}",
            "official",
            "business",
        ),
    ),
    ("moderate", "career"): (
        Template(
            "Survey in {elsewhere}: {topic} spreads slowly",
            (
                "Small firms in {elsewhere} are still careful with {topic}, a survey of {n} owners finds.",
                "Most had heard of it, {n2} in a hundred use it.",
                "Cost is named first, then the lack of people who know how.",
                "The authors, who work in {elsewhere}, expect no change before next year.",
            ),
            "{paper}",
            "news",
            "survey",
        ),
        Template(
            "How {elsewhere} came to {topic}",
            (
                "A book tells how {topic} came to {elsewhere}, and why it took so long.",
                "It begins with what people did before, and ends with {n2} questions that nobody has settled.",
                "The author taught in {elsewhere} for {n} years.",
            ),
            "{paper}",
            "news",
            "books",
        ),
        *_ABOUT_NAMES,
        *_ABOUT_FIELDS,
    ),
    ("moderate", "interest"): (*_ABOUT_NAMES, *_ABOUT_FIELDS),
    ("moderate", "both"): (
        Template(
            "{org} and {other} share a lost-property office",
            (
                "{org} and {other} now keep what visitors leave behind in one room.",
                "There are {n} umbrellas, {n2} gloves and a violin.",
                "What nobody asks for goes to a children's home after a year.",
            ),
            "{paper}",
            "news",
            "miscellany",
        ),
        Template(
            "A calendar of doors: {org} in March, {other} in May",
            (
                "A photographer has made a calendar of office doors.",
                "March is the one at {org}, May the one at {other}; {n2} were too dark to print.",
                "{n} copies were sold on the first evening.",
            ),
            "{paper}",
            "news",
            "culture",
        ),
    ),
    ("low", "career"): (
        Template(
            "{org} closes its round in {city}: all {n} {opening} are taken",
            (
                "Applications for the {opening} at {org} in {city} closed on {day}, and all {n} are taken.",
                "There had been {n2} hundred applicants.",
                "A next round is not planned.",
                "Whoever applied hears back by letter.",
            ),
            "{paper}",
            "news",
            "jobs",
            "past",
        ),
        Template(
            "{org} registration ended on {day}",
            (
                "Registration for the {topic} programme of {org} ended on {day}.",
                "Nobody who missed it can be added, the office in {city} says.",
                "{n} people had a place, {n2} stood on a waiting list that is closed too.",
            ),
            "{org}",
            "official",
            "notice",
            "past",
        ),
        Template(
            "{org} sponsors the summer concert in the park",
            (
                "{org} pays for this summer's concert in the park, as it did last year.",
                "{n} musicians take part, and the entrance is free.",
                "Bring a blanket and something to eat.",
                "If it rains the concert moves into the town hall.",
            ),
            "{paper}",
            "news",
            "culture",
        ),
    ),
    ("low", "interest"): (
        Template(
            "{org} registration ended on {day}",
            (
                "Registration for the {topic} day of {org} ended on {day}.",
                "Nobody who missed it can be added, the office says.",
                "{n} people had a place, {n2} stood on a waiting list that is closed too.",
            ),
            "{org}",
            "official",
            "notice",
            "past",
        ),
        Template(
            "The call by {org} has closed: {n} were chosen",
            (
                "The call by {org} on {topic} closed on {day}; {n} applicants were chosen from {n2} hundred.",
                "Late forms were sent back unread.",
                "There is no second round.",
            ),
            "{paper}",
            "news",
            "notice",
            "past",
        ),
    ),
    ("low", "both"): (
        Template(
            "The joint call by {org} and {other} has closed",
            (
                "The joint call by {org} and {other} on {topic} and {topic3} closed on {day}.",
                "{n} applicants were chosen, and there is no second round.",
                "Late forms were sent back unread.",
            ),
            "{org}",
            "official",
            "notice",
            "past",
        ),
    ),
}

_NOISE = (
    Template(
        "A goose stops the morning bus for an hour",
        (
            "A goose sat down in front of the number {n2} bus and would not move.",
            "Passengers waited for nearly an hour until a child lured it away with a bun.",
            "The driver had rung for help twice.",
            "The goose was back the next day, on the pavement this time, and let {n} buses pass.",
        ),
        "{paper}",
        "news",
        "local",
    ),
    Template(
        "The old clock on the market square runs again",
        (
            "After {n2} months of silence the clock on the market square runs again.",
            "A bell founder's granddaughter had found the missing wheel in a drawer.",
            "{n} people came to hear it strike noon.",
            "It is three minutes slow, and the mayor's office says that nobody minds.",
        ),
        "{paper}",
        "news",
        "local",
    ),
)
TEMPLATES |= {("noise", "career"): _NOISE, ("noise", "interest"): _NOISE, ("noise", "both"): _NOISE}
