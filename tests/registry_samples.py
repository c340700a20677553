"""Stores to test on: SQLite, and a real PostgreSQL server that the tests start and stop. Import the fixtures into a test file or its conftest."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from liverboard.clinical.events import Case
from liverboard.registry.folder import DataFolder, make_folder
from liverboard.registry.permissions import Actor
from liverboard.registry.store import Store

EDITOR = Actor("ed", "editor", "lyon")
CHAIR = Actor("chair", "chair", "lyon")
MANAGER = Actor("manager", "data_manager", "lyon")
VIEWER = Actor("viewer", "viewer", "lyon")
STRANGER = Actor("stranger", "chair", "paris")
ADMINISTRATOR = Actor("admin", "administrator", None)

CASE = Case.model_validate(
    {
        "case": "NELM-1",
        "sex": "female",
        "birth_year": 1961,
        "question": "Which liver-directed treatment?",
        "events": [
            {"id": "d1", "kind": "diagnosis", "date": "2023-03-14", "primary_site": "ileum", "ki67": "4 %"},
            {"id": "l1", "kind": "labs", "date": "2024-05-02", "bilirubin": "0.7 mg/dL", "recorded": "2024-05-03"},
        ],
    }
)
LABS = {"kind": "labs", "date": "2024-06-02", "bilirubin": "13 umol/L"}


@dataclass
class HandClock:
    """A clock that the test sets; each reading is a microsecond later, so that no two writes share a moment."""

    at: dt.datetime = dt.datetime(2025, 1, 1, 12, tzinfo=dt.UTC)
    ticks: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self) -> dt.datetime:
        return self.at + dt.timedelta(microseconds=next(self.ticks))

    def pass_(self, **delta: float) -> None:
        self.at += dt.timedelta(**delta)


# --- PostgreSQL ----------------------------------------------------------------------------------------------------------------------------------------


class Postgres:
    """A server of its own in a folder of its own, reached by a socket there. `data`: where its files lie, such as on a small disk."""

    def __init__(self, data: Path | None = None) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            pytest.skip("no PostgreSQL server here: apt-get install postgresql")
        self.bin = found[-1].parent
        self.user = "postgres" if os.geteuid() == 0 else None  # the server refuses to be started by root
        self.folder = Path(tempfile.mkdtemp(prefix="lb-pg-"))
        self.data = data or self.folder / "data"
        self.give(self.folder)
        self._run("initdb", "-D", str(self.data), "--wal-segsize=1", "-U", "registry", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")  # fmt: skip
        self.start()
        self.names = (f"t{number}" for number in itertools.count())

    def give(self, folder: Path) -> None:
        """Let the server have a folder."""
        if self.user is not None:
            owner = pwd.getpwnam(self.user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def runs(self) -> bool:
        try:
            self._run("pg_ctl", "-D", str(self.data), "status")
        except RuntimeError:
            return False
        return True

    def database(self, place: Path | None = None) -> str:
        """The URL of a new, empty database. `place`: the folder, such as on a small disk, that its tables lie in."""
        name = next(self.names)
        where = ""
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            if place is not None:
                self.give(place)
                connection.execute(text(f"CREATE TABLESPACE place_{name} LOCATION '{place}'"))
                where = f" TABLESPACE place_{name}"
            connection.execute(text(f"CREATE DATABASE {name}{where}"))
        engine.dispose()
        return self._url(name)

    def drop(self, url: str) -> None:
        """Forget a database that lies in a place of its own, before that place goes."""
        name = make_url(url).database
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for word in (f"DROP DATABASE {name} WITH (FORCE)", f"DROP TABLESPACE place_{name}", "CHECKPOINT"):
                connection.execute(text(word))
        engine.dispose()

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://registry@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        with tempfile.TemporaryFile() as out:  # a pipe would stay open as long as the server runs
            done = subprocess.run(
                command, check=False, stdout=out, stderr=out, cwd="/", timeout=120, user=self.user, group=self.user
            )
            if done.returncode:
                out.seek(0)
                raise RuntimeError(f"{program}: {out.read().decode(errors='replace')[-2000:]}")


class SmallDisk:
    """A disk of its own in memory, which a test fills and empties. Where none can be mounted the test is skipped."""

    def __init__(self, megabytes: int) -> None:
        top = Path(tempfile.mkdtemp(prefix="lb-disk-"))
        top.chmod(0o755)  # the server goes through it
        self.folder = folder = top / "disk"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        )
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.decode(errors='replace').strip()}")

    def fill(self, leave_bytes: int) -> None:
        free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        with (self.folder / "filler").open("wb") as file:
            file.write(b"\0" * (free - leave_bytes))

    def empty(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False)
        shutil.rmtree(self.folder.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


# --- stores --------------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def data_folder(request: pytest.FixtureRequest, tmp_path: Path) -> DataFolder:
    url = request.getfixturevalue("postgres").database() if request.param == "postgresql" else None
    return make_folder(tmp_path / "data", "lyon", url=url)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(data_folder: DataFolder, clock: HandClock) -> Iterator[Store]:
    opened = Store.initialise(data_folder, clock)
    yield opened
    opened.close()
