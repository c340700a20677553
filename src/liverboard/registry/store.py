"""The store: one database, short transactions, every write with its line in the audit trail.

Writing functions of this room take a `Transaction` (`with store.transaction(by) as tx:`), so that several writes stand or fall together. Reading functions take the store and who
reads; what a person reads of a case is in the trail before they get it.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, func, select

from liverboard.errors import BadInput, MissingData, UserError
from liverboard.registry import audit, covered
from liverboard.registry.audit import Entry
from liverboard.registry.covered import Thing
from liverboard.registry.folder import DataFolder, centre_name
from liverboard.registry.migrate import MOVED, head_revision, migrate, revision_of, version
from liverboard.registry.permissions import CONSOLE, EVERYWHERE, Actor
from liverboard.registry.schema import centres

_WRITERS_LOCK: Final = (
    0x4C4956  # any number, the same for all writers: PostgreSQL then has one writer at a time, as SQLite has by itself
)
_WAIT_S: Final = 30
ADD_CENTRE: Final = "Add it with `liverboard registry centre NAME`, or name one that is there."
Clock = Callable[[], dt.datetime]


class StoreUnavailable(UserError):  # noqa: N818
    """The database cannot be reached or cannot write."""

    exit_code = 12
    http_status = 503


def system_clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One write of one person at one moment. It holds the only write lock of the store: keep it short, and compute before."""

    connection: Connection
    by: Actor
    at: dt.datetime
    key: bytes = field(repr=False)

    def note(
        self,
        action: str,
        *,
        centre: str | None = None,
        case: str | None = None,
        detail: Mapping[str, Any] | None = None,
        digest: str | None = None,
        wrote: Iterable[Thing] = (),
    ) -> int:
        """Add a line to the audit trail and give its number. `wrote`: what this write changed, in its last shape by now; the line seals it."""
        seals = covered.seals(self.connection, self.key, wrote)
        told = {**(detail or {}), covered.WROTE: seals} if seals else detail
        return audit.append(self.connection, self.key, Entry(self.at, self.by.name, action, centre, case, told, digest))


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. `now`: the one clock of this room."""

    folder: DataFolder
    engine: Engine
    now: Clock
    audit_key: bytes = field(repr=False)

    @classmethod
    def open(cls, folder: DataFolder, now: Clock = system_clock) -> Store:
        """Open a store that is there. Raises MissingData when it was never made or is older than this program, BadInput when it is newer or its audit key is another, StoreUnavailable."""
        engine = engine_of(folder.url)
        with plain_words(), engine.connect() as connection:
            found = revision_of(connection)
            _refuse_moved(found)
            if found is None:
                raise MissingData("the registry has no tables yet", hint="Make them with: liverboard registry init")
            if found != head_revision():
                raise MissingData(
                    f"the registry is at version {found}, this program works with {head_revision()}",
                    hint="Back it up, then bring it up to date with: liverboard registry init",
                )
            return cls(folder, engine, now, _key_of(folder, connection))

    @classmethod
    def initialise(cls, folder: DataFolder, now: Clock = system_clock) -> Store:
        """Make the tables with their key, or bring older ones up to date, and open the store. Nothing is done twice, and nothing where the audit key is another or away."""
        engine = engine_of(folder.url)
        with plain_words(), engine.execution_options(immediate=True).begin() as connection:
            _lock(connection)
            found = revision_of(connection)
            _refuse_moved(found)
            if found is None:
                folder.make_audit_key()
            migrate(connection)
            _key_of(folder, connection)
        store = cls.open(folder, now)
        with store.transaction(CONSOLE) as tx:
            cover(tx)
            if centre_id(tx.connection, folder.centre) is None:
                add_centre(tx, folder.centre)
                folder.make_centre_key(folder.centre)
        return store

    @contextmanager
    def transaction(self, by: Actor) -> Generator[Transaction]:
        """Everything inside is written, or nothing. Raises StoreUnavailable."""
        with plain_words(), self.engine.execution_options(immediate=True).begin() as connection:
            _lock(connection)
            _refuse_moved(connection.scalar(select(version.c.version_num)))
            yield Transaction(connection, by, self.now(), self.audit_key)

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A connection that sees one state of the store and cannot hold up writers. Raises StoreUnavailable."""
        isolation = {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        with plain_words(), self.engine.connect().execution_options(**isolation) as connection:
            yield connection

    def note(self, by: Actor, action: str, **about: Any) -> None:
        """A line in the audit trail for what was only read. See `Transaction.note`."""
        with self.transaction(by) as tx:
            tx.note(action, **about)

    def close(self) -> None:
        self.engine.dispose()


def engine_of(url: str) -> Engine:
    """The engine of a database. Raises BadInput when the URL is none that we work with."""
    try:
        if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise exc.ArgumentError
        if not url.startswith("sqlite"):
            return create_engine(
                url, connect_args={"connect_timeout": 10}, pool_pre_ping=True, pool_size=10, hide_parameters=True
            )
        engine = create_engine(url, connect_args={"timeout": _WAIT_S}, pool_size=10, hide_parameters=True)
        with suppress(OSError):  # where the file cannot be made, opening it says so
            Path(engine.url.database or "").touch(mode=0o600)
    except (exc.ArgumentError, exc.NoSuchModuleError, ValueError):
        raise BadInput(
            "the URL of the database is none that the registry works with",
            hint="Expected postgresql://user@host/name or sqlite:////path/registry.sqlite.",
        ) from None
    event.listen(engine, "connect", _ready_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def insert_row(connection: Connection, table: Table, **values: Any) -> int:
    """Insert a row and give its number."""
    key: Any = connection.execute(table.insert().values(**values)).inserted_primary_key
    return int(key[0])


def centre_id(connection: Connection, name: str) -> int | None:
    return connection.scalar(select(centres.c.id).where(centres.c.name == name))


def add_centre(tx: Transaction, name: str) -> int:
    """A further centre in this store. `DataFolder.make_centre_key` makes its key. Raises BadInput, NotPermitted."""
    tx.by.require("keep_store", EVERYWHERE)
    if centre_id(tx.connection, centre_name(name)) is not None:
        raise BadInput("the store has a centre of this name already", hint="Choose another name.")
    number = insert_row(tx.connection, centres, name=name)
    tx.note("centre.add", centre=name, wrote=[("centre", number)])
    return number


def cover(tx: Transaction) -> None:
    """Once in the life of a store that an older release began: seal everything in it as it is found, so that the trail answers for it from here on."""
    if audit.head_of(tx.connection).seq and not covered.covers(tx.connection):
        found = dict(covered.all_seals(tx.connection, tx.key))
        tx.note("store.cover", detail={"things": len(found), covered.WROTE: found})


def list_centres(store: Store) -> tuple[str, ...]:
    with store.read() as connection:
        return tuple(sorted(connection.scalars(select(centres.c.name))))


def _key_of(folder: DataFolder, connection: Connection) -> bytes:
    """The audit key, when it is the one of this store. Raises BadInput, MissingData."""
    key = folder.audit_key()
    if not audit.fits(connection, key):
        raise BadInput(
            "the audit key is not the one that this registry was written with",
            where="audit.key",
            hint="Nothing was read or written. Bring back the key from where the centre keeps a copy.",
        )
    return key


def _refuse_moved(revision: str | None) -> None:
    """Whoever opened the store before it moved writes nothing more into what was left behind."""
    if revision == MOVED:
        raise StoreUnavailable(
            "the registry has moved to another database",
            hint="Start liverboard again: config.yaml names the new database. To go back, restore a backup.",
        )


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.set_config("lock_timeout", f"{_WAIT_S * 1000:.0f}", True)))
        connection.execute(select(func.pg_advisory_xact_lock(_WRITERS_LOCK)))


def _ready_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's own rules
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("immediate") else "BEGIN")


@contextmanager
def plain_words() -> Generator[None]:
    """What the database refuses for reasons of the machine, as a sentence without SQL or values."""
    try:
        yield
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
        raise _unavailable(error) from None
    except (exc.DataError, UnicodeEncodeError, OverflowError):
        raise BadInput(
            "a value holds what a database cannot keep",
            hint="Text without control characters; numbers that are not too large.",
        ) from None
    except exc.DatabaseError as error:
        if type(error) is not exc.DatabaseError or not isinstance(error.orig, sqlite3.DatabaseError):
            raise
        raise _unavailable(error) from None  # a damaged file


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the database of the registry {_reason(error)}",
        hint="Look whether it runs and its disk has room. Before repeating a change, look whether it was kept: nothing is kept in part.",
    )


def _reason(error: Exception) -> str:
    text = str(getattr(error, "orig", error)).lower()
    for sign, words in (
        ("full", "has no room left on its disk"),
        ("no space", "has no room left on its disk"),
        ("lock timeout", f"was busy for more than {_WAIT_S} s"),
        ("locked", f"was busy for more than {_WAIT_S} s"),
        ("read-only", "may not be written"),
        ("readonly", "may not be written"),
        ("malformed", "is damaged: restore the last backup"),
        ("a database", "is damaged: restore the last backup"),
        ("decode", "is damaged: restore the last backup"),
        ("password", "refuses this user or password"),
    ):
        if sign in text:
            return words
    return "cannot be reached or cannot write"
