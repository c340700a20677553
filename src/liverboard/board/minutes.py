"""The minutes of a meeting as one object: who was there, and for each case what was considered, under which verdicts, what was chosen and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field

from liverboard.board.dossier import STATEMENT
from liverboard.clinical.dictionary import all_definitions
from liverboard.clinical.events import Case
from liverboard.clinical.extent import Frozen
from liverboard.options.history import OPTION_OF
from liverboard.options.report import OptionsReport, OptionVerdict
from liverboard.options.verdict import Verdict
from liverboard.options.words import OPTION_WORDS, SIGNS, VERDICT_WORDS
from liverboard.registry.cases import CaseKey
from liverboard.registry.meetings import Agenda, AgendaItem, Attendee, Minutes, Sight

AGAINST_THE_RULES: frozenset[Verdict] = frozenset({"excluded", "not_indicated", "cannot_tell"})
_FIRST = 4  # facts that are named where an option needs many


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as the board saw it: on that day, with the verdicts of that day. `unread`: these do without some of its images."""

    case: Case
    day: dt.date
    options: OptionsReport
    unread: bool = False


class Choice(Frozen):
    """An option, drug or technique that the board named. `verdict` None: no rules are kept for it."""

    choice: str
    name: str
    verdict: Verdict | None = None
    sign: str = ""
    word: str = "no rules"
    why: str = Field(default="", description="what decides the verdict, or which facts would settle it")

    @property
    def against_the_rules(self) -> bool:
        return self.verdict in AGAINST_THE_RULES


class ActionLine(Frozen):
    what: str
    owner: str | None = None
    due: dt.date | None = None
    done: dt.datetime | None = None


class Present(Frozen):
    specialty: str
    people: tuple[str, ...]


class CaseMinutes(Frozen):
    """One case. `signed_by` None: a draft, or nothing was decided (`chosen` None and `reason` None)."""

    case: str
    synthetic: bool
    who: str
    question: str | None
    as_of: dt.date
    rules: str | None = Field(default=None, description="version of the knowledge that the verdicts come from")
    considered: tuple[Choice, ...] = ()
    chosen: Choice | None = None
    reason: str | None = None
    deviation: str | None = None
    dissent: str | None = None
    actions: tuple[ActionLine, ...] = ()
    follow_up_on: dt.date | None = None
    unread: bool = Field(default=False, description="the verdicts do without images of the case")
    written_by: str | None = None
    signed_by: str | None = None
    signed: dt.datetime | None = None
    present: tuple[Present, ...] | None = Field(
        default=None, description="who was there by the signature, where it is kept"
    )

    @property
    def empty(self) -> bool:
        return self.written_by is None

    @property
    def unexplained(self) -> bool:
        """Whether the choice departs from the rules and nobody wrote why."""
        return self.chosen is not None and self.chosen.against_the_rules and not self.deviation


class MeetingMinutes(Frozen):
    """The minutes of a meeting. `held` False: it is not closed, so they may still change."""

    centre: str
    title: str
    date: dt.date
    held: bool
    attendance: tuple[Present, ...]
    cases: tuple[CaseMinutes, ...]
    statement: str = STATEMENT

    @property
    def synthetic(self) -> bool:
        return any(each.synthetic for each in self.cases)

    @property
    def signed(self) -> int:
        return sum(each.signed is not None for each in self.cases)

    def others_were_there(self, case: CaseMinutes) -> bool:
        """Whether the list of who attends named others when the decision of a case was signed. Often it is written down later only."""
        return bool(case.present) and case.present != self.attendance


def minutes_of(agenda: Agenda, seen: Mapping[CaseKey, Seen]) -> MeetingMinutes:
    """The minutes as they stand. `seen` holds every case of the agenda."""
    meeting = agenda.meeting
    return MeetingMinutes(
        centre=meeting.centre,
        title=meeting.title,
        date=meeting.date,
        held=meeting.state == "held",
        attendance=_present(agenda.attendance),
        cases=tuple(case_minutes(item, seen[item.case.key]) for item in agenda.items),
    )


def case_minutes(item: AgendaItem, seen: Seen) -> CaseMinutes:
    """What stands of one case."""
    decision = item.decision
    minutes, sight = decision.minutes, decision.sight

    def choice(name: str) -> Choice:
        return choice_of(seen.options, name) if sight is None or name not in sight.verdicts else _as_signed(sight, name)

    return CaseMinutes(
        case=item.case.key.case,
        synthetic=item.case.synthetic,
        who=who_line(seen.case, seen.day),
        question=seen.case.question,
        as_of=seen.day,
        rules=sight.rules if sight is not None else seen.options.knowledge_version,
        considered=tuple(choice(each) for each in minutes.considered),
        chosen=None if minutes.chosen is None else choice(minutes.chosen),
        reason=minutes.reason,
        deviation=minutes.deviation,
        dissent=minutes.dissent,
        actions=tuple(ActionLine(what=a.what, owner=a.owner, due=a.due, done=a.done) for a in minutes.actions),
        follow_up_on=minutes.follow_up_on,
        unread=seen.unread and sight is None,
        written_by=decision.changed_by,
        signed_by=decision.signed_by,
        signed=decision.signed,
        present=None if sight is None or sight.present is None else _present(sight.present),
    )


def _present(attendees: Iterable[Attendee]) -> tuple[Present, ...]:
    people: dict[str, list[str]] = {}
    for each in sorted(attendees, key=lambda one: (one.specialty, one.person)):
        people.setdefault(each.specialty, []).append(each.person)
    return tuple(Present(specialty=name, people=tuple(found)) for name, found in people.items())


def who_line(case: Case, day: dt.date) -> str:
    """Sex and age; "not known" where it is not."""
    sex = case.sex or "sex not known"
    age = "age not known" if case.birth_year is None else f"about {day.year - case.birth_year} years"
    return f"{sex}, {age}"


def choice_of(options: OptionsReport, choice: str) -> Choice:
    """The choice with its verdict: a drug or technique has that of the option it belongs to."""
    found = verdict_of(options, choice)
    return _choice(choice, None, "") if found is None else _choice(choice, found.verdict, _why(found))


def sight_of(options: OptionsReport, minutes: Minutes) -> Sight:
    """What is kept with a signature: the verdicts of all that was named."""
    named = dict.fromkeys(each for each in (*minutes.considered, minutes.chosen) if each is not None)
    choices = [choice_of(options, each) for each in named]
    return Sight(options.knowledge_version or "", {each.choice: (each.verdict, each.why) for each in choices})


def _as_signed(sight: Sight, choice: str) -> Choice:
    verdict, why = sight.verdicts[choice]
    return _choice(choice, next((each for each in VERDICT_WORDS if each == verdict), None), why)


def _choice(choice: str, verdict: Verdict | None, why: str) -> Choice:
    name = OPTION_WORDS.get(choice, choice.replace("_", " "))
    if verdict is None:
        return Choice(choice=choice, name=name)
    return Choice(choice=choice, name=name, verdict=verdict, sign=SIGNS[verdict], word=VERDICT_WORDS[verdict], why=why)


def _why(option: OptionVerdict) -> str:
    if option.verdict != "cannot_tell":
        return next((reason.says for reason in option.reasons if reason.decides), "")
    labels = [all_definitions()[name].label for name in option.missing]
    if not labels:
        return ""
    more = f" and {len(labels) - _FIRST} more" if len(labels) > _FIRST else ""
    return f"needs: {', '.join(labels[:_FIRST])}{more}"


def verdict_of(options: OptionsReport, choice: str) -> OptionVerdict | None:
    option = OPTION_OF.get(choice, choice)
    return next((each for each in options.options if each.option == option), None)
