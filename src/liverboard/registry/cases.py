"""Cases in the store: added, continued, corrected, and shown as they were known at any moment. What was entered is never changed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.case_withdraw import undoing_of, withdrawal_of
from liverboard.clinical.events import Case
from liverboard.errors import BadInput, MissingData, UserError
from liverboard.registry.audit import canonical, digest_of_rows, event_digest, header_digest
from liverboard.registry.case_rows import CaseKey, StoredCase, stored_cases
from liverboard.registry.covered import Thing
from liverboard.registry.frozen import require_for_decisions
from liverboard.registry.identity import refuse_identifiers
from liverboard.registry.known_words import refuse_known
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import CaseState, cases, centres, events, headers, studies
from liverboard.registry.spans import spans_of
from liverboard.registry.store import ADD_CENTRE, Store, Transaction, centre_id, insert_row
from liverboard.registry.trail import NUMBERS

EventTree = Mapping[str, Any]  # an event as a case file in JSON writes it
_HEADER: Final = ("liverboard", "sex", "birth_year", "as_of", "question")
_MANY: Final = 500  # cases read at a time
_NAMED: Final = 100  # cases read together that the trail names one by one


class Conflict(UserError):  # noqa: N818
    """Someone else changed the same thing since it was read."""

    http_status = 409


class NoSuchCase(MissingData):
    http_status = 404


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in a list. `number`: of its row, by which the trail names it among many."""

    number: int
    key: CaseKey
    version: int
    state: CaseState
    review_on: dt.date | None
    synthetic: bool


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; every part that is given must hold. `pseudonym`: how it begins, in capitals or not. `cases`: these pseudonyms only."""

    centre: str | None = None
    states: tuple[CaseState, ...] = ()
    pseudonym: str = ""
    review_by: dt.date | None = None
    synthetic: bool | None = None
    cases: tuple[str, ...] | None = None


# --- writing -------------------------------------------------------------------------------------------------------------------------------------------


def add_case(tx: Transaction, centre: str, case: Case) -> int:
    """Add a case with its events, as the case file states them (`recorded` too); gives its version, 1.

    Raises BadInput when the centre has a case of this pseudonym or is none of the store, or the case identifies a person, NotPermitted.
    """
    tx.by.require("edit_cases", centre)
    key = CaseKey(centre, case.case)
    owner = centre_id(tx.connection, centre)
    if owner is None:
        raise BadInput(f"the store has no centre '{centre[:64]}'", hint=ADD_CENTRE)
    if case.centre not in {None, centre}:
        raise BadInput("the case names another centre", hint="Import it as that centre, or take `centre` out of it.")
    if _row_of(tx.connection, key) is not None:
        raise BadInput("the centre has a case of this pseudonym already", hint="Add events to it, or choose another.")
    refuse_identifiers(case)
    state: CaseState = "discussed" if any(event.kind == "board" for event in case.events) else "backlog"
    tree = _tree(case)
    case_id = insert_row(
        tx.connection,
        cases,
        centre_id=owner,
        pseudonym=case.case,
        version=1,
        state=state,
        synthetic=bool(case.synthetic),
    )
    _write(
        tx,
        "case.add",
        key,
        _Rows(
            case_id,
            1,
            _header(tree),
            tree.get("events", []),
            told={"synthetic": bool(case.synthetic)},
            wrote=[("case", case_id)],
        ),
    )
    return 1


def append_events(
    tx: Transaction, key: CaseKey, added: Sequence[EventTree], expected_version: int, *, keep_recorded: bool = False
) -> int:
    """Add events, keys and values as a case file writes them; gives the new version. `recorded` becomes now, unless `keep_recorded` (an import).

    Raises Conflict when the case is not at `expected_version`, BadInput with every problem when an event is none or contradicts the case, NoSuchCase, NotPermitted.
    """
    tx.by.require("edit_cases", key.centre)
    if not added:
        return _at_version(tx.connection, key, expected_version).version
    write_events(tx, "case.append", key, added, expected_version, keep_recorded=keep_recorded)
    return expected_version + 1


def correct(tx: Transaction, key: CaseKey, event_id: str, corrected: EventTree, expected_version: int) -> int:
    """Replace what an event says by a new event that names it; the old one stays to be seen. Raises as `append_events`."""
    event = {**corrected, "corrects": event_id}
    event.pop("id", None)
    tx.by.require("edit_cases", key.centre)
    write_events(tx, "case.correct", key, [event], expected_version)
    return expected_version + 1


def withdraw(tx: Transaction, key: CaseKey, event_id: str, reason: str, expected_version: int) -> int:
    """Take back an event that never was true of this patient; it stays to be seen. Raises as `append_events`."""
    tx.by.require("edit_cases", key.centre)
    event = withdrawal_of(_known(tx, key, expected_version), event_id, reason)
    write_events(tx, "case.withdraw", key, [event], expected_version)
    return expected_version + 1


def undo_withdrawal(tx: Transaction, key: CaseKey, withdrawal_id: str, expected_version: int) -> int:
    """Let what a withdrawal took back count again, as if it had never been withdrawn. Raises as `append_events`."""
    tx.by.require("edit_cases", key.centre)
    event = undoing_of(_known(tx, key, expected_version), withdrawal_id)
    write_events(tx, "case.undo", key, [event], expected_version)
    return expected_version + 1


def change_header(tx: Transaction, key: CaseKey, changed: Mapping[str, Any], expected_version: int) -> int:
    """Change sex, birth year or question; None takes a value away. The old header stays. Raises as `append_events`."""
    tx.by.require("edit_cases", key.centre)
    unknown = sorted(set(changed) - {"sex", "birth_year", "question"})
    if unknown:
        raise BadInput(f"'{unknown[0][:40]}' is not in the header of a case", hint="sex, birth_year, question")
    row = _at_version(tx.connection, key, expected_version)
    before = _tree_of(tx.connection, row)
    changed_tree = {name: value for name, value in {**before, **changed}.items() if value is not None}
    case = read_case(json.dumps(changed_tree, default=str), where="the header", is_json=True)
    tree = _tree(case)
    if tree == before:
        return expected_version
    _refuse(tx, row.id, case.model_copy(update={"events": ()}), "the header")
    _write(tx, "case.header", key, _Rows(row.id, expected_version + 1, _header(tree), []))
    return expected_version + 1


def set_state(tx: Transaction, key: CaseKey, state: CaseState, review_on: dt.date | None = None) -> None:
    """Where the case stands on the way through meetings, and the day to look at it again."""
    tx.by.require("prepare_meetings", key.centre)
    row = find_case(tx.connection, key)
    tx.connection.execute(cases.update().where(cases.c.id == row.id).values(state=state, review_on=review_on))
    detail = {"state": state, "review_on": review_on}
    tx.note("case.state", centre=key.centre, case=key.case, detail=detail, wrote=[("case", row.id)])


def write_events(
    tx: Transaction,
    action: str,
    key: CaseKey,
    added: Sequence[EventTree],
    expected_version: int,
    *,
    keep_recorded: bool = False,
    also_written: Sequence[str] = (),
) -> int:
    """What `append_events` does, for who looked at the rights already, but for that to change a decision; gives the number of the audit entry.

    `also_written`: digests of what is written beside the events under the same entry.
    """
    row = _at_version(tx.connection, key, expected_version)
    before = _tree_of(tx.connection, row)
    stamp = {} if keep_recorded else {"recorded": tx.at.isoformat()}
    # A write and a read make every event what the store keeps, and name all problems in the words of a case file.
    text = json.dumps({**before, "events": [*before["events"], *({**event, **stamp} for event in added)]}, default=str)
    case = read_case(text, where="the new events", is_json=True)
    count = len(before["events"])
    held = case.model_copy(update={"events": case.events[:count]})
    require_for_decisions(tx.by, key.centre, held, case.events[count:])
    _refuse(tx, row.id, case.model_copy(update={"question": None, "events": case.events[count:]}), "the new events")
    new = _tree(case)["events"][count:]
    return _write(tx, action, key, _Rows(row.id, expected_version + 1, None, new, also_written))


def refuse_words_of_patient(tx: Transaction, case_id: int, said: Case, where: str) -> None:
    """Raises BadInput where something new says what the headers of the case's own studies call the patient."""
    refuse_known(tx.key, words_of_patient(tx.connection, case_id), said, where)


def words_of_patient(connection: Connection, case_id: int) -> frozenset[str]:
    """The keyed hashes of what the headers of the case's own studies call the patient."""
    query = select(studies.c.words).where(studies.c.case_id == case_id, studies.c.words.is_not(None))
    return frozenset(word for each in connection.scalars(query) for word in json.loads(each))


def _refuse(tx: Transaction, case_id: int, said: Case, where: str) -> None:
    refuse_identifiers(said, where)
    refuse_words_of_patient(tx, case_id, said, where)


@dataclass(frozen=True, slots=True)
class _Rows:
    case_id: int
    version: int
    header: str | None
    events: Sequence[EventTree]
    also_written: Sequence[str] = ()
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])  # what else the entry says of the case
    wrote: Sequence[Thing] = ()


def _write(tx: Transaction, action: str, key: CaseKey, rows: _Rows) -> int:
    """The rows of one version with their digests, and the audit entry that answers for them; gives its number."""
    common = {"version": rows.version, "entered": tx.at, "author": tx.by.name}
    new_header = None if rows.header is None else {**common, "content": rows.header}
    new_events = [
        {
            **common,
            "event_id": event["id"],
            "kind": event["kind"],
            "date": dt.date.fromisoformat(event["date"]),
            "content": canonical(event),
        }
        for event in rows.events
    ]
    header_digests = [] if new_header is None else [header_digest(key.centre, key.case, new_header)]
    digests = [event_digest(key.centre, key.case, event) for event in new_events]
    written_by = tx.note(
        action,
        centre=key.centre,
        case=key.case,
        detail={"version": rows.version, "events": [event["event_id"] for event in new_events], **rows.told},
        digest=digest_of_rows([*header_digests, *digests, *rows.also_written]),
        wrote=rows.wrote,
    )
    link = {"case_id": rows.case_id, "audit_seq": written_by}
    if new_header is not None:
        tx.connection.execute(headers.insert().values(**new_header, **link, digest=header_digests[0]))
    if new_events:
        tx.connection.execute(
            events.insert(), [{**event, **link, "digest": d} for event, d in zip(new_events, digests, strict=True)]
        )
    tx.connection.execute(cases.update().where(cases.c.id == rows.case_id).values(version=rows.version))
    return written_by


# --- reading -------------------------------------------------------------------------------------------------------------------------------------------


def case_as_known(store: Store, by: Actor, key: CaseKey, known_at: dt.datetime | None = None) -> StoredCase:
    """The case as it stood in this store at a moment (None: now): what had been entered by then, corrections included.

    Raises NoSuchCase (also for a moment before it was added), NotPermitted.
    """
    by.require("see_cases", key.centre)
    with store.read() as connection:
        row = find_case(connection, key)
        found = next(stored_cases(connection, [row], known_at), None)
    if found is None:
        raise NoSuchCase("the case was not in the store at that moment", hint="Choose a later moment.")
    store.note(by, "case.read", centre=key.centre, case=key.case, detail={"version": found.version, "known_at": known_at})  # fmt: skip
    return found


def list_cases(store: Store, by: Actor, which: CaseFilter = CaseFilter()) -> tuple[CaseLine, ...]:
    """The cases that `by` may see, by centre and pseudonym. Nothing of their content."""
    by.require("see_cases", which.centre)
    of_a_line = (cases.c.id, centres.c.name, cases.c.pseudonym, cases.c.version, cases.c.state, cases.c.review_on, cases.c.synthetic)  # fmt: skip
    with store.read() as connection:
        rows = connection.execute(_selected(by, which).with_only_columns(*of_a_line)).all()
    return tuple(
        CaseLine(number, CaseKey(centre, pseudonym), *rest)
        for number, centre, pseudonym, *rest in sorted(rows, key=itemgetter(1, 2))
    )


def read_cases(
    store: Store,
    by: Actor,
    which: CaseFilter = CaseFilter(),
    known_at: dt.datetime | None = None,
    *,
    purpose: str = "cases.read",
) -> Iterator[StoredCase]:
    """Many cases one after the other, as one state of the store has them. One line in the trail, with how many and which: by name up to 100, else by number.

    `purpose`: the word of that line, such as `cases.export`.
    """
    by.require("see_cases", which.centre)
    with store.read() as connection:
        rows = _in_order(connection.execute(_selected(by, which)))
        named = which.centre is not None and len(rows) <= _NAMED
        told = {"which": [row.pseudonym for row in rows]} if named else numbered(row.id for row in rows)
        store.note(by, purpose, centre=which.centre, detail={"cases": len(rows), "known_at": known_at, **told})
        for start in range(0, len(rows), _MANY):
            yield from stored_cases(connection, rows[start : start + _MANY], known_at)


def numbered(numbers: Iterable[int]) -> dict[str, str]:
    """Cases by their numbers, for the detail of an entry: the trail finds each of them."""
    return {NUMBERS: spans_of(numbers)}


def find_case(connection: Connection, key: CaseKey) -> Row[Any]:
    """The row of a case, with the name of its centre. Raises NoSuchCase."""
    row = _row_of(connection, key)
    if row is None:
        raise NoSuchCase("the centre has no case of this pseudonym", hint="Look for it in the list of cases.")
    return row


def _in_order(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """By centre and pseudonym; here and not by the database, whose order depends on how it was set up."""
    return sorted(rows, key=lambda row: (row.centre, row.pseudonym))


def _row_of(connection: Connection, key: CaseKey) -> Row[Any] | None:
    return connection.execute(_all().where(centres.c.name == key.centre, cases.c.pseudonym == key.case)).first()


def _all() -> Select[Any]:
    return select(cases, centres.c.name.label("centre")).join(centres, centres.c.id == cases.c.centre_id)


def _selected(by: Actor, which: CaseFilter) -> Select[Any]:
    query = _all()
    for centre in (by.centre, which.centre):
        if centre is not None:
            query = query.where(centres.c.name == centre)
    if which.states:
        query = query.where(cases.c.state.in_(which.states))
    if which.pseudonym:
        query = query.where(cases.c.pseudonym.istartswith(which.pseudonym, autoescape=True))
    if which.review_by is not None:
        query = query.where(cases.c.review_on <= which.review_by)
    if which.synthetic is not None:
        query = query.where(cases.c.synthetic == which.synthetic)
    if which.cases is not None:
        query = query.where(cases.c.pseudonym.in_(which.cases))
    return query


def _at_version(connection: Connection, key: CaseKey, expected: int) -> Row[Any]:
    """The row of the case, when it is at the version that the writer saw. Raises Conflict that names who changed what since."""
    row = find_case(connection, key)
    if row.version == expected:
        return row
    since = [
        f"{author} at {entered:%Y-%m-%d %H:%M} UTC ({what})"
        for author, entered, what in _writes_since(connection, row.id, expected)
    ]
    raise Conflict(
        f"the case was changed since you opened it: by {'; '.join(since[:5])}"
        if since
        else f"the case is at version {row.version}, not {expected}",
        hint="Nothing of yours was kept. Look at the case as it is now, then enter what still holds.",
    )


def _writes_since(connection: Connection, case_id: int, version: int) -> list[tuple[str, dt.datetime, str]]:
    found: dict[tuple[int, str, dt.datetime], list[str]] = {}
    for row in connection.execute(select(headers).where(headers.c.case_id == case_id, headers.c.version > version)):
        found.setdefault((row.version, row.author, row.entered), []).append("header")
    query = select(events).where(events.c.case_id == case_id, events.c.version > version).order_by(events.c.seq)
    for row in connection.execute(query):
        found.setdefault((row.version, row.author, row.entered), []).append(row.event_id)
    return [(author, entered, ", ".join(what[:5])) for (_, author, entered), what in sorted(found.items())]


def count_cases(store: Store, by: Actor) -> dict[CaseState, int]:
    """How many cases of each state `by` may see."""
    by.require("see_cases")
    query = (
        select(cases.c.state, func.count().label("cases"))
        .join(centres, centres.c.id == cases.c.centre_id)
        .group_by(cases.c.state)
    )
    if by.centre is not None:
        query = query.where(centres.c.name == by.centre)
    with store.read() as connection:
        return {row.state: row.cases for row in connection.execute(query)}


# --- case and tree -------------------------------------------------------------------------------------------------------------------------------------


def _known(tx: Transaction, key: CaseKey, expected_version: int) -> Case:
    """The case that a writer saw. Raises Conflict, NoSuchCase."""
    row = _at_version(tx.connection, key, expected_version)
    return read_case(json.dumps(_tree_of(tx.connection, row)), where="the case", is_json=True)


def _tree(case: Case) -> dict[str, Any]:
    return json.loads(write_case(case, is_json=True))


def _header(tree: Mapping[str, Any]) -> str:
    return canonical({name: tree[name] for name in _HEADER if name in tree})


def _tree_of(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    """The case as a case file in JSON writes it now."""
    header = connection.scalar(
        select(headers.c.content).where(headers.c.case_id == row.id).order_by(headers.c.seq.desc()).limit(1)
    )
    contents = connection.scalars(select(events.c.content).where(events.c.case_id == row.id).order_by(events.c.seq))
    synthetic = {"synthetic": True} if row.synthetic else {}
    names = {"case": row.pseudonym, "centre": row.centre, **synthetic}
    return {**json.loads(header or "{}"), **names, "events": [json.loads(content) for content in contents]}
