"""The line of studies that wait to be measured: taken one after the other, cancelled, taken up again after a stop. A worker never brings a cancelled study back.

A worker claims a study for a while and says so anew with each report. Several servers may work on one registry: none measures what another has claimed, and what a
worker that died had claimed is taken up by the next when the claim has run out.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, or_, select

from liverboard.errors import BadInput, MissingData
from liverboard.registry.audit import canonical
from liverboard.registry.cases import CaseKey
from liverboard.registry.schema import StudyState, cases, centres, studies
from liverboard.registry.store import Store, Transaction
from liverboard.registry.study_files import is_derived

CLAIM: Final = dt.timedelta(minutes=2)  # this project's design: a worker reports every second

_UNCLAIMED: Final[dict[str, None]] = {"claimed_by": None, "claimed_until": None}


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
    """Whether a study is to be measured: a look that holds up no writer."""
    with store.read() as connection:
        return connection.execute(select(studies.c.id).where(_free(store.now())).limit(1)).first() is not None


def take_next(store: Store, tx: Transaction, worker: str) -> Waiting | None:
    """The study that waits longest, now `measuring` and claimed by `worker`; None when none waits."""
    row = tx.connection.execute(_all().where(_free(tx.at)).order_by(studies.c.id).limit(1)).first()
    if row is None:
        return None
    claim = {"claimed_by": worker, "claimed_until": tx.at + CLAIM}
    _set(tx.connection, row.id, state="measuring", progress_percent=0, message=None, **claim)
    return Waiting(row.id, CaseKey(row.centre, row.pseudonym), store.folder.studies / row.path, row.kind)


def give_back(tx: Transaction, worker: str) -> int:
    """What `worker` had claimed waits again, since it stops; gives how many."""
    mine = studies.update().where(studies.c.state == "measuring", studies.c.claimed_by == worker)
    return tx.connection.execute(mine.values(state="waiting", progress_percent=0, **_UNCLAIMED)).rowcount


def report_progress(tx: Transaction, study_id: int, worker: str, percent: int) -> bool:
    """How far the measurement is, which claims the study anew; False when someone cancelled it or another worker has it, and this one stops.

    Not in the trail: it says nothing of a patient.
    """
    mine = studies.update().where(
        studies.c.id == study_id, studies.c.state == "measuring", studies.c.claimed_by == worker
    )
    return (
        tx.connection.execute(
            mine.values(progress_percent=max(0, min(percent, 100)), claimed_until=tx.at + CLAIM)
        ).rowcount
        == 1
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a measurement. `message`: without an identifier. `files`: the digests of what it left, by path."""

    message: str | None = None
    failed: bool = False
    files: Mapping[str, str] | None = None


def finish(tx: Transaction, study_id: int, worker: str, outcome: Outcome = Outcome()) -> bool:
    """The measurement came to its end; False when someone cancelled it before, or another worker has it."""
    row = _find(tx.connection, study_id)
    if row.state != "measuring" or row.claimed_by != worker:
        return False
    state: StudyState = "failed" if outcome.failed else "measured"
    progress = row.progress_percent if outcome.failed else 100
    kept = canonical({**_arrived(row), **(outcome.files or {})}) if outcome.files or row.files else None
    _set(tx.connection, study_id, state=state, progress_percent=progress, message=outcome.message, files=kept, **_UNCLAIMED)  # fmt: skip
    detail = {"study": study_id, "state": state}
    tx.note("study.measured", centre=row.centre, case=row.pseudonym, detail=detail, wrote=[("study", study_id)])
    return True


def cancel(tx: Transaction, study_id: int) -> None:
    """Stop a study that waits or is being measured. Raises NoSuchStudy, BadInput when it is over, NotPermitted."""
    row = _of_theirs(tx, study_id)
    if row.state not in {"waiting", "measuring"}:
        raise BadInput(f"the study is {row.state}: there is nothing to cancel")
    _set(tx.connection, study_id, state="cancelled", **_UNCLAIMED)
    tx.note("study.cancel", centre=row.centre, case=row.pseudonym, detail={"study": study_id})


def measure_again(tx: Transaction, study_id: int) -> None:
    """Let a study that failed, was cancelled or is measured wait again. Raises NoSuchStudy, BadInput, NotPermitted."""
    row = _of_theirs(tx, study_id)
    if row.state in {"waiting", "measuring"}:
        raise BadInput(f"the study is {row.state} already")
    files = canonical(_arrived(row)) if row.files else None
    _set(tx.connection, study_id, state="waiting", progress_percent=0, message=None, files=files)
    tx.note("study.again", centre=row.centre, case=row.pseudonym, detail={"study": study_id}, wrote=[("study", study_id)])  # fmt: skip


def _free(at: dt.datetime) -> Any:
    """Waits, or is claimed by a worker that did not report for so long that it must have died."""
    left = or_(studies.c.claimed_until.is_(None), studies.c.claimed_until < at)
    return or_(studies.c.state == "waiting", and_(studies.c.state == "measuring", left))


def _arrived(row: Row[Any]) -> dict[str, str]:
    """The digests of what arrived, which no measurement replaces."""
    kept: dict[str, str] = json.loads(row.files or "{}")
    return {name: digest for name, digest in kept.items() if not is_derived(name)}


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
