"""What the trail answers for beside rows that never change: accounts, cases, centres, decisions, meetings and studies, each as its last write left it.

The entry of a write carries a seal of everything that it wrote: HMAC-SHA256 under the audit key, so that nobody who reads the trail can guess at words behind it. What is no
one's deed stays out: wrong tries at a password, running sessions, and how far the measurement of a study is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import Connection, Select, Table, select

from liverboard.registry.audit import canonical
from liverboard.registry.schema import (
    accounts,
    actions,
    attendance,
    audit,
    cases,
    centres,
    decisions,
    links,
    meeting_cases,
    meetings,
    studies,
)

Kind = Literal["account", "case", "centre", "decision", "meeting", "study"]
Thing = tuple[Kind, int]

WROTE: Final = "wrote"  # the word of an entry's detail under which its seals stand
_AT_ONCE: Final = 500

# In the order in which a row states them. What hangs on a row is listed with it.
_STATED: Final[dict[Kind, tuple[Table, str]]] = {
    "account": (accounts, "name role centre_id password oidc_subject active must_change created"),
    "case": (cases, "centre_id pseudonym state review_on synthetic"),
    "centre": (centres, "name"),
    "decision": (decisions, "meeting_case_id version considered chosen reason deviation dissent follow_up_on changed_by changed signed_by signed"),
    "meeting": (meetings, "centre_id date title state"),
    "study": (studies, "case_id path kind link uploaded_by uploaded files words"),
}  # fmt: skip
_HANGING: Final[dict[Kind, tuple[tuple[Table, str, str], ...]]] = {
    "account": ((links, "account_id", "token_hash"),),
    "decision": ((actions, "decision_id", "id what owner due done done_by"),),
    "meeting": ((meeting_cases, "meeting_id", "id case_id position"), (attendance, "meeting_id", "specialty person")),
}


def seals(connection: Connection, key: bytes, things: Iterable[Thing]) -> dict[str, str]:
    """The seal of each thing as it stands in the store now, by name such as `case 17`."""
    wanted: dict[Kind, list[int]] = {}
    for kind, number in sorted(set(things)):
        wanted.setdefault(kind, []).append(number)
    found: dict[str, str] = {}
    for kind, numbers in wanted.items():
        for start in range(0, len(numbers), _AT_ONCE):
            found |= dict(_sealed(connection, key, kind, numbers[start : start + _AT_ONCE]))
    return found


def all_seals(connection: Connection, key: bytes) -> Iterator[tuple[str, str]]:
    """The name and seal of everything that is in the store now."""
    for kind in _STATED:
        yield from _sealed(connection, key, kind, None)


def seals_in(detail: str) -> Mapping[str, str]:
    """The seals that an entry carries; none where its detail was changed beyond reading, which its MAC tells."""
    if f'"{WROTE}":{{' not in detail:
        return {}
    try:
        return json.loads(detail)[WROTE]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def covers(connection: Connection) -> bool:
    """Whether the trail says what its writes wrote. One that an older release began says so from the day on which the registry was brought up to date."""
    says = audit.c.detail.contains(f'"{WROTE}":{{', autoescape=True)
    return connection.execute(select(audit.c.seq).where(says).order_by(audit.c.seq).limit(1)).first() is not None


def _sealed(connection: Connection, key: bytes, kind: Kind, numbers: Sequence[int] | None) -> Iterator[tuple[str, str]]:
    table, stated = _STATED[kind]
    hanging = [_grouped(connection, *each, numbers) for each in _HANGING.get(kind, ())]
    query = _chosen(select(table), table.c.id, numbers).order_by(table.c.id)
    for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)).mappings():
        name = f"{kind} {row['id']}"
        said = [row[column] for column in stated.split()]
        yield name, _seal(key, name, said, [rows.get(row["id"], []) for rows in hanging])


def _seal(key: bytes, *parts: object) -> str:
    return hmac.new(key, canonical(["wrote", *parts]).encode(), hashlib.sha256).hexdigest()


def _grouped(
    connection: Connection, table: Table, owner: str, columns: str, numbers: Sequence[int] | None
) -> dict[int, list[list[Any]]]:
    """What hangs on each row, in one order on every database."""
    names = columns.split()
    found: dict[int, list[list[Any]]] = {}
    for row in connection.execute(_chosen(select(table), table.c[owner], numbers)).mappings():
        found.setdefault(row[owner], []).append([row[name] for name in names])
    by_spelling: Callable[[list[Any]], str] = canonical
    return {number: sorted(rows, key=by_spelling) for number, rows in found.items()}


def _chosen(query: Select[Any], column: Any, numbers: Sequence[int] | None) -> Select[Any]:
    return query if numbers is None else query.where(column.in_(numbers))
