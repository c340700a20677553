"""Meetings of the board: agenda, minutes, the decision of each case and its signature."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Case
from liverboard.errors import BadInput, MissingData
from liverboard.registry.audit import canonical, decision_digest
from liverboard.registry.cases import (
    CaseKey,
    CaseLine,
    Conflict,
    EventTree,
    find_case,
    refuse_words_of_patient,
    write_events,
)
from liverboard.registry.covered import Thing
from liverboard.registry.identity import identifiers_in, refuse_identifiers
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import (
    MeetingState,
    actions,
    attendance,
    audit,
    cases,
    centres,
    decisions,
    meeting_cases,
    meetings,
)
from liverboard.registry.store import Store, Transaction, centre_id, insert_row

_SIGHT: Final = "decision.sight"


@dataclass(frozen=True, slots=True)
class Meeting:
    id: int
    centre: str
    date: dt.date
    title: str
    state: MeetingState


@dataclass(frozen=True, slots=True)
class Action:
    """`id` is None until it is kept."""

    what: str
    owner: str | None = None
    due: dt.date | None = None
    id: int | None = None
    done: dt.datetime | None = None
    done_by: str | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """What the board decided on a case. `deviation`: why against the rules; `follow_up_on`: when to see the case again."""

    considered: tuple[str, ...] = ()
    chosen: str | None = None
    reason: str | None = None
    deviation: str | None = None
    dissent: str | None = None
    follow_up_on: dt.date | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Attendee:
    specialty: str
    person: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What the rules said when a decision was signed, kept in the audit trail: by choice, its verdict (None: no rules) and why. `rules`: their version.

    `present`: who was there by then; the registry writes it, since the list of the meeting may still grow. None: of a signature before that was kept.
    """

    rules: str
    verdicts: Mapping[str, tuple[str | None, str]]
    present: tuple[Attendee, ...] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The minutes of a case with who wrote them; once signed they never change. `version` 0: nothing is written yet."""

    minutes: Minutes
    version: int
    changed_by: str | None = None
    changed: dt.datetime | None = None
    signed_by: str | None = None
    signed: dt.datetime | None = None
    sight: Sight | None = None


@dataclass(frozen=True, slots=True)
class AgendaItem:
    case: CaseLine
    position: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Agenda:
    meeting: Meeting
    items: tuple[AgendaItem, ...]
    attendance: tuple[Attendee, ...]


class NoSuchMeeting(MissingData):
    http_status = 404


# --- the agenda ----------------------------------------------------------------------------------------------------------------------------------------


def plan_meeting(tx: Transaction, centre: str, date: dt.date, title: str) -> int:
    """A new meeting; gives its number, or that of the one that is planned under this title on this day (a form sent twice). Raises BadInput, NotPermitted."""
    tx.by.require("prepare_meetings", centre)
    owner = centre_id(tx.connection, centre)
    if owner is None or not 1 <= len(title.strip()) <= 200 or not title.isprintable():
        raise BadInput("a meeting needs a centre of this store and a title of at most 200 characters")
    _no_patient("the title of the meeting", identifiers_in(title))
    values = {"centre_id": owner, "date": date, "title": title.strip(), "state": "planned"}
    there = tx.connection.scalar(select(meetings.c.id).filter_by(**values))
    if there is not None:
        return there
    meeting_id = insert_row(tx.connection, meetings, **values)
    tx.note("meeting.plan", centre=centre, detail={"meeting": meeting_id, "date": date}, wrote=[("meeting", meeting_id)])  # fmt: skip
    return meeting_id


def schedule(tx: Transaction, meeting_id: int, key: CaseKey) -> None:
    """Put a case at the end of the agenda; it is `scheduled` then. A case that stands there already stays where it is."""
    meeting = _planned(tx, meeting_id, "prepare_meetings")
    case = _of_centre(tx, meeting, key)
    on_it = tx.connection.execute(
        select(meeting_cases.c.case_id, meeting_cases.c.position)
        .where(meeting_cases.c.meeting_id == meeting_id)
        .order_by(meeting_cases.c.position)
    ).all()
    if case.id in {row.case_id for row in on_it}:
        return
    position = on_it[-1].position + 1 if on_it else 1
    tx.connection.execute(meeting_cases.insert().values(meeting_id=meeting_id, case_id=case.id, position=position))
    tx.connection.execute(cases.update().where(cases.c.id == case.id).values(state="scheduled", review_on=None))
    wrote: list[Thing] = [("meeting", meeting_id), ("case", case.id)]
    tx.note("meeting.schedule", centre=key.centre, case=key.case, detail={"meeting": meeting_id}, wrote=wrote)


def unschedule(tx: Transaction, meeting_id: int, key: CaseKey) -> None:
    """Take a case without minutes off the agenda; it is `prepared` again. Raises BadInput when minutes were taken."""
    meeting = _planned(tx, meeting_id, "prepare_meetings")
    case = _of_centre(tx, meeting, key)
    item = _item(tx.connection, meeting_id, case.id)
    if tx.connection.execute(select(decisions.c.id).where(decisions.c.meeting_case_id == item.id)).first() is not None:
        raise BadInput("minutes were taken on this case", hint="It stays on the agenda of this meeting.")
    tx.connection.execute(meeting_cases.delete().where(meeting_cases.c.id == item.id))
    tx.connection.execute(cases.update().where(cases.c.id == case.id).values(state="prepared"))
    wrote: list[Thing] = [("meeting", meeting_id), ("case", case.id)]
    tx.note("meeting.unschedule", centre=key.centre, case=key.case, detail={"meeting": meeting_id}, wrote=wrote)


def order_agenda(tx: Transaction, meeting_id: int, keys: Sequence[CaseKey]) -> None:
    """Put the cases in this order. Raises Conflict when they are not those of the agenda as it is now."""
    meeting = _planned(tx, meeting_id, "prepare_meetings")
    query = select(meeting_cases.c.id, cases.c.pseudonym).join(cases).where(meeting_cases.c.meeting_id == meeting_id)
    item_of = {row.pseudonym: row.id for row in tx.connection.execute(query)}
    if sorted(item_of) != sorted(key.case for key in keys):
        raise Conflict("the agenda was changed since you opened it", hint="Look at it as it is now.")
    for position, key in enumerate(keys, 1):
        tx.connection.execute(meeting_cases.update().where(meeting_cases.c.id == item_of[key.case]).values(position=position))  # fmt: skip
    tx.note("meeting.order", centre=meeting.centre, detail={"meeting": meeting_id}, wrote=[("meeting", meeting_id)])


def close_meeting(tx: Transaction, meeting_id: int) -> None:
    """The meeting was held: agenda and attendance stay as they are. Cases without a signed decision go back to `prepared`."""
    meeting = _planned(tx, meeting_id, "sign_off")
    undecided = tx.connection.scalars(
        select(cases.c.id)
        .join(meeting_cases, meeting_cases.c.case_id == cases.c.id)
        .outerjoin(decisions, decisions.c.meeting_case_id == meeting_cases.c.id)
        .where(meeting_cases.c.meeting_id == meeting_id, decisions.c.signed.is_(None), cases.c.state == "scheduled")
    ).all()
    tx.connection.execute(cases.update().where(cases.c.id.in_(undecided)).values(state="prepared"))
    tx.connection.execute(meetings.update().where(meetings.c.id == meeting_id).values(state="held"))
    wrote: list[Thing] = [("meeting", meeting_id), *(("case", number) for number in undecided)]
    tx.note("meeting.close", centre=meeting.centre, detail={"meeting": meeting_id}, wrote=wrote)


# --- the minutes ---------------------------------------------------------------------------------------------------------------------------------------


def attend(tx: Transaction, meeting_id: int, attendees: Sequence[Attendee], seen: Sequence[Attendee] | None = None) -> None:  # fmt: skip
    """Who is there, by specialty. `seen`: the list that `attendees` was made of (None: as it is now); what others changed of it meanwhile stays.

    Raises BadInput, NotPermitted.
    """
    meeting = _planned(tx, meeting_id, "take_minutes")
    for one in attendees:
        if not all(1 <= len(word) <= 64 and word.isprintable() for word in (one.specialty, one.person)):
            raise BadInput("specialty and person of who attends are 1 to 64 characters")
        found = identifiers_in(one.specialty) + identifiers_in(one.person)
        _no_patient("the list of who attends", [kind for kind in found if not kind.startswith("name")])
    now, typed = set(_present(tx.connection, meeting_id)), set(attendees)
    before = now if seen is None else set(seen)
    present = (now - (before - typed)) | (typed - before)
    tx.connection.execute(attendance.delete().where(attendance.c.meeting_id == meeting_id))
    rows = [{"meeting_id": meeting_id, "specialty": s, "person": p} for s, p in sorted((a.specialty, a.person) for a in present)]  # fmt: skip
    if rows:
        tx.connection.execute(attendance.insert(), rows)
    detail = {"meeting": meeting_id, "present": len(rows)}
    tx.note("meeting.attend", centre=meeting.centre, detail=detail, wrote=[("meeting", meeting_id)])


def write_minutes(tx: Transaction, meeting_id: int, key: CaseKey, minutes: Minutes, expected_version: int) -> int:
    """Keep the minutes of a case as a draft; gives the new version (`expected_version` 0: nothing was written yet).

    Raises Conflict when someone else wrote or signed since, BadInput, NotPermitted.
    """
    meeting = _planned(tx, meeting_id, "take_minutes")
    case_id = _of_centre(tx, meeting, key).id
    item = _item(tx.connection, meeting_id, case_id)
    row = _decision_row(tx.connection, item.id)
    _may_write(row, expected_version)
    refuse_words_of_patient(tx, case_id, _check(minutes, meeting.date, key.case), "the minutes")
    values = {
        "version": expected_version + 1,
        "considered": canonical(list(minutes.considered)),
        "chosen": minutes.chosen,
        "reason": minutes.reason,
        "deviation": minutes.deviation,
        "dissent": minutes.dissent,
        "follow_up_on": minutes.follow_up_on,
        "changed_by": tx.by.name,
        "changed": tx.at,
    }
    if row is None:
        decision_id = insert_row(tx.connection, decisions, meeting_case_id=item.id, **values)
    else:
        decision_id = row.id
        tx.connection.execute(decisions.update().where(decisions.c.id == decision_id).values(**values))
        tx.connection.execute(actions.delete().where(actions.c.decision_id == decision_id))
    if minutes.actions:
        rows = [{"decision_id": decision_id, "what": a.what, "owner": a.owner, "due": a.due} for a in minutes.actions]
        tx.connection.execute(actions.insert(), rows)
    detail = {"meeting": meeting_id, "version": expected_version + 1}
    tx.note("minutes.write", centre=key.centre, case=key.case, detail=detail, wrote=[("decision", decision_id)])
    return expected_version + 1


def sign_off(tx: Transaction, meeting_id: int, key: CaseKey, expected_version: int, sight: Sight | None = None) -> None:
    """The chair signs the minutes of a case as they are at this version: they freeze, and the case gets its `board` event. `sight` is kept with them.

    Raises Conflict, BadInput when no reason or choice is written, NotPermitted.
    """
    meeting = _planned(tx, meeting_id, "sign_off")
    case = _of_centre(tx, meeting, key)
    row = _decision_row(tx.connection, _item(tx.connection, meeting_id, case.id).id)
    _may_write(row, expected_version)
    if row is None or row.chosen is None or not row.reason:
        raise BadInput("a decision is signed with a choice and its reason", hint="Write both, then sign.")
    signature = {"signed_by": tx.by.name, "signed": tx.at}
    stored = tx.connection.execute(select(decisions).where(decisions.c.id == row.id)).mappings().one()
    signed_digest = decision_digest({**stored, **signature})
    event = _board_event(meeting, _minutes(tx.connection, row))
    written_by = write_events(tx, "decision.sign", key, [event], case.version, also_written=[signed_digest])
    signed = {**signature, "digest": signed_digest, "audit_seq": written_by}
    tx.connection.execute(decisions.update().where(decisions.c.id == row.id).values(**signed))
    state = "discussed" if row.follow_up_on is None else "follow_up"
    tx.connection.execute(cases.update().where(cases.c.id == case.id).values(state=state, review_on=row.follow_up_on))
    verdicts = {} if sight is None else {"rules": sight.rules, "verdicts": {k: list(v) for k, v in sight.verdicts.items()}}  # fmt: skip
    wrote: list[Thing] = [("decision", row.id), ("case", case.id)]
    present = [[a.specialty, a.person] for a in _present(tx.connection, meeting_id)]
    detail = {"meeting": meeting_id, "present": present, **verdicts}
    tx.note(_SIGHT, centre=key.centre, case=key.case, detail=detail, wrote=wrote)


# --- reading -------------------------------------------------------------------------------------------------------------------------------------------


def list_meetings(store: Store, by: Actor, centre: str | None = None) -> tuple[Meeting, ...]:
    """The meetings that `by` may see, newest first."""
    by.require("see_cases", centre)
    query = _meetings().order_by(meetings.c.date.desc(), meetings.c.id.desc())
    for name in (by.centre, centre):
        if name is not None:
            query = query.where(centres.c.name == name)
    with store.read() as connection:
        return tuple(_meeting(row) for row in connection.execute(query))


def read_agenda(store: Store, by: Actor, meeting_id: int) -> Agenda:
    """A meeting with its cases in order, their minutes so far and who attends. Raises NoSuchMeeting, NotPermitted."""
    by.require("see_cases")
    with store.read() as connection:
        meeting = _find(connection, meeting_id)
        by.require("see_cases", meeting.centre)
        query = (
            select(meeting_cases.c.id.label("item"), meeting_cases.c.position, cases)
            .join(cases)
            .where(meeting_cases.c.meeting_id == meeting_id)
            .order_by(meeting_cases.c.position)
        )
        items = tuple(
            AgendaItem(
                CaseLine(
                    row.id, CaseKey(meeting.centre, row.pseudonym), row.version, row.state, row.review_on, row.synthetic
                ),
                row.position,
                _decision(connection, row.item),
            )
            for row in connection.execute(query).all()
        )
        attendees = _present(connection, meeting_id)
    names = [item.case.key.case for item in items]
    store.note(by, "meeting.read", centre=meeting.centre, detail={"meeting": meeting_id, "cases": len(items), "which": names})  # fmt: skip
    return Agenda(meeting, items, attendees)


def signed_at(store: Store, by: Actor, key: CaseKey) -> frozenset[dt.datetime]:
    """The moments at which decisions of a case were signed: what was entered then is what was signed. Raises NoSuchCase, NotPermitted."""
    by.require("see_cases", key.centre)
    with store.read() as connection:
        case = find_case(connection, key)
        query = select(decisions.c.signed).join(meeting_cases).where(meeting_cases.c.case_id == case.id)
        return frozenset(connection.scalars(query.where(decisions.c.signed.is_not(None))))


# --- parts ---------------------------------------------------------------------------------------------------------------------------------------------


def _meetings() -> Any:
    return select(meetings, centres.c.name.label("centre")).join(centres, centres.c.id == meetings.c.centre_id)


def _meeting(row: Row[Any]) -> Meeting:
    return Meeting(row.id, row.centre, row.date, row.title, row.state)


def _find(connection: Connection, meeting_id: int) -> Meeting:
    row = connection.execute(_meetings().where(meetings.c.id == meeting_id)).first()
    if row is None:
        raise NoSuchMeeting("there is no such meeting", hint="Look for it in the list of meetings.")
    return _meeting(row)


def _planned(tx: Transaction, meeting_id: int, right: Any) -> Meeting:
    meeting = _find(tx.connection, meeting_id)
    tx.by.require(right, meeting.centre)
    if meeting.state != "planned":
        raise BadInput("the meeting was held and is closed", hint="Plan another meeting for what is still open.")
    return meeting


def _present(connection: Connection, meeting_id: int) -> tuple[Attendee, ...]:
    rows = connection.execute(select(attendance).where(attendance.c.meeting_id == meeting_id).order_by(attendance.c.id))
    return tuple(Attendee(row.specialty, row.person) for row in rows)


def _of_centre(tx: Transaction, meeting: Meeting, key: CaseKey) -> Row[Any]:
    if key.centre != meeting.centre:
        raise BadInput("the case and the meeting belong to two centres")
    return find_case(tx.connection, key)


def _item(connection: Connection, meeting_id: int, case_id: int) -> Row[Any]:
    query = select(meeting_cases).where(meeting_cases.c.meeting_id == meeting_id, meeting_cases.c.case_id == case_id)
    row = connection.execute(query).first()
    if row is None:
        raise MissingData("the case is not on the agenda of this meeting", hint="Put it there first.")
    return row


def _decision_row(connection: Connection, item_id: int) -> Row[Any] | None:
    return connection.execute(select(decisions).where(decisions.c.meeting_case_id == item_id)).first()


def _may_write(row: Row[Any] | None, expected_version: int) -> None:
    if row is not None and row.signed is not None:
        raise Conflict(
            f"the decision was signed by {row.signed_by} and is frozen",
            hint="Bring the case to another meeting to decide anew.",
        )
    if (0 if row is None else row.version) != expected_version:
        who = "" if row is None else f" by {row.changed_by} at {row.changed:%Y-%m-%d %H:%M} UTC"
        raise Conflict(f"the minutes were changed{who} since you opened them", hint="Look at them as they are now.")


def _decision(connection: Connection, item_id: int) -> Decision:
    row = _decision_row(connection, item_id)
    if row is None:
        return Decision(Minutes(), 0)
    sight = None if row.audit_seq is None else _sight(connection, row.audit_seq)
    return Decision(
        _minutes(connection, row), row.version, row.changed_by, row.changed, row.signed_by, row.signed, sight
    )


def _sight(connection: Connection, signed_in: int) -> Sight | None:
    """What was noted right after the signature, in the same transaction."""
    note = connection.execute(select(audit).where(audit.c.seq == signed_in + 1, audit.c.action == _SIGHT)).first()
    if note is None:
        return None
    told = json.loads(note.detail)
    if "rules" not in told:
        return None
    present = tuple(Attendee(*each) for each in told["present"]) if "present" in told else None
    return Sight(
        told["rules"], {choice: (verdict, why) for choice, (verdict, why) in told["verdicts"].items()}, present
    )


def _minutes(connection: Connection, row: Row[Any]) -> Minutes:
    listed = connection.execute(select(actions).where(actions.c.decision_id == row.id).order_by(actions.c.id))
    kept = tuple(Action(a.what, a.owner, a.due, a.id, a.done, a.done_by) for a in listed)
    considered = tuple(json.loads(row.considered))
    return Minutes(considered, row.chosen, row.reason, row.deviation, row.dissent, row.follow_up_on, kept)


def _no_patient(where: str, found: Sequence[str]) -> None:
    if found:
        raise BadInput(f"a {found[0]} seems to stand in {where}", hint="Take it out; cases are named by pseudonym only.")  # fmt: skip


def _check(minutes: Minutes, date: dt.date, case: str) -> Case:
    """Minutes that could not become a `board` event are refused when they are written, not when they are signed."""
    event = _board_event(Meeting(0, "", date, "", "planned"), minutes)
    said = read_case(json.dumps({"case": case, "events": [event]}), where="the minutes", is_json=True)
    refuse_identifiers(said, "the minutes")
    if minutes.follow_up_on is not None and minutes.follow_up_on < date:
        raise BadInput("the follow-up lies before the meeting", hint="Give a later day.")
    return said


def _board_event(meeting: Meeting, minutes: Minutes) -> EventTree:
    reason = minutes.reason if minutes.deviation is None else f"{minutes.reason or ''} Deviation from the rules: {minutes.deviation}".strip()  # fmt: skip
    planned = [
        {name: value for name, value in (("what", a.what), ("owner", a.owner), ("due", None if a.due is None else a.due.isoformat())) if value is not None}
        for a in minutes.actions
    ]  # fmt: skip
    stated: dict[str, Any] = {
        "considered": list(minutes.considered),
        "chosen": minutes.chosen,
        "reason": reason,
        "dissent": minutes.dissent,
        "actions": planned,
    }
    return {"kind": "board", "date": meeting.date.isoformat(), **{k: v for k, v in stated.items() if v not in (None, [])}}  # fmt: skip
