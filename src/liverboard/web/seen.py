"""A meeting as pages open it: every case as the board sees it on its day, what is missing, and whom to ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from liverboard.board.minutes import MeetingMinutes, Seen, minutes_of
from liverboard.clinical.events import Case
from liverboard.clinical.extent import Frozen
from liverboard.errors import UserError
from liverboard.registry.cases import CaseFilter, CaseKey, CaseLine, StoredCase, case_as_known, read_cases
from liverboard.registry.meetings import Agenda, AgendaItem, Meeting
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import CaseState
from liverboard.web.images import Unread
from liverboard.web.opened import case_path
from liverboard.web.prepared import Weighed, day_of, sections, weighed, weighed_in_time
from liverboard.web.site import Site

PAGE_ONE = ("board",)
PATIENCE_S = 0.15  # for the cases of a list that nobody looked at yet; the page comes first, the rest follows
_FIRST = 3


class Wanted(Frozen):
    """What the board lacks of a case, and who can supply it."""

    label: str
    reason: str
    who: str
    ask: str


class Line(Frozen):
    """A case in an agenda. `known` of `asked` facts have a value; `looked` False: nobody looked through it yet, so both are None.

    `unread`: its scans that this does without; what it lacks is not told while they are being read.
    """

    case: str
    state: CaseState
    review_on: dt.date | None
    synthetic: bool
    version: int
    path: str
    question: str | None = None
    looked: bool = False
    known: int | None = None
    asked: int | None = None
    missing: tuple[Wanted, ...] = ()
    unread: Unread | None = None

    @property
    def first(self) -> tuple[Wanted, ...]:
        return self.missing[:_FIRST]

    @property
    def more(self) -> int:
        return max(0, len(self.missing) - _FIRST)

    @property
    def waits(self) -> bool:
        """Whether it is to be looked through when there is time."""
        return not self.looked and self.unread is None


class Ask(Frozen):
    """Everything that one person or room is asked for."""

    who: str
    wanted: tuple[tuple[str, Wanted], ...]


@dataclass(frozen=True, slots=True)
class SeenCase:
    """A case of a meeting with the day that it is seen on."""

    stored: StoredCase
    day: dt.date
    weighed: Weighed

    def as_seen(self) -> Seen:
        return Seen(self.stored.case, self.day, self.weighed.options, unread=self.weighed.unread is not None)


def lines_of(site: Site, who: Actor, cases: Iterable[CaseLine], patience_s: float | None) -> tuple[Line, ...]:
    """The cases with what they lack, in the order given. After `patience_s` (None: no end) only what is in memory."""
    wanted = tuple(cases)
    stored = read_all(site, who, [line.key for line in wanted])
    found = [stored[line.key] for line in wanted]
    weights = weighed_in_time(site, ((each, day_of(site, each.case)) for each in found), patience_s)
    return tuple(_line(each, weight) for each, weight in zip(found, weights, strict=True))


def _line(stored: StoredCase, weight: Weighed | None) -> Line:
    plain = Line(
        case=stored.key.case,
        state=stored.state,
        review_on=stored.review_on,
        synthetic=bool(stored.case.synthetic),
        version=stored.version,
        path=case_path(stored.key),
        question=stored.case.question,
    )
    if weight is None:
        return plain
    if weight.unread is not None and weight.unread.being_read:
        return plain.model_copy(update={"unread": weight.unread})
    missing = tuple(Wanted(label=m.label, reason=m.reason, who=m.who, ask=m.ask) for m in weight.missing)
    told = {"looked": True, "known": weight.known, "asked": weight.asked, "missing": missing, "unread": weight.unread}
    return plain.model_copy(update=told)


def whom_to_ask(lines: Iterable[Line]) -> tuple[Ask, ...]:
    """What is missing first of every case, by who supplies it."""
    by: dict[str, list[tuple[str, Wanted]]] = {}
    for line in lines:
        for each in line.first:
            by.setdefault(each.who, []).append((line.case, each))
    return tuple(Ask(who=who, wanted=tuple(by[who])) for who in sorted(by))


def read_all(site: Site, who: Actor, keys: Iterable[CaseKey]) -> dict[CaseKey, StoredCase]:
    """Cases by name, as one state of the store has them."""
    names = tuple(dict.fromkeys(key.case for key in keys))
    if not names:
        return {}
    which = CaseFilter(centre=who.centre, cases=names)
    return {each.key: each for each in read_cases(site.store, who, which, purpose="agenda.read")}


def seen_case(site: Site, who: Actor, meeting: Meeting, item: AgendaItem) -> SeenCase:
    """The case as the board sees it now, or as it was when its decision was signed."""
    signed = item.decision.signed
    stored = case_as_known(site.store, who, item.case.key, signed)
    day = meeting_day(site, stored.case, meeting, signed)
    return SeenCase(stored, day, weighed(site, stored, day))


def meeting_day(site: Site, case: Case, meeting: Meeting, signed: dt.datetime | None) -> dt.date:
    """The day of the meeting, or of the signature or today where that comes first; samples stand still on theirs."""
    until = site.today() if signed is None else signed.astimezone().date()
    return case.as_of or min(meeting.date, until)


def make_ahead(site: Site, who: Actor, meeting: Meeting, item: AgendaItem, language: str) -> None:
    """Make the slow parts of the page of a case, in the language of the reader, while the board looks at another; what fails here is told on that page."""
    if item.decision.signed is not None:
        return
    with suppress(UserError):
        for stored in read_all(site, who, [item.case.key]).values():
            day = meeting_day(site, stored.case, meeting, None)
            weighed(site, stored, day)
            sections(site, stored, PAGE_ONE, day, language)


def minutes_seen(site: Site, who: Actor, agenda: Agenda) -> MeetingMinutes:
    """The minutes of a meeting, every decision with the verdicts that the board saw."""
    cases = {item.case.key: seen_case(site, who, agenda.meeting, item).as_seen() for item in agenda.items}
    return minutes_of(agenda, cases)


def neighbours(agenda: Agenda, case: str) -> tuple[int, Mapping[str, str | None]] | None:
    """The place of a case on the agenda, from 1, and the pseudonyms before and after it; None where it is not on it."""
    names = [item.case.key.case for item in agenda.items]
    if case not in names:
        return None
    at = names.index(case)
    return at + 1, {
        "before": names[at - 1] if at else None,
        "after": names[at + 1] if at + 1 < len(names) else None,
    }
