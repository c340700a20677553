"""Where a case says what the headers of its own studies call the patient, in text that was typed before the study came.

What is new is refused at the door (`known_words`); what stands already cannot be, and events are never erased. So the places are told, never the word, until each is corrected. They are looked for
anew each time and kept nowhere: what was put right is told no more.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from sqlalchemy import Connection, select

from liverboard.clinical.derive_timeline import replaced_by
from liverboard.registry.cases import StoredCase, find_case, words_of_patient
from liverboard.registry.identity import texts_of
from liverboard.registry.known_words import Text, places_known
from liverboard.registry.schema import actions, decisions, meeting_cases, meetings
from liverboard.registry.store import Store


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A field that names the patient: of an event (`replaced`: it no longer counts), of the draft of minutes (`meeting`, of a day), or of the case itself."""

    field: str
    event: str | None = None
    replaced: bool = False
    meeting: int | None = None
    date: dt.date | None = None

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The names on the way to the field, each with its row in a list, or none."""
        return re.findall(r"([^.\[]+)(?:\[(\d+)\])?", self.field)

    def __str__(self) -> str:
        where = f"event {self.event}, " if self.event else f"the draft of {self.date}, " if self.meeting else ""
        return f"{where}field {self.field}"


def places_that_name(store: Store, stored: StoredCase) -> tuple[NamedPlace, ...]:
    """Every such place of a case as it is now, for who opened it. A signed decision is told by the event that its signature wrote."""
    with store.read() as connection:
        row = find_case(connection, stored.key)
        known = words_of_patient(connection, row.id)
        if not known:
            return ()
        drafts = _drafts(connection, row.id)
    gone = replaced_by(stored.case.events)
    key, case = store.audit_key, stored.key.case
    found = [
        NamedPlace(field, event, event in gone)
        for event, field in places_known(key, known, case, texts_of(stored.case))
    ]
    for meeting, day, texts in drafts:
        found += [NamedPlace(path, meeting=meeting, date=day) for _, path in places_known(key, known, case, texts)]
    return tuple(found)


def _drafts(connection: Connection, case_id: int) -> list[tuple[int, dt.date, list[Text]]]:
    """The texts of the minutes that are not signed yet, by meeting and its day; without the owners of actions."""
    query = (
        select(decisions, meetings.c.id.label("meeting"), meetings.c.date)
        .join(meeting_cases, meeting_cases.c.id == decisions.c.meeting_case_id)
        .join(meetings, meetings.c.id == meeting_cases.c.meeting_id)
        .where(meeting_cases.c.case_id == case_id, decisions.c.signed.is_(None))
        .order_by(meetings.c.date, meetings.c.id)
    )
    found: list[tuple[int, dt.date, list[Text]]] = []
    for row in connection.execute(query).all():
        asked = connection.scalars(select(actions.c.what).where(actions.c.decision_id == row.id).order_by(actions.c.id))
        texts = {"reason": row.reason, "deviation": row.deviation, "dissent": row.dissent}
        texts |= {f"actions[{number}].what": what for number, what in enumerate(asked, 1)}
        found.append((row.meeting, row.date, [(None, path, text) for path, text in texts.items() if text]))
    return found
