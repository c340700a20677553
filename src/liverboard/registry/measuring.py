"""The line of studies that wait to be measured: taken one after the other, cancelled, taken up again after a stop. A worker never brings a cancelled study back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from liverboard.errors import BadInput, MissingData
from liverboard.registry.cases import CaseKey
from liverboard.registry.schema import StudyState, cases, centres, studies
from liverboard.registry.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Waiting:
    """A study that a worker has taken. `folder`: where its files lie."""

    id: int
    key: CaseKey
    folder: Path
    kind: str


class NoSuchStudy(MissingData):
    http_status = 404


def any_waits(store: Store) -> bool:
    """Whether a study waits: a look that holds up no writer."""
    with store.read() as connection:
        return connection.execute(select(studies.c.id).where(studies.c.state == "waiting").limit(1)).first() is not None


def take_next(store: Store, tx: Transaction) -> Waiting | None:
    """The study that waits longest, now `measuring`; None when none waits."""
    row = tx.connection.execute(_all().where(studies.c.state == "waiting").order_by(studies.c.id).limit(1)).first()
    if row is None:
        return None
    _set(tx.connection, row.id, state="measuring", progress_percent=0, message=None)
    return Waiting(row.id, CaseKey(row.centre, row.pseudonym), store.folder.studies / row.path, row.kind)


def take_up_again(tx: Transaction) -> int:
    """What was being measured when the program stopped waits again; gives how many. Called once at its start."""
    stopped = studies.update().where(studies.c.state == "measuring").values(state="waiting", progress_percent=0)
    return tx.connection.execute(stopped).rowcount


def report_progress(tx: Transaction, study_id: int, percent: int) -> bool:
    """How far the measurement is; False when someone cancelled it, and the worker stops. Not in the trail: it says nothing of a patient."""
    mine = studies.update().where(studies.c.id == study_id, studies.c.state == "measuring")
    return tx.connection.execute(mine.values(progress_percent=max(0, min(percent, 100)))).rowcount == 1


def finish(tx: Transaction, study_id: int, message: str | None = None, *, failed: bool = False) -> bool:
    """The measurement came to its end; False when someone cancelled it before. `message`: what came of it, without an identifier."""
    row = _find(tx.connection, study_id)
    if row.state != "measuring":
        return False
    state: StudyState = "failed" if failed else "measured"
    _set(
        tx.connection, study_id, state=state, progress_percent=row.progress_percent if failed else 100, message=message
    )
    tx.note("study.measured", centre=row.centre, case=row.pseudonym, detail={"study": study_id, "state": state})
    return True


def cancel(tx: Transaction, study_id: int) -> None:
    """Stop a study that waits or is being measured. Raises NoSuchStudy, BadInput when it is over, NotPermitted."""
    row = _of_theirs(tx, study_id)
    if row.state not in {"waiting", "measuring"}:
        raise BadInput(f"the study is {row.state}: there is nothing to cancel")
    _set(tx.connection, study_id, state="cancelled")
    tx.note("study.cancel", centre=row.centre, case=row.pseudonym, detail={"study": study_id})


def measure_again(tx: Transaction, study_id: int) -> None:
    """Let a study that failed, was cancelled or is measured wait again. Raises NoSuchStudy, BadInput, NotPermitted."""
    row = _of_theirs(tx, study_id)
    if row.state in {"waiting", "measuring"}:
        raise BadInput(f"the study is {row.state} already")
    _set(tx.connection, study_id, state="waiting", progress_percent=0, message=None)
    tx.note("study.again", centre=row.centre, case=row.pseudonym, detail={"study": study_id})


def _of_theirs(tx: Transaction, study_id: int) -> Row[Any]:
    row = _find(tx.connection, study_id)
    tx.by.require("edit_cases", row.centre)
    return row


def _find(connection: Connection, study_id: int) -> Row[Any]:
    row = connection.execute(_all().where(studies.c.id == study_id)).first()
    if row is None:
        raise NoSuchStudy("there is no such study", hint="Look at the studies of the case.")
    return row


def _all() -> Any:
    return (
        select(studies, cases.c.pseudonym, centres.c.name.label("centre"))
        .join(cases, cases.c.id == studies.c.case_id)
        .join(centres, centres.c.id == cases.c.centre_id)
    )


def _set(connection: Connection, study_id: int, **values: Any) -> None:
    connection.execute(studies.update().where(studies.c.id == study_id).values(**values))
