"""Keeping the store: verify it, keep the head of its chain, back it up while it works, bring a backup back, move to another database.

A backup is one SQLite file with the same tables, whatever the database of the store. Keys and studies are not in it: the centre keeps copies of those elsewhere.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Integer, Table, exc, func, inspect, select, text
from sqlalchemy.engine import make_url

from liverboard.errors import BadInput, MissingData, Problem
from liverboard.registry.audit import Head, head_of, keep_head, read_heads
from liverboard.registry.folder import DataFolder, keep_url
from liverboard.registry.migrate import MOVED, head_revision, migrate, revision_of, version
from liverboard.registry.permissions import CONSOLE, EVERYWHERE, Actor
from liverboard.registry.schema import metadata
from liverboard.registry.store import Clock, Store, StoreUnavailable, cover, engine_of, plain_words, system_clock
from liverboard.registry.study_files import clear, passing
from liverboard.registry.verify import Verified, verify, verify_files

_BATCH: Final = 2000
_SHOWN: Final = 20
PASSING: Final = ".liverboard-"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup, a restore or a move carried. `lost`: entries that were written after the backup, as far as kept heads tell."""

    rows: int
    head: Head
    lost: int = 0


def verify_store(store: Store, by: Actor, more_heads: Sequence[Head] = (), *, files: bool = True) -> Verified:
    """Hold the store against its chain, the heads kept in its folder and `more_heads`; `files`: those of its studies too, which takes as long as reading them.

    What is found is in the trail too.
    """
    by.require("see_audit")
    with store.read() as connection:
        found = verify(connection, store.audit_key, [*read_heads(store.folder.heads), *more_heads])
    if files:
        try:
            found = replace(found, faults=(*found.faults, *_files_faults(store)))
        except (TypeError, ValueError):  # a path that is none, which is among the faults already
            if not found.faults:
                raise
    store.note(by, "store.verify", detail={"entries": found.entries, "faults": len(found.faults)})
    return found


def keep_store_head(store: Store, by: Actor) -> Head:
    """Write the head of the chain into the folder, outside the database, for the centre to keep elsewhere too."""
    by.require("see_audit")
    with store.read() as connection:
        head = head_of(connection)
    keep_head(store.folder.heads, head, store.now())
    return head


def back_up(store: Store, by: Actor, to: Path) -> Kept:
    """Write the store as it is at one moment into a new file, while others work on. Raises BadInput when the file is there already, StoreUnavailable."""
    by.require("keep_store", EVERYWHERE)
    try:
        if to.exists():
            raise FileExistsError
        with _on_its_way(to.parent) as place, store.read() as source:
            made, head = place / to.name, head_of(source)
            made.touch(mode=0o600)
            with _whole_file(made, "the backup cannot be written") as target:
                migrate(target)
                kept = Kept(_copy(source, target), head)
            keep_head(store.folder.heads, head, store.now())
            os.link(made, to)
    except FileExistsError:
        raise BadInput("there is a file of this name already", where=to.name, hint="A backup never replaces another.") from None  # fmt: skip
    except OSError as error:
        raise BadInput(f"the backup cannot be written: {error.strerror}", where=to.name) from None
    store.note(by, "store.backup", detail={"rows": kept.rows, "head": kept.head.seq})
    return kept


def restore(backup: Path, folder: DataFolder, now: Clock = system_clock) -> Kept:
    """Bring a backup back into a folder without a registry, in one step. One of an older release is brought up to date on the way.

    Raises BadInput when it is no backup, was changed, or the folder has a registry; MissingData without the audit key; StoreUnavailable.
    """
    key = folder.audit_key()
    if not backup.is_file():
        raise MissingData("there is no such file", where=backup.name, hint="Name a file that `registry backup` wrote.")
    heads = read_heads(folder.heads)
    with _on_its_way(folder.path) as place:
        copy = place / backup.name
        try:
            shutil.copyfile(backup, copy)
        except OSError as error:
            raise BadInput(
                f"the backup cannot be copied into the folder: {error.strerror}", where=backup.name
            ) from None
        with _whole_file(copy, "the file is no backup of a registry, or its disk has no room") as source:
            _check_backup(source, backup.name)
            migrate(source)
            head = head_of(source)
            found = verify(source, key, [known for known in heads if known.seq <= head.seq])
            if found.faults:
                raise BadInput(
                    f"the backup is not as it was written, or the audit key is another: {len(found.faults)} faults",
                    where=backup.name,
                    problems=[Problem(fault) for fault in found.faults[:_SHOWN]],
                    hint="Nothing was restored. Use another backup, or the keys that belong to it.",
                )
            rows = _fill_empty(folder.url, source)
    lost = max((known.seq - head.seq for known in heads if known.seq > head.seq), default=0)
    if lost:  # the heads of what is lost stay to be seen, and a new file goes on from here
        folder.heads.rename(folder.path / f"heads-before-restore-{now():%Y%m%dT%H%M%S%f}.jsonl")
        keep_head(folder.heads, head, now())
    store = Store.open(folder, now)
    with closing(store), store.transaction(CONSOLE) as tx:
        cover(tx)
        tx.note("store.restore", detail={"head": head.seq, "rows": rows, "lost": lost})
    return Kept(rows, head, lost)


def move(store: Store, by: Actor, url: str) -> Kept:
    """Move the store into another, empty database; others wait meanwhile, and are refused until they open the store anew. The folder then names the new one (never its password).

    Raises BadInput when there is a registry already, StoreUnavailable. The old SQLite file stays beside, under a name that ends in `.moved`.
    """
    by.require("keep_store", EVERYWHERE)
    target = replace(store.folder, url=url)
    with store.transaction(by) as tx:
        tx.note("store.move", detail={"to": make_url(url).get_backend_name()})
        tx.connection.execute(version.update().values(version_num=MOVED))
        rows, head = _fill_empty(url, tx.connection), head_of(tx.connection)
        moved = Store.open(target, store.now)
        with closing(moved), moved.read() as connection:
            found = verify(connection, store.audit_key, [head])
        if found.faults:
            raise BadInput(
                f"the store has {len(found.faults)} faults; the folder still names the old database",
                problems=[Problem(fault) for fault in found.faults[:_SHOWN]],
                hint="Look at `liverboard registry verify`; empty the new database before another try.",
            )
        keep_url(store.folder, url)
    store.close()
    _set_aside(store.folder.url)
    return Kept(rows, head)


# --- parts ---------------------------------------------------------------------------------------------------------------------------------------------


def _files_faults(store: Store) -> tuple[str, ...]:
    """What is wrong with the files of studies; a study that was measured anew while they were read is looked at again."""
    with store.read() as connection:
        first = list(verify_files(connection, store.folder.studies))
    if not first:
        return ()
    with store.read() as connection:
        again = set(verify_files(connection, store.folder.studies, {study for study, _ in first}))
    return tuple(fault for study, fault in first if (study, fault) in again)


@contextmanager
def _on_its_way(place: Path) -> Generator[Path]:
    """A folder for a file that is not whole yet; gone afterwards. What a killed process left of one goes too."""
    clear(place, f"{PASSING}*")
    with passing(place, PASSING) as made:
        yield made


def _copy(source: Connection, target: Connection) -> int:
    """Every row of every table."""
    count = 0
    for table, rows in _rows(source):
        target.execute(table.insert(), rows)
        count += len(rows)
    return count


def _rows(source: Connection) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Rows by table, in the order in which they lean on each other. Raises StoreUnavailable for a damaged source, BadInput for a value that is none."""
    table = metadata.sorted_tables[0]
    try:
        with plain_words():
            for table in metadata.sorted_tables:
                stream = source.execution_options(yield_per=_BATCH).execute(select(table)).mappings()
                for rows in stream.partitions(_BATCH):
                    yield table, [dict(row) for row in rows]
    except (TypeError, ValueError):
        raise BadInput(
            f"a row of {table.name} holds a value that cannot be read",
            hint="`liverboard registry verify` says where. Nothing was kept.",
        ) from None


def _fill_empty(url: str, source: Connection) -> int:
    engine = engine_of(url)
    try:
        with engine.execution_options(immediate=True).begin() as target:
            if inspect(target).get_table_names():
                raise BadInput(
                    "there are tables in this database already",
                    hint="Give an empty database, or move the registry that is there out of the way.",
                )
            migrate(target)
            count = _copy(source, target)
            if engine.dialect.name == "postgresql":
                _set_counters(target)
            return count
    except (exc.OperationalError, exc.InterfaceError):
        raise StoreUnavailable("the new database cannot be reached or cannot write", hint="Nothing was kept.") from None
    finally:
        engine.dispose()


def _set_counters(target: Connection) -> None:
    """PostgreSQL numbers new rows by counters of its own, which rows that bring their number do not move."""
    for table in metadata.sorted_tables:
        (key, *_) = table.primary_key.columns
        if isinstance(key.type, Integer) and key.autoincrement != False:  # noqa: E712  (it may be the word "auto")
            last: Any = target.scalar(select(func.max(key)))
            if last is not None:
                target.execute(text("SELECT setval(pg_get_serial_sequence(:t, :k), :n)"), {"t": table.name, "k": key.name, "n": last})  # fmt: skip


@contextmanager
def _whole_file(path: Path, refused: str) -> Generator[Connection]:
    """A SQLite file by itself: no second file beside it when it is closed. Raises BadInput that says `refused`."""
    engine = engine_of(f"sqlite:///{path}")
    try:
        with engine.execution_options(immediate=True).begin() as connection:
            yield connection
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except exc.DatabaseError as error:
        raise BadInput(
            refused, where=path.name, hint=f"The database says: {type(error.orig).__name__}. Nothing was kept."
        ) from None
    finally:
        engine.dispose()


def _check_backup(source: Connection, name: str) -> None:
    if revision_of(source) in {None, MOVED}:
        raise BadInput("the file is no backup of a registry", where=name, hint=f"Expected one of version {head_revision()} or older.")  # fmt: skip


def _set_aside(url: str) -> None:
    path = make_url(url).database
    if url.startswith("sqlite") and path is not None:
        Path(path).rename(f"{path}.moved")
