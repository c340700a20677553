"""Uploaded studies of a case and how far their measurement is. The files lie in the folder `studies`; here stands what the people of the case see of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from liverboard.errors import BadInput, MissingData
from liverboard.registry.cases import CaseKey, find_case
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import StudyState, cases, centres, studies
from liverboard.registry.store import Store, Transaction, insert_row


@dataclass(frozen=True, slots=True)
class Study:
    """`path`: below the folder of studies. `link`: what leads back to the source study, sealed under the centre's key. `message`: what came of it, for people."""

    id: int
    case: CaseKey
    path: str
    kind: str
    state: StudyState
    progress_percent: int
    message: str | None
    link: str | None
    uploaded_by: str
    uploaded: dt.datetime


class NoSuchStudy(MissingData):
    http_status = 404


def add_study(tx: Transaction, key: CaseKey, path: str, kind: str, link: str | None = None) -> int:
    """A study that has arrived, de-identified, and waits to be measured; gives its number. Raises NoSuchCase, NotPermitted."""
    tx.by.require("edit_cases", key.centre)
    case = find_case(tx.connection, key)
    values = {"path": path, "kind": kind, "state": "waiting", "progress_percent": 0, "link": link}
    study_id = insert_row(tx.connection, studies, case_id=case.id, uploaded_by=tx.by.name, uploaded=tx.at, **values)
    tx.note("study.add", centre=key.centre, case=key.case, detail={"study": study_id, "kind": kind})
    return study_id


def take_next(tx: Transaction) -> Study | None:
    """The study that waits longest, now `measuring`; None when none waits. For the worker, who acts as itself."""
    query = _studies().where(studies.c.state == "waiting").order_by(studies.c.id).limit(1)
    row = tx.connection.execute(query).first()
    if row is None:
        return None
    _set(tx.connection, row.id, state="measuring", progress_percent=0, message=None)
    return _find(tx.connection, row.id)


def take_up_again(tx: Transaction) -> int:
    """What was being measured when the program stopped waits again; gives how many. Called once at its start."""
    return tx.connection.execute(studies.update().where(studies.c.state == "measuring").values(state="waiting", progress_percent=0)).rowcount  # fmt: skip


def report_progress(tx: Transaction, study_id: int, percent: int) -> bool:
    """How far the measurement is; False when someone cancelled it, and the worker stops."""
    done = tx.connection.execute(
        studies.update()
        .where(studies.c.id == study_id, studies.c.state == "measuring")
        .values(progress_percent=max(0, min(percent, 100)))
    )
    return done.rowcount == 1


def finish_study(tx: Transaction, study_id: int, message: str | None = None, *, failed: bool = False) -> bool:
    """The measurement came to its end; False when someone cancelled it before. `message` holds no identifier."""
    study = _find(tx.connection, study_id)
    if study.state != "measuring":
        return False
    state: StudyState = "failed" if failed else "measured"
    _set(tx.connection, study_id, state=state, progress_percent=study.progress_percent if failed else 100, message=message)  # fmt: skip
    tx.note("study.finish", centre=study.case.centre, case=study.case.case, detail={"study": study_id, "state": state})
    return True


def cancel_study(tx: Transaction, study_id: int) -> None:
    """Stop a study that waits or is being measured. Raises NoSuchStudy, BadInput when it is over, NotPermitted."""
    study = _of(tx, study_id)
    if study.state not in {"waiting", "measuring"}:
        raise BadInput(f"the study is {study.state}: there is nothing to cancel")
    _set(tx.connection, study_id, state="cancelled")
    tx.note("study.cancel", centre=study.case.centre, case=study.case.case, detail={"study": study_id})


def measure_again(tx: Transaction, study_id: int) -> None:
    """Let a study that failed, was cancelled or is measured wait again. Raises NoSuchStudy, BadInput, NotPermitted."""
    study = _of(tx, study_id)
    if study.state in {"waiting", "measuring"}:
        raise BadInput(f"the study is {study.state} already")
    _set(tx.connection, study_id, state="waiting", progress_percent=0, message=None)
    tx.note("study.again", centre=study.case.centre, case=study.case.case, detail={"study": study_id})


def find_study(store: Store, by: Actor, study_id: int) -> Study:
    """One study. Raises NoSuchStudy, NotPermitted."""
    with store.read() as connection:
        study = _find(connection, study_id)
    by.require("see_cases", study.case.centre)
    return study


def list_studies(store: Store, by: Actor, key: CaseKey) -> tuple[Study, ...]:
    """The studies of a case, oldest first. Raises NoSuchCase, NotPermitted."""
    by.require("see_cases", key.centre)
    with store.read() as connection:
        case = find_case(connection, key)
        rows = connection.execute(_studies().where(studies.c.case_id == case.id).order_by(studies.c.id))
        return tuple(_study(row) for row in rows)


def _of(tx: Transaction, study_id: int) -> Study:
    study = _find(tx.connection, study_id)
    tx.by.require("edit_cases", study.case.centre)
    return study


def _studies() -> Any:
    return (
        select(studies, cases.c.pseudonym, centres.c.name.label("centre"))
        .join(cases, cases.c.id == studies.c.case_id)
        .join(centres, centres.c.id == cases.c.centre_id)
    )


def _find(connection: Connection, study_id: int) -> Study:
    row = connection.execute(_studies().where(studies.c.id == study_id)).first()
    if row is None:
        raise NoSuchStudy("there is no such study", hint="Look at the studies of the case.")
    return _study(row)


def _study(row: Row[Any]) -> Study:
    key = CaseKey(row.centre, row.pseudonym)
    return Study(row.id, key, row.path, row.kind, row.state, row.progress_percent, row.message, row.link, row.uploaded_by, row.uploaded)  # fmt: skip


def _set(connection: Connection, study_id: int, **values: Any) -> None:
    connection.execute(studies.update().where(studies.c.id == study_id).values(**values))
